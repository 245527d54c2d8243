"""What the official SDKs offer beyond single calls, over every upstream: streams, tool runners, structured output."""

import json

import anthropic
import pydantic
import pytest

from plots import told
from speakers import CHAT, GREETING, MESSAGES, RESPONSES
from wire import TEXT
from wire.talk import example


class Wind(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    speed: float


class Forecast(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    city: str
    days: int
    tags: list[str]
    wind: Wind


FORECAST = Forecast.model_validate(example(Forecast.model_json_schema(), Forecast.model_json_schema()))
ASK = [{"role": "user", "content": GREETING}]
LOOP = told(["4 °C in Zürich", "noon in Zürich", "noted Zürich"])


def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"4 °C in {city}"


def get_time(zone: str) -> str:
    """The time in a zone."""
    return f"noon in {zone}"


def write_note(text: str) -> str:
    """Writes something down."""
    return f"noted {text}"


# The upstream calls the last one alone, after the others.
TOOLS = [get_weather, get_time, write_note]


@pytest.fixture
def chat(house):
    return CHAT.connect(house.url, house.client_token).chat.completions


@pytest.fixture
def messages(house):
    return MESSAGES.connect(house.url, house.client_token).messages


@pytest.fixture
def responses(house):
    return RESPONSES.connect(house.url, house.client_token).responses


def test_chat_tells_text_and_its_end_as_events(chat, over):
    with chat.stream(model=f"gpt-5-mini{over}", messages=ASK) as stream:
        events = list(stream)

    pieces = [event.delta for event in events if event.type == "content.delta"]
    assert "".join(pieces) == TEXT and len(pieces) > 1
    assert [event.content for event in events if event.type == "content.done"] == [TEXT]


def test_chat_parses_structured_output(chat, over, stream):
    ask = {"model": f"gpt-5-mini{over}", "messages": ASK, "response_format": Forecast}
    if stream:
        with chat.stream(**ask) as events:
            answer = events.get_final_completion()
    else:
        answer = chat.parse(**ask)

    assert answer.choices[0].message.parsed == FORECAST


def test_messages_tells_text_as_it_comes(messages, over):
    with messages.stream(model=f"claude-sonnet-4-5{over}", max_tokens=1024, messages=ASK) as stream:
        pieces = list(stream.text_stream)

    assert "".join(pieces) == TEXT and len(pieces) > 1


def test_messages_parses_structured_output(messages, over, stream):
    ask = {"model": f"claude-sonnet-4-5{over}", "max_tokens": 1024, "messages": ASK, "output_format": Forecast}
    if stream:
        with messages.stream(**ask) as events:
            answer = events.get_final_message()
    else:
        answer = messages.parse(**ask)

    assert answer.parsed_output == FORECAST


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-opus-5"])
def test_the_tool_runner_of_messages_runs_two_steps(house, over, stream, model):
    tools = [anthropic.beta_tool(tool) for tool in TOOLS]
    client = MESSAGES.connect(house.url, house.client_token)
    runner = client.beta.messages.tool_runner(
        model=f"{model}{over}", max_tokens=1024, messages=ASK, tools=tools, stream=stream
    )

    answers = [step.get_final_message() if stream else step for step in runner]

    assert [answer.stop_reason for answer in answers] == ["tool_use", "tool_use", "end_turn"]
    assert answers[-1].content[-1].text == LOOP


def test_responses_tells_text_and_its_end_as_events(responses, over):
    with responses.stream(model=f"gpt-5-mini{over}", input=GREETING, store=False) as stream:
        events = list(stream)

    pieces = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(pieces) == TEXT and len(pieces) > 1
    assert events[-1].response.output_text == TEXT


def test_responses_parses_structured_output(responses, over, stream):
    ask = {"model": f"gpt-5-mini{over}", "input": GREETING, "store": False, "text_format": Forecast}
    if stream:
        with responses.stream(**ask) as events:
            answer = events.get_final_response()
    else:
        answer = responses.parse(**ask)

    assert answer.output_parsed == FORECAST


@pytest.mark.parametrize("kind", ["chat", "responses"])
def test_a_loop_by_hand_takes_two_steps(kind, chat, responses, over, stream):
    """The Python SDK of OpenAI runs no tools by itself."""
    loop = {"chat": chat_loop, "responses": responses_loop}[kind]

    assert loop({"chat": chat, "responses": responses}[kind], f"gpt-5-mini{over}", stream) == [2, 1, LOOP]


def _run(name: str, arguments: str) -> str:
    return next(tool for tool in TOOLS if tool.__name__ == name)(**json.loads(arguments))


def _functions() -> list[dict]:
    schemas = [anthropic.beta_tool(tool).to_dict() for tool in TOOLS]
    return [
        {"name": tool["name"], "parameters": {**tool["input_schema"], "additionalProperties": False}}
        for tool in schemas
    ]


def chat_loop(chat, model: str, stream: bool) -> list:
    """How many calls each answer made, and the last answer."""
    turns, steps = list(ASK), []
    tools = [{"type": "function", "function": {**tool, "strict": True}} for tool in _functions()]
    while True:
        ask = {"model": model, "messages": turns, "tools": tools}
        if stream:
            with chat.stream(**ask) as events:
                answer = events.get_final_completion().choices[0].message
        else:
            answer = chat.create(**ask).choices[0].message
        if not answer.tool_calls:
            return [*steps, answer.content]
        steps.append(len(answer.tool_calls))
        calls = [{"id": call.id, "type": "function", "function": _plain(call.function)} for call in answer.tool_calls]
        turns.append({"role": "assistant", "content": answer.content, "tool_calls": calls})
        turns += [{"role": "tool", "tool_call_id": call["id"], "content": _run(**call["function"])} for call in calls]


def _plain(function) -> dict:
    return {"name": function.name, "arguments": function.arguments}


def responses_loop(responses, model: str, stream: bool) -> list:
    """How many calls each answer made, and the last answer."""
    items, steps = list(ASK), []
    more = {"include": ["reasoning.encrypted_content"], "reasoning": {"effort": "low", "summary": "auto"}}
    while True:
        tools = [{"type": "function", **tool, "strict": True} for tool in _functions()]
        ask = {"model": model, "input": items, "store": False, "tools": tools, **more}
        if stream:
            with responses.stream(**ask) as events:
                answer = events.get_final_response()
        else:
            answer = responses.create(**ask)
        calls = [item for item in answer.output if item.type == "function_call"]
        if not calls:
            return [*steps, answer.output_text]
        steps.append(len(calls))
        # What the SDK parsed for us it would send back, and no service knows it.
        items += [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in answer.output]
        items += [
            {"type": "function_call_output", "call_id": call.call_id, "output": _run(call.name, call.arguments)}
            for call in calls
        ]
