"""LangChain's agent over every upstream, with each of its models that speaks one of the formats."""

from langchain.agents import create_agent
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessageChunk
from langchain_openai import ChatOpenAI
import pytest

from speakers import GREETING
from test_helpers import FORECAST, LOOP, TOOLS, Forecast
from wire import TEXT


def _chat(house, over):
    return ChatOpenAI(
        model=f"gpt-5-mini{over}",
        base_url=f"{house.url}/v1",
        api_key=house.client_token,
        max_retries=0,
        stream_usage=True,
    )


def _responses(house, over):
    return ChatOpenAI(
        model=f"gpt-5-mini{over}",
        base_url=f"{house.url}/v1",
        api_key=house.client_token,
        max_retries=0,
        use_responses_api=True,
        store=False,
        include=["reasoning.encrypted_content"],
        reasoning={"effort": "low", "summary": "auto"},
    )


def _messages(house, over):
    return ChatAnthropic(
        model=f"claude-sonnet-4-5{over}",
        base_url=house.url,
        api_key=house.client_token,
        max_retries=0,
        max_tokens=4096,
        thinking={"type": "enabled", "budget_tokens": 2048},
    )


@pytest.fixture(params=[_chat, _responses, _messages], ids=["chat", "responses", "messages"])
def model(request, house, over, monkeypatch):
    # Nothing leaves this machine.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("LANGSMITH_TRACING", "false")
    return request.param(house, over)


def test_a_text_is_the_text(model, stream):
    if stream:
        chunks = list(model.stream(GREETING))
        assert len(chunks) > 1
        answer = sum(chunks[1:], chunks[0])
    else:
        answer = model.invoke(GREETING)

    assert answer.text == TEXT
    assert answer.usage_metadata["total_tokens"] > 0


def test_an_agent_takes_two_steps(model, stream):
    agent, ask = create_agent(model, TOOLS), {"messages": [{"role": "user", "content": GREETING}]}
    if stream:
        pieces = [piece for piece, _ in agent.stream(ask, stream_mode="messages") if isinstance(piece, AIMessageChunk)]
        assert "".join(piece.text for piece in pieces).endswith(LOOP)
        return

    turns = agent.invoke(ask)["messages"]

    assert [turn.type for turn in turns] == ["human", "ai", "tool", "tool", "ai", "tool", "ai"]
    assert turns[-1].text == LOOP


def test_structured_output_is_parsed(model):
    shaped = model.with_structured_output(Forecast, method="json_schema")

    assert shaped.invoke(GREETING) == FORECAST
