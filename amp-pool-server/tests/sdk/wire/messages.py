"""Anthropic Messages as the service writes them."""

import json

from . import TOOL_CALLS, WORDS, Fault, Stream, compact, mark, messages_rules
from .messages_rules import SIGNATURE, THOUGHT
from .talk import Asked, Say, Tool, conforming

PATH = "/v1/messages"
COUNT_PATH = "/v1/messages/count_tokens"
MODELS = {"claude-sonnet-4-5": "claude-sonnet-4-5-20250929", "claude-opus-5": "claude-opus-5"}

_FAULTS = {
    "bad_request": (400, "invalid_request_error", "prompt is too long: 200059 tokens > 200000 maximum"),
    "unauthorized": (401, "authentication_error", "invalid x-api-key"),
    "forbidden": (403, "permission_error", "This organization has been disabled."),
    "not_found": (404, "not_found_error", "model: no-such-model"),
    "unprocessable": (422, "invalid_request_error", "The input could not be processed."),
    "limited": (
        429,
        "rate_limit_error",
        "This request would exceed your organization's rate limit of 50 requests per minute.",
    ),
    "broken": (500, "api_error", "Internal server error"),
    "overloaded": (529, "overloaded_error", "Overloaded"),
}


def headers(number: int) -> list[tuple[str, str]]:
    """The headers of every answer; `number` counts the listener's answers."""
    limits = [("requests", 4000), ("input-tokens", 2000000), ("output-tokens", 400000), ("tokens", 2400000)]
    return [
        ("server", "cloudflare"),
        ("request-id", _request_id(number)),
        ("anthropic-organization-id", "f3a9d1a0-8a7e-4c6e-9d6b-0d2a6c1b7e55"),
        *((f"anthropic-ratelimit-{name}-limit", str(limit)) for name, limit in limits),
        *((f"anthropic-ratelimit-{name}-remaining", str(limit - 1)) for name, limit in limits),
        *((f"anthropic-ratelimit-{name}-reset", "2026-11-22T10:00:00Z") for name, _ in limits),
        ("cf-ray", f"{number:016x}-ZRH"),
    ]


def fault(kind: str) -> Fault:
    status, type_, message = _FAULTS[kind]
    return _fault(status, type_, message)


def invalid(message: str) -> Fault:
    return _fault(400, "invalid_request_error", message)


def refusal(request: dict, headers: dict, counting: bool = False) -> Fault | None:
    """The error for a request that the service does not take."""
    if request.get("model") not in MODELS:
        return _fault(404, "not_found_error", f"model: {request.get('model')}")
    wrong = messages_rules.wrong(request, headers.get("anthropic-beta", ""), counting)
    if not wrong and "thread" in request:
        return _threadless()
    return invalid(wrong) if wrong else None


def _threadless() -> Fault:
    """This service keeps no threads, and says so in the way from which clients recover."""
    refused = invalid("thread: this request can not be threaded")
    refused.body["error"]["details"] = {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}
    return refused


def usage(request: dict) -> dict:
    """What every answer to `request` uses: 21 fresh tokens, 2048 read, 512 written for 5 minutes, 1024 for an hour."""
    thinking = {"output_tokens_details": {"thinking_tokens": 24}} if _thinks(request) else {}
    return {
        "input_tokens": 21,
        "cache_creation_input_tokens": 1536,
        "cache_read_input_tokens": 2048,
        "cache_creation": {"ephemeral_5m_input_tokens": 512, "ephemeral_1h_input_tokens": 1024},
        "output_tokens": 61,
        **thinking,
        "service_tier": "standard",
    }


def asked(request: dict) -> Asked:
    """What `request` has in it for a plot."""
    blocks = [block for turn in request["messages"] for block in _content(turn)]
    wanted = (request.get("output_config") or {}).get("format") or {}
    return Asked(
        tools=[Tool(tool["name"], tool.get("input_schema")) for tool in request.get("tools") or []],
        calls=[(block["id"], block["name"]) for block in blocks if block["type"] == "tool_use"],
        results={block["tool_use_id"]: _text(block) for block in blocks if block["type"] == "tool_result"},
        schema=wanted.get("schema"),
    )


def says(request: dict) -> Say:
    """What the model says where no plot decides it: text, and calls if it may and has not their results."""
    answered = _content(request["messages"][-1])[0]["type"] == "tool_result"
    if request.get("tools") and not answered:
        return Say(WORDS, TOOL_CALLS)
    schema = asked(request).schema
    return conforming(schema) if schema else Say(WORDS)


def answer(request: dict, say: Say) -> bytes:
    return compact({
        **_envelope(request),
        "content": [block for block, _ in _blocks(request, say)],
        "stop_reason": _stop_reason(say),
        "stop_sequence": None,
        "usage": usage(request),
    })


def counted() -> bytes:
    return compact({"input_tokens": 3605})


def stream(request: dict, say: Say) -> Stream:
    blocks = [event for at, block in enumerate(_blocks(request, say)) for event in _block_events(at, *block)]
    final = usage(request)
    del final["cache_creation"], final["service_tier"]
    delta = {"stop_reason": _stop_reason(say), "stop_sequence": None}
    start = {**_envelope(request), "content": [], "stop_reason": None, "stop_sequence": None}
    start["usage"] = {**usage(request), "output_tokens": 1}
    start["usage"].pop("output_tokens_details", None)
    return Stream(
        opening=[_event("message_start", message=start)],
        # The real service pings once the first block is open.
        content=[blocks[0], _event("ping"), *blocks[1:]],
        ending=[_event("message_delta", delta=delta, usage=final), _event("message_stop")],
    )


def fault_events(request: dict, kind: str, sequence_number: int) -> list[bytes]:
    """The last event of a stream that fails. Events of this format carry no number."""
    body = fault(kind).body
    return [_event("error", error=body["error"], request_id=body["request_id"])]


def _fault(status: int, type_: str, message: str) -> Fault:
    return Fault(status, {"type": "error", "error": {"type": type_, "message": message}, "request_id": _request_id(0)})


def _request_id(number: int) -> str:
    return f"req_011CVMqWJoS1{number:012d}"


def _envelope(request: dict) -> dict:
    model = MODELS[request["model"]]
    return {"model": model, "id": f"msg_01Gb{mark(request['messages'])}", "type": "message", "role": "assistant"}


def _thinks(request: dict) -> bool:
    return (request.get("thinking") or {}).get("type") in ("enabled", "adaptive")


def _content(turn: dict) -> list[dict]:
    content = turn["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _text(result: dict) -> str:
    content = result.get("content") or ""
    return content if isinstance(content, str) else "".join(block.get("text", "") for block in content)


def _stop_reason(say: Say) -> str:
    return "tool_use" if say.calls else "end_turn"


def _blocks(request: dict, say: Say) -> list[tuple[dict, list[dict]]]:
    """The blocks of the answer, each whole and as deltas."""
    blocks = [_thinking()] if _thinks(request) else []
    if say.words:
        deltas = [{"type": "text_delta", "text": word} for word in say.words]
        blocks.append(({"type": "text", "text": say.text}, deltas))
    return blocks + [_tool_use(id_, *call) for id_, call in zip(_call_ids(request, say), say.calls)]


def _call_ids(request: dict, say: Say) -> list[str]:
    return [f"toolu_01{mark(request['messages'])}{at:02}" for at in range(len(say.calls))]


def _thinking() -> tuple[dict, list[dict]]:
    deltas = [{"type": "thinking_delta", "thinking": THOUGHT}, {"type": "signature_delta", "signature": SIGNATURE}]
    return {"type": "thinking", "thinking": THOUGHT, "signature": SIGNATURE}, deltas


def _tool_use(id_: str, name: str, pieces: list[str]) -> tuple[dict, list[dict]]:
    # The service always begins the arguments with an empty piece.
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ["", *pieces]]
    block = {"type": "tool_use", "id": id_, "name": name}
    return {**block, "input": json.loads("".join(pieces))}, deltas


_EMPTY = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}, "tool_use": {"input": {}}}


def _block_events(at: int, block: dict, deltas: list[dict]) -> list[bytes]:
    start = {**block, **_EMPTY[block["type"]]}
    return [
        _event("content_block_start", index=at, content_block=start),
        *(_event("content_block_delta", index=at, delta=delta) for delta in deltas),
        _event("content_block_stop", index=at),
    ]


def _event(name: str, **fields) -> bytes:
    """One event, padded as the service pads: with spaces inside of the outer braces."""
    data = compact({"type": name, **fields})
    padding = b" " * (len(data) % 13)
    return b"event: " + name.encode() + b"\ndata: " + data[:-1] + padding + b"}" + b"  \n\n"
