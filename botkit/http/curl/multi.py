"""One multi handle of libcurl on an asyncio event loop: its sockets, its timer, and the transfers that have ended.

libcurl names the sockets that it waits for. They are in a set of their own (`sockets.py`), and the loop watches that set's
descriptor: one callback for all sockets that became ready in a turn, and a ninth of the time that `loop.add_reader` needs.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

import pycurl

from botkit.http.curl.sockets import Sockets

Ended = Callable[[int, str], None]
"""Called when a transfer has ended, with libcurl's code (0: success) and its text, which may quote the URL."""

_CLOSE_SECONDS = 1.0
CLOSED = "the carrier was closed"
"""The text of transfers that `Multi.close` has ended."""


class Multi:
    """Transfers that share connections. Make it, use it and close it on the running loop."""

    def __init__(self, *, max_connections: int = 0) -> None:
        """`max_connections`: kept ones are closed above this number; 0: four for each transfer in progress."""
        self._loop = asyncio.get_running_loop()
        self._transfers: dict[pycurl.Curl, Ended] = {}
        self._ended: dict[pycurl.Curl, tuple[Ended, int, str]] = {}
        """Transfers that have ended, until `ended` is called. That call may remove another one, whose handle may then start
        again."""
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._wake_in)
        if max_connections:
            self._multi.setopt(pycurl.M_MAXCONNECTS, max_connections)
        self._sockets = Sockets()
        self._loop.add_reader(self._sockets.fileno(), self._on_ready)
        self._soon = self._closed = self._is_alone = False
        self._due: float | None = None
        self._timer: asyncio.Handle | None = None
        self._timer_due = 0.0
        """When the timer is due. uvloop's handle does not tell it of a timer that is due already."""

    def start(self, curl: pycurl.Curl, ended: Ended) -> None:
        """Start a transfer; `ended` is called once, in a later turn of the loop, unless it is removed before.

        Its request goes out at once if there is no other transfer. Otherwise it goes in the next turn, together with those that
        start in this one. So the request may be out when the transfer is removed, however soon.
        """
        # True only while the handle is added: libcurl asks for the next turn then, which is not needed.
        self._is_alone = not self._transfers and not self._ended
        try:
            self._multi.add_handle(curl)
        finally:
            is_alone, self._is_alone = self._is_alone, False
        self._transfers[curl] = ended
        if is_alone:
            _, running = self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
            if not running:
                self._wake_in(0)

    def remove(self, curl: pycurl.Curl) -> None:
        """Break a transfer off, if it is still in progress; a connection in the middle of a response is closed."""
        self._ended.pop(curl, None)
        if self._transfers.pop(curl, None) is not None:
            self._multi.remove_handle(curl)

    def resume(self, curl: pycurl.Curl) -> None:
        """Let a transfer that was paused go on."""
        if curl in self._transfers:
            curl.pause(pycurl.PAUSE_CONT)

    async def close(self) -> None:
        """Close every connection. Transfers in progress end as aborted, in the loop's next turn.

        libcurl then waits for the look-ups of names that are under way, and nothing ends one of them. So it waits in a thread of
        its own, which is left alone after a second.
        """
        self._closed = True
        for curl, ended in self._transfers.items():
            self._multi.remove_handle(curl)
            self._loop.call_soon(ended, pycurl.E_ABORTED_BY_CALLBACK, CLOSED)
        self._transfers.clear()
        self._loop.remove_reader(self._sockets.fileno())
        self._sockets.close()
        if self._timer is not None:
            self._timer.cancel()
        done = self._loop.create_future()

        def close() -> None:
            self._multi.close()
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(done.cancel)

        threading.Thread(target=close, name="botkit-libcurl-closing", daemon=True).start()
        await asyncio.wait([done], timeout=_CLOSE_SECONDS)

    # --- what libcurl asks for; it must not be called back from here ---

    def _watch(self, what: int, descriptor: int, _multi: object, _data: object) -> None:
        if self._closed:
            return
        if what == pycurl.POLL_REMOVE:
            self._sockets.forget(descriptor)
        elif what != pycurl.POLL_NONE:
            self._sockets.watch(descriptor, what)

    def _wake_in(self, milliseconds: int) -> None:
        if self._closed:
            return
        if milliseconds == 0:
            if not self._soon and not self._is_alone:
                self._soon = True
                self._loop.call_soon(self._on_turn)
        elif milliseconds < 0:
            self._due = None
        else:
            self._due = due = self._loop.time() + milliseconds / 1000
            # libcurl sets its timer anew with each transfer, mostly later; the loop's is then set again when it goes off.
            if self._timer is None or self._timer_due > due:
                self._set_timer(due)

    # --- what the loop calls ---

    def _set_timer(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_due = self._loop.call_at(due, self._on_timer), due

    def _on_timer(self) -> None:
        self._timer = None
        if self._due is None:
            return
        if self._due > self._loop.time():
            self._set_timer(self._due)
            return
        self._due = None
        self._on_turn()

    def _on_turn(self) -> None:
        self._soon = False
        if self._closed:
            return
        _, running = self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        self._collect(running)

    def _on_ready(self) -> None:
        running = len(self._transfers)
        for descriptor, events in self._sockets.ready():
            _, running = self._multi.socket_action(descriptor, events)
        self._collect(running)

    def _collect(self, running: int) -> None:
        """Call `ended` of the transfers that have ended, if there are any: libcurl says how many are still running."""
        more = int(running != len(self._transfers))
        while more:
            more, succeeded, failed = self._multi.info_read()
            for curl in succeeded:
                self._end(curl, 0, "")
            for curl, code, text in failed:
                self._end(curl, code, text)
        while self._ended:
            ended, code, text = self._ended.pop(next(iter(self._ended)))
            try:
                ended(code, text)
            except Exception as error:  # noqa: BLE001 - one caller's defect must not keep the others from their responses
                self._loop.call_exception_handler({"message": "a call's callback failed", "exception": error})

    def _end(self, curl: pycurl.Curl, code: int, text: str) -> None:
        self._multi.remove_handle(curl)
        self._ended[curl] = (self._transfers.pop(curl), code, text)
