"""The event bus of the sandbox. The page, the scripted demo and tests subscribe to it.

A subscriber gets every item since its subscription, in order. The iterator of a subscriber that does not keep up ends, so that
its backlog does not grow without bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

MAX_BACKLOG = 2_000


@dataclass(frozen=True, slots=True)
class BusItem:
    """An item. `topic` is ``wire``, ``kore`` or ``salesforce``; `data` is JSON-ready."""

    topic: str
    data: Mapping[str, Any]


class Subscription(AsyncIterator[BusItem]):
    """The items since a subscription. Cancelling the wait for the next item loses nothing."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[BusItem | None] = asyncio.Queue()

    async def __anext__(self) -> BusItem:
        news = await self.queue.get()
        if news is None:
            raise StopAsyncIteration
        return news


@dataclass(slots=True)
class Bus:
    """Fan-out within one event loop."""

    _subscriptions: set[Subscription] = field(default_factory=set)

    def publish(self, topic: str, data: Mapping[str, Any]) -> None:
        """Pass an item to every subscriber. Never blocks."""
        news = BusItem(topic, data)
        for subscription in list(self._subscriptions):
            if subscription.queue.qsize() >= MAX_BACKLOG:
                self._end(subscription)
            else:
                subscription.queue.put_nowait(news)

    @contextmanager
    def subscribe(self) -> Iterator[AsyncIterator[BusItem]]:
        """The items from now on."""
        subscription = Subscription()
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def close(self) -> None:
        """End every subscription after the items so far."""
        for subscription in list(self._subscriptions):
            self._end(subscription)

    def _end(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)
        subscription.queue.put_nowait(None)
