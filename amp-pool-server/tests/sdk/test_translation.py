"""A client of one format over an upstream that speaks another: the official client must not notice.

Streams are read with the helpers of the SDKs, which are the strictest readers there are.
"""

from dataclasses import dataclass
import json
import re

import pytest

from books import TOKENS, pick
from speakers import CHAT, GREETING, MESSAGES, RESPONSES, SPEAKERS
from upstream import PATIENCE, Answer, CutShort, FailInside, Pause, Refuse
from wire import TEXT, TOOL_CALLS

KEY = "sk-translated-7d40c2b19e5f"
# What the client calls the model, which no upstream knows by this name.
MODEL = "house-model"
PAIRS = [(speaker, other) for speaker in SPEAKERS for other in SPEAKERS if speaker is not other]

CALLS = [(name, json.loads("".join(pieces))) for name, pieces in TOOL_CALLS]
WEATHER = "4 °C"
# As the Messages upstream of these tests says it.
THINKING = {
    "type": "thinking",
    "thinking": "The user wants a greeting.",
    "signature": "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pk=",
}


@dataclass
class Said:
    """What a client was told, in words that the formats share."""

    text: str
    finish: str | None
    calls: list[tuple[str, dict]]
    call_ids: list[str]
    usage: dict
    model: str
    thought: str
    turn: list
    """The answer as the next request has to repeat it."""


class Chat:
    """The Chat client at work."""

    finishes = {"text": "stop", "tools": "tool_calls"}
    # Reasoning stands in a field that many servers share and the SDK keeps as it comes.
    thinks = {"reasoning_effort": "medium"}

    def ask(self, client, stream, turns, **more) -> Said:
        given = {"model": MODEL, "messages": [{"role": "user", "content": GREETING}, *turns], **more}
        if not stream:
            return self._said(client.chat.completions.create(**given))
        with client.chat.completions.stream(**given, stream_options={"include_usage": True}) as events:
            return self._said(events.get_final_completion())

    def results(self, said):
        return [{"role": "tool", "tool_call_id": id_, "content": WEATHER} for id_ in said.call_ids]

    def usage(self, tokens):
        return {
            "prompt_tokens": tokens["input_tokens"],
            "completion_tokens": tokens["output_tokens"],
            "total_tokens": tokens["total_tokens"],
            "cached_tokens": tokens["cache_read_tokens"],
        }

    def _said(self, answer):
        [choice] = answer.choices
        message, used = choice.message, answer.usage.model_dump()
        calls = message.tool_calls or []
        return Said(
            text=message.content or "",
            finish=choice.finish_reason,
            calls=[(call.function.name, json.loads(call.function.arguments)) for call in calls],
            call_ids=[call.id for call in calls],
            usage={**used, **used["prompt_tokens_details"]},
            model=answer.model,
            thought=getattr(message, "reasoning_content", ""),
            turn=[message.to_dict(exclude_none=True)],
        )


class Messages:
    """The Messages client at work."""

    finishes = {"text": "end_turn", "tools": "tool_use"}

    def ask(self, client, stream, turns, **more) -> Said:
        messages = [{"role": "user", "content": GREETING}, *turns]
        given = {"model": MODEL, "max_tokens": 1024, "messages": messages, **more}
        if not stream:
            return self._said(client.messages.create(**given))
        with client.messages.stream(**given) as events:
            return self._said(events.get_final_message())

    def results(self, said):
        results = [{"type": "tool_result", "tool_use_id": id_, "content": WEATHER} for id_ in said.call_ids]
        return [{"role": "user", "content": results}]

    def usage(self, tokens):
        """This format counts what the cache read and wrote beside the input, not in it."""
        read, written = tokens["cache_read_tokens"], tokens["cache_write_tokens"]
        return {
            "input_tokens": tokens["input_tokens"] - read - written,
            "cache_read_input_tokens": read,
            "cache_creation_input_tokens": written,
            "output_tokens": tokens["output_tokens"],
        }

    def _said(self, answer):
        uses = [block for block in answer.content if block.type == "tool_use"]
        return Said(
            text="".join(block.text for block in answer.content if block.type == "text"),
            finish=answer.stop_reason,
            calls=[(use.name, use.input) for use in uses],
            call_ids=[use.id for use in uses],
            usage=answer.usage.model_dump(),
            model=answer.model,
            thought="".join(block.thinking for block in answer.content if block.type == "thinking"),
            turn=[{"role": "assistant", "content": [block.to_dict() for block in answer.content]}],
        )


class Responses:
    """The Responses client at work."""

    finishes = {"text": "completed", "tools": "completed"}
    thinks = {"reasoning": {"effort": "medium", "summary": "auto"}, "include": ["reasoning.encrypted_content"]}

    def ask(self, client, stream, turns, **more) -> Said:
        given = {"model": MODEL, "input": [{"role": "user", "content": GREETING}, *turns], "store": False, **more}
        if not stream:
            return self._said(client.responses.create(**given))
        with client.responses.stream(**given) as events:
            return self._said(events.get_final_response())

    def results(self, said):
        return [{"type": "function_call_output", "call_id": id_, "output": WEATHER} for id_ in said.call_ids]

    def usage(self, tokens):
        return {
            "input_tokens": tokens["input_tokens"],
            "output_tokens": tokens["output_tokens"],
            "total_tokens": tokens["total_tokens"],
            "cached_tokens": tokens["cache_read_tokens"],
        }

    def _said(self, answer):
        calls, used = [item for item in answer.output if item.type == "function_call"], answer.usage.model_dump()
        summaries = [part.text for item in answer.output if item.type == "reasoning" for part in item.summary]
        return Said(
            text=answer.output_text,
            finish=answer.status,
            calls=[(call.name, json.loads(call.arguments)) for call in calls],
            call_ids=[call.call_id for call in calls],
            usage={**used, **used["input_tokens_details"]},
            model=answer.model,
            thought="".join(summaries),
            turn=[item.to_dict() for item in answer.output],
        )


TALKERS = {CHAT.name: Chat(), MESSAGES.name: Messages(), RESPONSES.name: Responses()}


class Bridge:
    """A client of one format, and a pool whose only key speaks another."""

    def __init__(self, pool, upstream, speaker, other):
        self.pool, self.upstream, self.speaker, self.other = pool, upstream, speaker, other
        self.talker = TALKERS[speaker.name]
        self.client = speaker.connect(pool.url, pool.client_token)
        upstream.on(KEY)
        pool.add_key("custom", upstream.url, KEY, formats=[other.name])
        pool.add_route(MODEL, other.model)

    def ask(self, stream: bool, turns: list = (), **more) -> Said:
        return self.talker.ask(self.client, stream, turns, **more)

    def fail(self, stream: bool):
        """The SDK's error of a call that must not go well."""
        with pytest.raises(self.speaker.sdk.APIError) as raised:
            self.ask(stream)
        return raised.value

    def record(self) -> dict:
        """The record of the only call."""
        [row] = self.pool.records()
        return self.pool.record(row["call_id"])


@pytest.fixture(params=PAIRS, ids=lambda pair: f"{pair[0].name}_over_{pair[1].name}")
def bridge(pool, upstream, request):
    return Bridge(pool, upstream, *request.param)


def test_a_text_is_the_text(bridge, stream):
    said = bridge.ask(stream)

    assert (said.text, said.calls) == (TEXT, [])
    assert said.finish == bridge.talker.finishes["text"]


def test_the_upstream_is_asked_in_its_own_words(bridge, stream):
    said = bridge.ask(stream)

    [asked] = bridge.upstream.asked(KEY)
    assert asked.path == bridge.other.wire.PATH
    assert asked.json()["model"] == bridge.other.model
    # Always as a stream: an answer that grows looks dead to nobody between.
    assert asked.json()["stream"] is True
    # The client hears the name by which it asked.
    assert said.model == MODEL


def test_parallel_tool_calls_come_whole_and_in_order(bridge, stream):
    said = bridge.ask(stream, tools=bridge.speaker.tools)

    assert said.calls == CALLS
    assert len(set(said.call_ids)) == len(CALLS) and all(said.call_ids)
    assert said.finish == bridge.talker.finishes["tools"]


def test_tool_results_find_their_way_back(bridge, stream):
    tools = bridge.speaker.tools
    first = bridge.ask(stream, tools=tools)

    second = bridge.ask(stream, [*first.turn, *bridge.talker.results(first)], tools=tools)

    assert (second.text, second.finish) == (TEXT, bridge.talker.finishes["text"])
    sent = bridge.upstream.last().body.decode()
    assert sent.count(WEATHER) == len(CALLS)
    assert all(sent.count(json.dumps(id_)) == 2 for id_ in first.call_ids)


def test_results_stand_where_the_upstream_wants_them(bridge, stream):
    """Every service refuses results that do not follow their calls at once and one to one."""
    tools = bridge.speaker.tools
    first = bridge.ask(stream, tools=tools)
    bridge.ask(stream, [*first.turn, *bridge.talker.results(first)], tools=tools)

    calls, results = ORDERS[bridge.other.name](bridge.upstream.last().json())
    assert (calls, results) == (first.call_ids, first.call_ids)


def _chat_order(request):
    *_, assistant, one, two = request["messages"]
    return [call["id"] for call in assistant["tool_calls"]], [result["tool_call_id"] for result in (one, two)]


def _messages_order(request):
    *_, assistant, user = request["messages"]
    assert (assistant["role"], user["role"]) == ("assistant", "user")
    uses = [block["id"] for block in assistant["content"] if block["type"] == "tool_use"]
    return uses, [block["tool_use_id"] for block in user["content"]]


def _responses_order(request):
    *_, one, two, three, four = request["input"]
    kinds = ["function_call"] * 2 + ["function_call_output"] * 2
    assert [item["type"] for item in (one, two, three, four)] == kinds
    return [item["call_id"] for item in (one, two)], [item["call_id"] for item in (three, four)]


ORDERS = {CHAT.name: _chat_order, MESSAGES.name: _messages_order, RESPONSES.name: _responses_order}


def test_usage_is_told_as_the_clients_format_counts(bridge, stream):
    said = bridge.ask(stream)

    expected = bridge.talker.usage(TOKENS[bridge.other.name])
    assert pick(said.usage, expected) == expected


def test_the_record_names_both_formats_and_the_upstreams_tokens(bridge, stream):
    bridge.ask(stream)

    tokens = TOKENS[bridge.other.name]
    expected = {
        **tokens,
        "format": bridge.speaker.name,
        "upstream_format": bridge.other.name,
        "model": MODEL,
        "upstream_model": bridge.other.model,
        "outcome": "done",
        "stream": stream,
        "estimated": False,
    }
    record = bridge.record()
    assert pick(record, expected) == expected


def think(bridge, stream) -> dict:
    """Has the model think and call tools, and says what the upstream is sent with the results."""
    more = {"tools": bridge.speaker.tools, **bridge.talker.thinks}
    first = bridge.ask(stream, **more)
    second = bridge.ask(stream, [*first.turn, *bridge.talker.results(first)], **more)
    assert (first.thought, first.calls, second.text) == (THINKING["thinking"], CALLS, TEXT)
    return bridge.upstream.last().json()


def test_a_thought_goes_back_as_it_was_signed(pool, upstream, stream):
    sent = think(Bridge(pool, upstream, RESPONSES, MESSAGES), stream)

    assert sent["messages"][1]["content"][0] == THINKING
    assert sent["thinking"]["type"] == "enabled"


def test_a_thought_of_a_client_that_has_no_place_for_it_goes_back_all_the_same(pool, upstream, stream):
    """Chat has no place for signatures; the pool remembers them by the calls that the client returns."""
    sent = think(Bridge(pool, upstream, CHAT, MESSAGES), stream)

    assert sent["messages"][1]["content"][0] == THINKING
    assert sent["thinking"]["type"] == "enabled"


def test_without_its_signature_a_thought_stays_at_home(pool, upstream, stream):
    """Without signatures a turn of tools can only go on without thinking."""
    bridge = Bridge(pool, upstream, CHAT, MESSAGES)
    more = {"tools": bridge.speaker.tools, **bridge.talker.thinks}
    first = bridge.ask(stream, **more)
    # The pool has never seen these calls.
    turns = json.loads(re.sub(r'"(call_|toolu_)', r'"\1other', json.dumps([*first.turn, *bridge.talker.results(first)])))
    bridge.ask(stream, turns, **more)
    sent = upstream.last().json()

    assert sent["messages"][1]["content"][0]["type"] == "text"
    assert sent["thinking"] == {"type": "disabled"}


def test_a_stream_may_arrive_torn_anywhere(bridge):
    bridge.upstream.on(KEY, Answer(piece=1))

    said = bridge.ask(stream=True, tools=bridge.speaker.tools)

    assert said.calls == CALLS


REFUSALS = {"bad_request": "BadRequestError", "limited": "RateLimitError", "overloaded": "InternalServerError"}


@pytest.mark.parametrize(("kind", "error"), REFUSALS.items(), ids=REFUSALS)
def test_a_refusal_is_the_clients_own_kind_of_error(bridge, stream, kind, error):
    bridge.upstream.on(KEY, Refuse(kind))

    raised = bridge.fail(stream)

    assert isinstance(raised, getattr(bridge.speaker.sdk, error))
    body = raised.response.json()
    assert body["error"]["message"] and body["error"]["type"]
    assert ("type" in body) == (bridge.speaker is MESSAGES)


def test_the_callers_mistake_is_told_in_the_upstreams_words(bridge, stream):
    bridge.upstream.on(KEY, Refuse("bad_request"))

    raised = bridge.fail(stream)

    # Clients shorten their history when they read the words of their own format, which may stand before the upstream's.
    assert bridge.other.wire.fault("bad_request").body["error"]["message"] in raised.response.json()["error"]["message"]
    record = bridge.record()
    assert (record["outcome"], record["http_status_code"], record["attempts"]) == ("failed", 400, 1)


def test_an_error_in_place_of_an_answer_is_an_error(bridge):
    bridge.upstream.on(KEY, FailInside("overloaded"))

    assert isinstance(bridge.fail(stream=False), bridge.speaker.sdk.InternalServerError)


@pytest.mark.parametrize("after_opening", [False, True], ids=["at_once", "after_opening"])
def test_an_error_inside_an_answer_is_an_error(bridge, after_opening):
    bridge.upstream.on(KEY, FailInside("overloaded", after_opening))

    bridge.fail(stream=True)

    assert bridge.record()["outcome"] == "failed"


@pytest.mark.parametrize("then", ["reset", "close", "end"])
def test_a_cut_stream_is_never_a_whole_answer(bridge, then):
    bridge.upstream.on(KEY, pause := Pause(then))
    pause.go()

    raised = bridge.fail(stream=True)

    # A lost connection would be no error in the client's format.
    assert not isinstance(raised, bridge.speaker.sdk.APIConnectionError)
    record = bridge.pool.settled()
    assert (record["outcome"], record["estimated"]) == ("cut", True)
    assert record["input_tokens"] > 0 and record["output_tokens"] > 0


def test_content_arrives_while_the_upstream_still_writes(bridge):
    bridge.upstream.on(KEY, pause := Pause())
    texts = bridge.speaker.open(bridge.client, model=MODEL).texts()
    # With a pool that collects, this would wait until the client's patience ends.
    first = next(texts)
    pause.go()

    assert first + "".join(texts) == TEXT


@pytest.mark.parametrize("other", [MESSAGES, RESPONSES], ids=lambda other: other.name)
def test_usage_that_a_chat_client_did_not_ask_for_is_not_shown(pool, upstream, other):
    bridge = Bridge(pool, upstream, CHAT, other)

    chunks = CHAT.ask(bridge.client, stream=True, model=MODEL).value

    assert all(chunk["choices"] and chunk["usage"] is None for chunk in chunks)
    assert bridge.record()["output_tokens"] == TOKENS[other.name]["output_tokens"]


@pytest.mark.parametrize("other", [CHAT, RESPONSES], ids=lambda other: other.name)
def test_a_probe_for_one_token_is_answered(pool, upstream, other, stream):
    """Agents ask for a single token to see whether a model is there; another service may have a higher least."""
    bridge = Bridge(pool, upstream, MESSAGES, other)

    assert bridge.ask(stream, max_tokens=1).text == TEXT


def test_a_client_that_hangs_up_is_hung_up_upstream(bridge):
    bridge.upstream.on(KEY, Pause())
    reading = bridge.speaker.open(bridge.client, model=MODEL)
    next(reading.texts())
    reading.close()

    assert bridge.upstream.asked(KEY)[0].closed.wait(PATIENCE)
    assert bridge.pool.settled()["outcome"] == "hung_up"


def test_half_a_plain_answer_is_never_a_whole_one(bridge):
    bridge.upstream.on(KEY, CutShort())

    raised = bridge.fail(stream=False)

    assert isinstance(raised, bridge.speaker.sdk.InternalServerError)
    assert bridge.pool.settled()["outcome"] in ("cut", "failed")


def test_a_limit_says_when_to_come_back(bridge, stream):
    bridge.upstream.on(KEY, Refuse("limited", retry_after=30))

    raised = bridge.fail(stream)

    assert 0 < int(raised.response.headers["retry-after"]) <= 30
