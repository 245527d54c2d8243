"""What the model of the scripted upstream does in a conversation with tools: plots, for `Answer`."""

from wire import WORDS
from wire.talk import Asked, Say, calling, conforming, example, saying

THINKING_ALOUD = "Let me see. "


def diligent(asked: Asked) -> Say:
    """Calls every tool once, the last one alone and the others all at once before it, and then tells what they said.

    So a loop over three tools takes two steps: one of two parallel calls, and one of a single call.
    """
    called = {name for _, name in asked.calls}
    waiting = [tool for tool in asked.tools if tool.name not in called]
    if now := waiting[:-1] or waiting:
        return calling(*[(tool.name, example(tool.schema, tool.schema)) for tool in now], words=THINKING_ALOUD)
    if asked.schema:
        return conforming(asked.schema)
    return saying(told(asked.seen())) if asked.seen() else Say(WORDS)


def told(results: list[str]) -> str:
    """The last answer of a loop that saw these results."""
    return f"I was told: {'; '.join(results)}."
