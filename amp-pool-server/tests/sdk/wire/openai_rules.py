"""What both endpoints of OpenAI have against a request, in their own words.

A complaint is a `Fault`; a rule is a function from a request to its complaints. What a model can is data: `EFFORTS`.
"""

import json
import re
from typing import Any, Callable, Iterator

from . import Fault

Complaints = Iterator[Fault]
Rule = Callable[[dict], Complaints]

# The efforts that a model knows, by the beginning of its name; the first that fits. One without any does not reason.
EFFORTS = {
    "gpt-5.5": ("none", "low", "medium", "high", "xhigh"),
    "gpt-5": ("minimal", "low", "medium", "high"),
    "": (),
}

_NAME = re.compile(r"[a-zA-Z0-9_-]+")


def invalid(message: str, param: str | None = None, code: str | None = None, status: int = 400) -> Fault:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return Fault(status, {"error": error})


def efforts(request: dict) -> tuple[str, ...]:
    return next(known for prefix, known in EFFORTS.items() if request["model"].startswith(prefix))


def unsupported(name: str, instead: str = "") -> Fault:
    message = f"Unsupported parameter: '{name}' is not supported with this model.{instead}"
    return invalid(message, name, "unsupported_parameter")


def unknown(given: dict, known: set[str], path: str = "") -> Complaints:
    for name in given.keys() - known:
        yield invalid(f"Unknown parameter: '{path}{name}'.", f"{path}{name}", "unknown_parameter")


def at_most(limit: int, value: Any, param: str) -> Complaints:
    if isinstance(value, str) and len(value) > limit:
        message = (
            f"Invalid '{param}': string too long. Expected a string with maximum length {limit}, but got a string with "
            f"length {len(value)} instead."
        )
        yield invalid(message, param, "string_above_max_length")


def identity(request: dict) -> Complaints:
    for name in ("safety_identifier", "prompt_cache_key"):
        yield from at_most(64, request.get(name), name)


def effort(request: dict, given: str | None, param: str) -> Complaints:
    known = efforts(request)
    if given and not known:
        yield unsupported(param)
    elif given and given not in known:
        supported = ", ".join(f"'{name}'" for name in known)
        message = (
            f"Unsupported value: '{param}' does not support '{given}' with this model. Supported values are: {supported}."
        )
        yield invalid(message, param, "unsupported_value")


def reasons(request: dict, effort: str | None) -> bool:
    """Whether the model reasons in this request."""
    return bool(efforts(request)) and effort != "none"


def needs_tools(request: dict, more: list = ()) -> Complaints:
    """What makes sense with tools alone. There may be `more` of them elsewhere."""
    if request.get("tools") == []:
        message = "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty array."
        yield invalid(message, "tools", "empty_array")
    for name in ("tool_choice", "parallel_tool_calls"):
        if request.get(name) is not None and not request.get("tools") and not more:
            yield invalid(f"Invalid value for '{name}': '{name}' is only allowed when 'tools' are specified.", name)


def function(path: str, tool: dict, longest: int) -> Complaints:
    """A function: `tool` holds its name, its parameters and whether they are strict."""
    name, schema = tool["name"], tool.get("parameters")
    if not _NAME.fullmatch(name):
        message = (
            f"Invalid '{path}.name': string does not match pattern. Expected a string that matches the pattern "
            "'^[a-zA-Z0-9_-]+$'."
        )
        yield invalid(message, f"{path}.name", "invalid_value")
    yield from at_most(longest, name, f"{path}.name")
    if wrong := schema is not None and _object(schema) or tool.get("strict") and gap(schema or {}):
        message = f"Invalid schema for function '{name}': {wrong}"
        yield invalid(message, f"{path}.parameters", "invalid_function_parameters")


def _object(schema: dict) -> str | None:
    if schema.get("type") != "object":
        return f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{schema.get('type')}\"'."
    return None if "properties" in schema else "In context=(), object schema missing properties."


def gap(schema: dict, context: tuple = ()) -> str | None:
    """What keeps a schema from being strict, however deep."""
    if "properties" in schema:
        if schema.get("additionalProperties") is not False:
            return f"In context={context}, 'additionalProperties' is required to be supplied and to be false."
        if missing := [name for name in schema["properties"] if name not in schema.get("required", [])]:
            return (
                f"In context={context}, 'required' is required to be supplied and to be an array including every key "
                f"in properties. Missing '{missing[0]}'."
            )
    inner = [*schema.get("properties", {}).items(), *schema.get("$defs", {}).items()]
    inner += [("items", schema["items"])] if "items" in schema else []
    inner += [("anyOf", member) for member in schema.get("anyOf", [])]
    return next((wrong for name, member in inner if (wrong := gap(member, (*context, name)))), None)


def shape(wanted: dict, holder: dict, request: dict, param: str) -> Complaints:
    """Structured output. `holder` has the name and the schema."""
    place = "messages" if "messages" in request else "input"
    if wanted.get("type") == "json_object" and "json" not in json.dumps(request[place]).lower():
        message = f"'{place}' must contain the word 'json' in some form, to use '{param}' of type 'json_object'."
        yield invalid(message, param)
    if wanted.get("type") != "json_schema":
        return
    if not holder.get("name"):
        yield invalid(f"Missing required parameter: '{param}.name'.", f"{param}.name", "missing_required_parameter")
    elif not _NAME.fullmatch(holder["name"]) or len(holder["name"]) > 64:
        yield invalid(f"Invalid '{param}.name': string does not match pattern.", f"{param}.name", "invalid_value")
    if holder.get("strict") and (wrong := gap(holder["schema"])):
        yield invalid(f"Invalid schema for response_format '{holder['name']}': {wrong}", param, "invalid_json_schema")
