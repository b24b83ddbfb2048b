"""The relay's carrier: calls, long polls and event streams by libcurl, on the relay's own event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Self

import pycurl

from botkit.errors import CallError
from botkit.http.curl.calls import Calls, Turns
from botkit.http.curl.failures import closed
from botkit.http.curl.multi import Multi
from botkit.http.curl.outgoing import Outgoing
from botkit.http.curl.stream import CurlStream
from botkit.http.hosts import AllowedHosts, named_host
from botkit.http.network import DIRECT, Network
from botkit.http.permits import until_permitted
from botkit.http.values import Done, Request, Response, Stream

_MAX_CONNECTIONS = 1_024
"""Of calls. Long polls keep theirs however many there are, because each is needed again at once."""
OLDEST_LIBCURL = 0x08_04_00
"""An older libcurl checks the length of a response only if the server states it."""


class CurlTransport:
    """Sends requests with libcurl: implements `botkit.http.CallbackTransport`.

    Create it anywhere, use it on one event loop, close it there. It has three sets of connections: for calls, which are kept and
    limited in number for each host; for long polls, which are kept and not limited, because thousands are open at once and
    nearly always silent; and for streams, whose connections are not used again.

    If a kept connection turns out to be dead, a GET is sent again; see `botkit.http.curl.transfer.Transfer`.

    Args:
        allowed_hosts: see `botkit.http.hosts.AllowedHosts`; None for any host.
        insecure_http: allow ``http://``, and hosts on loopback and link-local addresses.
        calls_per_host: max calls in progress to one host; further calls wait, each for at most its own timeout.
        network: the proxy, certificates and the version of HTTP.
    """

    def __init__(
        self,
        *,
        allowed_hosts: Iterable[str] | None,
        insecure_http: bool = False,
        calls_per_host: int = 128,
        network: Network = DIRECT,
    ) -> None:
        if pycurl.version_info()[2] < OLDEST_LIBCURL:
            raise RuntimeError("this libcurl is older than 8.4: install pycurl from its wheel")
        self._hosts = AllowedHosts(allowed_hosts, insecure_http=insecure_http, network=network)
        self._outgoing = Outgoing(network, insecure_http=insecure_http)
        self._calls_per_host = calls_per_host
        self._closed = False
        self._turns: dict[str, Turns] = {}
        self._calls: Calls | None = None
        self._polls: Calls | None = None
        self._streams: Multi | None = None

    async def send(self, request: Request) -> Response:
        """Send one request and read the whole response. It waits until it may, see `permits`.

        Raises:
            HostNotAllowed: the URL may not be called.
            Unreachable: no response arrived, or not all of it.
            BadReply: the response is not HTTP, or longer than `botkit.http.values.MAX_RESPONSE_BYTES`.
            CallRefused: it is longer than the request's own `max_bytes`, or the request cannot be sent as it is.
        """
        await until_permitted()
        answered = asyncio.get_running_loop().create_future()

        def done(outcome: Response | CallError) -> None:
            if not answered.cancelled():
                answered.set_result(outcome)

        cancel = self.begin(request, done)
        try:
            outcome: Response | CallError = await answered
        except asyncio.CancelledError:
            cancel()
            raise
        if isinstance(outcome, CallError):
            raise outcome
        return outcome

    def begin(self, request: Request, done: Done) -> Callable[[], None]:
        """See `botkit.http.CallbackTransport.begin`.

        Raises:
            HostNotAllowed: the URL may not be called.
            CallRefused: the request cannot be sent as it is.
            Unreachable: the carrier is closed.
        """
        self._check(request)
        if request.long_poll:
            if self._polls is None:
                self._polls = Calls(self._outgoing)
            return self._polls.begin(request, done)
        # Hosts come from the configuration or are checked against it, so there are few.
        host = request.url.split("/", 3)[2]
        return (self._turns.get(host) or self._turns_of(host)).begin(request, done)

    def stream(self, request: Request, *, silence_seconds: float) -> AbstractAsyncContextManager[Stream]:
        """Open an event stream; leaving the context closes its connection, unless other streams use it (HTTP/2).

        Raises:
            HostNotAllowed: the URL may not be called.
            Unreachable: no response arrived within `silence_seconds`.
        """
        self._check(request)
        if self._streams is None:
            self._streams = Multi()
        return CurlStream(self._outgoing, self._streams, request, silence_seconds=silence_seconds)

    async def close(self) -> None:
        """Close every connection. Open streams break, and calls in progress fail."""
        self._closed = True
        for turns in self._turns.values():
            turns.close()
        open_ones = [one for one in (self._calls, self._polls, self._streams) if one is not None]
        self._calls = self._polls = self._streams = None
        await asyncio.gather(*(one.close() for one in open_ones))
        self._turns.clear()
        self._outgoing.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _check(self, request: Request) -> None:
        self._hosts.check(request.url, what=request.what)
        if self._closed:
            raise named_host(closed(request.what), request.url)

    def _turns_of(self, host: str) -> Turns:
        if self._calls is None:
            self._calls = Calls(self._outgoing, max_connections=_MAX_CONNECTIONS)
        name = host.partition("?")[
            0
        ].lower()  # Else each spelling in a hook's payload would have turns of its own.
        if (turns := self._turns.get(name)) is None:
            turns = self._turns[name] = Turns(self._calls, limit=self._calls_per_host)
        return turns
