"""OpenAI Chat Completions as the service writes them."""

from . import TEXT, TOOL_CALLS, WORDS, Fault, Stream, compact, openai_fault, openai_headers, pretty

PATH = "/v1/chat/completions"
MODELS = {"gpt-5-mini": "gpt-5-mini-2025-08-07", "gpt-4o-mini": "gpt-4o-mini-2024-07-18"}

fault = openai_fault
headers = openai_headers


def refusal(request: dict) -> Fault | None:
    """The error for a request that the service does not take."""
    if request.get("model") not in MODELS:
        return fault("not_found")
    if not request.get("messages"):
        return _invalid("Missing required parameter: 'messages'.", "messages", "missing_required_parameter")
    if "stream_options" in request and not request.get("stream"):
        return _invalid("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    return None


def usage(request: dict) -> dict:
    """What every answer to `request` uses: 293 fresh tokens, 1024 from the cache, 97 written."""
    reasoning = 64 if request["model"].startswith("gpt-5") else 0
    return {
        "prompt_tokens": 1317,
        "completion_tokens": 97,
        "total_tokens": 1414,
        "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def answer(request: dict) -> bytes:
    said = {"content": None, "tool_calls": _tool_calls()} if _calls_tools(request) else {"content": TEXT}
    message = {"role": "assistant", **said, "refusal": None, "annotations": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(request)}
    return pretty({
        **_envelope(request, "chat.completion"),
        "choices": [choice],
        "usage": usage(request),
        "service_tier": "default",
        "system_fingerprint": "fp_560af6e559",
    })


def stream(request: dict) -> Stream:
    deltas = _tool_deltas() if _calls_tools(request) else [{"content": word} for word in WORDS]
    first = {"role": "assistant", "content": None if _calls_tools(request) else "", "refusal": None}
    ending = [_chunk(request, {}, _finish(request))]
    if _wants_usage(request):
        ending.append(_usage_chunk(request))
    return Stream(
        opening=[_chunk(request, first)],
        content=[_chunk(request, delta) for delta in deltas],
        ending=[*ending, b"data: [DONE]\n\n"],
    )


def fault_events(kind: str, sequence_number: int) -> list[bytes]:
    """The last frames of a stream that fails. Frames of this format carry no number."""
    return [_data(fault(kind).body)]


def _invalid(message: str, param: str, code: str | None = None) -> Fault:
    return Fault(400, {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}})


def _envelope(request: dict, object_: str) -> dict:
    return {
        "id": "chatcmpl-CdOqLfGnx7oHTQ2HmYTuMMfmLXm5a",
        "object": object_,
        "created": 1763510401,
        "model": MODELS[request["model"]],
    }


def _calls_tools(request: dict) -> bool:
    return bool(request.get("tools")) and request["messages"][-1]["role"] != "tool"


def _finish(request: dict) -> str:
    return "tool_calls" if _calls_tools(request) else "stop"


def _wants_usage(request: dict) -> bool:
    return bool((request.get("stream_options") or {}).get("include_usage"))


def _tool_calls() -> list[dict]:
    return [
        {"id": _call_id(at), "type": "function", "function": {"name": name, "arguments": "".join(pieces)}}
        for at, (name, pieces) in enumerate(TOOL_CALLS)
    ]


def _tool_deltas() -> list[dict]:
    deltas = []
    for at, (name, pieces) in enumerate(TOOL_CALLS):
        head = {"index": at, "id": _call_id(at), "type": "function", "function": {"name": name, "arguments": ""}}
        rest = [{"index": at, "function": {"arguments": piece}} for piece in pieces]
        deltas += [{"tool_calls": [call]} for call in [head, *rest]]
    return deltas


def _call_id(at: int) -> str:
    return f"call_x8mJ2bVqA0c{at}TnRk5W"


def _chunk(request: dict, delta: dict, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return _frame(request, [choice], {"usage": None} if _wants_usage(request) else {})


def _usage_chunk(request: dict) -> bytes:
    return _frame(request, [], {"usage": usage(request)})


def _frame(request: dict, choices: list, more: dict) -> bytes:
    envelope = _envelope(request, "chat.completion.chunk")
    tier = {"service_tier": "default", "system_fingerprint": "fp_560af6e559"}
    return _data({**envelope, **tier, "choices": choices, **more, "obfuscation": "kXw0Zt7"})


def _data(value: dict) -> bytes:
    return b"data: " + compact(value) + b"\n\n"
