"""An owner lets hooks come together when there are many, and needs few connections."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest

from botkit.handoff.conversation import Conversation, ConversationId, Instant
from botkit.handoff.decision import Decision
from botkit.handoff.effects import PassToBot
from botkit.handoff.events import Event, UserMessage
from botkit.ledger.interface import HookBody, Input
from botkit.ledger.postgresql import owner, resting
from botkit.ledger.postgresql.ledger import PostgresLedger
from botkit.ledger.postgresql.shards import SHARDS
from botkit.testing.waiting import until
from tests.postgresql import Server

BOT = "st-0a1b2c3d-1111-5222-8333-444455556666"


def _passes(conversation: Conversation, _: Event) -> Decision:
    return Decision(conversation, (PassToBot(),))


def _says(number: int) -> Input:
    event = UserMessage(key=f"k-{number}", at=Instant(1.0), text="hello", agent_transfer=None)
    return Input(ConversationId(BOT, f"u-{number}"), event, HookBody(b"{}"))


@pytest.fixture
def told() -> list[int]:
    return []


@pytest.fixture
def ledger(postgresql: Server, told: list[int]) -> Iterator[PostgresLedger]:
    ledger = PostgresLedger(postgresql.empty(), _passes)
    ledger.start(lambda batch: told.append(len(batch)))
    until(lambda: len(ledger._owner._own.shards) == SHARDS, "until it owns every shard")
    try:
        yield ledger
    finally:
        ledger.close()


def test_after_several_hooks_at_once_the_next_ones_come_together(
    ledger: PostgresLedger, told: list[int], postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests, goes_on = threading.Event(), threading.Event()

    def rest(seconds: float) -> None:
        assert seconds > 0
        rests.set()
        assert goes_on.wait(30)

    monkeypatch.setattr(owner, "_sleep", rest)
    with psycopg.connect(postgresql.url) as other:
        other.execute("LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE")
        first = [ledger.submit(_says(number)) for number in range(3)]
    assert all(not one.result(10).duplicate for one in first)
    assert rests.wait(30)
    before = list(told)
    for number in range(3, 8):
        ledger.submit(_says(number)).result(10)
    assert told == before
    goes_on.set()
    until(lambda: sum(told) == 8, "for all hooks")


def test_hooks_that_come_alone_do_not_wait() -> None:
    assert resting.rest_after(1, 0.5) == 0.0
    assert 0.0 < resting.rest_after(2, 0.0001) < resting.rest_after(2, 0.001)
    assert resting.rest_after(2, 0.5) == resting.MAX_SECONDS


def test_a_process_has_five_connections_at_most(ledger: PostgresLedger, postgresql: Server) -> None:
    ledger.submit(_says(1)).result(10)
    with psycopg.connect(postgresql.url) as other:
        sessions = "SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'botkit %'"
        names = [name.rpartition("/")[0].partition(" ")[2] or name for (name,) in other.execute(sessions)]
    beside = [name for name in names if not name.startswith("owner")]
    assert len(names) - len(beside) == 1
    # Two readers may come: see `readers.py`.
    assert set(beside) <= {"botkit door", "botkit notifier", "botkit reader"}
