"""What Anthropic Messages does not take, in its own words.

Each rule is a function from a request to what is wrong with it; the table at the end is in the order in which the
service would tell. What a model can is data: `CLAUDE`.
"""

from dataclasses import dataclass
import re
from typing import Callable, Iterator

# The only thought there is, and the only signature that the service takes back.
THOUGHT, SIGNATURE = "The user wants a greeting.", "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pk="


@dataclass(frozen=True)
class Claude:
    """What one model can."""

    efforts: tuple[str, ...] = ()
    thinking: tuple[str, ...] = ("enabled", "disabled")
    sampling: bool = True
    system_turns: bool = False
    prefill: bool = True
    output: int = 64_000


_EFFORTS = ("low", "medium", "high", "xhigh", "max")
CLAUDE = {
    "claude-opus-5": Claude(_EFFORTS, ("adaptive", "disabled"), False, True, False, 128_000),
    "claude-sonnet-4-5": Claude(),
}

FIELDS = {
    *("cache_control", "inference_geo", "max_tokens", "messages", "metadata", "model", "output_config", "service_tier"),
    *("stop_sequences", "stream", "system", "temperature", "thinking", "tool_choice", "tools", "top_k", "top_p"),
}
# Fields that a request may have which names the beta.
BETA_FIELDS = {
    "context-management-2025-06-27": {"context_management"},
    "message-threads-2026-08-12": {"thread"},
    "mcp-client-2025-11-20": {"mcp_servers"},
}
BLOCKS = {
    "text": {"text", "citations", "cache_control"},
    "image": {"source", "cache_control"},
    "document": {"source", "title", "context", "citations", "cache_control"},
    "search_result": {"source", "title", "content", "citations", "cache_control"},
    "thinking": {"thinking", "signature"},
    "redacted_thinking": {"data"},
    "tool_use": {"id", "name", "input", "caller", "cache_control"},
    "tool_result": {"tool_use_id", "content", "is_error", "cache_control"},
}
ROLES = {
    "user": {"text", "image", "document", "search_result", "tool_result"},
    "assistant": {"text", "thinking", "redacted_thinking", "tool_use"},
    "system": {"text"},
}
TOOL_FIELDS = {
    *("allowed_callers", "cache_control", "defer_loading", "description", "eager_input_streaming", "input_examples"),
    *("input_schema", "name", "strict", "type"),
}
# Of a schema for structured output, by type.
UNSUPPORTED_KEYWORDS = {
    "integer": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"},
    "number": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"},
    "string": {"minLength", "maxLength"},
    "array": {"maxItems", "uniqueItems"},
    "object": {"minProperties", "maxProperties", "patternProperties", "propertyNames"},
}

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_ID = re.compile(r"[a-zA-Z0-9_-]+")


def wrong(request: dict, betas: str = "", counting: bool = False) -> str | None:
    """What the service has against `request`, if anything. The model is one that it knows."""
    complaints = (complaint for rule in RULES for complaint in rule(request))
    first = next(_fields(request, betas), None)
    if counting:
        request = {"max_tokens": 64_000, **request}
    return first or next(complaints, None)


def _fields(request: dict, betas: str) -> Iterator[str]:
    known = FIELDS.union(*(fields for beta, fields in BETA_FIELDS.items() if beta in betas))
    for name in request.keys() - known:
        yield f"{name}: Extra inputs are not permitted"


def _required(request):
    if "max_tokens" not in request:
        yield "max_tokens: Field required"
    if not request.get("messages"):
        yield "messages: at least one message is required"


def _limit(request):
    most = _claude(request).output
    if request["max_tokens"] > most:
        yield (
            f"max_tokens: {request['max_tokens']} > {most}, which is the maximum allowed number of output tokens for "
            f"{request['model']}"
        )


def _roles(request):
    turns = request["messages"]
    for at, turn in enumerate(turns):
        if turn["role"] not in ROLES:
            yield f"messages.{at}.role: Input should be 'user' or 'assistant'"
        if turn["role"] == "system" and not _claude(request).system_turns:
            yield f"messages.{at}: role 'system' is not supported on this model"
        if turn["role"] == "system" and (at == 0 or turns[at - 1]["role"] == "assistant"):
            yield f"messages.{at}: a 'system' message must follow a 'user' message"
        if extra := turn.keys() - {"role", "content"}:
            yield f"messages.{at}.{extra.pop()}: Extra inputs are not permitted"
    if turns[0]["role"] != "user":
        yield "messages: first message must use the \"user\" role"


def _contents(request):
    for at, turn in enumerate(request["messages"]):
        if not turn["content"]:
            yield f"messages.{at}: all messages must have non-empty content"
    for path, block, role in _blocks(request):
        kind = block["type"]
        if kind not in ROLES[role]:
            yield f"{path}: Input tag '{kind}' found using 'type' does not match any of the expected tags"
        elif extra := block.keys() - BLOCKS[kind] - {"type"}:
            yield f"{path}.{kind}.{extra.pop()}: Extra inputs are not permitted"
        elif kind == "text" and not block["text"]:
            yield "messages: text content blocks must be non-empty"
        elif kind == "text" and not block["text"].strip():
            yield "messages: text content blocks must contain non-whitespace text"


def _system(request):
    system = request.get("system") or []
    if isinstance(system, list) and any(not block["text"].strip() for block in system):
        yield "system: text content blocks must be non-empty"


def _calls(request):
    for path, block, _ in _blocks(request):
        if block["type"] == "tool_use" and not _ID.fullmatch(block["id"]):
            yield f"{path}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
        if block["type"] == "tool_use" and not isinstance(block["input"], dict):
            yield f"{path}.tool_use.input: Input should be a valid dictionary"
        if block["type"] == "tool_result" and not isinstance(block.get("content", ""), (str, list)):
            yield f"{path}.tool_result.content: Input should be a valid string"
        if block["type"] == "tool_result" and any(not part.get("text", "x") for part in _parts(block)):
            yield "messages: text content blocks must be non-empty"


def _pairs(request):
    """Calls and results, one to one and next to each other."""
    turns = list(_merged(request))
    for at, (role, blocks) in enumerate(turns):
        after = turns[at + 1][1] if at + 1 < len(turns) else []
        before = turns[at - 1][1] if at else []
        if role == "assistant":
            yield from _unanswered(at, blocks, after)
        else:
            yield from _unasked(at, before, blocks)


def _unanswered(at, blocks, after):
    leading = after[: next((n for n, block in enumerate(after) if block["type"] != "tool_result"), len(after))]
    answered = {block["tool_use_id"] for block in leading}
    missing = [block["id"] for block in blocks if block["type"] == "tool_use" and block["id"] not in answered]
    if missing:
        yield (
            f"messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after: "
            f"{', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` block in the next "
            "message."
        )


def _unasked(at, before, blocks):
    asked = [block["id"] for block in before if block["type"] == "tool_use"]
    for place, block in enumerate(blocks):
        if block["type"] == "tool_result" and block["tool_use_id"] not in asked:
            yield (
                f"messages.{at}.content.{place}: unexpected `tool_use_id` found in `tool_result` blocks: "
                f"{block['tool_use_id']}. Each `tool_result` block must have a corresponding `tool_use` block in the "
                "previous message."
            )
    results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
    for id_ in set(results):
        if results.count(id_) > 1:
            yield (
                f"messages.{at}.content: each tool_use must have a single result. Found multiple `tool_result` blocks "
                f"with id: {id_}"
            )


def _prefill(request):
    last = request["messages"][-1]
    if last["role"] != "assistant":
        return
    if not _claude(request).prefill or _thinks(request) == "enabled":
        yield "This model does not support assistant message prefill. The conversation must end with a user message."
    text = _parts(last)[-1].get("text", "")
    if text != text.rstrip():
        yield "messages: final assistant content cannot end with trailing whitespace"


def _sampling(request):
    given = {name for name in ("temperature", "top_p", "top_k") if request.get(name) is not None}
    claude, temperature = _claude(request), request.get("temperature", 1)
    if not 0 <= temperature <= 1:
        yield "temperature: range: 0..1"
    if not claude.sampling:
        yield from (f"`{name}` is deprecated for this model." for name in sorted(given) if request[name] != 1)
    if {"temperature", "top_p"} <= given:
        yield "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
    if _thinks(request) in ("enabled", "adaptive") and temperature != 1:
        yield "`temperature` may only be set to 1 when thinking is enabled."
    if _thinks(request) in ("enabled", "adaptive") and "top_k" in given:
        yield "`top_k` must be unset when thinking is enabled."
    if any(not stop.strip() for stop in request.get("stop_sequences") or []):
        yield "stop_sequences: each stop sequence must contain non-whitespace"


def _thinking(request):
    thinking, claude = request.get("thinking"), _claude(request)
    if not thinking:
        return
    if thinking["type"] not in claude.thinking:
        yield f'"thinking.type.{thinking["type"]}" is not supported for this model.'
    if thinking["type"] != "enabled":
        return
    budget = thinking["budget_tokens"]
    if budget < 1024:
        yield "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
    if budget >= request["max_tokens"]:
        yield "`max_tokens` must be greater than `thinking.budget_tokens`."
    if (request.get("tool_choice") or {}).get("type") in ("any", "tool"):
        yield "Thinking may not be enabled when tool_choice forces tool use."
    yield from _unthought(request)


def _unthought(request):
    """The turn of a loop that still goes on has to begin with its thoughts."""
    turns = list(_merged(request))
    if len(turns) < 2 or turns[-1][0] != "user" or turns[-1][1][0]["type"] != "tool_result":
        return
    first = turns[-2][1][0]["type"]
    if first not in ("thinking", "redacted_thinking"):
        yield (
            f"messages.{len(turns) - 2}.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
            f"`{first}`. When `thinking` is enabled, a final `assistant` message must start with a thinking block."
        )


def _signatures(request):
    for path, block, _ in _blocks(request):
        if block["type"] == "thinking" and block.get("signature") != SIGNATURE:
            yield f"{path}: Invalid `signature` in `thinking` block"
        if block["type"] == "thinking" and block["thinking"] not in ("", THOUGHT):
            yield f"{path}: `thinking` blocks in the latest assistant message cannot be modified."
        if block["type"] == "redacted_thinking":
            yield f"{path}: Invalid `data` in `redacted_thinking` block"


def _effort(request):
    effort, known = (request.get("output_config") or {}).get("effort"), _claude(request).efforts
    if effort and not known:
        yield "This model does not support the effort parameter."
    elif effort and effort not in known:
        yield f"This model does not support effort level '{effort}'. Supported levels: {', '.join(sorted(known))}."


def _tools(request):
    tools = request.get("tools") or []
    for at, tool in enumerate(tools):
        if tool.get("type", "custom") == "custom":
            yield from _custom(f"tools.{at}.custom", tool)
    names = [tool.get("name") for tool in tools]
    if len(set(names)) < len(names):
        yield "tools: Tool names must be unique."
    choice = request.get("tool_choice")
    if choice and not tools:
        yield "tool_choice: tool_choice may only be specified while providing tools."
    if choice and choice["type"] == "tool" and choice["name"] not in names:
        yield f"Tool '{choice['name']}' not found in provided tools"


def _custom(path, tool):
    if extra := tool.keys() - TOOL_FIELDS:
        yield f"{path}.{extra.pop()}: Extra inputs are not permitted"
    if not _NAME.fullmatch(tool["name"]):
        yield f"{path}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
    schema = tool.get("input_schema")
    if not schema or schema.get("type") != "object":
        yield f"{path}.input_schema.type: Input should be 'object'"
    elif schema.keys() & {"oneOf", "anyOf", "allOf"}:
        yield f"{path}.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level"


def _cache(request):
    marked = [block for block in _markable(request) if block.get("cache_control")]
    if len(marked) > 4:
        yield f"A maximum of 4 blocks with cache_control may be provided. Found {len(marked)}."
    lasting = [block["cache_control"].get("ttl", "5m") for block in marked]
    if "1h" in lasting[lasting.index("5m") if "5m" in lasting else len(lasting) :]:
        yield "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block."


def _shape(request):
    wanted = (request.get("output_config") or {}).get("format")
    if wanted and (extra := wanted.keys() - {"type", "schema"}):
        yield f"output_config.format.{extra.pop()}: Extra inputs are not permitted"
    if wanted:
        yield from _unshapely(wanted["schema"])


def _unshapely(schema):
    """What is wrong with a schema of structured output, however deep."""
    kind = schema.get("type")
    if kind == "object" and schema.get("additionalProperties") is not False:
        yield "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false"
    if kind in UNSUPPORTED_KEYWORDS and (found := schema.keys() & UNSUPPORTED_KEYWORDS[kind]):
        yield f"output_config.format.schema: For '{kind}' type, properties {', '.join(sorted(found))} are not supported"
    if "oneOf" in schema:
        yield "output_config.format.schema: Schema type 'oneOf' is not supported"
    inner = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values(), *schema.get("anyOf", [])]
    for member in [*inner, *([schema["items"]] if "items" in schema else [])]:
        yield from _unshapely(member)


def _metadata(request):
    metadata = request.get("metadata") or {}
    if extra := metadata.keys() - {"user_id"}:
        yield f"metadata.{extra.pop()}: Extra inputs are not permitted"
    if len(metadata.get("user_id") or "") > 256:
        yield "metadata.user_id: String should have at most 256 characters"


Rule = Callable[[dict], Iterator[str]]
RULES: list[Rule] = [
    *(_required, _limit, _roles, _contents, _system, _calls, _pairs, _prefill, _sampling, _thinking, _signatures),
    *(_effort, _tools, _cache, _shape, _metadata),
]


def _claude(request) -> Claude:
    return CLAUDE[request["model"]]


def _thinks(request) -> str | None:
    return (request.get("thinking") or {}).get("type")


def _parts(holder) -> list[dict]:
    content = holder.get("content") or []
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _blocks(request) -> Iterator[tuple[str, dict, str]]:
    """Every block of the conversation, with its path and its role."""
    for at, turn in enumerate(request["messages"]):
        for place, block in enumerate(_parts(turn)):
            yield f"messages.{at}.content.{place}", block, turn["role"]


def _merged(request) -> Iterator[tuple[str, list[dict]]]:
    """The turns as the service sees them: what one side says in a row is one turn, and the system stands outside."""
    merged: list[tuple[str, list[dict]]] = []
    for turn in request["messages"]:
        if turn["role"] == "system":
            continue
        if merged and merged[-1][0] == turn["role"]:
            merged[-1][1].extend(_parts(turn))
        else:
            merged.append((turn["role"], list(_parts(turn))))
    return iter(merged)


def _markable(request) -> Iterator[dict]:
    """All that can carry a mark of the cache, in the order of the prompt."""
    yield from request.get("tools") or []
    system = request.get("system") or []
    yield from system if isinstance(system, list) else []
    for _, block, _ in _blocks(request):
        yield block
        yield from (part for part in _parts(block) if block["type"] == "tool_result")
    if request.get("cache_control"):
        yield request
