"""OpenAI Responses as the service writes them."""

from . import TEXT, TOOL_CALLS, WORDS, Fault, Stream, compact, openai_fault, openai_headers, pretty

PATH = "/v1/responses"
MODELS = {"gpt-5-mini": "gpt-5-mini-2025-08-07"}

ID = "resp_0c4b9a1d7e2f3a5600691d2b41c2f48195b0c1d2e3f4a5b6c7"

fault = openai_fault
headers = openai_headers


def refusal(request: dict) -> Fault | None:
    """The error for a request that the service does not take."""
    if request.get("model") not in MODELS:
        return fault("not_found")
    if not request.get("input"):
        return _invalid("Missing required parameter: 'input'.", "input", "missing_required_parameter")
    if request.get("max_output_tokens", 16) < 16:
        message = "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16."
        return _invalid(message, "max_output_tokens", "integer_below_min_value")
    return None


def usage() -> dict:
    """What every answer uses: 293 fresh tokens, 1920 from the cache, 133 written."""
    return {
        "input_tokens": 2213,
        "input_tokens_details": {"cached_tokens": 1920, "cache_write_tokens": 0},
        "output_tokens": 133,
        "output_tokens_details": {"reasoning_tokens": 128},
        "total_tokens": 2346,
    }


def answer(request: dict) -> bytes:
    return pretty(_response(request, "completed", [item for item, _ in _items(request)], usage()))


def stream(request: dict) -> Stream:
    started = _response(request, "in_progress", [], None)
    whole = _response(request, "completed", [item for item, _ in _items(request)], usage())
    opening = [("response.created", {"response": started}), ("response.in_progress", {"response": started})]
    content = [event for at, (item, inner) in enumerate(_items(request)) for event in _item_events(at, item, inner)]
    ending = [("response.completed", {"response": whole})]
    events = [_event(name, number, fields) for number, (name, fields) in enumerate(opening + content + ending)]
    return Stream(opening=events[:2], content=events[2:-1], ending=events[-1:])


def fault_events(kind: str, sequence_number: int) -> list[bytes]:
    """The last two events of a stream that fails."""
    error = fault(kind).body["error"]
    failed = {"id": ID, "object": "response", "created_at": 1763510401, "status": "failed", "output": []}
    failed |= {"error": {"code": error["code"] or "server_error", "message": error["message"]}, "usage": None}
    return [
        _event("error", sequence_number, {"error": error}),
        _event("response.failed", sequence_number + 1, {"response": failed}),
    ]


def _invalid(message: str, param: str, code: str) -> Fault:
    return Fault(400, {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}})


def _response(request: dict, status: str, output: list[dict], used: dict | None) -> dict:
    """The whole object; the service repeats most of the request in it."""
    return {
        "id": ID,
        "object": "response",
        "created_at": 1763510401,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": request.get("instructions"),
        "max_output_tokens": request.get("max_output_tokens"),
        "max_tool_calls": None,
        "model": MODELS[request["model"]],
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "prompt_cache_key": None,
        "reasoning": {"effort": "medium", "summary": None},
        "safety_identifier": None,
        "service_tier": "default",
        "store": request.get("store", True),
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [{"strict": True, **tool} for tool in request.get("tools") or []],
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": used,
        "user": None,
        "metadata": {},
    }


def _calls_tools(request: dict) -> bool:
    given = request["input"]
    answered = isinstance(given, list) and given[-1].get("type") == "function_call_output"
    return bool(request.get("tools")) and not answered


def _items(request: dict) -> list[tuple[dict, list]]:
    """The items of the answer, each whole and with the events between its start and its end."""
    calls = [_function_call(at, name, pieces) for at, (name, pieces) in enumerate(TOOL_CALLS)]
    return [_reasoning(), *(calls if _calls_tools(request) else [_message()])]


def _reasoning() -> tuple[dict, list]:
    return {"id": "rs_0c4b9a1d7e2f3a56", "type": "reasoning", "summary": []}, []


def _message() -> tuple[dict, list]:
    def part(text):
        return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}

    place = {"content_index": 0}
    deltas = [("response.output_text.delta", {**place, "delta": word, "logprobs": []}) for word in WORDS]
    inner = [
        ("response.content_part.added", {**place, "part": part("")}),
        *deltas,
        ("response.output_text.done", {**place, "text": TEXT, "logprobs": []}),
        ("response.content_part.done", {**place, "part": part(TEXT)}),
    ]
    item = {"id": "msg_0c4b9a1d7e2f3a57", "type": "message", "status": "completed", "content": [part(TEXT)]}
    return {**item, "role": "assistant"}, inner


def _function_call(at: int, name: str, pieces: list[str]) -> tuple[dict, list]:
    arguments = "".join(pieces)
    deltas = [("response.function_call_arguments.delta", {"delta": piece}) for piece in pieces]
    item = {"id": f"fc_0c4b9a1d7e2f3a58{at}", "type": "function_call", "status": "completed", "arguments": arguments}
    done = ("response.function_call_arguments.done", {"arguments": arguments})
    return {**item, "call_id": f"call_Jm3Kq9Lw{at}", "name": name}, [*deltas, done]


_EMPTY = {
    "reasoning": {},
    "message": {"status": "in_progress", "content": []},
    "function_call": {"status": "in_progress", "arguments": ""},
}


def _item_events(at: int, item: dict, inner: list) -> list[tuple[str, dict]]:
    added = ("response.output_item.added", {"output_index": at, "item": {**item, **_EMPTY[item["type"]]}})
    done = ("response.output_item.done", {"output_index": at, "item": item})
    placed = [(name, {"item_id": item["id"], "output_index": at, **fields}) for name, fields in inner]
    return [added, *placed, done]


def _event(name: str, number: int, fields: dict) -> bytes:
    hidden = {"obfuscation": "Wm4tQ9"} if name.endswith(".delta") else {}
    data = compact({"type": name, "sequence_number": number, **fields, **hidden})
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
