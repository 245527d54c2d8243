"""Through the pool and straight at the service, the official clients see and send the same.

Each test makes one exchange twice, directly and through the pool, and compares what came back and what went out.
"""

import json
import uuid

import pytest

from conftest import CREDENTIALS, DIRECT
from speakers import CHAT, GREETING, MESSAGES, RESPONSES, raw_client
from upstream import Answer, Pause, Refuse
from wire import TEXT

# What the pool adds to the body of a Chat stream whose client did not ask for usage, wherever it puts it.
SPLICES = [b',"stream_options":{"include_usage":true}', b'"stream_options":{"include_usage":true},']
STREAMED_WITH_USAGE = {"stream": True, "stream_options": {"include_usage": True}}


def connections(speaker, pool, upstream):
    """A client of the service itself, and one of the pool."""
    return speaker.connect(upstream.url, DIRECT), speaker.connect(pool.url, pool.client_token)


def both(speaker, pool, upstream, do):
    """Does the same on both ways. Returns what was seen and what the upstream was sent, both in pairs."""
    seen, sent = [], []
    for client in connections(speaker, pool, upstream):
        seen.append(do(client))
        sent.append(upstream.last())
    return seen, sent


def test_an_answer_is_what_the_service_itself_gives(fit, upstream, speaker, stream):
    (direct, through), _ = both(speaker, fit, upstream, lambda client: speaker.ask(client, stream))

    assert through.value == direct.value
    assert through.text == TEXT


def test_clients_of_the_amp_layout_get_the_same(fit, upstream, speaker, stream):
    provider = "anthropic" if speaker is MESSAGES else "openai"

    def ask(base_url):
        return speaker.ask(speaker.connect(base_url, fit.client_token), stream), upstream.last()

    (plain, sent), (through, sent_through) = ask(fit.url), ask(f"{fit.url}/api/provider/{provider}")

    assert through.value == plain.value
    assert through.text == TEXT
    assert (sent_through.path, sent_through.body) == (sent.path, sent.body)


def test_tool_calls_come_through(fit, upstream, speaker, stream):
    def ask(client):
        return speaker.ask(client, stream, tools=speaker.tools).value

    (direct, through), _ = both(speaker, fit, upstream, ask)

    assert through == direct
    assert "get_weather" in json.dumps(through)


def lenient(upstream) -> None:
    """An upstream that takes what no service takes."""
    for key in (*CREDENTIALS.values(), DIRECT):
        upstream.on(key, Answer(strict=False))


def test_a_request_leaves_as_the_client_wrote_it(fit, upstream, speaker, stream):
    lenient(upstream)
    _, (direct, through) = both(
        speaker, fit, upstream, lambda client: speaker.ask(client, stream, extra_body={"x": 1.0, "ü": "\n"})
    )

    body = through.body
    if speaker is CHAT and stream:
        assert sum(body.count(splice) for splice in SPLICES) >= 1
        for splice in SPLICES:
            body = body.replace(splice, b"", 1)
    assert body == direct.body
    assert through.target == direct.target


def test_a_body_is_not_written_anew(fit, upstream, speaker):
    """Odd spacing, escapes, number spellings and unknown fields are the client's own business."""
    lenient(upstream)
    odd = b' {"a":1.0e2 , "b" : "\\u0041\\/" , '
    body = odd + json.dumps(speaker.arguments(metadata={"k": "v"})).encode()[1:] + b"\n"

    answer = raw_client(fit.url, headers=speaker.shows(fit.client_token)).post(speaker.wire.PATH, content=body)

    assert answer.status_code == 200, answer.text
    assert upstream.last().body == body


def test_the_bytes_of_an_answer_are_the_upstreams(fit, upstream, speaker, stream):
    request = speaker.arguments(**({} if not stream else STREAMED_WITH_USAGE if speaker is CHAT else {"stream": True}))
    wire = speaker.wire
    say = wire.says(request)
    expected = b"".join(wire.stream(request, say).events()) if stream else wire.answer(request, say)

    answer = raw_client(fit.url, headers=speaker.shows(fit.client_token)).post(wire.PATH, json=request)

    assert answer.content == expected


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_a_stream_may_arrive_torn_anywhere(fit, upstream, speaker, piece):
    whole = speaker.ask(speaker.connect(fit.url, fit.client_token), stream=True)
    upstream.on(CREDENTIALS[speaker.provider], Answer(piece=piece))
    torn = speaker.ask(speaker.connect(fit.url, fit.client_token), stream=True)

    assert torn.value == whole.value


def test_content_arrives_while_the_upstream_still_writes(fit, upstream, speaker):
    upstream.on(CREDENTIALS[speaker.provider], pause := Pause())
    texts = speaker.open(speaker.connect(fit.url, fit.client_token)).texts()
    # With a pool that collects, this would wait until the client's patience ends.
    first = next(texts)
    pause.go()

    assert first + "".join(texts) == TEXT


def test_usage_that_was_asked_for_is_shown(fit, upstream):
    def ask(client):
        return CHAT.ask(client, stream=True, stream_options={"include_usage": True}).value

    (direct, through), sent = both(CHAT, fit, upstream, ask)

    assert through == direct
    assert through[-1]["usage"]["total_tokens"] == 1414
    assert sent[0].body == sent[1].body


@pytest.mark.parametrize("options", [{}, {"stream_options": {"include_usage": False}}], ids=["silent", "refused"])
def test_usage_that_was_not_asked_for_is_hidden(fit, upstream, options):
    (direct, through), (_, sent) = both(CHAT, fit, upstream, lambda client: CHAT.ask(client, stream=True, **options))

    assert through.value == direct.value
    assert all(chunk["choices"] and chunk["usage"] is None for chunk in through.value)
    assert sent.json()["stream_options"]["include_usage"] is True


def test_other_stream_options_survive_the_splice(fit, upstream):
    options = {"include_obfuscation": False}
    _, (_, sent) = both(CHAT, fit, upstream, lambda client: CHAT.ask(client, stream=True, stream_options=options))

    assert sent.json()["stream_options"] == {"include_obfuscation": False, "include_usage": True}


def test_the_chat_stream_helper_assembles_the_same_completion(fit, upstream):
    def ask(client):
        with client.chat.completions.stream(**CHAT.arguments(tools=CHAT.tools)) as events:
            return events.get_final_completion().model_dump()

    (direct, through), _ = both(CHAT, fit, upstream, ask)

    assert through == direct
    assert len(through["choices"][0]["message"]["tool_calls"]) == 2


def test_the_messages_stream_helper_assembles_the_same_message(fit, upstream):
    thinking = {"type": "enabled", "budget_tokens": 1024}

    def ask(client):
        arguments = MESSAGES.arguments(tools=MESSAGES.tools, max_tokens=2048, thinking=thinking)
        with client.messages.stream(**arguments) as events:
            return events.get_final_message().model_dump()

    (direct, through), (sent, forwarded) = both(MESSAGES, fit, upstream, ask)

    assert through == direct
    assert [block["type"] for block in through["content"]] == ["thinking", "text", "tool_use", "tool_use"]
    assert forwarded.body == sent.body


def test_the_responses_stream_helper_assembles_the_same_response(fit, upstream):
    def ask(client):
        with client.responses.stream(**RESPONSES.arguments(tools=RESPONSES.tools)) as events:
            return events.get_final_response().model_dump()

    (direct, through), _ = both(RESPONSES, fit, upstream, ask)

    assert through == direct
    assert [item["type"] for item in through["output"]] == ["reasoning", "function_call", "function_call"]


def test_a_chat_tool_conversation_goes_to_its_end(fit, upstream):
    client = fit.openai()
    asked = CHAT.arguments(tools=CHAT.tools)
    first = client.chat.completions.create(**asked).choices[0].message
    results = [{"role": "tool", "tool_call_id": call.id, "content": "4 °C"} for call in first.tool_calls]
    history = [*asked["messages"], first.model_dump(exclude_none=True), *results]

    second = client.chat.completions.create(**{**asked, "messages": history})

    assert second.choices[0].message.content == TEXT


def test_a_messages_tool_conversation_goes_to_its_end(fit, upstream):
    client = fit.anthropic()
    asked = MESSAGES.arguments(tools=MESSAGES.tools)
    first = client.messages.create(**asked)
    uses = [block for block in first.content if block.type == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": use.id, "content": "4 °C"} for use in uses]
    turns = [{"role": "assistant", "content": first.content}, {"role": "user", "content": results}]

    second = client.messages.create(**{**asked, "messages": [*asked["messages"], *turns]})

    assert (second.stop_reason, second.content[0].text) == ("end_turn", TEXT)


def test_a_responses_tool_conversation_goes_to_its_end(fit, upstream):
    client = fit.openai()
    asked = RESPONSES.arguments(tools=RESPONSES.tools)
    first = client.responses.create(**asked)
    calls = [item for item in first.output if item.type == "function_call"]
    results = [{"type": "function_call_output", "call_id": call.call_id, "output": "4 °C"} for call in calls]
    history = [{"role": "user", "content": GREETING}, *(item.to_dict() for item in first.output), *results]

    assert client.responses.create(**{**asked, "input": history}).output_text == TEXT


def test_betas_keep_their_query_and_their_header(fit, upstream):
    betas = ["context-1m-2025-08-07", "interleaved-thinking-2025-05-14"]

    def ask(client):
        arguments = MESSAGES.arguments(betas=betas, extra_query={"beta": "true", "ü": "a b"})
        return client.beta.messages.create(**arguments).model_dump()

    (direct, through), (sent, forwarded) = both(MESSAGES, fit, upstream, ask)

    assert through == direct
    assert forwarded.target == sent.target
    assert sent.target.startswith("/v1/messages?beta=true&")
    assert forwarded.headers["anthropic-beta"] == sent.headers["anthropic-beta"]


@pytest.mark.parametrize("kind", ["bad_request", "unprocessable"])
def test_the_callers_own_mistake_is_answered_as_by_the_service(fit, upstream, speaker, stream, kind):
    for credential in [DIRECT, CREDENTIALS[speaker.provider]]:
        upstream.on(credential, Refuse(kind))

    def fail(client):
        with pytest.raises(speaker.sdk.APIStatusError) as raised:
            speaker.ask(client, stream)
        return type(raised.value), raised.value.status_code, raised.value.body

    (direct, through), _ = both(speaker, fit, upstream, fail)

    assert through == direct


def test_every_answer_carries_one_call_id(fit, upstream, speaker, stream):
    request = speaker.arguments(stream=stream)
    answer = raw_client(fit.url, headers=speaker.shows(fit.client_token)).post(speaker.wire.PATH, json=request)

    [call_id] = answer.headers.get_list("x-request-id")
    assert uuid.UUID(call_id).version == 7
    assert answer.headers.get_list("request-id") == [call_id]
    # What the service calls it has a name of its own, and what it says of its key's limits stays behind.
    assert answer.headers["x-amp-upstream-request-id"] not in ("", call_id)
    assert not [name for name in answer.headers if "ratelimit" in name]


def test_an_upstream_sees_its_own_credential_and_an_honest_head(fit, upstream, speaker):
    speaker.ask(speaker.connect(fit.url, fit.client_token), stream=False)

    head = upstream.last().headers
    shown = {name: head[name] for name in ("authorization", "x-api-key", "api-key") if name in head}
    credential = CREDENTIALS[speaker.provider]
    expected = {"x-api-key": credential} if speaker is MESSAGES else {"authorization": f"Bearer {credential}"}
    assert shown == expected
    assert head["host"] == upstream.url.removeprefix("http://")
    # Compressed answers could not be metered as they pass.
    assert head["accept-encoding"] == "identity"

