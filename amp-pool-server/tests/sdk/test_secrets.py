"""A key that was put in never comes out again: not by the admin API, not in an error, not in the log.

The log is searched after every test (see `conftest`); here is where upstreams and operators make it hard.
"""

import pytest

from speakers import CHAT
from upstream import Refuse

SECRET = "sk-proj-d41f0c9b7a2e5836-do-not-show"

# Every place of the admin API that knows keys or calls; `{key}` and `{call}` are those of the test.
PLACES = [
    "/api/keys",
    "/api/keys/{key}",
    "/api/keys/{key}/health",
    "/api/keys/{key}/balance",
    "/api/keys/export",
    "/api/requests",
    "/api/requests/{call}",
    "/api/requests/export",
    "/api/tokens",
    "/api/routes",
    "/api/models",
    "/api/providers",
    "/api/config",
    "/api/audit",
    "/api/statistics/overview",
    "/api/statistics/keys",
    "/metrics",
    "/openapi.json",
]


def hides(text: str, *secrets: str) -> bool:
    return not any(secret in text for secret in secrets)


@pytest.fixture
def tattler(upstream):
    """An upstream that repeats the credential in its error, as careless relays do."""
    upstream.on(SECRET, Refuse("unauthorized", message=f"token {SECRET} is invalid"))
    return upstream


def test_a_key_reads_back_as_a_hint(pool, upstream):
    answer = pool.admin.post(
        "/api/keys", json={"name": "k", "provider": "openai", "api_key": SECRET, "base_url": upstream.url}
    )
    key = answer.json()

    assert hides(answer.text, SECRET)
    assert "api_key" not in key
    assert key["api_key_hint"].endswith(SECRET[-4:]) and key["fingerprint"]


def test_a_proxys_password_is_not_read_back(pool):
    proxy = "socks5h://team:p4ssw0rd-of-the-proxy@127.0.0.1:9"
    key = {"name": "k", "provider": "openai", "api_key": SECRET, "proxy_ip": proxy}
    answer = pool.admin.post("/api/keys", json=key)

    assert answer.is_success, answer.text
    for text in [answer.text, pool.admin.get("/api/keys").text, pool.log()]:
        assert hides(text, "p4ssw0rd-of-the-proxy", SECRET)


def test_an_error_about_a_key_does_not_repeat_it(pool, tattler, speaker, stream):
    pool.add_key(speaker.provider, tattler.url, SECRET)

    with pytest.raises(speaker.sdk.APIStatusError) as raised:
        speaker.ask(speaker.connect(pool.url, pool.client_token), stream)

    assert len(tattler.asked(SECRET)) == 1
    assert hides(raised.value.response.text, SECRET)


def test_no_answer_of_the_admin_api_holds_a_secret(pool, tattler):
    key = pool.add_key("openai", tattler.url, SECRET, headers={"x-team": "a"}, memo="the team's own")
    with pytest.raises(CHAT.sdk.APIStatusError):
        CHAT.ask(pool.openai(), stream=False)
    [call] = [row["call_id"] for row in pool.records()]

    answers = {place: pool.admin.get(place.format(key=key, call=call)) for place in PLACES}

    shown = [place for place, answer in answers.items() if not hides(answer.text, SECRET, pool.client_token)]
    assert shown == []
    for place in ["/api/keys", "/api/keys/{key}", "/api/requests/{call}"]:
        assert answers[place].status_code == 200


@pytest.mark.parametrize("place", ["/api/keys", "/api/requests", "/api/tokens"])
def test_the_admin_api_is_closed_to_clients(pool, place):
    for token in [pool.client_token, "wrong"]:
        answer = pool.admin.get(place, headers={"authorization": f"Bearer {token}"})
        assert answer.status_code in (401, 403), answer.text
