"""What OpenAI Responses does not take, in its own words."""

from . import Fault
from .openai_rules import Complaints, Rule, at_most, effort, function, gap, identity, invalid, needs_tools, reasons
from .openai_rules import shape, unknown, unsupported

# How that begins which only the service can read.
SEAL = "gAAAAABpIdQ7"

FIELDS = {
    *("background", "client_metadata", "context_management", "conversation", "include", "input", "instructions"),
    *("max_output_tokens", "max_tool_calls", "metadata", "model", "parallel_tool_calls", "previous_response_id"),
    *("prompt", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning", "safety_identifier"),
    *("service_tier", "store", "stream", "stream_options", "temperature", "text", "tool_choice", "tools"),
    *("top_logprobs", "top_p", "truncation", "user"),
}
ITEMS = {
    "message": {"role", "content", "phase"},
    "function_call": {"call_id", "name", "arguments", "namespace"},
    "function_call_output": {"call_id", "output"},
    "custom_tool_call": {"call_id", "name", "input", "namespace"},
    "custom_tool_call_output": {"call_id", "output"},
    "reasoning": {"summary", "content", "encrypted_content"},
    "additional_tools": {"role", "tools"},
}
TOOL_FIELDS = {"type", "name", "description", "parameters", "strict", "defer_loading"}
# What an id of the service's own begins with.
IDS = {"message": "msg", "function_call": "fc", "custom_tool_call": "ctc", "reasoning": "rs"}
CALLS, OUTPUTS = ("function_call", "custom_tool_call"), ("function_call_output", "custom_tool_call_output")
PARTS = {"assistant": {"output_text", "refusal"}}
INPUTS = {"input_text", "input_image", "input_file"}
# What a model takes only while it does not reason.
SAMPLING = ("temperature", "top_p", "top_logprobs")
INCLUDED = {
    *("code_interpreter_call.outputs", "file_search_call.results", "message.output_text.logprobs"),
    *("reasoning.encrypted_content", "web_search_call.action.sources", "web_search_call.results"),
}


def wrong(request: dict) -> Fault | None:
    """What the service has against `request`, if anything. The model is one that it knows."""
    return next((fault for rule in RULES for fault in rule(request)), None)


def _fields(request: dict) -> Complaints:
    yield from unknown(request, FIELDS)
    if not request.get("input"):
        yield invalid("Missing required parameter: 'input'.", "input", "missing_required_parameter")
    if (request.get("max_output_tokens") or 16) < 16:
        message = "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16."
        yield invalid(message, "max_output_tokens", "integer_below_min_value")
    for at, name in enumerate(request.get("include") or []):
        if name not in INCLUDED:
            yield invalid(f"Invalid value: '{name}'.", f"include[{at}]", "invalid_value")


def _reasoning(request: dict) -> Complaints:
    reasoning = request.get("reasoning") or {}
    yield from unknown(reasoning, {"effort", "summary", "generate_summary", "context", "mode"}, "reasoning.")
    yield from effort(request, reasoning.get("effort"), "reasoning.effort")
    if reasons(request, reasoning.get("effort")):
        yield from (unsupported(name) for name in SAMPLING if request.get(name) is not None)


def _items(request: dict) -> Complaints:
    for at, item in enumerate(_given(request)):
        kind, path = item.get("type", "message"), f"input[{at}]"
        if kind not in ITEMS:
            yield invalid(f"Invalid value: '{kind}'.", f"{path}.type", "invalid_value")
            return
        yield from unknown(item, ITEMS[kind] | {"type", "id", "status"}, f"{path}.")
        yield from at_most(64, item.get("call_id"), f"{path}.call_id")
        if kind in IDS and item.get("id") and not item["id"].startswith(IDS[kind]):
            message = f"Invalid '{path}.id': '{item['id']}'. Expected an ID that begins with '{IDS[kind]}'."
            yield invalid(message, f"{path}.id", "invalid_value")
        if kind == "message":
            yield from _content(item, path)


def _content(item: dict, path: str) -> Complaints:
    content, known = item["content"], PARTS.get(item["role"], INPUTS)
    if content is None:
        message = f"Invalid type for '{path}.content': expected a string or an array."
        yield invalid(message, f"{path}.content", "invalid_type")
    for place, part in enumerate(content if isinstance(content, list) else []):
        if part["type"] not in known:
            supported = " and ".join(f"'{name}'" for name in sorted(known))
            message = f"Invalid value: '{part['type']}'. Supported values are: {supported}."
            yield invalid(message, f"{path}.content[{place}]", "invalid_value")


def _pairs(request: dict) -> Complaints:
    """Every call has an output, and every output a call."""
    items = _given(request)
    called = [item["call_id"] for item in items if item.get("type") in CALLS]
    answered = [item["call_id"] for item in items if item.get("type") in OUTPUTS]
    for id_ in called:
        if id_ not in answered:
            yield invalid(f"No tool output found for function call {id_}.", "input")
    for id_ in answered:
        if id_ not in called:
            yield invalid(f"No tool call found for function call output with call_id {id_}.", "input")


def _reasoned(request: dict) -> Complaints:
    """Reasoning comes back whole, with what followed from it, and only to who made it."""
    items = _given(request)
    for at, item in enumerate(items):
        if item.get("type") != "reasoning":
            continue
        sealed, id_ = item.get("encrypted_content"), item.get("id")
        if sealed and not sealed.startswith(SEAL):
            message = (
                f"The encrypted content {sealed[:8]}... could not be verified. Reason: Encrypted content could not be "
                "decrypted or parsed."
            )
            yield invalid(message, None, "invalid_encrypted_content")
        if not sealed and request.get("store") is False:
            message = (
                f"Item with id '{id_}' not found. Items are not persisted when `store` is set to false. Try again with "
                "`store` set to true, or remove this item from your input."
            )
            yield invalid(message, "input", status=404)
        if not any(_is_said(item) for item in items[at + 1 : at + 2]):
            message = f"Item '{id_}' of type 'reasoning' was provided without its required following item."
            yield invalid(message, "input")


def _is_said(item: dict) -> bool:
    """Whether it is the model's own, and so may follow from reasoning."""
    return item.get("role") == "assistant" or item.get("type") in ("reasoning", *CALLS)


def _tools(request: dict) -> Complaints:
    yield from needs_tools(request, [item for item in _given(request) if item.get("type") == "additional_tools"])
    for at, tool in enumerate(request.get("tools") or []):
        if tool["type"] != "function":
            continue
        yield from unknown(tool, TOOL_FIELDS, f"tools[{at}].")
        yield from function(f"tools[{at}]", tool, 128)
        # Who says nothing gets a strict schema made of theirs, and what is optional can not be.
        if "strict" not in tool and (lacking := gap({**(tool.get("parameters") or {}), "additionalProperties": False})):
            message = f"Invalid schema for function '{tool['name']}': {lacking}"
            yield invalid(message, f"tools[{at}].parameters", "invalid_function_parameters")


def _shape(request: dict) -> Complaints:
    text = request.get("text") or {}
    yield from unknown(text, {"format", "verbosity"}, "text.")
    wanted = text.get("format") or {}
    yield from shape(wanted, wanted, request, "text.format")


RULES: list[Rule] = [_fields, _reasoning, _items, _pairs, _reasoned, _tools, _shape, identity]


def _given(request: dict) -> list[dict]:
    return request["input"] if isinstance(request["input"], list) else []
