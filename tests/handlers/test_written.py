"""The result of a call outside any hook: it waits for the commit, or is awaited."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

import pytest

from botkit.errors import LedgerError
from botkit.handlers.conversation import sent
from botkit.handoff.conversation import Conversation, ConversationId
from botkit.ledger.interface import Committed

DONE = Committed(Conversation(ConversationId("st-1", "u-1")), (), ())


def test_a_store_that_does_not_answer_is_an_error_of_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botkit.handlers.conversation.COMMIT_SECONDS", 0.0)
    with pytest.raises(LedgerError, match="took too long"):
        sent(Future())


async def test_a_caller_who_stops_awaiting_it_does_not_cancel_it(caplog: pytest.LogCaptureFixture) -> None:
    committing: Future[Committed] = Future()
    result = sent(committing)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.0):
            await result
    committing.set_result(DONE)
    await result
    assert caplog.records == []
