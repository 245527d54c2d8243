"""What the pool refuses by itself, in the words of the format it was asked in."""

import json

import pytest

from conftest import CREDENTIALS
from speakers import CHAT, MESSAGES, raw_client
from upstream import PATIENCE

LIMIT = 32 * 1024 * 1024

ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    413: "request_too_large",
}


def post(pool, speaker, body: bytes, token: str | None = None, patience: float = PATIENCE):
    headers = {**speaker.shows(token or pool.client_token), "content-type": "application/json"}
    return raw_client(pool.url, headers=headers).post(speaker.wire.PATH, content=body, timeout=patience)


def check_refused(speaker, answer, status: int, code: str | None = None, param: str | None = None) -> None:
    """The status, and a body that a client of the format understands."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-request-id"]
    if speaker is MESSAGES:
        return check_anthropic(answer.json(), status)
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"] and error["type"]
    assert status != 400 or error["type"] == "invalid_request_error"
    assert code in (None, error["code"]) and param in (None, error["param"])


def check_anthropic(body: dict, status: int) -> None:
    assert body["type"] == "error"
    assert body["error"]["type"] == ANTHROPIC_TYPES[status]
    assert body["error"]["message"]


def valid(speaker, **more) -> bytes:
    return json.dumps(speaker.arguments(**more)).encode()


BROKEN = {
    "nothing": b"",
    "half": b'{"model": "gpt-5-mini", "messages": [',
    "a_list": b"[]",
    "text": b"hello",
    "two_values": b'{"model":"gpt-5-mini"} {}',
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_a_body_that_is_no_json_object_is_refused(fit, upstream, speaker, body):
    check_refused(speaker, post(fit, speaker, body), 400)
    assert upstream.requests == []


@pytest.mark.parametrize("twice", ['"model":"gpt-4o-mini"', '"stream":true,"stream":false'], ids=["model", "stream"])
def test_a_field_that_is_there_twice_is_refused(fit, upstream, speaker, twice):
    """Two readers of such a body may read two different requests."""
    body = valid(speaker)[:-1] + b"," + twice.encode() + b"}"

    check_refused(speaker, post(fit, speaker, body), 400)
    assert upstream.requests == []


@pytest.mark.parametrize("model", [None, 5, ["gpt-5-mini"]], ids=["missing", "number", "list"])
def test_a_call_without_a_model_is_refused_by_field(fit, upstream, speaker, model):
    arguments = speaker.arguments(model=model)
    if model is None:
        del arguments["model"]

    check_refused(speaker, post(fit, speaker, json.dumps(arguments).encode()), 400, param="model")
    assert upstream.requests == []


def test_an_unknown_model_is_not_found_and_not_on_record(fit, upstream, speaker, stream):
    answer = post(fit, speaker, valid(speaker, model="no-such-model", stream=stream))

    check_refused(speaker, answer, 404, code="model_not_found", param="model")
    assert "no-such-model" in answer.text
    assert upstream.requests == []
    assert fit.records() == []


def test_a_wrong_token_is_refused(fit, upstream, speaker):
    check_refused(speaker, post(fit, speaker, valid(speaker), token="amp-wrong"), 401, code="invalid_api_key")
    assert upstream.requests == []


def test_an_upstreams_credential_opens_nothing_here(fit, upstream, speaker):
    credential = CREDENTIALS[speaker.provider]

    check_refused(speaker, post(fit, speaker, valid(speaker), token=credential), 401)
    assert upstream.requests == []


@pytest.mark.parametrize("header", ["authorization", "x-api-key", "api-key"])
def test_a_token_may_be_shown_in_three_ways(fit, header):
    shown = f"Bearer {fit.client_token}" if header == "authorization" else fit.client_token

    answer = raw_client(fit.url, headers={header: shown}).post(CHAT.wire.PATH, json=CHAT.arguments())

    assert answer.status_code == 200, answer.text


def test_the_sdks_raise_their_own_exceptions(fit, speaker, stream):
    client = speaker.connect(fit.url, fit.client_token)

    with pytest.raises(speaker.sdk.NotFoundError):
        speaker.ask(client, stream, model="no-such-model")
    with pytest.raises(speaker.sdk.AuthenticationError):
        speaker.ask(speaker.connect(fit.url, "amp-wrong"), stream)
    with pytest.raises(speaker.sdk.BadRequestError):
        speaker.ask(client, stream, model=5)


def test_a_body_over_the_limit_is_refused(fit, upstream, speaker):
    body = valid(speaker)

    check_refused(speaker, post(fit, speaker, body + b" " * (LIMIT + 1 - len(body))), 413)
    assert upstream.requests == []


def test_a_body_at_the_limit_passes_whole(fit, upstream, speaker):
    body = valid(speaker)
    body += b" " * (LIMIT - len(body))

    # So much takes seconds on a busy machine.
    answer = post(fit, speaker, body, patience=6 * PATIENCE)

    assert answer.status_code == 200, answer.text
    assert upstream.last().body == body
