"""What OpenAI Chat Completions does not take, in its own words."""

from . import Fault
from .openai_rules import Complaints, Rule, at_most, effort, function, identity, invalid, needs_tools, reasons, shape
from .openai_rules import unknown, unsupported

FIELDS = {
    *("audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs", "max_completion_tokens"),
    *("max_tokens", "messages", "metadata", "modalities", "model", "moderation", "n", "parallel_tool_calls"),
    *("prediction", "presence_penalty", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"),
    *("reasoning_effort", "response_format", "safety_identifier", "seed", "service_tier", "stop", "store", "stream", "stream_options"),
    *("temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity", "web_search_options"),
}
TURNS = {
    "system": {"role", "content", "name"},
    "developer": {"role", "content", "name"},
    "user": {"role", "content", "name"},
    "assistant": {"role", "content", "name", "refusal", "tool_calls", "function_call", "audio", "annotations"},
    "tool": {"role", "content", "tool_call_id"},
}
PARTS = {
    "user": {"text", "image_url", "input_audio", "file"},
    "assistant": {"text", "refusal"},
}
_ORPHAN = (
    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
)
# What a model takes only while it does not reason.
SAMPLING = ("frequency_penalty", "logit_bias", "logprobs", "presence_penalty", "top_logprobs", "top_p")


def wrong(request: dict) -> Fault | None:
    """What the service has against `request`, if anything. The model is one that it knows."""
    return next((fault for rule in RULES for fault in rule(request)), None)


def _fields(request: dict) -> Complaints:
    for name in request.keys() - FIELDS:
        yield invalid(f"Unrecognized request argument supplied: {name}")
    if not request.get("messages"):
        yield invalid("Missing required parameter: 'messages'.", "messages", "missing_required_parameter")
    if "stream_options" in request and not request.get("stream"):
        yield invalid("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    if request.get("metadata") and not request.get("store"):
        yield invalid("The 'metadata' parameter is only allowed when 'store' is enabled.", "metadata")
    if isinstance(request.get("stop"), list) and len(request["stop"]) > 4:
        message = "Invalid 'stop': array too long. Expected an array with maximum length 4."
        yield invalid(message, "stop", "array_above_max_length")


def _reasoning(request: dict) -> Complaints:
    given = request.get("reasoning_effort")
    yield from effort(request, given, "reasoning_effort")
    if not reasons(request, given):
        return
    if request.get("max_tokens") is not None:
        yield unsupported("max_tokens", " Use 'max_completion_tokens' instead.")
    if request.get("temperature") not in (None, 1):
        message = (
            f"Unsupported value: 'temperature' does not support {request['temperature']} with this model. Only the "
            "default (1) value is supported."
        )
        yield invalid(message, "temperature", "unsupported_value")
    for name in SAMPLING:
        if request.get(name) not in (None, False):
            yield unsupported(name)


def _turns(request: dict) -> Complaints:
    for at, turn in enumerate(request["messages"]):
        role, content, path = turn["role"], turn.get("content"), f"messages[{at}]."
        if role not in TURNS:
            yield invalid(f"Invalid value: '{role}'.", f"messages[{at}].role", "invalid_value")
            return
        yield from unknown(turn, TURNS[role], path)
        if content is None and not turn.get("tool_calls"):
            yield invalid("Invalid value for 'content': expected a string, got null.", f"messages.[{at}].content")
        for place, part in enumerate(content if isinstance(content, list) else []):
            if part["type"] not in PARTS.get(role, {"text"}):
                yield invalid(f"Invalid value: '{part['type']}'.", f"{path}content[{place}].type", "invalid_value")
            yield from unknown(part, {"type", part["type"], "prompt_cache_breakpoint"}, f"{path}content[{place}].")
        if content == []:
            yield invalid(f"Invalid '{path}content': empty array.", f"{path}content", "empty_array")


def _calls(request: dict) -> Complaints:
    """Calls and results, one to one and next to each other."""
    open_: list[str] = []
    for at, turn in enumerate(request["messages"]):
        if turn["role"] == "tool":
            if turn["tool_call_id"] not in open_:
                yield from _unanswered(open_)
                yield invalid(_ORPHAN, f"messages.[{at}].role")
            else:
                open_.remove(turn["tool_call_id"])
            continue
        yield from _unanswered(open_)
        open_ = [call["id"] for call in turn.get("tool_calls") or []]
        for place, call in enumerate(turn.get("tool_calls") or []):
            yield from at_most(40, call["id"], f"messages[{at}].tool_calls[{place}].id")
            yield from unknown(call, {"id", "type", call["type"]}, f"messages[{at}].tool_calls[{place}].")
    yield from _unanswered(open_)


def _unanswered(ids: list[str]) -> Complaints:
    if ids:
        message = (
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(ids)}"
        )
        yield invalid(message, "messages")


def _tools(request: dict) -> Complaints:
    yield from needs_tools(request)
    for at, tool in enumerate(request.get("tools") or []):
        yield from unknown(tool, {"type", tool["type"]}, f"tools[{at}].")
        if tool["type"] == "function":
            known = {"name", "description", "parameters", "strict"}
            yield from unknown(tool["function"], known, f"tools[{at}].function.")
            yield from function(f"tools[{at}].function", tool["function"], 64)


def _shape(request: dict) -> Complaints:
    wanted = request.get("response_format") or {}
    yield from shape(wanted, wanted.get("json_schema") or {}, request, "response_format")


RULES: list[Rule] = [_fields, _reasoning, _turns, _calls, _tools, _shape, identity]
