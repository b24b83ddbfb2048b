"""A call: one request and its whole response; and the easy handle that carries one call after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pycurl

from botkit.errors import CallError, Unreachable
from botkit.http import proxying
from botkit.http.curl.failures import broken_off
from botkit.http.curl.headers import ResponseHeaders, is_whole
from botkit.http.curl.multi import Multi
from botkit.http.curl.outgoing import Outgoing
from botkit.http.curl.transfer import CONNECT_SECONDS, Transfer
from botkit.http.hosts import named_host
from botkit.http.values import MAX_RESPONSE_BYTES, Done, Request, Response

_KEPT_BODY_BYTES = 65_536


class Call:
    """One request on its way.

    Attributes:
        done: called with the outcome; None once it has been called, or the call was cancelled.
        handle: what carries the call; None while it waits.
        timer: ends the wait; None if it does not wait.
    """

    __slots__ = ("_on_cancel", "done", "handle", "request", "timer")

    def __init__(self, request: Request, done: Done, on_cancel: Callable[[Call], None]) -> None:
        self.request = request
        self.done: Done | None = done
        self._on_cancel = on_cancel
        self.handle: CallHandle | None = None
        self.timer: asyncio.Handle | None = None

    def cancel(self) -> None:
        """Break the call off, unless it has ended."""
        if self.done is not None:
            self.done = None
            self._on_cancel(self)

    def end(self, outcome: Response | CallError) -> None:
        """Tell the outcome, unless the call was cancelled."""
        done, self.done = self.done, None
        if done is not None:
            done(outcome)


OnEnd = Callable[[Call, "Response | CallError"], None]


class CallHandle(Transfer):
    """An easy handle that carries one call after the other."""

    __slots__ = ("_call", "_lines", "_max_bytes", "_multi", "_on_end", "_received")

    def __init__(self, outgoing: Outgoing, multi: Multi) -> None:
        super().__init__(outgoing)
        self._multi = multi
        self._on_end: OnEnd | None = None
        self._call: Call | None = None
        # One piece: chunks kept apart, each of two bytes, would take twenty times the size of the body.
        self._received = bytearray()
        self._lines: list[bytes] = []
        self._max_bytes = 0
        self._curl.setopt(pycurl.WRITEFUNCTION, self._received.extend)
        self._curl.setopt(pycurl.HEADERFUNCTION, self._lines.append)

    @property
    def is_worth_keeping(self) -> bool:
        """Whether the handle may wait for its next call; it holds the last one's body until then."""
        return len(self._body) <= _KEPT_BODY_BYTES

    def start(self, call: Call, on_end: OnEnd, *, seconds: float) -> None:
        """Start a call that may take so long.

        Raises:
            CallRefused: the request cannot be sent as it is.
        """
        request = call.request
        self._aim(request, connect_seconds=CONNECT_SECONDS if request.long_poll else 0.0, seconds=seconds)
        max_bytes = request.max_bytes or MAX_RESPONSE_BYTES
        if max_bytes != self._max_bytes:
            self._curl.setopt(pycurl.MAXFILESIZE_LARGE, max_bytes)
            self._max_bytes = max_bytes
        self._multi.start(self._curl, self._ended)
        self._call, self._on_end, call.handle = call, on_end, self

    def stop(self) -> None:
        """Break the call off, unless it has ended."""
        self._multi.remove(self._curl)
        self._forget()

    def close(self) -> None:
        """Free the handle."""
        self._curl.close()

    def _ended(self, code: int, text: str) -> None:
        call, on_end = self._call, self._on_end
        if call is None or on_end is None:  # it was cancelled when the carrier had just been closed
            return
        try:
            if code == 0 or self._is_accepted(call.request):
                outcome = self._response(call.request)
            else:
                outcome = self._failure(call.request, code, text)
        except Exception:
            # A defect, or no memory for the body. The call must end all the same: others wait for its turn.
            error = Unreachable(
                call.request.what, detail="the response cannot be read", possible_duplicate=True
            )
            on_end(call, named_host(error, call.request.url))
            raise
        on_end(call, outcome)

    def _is_accepted(self, request: Request) -> bool:
        """Whether a transfer that failed was a success before."""
        return (
            not request.body_is_read
            and 200 <= self._curl.getinfo(pycurl.RESPONSE_CODE) < 300
            and is_whole(self._lines)
        )

    def _response(self, request: Request) -> Response | CallError:
        status = self._curl.getinfo(pycurl.RESPONSE_CODE)
        if status == proxying.ASKS_FOR_LOGIN and self._proxy is not None:
            return named_host(proxying.refused(request.what, status, self._proxy), request.url)
        if not is_whole(self._lines):
            return named_host(broken_off(request.what), request.url)
        return Response(status, ResponseHeaders(self._lines), bytes(self._received), request.url)

    def _forget(self) -> None:
        self._call = self._on_end = None
        self._received.clear()
        self._lines.clear()
