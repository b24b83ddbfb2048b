"""`Remote`: the lanes of one bot whose heads wait for the platform; see `short_way`."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from botkit.boottime import BootTime
from botkit.relay.outbound.circuit_breaker import CircuitBreaker
from botkit.relay.outbound.lane import Lane


class Repetition(NamedTuple):
    """The next attempt of a lane."""

    at: BootTime
    number: int
    """Unique; of two that are due at the same time, the older one goes first."""
    lane: Lane
    fixed: bool
    """The remote has asked for this time."""


@dataclass(slots=True, eq=False)
class Remote:
    """The lanes that wait for one remote, in order: those of `ready` come before those of `unread`."""

    breaker: CircuitBreaker
    calling: int = 0
    """Attempts in progress."""
    ready: deque[Lane] = field(default_factory=deque)
    unread: deque[Lane] = field(default_factory=deque)
    """Lanes whose hooks may have to be read first."""
    in_doubt: deque[Lane] = field(default_factory=deque)
    """Lanes whose head may have been carried out: it needs a task, and these are few at a time."""
    in_tasks: set[Lane] = field(default_factory=set)
    """Those that have one."""
    due: list[Repetition] = field(default_factory=list)
    """A heap of the lanes whose attempt failed."""
    failures: int = 0
    """Attempts in a row that failed and are repeated."""
    probing: asyncio.Task[None] | None = None
    reading: asyncio.Task[None] | None = None
    repeating: asyncio.Task[None] | None = None

    def tasks(self) -> set[asyncio.Task[None]]:
        """The tasks in progress."""
        return {task for task in (self.probing, self.reading, self.repeating) if task is not None}
