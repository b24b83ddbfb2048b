from __future__ import annotations

from collections.abc import Iterator

import pytest

from botkit.kit import BotKit
from botkit.testing import KitTester


@pytest.fixture
def kit() -> BotKit:
    return BotKit()


@pytest.fixture
def tester(kit: BotKit) -> Iterator[KitTester]:
    with KitTester(kit) as tester:
        yield tester
