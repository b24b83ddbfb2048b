"""What is the SQLite ledger's own: its file, and that each hook is decided before it is acknowledged."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from botkit.errors import LedgerBusy, LedgerError
from botkit.handoff.conversation import Conversation, ConversationId, Instant
from botkit.handoff.decision import Decision
from botkit.handoff.effects import PassToBot
from botkit.handoff.events import Event, PositionAdvanced
from botkit.ledger.interface import Committed, HookBody, Input
from botkit.ledger.sqlite.ledger import MAX_IN_BATCH, SqliteLedger
from botkit.ledger.sqlite.lock import StoreLock
from botkit.testing.waiting import async_until
from tests.ledger.ledger_stage import BOT, SESSION, Choked, Outcomes, SqliteStage, rules

ADA = ConversationId(BOT, "u-ada")


@pytest.fixture
def stage(sqlite_stage: SqliteStage) -> SqliteStage:
    return sqlite_stage


def test_ids_grow_across_a_restart(stage: SqliteStage) -> None:
    first = [stage.submit(stage.inputs.says("u-ada", "hi")).items[0].id for _ in range(3)]
    stage.reopen()
    later = stage.submit(stage.inputs.says("u-ada", "hi")).items[0].id
    assert [*first, later] == sorted({*first, later})


def test_queued_inputs_share_one_commit_and_one_notification(stage: SqliteStage) -> None:
    with stage.paused():
        futures = stage.submit_all(*(stage.inputs.says("u-ada", str(number)) for number in range(20)))
    ids = [future.result(10).items[0].id for future in futures]
    stage.ledger.close()
    assert ids == sorted(ids)
    assert [len(batch) for batch in stage.told] == [1, 20]
    assert [committed.items[0].id for committed in stage.told[1]] == ids


def test_an_input_on_which_the_rules_failed_may_be_repeated(stage: SqliteStage) -> None:
    input = stage.inputs.says("u-ada", "choke")
    assert isinstance(stage.ledger.submit(input).exception(10), Choked)
    stage.decide = lambda conversation, event: Decision(conversation, (PassToBot(),))
    assert not stage.submit(input).duplicate


def test_the_key_of_an_event_of_a_stream_is_looked_up_only_if_it_was_committed_before(
    stage: SqliteStage,
) -> None:
    streamed = Input(
        ADA, PositionAdvanced(key=f"{SESSION}/e1", at=Instant(1.0), session_id=SESSION, position="7")
    )
    ran: list[str] = []
    stage.ledger._writer.set_trace_callback(ran.append)
    assert not stage.submit(streamed).duplicate
    assert not [one for one in ran if "FROM inbox" in one]
    assert stage.submit(streamed).duplicate
    assert [one for one in ran if "FROM inbox" in one]


def test_a_second_ledger_on_the_same_file_is_refused(stage: SqliteStage) -> None:
    other = SqliteLedger(f"sqlite:///{stage.path}", rules, lock_timeout_seconds=0.0)
    with pytest.raises(LedgerBusy, match="another process"):
        other.start(lambda batch: None)


@pytest.mark.parametrize("how", ["a symbolic link", "a hard link", "without its lock file"])
def test_a_second_ledger_is_refused_under_any_name(stage: SqliteStage, tmp_path: Path, how: str) -> None:
    name = tmp_path / "other.db"
    if how == "a symbolic link":
        name.symlink_to(stage.path)
    elif how == "a hard link":
        name.hardlink_to(stage.path)
    else:
        name = stage.path
        name.with_name(name.name + ".lock").unlink()
    other = SqliteLedger(f"sqlite:///{name}", rules, lock_timeout_seconds=0.0)
    with pytest.raises(LedgerBusy, match="another process"):
        other.start(lambda batch: None)
    assert not stage.submit(stage.inputs.says("u-ada", "hi")).duplicate


def test_whoever_is_refused_leaves_the_locks_of_sqlite_alone(stage: SqliteStage) -> None:
    """The kernel drops all locks of a process on a file when it closes any of its descriptors of that file."""
    reader = sqlite3.connect(stage.path)
    reader.execute("SELECT count(*) FROM inbox").fetchone()
    inode = f":{stage.path.stat().st_ino} "
    before = [
        line for line in Path("/proc/locks").read_text().splitlines() if inode in line and "POSIX" in line
    ]
    assert before
    for _ in range(2):
        stage.path.with_name(stage.path.name + ".lock").unlink(missing_ok=True)
        with pytest.raises(LedgerBusy):
            StoreLock(stage.path).acquire(lock_timeout_seconds=0.0)
    after = [
        line for line in Path("/proc/locks").read_text().splitlines() if inode in line and "POSIX" in line
    ]
    assert len(after) == len(before)
    reader.close()


def test_a_second_ledger_waits_for_the_first_to_close(stage: SqliteStage) -> None:
    other = SqliteLedger(f"sqlite:///{stage.path}", rules, lock_timeout_seconds=10.0)
    closing = threading.Timer(0.1, stage.ledger.close)
    closing.start()
    other.start(lambda batch: None)
    other.close()
    closing.join()


def test_the_folder_of_the_store_is_created(tmp_path: Path) -> None:
    ledger = SqliteLedger(f"sqlite:///{tmp_path / 'var' / 'deep' / 'a.db'}", rules)
    ledger.start(lambda batch: None)
    ledger.close()
    assert (tmp_path / "var" / "deep" / "a.db").exists()


def test_only_its_user_can_read_the_store(stage: SqliteStage) -> None:
    stage.submit(stage.inputs.says("u-ada", "hi"))
    for file in stage.path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://db/botkit", "type mysql is not supported"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("nonsense", "no database URL"),
    ],
)
def test_a_url_of_another_kind_is_refused_with_the_fix(url: str, words: str) -> None:
    with pytest.raises(LedgerError, match=words) as refused:
        SqliteLedger(url, rules)
    assert "sqlite:///" in str(refused.value)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"not a database" * 100)
    ledger = SqliteLedger(f"sqlite:///{tmp_path / 'a.db'}", rules)
    with pytest.raises(LedgerError, match=r"cannot be used .*is damaged, or no store"):
        ledger.start(lambda batch: None)


def test_what_a_sweep_deletes_is_overwritten(stage: SqliteStage) -> None:
    stage.submit(stage.inputs.transfers("u-ada", at=10.0, body=b"words of Ada " * 1000))
    stage.submit(stage.inputs.closes("u-ada", at=11.0))
    stage.submit(Input(ADA, None, completes=tuple(item.id for item in stage.ledger.undelivered())))
    stage.reopen()
    assert b"words of Ada" in stage.path.read_bytes()
    stage.ledger.sweep(Instant(15.0))
    stage.ledger.close()
    assert b"words of Ada" not in stage.path.read_bytes()


def test_with_a_long_outbox_only_keys_are_swept(stage: SqliteStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botkit.ledger.sqlite.ledger._MAX_WHILE_SWEEPING", 0)
    stage.submit(stage.inputs.transfers("u-ada", at=10.0))
    stage.submit(stage.inputs.closes("u-ada", at=11.0))
    stage.submit(Input(ADA, None, completes=tuple(item.id for item in stage.ledger.undelivered())))
    stage.submit(stage.inputs.says("u-bob", "waits", at=100.0))
    assert stage.ledger.sweep(Instant(50.0)) == 2
    assert stage.conversation("u-ada") is not None
    for item in stage.ledger.undelivered():
        stage.submit(Input(ADA, None, completes=(item.id,)))
    stage.ledger.sweep(Instant(50.0))
    assert stage.conversation("u-ada") is None


def test_a_start_reads_the_first_hooks_and_leaves_the_others_in_the_store(
    stage: SqliteStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for word in ("one", "two", "three"):
        stage.submit(stage.inputs.says("u-ada", word, body=word.encode() * 100))
    stage.submit(stage.inputs.transfers("u-bob"))
    monkeypatch.setattr("botkit.ledger.sqlite.store.MAX_HOOK_BYTES_AT_START", 600)
    items = stage.reopen().undelivered()
    assert [item.hook and len(item.hook.body) for item in items] == [300, 300, None, None, None]
    assert stage.ledger.hook_of(items[2].id) == HookBody(b"three" * 100)
    assert stage.ledger.hook_of(items[3].id) is None


# --- inputs whose outcome is told by a call ------------------------------------------------------------


def test_the_consequences_are_told_once_in_the_ledgers_thread(stage: SqliteStage, outcomes: Outcomes) -> None:
    stage.ledger.submit_then(stage.inputs.says("u-ada", "hi"), outcomes)
    stage.ledger.close()
    committed = outcomes.only()
    assert isinstance(committed, Committed)
    assert [type(item.effect).__name__ for item in committed.items] == ["PassToBot"]
    assert outcomes.threads == ["botkit-ledger"]


def test_outcomes_of_hooks_are_told_in_order_before_the_listener_and_after_the_commit(
    stage: SqliteStage,
) -> None:
    happened: list[str] = []

    def told(name: str) -> None:
        # Another connection sees what is durable.
        happened.append(f"{name} of {len(stage.ledger.undelivered())}")

    stage.ledger.close()
    ledger = SqliteLedger(f"sqlite:///{stage.path}", lambda one, event: stage.decide(one, event))
    ledger.start(lambda batch: happened.append(f"batch of {len(batch)}"))
    stage.ledger = ledger
    with stage.paused():
        ledger.submit_then(stage.inputs.says("u-ada", "one"), lambda _: told("one"))
        ledger.submit_then(stage.inputs.says("u-ada", "two"), lambda _: told("two"))
    ledger.close()
    assert happened == ["batch of 1", "one of 2", "two of 2", "batch of 2"]


def test_dropping_an_input_whose_commit_has_begun_changes_nothing(
    stage: SqliteStage, outcomes: Outcomes
) -> None:
    began, go_on = threading.Event(), threading.Event()

    def hold(conversation: Conversation, event: Event) -> Decision:
        began.set()
        assert go_on.wait(10)
        return rules(conversation, event)

    stage.decide = hold
    drop = stage.ledger.submit_then(stage.inputs.says("u-ada", "hi"), outcomes)
    assert began.wait(10)
    drop()
    go_on.set()
    assert isinstance(outcomes.only(), Committed)
    drop()
    assert stage.kinds() == ["PassToBot"]


def test_an_input_on_which_the_rules_fail_is_told_their_error(stage: SqliteStage, outcomes: Outcomes) -> None:
    good = Outcomes()
    with stage.paused():
        stage.ledger.submit_then(stage.inputs.says("u-ada", "choke"), outcomes)
        stage.ledger.submit_then(stage.inputs.says("u-ada", "hi"), good)
    assert isinstance(outcomes.only(), Choked)
    assert isinstance(good.only(), Committed)


def test_the_inputs_of_a_loops_turn_share_a_commit(stage: SqliteStage, outcomes: Outcomes) -> None:
    asyncio.run(stage.turns(outcomes, turns=3, inputs=50))
    stage.ledger.close()
    assert [len(batch) for batch in stage.told] == [50, 50, 50]


def test_no_commit_begins_before_the_end_of_the_turn(stage: SqliteStage, outcomes: Outcomes) -> None:
    began = threading.Event()

    def tell(conversation: Conversation, event: Event) -> Decision:
        began.set()
        return rules(conversation, event)

    async def submit() -> None:
        stage.ledger.submit_then(stage.inputs.says("u-ada", "hi"), outcomes)
        assert not began.wait(0.05)
        await async_until(began.is_set)

    stage.decide = tell
    asyncio.run(submit())


def test_more_inputs_than_a_commit_takes_are_all_committed(stage: SqliteStage, outcomes: Outcomes) -> None:
    asyncio.run(stage.turns(outcomes, turns=1, inputs=2 * MAX_IN_BATCH + 1))
    stage.ledger.close()
    assert [len(batch) for batch in stage.told] == [MAX_IN_BATCH, MAX_IN_BATCH, 1]
