"""What the books say about a call, to the token and to the nano-dollar."""

import pytest

from books import COSTS, GPT_4O_MINI, TOKENS, cost, nanos, pick
from conftest import CREDENTIALS
from speakers import CHAT, MESSAGES
from upstream import Refuse


def ask(pool, speaker, stream=False, **more):
    return speaker.ask(speaker.connect(pool.url, pool.client_token), stream, **more)


def test_a_finished_call_is_booked_exactly(fit, speaker, stream):
    record = fit.record(ask(fit, speaker, stream).call_id)

    assert pick(record, TOKENS[speaker.name]) == TOKENS[speaker.name]
    assert nanos(record["cost"]) == COSTS[speaker.name]
    assert record["estimated"] is False


def test_a_record_says_what_was_asked_and_who_answered(fit, upstream, speaker, stream):
    call_id = ask(fit, speaker, stream).call_id
    record = fit.record(call_id)
    [key] = [key for key in fit.keys() if key["provider"] == speaker.provider]

    expected = {
        "call_id": call_id,
        "outcome": "done",
        "status": "success",
        "http_status_code": 200,
        "error_type": None,
        "error_message": None,
        "attempts": 1,
        "stream": stream,
        "format": speaker.name,
        "upstream_format": speaker.name,
        "model": speaker.model,
        "upstream_model": speaker.model,
        "provider": speaker.provider,
        "key_id": key["id"],
    }
    assert pick(record, expected) == expected
    assert record["token_id"] is not None
    assert 0 <= record["first_byte_ms"] <= record["latency_ms"]


def test_the_detail_shows_the_one_attempt(fit, speaker, stream):
    record = fit.record(ask(fit, speaker, stream).call_id)
    [attempt] = record["attempts_detail"]

    tokens = TOKENS[speaker.name]
    expected = {
        "key_id": record["key_id"],
        "verdict": "answer",
        "http_status_code": 200,
        "upstream_format": speaker.name,
        "upstream_model": speaker.model,
        "served": True,
        "input_tokens": tokens["input_tokens"],
        "output_tokens": tokens["output_tokens"],
        "cost": record["cost"],
    }
    assert pick(attempt, expected) == expected


def test_the_list_says_the_same_as_the_detail(fit, speaker, stream):
    detail = fit.record(ask(fit, speaker, stream).call_id)

    [row] = fit.records()

    assert row == pick(detail, row)


def test_usage_that_the_client_does_not_see_is_booked_all_the_same(fit):
    record = fit.record(ask(fit, CHAT, stream=True, model="gpt-4o-mini").call_id)

    assert nanos(record["cost"]) == cost(GPT_4O_MINI, fresh=293, read=1024, output=97)
    assert record["reasoning_tokens"] == 0


def test_a_key_may_be_cheaper_than_the_list(pool, upstream):
    upstream.on("sk-half-price-5f1e2d3c")
    pool.add_key("anthropic", upstream.url, "sk-half-price-5f1e2d3c", price_factor="0.5")

    record = pool.record(ask(pool, MESSAGES).call_id)

    assert nanos(record["cost"]) * 2 == COSTS["messages"]


def test_counting_tokens_is_free(fit):
    with fit.anthropic() as client:
        raw = client.messages.with_raw_response.count_tokens(
            model=MESSAGES.model, messages=MESSAGES.arguments()["messages"]
        )
    assert raw.parse().input_tokens == 3605

    record = fit.record(raw.headers["x-request-id"])

    assert nanos(record["cost"]) == 0
    assert (record["outcome"], record["total_tokens"]) == ("done", 0)


@pytest.mark.parametrize("kind", ["bad_request", "unprocessable"])
def test_a_refused_call_is_booked_as_failed_and_free(fit, upstream, speaker, stream, kind):
    upstream.on(CREDENTIALS[speaker.provider], Refuse(kind))

    with pytest.raises(speaker.sdk.APIStatusError) as raised:
        ask(fit, speaker, stream)

    record = fit.record(raised.value.response.headers["x-request-id"])
    assert (record["outcome"], record["status"], record["attempts"]) == ("failed", "error", 1)
    assert record["http_status_code"] == raised.value.status_code
    assert record["error_type"]
    assert (record["total_tokens"], nanos(record["cost"])) == (0, 0)


def test_todays_sums_of_a_key_are_those_of_its_calls(fit):
    for stream in [False, True, True]:
        ask(fit, MESSAGES, stream)

    [key] = [key for key in fit.keys() if key["provider"] == "anthropic"]

    assert (key["today"]["requests"], key["today"]["tokens"]) == (3, 3 * TOKENS["messages"]["total_tokens"])
    assert nanos(key["today"]["cost"]) == 3 * COSTS["messages"]
