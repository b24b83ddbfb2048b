"""One lane per user: what a user causes is worked through strictly in order, users independently of each other."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from botkit_sandbox.errors import LaneFull

log = logging.getLogger(__name__)

Job = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Lanes:
    """An idle lane costs nothing; a task lives only while its lane has work."""

    capacity: int
    _waiting: dict[str, deque[Job]] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def put(self, user_id: str, job: Job) -> None:
        """Do `job` when everything before it on this lane is done.

        Raises:
            LaneFull: the lane holds `capacity` jobs already.
        """
        lane = self._waiting.get(user_id)
        if lane is not None:
            if len(lane) >= self.capacity:
                raise LaneFull(f"user {user_id} has {len(lane)} things waiting")
            lane.append(job)
            return
        self._waiting[user_id] = deque([job])
        self.beside(lambda: self._work(user_id))

    def beside(self, job: Job) -> None:
        """Do `job` now, outside all lanes."""
        task = asyncio.ensure_future(self._guarded(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def busy(self, user_id: str) -> bool:
        return user_id in self._waiting

    async def close(self) -> None:
        """Give up whatever is still going on."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, user_id: str) -> None:
        lane = self._waiting[user_id]
        try:
            while lane:
                await self._guarded(lane.popleft())
        finally:
            del self._waiting[user_id]

    async def _guarded(self, job: Job) -> None:
        """A job that fails is told of, and the lane goes on with the next."""
        (failure,) = await asyncio.gather(job(), return_exceptions=True)
        if isinstance(failure, Exception):
            log.error("The emulated platform failed at something a user did", exc_info=failure)
