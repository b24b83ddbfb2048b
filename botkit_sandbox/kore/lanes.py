"""One lane per user: actions of one user are processed strictly in order, those of different users concurrently."""

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
    """The lanes of all users. An idle lane costs nothing: a task exists only while its lane has work."""

    capacity: int
    _waiting: dict[str, deque[Job]] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def put(self, user_id: str, job: Job) -> None:
        """Run `job` after everything before it on this lane.

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
        self.run_now(lambda: self._work(user_id))

    def run_now(self, job: Job) -> None:
        """Run `job` now, outside the lanes."""
        task = asyncio.ensure_future(self._guarded(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def busy(self, user_id: str) -> bool:
        return user_id in self._waiting

    def idle(self) -> bool:
        """Whether nothing waits or runs, for any user."""
        return not self._tasks

    async def close(self) -> None:
        """Cancel everything that is still running."""
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
        """Run a job. A failure is logged, and the lane continues with the next job."""
        (failure,) = await asyncio.gather(job(), return_exceptions=True)
        if isinstance(failure, Exception):
            log.error("An action of a user failed in the emulated platform", exc_info=failure)
