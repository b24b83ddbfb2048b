"""The pytest plugin: fixtures `kit_tester`, `botkit_payloads` and `botkit_sandbox`, and `kit` for the kit under test.

Every run of pytest with BotKit installed imports this module, so it imports the rest of BotKit only inside fixtures.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from botkit import BotKit
    from botkit.testing import KitStage, KitTester, Payloads


@pytest.fixture
def kit() -> BotKit:
    """The kit under test, for `kit_tester` and `botkit_sandbox`. The default has no handlers; override it.

    In your `conftest.py`:

        @pytest.fixture
        def kit():
            from my_bot import kit
            return kit
    """
    from botkit import BotKit

    return BotKit()


@pytest.fixture
def kit_tester(kit: BotKit) -> Iterator[KitTester]:
    """Stands in for everything around your handlers: ``kit_tester.user_says("hi").to_user``.

    For another kit than `kit`: ``kit_tester(my_kit).user_says("hi")``.
    """
    from botkit.testing import KitTester

    with KitTester(kit) as tester:
        yield tester


@pytest.fixture
def botkit_payloads() -> Payloads:
    """Makes hook payloads as the platform posts them, each with a new requestId: ``botkit_payloads.user_message("hi")``."""
    from botkit.testing import Payloads

    return Payloads()


@pytest.fixture
def botkit_bot_folder() -> Path | None:
    """The exported bot that `botkit_sandbox` runs; override it. None: the sample bot."""
    return None


@pytest.fixture
def botkit_sandbox(kit: BotKit, botkit_bot_folder: Path | None) -> Iterator[KitStage]:
    """Both emulated clouds with `kit` between them, on sockets of this machine: ``ada = botkit_sandbox.person()``."""
    from botkit.testing.kit_stage import on_stage

    with on_stage(kit, bot_folder=botkit_bot_folder) as stage:
        yield stage
