"""After the first content there is no other key: an answer that breaks ends as an error, and what came is booked."""

import httpx2
import pytest

from books import nanos
from speakers import raw_client
from upstream import CutShort, Hang, Pause
from wire import TEXT

ONLY, SPARE = "sk-only-90b1c4d7e2f3", "sk-spare-1d6e8f0a2b3c"

# How soon an upstream has to know that nobody listens any more.
CLOSED_WITHIN = 2.0


@pytest.fixture
def client(pool, upstream, speaker):
    """A client of a pool that has a second key at hand, which must not be used."""
    pool.add_key(speaker.provider, upstream.url, ONLY, priority=10)
    pool.add_key(speaker.provider, upstream.url, SPARE, priority=0)
    upstream.on(SPARE)
    return speaker.connect(pool.url, pool.client_token)


def assert_booked(record: dict, outcome: str) -> None:
    """What came is paid for, by estimate, and never for nothing."""
    assert (record["outcome"], record["status"], record["attempts"]) == (outcome, "error", 1)
    assert record["estimated"] is True
    assert record["input_tokens"] > 0 and record["output_tokens"] > 0
    assert nanos(record["cost"]) > 0


def read_to_the_error(speaker, reading, first: str, texts) -> str:
    """Reads on until the client raises, and says what text came."""
    seen = [first]
    with pytest.raises(speaker.sdk.APIError) as raised:
        seen += texts
    # A lost connection would be no error in the client's format.
    assert not isinstance(raised.value, speaker.sdk.APIConnectionError)
    return "".join(seen)


@pytest.mark.parametrize("then", ["reset", "close", "end"])
def test_a_cut_stream_ends_in_an_error_and_not_in_another_answer(pool, upstream, client, speaker, then):
    upstream.on(ONLY, pause := Pause(then))
    reading = speaker.open(client)
    texts = reading.texts()
    first = next(texts)
    pause.go()

    text = read_to_the_error(speaker, reading, first, texts)

    assert TEXT.startswith(text) and text != TEXT
    assert upstream.asked(SPARE) == []
    assert_booked(pool.settled(reading.call_id), "cut")


@pytest.mark.settings(AMP_POOL_IDLE_TIMEOUT_MS="400")
def test_a_stream_that_falls_silent_is_cut(pool, upstream, client, speaker):
    upstream.on(ONLY, Pause())
    reading = speaker.open(client)
    texts = reading.texts()

    read_to_the_error(speaker, reading, next(texts), texts)

    assert upstream.asked(ONLY)[0].closed.wait(CLOSED_WITHIN)
    assert_booked(pool.settled(reading.call_id), "cut")


def test_a_client_that_hangs_up_is_hung_up_upstream(pool, upstream, client, speaker):
    upstream.on(ONLY, Pause())
    reading = speaker.open(client)
    next(reading.texts())
    reading.close()

    assert upstream.asked(ONLY)[0].closed.wait(CLOSED_WITHIN)
    assert_booked(pool.settled(reading.call_id), "hung_up")


def test_a_client_that_leaves_before_the_answer_is_noticed(pool, upstream, client, speaker, stream):
    upstream.on(ONLY, Hang())

    with pytest.raises(speaker.sdk.APITimeoutError):
        speaker.ask(client.with_options(timeout=0.5), stream)

    assert upstream.asked(ONLY)[0].closed.wait(CLOSED_WITHIN)
    assert pool.settled()["outcome"] == "hung_up"
    assert upstream.asked(SPARE) == []


def test_half_a_plain_answer_is_never_a_whole_one(pool, upstream, speaker):
    upstream.on(ONLY, CutShort())
    pool.add_key(speaker.provider, upstream.url, ONLY)
    http = raw_client(pool.url, headers=speaker.shows(pool.client_token))

    # Whether the pool had begun to answer is its own affair; what it may not do is to end well.
    try:
        status = http.post(speaker.wire.PATH, json=speaker.arguments()).status_code
    except httpx2.RemoteProtocolError:
        status = None

    assert status is None or status >= 500
    assert pool.settled()["outcome"] in ("cut", "failed")
