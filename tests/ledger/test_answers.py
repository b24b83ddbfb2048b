"""Outcomes that the submitter waits for, when another process owns the conversation."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager

import pytest

from botkit.errors import LedgerError
from botkit.handoff.conversation import Conversation, ConversationId, Instant
from botkit.handoff.decision import Decision
from botkit.handoff.events import Event, HookAnswered
from botkit.ledger.interface import Committed, Input
from botkit.ledger.postgresql import database
from botkit.ledger.postgresql.awaited import MAX_EARLY, Awaited
from botkit.ledger.postgresql.database import Connection
from botkit.ledger.postgresql.ledger import PostgresLedger
from botkit.ledger.postgresql.migrations import migrate
from botkit.ledger.postgresql.shards import SHARDS
from botkit.ledger.receipts import FutureReceipt, Receipt
from botkit.testing.waiting import until
from tests.ledger.ledger_stage import BOT
from tests.ledger.postgresql_stage import Cuttable
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


def test_an_outcome_may_be_told_before_its_receipt_is_there(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    awaited = two[0]._awaited
    add = awaited.add

    def late(row: int, receipt: Receipt[Committed], outcome: Committed, in_doubt: bool) -> None:
        until(lambda: row in awaited._early, "for the outcome")
        add(row, receipt, outcome, in_doubt)

    monkeypatch.setattr(two[0]._door, "_answers", late)
    elsewhere = next(name for name in map(str, range(99)) if two[1]._owner.owns(ConversationId(BOT, name)))
    assert two[0].submit(answer(elsewhere, "no")).result(10).refused == "not no"


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_outcome_is_awaited_also_if_the_doors_commit_was_in_doubt(
    two: Two, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.setattr(database, "_Connection", Cuttable)
    for context, refused in (("no", "not no"), ("yes", "")):
        monkeypatch.setattr(Cuttable, "next", ("botkit door", when))
        two[0]._door._disconnect()
        assert two[0].submit(answer("u-1", context)).result(10).refused == refused
        assert Cuttable.next is None


def test_the_outcomes_of_others_leave_room_for_those_that_are_awaited_here() -> None:
    def no_reader() -> AbstractContextManager[Connection]:
        raise LedgerError("not asked for")

    awaited, here = Awaited(no_reader), Future[Committed]()
    awaited.answered([(row, "") for row in range(MAX_EARLY)])
    awaited.answered([(MAX_EARLY, "no")])
    awaited.add(
        MAX_EARLY, FutureReceipt(here), Committed(Conversation(ConversationId(BOT, "u")), (), ()), False
    )
    assert here.result(0).refused == "no"


def test_an_outcome_that_was_told_long_ago_is_read_if_the_commit_was_in_doubt(postgresql: Server) -> None:
    def reader() -> AbstractContextManager[Connection]:
        return database.connect(postgresql.url, "reader")

    postgresql.empty()
    with reader() as connection:
        migrate(connection)
        connection.execute("INSERT INTO answers (input_id, refused, at) VALUES (7, 'no', 0)")
    awaited, here = Awaited(reader), Future[Committed]()
    awaited.add(7, FutureReceipt(here), Committed(Conversation(ConversationId(BOT, "u")), (), ()), True)
    assert here.result(0).refused == "no"


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
