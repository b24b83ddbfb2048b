"""A clock that is wrong, or was set while no process ran, makes nothing in the store older than it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from botkit.boottime import BootTime, boottime
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.events import AgentSaid, Content
from botkit.handoff.steps import Step
from botkit.ledger.clocks import ClockEra
from botkit.ledger.interface import Input
from botkit.ledger.postgresql.queries import SQL
from botkit.relay.clock import SystemClock
from botkit.relay.heartbeat import Heartbeat
from botkit.relay.timers import KEEP
from tests.ledger.ledger_stage import BOT, SESSION, SqliteStage, Stage
from tests.ledger.postgresql_stage import PostgresqlStage
from tests.postgresql import Server

HOURS = 3_600.0


class WrongClock(SystemClock):
    """The machine's clock, as many hours ahead."""

    def __init__(self, hours: float) -> None:
        self._hours = hours

    def now(self) -> Instant:
        return Instant(super().now() + self._hours * HOURS)


def sweeps(stage: Stage, clock: SystemClock) -> int:
    """A process with this clock sweeps the store; returns the number of rows deleted."""
    heartbeat = Heartbeat(clock)
    heartbeat.recall(stage.ledger.clocks())
    swept: int = stage.ledger.sweep(heartbeat.before(KEEP.total_seconds()))
    return swept


@pytest.mark.parametrize("hours", [0, 9, 9_000])
def test_a_process_whose_clock_is_ahead_forgets_no_key_that_another_has_just_stored(
    stage: Stage, hours: float
) -> None:
    input = stage.inputs.says("u-ada", "hi", at=time.time())
    stage.submit(input)
    stage.reopen()
    assert sweeps(stage, WrongClock(hours)) == 0
    assert stage.submit(input).duplicate


@pytest.mark.parametrize("hours", [-9, 0])
def test_a_clock_that_is_behind_or_right_lets_old_keys_go(stage: Stage, hours: float) -> None:
    old = stage.inputs.says("u-ada", "hi", at=time.time())
    new = stage.inputs.says("u-bob", "hi", at=time.time())
    stage.submit(old)
    stage.age_keys(16 * HOURS)
    stage.submit(new)
    stage.settle()
    stage.reopen()
    sweeps(stage, WrongClock(hours))
    assert stage.submit(new).duplicate
    assert not stage.submit(old).duplicate


@pytest.fixture
def postgresql_stage(postgresql: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresqlStage]:
    stage = PostgresqlStage(postgresql, monkeypatch)
    yield stage
    stage.ledger.close()


@pytest.mark.parametrize("hours", [-9, 9])
def test_what_a_process_with_a_wrong_clock_has_stored_is_as_old_for_others_as_it_is(
    postgresql_stage: PostgresqlStage, hours: float
) -> None:
    stage, at, ada = postgresql_stage, WrongClock(hours).now(), ConversationId(BOT, "u-ada")
    step = Step(SESSION, at, "record", "{}")
    for input in (
        stage.inputs.transfers("u-ada", at=at),
        stage.inputs.closes("u-ada", at=at),
        Input(ada, AgentSaid(key="entry", at=at, session_id=SESSION, content=Content(text="hello"))),
        Input(ada, None, steps=(step,)),
    ):
        stage.submit(input)
    stage.settle()
    stored = ("inbox", "conversations", "payloads", "answers", "story")
    with psycopg.connect(stage.url, autocommit=True) as connection:
        connection.execute("DELETE FROM outbox")
        connection.execute(SQL["answer"], ([1], [""]))
        before = {table: count(connection, table) for table in stored}
        assert min(before.values()) > 0
        heartbeat = Heartbeat(SystemClock())
        heartbeat.recall(stage.ledger.clocks())
        for seconds, left in ((60.0, before), (-60.0, dict.fromkeys(stored, 0))):
            old = heartbeat.before(seconds)
            stage.ledger.sweep(old, stories_before=old)
            assert {table: count(connection, table) for table in stored} == left


def count(connection: psycopg.Connection[Any], table: str) -> int:
    ((rows,),) = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)))
    return int(rows)


def test_what_a_process_knows_of_the_clock_is_there_for_the_next_one(sqlite_stage: SqliteStage) -> None:
    eras = (
        ClockEra(BootTime(10.0), BootTime(20.0), 1_000.0),
        ClockEra(BootTime(20.0), BootTime(25.0), 4_600.0),
    )
    sqlite_stage.ledger.note_clocks(eras[:1])
    sqlite_stage.ledger.note_clocks(eras)
    assert sqlite_stage.reopen().clocks().former == eras


@pytest.mark.parametrize("boot", ["another", ""])
def test_what_was_before_the_machine_was_started_cannot_be_compared(
    sqlite_stage: SqliteStage, monkeypatch: pytest.MonkeyPatch, boot: str
) -> None:
    sqlite_stage.ledger.note_clocks([ClockEra(BootTime(10.0), BootTime(20.0), 1_000.0)])
    monkeypatch.setattr("botkit.ledger.sqlite.store.boot_id", lambda: boot)
    assert sqlite_stage.reopen().clocks().former == ()


def test_the_clock_of_postgresql_is_known(stage: Stage) -> None:
    ahead = stage.ledger.clocks().server_ahead
    assert ahead is None if isinstance(stage, SqliteStage) else abs(time.time() - boottime() - ahead) < 1
