from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.relay.relay_doubles import AbleSystem, FakeSystem, HeldPlatform, World


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


@pytest.fixture
async def able() -> AsyncIterator[World]:
    """A world whose agent system can do everything a system may be able to do."""
    world = World(system=AbleSystem())
    yield world
    await world.close()


@pytest.fixture
def platform() -> HeldPlatform:
    """The platform of `held`."""
    return HeldPlatform()


@pytest.fixture
async def held(platform: HeldPlatform) -> AsyncIterator[World]:
    """A world in which attempts end when the test answers them."""
    world = World(platform=platform)
    yield world
    await world.close()
