"""OpenAI Responses as the service writes them."""

from . import TOOL_CALLS, WORDS, Fault, Stream, compact, mark, openai_fault, openai_headers, pretty, responses_rules
from .responses_rules import SEAL
from .talk import Asked, Say, Tool, conforming

PATH = "/v1/responses"
MODELS = {"gpt-5-mini": "gpt-5-mini-2025-08-07", "gpt-5.5": "gpt-5.5-2026-04-23"}

# What the service shows of its reasoning.
SUMMARY = "**Considering a greeting**"

fault = openai_fault
headers = openai_headers


def refusal(request: dict, headers: dict) -> Fault | None:
    """The error for a request that the service does not take."""
    return responses_rules.wrong(request) if request.get("model") in MODELS else fault("not_found")


def usage() -> dict:
    """What every answer uses: 293 fresh tokens, 1920 from the cache, 133 written."""
    return {
        "input_tokens": 2213,
        "input_tokens_details": {"cached_tokens": 1920, "cache_write_tokens": 0},
        "output_tokens": 133,
        "output_tokens_details": {"reasoning_tokens": 128},
        "total_tokens": 2346,
    }


def asked(request: dict) -> Asked:
    """What `request` has in it for a plot."""
    items = _given(request)
    wanted = (request.get("text") or {}).get("format") or {}
    return Asked(
        tools=[Tool(tool["name"], tool.get("parameters")) for tool, _ in _offered(request)],
        calls=[(item["call_id"], item["name"]) for item in items if item.get("type") in _INPUTS],
        results={item["call_id"]: _text(item["output"]) for item in items if item.get("type") in _OUTPUTS},
        schema=wanted.get("schema"),
    )


def says(request: dict) -> Say:
    """What the model says where no plot decides it: calls if it may, and text once it has their results."""
    if request.get("tools") and _given(request)[-1].get("type") != "function_call_output":
        return Say(calls=TOOL_CALLS)
    schema = asked(request).schema
    return conforming(schema) if schema else Say(WORDS)


def answer(request: dict, say: Say) -> bytes:
    return pretty(_response(request, "completed", [item for item, _ in _items(request, say)], usage()))


def stream(request: dict, say: Say) -> Stream:
    items = _items(request, say)
    started = _response(request, "in_progress", [], None)
    whole = _response(request, "completed", [item for item, _ in items], usage())
    opening = [("response.created", {"response": started}), ("response.in_progress", {"response": started})]
    content = [event for at, (item, inner) in enumerate(items) for event in _item_events(at, item, inner)]
    ending = [("response.completed", {"response": whole})]
    events = [_event(name, number, fields) for number, (name, fields) in enumerate(opening + content + ending)]
    return Stream(opening=events[:2], content=events[2:-1], ending=events[-1:])


def fault_events(request: dict, kind: str, sequence_number: int) -> list[bytes]:
    """The last two events of a stream that fails."""
    error = fault(kind).body["error"]
    failed = {"id": _id(request), "object": "response", "created_at": 1763510401, "status": "failed", "output": []}
    failed |= {"error": {"code": error["code"] or "server_error", "message": error["message"]}, "usage": None}
    return [
        _event("error", sequence_number, {"error": error}),
        _event("response.failed", sequence_number + 1, {"response": failed}),
    ]


def _response(request: dict, status: str, output: list[dict], used: dict | None) -> dict:
    """The whole object; the service repeats most of the request in it."""
    return {
        "id": _id(request),
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
        "tools": [_echoed(tool) for tool in request.get("tools") or []],
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": used,
        "user": None,
        "metadata": {},
    }


def _echoed(tool: dict) -> dict:
    return {"strict": True, **tool} if tool["type"] == "function" else tool


# What holds the arguments of each kind of call.
_INPUTS = {"function_call": "arguments", "custom_tool_call": "input"}
_OUTPUTS = ("function_call_output", "custom_tool_call_output")


def _given(request: dict) -> list[dict]:
    given = request["input"]
    return [{"role": "user", "content": given}] if isinstance(given, str) else given


def _offered(request: dict) -> list[tuple[dict, str | None]]:
    """The tools with a name, each with the namespace that it stands in. They may stand inside of the input."""
    inside = [tool for item in _given(request) if item.get("type") == "additional_tools" for tool in item["tools"]]
    offered = []
    for tool in [*(request.get("tools") or []), *inside]:
        if tool["type"] == "namespace":
            offered += [(inner, tool["name"]) for inner in tool["tools"]]
        elif tool["type"] in ("function", "custom"):
            offered.append((tool, None))
    return offered


def _text(output) -> str:
    return output if isinstance(output, str) else "".join(part.get("text", "") for part in output)


def _id(request: dict) -> str:
    return f"resp_0c4b9a1d7e{mark(request['input'])}"


def _items(request: dict, say: Say) -> list[tuple[dict, list]]:
    """The items of the answer, each whole and with the events between its start and its end."""
    said = [_message(request, say)] if say.words else []
    return [_reasoning(request), *said, *(_call(request, at, *call) for at, call in enumerate(say.calls))]


def _reasoning(request: dict) -> tuple[dict, list]:
    """The reasoning: a summary of it if asked for, and all of it, sealed, if asked for."""
    item = {"id": f"rs_{mark(request['input'])}", "type": "reasoning", "summary": []}
    if "reasoning.encrypted_content" in (request.get("include") or []):
        item["encrypted_content"] = SEAL + mark(request["input"])
    if not (request.get("reasoning") or {}).get("summary"):
        return item, []
    place, part = {"summary_index": 0}, {"type": "summary_text", "text": SUMMARY}
    return {**item, "summary": [part]}, [
        ("response.reasoning_summary_part.added", {**place, "part": {**part, "text": ""}}),
        ("response.reasoning_summary_text.delta", {**place, "delta": SUMMARY}),
        ("response.reasoning_summary_text.done", {**place, "text": SUMMARY}),
        ("response.reasoning_summary_part.done", {**place, "part": part}),
    ]


def _message(request: dict, say: Say) -> tuple[dict, list]:
    def part(text):
        return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}

    place = {"content_index": 0}
    deltas = [("response.output_text.delta", {**place, "delta": word, "logprobs": []}) for word in say.words]
    inner = [
        ("response.content_part.added", {**place, "part": part("")}),
        *deltas,
        ("response.output_text.done", {**place, "text": say.text, "logprobs": []}),
        ("response.content_part.done", {**place, "part": part(say.text)}),
    ]
    item = {"id": f"msg_{mark(request['input'])}", "type": "message", "status": "completed"}
    return {**item, "role": "assistant", "content": [part(say.text)]}, inner


def _call(request: dict, at: int, name: str, pieces: list[str]) -> tuple[dict, list]:
    tool, namespace = next((offer for offer in _offered(request) if offer[0]["name"] == name), ({}, None))
    kind, events, short = _KINDS[tool.get("type", "function")]
    holder, whole = _INPUTS[kind], "".join(pieces)
    deltas = [(f"response.{events}.delta", {"delta": piece}) for piece in pieces]
    own = f"{mark(request['input'])}{at:02}"
    item = {"id": f"{short}_{own}", "type": kind, "status": "completed"}
    placed = {"namespace": namespace} if namespace else {}
    done = (f"response.{events}.done", {holder: whole})
    return {**item, holder: whole, "call_id": f"call_{own}", "name": name, **placed}, [*deltas, done]


# What a call of each kind of tool is, what its events are called, and how its id begins.
_KINDS = {
    "function": ("function_call", "function_call_arguments", "fc"),
    "custom": ("custom_tool_call", "custom_tool_call_input", "ctc"),
}


_EMPTY = {
    # What is sealed is not whole before the item is.
    "reasoning": {"summary": [], "encrypted_content": "gAAAAAB"},
    "message": {"status": "in_progress", "content": []},
    "function_call": {"status": "in_progress", "arguments": ""},
    "custom_tool_call": {"status": "in_progress", "input": ""},
}


def _item_events(at: int, item: dict, inner: list) -> list[tuple[str, dict]]:
    empty = {name: value for name, value in _EMPTY[item["type"]].items() if name in item}
    added = ("response.output_item.added", {"output_index": at, "item": {**item, **empty}})
    done = ("response.output_item.done", {"output_index": at, "item": item})
    placed = [(name, {"item_id": item["id"], "output_index": at, **fields}) for name, fields in inner]
    return [added, *placed, done]


def _event(name: str, number: int, fields: dict) -> bytes:
    hidden = {"obfuscation": "Wm4tQ9"} if name.endswith(".delta") else {}
    data = compact({"type": name, "sequence_number": number, **fields, **hidden})
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
