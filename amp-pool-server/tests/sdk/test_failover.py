"""A key that fails is replaced by the next before the client notices; when none is left, the client hears the truth."""

from dataclasses import dataclass
from typing import Any

import pytest

from books import COSTS, TOKENS, nanos, pick
from speakers import CHAT
from upstream import FailInside, Hang, Refuse, Reset
from wire import TEXT

# Long enough for a busy machine to answer, short enough to wait for. A plain answer begins when it is whole.
SHORT_WAIT = pytest.mark.settings(AMP_POOL_FIRST_BYTE_TIMEOUT_MS="700", AMP_POOL_WHOLE_ANSWER_TIMEOUT_MS="700")

FIRST, SECOND = "sk-first-7c2e91d04b6a", "sk-second-e58f13a7c09d"


@dataclass
class Failure:
    """What the first key meets, and what its attempt is called in the record."""

    behaviour: Any
    verdict: str
    status: dict[str, int | None]
    """The upstream's status by provider."""


def _status(openai: int | None, anthropic: int | None) -> dict[str, int | None]:
    return {"openai": openai, "anthropic": anthropic}


FAILURES = {
    "limited": Failure(Refuse("limited", retry_after=30), "rate_limited", _status(429, 429)),
    "unauthorized": Failure(Refuse("unauthorized"), "bad_credential", _status(401, 401)),
    "broken": Failure(Refuse("broken"), "upstream_fault", _status(500, 500)),
    "overloaded": Failure(Refuse("overloaded"), "overloaded", _status(503, 529)),
    "reset": Failure(Reset(), "network", _status(None, None)),
    "hang": Failure(Hang(), "network", _status(None, None)),
    "error_inside": Failure(FailInside("overloaded"), "overloaded", _status(200, 200)),
}
MATRIX = [pytest.param(name, marks=[SHORT_WAIT] if name == "hang" else []) for name in FAILURES]

# How a client sees that no key was left, by what the only key met.
LAST_WORDS = {"limited": "RateLimitError", "broken": "InternalServerError", "overloaded": "InternalServerError"}


@pytest.fixture
def two_keys(pool, upstream, speaker):
    """The ids of two keys; the first is preferred and does what the test says, the second answers."""
    upstream.on(SECOND)
    first = pool.add_key(speaker.provider, upstream.url, FIRST, priority=10)
    return first, pool.add_key(speaker.provider, upstream.url, SECOND, priority=0)


@pytest.fixture
def one_key(pool, upstream, speaker):
    """The id of the only key, which does what the test says."""
    return pool.add_key(speaker.provider, upstream.url, FIRST)


def ask(pool, speaker, stream, **options):
    return speaker.ask(speaker.connect(pool.url, pool.client_token, **options), stream)


def fail(pool, speaker, stream, **options):
    with pytest.raises(speaker.sdk.APIStatusError) as raised:
        ask(pool, speaker, stream, **options)
    return raised.value


@pytest.mark.parametrize("name", MATRIX)
def test_the_second_key_answers_for_the_first(pool, upstream, two_keys, speaker, stream, name):
    failure = FAILURES[name]
    upstream.on(FIRST, failure.behaviour)

    seen = ask(pool, speaker, stream)

    assert seen.text == TEXT
    assert [len(upstream.asked(key)) for key in (FIRST, SECOND)] == [1, 1]
    record = pool.record(seen.call_id)
    assert [(attempt["key_id"], attempt["verdict"], attempt["served"]) for attempt in record["attempts_detail"]] == [
        (two_keys[0], failure.verdict, False),
        (two_keys[1], "answer", True),
    ]
    assert record["attempts_detail"][0]["http_status_code"] == failure.status[speaker.provider]
    assert (record["outcome"], record["attempts"], record["key_id"]) == ("done", 2, two_keys[1])
    assert pick(record, TOKENS[speaker.name]) == TOKENS[speaker.name]
    assert nanos(record["cost"]) == COSTS[speaker.name]


def test_an_error_behind_the_opening_fails_over_too(pool, upstream, two_keys, speaker):
    """The opening says nothing yet: as long as no content came, another key can still answer."""
    upstream.on(FIRST, FailInside("overloaded", after_opening=True))

    seen = ask(pool, speaker, stream=True)

    assert seen.text == TEXT
    verdicts = [attempt["verdict"] for attempt in pool.record(seen.call_id)["attempts_detail"]]
    assert verdicts == ["overloaded", "answer"]


def test_the_callers_mistake_is_not_tried_on_another_key(pool, upstream, two_keys, speaker, stream):
    upstream.on(FIRST, Refuse("bad_request"))

    error = fail(pool, speaker, stream)

    assert error.status_code == 400
    assert upstream.asked(SECOND) == []
    assert [key["status"]["state"] for key in pool.keys()] == ["ready", "ready"]


def test_a_limited_key_is_left_alone_while_it_cools(pool, upstream, two_keys, speaker, stream):
    upstream.on(FIRST, Refuse("limited", retry_after=30))

    texts = [ask(pool, speaker, stream).text for _ in range(3)]

    assert texts == [TEXT] * 3
    assert [len(upstream.asked(key)) for key in (FIRST, SECOND)] == [1, 3]
    [model] = pool.health(two_keys[0])["models"]
    assert (model["model"], model["state"]) == (speaker.model, "cooling")
    assert model["until"] and model["reason"]


@pytest.mark.parametrize(("name", "error"), LAST_WORDS.items(), ids=LAST_WORDS)
def test_the_last_failure_is_told_in_the_callers_format(pool, upstream, one_key, speaker, stream, name, error):
    upstream.on(FIRST, FAILURES[name].behaviour)

    raised = fail(pool, speaker, stream)

    assert isinstance(raised, getattr(speaker.sdk, error))
    record = pool.record(raised.response.headers["x-request-id"])
    assert (record["outcome"], record["attempts"]) == ("failed", 1)
    assert record["attempts_detail"][0]["verdict"] == FAILURES[name].verdict
    assert nanos(record["cost"]) == 0


def test_a_bad_key_of_ours_is_not_the_clients_bad_token(pool, upstream, one_key, speaker, stream):
    upstream.on(FIRST, Refuse("unauthorized"))

    assert fail(pool, speaker, stream).status_code >= 500


def test_a_client_does_not_repeat_what_the_pool_has_tried(pool, upstream, one_key, speaker, stream):
    upstream.on(FIRST, Refuse("broken"))

    error = fail(pool, speaker, stream, max_retries=2)

    assert error.response.headers["x-should-retry"] == "false"
    assert len(upstream.asked(FIRST)) == 1
    assert len(pool.records()) == 1


def test_a_pool_that_cools_says_at_once_when_to_come_back(pool, upstream, one_key, speaker, stream):
    upstream.on(FIRST, Refuse("limited", retry_after=30))
    fail(pool, speaker, stream)

    error = fail(pool, speaker, stream)

    assert isinstance(error, speaker.sdk.RateLimitError)
    assert 0 < int(error.response.headers["retry-after"]) <= 30
    assert len(upstream.asked(FIRST)) == 1


def test_health_is_kept_per_model(pool, upstream):
    upstream.on(FIRST)
    upstream.on(FIRST, Refuse("limited", retry_after=30), model="gpt-4o-mini")
    pool.add_key("openai", upstream.url, FIRST)
    client = pool.openai()

    with pytest.raises(CHAT.sdk.RateLimitError):
        CHAT.ask(client, stream=False, model="gpt-4o-mini")

    assert CHAT.ask(client, stream=False).text == TEXT
