"""The engine passes each commit to the parts of the relay, whatever happens to the one before."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from botkit.handoff.conversation import Conversation
from botkit.handoff.effects import PassToBot
from botkit.ledger.interface import Committed, HookBody, OutboxItem
from botkit.relay.inbound.receivers import Receivers
from botkit.testing.clock import settle
from tests.relay.relay_doubles import OTHER, START, USER, World, conversation


async def test_a_defect_in_one_commit_affects_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    follow = Receivers.follow

    def fails_for_one(receivers: Receivers, after: Conversation) -> None:
        if after.id == USER:
            raise ZeroDivisionError
        follow(receivers, after)

    monkeypatch.setattr(Receivers, "follow", fails_for_one)
    batch = []
    for number, after in enumerate((conversation(), Conversation(OTHER)), start=1):
        text = HookBody(after.id.user_id.encode())
        item = OutboxItem(number, after.id, "user", PassToBot(), START, text)
        batch.append(Committed(after, (item,), ()))
    with capture_logs() as lines:
        world.engine.accept(batch)
    await settle()
    assert [call.argument.body for call in world.platform.calls] == [b"u-1", b"u-2"]
    assert [line["event"] for line in lines] == ["commit_broken"]
