"""The pool from Python: a stream, the same with asyncio, a cancel, the admin API, a server.

Run it beside an upstream by script:
    cargo build -p amp-pool-ffi
    AMP_POOL_LIBRARY=target/debug/libamp_pool.so cargo run -p amp-pool-examples --bin upstream -- python3 examples/python/demo.py
"""

import asyncio
import json
import os
import threading
import time
import urllib.request

from amp_pool import Error, Pool, Server

TOKEN = "amp-0123456789abcdef0123456789abcdef"
CONFIG = {
    "keys": [{"name": "mine", "provider": "openai", "api_key": "sk-example", "base_url": os.environ["AMP_POOL_UPSTREAM"] + "/v1"}],
    "tokens": [{"name": "me", "secret": TOKEN}],
}


def ask(model: str, stream: bool = True) -> dict:
    return {"model": model, "stream": stream, "messages": [{"role": "user", "content": "Say hello"}]}


def word(event) -> str:
    choices = [] if event.data == "[DONE]" else json.loads(event.data)["choices"]
    return choices[0]["delta"].get("content", "") if choices else ""


def stream(pool: Pool) -> None:
    with pool.post("/v1/chat/completions", ask("gpt-4o-mini"), TOKEN) as call:
        text = "".join(word(event) for event in call.events())
        print(call.status, call.headers["content-type"], text)
    assert text.startswith("word 0 word 1 ") and text.endswith("word 19 "), text


async def stream_async(pool: Pool) -> None:
    async def read() -> str:
        with pool.post("/v1/chat/completions", ask("gpt-slow"), TOKEN) as call:
            return "".join([word(event) async for event in call.aevents()])

    texts = await asyncio.gather(*(read() for _ in range(5)))
    assert all(text.endswith("word 19 ") for text in texts), texts
    print("five at once:", len(texts))


def cancel(pool: Pool) -> None:
    with pool.post("/v1/chat/completions", ask("gpt-hang"), TOKEN) as call:
        threading.Timer(0.05, call.cancel).start()
        try:
            call.read()
        except Error as error:
            print("cancelled:", error)
            assert error.status == -5, error.status
        else:
            raise AssertionError("the upstream never answers")


def admin(pool: Pool) -> None:
    token = pool.admin("POST", "/api/tokens", {"name": "second"})["token"]
    with pool.post("/v1/chat/completions", ask("gpt-4o-mini", stream=False), token) as call:
        assert call.json()["choices"][0]["message"]["content"] == "hello"
    pool.flush()
    calls = pool.admin("GET", "/api/requests")["items"]
    print("in the books:", len(calls), "calls")
    assert len(calls) == 8, len(calls)
    try:
        pool.admin("POST", "/api/keys", {"name": "no provider"})
    except Error as error:
        assert "provider" in str(error), error


def server() -> None:
    admin_token = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
    with Server({**CONFIG, "port": 0, "amp_pool_admin_token": admin_token}) as server:
        request = urllib.request.Request(
            server.url + "/v1/chat/completions",
            json.dumps(ask("gpt-4o-mini", stream=False)).encode(),
            {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer)["choices"][0]["message"]["content"] == "hello"
        with server.pool() as pool:
            pool.flush()
            assert len(pool.admin("GET", "/api/requests")["items"]) == 1
        assert server.stop(10_000)
        print("served at", server.url)


def main() -> None:
    begin = time.monotonic()
    with Pool(CONFIG) as pool:
        stream(pool)
        asyncio.run(stream_async(pool))
        cancel(pool)
        admin(pool)
    server()
    print(f"all done in {time.monotonic() - begin:.1f} s")


if __name__ == "__main__":
    main()
