from __future__ import annotations

from typing import cast

import pytest

from tests.door.stage import DOORS, Stage


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest) -> type[Stage]:
    """Each of the doors."""
    return DOORS[cast(str, request.param)]


@pytest.fixture
def stage(door: type[Stage]) -> Stage:
    """Each of the doors, without handlers."""
    return door()
