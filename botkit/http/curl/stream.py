"""An event stream: a response that is read while it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from types import MappingProxyType
from typing import Self

import pycurl
from msgspec.structs import replace

from botkit.errors import CallError, Unreachable
from botkit.http import proxying
from botkit.http.curl.failures import broken_off
from botkit.http.curl.headers import ResponseHeaders
from botkit.http.curl.multi import Multi
from botkit.http.curl.outgoing import Outgoing
from botkit.http.curl.transfer import CONNECT_SECONDS, Transfer
from botkit.http.failures import too_long
from botkit.http.hosts import named_host
from botkit.http.parts import joined
from botkit.http.values import MAX_RESPONSE_BYTES, Request, Stream

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_MAX_WAITING_BYTES = 16_384
"""Above this, libcurl reads no more until the reader has caught up."""


class CurlStream(Transfer, AbstractAsyncContextManager[Stream]):
    """A response that is read while it arrives. It is its own iterator, and keeps only what nobody has read yet.

    A class, because thousands are open, and each generator would keep a frame in memory.
    """

    __slots__ = (
        "_error",
        "_heard",
        "_lines",
        "_loop",
        "_multi",
        "_opened",
        "_over",
        "_paused",
        "_request",
        "_silence_seconds",
        "_timer",
        "_waiter",
        "_waiting",
        "headers",
        "status",
    )

    def __init__(self, outgoing: Outgoing, multi: Multi, request: Request, *, silence_seconds: float) -> None:
        super().__init__(outgoing)
        self._multi = multi
        self._request = request
        self._silence_seconds = silence_seconds
        self._loop = asyncio.get_running_loop()
        self._waiting: bytes | bytearray = b""
        self._lines: list[bytes] = []
        self._error: CallError | None = None
        self._opened = self._over = self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._heard = 0.0
        self.status: int = 0
        self.headers: Mapping[str, str] = {}

    async def __aenter__(self) -> Stream:
        if self._timer is not None:
            raise RuntimeError("a stream is opened once")
        curl = self._curl
        self._aim(self._request, connect_seconds=CONNECT_SECONDS, seconds=0.0)
        curl.setopt(pycurl.WRITEFUNCTION, self._write)
        curl.setopt(pycurl.HEADERFUNCTION, self._head)
        self._outgoing.prepare_stream(curl)
        self._heard = self._loop.time()
        self._timer = self._loop.call_later(self._silence_seconds, self._check_silence)
        self._multi.start(curl, self._ended)
        # libcurl has its own copy of the headers, which hold long tokens; errors name only the call and its host.
        self._request, self._headers = replace(self._request, headers=_NO_HEADERS), []
        try:
            while not self._opened and not self._over:
                await self._news()
            self._check_opening()
            self._forget_request()
        except BaseException:
            self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._close()

    def chunks(self) -> AsyncIterator[bytes]:
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if not self._opened:
            raise RuntimeError("a stream is read within its context")
        while not self._waiting:
            if self._error is not None:
                raise self._error
            if self._over:
                raise StopAsyncIteration
            await self._news()
        chunk, self._waiting = bytes(self._waiting), b""
        if self._paused:
            self._paused = False
            self._multi.resume(self._curl)
        return chunk

    async def read(self) -> bytes:
        body: bytes | bytearray = b""
        async for chunk in self:
            body = joined(body, chunk)
            if len(body) > MAX_RESPONSE_BYTES:
                raise named_host(too_long(self._request.what, self.status, 0), self._request.url)
        return bytes(body)

    def _check_opening(self) -> None:
        if self._error is not None and not self._opened:
            raise self._error
        if self.status == proxying.ASKS_FOR_LOGIN and self._proxy is not None:
            raise named_host(
                proxying.refused(self._request.what, self.status, self._proxy), self._request.url
            )

    def _forget_request(self) -> None:
        """Keep of the request only what errors name: thousands of streams are open, and a token is long."""
        asked = self._request
        self._request = Request(asked.what, asked.method, asked.url)
        self._headers = []
        self._curl.unsetopt(pycurl.HTTPHEADER)  # pycurl ignores an empty list

    def _news(self) -> asyncio.Future[None]:
        """Done when something has arrived, or the stream is over."""
        self._waiter = self._loop.create_future()
        return self._waiter

    def _tell(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._multi.remove(self._curl)
        self._over = True
        self._curl.close()

    def _fail(self, error: CallError) -> None:
        self._error, self._over = named_host(error, self._request.url), True
        self._tell()

    def _check_silence(self) -> None:
        """Set the timer anew for the last byte that has arrived: cheaper than at each byte."""
        now = self._loop.time()
        # A reader that lags makes the silence itself; before the headers have come, nobody reads.
        since = now if self._opened and (self._waiting or self._paused) else self._heard
        if since + self._silence_seconds > now:
            self._timer = self._loop.call_at(since + self._silence_seconds, self._check_silence)
            return
        if not self._over:
            self._multi.remove(self._curl)
            self._fail(
                Unreachable(
                    self._request.what, detail="timed out", possible_duplicate=self._asked, cause="timeout"
                )
            )

    # --- what libcurl calls ---

    def _write(self, data: bytes) -> int | None:
        if len(self._waiting) >= _MAX_WAITING_BYTES:
            self._paused = True
            return int(pycurl.WRITEFUNC_PAUSE)
        if self._opened:
            self._heard = self._loop.time()
        self._waiting = joined(self._waiting, data)
        self._tell()
        return None

    def _head(self, line: bytes) -> None:
        if self._opened:  # a trailer
            return
        if line.startswith(b"HTTP/"):
            self.status = int(line.split(None, 2)[1])
            self._lines.clear()
        self._lines.append(line)
        if self.status >= 200 and not line.strip():
            self.headers, self._lines = ResponseHeaders(self._lines), []
            self._opened = True
            self._heard = self._loop.time()
            self._tell()

    def _ended(self, code: int, text: str) -> None:
        self._over = True
        if code:
            self._error = self._failure(self._request, code, text)
        elif not self._opened:
            self._error = named_host(broken_off(self._request.what), self._request.url)
        self._tell()
