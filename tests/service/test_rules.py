"""The rules of the hand-off, made from the settings of a bot."""

from __future__ import annotations

from dataclasses import replace

from botkit.service.rules import rules_for
from tests.hooks.hook_payloads import BOT_ID, settings


def test_a_blank_closing_message_closes_nothing() -> None:
    bot = settings().bots[BOT_ID]
    handoff = replace(bot.handoff, platform_closing_messages=("  ", "Good  Bye."))
    assert rules_for(replace(bot, handoff=handoff)).platform_closing_messages == {"good bye"}
