"""Whose turn it is to open an event stream, and to read the list after that; few do it at once.

After the end of another process, thousands of conversations need both. A stream resumes where the former one ended
(docs/protocols/salesforce-miaw.md, 4.5), so with its stream a conversation has nearly everything, and the list only proves it.
So while streams wait, they are opened first. An event that its stream has brought waits for its list, which comes before both.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

_Queue = dict[asyncio.Future[None], None]
STREAMS_BETWEEN = 7
"""After this many streams a list has its turn, although more streams wait: otherwise no list would be read while streams keep
breaking and are opened again."""


class Openings:
    """Turns, each kind in its order. Lives on one loop.

    Args:
        at_once: max streams being opened and lists being read after that.
    """

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._hurried_lists: _Queue = {}
        self._streams: _Queue = {}
        self._lists: _Queue = {}
        self._streams_since = 0
        """How many streams had their turns since a list had one."""

    @property
    def has_waiting_streams(self) -> bool:
        """Whether streams wait for their turn."""
        return bool(self._streams)

    @property
    def is_busy(self) -> bool:
        """Whether anything waits for its turn. Any thread."""
        return bool(self._hurried_lists or self._streams or self._lists)

    def stream(self) -> AbstractAsyncContextManager[None]:
        """The turn to open a stream."""
        return self._turn(self._streams)

    def list(self, *, hurried: bool = False) -> AbstractAsyncContextManager[None]:
        """The turn to read the list of a stream that is open. `hurried`: an event waits for it."""
        return self._turn(self._hurried_lists if hurried else self._lists)

    @asynccontextmanager
    async def _turn(self, waiting: _Queue) -> AsyncIterator[None]:
        await self._wait(waiting)
        try:
            yield
        finally:
            self._next()

    async def _wait(self, waiting: _Queue) -> None:
        if self._free and not self.is_busy:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        waiting[turn] = None
        try:
            await turn
        except asyncio.CancelledError:
            if turn in waiting:
                del waiting[turn]
            else:
                self._next()  # It was cancelled in the moment in which it got its turn.
            raise

    def _next(self) -> None:
        """A turn has ended: another gets it, if any waits."""
        if waiting := self._hurried_lists or self._streams_or_lists():
            turn = next(iter(waiting))
            del waiting[turn]
            if not turn.done():
                turn.set_result(None)
        else:
            self._free += 1

    def _streams_or_lists(self) -> _Queue:
        """Those whose turn it is."""
        if self._streams and (not self._lists or self._streams_since < STREAMS_BETWEEN):
            self._streams_since += 1
            return self._streams
        self._streams_since = 0
        return self._lists
