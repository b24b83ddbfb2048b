from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.relay.relay_doubles import FakeSystem, World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.close()


@pytest.fixture
async def polled() -> AsyncIterator[World]:
    world = World(system=FakeSystem("poll"))
    yield world
    await world.close()
