"""Two bots whose webhooks have the same requestId."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from botkit import BotKit
from botkit.errors import NothingToAnswer
from botkit.handoff import webhooks
from botkit.handoff.conversation import Instant
from botkit.handoff.events import HookDeferred
from botkit.ledger.interface import HookBody, Input
from botkit.testing.relay import RecordingRelay
from tests.hooks.hook_payloads import BOT_ID, settings

OTHER = BOT_ID.replace("0a1b2c3d", "ffffffff")


def test_the_webhook_of_the_wrong_bot_is_not_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botkit.handlers.conversation.ANSWER_SECONDS", 0.0)
    one = settings(store=f"sqlite:///{tmp_path / 'botkit.db'}")
    bots = {BOT_ID: one.bots[BOT_ID], OTHER: replace(one.bots[BOT_ID], id=OTHER)}
    kit = BotKit(replace(one, bots=bots), relay_factory=RecordingRelay)
    try:
        for bot in bots:
            event = HookDeferred(key="d", at=Instant(1.0), request_id="17", due=Instant(4_000_000_000.0))
            input = Input(webhooks.conversation_id(bot, "17"), event, hook=HookBody(b'{"context":{}}'))
            kit._service().store().submit(input).result(10)
        with pytest.raises(NothingToAnswer, match="say which with bot_id"):
            kit.respond_to_hook("17", {})
        kit.respond_to_hook("17", {}, bot_id=OTHER)
        with pytest.raises(NothingToAnswer, match="has been answered"):
            kit.respond_to_hook("17", {}, bot_id=OTHER)
    finally:
        kit.close()
