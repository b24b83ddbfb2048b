"""What happens in the sandbox, told to whoever looks: the page, the scripted demo, tests.

The emulators publish; a subscriber gets every news item from its subscription on, in order. A subscriber that does not keep
up is cut off (its iterator ends) rather than held in memory for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import contextmanager
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

BACKLOG = 2_000


@dataclass(frozen=True, slots=True)
class News:
    """One thing that happened. `topic` is ``wire``, ``kore`` or ``salesforce``; `data` is JSON-ready."""

    topic: str
    data: Mapping[str, Any]


@dataclass(slots=True)
class Bus:
    """Fan-out within one event loop."""

    _queues: set[asyncio.Queue[News | None]] = field(default_factory=set)

    def publish(self, topic: str, data: Mapping[str, Any]) -> None:
        """Tell every subscriber. Never blocks."""
        news = News(topic, data)
        for queue in list(self._queues):
            if queue.qsize() >= BACKLOG:
                self._queues.discard(queue)
                queue.put_nowait(None)
            else:
                queue.put_nowait(news)

    @contextmanager
    def subscribe(self) -> Iterator[AsyncIterator[News]]:
        """News from now on."""
        queue: asyncio.Queue[News | None] = asyncio.Queue()
        self._queues.add(queue)
        try:
            yield _drain(queue)
        finally:
            self._queues.discard(queue)


async def _drain(queue: asyncio.Queue[News | None]) -> AsyncIterator[News]:
    while (news := await queue.get()) is not None:
        yield news
