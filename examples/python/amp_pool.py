"""AMP Pool for Python, by ctypes: one file to copy, nothing to install.

    with Pool({"keys": [...], "tokens": [...]}) as pool:
        with pool.post("/v1/chat/completions", body, token=token) as call:
            for event in call.events():
                print(event.data)

The library is found by AMP_POOL_LIBRARY, or where the system looks for libraries. Waiting leaves Python's lock to others.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
import ctypes
from ctypes import POINTER, byref, c_char_p, c_int32, c_size_t, c_uint16, c_uint32, c_uint64, c_void_p
import json
import os
import struct
from typing import NamedTuple

OK, END, TIMEOUT = 0, 1, 2
FOREVER = 0xFFFFFFFF
ABI = 1
# How long a thread waits in the library before it looks whether Python wants something, such as an interrupt.
_SLICE_MS = 200

_lib = ctypes.CDLL(os.environ.get("AMP_POOL_LIBRARY", "libamp_pool.so.1"))
_handle, _bytes, _length = c_uint64, c_void_p, c_size_t
_out, _out_length = POINTER(c_void_p), POINTER(c_size_t)
_text = [c_char_p, c_size_t]
_SIGNATURES = {
    "new": [*_text, POINTER(_handle)],
    "free": [_handle],
    "drain": [_handle],
    "is_ready": [_handle],
    "flush": [_handle, c_uint32],
    "call_start": [_handle, *_text, *_text, *_text, *_text, POINTER(_handle)],
    "admin_start": [_handle, *_text, *_text, *_text, *_text, POINTER(_handle)],
    "call_head": [_handle, c_uint32, POINTER(c_uint16)],
    "call_headers": [_handle, _out, _out_length],
    "call_next": [_handle, c_uint32, _out, _out_length],
    "call_events": [_handle, c_uint32, _out, _out, _out_length],
    "call_cancel": [_handle],
    "call_free": [_handle],
    "server_start": [*_text, POINTER(_handle)],
    "server_address": [_handle, _out, _out_length],
    "server_pool": [_handle, POINTER(_handle)],
    "server_stop": [_handle, c_uint32],
    "server_free": [_handle],
}
_functions = {name: getattr(_lib, f"amp_pool_{name}") for name in _SIGNATURES}
for _name, _arguments in _SIGNATURES.items():
    _functions[_name].argtypes, _functions[_name].restype = _arguments, c_int32
_lib.amp_pool_last_error.argtypes, _lib.amp_pool_last_error.restype = [_out_length], c_char_p
_lib.amp_pool_abi_version.restype = c_uint32
if _lib.amp_pool_abi_version() != ABI:
    raise ImportError(f"this file is for version {ABI} of the interface, not {_lib.amp_pool_abi_version()}")


class Error(Exception):
    """What the library says; `status` is its number."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


class Event(NamedTuple):
    """One server-sent event."""

    name: str
    data: str


def _run(name: str, *arguments) -> int:
    status = _functions[name](*arguments)
    if status < 0:
        raise Error(status, _lib.amp_pool_last_error(None).decode(errors="replace"))
    return status


def _pair(text: str | bytes) -> tuple[bytes, int]:
    data = text.encode() if isinstance(text, str) else text
    return data, len(data)


class _Owner:
    """Owns a handle, and frees it at the end of its block or its life."""

    _free = ""

    def __init__(self, handle: int):
        self._handle = handle

    def close(self) -> None:
        handle, self._handle = self._handle, 0
        _run(self._free, handle)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        # What failed to be made has no handle.
        if getattr(self, "_handle", 0):
            self.close()


class Call(_Owner):
    """A call and its answer. One thread takes from its body at a time; any may cancel it."""

    _free = "call_free"

    def __init__(self, handle: int):
        super().__init__(handle)
        self._data, self._ends, self._length = c_void_p(), c_void_p(), c_size_t()
        # Made once: a stream has many pieces.
        self._piece = byref(self._data), byref(self._length)
        self._batch = byref(self._data), byref(self._ends), byref(self._length)
        # Events that came with one that was asked for.
        self._ready: Iterator[Event] = iter(())

    @property
    def status(self) -> int:
        """The status of the answer; waits for it."""
        status = c_uint16()
        while _run("call_head", self._handle, _SLICE_MS, byref(status)) == TIMEOUT:
            pass
        return status.value

    @property
    def headers(self) -> dict[str, str]:
        self.status
        _run("call_headers", self._handle, *self._piece)
        lines = self._taken().decode("latin-1").splitlines()
        return dict(line.split(": ", 1) for line in lines)

    def __iter__(self) -> Iterator[bytes]:
        """The pieces of the body as they come."""
        while (status := _run("call_next", self._handle, _SLICE_MS, *self._piece)) != END:
            if status == OK:
                yield self._taken()

    def events(self) -> Iterator[Event]:
        """The events of a stream as they come. Who leaves the loop can go on later where it was."""
        while True:
            yield from self._ready
            status = _run("call_events", self._handle, _SLICE_MS, *self._batch)
            if status == END:
                return
            if status == OK:
                self._ready = self._taken_events()

    def read(self) -> bytes:
        """The whole body, or what is left of it."""
        return b"".join(self)

    def json(self):
        return json.loads(self.read())

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while await self._wait("call_next", *self._piece) != END:
            yield self._taken()

    async def aevents(self) -> AsyncIterator[Event]:
        """The events of a stream, for asyncio. Who leaves, leaves the call to be cancelled."""
        while True:
            for event in self._ready:
                yield event
            if await self._wait("call_events", *self._batch) == END:
                return
            self._ready = self._taken_events()

    async def _wait(self, function: str, *places) -> int:
        # What is there already is taken here; only a wait goes to another thread.
        status = _run(function, self._handle, 0, *places)
        while status == TIMEOUT:
            status = await asyncio.to_thread(_run, function, self._handle, _SLICE_MS, *places)
        return status

    def cancel(self) -> None:
        """Ends the call, from any thread. Who waits in it gets an `Error`."""
        _run("call_cancel", self._handle)

    def _taken(self) -> bytes:
        return ctypes.string_at(self._data, self._length.value)

    def _taken_events(self) -> Iterator[Event]:
        """The events of a batch: two ends each, those of their names and of their data in one text."""
        count = 2 * self._length.value
        ends = struct.unpack(f"{count}N", ctypes.string_at(self._ends, count * ctypes.sizeof(c_size_t)))
        text = ctypes.string_at(self._data, ends[-1])
        parts = [text[begin:end].decode(errors="replace") for begin, end in zip((0, *ends), ends)]
        return iter(list(map(Event, parts[::2], parts[1::2])))


class Pool(_Owner):
    """A pool in this process."""

    _free = "free"

    def __init__(self, config: dict | None = None):
        handle = _handle()
        _run("new", *_pair(json.dumps(config or {})), byref(handle))
        super().__init__(handle.value)

    def call(self, method: str, path: str, headers: dict[str, str] | None = None, body: str | bytes = b"") -> Call:
        """Begins a call."""
        return self._start("call_start", method, path, headers or {}, body)

    def post(self, path: str, body: dict, token: str) -> Call:
        """Begins a call with a JSON body."""
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        return self.call("POST", path, headers, json.dumps(body))

    def admin(self, method: str, path: str, body=None):
        """Asks the admin API, and gives what it says. Its refusals are `Error`s with the status of HTTP."""
        with self._start("admin_start", method, path, {}, b"" if body is None else json.dumps(body)) as call:
            answer = call.read()
            if call.status >= 400:
                raise Error(call.status, answer.decode())
            return json.loads(answer) if answer else None

    def flush(self, timeout_ms: int = FOREVER) -> bool:
        """Waits until every call that has ended is in the books."""
        return _run("flush", self._handle, timeout_ms) == OK

    def _start(self, function: str, method: str, path: str, headers: dict[str, str], body: str | bytes) -> Call:
        lines = []
        for name, value in headers.items():
            if "\n" in name + value or "\r" in name + value:
                raise ValueError(f"a line end in the header {name!r}")
            lines.append(f"{name}: {value}")
        call = _handle()
        arguments = [part for text in (method, path, "\n".join(lines), body) for part in _pair(text)]
        _run(function, self._handle, *arguments, byref(call))
        return Call(call.value)


class Server(_Owner):
    """A server in this process: gateway, admin API and UI on a port."""

    _free = "server_free"

    def __init__(self, config: dict):
        handle = _handle()
        _run("server_start", *_pair(json.dumps(config)), byref(handle))
        super().__init__(handle.value)

    @property
    def url(self) -> str:
        data, length = c_void_p(), c_size_t()
        _run("server_address", self._handle, byref(data), byref(length))
        return ctypes.string_at(data, length.value).decode()

    def pool(self) -> Pool:
        """Its pool, without the network."""
        handle = _handle()
        _run("server_pool", self._handle, byref(handle))
        pool = Pool.__new__(Pool)
        _Owner.__init__(pool, handle.value)
        return pool

    def stop(self, timeout_ms: int = FOREVER) -> bool:
        """Stops taking calls. Whether those that ran have ended in time."""
        return _run("server_stop", self._handle, timeout_ms) == OK
