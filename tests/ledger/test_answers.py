"""Outcomes that the submitter waits for, when another process owns the conversation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from botkit.handoff.conversation import Conversation, ConversationId, Instant
from botkit.handoff.decision import Decision
from botkit.handoff.events import Event, HookAnswered
from botkit.ledger.interface import Input
from botkit.ledger.postgresql.ledger import PostgresLedger
from botkit.ledger.postgresql.shards import SHARDS
from botkit.testing.waiting import until
from tests.ledger.ledger_stage import BOT
from tests.postgresql import Server

Two = tuple[PostgresLedger, PostgresLedger]


def only_yes(conversation: Conversation, event: Event) -> Decision:
    """Refuses every answer but one."""
    assert isinstance(event, HookAnswered)
    return Decision(conversation, refused="" if event.context == "yes" else f"not {event.context}")


@pytest.fixture
def two(postgresql: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Two]:
    """Two ledgers with half of the shards each."""
    monkeypatch.setattr("botkit.ledger.postgresql.owner.TURN_SECONDS", 0.02)
    monkeypatch.setattr("botkit.ledger.postgresql.listener._LOOK_SECONDS", 0.02)
    url = postgresql.empty()
    ledgers = PostgresLedger(url, only_yes), PostgresLedger(url, only_yes)
    try:
        for one in ledgers:
            one.start(lambda _: None)
        until(lambda: all(len(one._owner.shards) == SHARDS // 2 for one in ledgers), "for half each")
        yield ledgers
    finally:
        for one in ledgers:
            one.close()


def answer(user: str, context: str) -> Input:
    return Input(ConversationId(BOT, user), HookAnswered(key="answer/1", at=Instant(1.0), context=context))


def test_the_outcome_comes_from_the_owner_whichever_process_asks(two: Two) -> None:
    users = [f"u-{number}" for number in range(8)]
    assert {owner._owner.owns(ConversationId(BOT, user)) for owner in two for user in users} == {True, False}
    for context, refused in (("yes", ""), ("no", "not no")):
        for ledger in two:
            asked = [ledger.submit(answer(user, context)) for user in users]
            assert [one.result(10).refused for one in asked] == [refused] * len(users)


def test_a_refused_answer_may_be_given_again(two: Two) -> None:
    assert two[0].submit(answer("u-1", "no")).result(10).refused
    assert not two[0].submit(answer("u-1", "yes")).result(10).refused


def test_who_waits_for_an_outcome_is_told_of_the_end(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    for one in two:
        one._owner.close()
    asked = two[0].submit(answer("u-1", "yes"))
    two[0].close()
    with pytest.raises(Exception, match="stopped"):
        asked.result(10)
