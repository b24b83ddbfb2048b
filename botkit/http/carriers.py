"""The two carriers: aiohttp in the relay, requests for synchronous callers.

Both send only to allowed hosts, follow no redirects, read no proxy or netrc settings from the environment, and limit sizes and
times. A failure below HTTP is an `errors.Unreachable` with a short reason, which never quotes a URL, a header or a body.
"""

from __future__ import annotations

import asyncio
import errno
import os
import ssl
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import lru_cache
from typing import Self

import aiohttp
import requests
import urllib3.exceptions
from yarl import URL

from botkit.errors import BadReply, CallError, CallRefused, Unreachable, UnreachableCause
from botkit.http import Request, Response, Stream
from botkit.http.hosts import AllowedHosts, named_host

MAX_RESPONSE_BYTES = 8 * 1024 * 1024
"""A longer response is not read to its end, and counts as `errors.BadReply`."""

_CONNECT_SECONDS = 10.0
_CALL_BUFFER_BYTES = 262_144
_STREAM_BUFFER_BYTES = 4_096
_CHUNK_BYTES = 65_536


class AioTransport:
    """Sends requests with aiohttp. Create it anywhere, use it on one event loop, close it there.

    It has three connection pools. Calls keep connections alive and reuse them. Streams and long polls are not limited in number
    and have small read buffers, because thousands of them are open at once and nearly always silent; a long poll's connection is
    kept for the next one. If a kept connection turns out to be dead, aiohttp repeats a GET, but never a POST.

    Args:
        allowed_hosts: see `botkit.http.hosts.AllowedHosts`; None for any host.
        insecure_http: allow ``http://``.
        calls_per_host: max calls in progress to one host; further calls wait, each for at most its own timeout.
    """

    def __init__(
        self, *, allowed_hosts: Iterable[str] | None, insecure_http: bool = False, calls_per_host: int = 128
    ) -> None:
        self._hosts = AllowedHosts(allowed_hosts, insecure_http=insecure_http)
        self._calls_per_host = calls_per_host
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._calls: aiohttp.ClientSession | None = None
        self._polls: aiohttp.ClientSession | None = None
        self._streams: aiohttp.ClientSession | None = None

    async def send(self, request: Request) -> Response:
        """Send one request and read the whole response.

        Raises:
            HostNotAllowed: the URL may not be called.
            Unreachable: no response arrived, or not all of it.
            BadReply: the response is not HTTP, or longer than `MAX_RESPONSE_BYTES`.
            CallRefused: it is longer than the request's own `max_bytes`.
        """
        self._hosts.check(request.url, what=request.what)
        if request.long_poll:
            return await self._send(request, self._polls or self._open_polls())
        turns = self._turns_of(request.url)
        if turns.locked():
            # aiohttp would queue as well, but with a finished request: ten kilobytes for each call that waits.
            try:
                async with asyncio.timeout(request.timeout_seconds):
                    await turns.acquire()
            except TimeoutError:
                error = Unreachable(
                    request.what, detail="timed out", possible_duplicate=True, cause="timeout"
                )
                raise named_host(error, request.url) from None
        else:
            await turns.acquire()
        try:
            return await self._send(request, self._calls or self._open_calls())
        finally:
            turns.release()

    async def _send(self, request: Request, session: aiohttp.ClientSession) -> Response:
        try:
            async with session.request(
                request.method,
                _parsed(request.url),
                data=request.body,
                headers=request.headers,
                allow_redirects=False,
                timeout=_call_timeout(request.timeout_seconds, long_poll=request.long_poll),
            ) as response:
                body = await _read(response, request.what, request.max_bytes)
                return Response(response.status, response.headers, body, request.url)
        except (CallError, aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise named_host(_translated(request.what, error), request.url) from None

    def stream(self, request: Request, *, silence_seconds: float) -> AbstractAsyncContextManager[Stream]:
        """Open an event stream; leaving the context closes its connection, which is never reused.

        Raises:
            HostNotAllowed: the URL may not be called.
            Unreachable: no response arrived within `silence_seconds`.
        """
        self._hosts.check(request.url, what=request.what)
        return _AioStream(self._streams or self._open_streams(), request, silence_seconds)

    async def close(self) -> None:
        """Close every connection. Open streams break."""
        for session in (self._calls, self._polls, self._streams):
            if session is not None:
                await session.close()
        self._calls = self._polls = self._streams = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _turns_of(self, url: str) -> asyncio.Semaphore:
        # Hosts come from the configuration or are checked against it, so there are few.
        host = url.split("/", 3)[2]
        turns = self._turns.get(host)
        if turns is None:
            turns = self._turns[host] = asyncio.Semaphore(self._calls_per_host)
        return turns

    def _open_calls(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=0, limit_per_host=self._calls_per_host, ttl_dns_cache=60)
        self._calls = _session(connector, _CALL_BUFFER_BYTES)
        return self._calls

    def _open_polls(self) -> aiohttp.ClientSession:
        self._polls = _session(aiohttp.TCPConnector(limit=0, ttl_dns_cache=60), _STREAM_BUFFER_BYTES)
        return self._polls

    def _open_streams(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=0, force_close=True, ttl_dns_cache=60)
        self._streams = _session(connector, _STREAM_BUFFER_BYTES)
        return self._streams


def _session(connector: aiohttp.TCPConnector, buffer_bytes: int) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent"),
        headers={"User-Agent": _USER_AGENT},
        read_bufsize=buffer_bytes,
    )


class _AioStream(AbstractAsyncContextManager[Stream]):
    """An aiohttp response that is read while it arrives. It is its own iterator, and keeps no chunk.

    A class, because thousands are open, and each generator would keep a frame in memory.
    """

    __slots__ = ("_opening", "_response", "_what", "headers", "status")

    def __init__(self, session: aiohttp.ClientSession, request: Request, silence_seconds: float) -> None:
        self._what = request.what
        self._opening: tuple[aiohttp.ClientSession, Request, float] | None = session, request, silence_seconds
        self._response: aiohttp.ClientResponse | None = None
        self.status: int = 0
        self.headers: Mapping[str, str] = {}

    async def __aenter__(self) -> Stream:
        if self._opening is None:
            raise RuntimeError("a stream is opened once")
        (session, request, silence_seconds), self._opening = self._opening, None
        try:
            self._response = response = await session.request(
                request.method,
                _parsed(request.url),
                data=request.body,
                headers=request.headers,
                allow_redirects=False,
                timeout=_stream_timeout(silence_seconds),
            )
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise named_host(_translated(request.what, error), request.url) from None
        self.status, self.headers = response.status, response.headers
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._response is not None:
            self._response.close()

    def chunks(self) -> AsyncIterator[bytes]:
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._opened().content.readany()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise named_host(_translated(self._what, error), str(self._opened().url)) from None
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def read(self) -> bytes:
        try:
            return await _read(self._opened(), self._what)
        except (CallError, aiohttp.ClientError, TimeoutError, OSError) as error:
            raise named_host(_translated(self._what, error), str(self._opened().url)) from None

    def _opened(self) -> aiohttp.ClientResponse:
        if self._response is None:
            raise RuntimeError("a stream is read within its context")
        return self._response


class SyncTransport:
    """Sends requests with the requests library, for command line tools, notebooks and synchronous handlers.

    Args:
        allowed_hosts: see `botkit.http.hosts.AllowedHosts`; None for any host.
        insecure_http: allow ``http://``.
    """

    def __init__(self, *, allowed_hosts: Iterable[str] | None, insecure_http: bool = False) -> None:
        self._hosts = AllowedHosts(allowed_hosts, insecure_http=insecure_http)
        self._session = requests.Session()
        # Otherwise a .netrc entry for the host would replace the Authorization header.
        self._session.trust_env = False
        self._session.headers.clear()
        self._session.headers["User-Agent"] = _USER_AGENT

    def send(self, request: Request) -> Response:
        """Send one request and read the whole response. Raises the errors of `AioTransport.send`."""
        self._hosts.check(request.url, what=request.what)
        deadline = time.monotonic() + request.timeout_seconds
        try:
            with self._session.request(
                request.method,
                request.url,
                data=request.body,
                headers=dict(request.headers),
                allow_redirects=False,
                timeout=request.timeout_seconds,
                stream=True,
            ) as response:
                body = _read_sync(response, request, deadline)
                return Response(response.status_code, response.headers, body, request.url)
        except (CallError, requests.RequestException, OSError, ValueError) as error:
            raise named_host(_translated(request.what, error), request.url) from None

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_USER_AGENT = "BotKit-Python"


def _parsed(url: str) -> URL:
    # `encoded`: the URL is from the remote, or already quoted, so it is sent unchanged.
    return URL(url, encoded=True)


@lru_cache(maxsize=64)
def _call_timeout(seconds: float, *, long_poll: bool) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds, sock_connect=_CONNECT_SECONDS if long_poll else None)


@lru_cache(maxsize=64)
def _stream_timeout(silence_seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=silence_seconds)


async def _read(response: aiohttp.ClientResponse, what: str, max_bytes: int = 0) -> bytes:
    content = response.content
    chunks: list[bytes] = []
    size = 0
    while chunk := await content.readany():
        chunks.append(chunk)
        if (size := size + len(chunk)) > (max_bytes or MAX_RESPONSE_BYTES):
            response.close()
            raise _too_long(what, response.status, max_bytes)
    return b"".join(chunks)


def _read_sync(response: requests.Response, request: Request, deadline: float) -> bytes:
    chunks, size = [], 0
    for chunk in response.iter_content(_CHUNK_BYTES):
        chunks.append(chunk)
        if (size := size + len(chunk)) > (request.max_bytes or MAX_RESPONSE_BYTES):
            raise _too_long(request.what, response.status_code, request.max_bytes)
        if time.monotonic() > deadline:
            raise Unreachable(request.what, detail="timed out", possible_duplicate=True, cause="timeout")
    return b"".join(chunks)


def _too_long(what: str, status: int, max_bytes: int) -> CallError:
    if max_bytes:
        return CallRefused(what, status=status, detail=f"longer than {max_bytes} bytes")
    return BadReply(what, status=status, detail=f"the response is longer than {MAX_RESPONSE_BYTES} bytes")


def _translated(what: str, error: Exception) -> CallError:
    """A library's error as one of BotKit's, without the library's text, which may quote the URL."""
    match error:
        case CallError():
            return error
        case aiohttp.ConnectionTimeoutError() | requests.ConnectTimeout():
            return Unreachable(what, detail="no connection in time", cause="timeout")
        case TimeoutError() | requests.Timeout():
            return Unreachable(what, detail="timed out", possible_duplicate=True, cause="timeout")
        case (
            aiohttp.ClientConnectorCertificateError()
            | aiohttp.ClientConnectorSSLError()
            | requests.exceptions.SSLError()
            | ssl.SSLError()
        ):
            return Unreachable(what, detail="the server's certificate or TLS was not accepted", cause="tls")
        case aiohttp.ClientConnectorDNSError():
            return Unreachable(what, detail="the host name was not found", cause="dns")
        case aiohttp.ClientConnectorError():
            return _of_system(what, error.os_error)
        case aiohttp.ServerDisconnectedError():
            return Unreachable(
                what, detail="the server closed the connection", possible_duplicate=True, cause="closed"
            )
        case aiohttp.ClientPayloadError() | requests.exceptions.ChunkedEncodingError():
            return Unreachable(what, detail="the response broke off", possible_duplicate=True, cause="closed")
        case aiohttp.ClientResponseError():
            return BadReply(what, detail="the response is not HTTP")
        case aiohttp.InvalidURL() | requests.exceptions.InvalidURL():
            return CallRefused(what, detail="the URL is not valid")
        case aiohttp.ClientOSError():
            return _of_system(what, error, possible_duplicate=True)
        case requests.ConnectionError():
            return _not_connected(what, error)
        case aiohttp.ClientError() | requests.RequestException():
            return Unreachable(what, detail="no connection")
        case OSError():
            return _of_system(what, error, possible_duplicate=True)
        case _:
            return CallRefused(what, detail="the request cannot be sent as it is")


def _not_connected(what: str, error: requests.ConnectionError) -> CallError:
    """The error of a connection that was never made, so that nothing was sent, or of one that broke."""
    inner = error.args[0] if error.args else None
    match getattr(inner, "reason", inner):
        case urllib3.exceptions.NameResolutionError():
            return Unreachable(what, detail="the host name was not found", cause="dns")
        case urllib3.exceptions.NewConnectionError() as refused if isinstance(refused.__cause__, OSError):
            return _of_system(what, refused.__cause__)
        case urllib3.exceptions.NewConnectionError():
            return Unreachable(what, detail="no connection")
        case urllib3.exceptions.ProtocolError():
            return Unreachable(
                what, detail="the server closed the connection", possible_duplicate=True, cause="closed"
            )
        case _:
            return Unreachable(what, detail="no connection", possible_duplicate=True)


def _of_system(what: str, error: OSError, *, possible_duplicate: bool = False) -> Unreachable:
    """With the operating system's text for the error; the error's own text may name addresses."""
    known = error.errno is not None and error.errno > 0
    cause = _CAUSES.get(error.errno or 0, "network")
    detail = os.strerror(error.errno or 0) if known else "no connection"
    return Unreachable(what, detail=detail, possible_duplicate=possible_duplicate, cause=cause)


_CAUSES: dict[int, UnreachableCause] = {
    errno.ECONNREFUSED: "refused",
    errno.ETIMEDOUT: "timeout",
    errno.ECONNRESET: "closed",
    errno.EPIPE: "closed",
}
