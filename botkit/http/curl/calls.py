"""Calls that share connections and handles, and those to one host, which take turns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from botkit.errors import CallError, CallRefused, Unreachable
from botkit.http.curl.call import Call, CallHandle, OnEnd
from botkit.http.curl.failures import closed
from botkit.http.curl.multi import Multi
from botkit.http.curl.options import unsendable
from botkit.http.curl.outgoing import Outgoing
from botkit.http.hosts import named_host
from botkit.http.values import Done, Request, Response

_KEPT_HANDLES = 64
"""Max handles that wait for their next call. Each takes 5 KB, and holds the body of its last request."""


class Calls:
    """Calls of any number. Make it, use it and close it on the running loop."""

    def __init__(self, outgoing: Outgoing, *, max_connections: int = 0) -> None:
        """`max_connections`: see `Multi`."""
        self._outgoing = outgoing
        self._multi = Multi(max_connections=max_connections)
        self._free: list[CallHandle] = []

    def begin(self, request: Request, done: Done) -> Callable[[], None]:
        """See `CallbackTransport.begin`."""
        call = Call(request, done, self.release)
        self.start(call, self._ended, seconds=request.timeout_seconds)
        return call.cancel

    def start(self, call: Call, on_end: OnEnd, *, seconds: float) -> None:
        """Start a call; `on_end` is called with its outcome, unless it is released before.

        Raises:
            CallRefused: the request cannot be sent as it is.
        """
        handle = self._free.pop() if self._free else CallHandle(self._outgoing, self._multi)
        try:
            handle.start(call, on_end, seconds=seconds)
        except Exception as error:
            handle.close()
            if isinstance(error, CallRefused):
                raise
            raise unsendable(call.request.what) from error

    def release(self, call: Call) -> None:
        """Take the handle of a call, which ends here unless it has ended."""
        handle, call.handle = call.handle, None
        assert handle is not None  # noqa: S101 - the call was started
        handle.stop()
        if handle.is_worth_keeping and len(self._free) < _KEPT_HANDLES:
            self._free.append(handle)
        else:
            handle.close()

    async def close(self) -> None:
        """Close every connection; calls in progress fail."""
        await self._multi.close()
        self._free.clear()

    def _ended(self, call: Call, outcome: Response | CallError) -> None:
        self.release(call)
        call.end(outcome)


class Turns:
    """The calls to one host: so many at once; the others wait in order, each for at most its own timeout."""

    def __init__(self, calls: Calls, *, limit: int) -> None:
        self._calls = calls
        self._free = limit
        self._waiting: dict[Call, float] = {}
        """By the loop's time at which each has waited long enough. uvloop's handle of a short timer does not tell."""
        self._loop = asyncio.get_running_loop()

    def begin(self, request: Request, done: Done) -> Callable[[], None]:
        """See `CallbackTransport.begin`."""
        call = Call(request, done, self._cancel)
        if self._free:
            self._calls.start(call, self._ended, seconds=request.timeout_seconds)
            self._free -= 1
        else:
            call.timer = self._loop.call_later(request.timeout_seconds, self._expire, call)
            self._waiting[call] = self._loop.time() + request.timeout_seconds
        return call.cancel

    def close(self) -> None:
        """Fail the calls that wait, in the loop's next turn."""
        for call in self._waiting:
            assert call.timer is not None  # noqa: S101 - it waits
            call.timer.cancel()
            error = named_host(closed(call.request.what), call.request.url)
            self._loop.call_soon(call.end, error)
        self._waiting.clear()

    def _cancel(self, call: Call) -> None:
        if call.handle is not None:
            self._calls.release(call)
            self._next()
        elif call in self._waiting:
            assert call.timer is not None  # noqa: S101 - it waits
            call.timer.cancel()
            del self._waiting[call]

    def _ended(self, call: Call, outcome: Response | CallError) -> None:
        self._calls.release(call)
        self._next()
        call.end(outcome)

    def _next(self) -> None:
        """Give the turn that has become free to the call that has waited longest."""
        self._free += 1
        while self._waiting:
            call = next(iter(self._waiting))
            left = self._waiting.pop(call) - self._loop.time()
            assert call.timer is not None  # noqa: S101 - it waits
            call.timer.cancel()
            call.timer = None
            if left <= 0:  # This process stood still, and must not send now what should have gone long ago.
                self._loop.call_soon(call.end, _late(call))
                continue
            try:
                self._calls.start(call, self._ended, seconds=left)
            except Exception as error:  # noqa: BLE001 - neither this call nor the one that has just ended may be lost
                refused = error if isinstance(error, CallRefused) else unsendable(call.request.what)
                self._loop.call_soon(call.end, named_host(refused, call.request.url))
                continue
            self._free -= 1
            return

    def _expire(self, call: Call) -> None:
        del self._waiting[call]
        call.timer = None
        call.end(_late(call))


def _late(call: Call) -> CallError:
    error = Unreachable(call.request.what, detail="timed out before its turn", cause="waiting")
    return named_host(error, call.request.url)
