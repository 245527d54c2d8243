"""An upstream that follows a script.

It listens on loopback, speaks HTTP/1.1 over bare sockets so that it can reset, hang and cut where it likes, answers as
the real services do (`wire`), and remembers every request to the byte. What it does to a request is decided by the
credential the request shows:

    upstream.on("sk-a", Refuse("limited", retry_after=30))
    upstream.on("sk-b", Reset(), Answer())      # the first request, then all others

A credential that was never named is refused with 401.
"""

import asyncio
from dataclasses import dataclass, field
from functools import cached_property
import gzip
import json
import socket
import struct
import threading

from wire import Fault, Stream, amp, chat, compact, messages, others, responses
from wire.talk import Plot, Say

# Nothing in a test waits longer than this.
PATIENCE = 5.0


@dataclass
class Request:
    """One request as it came in."""

    head: bytes
    body: bytes
    closed: threading.Event = field(default_factory=threading.Event)
    """Set when the peer closed while the answer was still going on."""
    refused: str | None = None
    """What the service said instead of an answer, because of the request itself."""

    @property
    def method(self) -> str:
        return self._line()[0]

    @property
    def target(self) -> str:
        """Path and query, as they stand in the head."""
        return self._line()[1]

    @property
    def path(self) -> str:
        """The path as the service knows it, wherever it stands."""
        return amp.service_path(self.target.partition("?")[0])

    @property
    def headers(self) -> dict[str, str]:
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        pairs = (line.split(":", 1) for line in lines if line)
        return {name.strip().lower(): value.strip() for name, value in pairs}

    @property
    def key(self) -> str:
        headers = self.headers
        return headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")

    def json(self):
        return self._json

    # A body may be many megabytes, and is looked into more than once.
    @cached_property
    def _json(self):
        return json.loads(self.body)

    def _line(self) -> list[str]:
        return self.head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")


class Exchange:
    """One request and the means to answer it."""

    def __init__(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int):
        self.request = request
        self.wire = _wire(request)
        self.headers = self.wire.headers(number)
        self.plot: Plot | None = None
        self.strict = True
        self._reader, self._writer = reader, writer

    @property
    def asks_stream(self) -> bool:
        return self.wire.PATH == self.request.path and self.request.json().get("stream") is True

    def say(self) -> Say:
        """What the model says to this request."""
        given = self.request.json()
        return self.plot(self.wire.asked(given)) if self.plot else self.wire.says(given)

    def answer(self) -> bytes:
        return self.wire.answer(self.request.json(), self.say())

    def stream(self) -> Stream:
        return self.wire.stream(self.request.json(), self.say())

    async def plain(self, status: int, body: bytes, more: list[tuple[str, str]] = (), sent: int | None = None) -> None:
        """A whole answer; of a body of which less is `sent` than the head announces, the rest never comes."""
        length = ("content-length", str(len(body)))
        head = self._head(status, [("content-type", "application/json"), length, *more])
        await self._write(head + body[:sent])

    async def open_stream(self) -> None:
        kind = ("content-type", "text/event-stream; charset=utf-8")
        await self._write(self._head(200, [kind, ("cache-control", "no-cache"), ("transfer-encoding", "chunked")]))

    async def send(self, data: bytes) -> None:
        await self._write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    async def end_stream(self) -> None:
        await self._write(b"0\r\n\r\n")

    async def peer_closes(self) -> None:
        """Waits until the other side has gone, and notes that it did."""
        try:
            while await self._reader.read(4096):
                pass
        except OSError:
            pass
        self.request.closed.set()

    def reset(self) -> None:
        """Ends the connection with RST instead of FIN."""
        linger = struct.pack("ii", 1, 0)
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()

    def close(self) -> None:
        self._writer.close()

    def _head(self, status: int, more: list[tuple[str, str]]) -> bytes:
        lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in [*more, *self.headers])]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    async def _write(self, data: bytes) -> None:
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError:
            self.request.closed.set()
            raise


@dataclass
class Answer:
    """What the service would do: refuse what it refuses, answer everything else."""

    piece: int = 0
    """Bytes per HTTP chunk of a stream, wherever events end. 0: one event per chunk."""
    plot: Plot | None = None
    """What the model does, if not what it always does."""
    strict: bool = True
    """Whether what the service refuses is refused. A test may want to see what no service takes arrive all the same."""

    async def play(self, exchange: Exchange) -> None:
        exchange.plot, exchange.strict = self.plot, self.strict
        status, body = _reply(exchange)
        if status != 200:
            exchange.request.refused = body.decode()
        if status != 200 or not exchange.asks_stream:
            return await exchange.plain(status, body)
        await exchange.open_stream()
        for data in self._chunks(exchange.stream().events()):
            await exchange.send(data)
        await exchange.end_stream()

    def _chunks(self, events: list[bytes]) -> list[bytes]:
        if not self.piece:
            return events
        whole = b"".join(events)
        return [whole[at : at + self.piece] for at in range(0, len(whole), self.piece)]


@dataclass
class Refuse:
    """An error in the service's own shape. For the kinds see `wire`."""

    kind: str
    retry_after: int | None = None
    message: str | None = None
    """Instead of what the service says."""

    async def play(self, exchange: Exchange) -> None:
        fault = exchange.wire.fault(self.kind)
        if self.message:
            fault.body["error"]["message"] = self.message
        more = [("retry-after", str(self.retry_after))] if self.retry_after is not None else []
        await exchange.plain(fault.status, compact(fault.body), more)


class Reset:
    """Takes the request and breaks the connection before the answer's head."""

    async def play(self, exchange: Exchange) -> None:
        exchange.reset()


class Hang:
    """Takes the request and never answers."""

    async def play(self, exchange: Exchange) -> None:
        await exchange.peer_closes()


@dataclass
class FailInside:
    """Status 200, and the error inside: as the first event, or behind the opening but before any content."""

    kind: str
    after_opening: bool = False

    async def play(self, exchange: Exchange) -> None:
        if not exchange.asks_stream:
            return await exchange.plain(200, compact(exchange.wire.fault(self.kind).body))
        opening = exchange.stream().opening if self.after_opening else []
        await exchange.open_stream()
        for event in opening + exchange.wire.fault_events(exchange.request.json(), self.kind, len(opening)):
            await exchange.send(event)
        await exchange.end_stream()


class Pause:
    """Sends half of the content, waits for `go`, and then does as `then` says.

    `finish`: the rest follows. `reset`: RST. `close`: FIN without the last chunk. `end`: a proper end of the body,
    although the answer is not whole. A peer that closes during the pause ends it.
    """

    def __init__(self, then: str = "finish"):
        self.then = then
        self._go = threading.Event()

    def go(self) -> None:
        self._go.set()

    async def play(self, exchange: Exchange) -> None:
        events, half = _halves(exchange)
        await exchange.open_stream()
        for event in events[:half]:
            await exchange.send(event)
        if await self._goes_on(exchange):
            await self._finish(exchange, events[half:])

    async def _goes_on(self, exchange: Exchange) -> bool:
        gone = asyncio.create_task(exchange.peer_closes())
        while not self._go.is_set() and not gone.done():
            await asyncio.wait([gone], timeout=0.005)
        gone.cancel()
        return self._go.is_set()

    async def _finish(self, exchange: Exchange, rest: list[bytes]) -> None:
        match self.then:
            case "reset":
                exchange.reset()
            case "close":
                exchange.close()
            case "end":
                await exchange.end_stream()
            case "finish":
                for event in rest:
                    await exchange.send(event)
                await exchange.end_stream()


class CutShort:
    """Announces a whole plain answer, sends half of it and closes."""

    async def play(self, exchange: Exchange) -> None:
        status, body = _reply(exchange)
        await exchange.plain(status, body, sent=len(body) // 2)
        exchange.close()


class Packed:
    """A whole answer, even to who asked for a stream, or an error, gzipped without a word about it."""

    async def play(self, exchange: Exchange) -> None:
        status, body = _reply(exchange)
        await exchange.plain(status, gzip.compress(body or exchange.answer()))


class Gone:
    """A tree that is not there any more: no service answers, but the house it was in."""

    async def play(self, exchange: Exchange) -> None:
        await exchange.plain(404, b'{"error":"Not Found"}')


class Upstream:
    """A listener on a port of its own, alive from `start` to `stop`."""

    def __init__(self):
        self.requests: list[Request] = []
        self._scripts: dict[tuple[str, str | None], list] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._run(self._shut_down())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def on(self, key: str, *behaviours, model: str | None = None) -> None:
        """Scripts what requests with `key` (and for `model`) meet, one after another; the last goes on for ever."""
        self._scripts[key, model] = list(behaviours or [Answer()])

    def asked(self, key: str) -> list[Request]:
        """The calls made with `key`. Looks at the model list are not calls."""
        return [request for request in self.requests if request.key == key and request.method == "POST"]

    def refused(self) -> list[str]:
        """What the service had to say against requests that it was to answer."""
        return [f"{request.path}: {request.refused}" for request in self.requests if request.refused]

    def last(self) -> Request:
        return self.requests[-1]

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE)

    async def _shut_down(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.is_closing():
                await self._serve_one(reader, writer)
        except (asyncio.IncompleteReadError, OSError):
            pass  # The peer has gone; whoever cares has seen it.
        except asyncio.CancelledError:
            pass  # The test is over.
        finally:
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await _read_request(reader)
        self.requests.append(request)
        behaviour = self._behaviour(request)
        await behaviour.play(Exchange(request, reader, writer, len(self.requests)))

    def _behaviour(self, request: Request):
        model = _model(request)
        script = self._scripts.get((request.key, model)) or self._scripts.get((request.key, None))
        if script is None:
            return Refuse("unauthorized")
        return script.pop(0) if len(script) > 1 else script[0]


async def _read_request(reader: asyncio.StreamReader) -> Request:
    head = await reader.readuntil(b"\r\n\r\n")
    request = Request(head, b"")
    headers = request.headers
    if headers.get("transfer-encoding") == "chunked":
        request.body = await _read_chunks(reader)
    else:
        request.body = await reader.readexactly(int(headers.get("content-length", 0)))
    return request


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readuntil(b"\r\n")
    return body


def _model(request: Request) -> str | None:
    try:
        return request.json().get("model")
    except (ValueError, AttributeError):
        return None


def _wire(request: Request):
    """The format of a request. An endpoint without one follows the service that its headers belong to."""
    for wire in (chat, messages, responses):
        if request.path == wire.PATH:
            return wire
    return messages if "anthropic-version" in request.headers else chat


def _reply(exchange: Exchange) -> tuple[int, bytes]:
    """Status and body of a plain answer; a stream begins only where this says 200."""
    request, wire = exchange.request, exchange.wire
    if request.method == "GET":
        return _look_up(request, wire)
    if wire is messages and "anthropic-version" not in request.headers:
        return _error(messages.invalid("anthropic-version: header is required"))
    given = request.json()
    match request.path:
        case wire.PATH:
            refusal = wire.refusal(given, request.headers) if exchange.strict else None
            return _error(refusal) if refusal else (200, b"" if exchange.asks_stream else exchange.answer())
        case messages.COUNT_PATH:
            refusal = messages.refusal(given, request.headers, counting=True)
            return _error(refusal) if refusal else (200, messages.counted())
        case others.EMBEDDINGS:
            return 200, others.embeddings(given)
        case others.MODERATIONS:
            return 200, others.moderations(given)
    return _error(wire.fault("not_found"))


def _look_up(request: Request, wire) -> tuple[int, bytes]:
    if request.path != others.MODELS:
        return _error(wire.fault("not_found"))
    return 200, others.anthropic_models() if wire is messages else others.openai_models()


def _error(fault: Fault) -> tuple[int, bytes]:
    return fault.status, compact(fault.body)


def _halves(exchange: Exchange) -> tuple[list[bytes], int]:
    """The events of the answer, and how many of them are the opening and half of the content."""
    stream = exchange.stream()
    return stream.events(), len(stream.opening) + len(stream.content) // 2
