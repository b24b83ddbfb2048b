"""One open event stream: a single writer that follows the event log of its user.

See docs/protocols/salesforce-miaw.md, 4.1, 4.2 and 4.5.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from botkit_sandbox.salesforce.eventlog import Frame
from botkit_sandbox.salesforce.held_stream import HeldStream
from botkit_sandbox.salesforce.tokens import Claims

if TYPE_CHECKING:
    from botkit_sandbox.salesforce.cloud import SalesforceCloud

AT_ONCE = 64
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
PATH = "/eventrouter/v1/sse"


class EventStream:
    """Sleeps until the log, the ping timer or `stop` wakes it; then writes."""

    __slots__ = (
        "_claims",
        "_cloud",
        "_log",
        "_loop",
        "_ping_due",
        "_pings",
        "_place",
        "_request",
        "_stopped",
        "_timer",
        "_waiter",
    )

    def __init__(self, cloud: SalesforceCloud, request: web.Request, claims: Claims, *, place: int) -> None:
        self._cloud = cloud
        self._request = request
        self._claims = claims
        self._log = cloud.end_users[claims.subject].log
        self._place = place
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ping_due = False
        self._pings = 0
        self._stopped = ""

    def wake(self) -> None:
        """Wake the writer."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def stop(self, how: str) -> None:
        """Break the connection (``abort``) or end the stream properly (``end``)."""
        self._stopped = how
        self.wake()

    async def run(self, prepared: web.StreamResponse) -> None:
        """Write until the client disconnects, the token expires or the stream is stopped."""
        response = HeldStream(self._request, prepared, self._cloud.faults)
        cloud, log = self._cloud, self._log
        log.readers.add(self)
        self._arm_ping()
        lifetime = cloud.settings.stream_max_seconds
        limit = None if lifetime is None else self._loop.call_later(lifetime, self.stop, "end")
        try:
            if cloud.faults.use("bom"):
                await response.write(BYTE_ORDER_MARK)
            while not self._stopped:
                await self._write_due(response)
                if not self._stopped and not self._has_work():
                    await self._sleep()
        except ConnectionResetError:
            pass  # The client disconnected, which is the usual end of a stream.
        finally:
            log.readers.discard(self)
            for timer in (self._timer, limit):
                if timer is not None:
                    timer.cancel()
        if self._stopped == "abort" and self._request.transport is not None:
            self._request.transport.abort()

    async def _write_due(self, response: HeldStream) -> None:
        cloud = self._cloud
        await response.release()
        if cloud.settings.expiry_ends_stream and cloud.dead(self._claims):
            self._stopped = "end"
            return
        if cloud.faults and cloud.faults.find("silence", line=f"GET {PATH}", operation="eventStream"):
            self._ping_due = False
            await self._sleep()
            return
        frames, place = self._log.since(self._place, at_most=AT_ONCE)
        if frames and not cloud.faults:
            await response.write(b"".join([frame.wire for frame in frames]))
            for frame in frames:
                self._record(frame)
        else:
            for frame in frames:
                await self._write_with_faults(response, frame)
                if self._stopped:
                    break
        self._place = place
        if self._ping_due and not self._stopped:
            self._ping_due = False
            data = self._pings if cloud.settings.ping_counts else 0
            self._pings += 1
            await response.write(self._framed(b"event:ping\ndata:%d\n\n" % data))

    async def _write_with_faults(self, response: HeldStream, frame: Frame) -> None:
        faults = self._cloud.faults
        if delay := faults.use("delay-event"):
            await asyncio.sleep(delay.delay_ms / 1000)
        wire = self._framed(frame.wire)
        if faults.use("truncate-event"):
            await response.write(wire[: len(wire) // 2])
            self._stopped = "abort"
            # Let the half event leave the socket before the connection breaks.
            await asyncio.sleep(0.05)
            return
        await response.write(wire)
        self._record(frame)

    def _framed(self, wire: bytes) -> bytes:
        return (
            wire.replace(b"\n", b"\r\n") if self._cloud.faults and self._cloud.faults.find("crlf") else wire
        )

    def _record(self, frame: Frame) -> None:
        if self._cloud.wire is not None:
            self._cloud.wire.record(
                source="salesforce",
                target="botkit",
                label=frame.event,
                method="SSE",
                path=PATH,
                response_body=frame.data.decode(),
            )

    def _has_work(self) -> bool:
        return self._ping_due or bool(self._log.since(self._place, at_most=1)[0])

    async def _sleep(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _arm_ping(self) -> None:
        seconds = self._cloud.settings.ping_seconds
        if seconds > 0:
            self._timer = self._loop.call_later(seconds, self._ping)

    def _ping(self) -> None:
        self._ping_due = True
        self._arm_ping()
        self.wake()
