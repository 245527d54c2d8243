"""Endpoints without a format of their own pass through; model lists are the pool's."""

import pytest

from conftest import DIRECT
from speakers import CHAT, MESSAGES

CALLS = {
    "embeddings": lambda client: client.embeddings.with_raw_response.create(
        model="text-embedding-3-small", input=["Grüße", "世界"]
    ),
    "moderations": lambda client: client.moderations.with_raw_response.create(
        model="omni-moderation-latest", input="I want to 👋"
    ),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_an_opaque_call_passes_untouched(fit, upstream, call):
    direct = call(CHAT.connect(upstream.url, DIRECT))
    sent = upstream.last()
    through = call(fit.openai())
    forwarded = upstream.last()

    assert through.parse().model_dump() == direct.parse().model_dump()
    assert (forwarded.target, forwarded.body) == (sent.target, sent.body)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_an_opaque_call_is_on_record(fit, call):
    record = fit.record(call(fit.openai()).headers["x-request-id"])

    assert (record["outcome"], record["http_status_code"], record["attempts"]) == ("done", 200, 1)


def test_an_opaque_call_without_a_model_finds_a_key_too(fit, upstream):
    given = {"input": "I want to 👋"}
    answer = fit.openai().post("/moderations", cast_to=object, body=given)

    assert answer["results"][0]["flagged"] is True
    assert upstream.last().json() == given


def test_counting_tokens_is_answered_by_the_service(fit, upstream):
    given = {"model": MESSAGES.model, "messages": MESSAGES.arguments()["messages"], "tools": MESSAGES.tools}
    direct = MESSAGES.connect(upstream.url, DIRECT).messages.count_tokens(**given)
    sent = upstream.last()
    through = fit.anthropic().messages.count_tokens(**given)

    assert through.model_dump() == direct.model_dump()
    assert upstream.last().body == sent.body


def test_the_openai_list_names_what_the_keys_serve(pool, upstream):
    pool.add_key("openai", upstream.url, "sk-list-44c1aa09", models=["gpt-5-mini", "gpt-4o-mini"])

    models = pool.openai().models.list().data

    assert {model.id for model in models} == {"gpt-5-mini", "gpt-4o-mini"}
    assert all(model.object == "model" and model.owned_by and model.created is not None for model in models)


def test_the_anthropic_list_names_what_the_keys_serve(pool, upstream):
    pool.add_key("anthropic", upstream.url, "sk-list-44c1aa09", models=["claude-sonnet-4-5"])

    page = pool.anthropic().models.list()

    assert [model.id for model in page] == ["claude-sonnet-4-5"]
    assert all(model.type == "model" and model.display_name and model.created_at for model in page)


def test_one_model_can_be_looked_up_in_both_shapes(fit):
    assert fit.openai().models.retrieve("gpt-5-mini").id == "gpt-5-mini"
    assert fit.anthropic().models.retrieve("claude-sonnet-4-5").id == "claude-sonnet-4-5"


def test_a_model_that_no_key_serves_is_not_found(fit):
    with pytest.raises(CHAT.sdk.NotFoundError):
        fit.openai().models.retrieve("gpt-0-nowhere")
    with pytest.raises(MESSAGES.sdk.NotFoundError):
        fit.anthropic().models.retrieve("claude-0-nowhere")
