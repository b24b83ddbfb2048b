"""Thousands of users who ask for an agent at the same time."""

from __future__ import annotations

import asyncio
import random
from typing import Any, cast

import aiohttp
import pytest

from tests.hostile.clouds import Clouds
from tests.hostile.crowd import AT_ONCE, Crowd
from tests.hostile.scale import MOST_THROUGH_PROXIES, scale_of

USERS = 6 * AT_ONCE
TURNS = 20


class SlowClouds:
    """Both sides as `Crowd` sees them while nothing is answered, and then everything."""

    def __init__(self) -> None:
        self.given_back: set[int] = set()
        self.answer = False

    def helped(self, number: int) -> bool:
        return self.answer

    def listened_to(self, number: int, since: float = 0.0) -> bool:
        return self.answer


async def test_the_next_hand_off_waits_until_one_of_those_under_way_has_its_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clouds, posted = SlowClouds(), 0
    crowd = Crowd(
        cast(Clouds, clouds),
        (),
        cast(aiohttp.ClientSession, None),
        origin="http://127.0.0.1:9",
        count=USERS,
        per_second=1.0,
        chance=random.Random(1),
        open_seconds=30.0,
    )

    async def acknowledge(*_: Any) -> bool:
        nonlocal posted
        posted += 1
        return True

    monkeypatch.setattr(crowd, "_post", acknowledge)
    arriving = asyncio.create_task(crowd.arrive_again())
    for _ in range(TURNS):
        await asyncio.sleep(0)
    assert posted == AT_ONCE
    clouds.answer = True
    await arriving
    assert posted == USERS * 2 // 3


def test_thousands_of_streams_do_not_go_through_proxies() -> None:
    assert scale_of(MOST_THROUGH_PROXIES).has_proxies
    assert not scale_of(MOST_THROUGH_PROXIES + 1).has_proxies
