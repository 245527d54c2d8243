"""The scripted upstream is what it pretends to be: the official clients, pointed straight at it, see the real services.

Needs no server. Whatever fails here makes every other test here meaningless.
"""

import time

import pytest

from conftest import DIRECT
from speakers import CHAT, GREETING, MESSAGES, RESPONSES, raw_client
from upstream import PATIENCE, Answer, CutShort, FailInside, Hang, Pause, Refuse, Reset
from wire import TEXT

TOOLS = [("get_weather", {"city": "Zürich", "days": 3}), ("get_time", {"zone": "Europe/Zurich"})]


@pytest.fixture
def client(upstream, speaker):
    upstream.on(DIRECT)
    return speaker.connect(upstream.url, DIRECT)


def test_an_answer_reads_the_same_plain_and_streamed(client, speaker, stream):
    assert speaker.ask(client, stream).text == TEXT


@pytest.mark.parametrize("piece", [1, 7, 4096])
def test_a_stream_may_be_torn_anywhere(client, upstream, speaker, piece):
    upstream.on(DIRECT, Answer(piece=piece))

    assert speaker.ask(client, stream=True).text == TEXT


def test_chat_tool_calls_are_assembled_by_the_stream_helper(upstream):
    upstream.on(DIRECT)
    client = CHAT.connect(upstream.url, DIRECT)

    with client.chat.completions.stream(**CHAT.arguments(tools=CHAT.tools)) as events:
        whole = events.get_final_completion()

    plain = client.chat.completions.create(**CHAT.arguments(tools=CHAT.tools))
    assert [call.function.arguments for call in whole.choices[0].message.tool_calls] == [
        call.function.arguments for call in plain.choices[0].message.tool_calls
    ]
    assert whole.choices[0].finish_reason == plain.choices[0].finish_reason == "tool_calls"


def test_messages_tool_calls_are_assembled_by_the_stream_helper(upstream):
    upstream.on(DIRECT)
    client = MESSAGES.connect(upstream.url, DIRECT)
    thinking = {"type": "enabled", "budget_tokens": 1024}
    arguments = MESSAGES.arguments(tools=MESSAGES.tools, max_tokens=2048, thinking=thinking)

    with client.messages.stream(**arguments) as events:
        whole = events.get_final_message()

    assert [(block.name, block.input) for block in whole.content if block.type == "tool_use"] == TOOLS
    assert whole.content[0].signature
    assert whole.usage.cache_creation.ephemeral_1h_input_tokens == 1024
    assert whole.usage.output_tokens == 61


def test_responses_tool_calls_are_assembled_by_the_stream_helper(upstream):
    upstream.on(DIRECT)
    client = RESPONSES.connect(upstream.url, DIRECT)

    with client.responses.stream(**RESPONSES.arguments(tools=RESPONSES.tools)) as events:
        seen = list(events)
        whole = events.get_final_response()

    assert [item.type for item in whole.output] == ["reasoning", "function_call", "function_call"]
    assert [event.sequence_number for event in seen] == list(range(len(seen)))


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("bad_request", "BadRequestError"),
        ("unauthorized", "AuthenticationError"),
        ("forbidden", "PermissionDeniedError"),
        ("not_found", "NotFoundError"),
        ("unprocessable", "UnprocessableEntityError"),
        ("limited", "RateLimitError"),
        ("broken", "InternalServerError"),
        ("overloaded", "InternalServerError"),
    ],
)
def test_an_error_is_the_sdks_own_exception(client, upstream, speaker, stream, kind, error):
    upstream.on(DIRECT, Refuse(kind, retry_after=30))

    with pytest.raises(getattr(speaker.sdk, error)) as raised:
        speaker.ask(client, stream)

    assert raised.value.response.headers["retry-after"] == "30"


def test_what_the_services_refuse_is_refused(upstream):
    upstream.on(DIRECT)
    chat, messages = CHAT.connect(upstream.url, DIRECT), MESSAGES.connect(upstream.url, DIRECT)

    with pytest.raises(CHAT.sdk.AuthenticationError):
        CHAT.ask(CHAT.connect(upstream.url, "sk-nobody-knows"), stream=False)
    with pytest.raises(CHAT.sdk.NotFoundError):
        CHAT.ask(chat, stream=False, model="gpt-0")
    with pytest.raises(CHAT.sdk.BadRequestError, match="only allowed when 'stream'"):
        CHAT.ask(chat, stream=False, stream_options={"include_usage": True})
    with pytest.raises(MESSAGES.sdk.BadRequestError, match="max_tokens"):
        messages.post("/v1/messages", cast_to=object, body={"model": MESSAGES.model, "messages": []})


def test_a_script_goes_on_with_its_last_behaviour(client, upstream, speaker):
    upstream.on(DIRECT, Refuse("broken"), Answer())

    with pytest.raises(speaker.sdk.InternalServerError):
        speaker.ask(client, stream=False)
    texts = [speaker.ask(client, stream=False).text for _ in range(2)]

    assert texts == [TEXT, TEXT]
    assert len(upstream.asked(DIRECT)) == 3


def test_one_model_may_be_scripted_alone(upstream):
    upstream.on(DIRECT)
    upstream.on(DIRECT, Refuse("limited"), model="gpt-4o-mini")
    client = CHAT.connect(upstream.url, DIRECT)

    assert CHAT.ask(client, stream=False).text == TEXT
    with pytest.raises(CHAT.sdk.RateLimitError):
        CHAT.ask(client, stream=False, model="gpt-4o-mini")


def test_a_reset_is_a_lost_connection(client, upstream, speaker, stream):
    upstream.on(DIRECT, Reset())

    with pytest.raises(speaker.sdk.APIConnectionError):
        speaker.ask(client, stream)


def test_a_hanging_upstream_sees_the_client_give_up(upstream, speaker):
    upstream.on(DIRECT, Hang())

    with pytest.raises(speaker.sdk.APITimeoutError):
        speaker.ask(speaker.connect(upstream.url, DIRECT, timeout=0.1), stream=False)

    assert upstream.last().closed.wait(PATIENCE)


@pytest.mark.parametrize("after_opening", [False, True])
def test_an_error_inside_a_stream_is_raised(client, upstream, speaker, after_opening):
    upstream.on(DIRECT, FailInside("overloaded", after_opening))

    with pytest.raises(speaker.sdk.APIError, match="(?i)overloaded"):
        speaker.ask(client, stream=True)


def test_a_paused_stream_goes_on_when_told(client, upstream, speaker):
    upstream.on(DIRECT, pause := Pause())
    texts = speaker.open(client).texts()
    first = next(texts)
    pause.go()

    assert first + "".join(texts) == TEXT


@pytest.mark.parametrize("then", ["reset", "close"])
def test_a_cut_stream_is_no_whole_answer(client, upstream, speaker, then):
    upstream.on(DIRECT, pause := Pause(then))
    texts = speaker.open(client).texts()
    next(texts)
    pause.go()

    with pytest.raises(Exception, match="(?i)connection|incomplete|closed|reset"):
        list(texts)


def test_a_hang_up_is_noticed(client, upstream, speaker):
    upstream.on(DIRECT, Pause())
    reading = speaker.open(client)
    next(reading.texts())
    before = time.monotonic()
    reading.close()

    assert upstream.last().closed.wait(PATIENCE)
    assert time.monotonic() - before < 1


def test_a_plain_answer_may_end_too_early(upstream):
    upstream.on(DIRECT, CutShort())
    http = raw_client(upstream.url, headers={"authorization": f"Bearer {DIRECT}"})

    with pytest.raises(Exception, match="(?i)closed|incomplete"):
        http.post("/v1/chat/completions", json=CHAT.arguments())


def test_requests_are_kept_to_the_byte(upstream):
    upstream.on(DIRECT)
    body = b'{ "model":"gpt-5-mini" , "messages":[{"role":"user","content":"\\u0041"}]}'
    http = raw_client(upstream.url, headers={"authorization": f"Bearer {DIRECT}"})

    http.post("/v1/chat/completions?a=1&b=%20", content=body)

    assert upstream.last().body == body
    assert upstream.last().target == "/v1/chat/completions?a=1&b=%20"
    assert GREETING.encode() not in upstream.last().body
