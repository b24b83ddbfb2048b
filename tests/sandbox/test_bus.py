"""The bus: every subscriber gets every item, in order; one that does not keep up is dropped."""

from __future__ import annotations

import asyncio

import pytest

from botkit_sandbox.bus import MAX_BACKLOG, Bus, BusItem


async def test_every_subscriber_gets_later_items_in_order() -> None:
    bus = Bus()
    bus.publish("kore", {"n": 0})
    with bus.subscribe() as one, bus.subscribe() as other:
        bus.publish("kore", {"n": 1})
        bus.publish("wire", {"n": 2})
        for subscription in (one, other):
            assert await anext(subscription) == BusItem("kore", {"n": 1})
            assert await anext(subscription) == BusItem("wire", {"n": 2})


async def test_a_slow_subscriber_gets_the_backlog_and_is_then_dropped() -> None:
    bus = Bus()
    with bus.subscribe() as slow:
        for number in range(MAX_BACKLOG + 10):
            bus.publish("wire", {"n": number})
        heard = [news.data["n"] async for news in slow]
    assert heard == list(range(MAX_BACKLOG))


async def test_waiting_for_news_in_vain_loses_none() -> None:
    bus = Bus()
    with bus.subscribe() as news:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(news), 0.01)
        bus.publish("kore", {"n": 1})
        assert (await anext(news)).data == {"n": 1}


async def test_closing_ends_subscriptions_after_the_items_so_far() -> None:
    bus = Bus()
    with bus.subscribe() as news:
        bus.publish("kore", {"n": 1})
        bus.close()
        bus.publish("kore", {"n": 2})
        assert [item.data["n"] async for item in news] == [1]
