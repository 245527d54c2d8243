"""The scripted services refuse what the real ones refuse, in their words.

Each row takes a request that is good, spoils one thing in it, and says what the service answers. A rule that refused
everything, or nothing, would fail here.
"""

import copy

import pytest

from wire import chat, messages, responses
from wire.messages_rules import SIGNATURE, THOUGHT
from wire.responses_rules import SEAL

OBJECT = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
OPEN = {"type": "object", "properties": {"city": {"type": "string"}}}

CHAT = {
    "model": "gpt-5-mini",
    "max_completion_tokens": 99,
    "messages": [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hi."}]},
        {
            "role": "assistant",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "4 °C"},
        {"role": "user", "content": "And now?"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": OBJECT, "strict": True}}],
    "stream": True,
    "stream_options": {"include_usage": True},
}
MESSAGES = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 4096,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "messages": [
        {"role": "user", "content": "Hi."},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": THOUGHT, "signature": SIGNATURE},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {}},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "4 °C"}]},
    ],
    "tools": [{"name": "f", "input_schema": OBJECT}],
    "metadata": {"user_id": "u"},
}
RESPONSES = {
    "model": "gpt-5-mini",
    "max_output_tokens": 16,
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "Hi."}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": f"{SEAL}1"},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "4 °C"},
    ],
    "tools": [{"type": "function", "name": "f", "parameters": OPEN, "strict": False}],
    "include": ["reasoning.encrypted_content"],
    "store": False,
}
WIRES = {"chat": (chat, CHAT), "messages": (messages, MESSAGES), "responses": (responses, RESPONSES)}

LONG = "x" * 65
FORECAST = {"type": "json_schema", "schema": OPEN}

# Where, what stands there instead (`...`: nothing), and what the service says.
SPOILED = {
    "chat": [
        ("model", "gpt-0", "does not exist"),
        ("messages", [], "Missing required parameter: 'messages'"),
        ("max_tokens", 5, "Use 'max_completion_tokens' instead"),
        ("temperature", 0.5, "Only the default (1) value is supported"),
        ("top_p", 0.5, "'top_p' is not supported with this model"),
        ("reasoning_effort", "xhigh", "does not support 'xhigh'"),
        ("thinking", {}, "Unrecognized request argument supplied: thinking"),
        ("stream", False, "only allowed when 'stream' is enabled"),
        ("metadata", {"a": "b"}, "only allowed when 'store' is enabled"),
        ("stop", ["a", "b", "c", "d", "e"], "array too long"),
        ("safety_identifier", LONG, "maximum length 64"),
        ("tools", ..., None),
        ("tools", [], "empty array"),
        ("parallel_tool_calls tools", (True, ...), "only allowed when 'tools' are specified"),
        ("tools.0.function.name", "a b", "does not match pattern"),
        ("tools.0.function.name", LONG, "maximum length 64"),
        ("tools.0.function.parameters", OPEN, "'additionalProperties' is required"),
        ("tools.0.function.parameters", {"type": "object"}, "object schema missing properties"),
        ("tools.0.cache_control", {}, "Unknown parameter: 'tools[0].cache_control'"),
        ("messages.0.role", "critic", "Invalid value: 'critic'"),
        ("messages.1.content.0.type", "image", "Invalid value: 'image'"),
        ("messages.1.content.0.cache_control", {}, "Unknown parameter: 'messages[1].content[0].cache_control'"),
        ("messages.1.content", None, "expected a string, got null"),
        ("messages.2.reasoning_content", "hm", "Unknown parameter: 'messages[2].reasoning_content'"),
        ("messages.2.tool_calls.0.id", "c2", "did not have response messages: c2"),
        ("messages.2.tool_calls.0.id messages.3.tool_call_id", (LONG, LONG), "maximum length 40"),
        ("messages.2", {"role": "assistant", "content": "Hm."}, "must be a response to a preceeding message"),
        ("messages.3", ..., "did not have response messages: c1"),
        ("response_format", {"type": "json_object"}, "must contain the word 'json'"),
        ("response_format", {"type": "json_schema", "json_schema": {"schema": OBJECT}}, "response_format.name"),
        (
            "response_format",
            {"type": "json_schema", "json_schema": {**FORECAST, "name": "n", "strict": True}},
            "Invalid schema",
        ),
    ],
    "messages": [
        ("model", "claude-0", "model: claude-0"),
        ("max_tokens", ..., "max_tokens: Field required"),
        ("max_tokens", 64_001, "64001 > 64000, which is the maximum"),
        ("messages", [], "at least one message is required"),
        ("seed", 1, "seed: Extra inputs are not permitted"),
        ("context_management", {}, "context_management: Extra inputs are not permitted"),
        ("metadata.k", "v", "metadata.k: Extra inputs are not permitted"),
        ("metadata.user_id", LONG * 4, "at most 256 characters"),
        ("temperature", 0.5, "may only be set to 1 when thinking is enabled"),
        ("temperature", 1.5, "range: 0..1"),
        ("temperature top_p", (1, 0.9), "cannot both be specified"),
        ("top_k", 5, "`top_k` must be unset when thinking is enabled"),
        ("stop_sequences", ["\n"], "must contain non-whitespace"),
        ("thinking.type", "adaptive", "is not supported for this model"),
        ("thinking.budget_tokens", 1000, "greater than or equal to 1024"),
        ("thinking.budget_tokens", 4096, "`max_tokens` must be greater than"),
        ("tool_choice", {"type": "any"}, "Thinking may not be enabled when tool_choice forces tool use"),
        ("output_config", {"effort": "low"}, "does not support the effort parameter"),
        (
            "model output_config thinking",
            ("claude-opus-5", {"effort": "minimal"}, ...),
            "does not support effort level 'minimal'",
        ),
        ("model", "claude-opus-5", '"thinking.type.enabled" is not supported'),
        ("model thinking temperature", ("claude-opus-5", ..., 0.5), "`temperature` is deprecated for this model"),
        ("output_config", {"format": FORECAST}, "must be explicitly set to false"),
        (
            "output_config",
            {"format": {"type": "json_schema", "schema": {"type": "integer", "minimum": 1}}},
            "minimum are not supported",
        ),
        ("messages.0.role", "assistant", 'first message must use the "user" role'),
        ("messages.0.role", "developer", "Input should be 'user' or 'assistant'"),
        ("messages.2.role", "system", "not supported on this model"),
        ("messages.0.content", "", "non-empty content"),
        ("messages.0.content", [{"type": "text", "text": ""}], "text content blocks must be non-empty"),
        ("messages.0.content", [{"type": "input_text", "text": "a"}], "does not match any of the expected tags"),
        ("messages.0.content", [{"type": "text", "text": "a", "id": 1}], "text.id: Extra inputs are not permitted"),
        ("system.0.text", "", "text content blocks must be non-empty"),
        ("system", [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}] * 5, "Found 5"),
        ("messages.1.content.0.signature", "ampr1.x", "Invalid `signature` in `thinking` block"),
        ("messages.1.content.0.thinking", "Else.", "cannot be modified"),
        ("messages.1.content.0", ..., "Expected `thinking` or `redacted_thinking`, but found `tool_use`"),
        ("messages.1.content.1.id messages.2.content.0.tool_use_id", ("t:1", "t:1"), "should match pattern"),
        ("messages.1.content.1.input", "{}", "should be a valid dictionary"),
        ("messages.2.content.0.tool_use_id", "t2", "without `tool_result` blocks immediately after: t1"),
        ("messages.1.content.1", {"type": "text", "text": "Hm."}, "unexpected `tool_use_id`"),
        ("messages.2.content", [{"type": "text", "text": "Hm."}], "without `tool_result` blocks immediately after"),
        ("messages.2", ..., "without `tool_result` blocks immediately after"),
        ("messages.2.content.0.content", [{"type": "text", "text": ""}], "must be non-empty"),
        ("messages.2.content", [{"type": "tool_result", "tool_use_id": "t1"}] * 2, "must have a single result"),
        (
            "messages",
            [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
            "assistant message prefill",
        ),
        ("tools.0.name", "a.b", "should match pattern"),
        ("tools.0.input_schema", {}, "Input should be 'object'"),
        ("tools.0.input_schema.anyOf", [], "at the top level"),
        ("tools.0.parameters", {}, "parameters: Extra inputs are not permitted"),
        ("thinking tool_choice tools", (..., {"type": "auto"}, ...), "only be specified while providing tools"),
        ("thinking tool_choice", (..., {"type": "tool", "name": "g"}), "Tool 'g' not found"),
        ("thread", {"type": "create"}, "thread: Extra inputs are not permitted"),
    ],
    "responses": [
        ("model", "gpt-0", "does not exist"),
        ("input", [], "Missing required parameter: 'input'"),
        ("max_output_tokens", 15, "Expected a value >= 16"),
        ("messages", [], "Unknown parameter: 'messages'"),
        ("seed", 1, "Unknown parameter: 'seed'"),
        ("include", ["all"], "Invalid value: 'all'"),
        ("reasoning", {"effort": "xhigh"}, "does not support 'xhigh'"),
        ("reasoning", {"budget": 5}, "Unknown parameter: 'reasoning.budget'"),
        ("temperature", 0.5, "'temperature' is not supported with this model"),
        ("prompt_cache_key", LONG, "maximum length 64"),
        ("tool_choice tools", ("auto", ...), "only allowed when 'tools' are specified"),
        ("tools.0.strict", ..., "'required' is required"),
        ("tools.0.strict", True, "'additionalProperties' is required"),
        ("tools.0.name", "a.b", "does not match pattern"),
        ("tools.0.function", {}, "Unknown parameter: 'tools[0].function'"),
        ("tools.0.parameters", {}, "schema must be a JSON Schema of 'type: \"object\"'"),
        (
            "input.0.content.0.type",
            "output_text",
            "Supported values are: 'input_file' and 'input_image' and 'input_text'",
        ),
        ("input.0.content", None, "expected a string or an array"),
        ("input.1.encrypted_content", ..., "Items are not persisted"),
        ("input.1.encrypted_content", "ampr1.x", "could not be verified"),
        ("input.1", {"type": "item_reference", "id": "rs_1"}, "Invalid value: 'item_reference'"),
        ("input.2", {"role": "user", "content": "Hm."}, "No tool call found for function call output"),
        ("input.2.id", "call_1", "begins with 'fc'"),
        ("input.2.call_id", "c2", "No tool output found for function call c2"),
        ("input.2.call_id input.3.call_id", (LONG, LONG), "maximum length 64"),
        ("input.3.is_error", True, "Unknown parameter: 'input[3].is_error'"),
        ("input", [{"type": "reasoning", "encrypted_content": SEAL}], "without its required following item"),
        ("text", {"format": {**FORECAST}}, "Missing required parameter: 'text.format.name'"),
        ("text", {"format": {"type": "json_object"}}, "must contain the word 'json'"),
    ],
}
ROWS = [(name, *row) for name, rows in SPOILED.items() for row in rows]


def spoiled(request: dict, places: str, values) -> dict:
    """`request` with other values at the places, which are paths."""
    request = copy.deepcopy(request)
    values = values if " " in places else (values,)
    for place, value in zip(places.split(" "), values, strict=True):
        *path, last = [int(step) if step.isdigit() else step for step in place.split(".")]
        holder = request
        for step in path:
            holder = holder[step]
        if value is ...:
            holder.pop(last, None) if isinstance(holder, dict) else holder.pop(last)
        else:
            holder[last] = value
    return request


@pytest.mark.parametrize("name", WIRES)
def test_a_good_request_is_taken(name):
    wire, request = WIRES[name]

    assert wire.refusal(request, {}) is None


@pytest.mark.parametrize(("name", "places", "value", "said"), ROWS)
def test_a_spoiled_request_is_refused_in_the_services_words(name, places, value, said):
    wire, request = WIRES[name]

    fault = wire.refusal(spoiled(request, places, value), {})

    assert said in fault.body["error"]["message"] if said else fault is None


def test_a_beta_opens_its_fields_to_who_names_it():
    request = {**MESSAGES, "context_management": {}}

    assert messages.refusal(request, {"anthropic-beta": "a,context-management-2025-06-27"}) is None


def test_a_thread_is_refused_so_that_clients_recover():
    fault = messages.refusal({**MESSAGES, "thread": {}}, {"anthropic-beta": "message-threads-2026-08-12"})

    assert fault.body["error"]["details"]["error_code"] == "thread_unsupported_request"
