"""The admin API does what its document says, whatever it is asked: Schemathesis makes requests of the document and holds the
answers to it. None may be a failure of the server's, and each has the status, the kind and the shape that are promised.

It makes the same requests each time: what fails here fails again.
"""

import os
from pathlib import Path
import subprocess
import sys

import pytest

CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"]
# Requests of each operation that are made up, besides those at the limits of what its schema allows.
EXAMPLES = 8
# Seconds: many times what it takes, so that a hang fails and a slow machine does not.
PATIENCE = 300
# A stream without an end.
LEFT_OUT = ["get_api_requests_live"]
# The gateway speaks formats that are others' own; other tests hold it to them.
OURS = r"^/(api/(?!provider/)|health$|ready$|openapi\.json$)"


@pytest.fixture
def furnished(fit) -> str:
    """A server that has something of everything, so that some ids are there."""
    make = lambda path, body: fit.admin.post(path, json=body).raise_for_status()
    make("/api/groups", {"name": "group", "budget": {"limit": "5", "window": "day"}})
    make("/api/tokens", {"name": "token", "budget": {"limit": "5"}})
    make("/api/routes", {"model": "fast", "candidates": [{"model": "gpt-5-mini"}]})
    make("/api/rules", {"name": "rule", "status": [418], "verdict": "rotate"})
    make("/api/users", {"username": "ada", "password": "planted-horse-battery", "role": "viewer"})
    make("/api/providers", {"id": "relay", "name": "Relay", "formats": {"chat": {"root": "/v1"}}})
    fit.openai().chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "hello"}])
    return fit


def test_every_answer_is_as_the_document_says(furnished, tmp_path):
    # One worker: the parser of Python 3.11 loses count where two threads parse at once, and fails.
    command = [
        *[str(Path(sys.executable).parent / "schemathesis"), "run", f"{furnished.url}/openapi.json"],
        *["--url", furnished.url, "--header", f"authorization: Bearer {furnished.admin_token}"],
        *["--checks", ",".join(CHECKS), "--phases", "coverage,fuzzing", "--max-examples", str(EXAMPLES)],
        *["--include-path-regex", OURS, "--request-timeout", "20", "--workers", "1", "--seed", "1"],
        *["--generation-deterministic", "--suppress-health-check", "all"],
        *["--continue-on-failure", "--warnings", "off", "--no-color"],
    ]
    for operation in LEFT_OUT:
        command += ["--exclude-operation-id", operation]
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "150"}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2_000:]
    assert furnished.admin.get("/ready").status_code == 200
