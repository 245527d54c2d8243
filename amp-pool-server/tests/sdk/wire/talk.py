"""What is asked and said, in words that the three formats share.

A plot is a function from `Asked` to `Say`: what the model does next, whatever format it is asked in. Each format reads
the one from its requests and writes the other into its answers.
"""

from dataclasses import dataclass, field
import json
from typing import Any, Callable


@dataclass(frozen=True)
class Tool:
    """A tool that the model may call; one without a `schema` takes free text."""

    name: str
    schema: dict | None


@dataclass(frozen=True)
class Say:
    """One answer of the model: text in pieces, then calls, each a name and its arguments in pieces."""

    words: list[str] = field(default_factory=list)
    calls: list[tuple[str, list[str]]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.words)


@dataclass(frozen=True)
class Asked:
    """What a request has in it, as far as a plot cares."""

    tools: list[Tool]
    """The tools offered."""
    calls: list[tuple[str, str]]
    """Id and name of every call in the history, oldest first."""
    results: dict[str, str]
    """The text of each result, by the id of its call."""
    schema: dict | None
    """What the answer has to conform to, where the request asks for structured output."""

    def tool(self, name: str) -> Tool:
        """The tool that the client calls `name`: over another format it may be offered with its namespace before it."""
        [tool] = [tool for tool in self.tools if tool.name in (name, f"functions__{name}")]
        return tool

    def with_text(self, name: str, text: str) -> tuple[str, Any]:
        """A call of a tool that takes text. Where there are no such tools, it is offered as one of an object."""
        tool = self.tool(name)
        return tool.name, {"input": text} if tool.schema else text

    def seen(self) -> list[str]:
        """The texts of all results so far, in the order of their calls. Agents send them as they come in."""
        return [self.results[id_] for id_, _ in self.calls if id_ in self.results]


Plot = Callable[[Asked], Say]


def pieces(text: str, size: int = 7) -> list[str]:
    """`text` as a stream brings it: cut with no regard for words or JSON."""
    return [text[at : at + size] for at in range(0, len(text), size)]


def saying(text: str) -> Say:
    return Say(words=pieces(text))


def calling(*calls: tuple[str, Any], words: str = "") -> Say:
    """Calls tools with arguments that are given as values, or as text for a tool that takes text."""
    return Say(pieces(words), [(name, pieces(_written(arguments))) for name, arguments in calls])


def conforming(schema: dict) -> Say:
    """Structured output as `schema` wants it."""
    return saying(json.dumps(example(schema, schema), ensure_ascii=False))


def example(schema: dict, root: dict) -> Any:
    """A value that conforms to `schema`, the same each time. `root` is where its references point into."""
    if "$ref" in schema:
        return example(_referred(schema["$ref"], root), root)
    for choices in ("enum", "const", "anyOf", "oneOf"):
        if choices in schema:
            return _first(choices, schema[choices], root)
    return _OF_TYPE[_type(schema)](schema, root)


def _written(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def _referred(reference: str, root: dict) -> dict:
    found = root
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def _first(kind: str, choices: Any, root: dict) -> Any:
    match kind:
        case "const":
            return choices
        case "enum":
            return choices[0]
        case _:
            return example(choices[0], root)


def _type(schema: dict) -> str:
    given = schema.get("type", "object")
    return given[0] if isinstance(given, list) else given


def _members(schema: dict, root: dict) -> dict:
    return {name: example(member, root) for name, member in schema.get("properties", {}).items()}


_OF_TYPE = {
    "object": _members,
    "array": lambda schema, root: [example(schema.get("items", {"type": "string"}), root)],
    "string": lambda schema, root: "Zürich",
    "integer": lambda schema, root: 3,
    "number": lambda schema, root: 1.5,
    "boolean": lambda schema, root: True,
    "null": lambda schema, root: None,
}
