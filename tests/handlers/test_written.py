"""What a job gets for a call outside any hook: it waits for the disk, or awaits it."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

import pytest

from botkit.errors import LedgerError
from botkit.handlers.conversation import written
from botkit.handoff.conversation import Conversation, ConversationId
from botkit.ledger.interface import Committed

DONE = Committed(Conversation(ConversationId("st-1", "u-1")), (), ())


def test_a_store_that_does_not_answer_is_an_error_of_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botkit.handlers.conversation.COMMIT_SECONDS", 0.0)
    with pytest.raises(LedgerError, match="took too long"):
        written(Future())


async def test_whoever_stops_awaiting_it_does_not_stop_it(caplog: pytest.LogCaptureFixture) -> None:
    committing: Future[Committed] = Future()
    sent = written(committing)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.0):
            await sent
    committing.set_result(DONE)
    await sent
    assert caplog.records == []
