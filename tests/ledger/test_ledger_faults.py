from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from botkit.errors import LedgerError
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.events import UserMessage
from botkit.ledger.interface import HookBody, Input
from botkit.ledger.sqlite import SqliteLedger
from botkit.testing.waiting import until
from tests.ledger.ledger_stage import BOT, SqliteStage, rules

ADA = ConversationId(BOT, "u-ada")


@pytest.fixture
def stage(sqlite_stage: SqliteStage) -> SqliteStage:
    return sqlite_stage


def test_a_full_disk_fails_the_input_and_keeps_nothing_of_it(stage: SqliteStage) -> None:
    stage.break_store()
    failed = stage.ledger.submit(stage.inputs.transfers("u-ada", body=b"x" * 100_000))
    assert isinstance(failed.exception(10), LedgerError)
    assert not stage.ledger.healthy()
    assert stage.conversation("u-ada") is None
    assert stage.ledger.newest_hook(ADA) is None
    assert stage.kinds() == []
    assert stage.told == []


def test_a_commit_fails_as_a_whole_and_memory_goes_back(stage: SqliteStage) -> None:
    before = stage.submit(stage.inputs.transfers("u-ada")).conversation
    with stage.paused():
        stage.break_store()
        futures = stage.submit_all(
            stage.inputs.closes("u-ada"), stage.inputs.says("u-bob", "hi", body=b"x" * 100_000)
        )
    assert all(isinstance(future.exception(10), LedgerError) for future in futures)
    assert stage.conversation("u-ada") == before
    assert stage.kinds() == ["SendToUser", "OpenAccess"]


def test_an_input_that_failed_is_committed_when_it_is_repeated(stage: SqliteStage) -> None:
    input = stage.inputs.says("u-ada", "hi", body=b"x" * 100_000)
    stage.break_store()
    assert isinstance(stage.ledger.submit(input).exception(10), LedgerError)
    stage.mend_store()
    committed = stage.submit(input)
    assert not committed.duplicate
    assert len(committed.items) == 1
    assert stage.ledger.healthy()


def test_the_ledger_becomes_healthy_again_without_any_input(stage: SqliteStage) -> None:
    stage.break_store()
    assert isinstance(
        stage.ledger.submit(stage.inputs.says("u-ada", "hi", body=b"x" * 100_000)).exception(10), LedgerError
    )
    stage.mend_store()
    until(stage.ledger.healthy)


def test_a_locked_store_fails_the_input_and_recovers(stage: SqliteStage) -> None:
    stage.ledger._writer.execute("PRAGMA busy_timeout = 10")
    intruder = sqlite3.connect(stage.path, isolation_level=None)
    intruder.execute("BEGIN IMMEDIATE")
    assert isinstance(stage.ledger.submit(stage.inputs.transfers("u-ada")).exception(10), LedgerError)
    assert stage.conversation("u-ada") is None
    assert not stage.ledger.healthy()
    intruder.execute("ROLLBACK")
    intruder.close()
    assert stage.submit(stage.inputs.transfers("u-ada")).conversation.session is not None
    assert stage.ledger.healthy()


def test_ids_are_not_reused_after_a_failure(stage: SqliteStage) -> None:
    first = stage.submit(stage.inputs.says("u-ada", "hi")).items[0].id
    stage.break_store()
    assert stage.ledger.submit(stage.inputs.says("u-ada", "hi", body=b"x" * 100_000)).exception(10)
    stage.mend_store()
    assert stage.submit(stage.inputs.says("u-ada", "hi")).items[0].id > first


def test_an_input_that_cannot_be_written_fails_alone(stage: SqliteStage) -> None:
    with stage.paused():
        good, bad, later = stage.submit_all(
            stage.inputs.says("u-ada", "one"),
            stage.inputs.says("u-ada", "two", key="half an emoji \ud83d"),
            stage.inputs.says("u-ada", "three"),
        )
    assert isinstance(bad.exception(10), ValueError)
    assert len(good.result(10).items) == len(later.result(10).items) == 1
    assert stage.kinds() == ["PassToBot", "PassToBot"]
    assert stage.ledger.healthy()


def test_an_input_that_violates_a_constraint_fails_alone(stage: SqliteStage) -> None:
    stage.ledger._writer.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON conversations WHEN new.user_id = 'u-bad' "
        "BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    with stage.paused():
        good, bad, later = stage.submit_all(
            stage.inputs.says("u-ada", "one"),
            stage.inputs.transfers("u-bad"),
            stage.inputs.says("u-ada", "two"),
        )
    assert isinstance(bad.exception(10), sqlite3.IntegrityError)
    assert len(good.result(10).items) == len(later.result(10).items) == 1
    assert stage.conversation("u-bad") is None
    assert stage.kinds() == ["PassToBot", "PassToBot"]


def _under_load(path: str) -> None:
    """In a process of its own: commit as fast as possible, and print what was acknowledged."""
    ledger = SqliteLedger(f"sqlite:///{path}", rules)
    ledger.start(lambda batch: None)
    number = 0
    while True:
        futures = []
        for _ in range(20):
            number += 1
            event = UserMessage(key=str(number), at=Instant(float(number)), text="hi", agent_transfer=None)
            user = ConversationId(BOT, f"u-{number % 7}")
            futures.append((number, ledger.submit(Input(user, event, HookBody(b"x" * 2000)))))
        for done, future in futures:
            future.result(10)
            print(done, flush=True)


@pytest.mark.parametrize("after", [50, 700])
def test_acknowledged_inputs_survive_kill_9(tmp_path: Path, after: int) -> None:
    path = tmp_path / "botkit.db"
    code = "import sys; from tests.ledger.test_ledger_faults import _under_load; _under_load(sys.argv[1])"
    root = Path(__file__).parent.parent.parent
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True, cwd=root
    ) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        acknowledged = [int(next(lines)) for _ in range(after)]
        process.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in lines if line.endswith("\n")]

    ledger = SqliteLedger(f"sqlite:///{path}", rules)
    ledger.start(lambda batch: None)
    try:
        kept = ledger.undelivered()
        assert [item.id for item in kept] == sorted(item.id for item in kept)
        assert {int(item.created_at) for item in kept} >= set(acknowledged)
        assert len([item for item in kept if item.in_doubt]) == 7  # One of each user.
        again = [
            ledger.submit(
                Input(
                    ConversationId(BOT, f"u-{number % 7}"),
                    UserMessage(key=str(number), at=Instant(0.0), text="hi", agent_transfer=None),
                )
            )
            for number in acknowledged
        ]
        assert all(future.result(10).duplicate for future in again)
    finally:
        ledger.close()
