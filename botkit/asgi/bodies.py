"""The bodies that an event loop waits for, with limits on their number and time.

Waiting costs no thread, so only memory limits the number. A body follows its headers at once: one that does not come is that of a
stalled or hostile client, or of a proxy that forwards incomplete requests. So the oldest makes room for others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from botkit.errors import TooManyBodies
from botkit.hooks.bodies import BODY_SECONDS, CROWDED_SECONDS, HURRIED_SECONDS, LOOK_SECONDS
from botkit.observability.events import get_logger
from botkit.observability.tracebacks import where

_log = get_logger("botkit.asgi")

MAX_PENDING: Final = 128
"""Each may have up to `hooks.bodies.MAX_BYTES`. Callers are authenticated before."""


class PendingBodies:
    """Calls back for each body that takes too long. Lives on one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._since: dict[Callable[[], None], float] = {}
        self._is_looking = False
        self.hurried = False
        """Whether the short limit applies whatever the number."""

    def __len__(self) -> int:
        return len(self._since)

    def add(self, expire: Callable[[], None]) -> None:
        """Wait for a body; `expire` is called if it takes too long. Raises: TooManyBodies if too many others are pending."""
        if len(self._since) >= MAX_PENDING:
            self._make_room()
        self._since[expire] = self._loop.time()
        if not self._is_looking:
            self._is_looking = True
            self._loop.call_later(LOOK_SECONDS, self._look)

    def remove(self, expire: Callable[[], None]) -> None:
        """The body has arrived, or nobody waits for it any more."""
        self._since.pop(expire, None)

    def _make_room(self) -> None:
        oldest, since = next(iter(self._since.items()))
        if self._loop.time() - since < CROWDED_SECONDS:
            raise TooManyBodies
        self._expire(oldest)

    def _look(self) -> None:
        hurried = self.hurried or len(self._since) >= MAX_PENDING // 4
        oldest = self._loop.time() - (HURRIED_SECONDS if hurried else BODY_SECONDS)
        overdue = [expire for expire, since in self._since.items() if since <= oldest]
        for expire in overdue:
            self._expire(expire)
        self._is_looking = bool(self._since)
        if self._is_looking:
            self._loop.call_later(LOOK_SECONDS, self._look)

    def _expire(self, expire: Callable[[], None]) -> None:
        self._since.pop(expire, None)
        try:
            expire()
        except Exception as error:  # noqa: BLE001 - the others have to be called
            _log.error("call_failed", error=where(error))
