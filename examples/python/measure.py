"""What an event of a stream costs in Python, beside the same in Rust.

    python3 measure.py EVENTS RUST_PROGRAM

Fails when Python costs more than three times as much.
"""

import os
import subprocess
import sys
import time

from amp_pool import Pool

TOKEN = "amp-0123456789abcdef0123456789abcdef"


def best_of_five(events: int) -> float:
    key = {"name": "mine", "provider": "openai", "api_key": "sk-example", "base_url": os.environ["AMP_POOL_UPSTREAM"] + "/v1"}
    best = float("inf")
    with Pool({"keys": [key], "tokens": [{"name": "me", "secret": TOKEN}]}) as pool:
        for _ in range(5):
            body = {"model": f"gpt-many-{events}", "stream": True, "messages": []}
            begin = time.perf_counter()
            with pool.post("/v1/chat/completions", body, TOKEN) as call:
                seen = sum(1 for event in call.events() if event.data)
            best = min(best, (time.perf_counter() - begin) * 1e6 / seen)
            assert seen >= events, seen
    return best


def main() -> None:
    events, rust_program = int(sys.argv[1]), sys.argv[2]
    rust = float(subprocess.run([rust_program, str(events)], check=True, capture_output=True, text=True).stdout)
    python = best_of_five(events)
    print(f"an event: {rust:.2f} µs in Rust, {python:.2f} µs in Python, {python / rust:.1f} times as much")
    assert python <= 3 * rust


if __name__ == "__main__":
    main()
