"""The server under test: one process with a data directory of its own, and the words tests use to speak with it."""

import os
from pathlib import Path
import secrets
import socket
import subprocess
import time

import httpx2

from speakers import CHAT, MESSAGES, raw_client
from upstream import PATIENCE

# A debug build on a busy machine has to migrate a database first.
START_PATIENCE = 20.0
# How soon a call that nobody waits for has to be in the books.
SETTLE_PATIENCE = 2.0


class Pool:
    """A running server."""

    def __init__(self, binary: str, directory: Path, **settings: str):
        self.client_token = f"client-{secrets.token_hex(16)}"
        self.admin_token = f"admin-{secrets.token_hex(32)}"
        self.url = f"http://127.0.0.1:{_free_port()}"
        self.credentials: list[str] = []
        self._log = directory / "server.log"
        self._process = self._start(binary, directory, settings)
        self.admin = raw_client(self.url, headers={"authorization": f"Bearer {self.admin_token}"})
        self._wait_until_ready()

    def add_key(self, provider: str, base_url: str, api_key: str, **more) -> int:
        """Adds an upstream key and says its id."""
        self.credentials.append(api_key)
        key = {"name": f"key {len(self.credentials)}", "provider": provider, "base_url": base_url, "api_key": api_key}
        answer = self.admin.post("/api/keys", json={**key, **more})
        assert answer.is_success, answer.text
        return answer.json()["id"]

    def add_route(self, model: str, upstream_model: str) -> None:
        """Lets clients ask for `upstream_model` as `model`."""
        answer = self.admin.post("/api/routes", json={"model": model, "candidates": [{"model": upstream_model}]})
        assert answer.is_success, answer.text

    def keys(self) -> list[dict]:
        return self._get("/api/keys")["items"]

    def health(self, key_id: int) -> dict:
        return self._get(f"/api/keys/{key_id}/health")

    def records(self) -> list[dict]:
        return self._get("/api/requests")["items"]

    def record(self, call_id: str) -> dict:
        """The record of a call whose end a client has seen; it has to be there at once."""
        return self._get(f"/api/requests/{call_id}")

    def settled(self, call_id: str | None = None) -> dict:
        """The record of a call whose end no client has seen, as soon as it is closed. None named: of the only one.

        Nothing waits for the books of such a call: at first even its open row may be missing.
        """
        end = time.monotonic() + SETTLE_PATIENCE
        while not (found := self._closed(call_id)):
            assert time.monotonic() < end, f"no closed record of {call_id}: {self.records()}"
            time.sleep(0.01)
        [record] = found
        return self.record(record["call_id"])

    def openai(self, **options):
        return CHAT.connect(self.url, self.client_token, **options)

    def anthropic(self, **options):
        return MESSAGES.connect(self.url, self.client_token, **options)

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def stop(self) -> None:
        """Ends the process at once: its books have to be right without a farewell, and its data is thrown away."""
        self.admin.close()
        self._process.kill()
        self._process.wait(PATIENCE)

    def _start(self, binary: str, directory: Path, settings: dict[str, str]) -> subprocess.Popen:
        host, port = self.url.removeprefix("http://").split(":")
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOST": host,
            "PORT": port,
            "DATA_DIR": str(directory / "data"),
            "AMP_POOL_ADMIN_TOKEN": self.admin_token,
            "AMP_POOL_CLIENT_TOKEN": self.client_token,
            # As talkative as it gets: whatever is logged may be read by others.
            "RUST_LOG": "debug",
            # Questions that no test asked would stand among the requests that tests count.
            "AMP_POOL_BALANCE_REFRESH_SECONDS": "0",
            **settings,
        }
        with self._log.open("wb") as log:
            return subprocess.Popen([binary], cwd=directory, env=environment, stdout=log, stderr=log)

    def _wait_until_ready(self) -> None:
        end = time.monotonic() + START_PATIENCE
        while not self._is_ready():
            assert self._process.poll() is None, f"the server ended by itself:\n{self.log()}"
            assert time.monotonic() < end, f"the server is not ready:\n{self.log()}"
            time.sleep(0.01)

    def _is_ready(self) -> bool:
        try:
            return self.admin.get("/ready").status_code == 200
        except httpx2.TransportError:
            return False  # Nobody listens yet.

    def _closed(self, call_id: str | None) -> list[dict]:
        return [row for row in self.records() if row["outcome"] and call_id in (None, row["call_id"])]

    def _get(self, path: str):
        answer = self.admin.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
