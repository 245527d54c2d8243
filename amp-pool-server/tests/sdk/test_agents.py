"""Claude Code and Codex do a task in two steps over every upstream format.

The model reads two files at once, and then writes a third with what was in them: nothing but results that came back to
it, and calls that arrived whole, make that file right.
"""

import json
import re

import pytest

from agents import ClaudeCode, Codex
from conftest import CREDENTIALS
from speakers import CHAT, MESSAGES, RESPONSES
from upstream import Answer
from wire.talk import Asked, Say, calling, saying

WORDS = {"left.txt": "plover", "right.txt": "Grüße 世界"}
ANSWER = " and ".join(WORDS.values())
TASK = "Write into answer.txt the words that left.txt and right.txt hold."
DONE = "I wrote it down. 👋"

# What the upstream of each format calls the model.
MODELS = {CHAT: "gpt-5-mini", MESSAGES: "claude-opus-5", RESPONSES: "gpt-5.5"}


class Site:
    """A pool in front of one upstream, and an agent before it."""

    def __init__(self, kind, pool, upstream, other, directory):
        self.pool, self.upstream, self.other = pool, upstream, other
        self.agent = kind(pool, directory)
        self.key = CREDENTIALS[other.provider]
        pool.add_key(other.provider, upstream.url, self.key, formats=[other.name])

    def has_done(self, model: str, plot) -> list[dict]:
        """Has the agent do the task with a model that follows `plot`; says what the upstream was asked."""
        for name, word in WORDS.items():
            (self.agent.work / name).write_text(f"{word}\n")
        # Whoever asks for a Claude and has one gets it; else the upstream's.
        self.pool.add_route(model, model if model in self.other.wire.MODELS else MODELS[self.other])
        self.upstream.on(self.key, Answer(plot=plot))
        transcript = self.agent.ask(model, TASK)
        print(transcript.printed)
        assert transcript.code == 0
        assert DONE in json.dumps(transcript.events, ensure_ascii=False)
        assert (self.agent.work / "answer.txt").read_text().strip() == ANSWER
        return [self._sound(request) for request in self.upstream.asked(self.key)]

    def _sound(self, request) -> dict:
        """A request of the upstream's format that the service took, with nothing in it of the client's own."""
        assert request.path == self.other.wire.PATH
        assert not request.refused
        foreign = "openai" if self.other is MESSAGES else "anthropic"
        assert not [name for name in request.headers if name.startswith(foreign)]
        return request.json()

    def steps(self) -> int:
        """How many calls of the books went well. Others there are none."""
        records = self.pool.records()
        assert {record["outcome"] for record in records} == {"done"}
        assert {record["upstream_format"] for record in records} == {self.other.name}
        return len(records)


@pytest.fixture(params=[CHAT, MESSAGES, RESPONSES], ids=lambda other: f"over_{other.name}")
def other(request):
    return request.param


@pytest.fixture
def claude_code(pool, upstream, other, tmp_path):
    return Site(ClaudeCode, pool, upstream, other, tmp_path)


@pytest.fixture
def codex(pool, upstream, other, tmp_path):
    return Site(Codex, pool, upstream, other, tmp_path)


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-opus-5"])
def test_claude_code_does_a_task_in_two_steps(claude_code, model):
    """One model thinks within a budget, the other as much as it likes."""
    work = claude_code.agent.work

    def plot(asked: Asked) -> Say:
        if not asked.tools:
            return saying("A title")
        if len(asked.seen()) < 2:
            return calling(*[("Read", {"file_path": str(work / name)}) for name in WORDS], words="Let me look. ")
        if len(asked.seen()) == 2:
            # Files are shown with numbers before their lines.
            found = [re.search(r"1\t(.*)", result)[1] for result in asked.seen()]
            return calling(("Write", {"file_path": str(work / "answer.txt"), "content": " and ".join(found)}))
        return saying(DONE)

    requests = claude_code.has_done(model, plot)

    assert claude_code.steps() == len(requests) >= 3


def test_codex_does_a_task_in_two_steps(codex):
    """This model is given functions and a tool that takes text."""

    def plot(asked: Asked) -> Say:
        if not asked.seen():
            return calling(*[("exec_command", {"cmd": f"cat {name}"}) for name in WORDS], words="Let me look. ")
        if len(asked.seen()) == 2:
            return calling(asked.with_text("apply_patch", _patch(_found(asked))))
        return saying(DONE)

    requests = codex.has_done("gpt-5.5", plot)

    assert codex.steps() == len(requests) == 3


def test_codex_does_a_task_in_code(codex):
    """This model is given its tools inside of the conversation, and calls the others from JavaScript."""

    def script(asked: Asked, command: str):
        return asked.with_text("exec", f"text((await tools.exec_command({json.dumps({'cmd': command})})).output);")

    def plot(asked: Asked) -> Say:
        if not asked.seen():
            return calling(*[script(asked, f"cat {name}") for name in WORDS], words="Let me look. ")
        if len(asked.seen()) == 2:
            return calling(script(asked, f"echo '{_found(asked)}' > answer.txt"))
        return saying(DONE)

    requests = codex.has_done("gpt-5.6-sol", plot)

    assert codex.steps() == len(requests) == 3


def _found(asked: Asked) -> str:
    """The last line of each result."""
    return " and ".join(result.strip().splitlines()[-1] for result in asked.seen())


def _patch(text: str) -> str:
    return f"*** Begin Patch\n*** Add File: answer.txt\n+{text}\n*** End Patch\n"
