"""The three formats as their official clients speak them, behind one face.

Lets one test say for Chat, Messages and Responses, plain and streamed, what must hold for all of them.
"""

from dataclasses import dataclass
from typing import Any, Iterator

import anthropic
import httpx2
import openai

from upstream import PATIENCE
from wire import chat, messages, responses

# Nothing leaves this machine: no proxy of the environment, and no roots of trust, which take long to load.
_LOCAL = {"trust_env": False, "verify": False}

GREETING = "Say hello. Grüezi! 👋"

_CITY = {"city": {"type": "string"}}
_SCHEMA = {"type": "object", "properties": _CITY, "required": ["city"], "additionalProperties": False}
_WEATHER = {"name": "get_weather", "description": "The weather of a city."}


@dataclass
class Seen:
    """What a client got: plain data, to be compared."""

    call_id: str
    value: Any
    """The answer as the SDK models it, or the list of events of a stream."""
    text: str


class Reading:
    """A stream that is being read."""

    def __init__(self, raw, text_of):
        self._stream, self._text_of = raw.parse(), text_of
        self.call_id = raw.headers.get("x-request-id")
        self.events: list = []

    def texts(self) -> Iterator[str]:
        """The pieces of text, as they come."""
        for event in self._stream:
            self.events.append(event.model_dump())
            if text := self._text_of(event):
                yield text

    def close(self) -> None:
        """Hangs up."""
        self._stream.close()


class Speaker:
    """One format and its client."""

    name: str
    provider: str
    wire: Any
    model: str
    sdk: Any

    def connect(self, base_url: str, key: str, **options):
        """An official client that retries nothing and uses no proxy of the environment."""
        raise NotImplementedError

    def shows(self, token: str) -> dict[str, str]:
        """The headers by which a client of this format shows its token, for requests without the SDK."""
        return {"authorization": f"Bearer {token}"}

    def arguments(self, **more) -> dict:
        """The smallest request, and whatever `more` says."""
        raise NotImplementedError

    def open(self, client, **more) -> Reading:
        raise NotImplementedError

    def ask(self, client, stream: bool, **more) -> Seen:
        """One whole exchange."""
        if not stream:
            raw = self._create(client, **self.arguments(**more))
            answer = raw.parse()
            return Seen(raw.headers.get("x-request-id"), answer.model_dump(), self._whole_text(answer))
        reading = self.open(client, **more)
        text = "".join(reading.texts())
        return Seen(reading.call_id, reading.events, text)


class ChatSpeaker(Speaker):
    name, provider, wire, model, sdk = "chat", "openai", chat, "gpt-5-mini", openai
    tools = [{"type": "function", "function": {**_WEATHER, "parameters": _SCHEMA}}]

    def connect(self, base_url, key, **options):
        return _openai(base_url, key, **options)

    def arguments(self, **more):
        return {"model": self.model, "messages": [{"role": "user", "content": GREETING}], **more}

    def open(self, client, **more):
        return Reading(self._create(client, **self.arguments(stream=True, **more)), self._piece)

    def _create(self, client, **arguments):
        return client.chat.completions.with_raw_response.create(**arguments)

    def _piece(self, chunk):
        return chunk.choices[0].delta.content if chunk.choices else None

    def _whole_text(self, answer):
        return answer.choices[0].message.content


class MessagesSpeaker(Speaker):
    name, provider, wire, model, sdk = "messages", "anthropic", messages, "claude-sonnet-4-5", anthropic
    tools = [{**_WEATHER, "input_schema": _SCHEMA}]

    def connect(self, base_url, key, **options):
        options = {"max_retries": 0, "timeout": PATIENCE, **options}
        client = anthropic.DefaultHttpxClient(**_LOCAL)
        return anthropic.Anthropic(base_url=base_url, api_key=key, http_client=client, **options)

    def shows(self, token):
        return {"x-api-key": token, "anthropic-version": "2023-06-01"}

    def arguments(self, **more):
        greeting = [{"role": "user", "content": GREETING}]
        return {"model": self.model, "max_tokens": 1024, "messages": greeting, **more}

    def open(self, client, **more):
        return Reading(self._create(client, **self.arguments(stream=True, **more)), self._piece)

    def _create(self, client, **arguments):
        return client.messages.with_raw_response.create(**arguments)

    def _piece(self, event):
        is_text = event.type == "content_block_delta" and event.delta.type == "text_delta"
        return event.delta.text if is_text else None

    def _whole_text(self, answer):
        return "".join(block.text for block in answer.content if block.type == "text")


class ResponsesSpeaker(Speaker):
    name, provider, wire, model, sdk = "responses", "openai", responses, "gpt-5-mini", openai
    tools = [{"type": "function", **_WEATHER, "parameters": _SCHEMA, "strict": True}]

    def connect(self, base_url, key, **options):
        return _openai(base_url, key, **options)

    def arguments(self, **more):
        return {"model": self.model, "input": GREETING, **more}

    def open(self, client, **more):
        return Reading(self._create(client, **self.arguments(stream=True, **more)), self._piece)

    def _create(self, client, **arguments):
        return client.responses.with_raw_response.create(**arguments)

    def _piece(self, event):
        return event.delta if event.type == "response.output_text.delta" else None

    def _whole_text(self, answer):
        return answer.output_text


CHAT, MESSAGES, RESPONSES = ChatSpeaker(), MessagesSpeaker(), ResponsesSpeaker()
SPEAKERS = [CHAT, MESSAGES, RESPONSES]


def raw_client(base_url: str, **options) -> httpx2.Client:
    """A bare HTTP client, for what an SDK would not send."""
    return httpx2.Client(base_url=base_url, timeout=PATIENCE, **_LOCAL, **options)


def _openai(base_url: str, key: str, **options) -> openai.OpenAI:
    options = {"max_retries": 0, "timeout": PATIENCE, **options}
    client = openai.DefaultHttpxClient(**_LOCAL)
    return openai.OpenAI(base_url=f"{base_url}/v1", api_key=key, http_client=client, **options)
