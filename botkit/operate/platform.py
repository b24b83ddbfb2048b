"""Checks of the XO platform for one bot: the way to it, the credentials, the subscription."""

from __future__ import annotations

from collections.abc import Sequence

from botkit.checks import Check, Surroundings
from botkit.config.settings import BotSettings, Settings
from botkit.http import Transport


def platform_checks(
    settings: Settings, bot: BotSettings, transport: Transport, surroundings: Surroundings
) -> Sequence[Check]:
    """The checks of one bot on the platform, named ``kore.…``."""
    return ()
