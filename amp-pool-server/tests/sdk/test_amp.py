"""Amp: keys of it as upstreams, by the official clients, and clients that take the pool for Amp."""

import pytest

from speakers import CHAT, MESSAGES, RESPONSES
from upstream import Gone, Packed, Refuse
from wire import TEXT, amp

KEY, OTHER = "sgamp_user_01k5f3c7a9", "sk-other-5d80b2e6f1"
PLACES = {"chat": "openai/v1/chat/completions", "messages": "anthropic/v1/messages", "responses": "openai/v1/responses"}
SEGMENTS = {"chat": "openai", "messages": "anthropic", "responses": "openai"}


@pytest.fixture
def amp_key(pool, upstream) -> int:
    """The id of a key of Amp, which does what Amp does."""
    upstream.on(KEY)
    return pool.add_key("amp", upstream.url, KEY, priority=10)


def ask(pool, speaker, stream, base="", **more):
    return speaker.ask(speaker.connect(pool.url + base, pool.client_token), stream, **more)


def test_each_format_goes_to_its_place_with_both_headers(pool, upstream, amp_key, speaker, stream):
    seen = ask(pool, speaker, stream)

    sent = upstream.last()
    assert (seen.text, sent.target) == (TEXT, amp.TREE + PLACES[speaker.name])
    headers = sent.headers
    assert (headers["authorization"], headers["x-api-key"]) == (f"Bearer {KEY}", KEY)
    assert (headers["x-amp-feature"], headers["x-amp-client-type"]) == ("amp.chat", "cli")
    record = pool.record(seen.call_id)
    assert (record["provider"], record["key_id"], record["outcome"]) == ("amp", amp_key, "done")
    assert record["input_tokens"] and record["output_tokens"] and not record["estimated"]


@pytest.mark.parametrize(
    ("model", "place"),
    [
        ("gpt-5-mini", "openai/v1"),
        ("grok-4.6", "xai/v1"),
        ("accounts/fireworks/models/glm-5", "fireworks/v1"),
        ("moonshotai/Kimi-K2.5", "baseten/v1"),
        ("openai/gpt-oss-120b", "groq"),
        ("kimi-k3", "kimi"),
        ("gpt-oss-120b", "cerebras/v1"),
    ],
)
def test_each_model_has_its_place(pool, upstream, amp_key, model, place, stream):
    assert ask(pool, CHAT, stream, model=model).text == TEXT
    assert upstream.last().target == f"{amp.TREE}{place}/chat/completions"


@pytest.mark.parametrize(
    ("speaker", "model", "place"),
    [
        pytest.param(CHAT, MESSAGES.model, PLACES["messages"], id="chat over messages"),
        pytest.param(RESPONSES, MESSAGES.model, PLACES["messages"], id="responses over messages"),
        pytest.param(MESSAGES, CHAT.model, None, id="messages over openai"),
    ],
)
def test_a_model_of_another_format_is_translated(pool, upstream, amp_key, speaker, model, place, stream):
    assert ask(pool, speaker, stream, model=model).text == TEXT
    places = [place] if place else [PLACES["chat"], PLACES["responses"]]
    assert upstream.last().target.removeprefix(amp.TREE) in places
    assert not upstream.refused()


def test_a_tree_that_is_gone_is_the_upstreams_trouble_and_another_key_answers(pool, upstream, amp_key, speaker, stream):
    upstream.on(KEY, Gone())
    upstream.on(OTHER)
    other = pool.add_key(speaker.provider, upstream.url, OTHER)

    seen = ask(pool, speaker, stream)

    assert (seen.text, pool.record(seen.call_id)["key_id"]) == (TEXT, other)
    [key] = [key for key in pool.keys() if key["id"] == amp_key]
    assert (key["enabled"], key["status"]["state"]) == (True, "cooling")
    assert "this upstream no longer offers the API" in key["status"]["reason"]
    first = pool.record(seen.call_id)["attempts_detail"][0]
    assert (first["verdict"], first["decided_by"]["source"]) == ("upstream_fault", "provider")


def test_a_tree_that_is_gone_is_told_the_client_as_an_error_of_the_upstream(pool, upstream, amp_key, speaker, stream):
    upstream.on(KEY, Gone())

    with pytest.raises(speaker.sdk.APIStatusError) as raised:
        ask(pool, speaker, stream)

    assert raised.value.status_code in (500, 502)
    assert KEY not in str(raised.value)


def test_an_answer_that_is_packed_without_a_word_is_read(pool, upstream, amp_key, speaker):
    upstream.on(KEY, Packed())

    seen = ask(pool, speaker, stream=False)

    assert seen.text == TEXT
    record = pool.record(seen.call_id)
    assert (record["outcome"], record["estimated"]) == ("done", False) and record["input_tokens"]


def test_a_packed_answer_is_translated(pool, upstream, amp_key):
    upstream.on(KEY, Packed())

    assert ask(pool, RESPONSES, stream=False, model=MESSAGES.model).text == TEXT


def test_a_packed_refusal_is_read_as_well(pool, upstream, amp_key):
    upstream.on(KEY, Packed())

    with pytest.raises(MESSAGES.sdk.BadRequestError) as raised:
        ask(pool, MESSAGES, stream=False, extra_body={"temperature": 7})

    assert "temperature" in str(raised.value)


def test_money_that_is_gone_is_known_by_the_words(pool, upstream, amp_key):
    upstream.on(KEY, Refuse("forbidden", message="You are out of credits."))
    upstream.on(OTHER)
    pool.add_key("anthropic", upstream.url, OTHER)

    assert ask(pool, MESSAGES, stream=False).text == TEXT
    [key] = [key for key in pool.keys() if key["id"] == amp_key]
    assert key["status"]["state"] == "out_of_credit"


def test_a_client_that_takes_the_pool_for_amp_is_served_by_any_key(pool, upstream, speaker, stream):
    upstream.on(OTHER)
    key = pool.add_key(speaker.provider, upstream.url, OTHER)

    seen = ask(pool, speaker, stream, base=f"/api/provider/{SEGMENTS[speaker.name]}")

    assert (seen.text, upstream.last().target) == (TEXT, speaker.wire.PATH)
    assert pool.record(seen.call_id)["key_id"] == key


def test_amp_to_amp_keeps_the_place(pool, upstream, amp_key, speaker, stream):
    seen = ask(pool, speaker, stream, base=f"/api/provider/{SEGMENTS[speaker.name]}")

    assert (seen.text, upstream.last().target) == (TEXT, amp.TREE + PLACES[speaker.name])


def test_a_token_nobody_knows_is_refused_in_the_clients_own_words(pool, upstream, amp_key, speaker):
    client = speaker.connect(f"{pool.url}/api/provider/{SEGMENTS[speaker.name]}", "sgamp_somebody_elses")

    with pytest.raises(speaker.sdk.AuthenticationError):
        speaker.ask(client, stream=False)
    assert not upstream.asked(KEY)
