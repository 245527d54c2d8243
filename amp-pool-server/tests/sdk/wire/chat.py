"""OpenAI Chat Completions as the service writes them."""

from . import TOOL_CALLS, WORDS, Fault, Stream, chat_rules, compact, mark, openai_fault, openai_headers, pretty
from .talk import Asked, Say, Tool, conforming

PATH = "/v1/chat/completions"
MODELS = {"gpt-5-mini": "gpt-5-mini-2025-08-07", "gpt-4o-mini": "gpt-4o-mini-2024-07-18"}
# Of other makers, who speak the same format.
_OTHERS = (
    *("grok-4.6", "accounts/fireworks/models/glm-5", "moonshotai/Kimi-K2.5"),
    *("openai/gpt-oss-120b", "kimi-k3", "gpt-oss-120b"),
)
_KNOWN = MODELS | {name: name for name in _OTHERS}

fault = openai_fault
headers = openai_headers


def refusal(request: dict, headers: dict) -> Fault | None:
    """The error for a request that the service does not take."""
    return chat_rules.wrong(request) if request.get("model") in _KNOWN else fault("not_found")


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


def asked(request: dict) -> Asked:
    """What `request` has in it for a plot."""
    turns = request["messages"]
    calls = [call for turn in turns for call in turn.get("tool_calls") or []]
    wanted = request.get("response_format") or {}
    return Asked(
        tools=[Tool(tool["name"], tool.get("parameters")) for _, tool in _offered(request)],
        calls=[(call["id"], call[call["type"]]["name"]) for call in calls],
        results={turn["tool_call_id"]: _text(turn["content"]) for turn in turns if turn["role"] == "tool"},
        schema=wanted["json_schema"]["schema"] if wanted.get("type") == "json_schema" else None,
    )


def says(request: dict) -> Say:
    """What the model says where no plot decides it: calls if it may, and text once it has their results."""
    if request.get("tools") and request["messages"][-1]["role"] != "tool":
        return Say(calls=TOOL_CALLS)
    schema = asked(request).schema
    return conforming(schema) if schema else Say(words=WORDS)


def answer(request: dict, say: Say) -> bytes:
    said = {"content": say.text or None}
    if say.calls:
        said["tool_calls"] = _tool_calls(request, say)
    message = {"role": "assistant", **said, "refusal": None, "annotations": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(say)}
    return pretty({
        **_envelope(request, "chat.completion"),
        "choices": [choice],
        "usage": usage(request),
        "service_tier": "default",
        "system_fingerprint": "fp_560af6e559",
    })


def stream(request: dict, say: Say) -> Stream:
    deltas = [{"content": word} for word in say.words] + _tool_deltas(request, say)
    first = {"role": "assistant", "content": "" if say.words else None, "refusal": None}
    ending = [_chunk(request, {}, _finish(say))]
    if _wants_usage(request):
        ending.append(_usage_chunk(request))
    return Stream(
        opening=[_chunk(request, first)],
        content=[_chunk(request, delta) for delta in deltas],
        ending=[*ending, b"data: [DONE]\n\n"],
    )


def fault_events(request: dict, kind: str, sequence_number: int) -> list[bytes]:
    """The last frames of a stream that fails. Frames of this format carry no number."""
    return [_data(fault(kind).body)]


def _envelope(request: dict, object_: str) -> dict:
    return {
        "id": f"chatcmpl-CdOqLfGn{mark(request['messages'])}",
        "object": object_,
        "created": 1763510401,
        "model": _KNOWN[request["model"]],
    }


def _offered(request: dict) -> list[tuple[str, dict]]:
    """The kind of each tool, and the tool."""
    return [(tool["type"], tool[tool["type"]]) for tool in request.get("tools") or []]


def _text(content) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _finish(say: Say) -> str:
    return "tool_calls" if say.calls else "stop"


def _wants_usage(request: dict) -> bool:
    return bool((request.get("stream_options") or {}).get("include_usage"))


# What holds the arguments of each kind of call.
_HOLDERS = {"function": "arguments", "custom": "input"}


def _calls(request: dict, say: Say) -> list[tuple[str, str, str, list[str]]]:
    """Id, kind, name and arguments of each call."""
    kinds = {tool["name"]: kind for kind, tool in _offered(request)}
    calls = zip(_call_ids(request, say), say.calls)
    return [(id_, kinds.get(name, "function"), name, pieces) for id_, (name, pieces) in calls]


def _tool_calls(request: dict, say: Say) -> list[dict]:
    return [
        {"id": id_, "type": kind, kind: {"name": name, _HOLDERS[kind]: "".join(pieces)}}
        for id_, kind, name, pieces in _calls(request, say)
    ]


def _tool_deltas(request: dict, say: Say) -> list[dict]:
    deltas = []
    for at, (id_, kind, name, pieces) in enumerate(_calls(request, say)):
        holder = _HOLDERS[kind]
        head = {"index": at, "id": id_, "type": kind, kind: {"name": name, holder: ""}}
        rest = [{"index": at, kind: {holder: piece}} for piece in pieces]
        deltas += [{"tool_calls": [call]} for call in [head, *rest]]
    return deltas


def _call_ids(request: dict, say: Say) -> list[str]:
    return [f"call_{mark(request['messages'])}{at:04}" for at in range(len(say.calls))]


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
