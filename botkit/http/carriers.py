"""The two carriers: aiohttp in the relay, requests for synchronous callers.

Both send only to allowed hosts, follow no redirects, and limit sizes and times. They leave the machine as
`botkit.http.network.Network` says, and read no proxy or netrc settings from the environment themselves. A failure below HTTP is
an `errors.Unreachable` with a short reason, which never quotes a URL, a header or a body.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import lru_cache
from typing import Self

import aiohttp
import requests
from yarl import URL

from botkit.errors import BadReply, CallError, CallRefused, Unreachable
from botkit.http import Done, Request, Response, Stream, begin_in_task, proxying
from botkit.http.failures import translated
from botkit.http.hosts import AllowedHosts, named_host
from botkit.http.network import DIRECT, Network, Proxy

MAX_RESPONSE_BYTES = 8 * 1024 * 1024
"""A longer response is not read to its end, and counts as `errors.BadReply`."""

_CONNECT_SECONDS = 10.0
_CALL_BUFFER_BYTES = 262_144
_STREAM_BUFFER_BYTES = 16_384
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
        network: the proxy and the certificate authorities.
    """

    def __init__(
        self,
        *,
        allowed_hosts: Iterable[str] | None,
        insecure_http: bool = False,
        calls_per_host: int = 128,
        network: Network = DIRECT,
    ) -> None:
        self._network = network
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

    def begin(self, request: Request, done: Done) -> Callable[[], None]:
        """See `CallbackTransport.begin`."""
        self._hosts.check(request.url, what=request.what)
        return begin_in_task(self.send, request, done)

    async def _send(self, request: Request, session: aiohttp.ClientSession) -> Response:
        proxy = self._network.proxy_of(request.url) if self._network.proxy else None
        try:
            async with session.request(
                request.method,
                _parsed(request.url),
                data=request.body,
                allow_redirects=False,
                timeout=_call_timeout(request.timeout_seconds, long_poll=request.long_poll),
                **(proxying.for_aiohttp(request, proxy) if proxy else {"headers": request.headers}),
            ) as response:
                if proxy:
                    proxying.check_status(request.what, response.status, proxy)
                body = await _read(response, request.what, request.max_bytes)
                return Response(response.status, response.headers, body, request.url)
        except (CallError, aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise named_host(translated(request.what, error, proxy), request.url) from None

    def stream(self, request: Request, *, silence_seconds: float) -> AbstractAsyncContextManager[Stream]:
        """Open an event stream; leaving the context closes its connection, which is never reused.

        Raises:
            HostNotAllowed: the URL may not be called.
            Unreachable: no response arrived within `silence_seconds`.
        """
        self._hosts.check(request.url, what=request.what)
        proxy = self._network.proxy_of(request.url)
        return _AioStream(self._streams or self._open_streams(), request, silence_seconds, proxy)

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
        self._calls = self._session(_CALL_BUFFER_BYTES, limit_per_host=self._calls_per_host)
        return self._calls

    def _open_polls(self) -> aiohttp.ClientSession:
        self._polls = self._session(_STREAM_BUFFER_BYTES)
        return self._polls

    def _open_streams(self) -> aiohttp.ClientSession:
        self._streams = self._session(_STREAM_BUFFER_BYTES, force_close=True)
        return self._streams

    def _session(
        self, buffer_bytes: int, *, limit_per_host: int = 0, force_close: bool = False
    ) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=0,
            limit_per_host=limit_per_host,
            force_close=force_close,
            ttl_dns_cache=60,
            # aiohttp has a context with the system's certificate authorities already.
            ssl=self._network.ssl_context() if self._network.ca_bundle else True,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent"),
            headers={"User-Agent": _USER_AGENT},
            read_bufsize=buffer_bytes,
        )


_Opening = tuple[aiohttp.ClientSession, Request, float, Proxy | None]


class _AioStream(AbstractAsyncContextManager[Stream]):
    """An aiohttp response that is read while it arrives. It is its own iterator, and keeps no chunk.

    A class, because thousands are open, and each generator would keep a frame in memory.
    """

    __slots__ = ("_opening", "_response", "_what", "headers", "status")

    def __init__(
        self, session: aiohttp.ClientSession, request: Request, silence_seconds: float, proxy: Proxy | None
    ) -> None:
        self._what = request.what
        self._opening: _Opening | None = session, request, silence_seconds, proxy
        self._response: aiohttp.ClientResponse | None = None
        self.status: int = 0
        self.headers: Mapping[str, str] = {}

    async def __aenter__(self) -> Stream:
        if self._opening is None:
            raise RuntimeError("a stream is opened once")
        (session, request, silence_seconds, proxy), self._opening = self._opening, None
        try:
            self._response = response = await session.request(
                request.method,
                _parsed(request.url),
                data=request.body,
                allow_redirects=False,
                timeout=_stream_timeout(silence_seconds),
                **(proxying.for_aiohttp(request, proxy) if proxy else {"headers": request.headers}),
            )
            if proxy:
                proxying.check_status(request.what, response.status, proxy)
        except (CallError, aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            if self._response is not None:
                self._response.close()
            raise named_host(translated(request.what, error, proxy), request.url) from None
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
            raise named_host(translated(self._what, error), str(self._opened().url)) from None
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def read(self) -> bytes:
        try:
            return await _read(self._opened(), self._what)
        except (CallError, aiohttp.ClientError, TimeoutError, OSError) as error:
            raise named_host(translated(self._what, error), str(self._opened().url)) from None

    def _opened(self) -> aiohttp.ClientResponse:
        if self._response is None:
            raise RuntimeError("a stream is read within its context")
        return self._response


class SyncTransport:
    """Sends requests with the requests library, for command line tools, notebooks and synchronous handlers.

    Args:
        allowed_hosts: see `botkit.http.hosts.AllowedHosts`; None for any host.
        insecure_http: allow ``http://``.
        network: the proxy and the certificate authorities.
    """

    def __init__(
        self,
        *,
        allowed_hosts: Iterable[str] | None,
        insecure_http: bool = False,
        network: Network = DIRECT,
    ) -> None:
        self._network = network
        self._hosts = AllowedHosts(allowed_hosts, insecure_http=insecure_http)
        self._session = requests.Session()
        # Otherwise a .netrc entry for the host would replace the Authorization header.
        self._session.trust_env = False
        adapter = proxying.Adapter(network)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        self._session.headers.clear()
        self._session.headers["User-Agent"] = _USER_AGENT

    def send(self, request: Request) -> Response:
        """Send one request and read the whole response. Raises the errors of `AioTransport.send`."""
        self._hosts.check(request.url, what=request.what)
        deadline = time.monotonic() + request.timeout_seconds
        proxy = self._network.proxy_of(request.url)
        try:
            with self._session.request(
                request.method,
                request.url,
                data=request.body,
                headers=dict(request.headers),
                allow_redirects=False,
                timeout=request.timeout_seconds,
                stream=True,
                proxies=proxying.for_requests(proxy) if proxy else {},
            ) as response:
                if proxy:
                    proxying.check_status(request.what, response.status_code, proxy)
                body = _read_sync(response, request, deadline)
                return Response(response.status_code, response.headers, body, request.url)
        except (CallError, requests.RequestException, OSError, ValueError) as error:
            raise named_host(translated(request.what, error, proxy), request.url) from None

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
    # `connect` and not `sock_connect`: it includes what a proxy has to answer before the request can be sent.
    return aiohttp.ClientTimeout(total=seconds, connect=_CONNECT_SECONDS if long_poll else None)


@lru_cache(maxsize=64)
def _stream_timeout(silence_seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=_CONNECT_SECONDS, sock_read=silence_seconds)


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
