"""A server before the scripted upstream, as a process, for clients that are not written in Python.

    AMP_POOL_SERVER=target/debug/amp-pool-server python house.py

Says in one line of JSON where it is and how it is entered, and stands until its input ends. Then it looks back: nothing
that a client sent may have been refused by the upstream, and no answer may have been broken off. Else it says what was
wrong, and ends with a code other than 0.

Every model of `CLIENTS` leads to every upstream, as `gpt-5-mini-over-messages`: clients send to a model what they think
it takes, and tell it by the beginning of its name.
"""

import json
import os
from pathlib import Path
import sys
import tempfile

from plots import diligent
from server import Pool
from speakers import CHAT, MESSAGES, RESPONSES
from upstream import Answer, Upstream

# The models of each upstream. The first one is for clients that name none of them.
UPSTREAMS = {
    CHAT: ["gpt-5-mini", "gpt-4o-mini"],
    MESSAGES: ["claude-opus-5", "claude-sonnet-4-5"],
    RESPONSES: ["gpt-5.5"],
}
# Models as clients know them.
CLIENTS = ["gpt-4o-mini", "gpt-5-mini", "claude-sonnet-4-5", "claude-opus-5"]


def furnish(pool: Pool, upstream: Upstream) -> None:
    """One key for each format, and the routes to it."""
    for other, models in UPSTREAMS.items():
        key = f"sk-house-5f1c9e20-{other.name}"
        upstream.on(key, Answer(plot=diligent))
        pool.add_key(other.provider, upstream.url, key, formats=[other.name], models=models)
        for client in CLIENTS:
            pool.add_route(f"{client}-over-{other.name}", client if client in models else models[0])


def complaints(pool: Pool, upstream: Upstream) -> list[str]:
    """What went wrong, though no client may have noticed."""
    # The SDKs of Anthropic ask for a thread first, and know what to do without.
    refused = [refusal for refusal in upstream.refused() if "thread_unsupported_request" not in refusal]
    strange = [f"not as it should be: {record}" for record in pool.records() if not _is_sound(record)]
    panics = [line for line in pool.log().splitlines() if "panicked at" in line]
    return [*refused, *strange, *panics]


def _is_sound(record: dict) -> bool:
    """Whether the call ended, and went where its model's name says."""
    went = record["upstream_format"]
    return record["outcome"] in ("done", "failed") and (not went or record["model"].endswith(f"-over-{went}"))


def main() -> None:
    upstream = Upstream()
    upstream.start()
    with tempfile.TemporaryDirectory() as directory:
        pool = Pool(os.environ["AMP_POOL_SERVER"], Path(directory))
        try:
            furnish(pool, upstream)
            print(json.dumps({"url": pool.url, "token": pool.client_token}), flush=True)
            sys.stdin.read()
            wrong = complaints(pool, upstream)
        finally:
            pool.stop()
            upstream.stop()
    sys.exit("\n".join(wrong) or None)


if __name__ == "__main__":
    main()
