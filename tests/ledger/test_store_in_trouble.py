"""A store whose files are damaged, deleted or slow: it says what to do, and acknowledges nothing that would be lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from botkit.errors import LedgerError
from botkit.ledger.sqlite import SqliteLedger, committing
from botkit.ledger.sqlite.trouble import advice
from botkit.ledger.stores import source_at
from botkit.testing.waiting import until
from tests.ledger.ledger_stage import SqliteStage, rules


@pytest.fixture
def stage(sqlite_stage: SqliteStage) -> SqliteStage:
    return sqlite_stage


@pytest.mark.parametrize("how", ["deleted", "moved", "replaced"])
def test_nothing_is_acknowledged_into_a_file_that_is_gone(stage: SqliteStage, how: str) -> None:
    stage.submit(stage.inputs.transfers("u-ada"))
    if how == "deleted":
        stage.path.unlink()
    else:
        stage.path.rename(stage.path.with_name("moved.db"))
    if how == "replaced":
        stage.path.touch()
    with capture_logs() as lines:
        for _ in range(2):
            failed = stage.ledger.submit(stage.inputs.says("u-bob", "hi"))
            assert isinstance(failed.exception(10), LedgerError)
    assert not stage.ledger.healthy()
    (line,) = [line for line in lines if line["event"] == "commit_failed"]
    assert "mv botkit.db.rescued botkit.db" in line["fix"]
    with closing(sqlite3.connect(stage.path.with_name("botkit.db.rescued"))) as rescued:
        (conversations,) = rescued.execute("SELECT count(*) FROM conversations").fetchone()
    assert conversations == 1
    assert stage.path.exists() == (how == "replaced")
    stage.path.with_name("botkit.db.rescued").rename(stage.path)


def test_a_missing_log_is_told_after_a_process_was_killed(stage: SqliteStage, tmp_path: Path) -> None:
    stage.submit(stage.inputs.transfers("u-ada"))
    with closing(sqlite3.connect(stage.path)) as other:
        other.execute("PRAGMA wal_checkpoint(FULL)")
    copy = tmp_path / "copy.db"
    copy.write_bytes(stage.path.read_bytes())
    ledger = SqliteLedger(f"sqlite:///{copy}", rules)
    with capture_logs() as lines:
        ledger.start(lambda _: None)
        ledger.close()
        ledger = SqliteLedger(f"sqlite:///{copy}", rules)
        ledger.start(lambda _: None)
        ledger.close()
    (line,) = [line for line in lines if line["event"] == "store_log_missing"]
    assert "put it back" in line["fix"]


def _as_left_by_a_killed_process(stage: SqliteStage, folder: Path) -> Path:
    """A copy of the files of a store with a hook that is only in the log."""
    with closing(sqlite3.connect(stage.path)) as other:
        other.execute("PRAGMA wal_checkpoint(FULL)")
        stage.submit(stage.inputs.transfers("u-ada"))
        for file in stage.path.parent.glob("botkit.db*"):
            (folder / file.name).write_bytes(file.read_bytes())
    return folder / "botkit.db"


def _cut_short(log: Path) -> None:
    log.write_bytes(log.read_bytes()[:-1])


@pytest.mark.parametrize("harm", [Path.unlink, _cut_short])
def test_a_store_whose_last_commits_are_gone_is_not_opened(
    stage: SqliteStage, harm: Callable[[Path], None], tmp_path: Path
) -> None:
    (folder := tmp_path / "killed").mkdir()
    store = _as_left_by_a_killed_process(stage, folder)
    log = store.with_name("botkit.db-wal")
    whole = log.read_bytes()
    harm(log)
    left = {file.name: file.read_bytes() for file in folder.iterdir() if not file.name.endswith(".lock")}
    ledger = SqliteLedger(f"sqlite:///{store}", rules)
    with pytest.raises(LedgerError, match=r"put it back .* delete botkit\.db-shm"):
        ledger.start(lambda _: None)
    with (
        pytest.raises(LedgerError, match="pages of what was acknowledged last"),
        source_at(f"sqlite:///{store}"),
    ):
        pass
    assert left == {
        file.name: file.read_bytes() for file in folder.iterdir() if not file.name.endswith(".lock")
    }
    log.write_bytes(whole)
    ledger.start(lambda _: None)
    assert [one.id.user_id for one in ledger.open_conversations()] == ["u-ada"]
    ledger.close()


def test_a_store_starts_without_its_last_commits_if_its_operator_says_so(
    stage: SqliteStage, tmp_path: Path
) -> None:
    (folder := tmp_path / "killed").mkdir()
    store = _as_left_by_a_killed_process(stage, folder)
    for end in ("-wal", "-shm"):
        store.with_name(store.name + end).unlink()
    ledger = SqliteLedger(f"sqlite:///{store}", rules)
    with capture_logs() as lines:
        ledger.start(lambda _: None)
    assert ledger.open_conversations() == []
    assert "store_log_missing" in [line["event"] for line in lines]
    ledger.close()


def test_a_log_that_was_copied_as_a_whole_is_not_missed(stage: SqliteStage, tmp_path: Path) -> None:
    (folder := tmp_path / "killed").mkdir()
    store = _as_left_by_a_killed_process(stage, folder)
    with closing(sqlite3.connect(store)) as other:
        other.execute("PRAGMA wal_checkpoint(FULL)")
        index = store.with_name("botkit.db-shm").read_bytes()
    # The last one that closed it has deleted both; the index as it was before that:
    store.with_name("botkit.db-shm").write_bytes(index)
    ledger = SqliteLedger(f"sqlite:///{store}", rules)
    ledger.start(lambda _: None)
    assert [one.id.user_id for one in ledger.open_conversations()] == ["u-ada"]
    ledger.close()


@pytest.mark.parametrize("index", [b"", b"\0" * 32768, b"\xff" * 32768, b"\1" * 99])
def test_an_index_that_says_nothing_does_no_harm(stage: SqliteStage, index: bytes) -> None:
    stage.submit(stage.inputs.transfers("u-ada"))
    stage.ledger.close()
    stage.path.with_name("botkit.db-shm").write_bytes(index)
    stage.open()


@pytest.mark.parametrize("offset", [0, 4096])
def test_a_damaged_store_is_left_as_it_is(stage: SqliteStage, offset: int) -> None:
    stage.submit(stage.inputs.transfers("u-ada"))
    stage.ledger.close()
    data = bytearray(stage.path.read_bytes())
    data[offset : offset + 512] = b"\xff" * 512
    stage.path.write_bytes(data)
    with pytest.raises(
        LedgerError, match=r"is damaged, or no store: stop the service, move .* away together and keep"
    ):
        stage.open()
    assert stage.path.read_bytes() == bytes(data)


def test_slow_commits_are_logged_once_a_minute(stage: SqliteStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committing, "SLOW_SECONDS", -1.0)
    with capture_logs() as lines:
        for text in ("one", "two"):
            stage.submit(stage.inputs.says("u-ada", text))
    assert [line["reason"] for line in lines if line["event"] == "commits_slow"] == ["the disk is slow"]


def test_a_store_that_goes_on_failing_is_logged_once_a_minute(stage: SqliteStage) -> None:
    stage.break_store()
    with capture_logs() as lines:
        for _ in range(5):
            input = stage.inputs.says("u-ada", "hi", body=b"x" * 100_000)
            assert isinstance(stage.ledger.submit(input).exception(10), LedgerError)
    (line,) = [line for line in lines if line["event"] == "commit_failed"]
    assert line["fix"] == "the disk is full: make room; the service goes on by itself"
    stage.mend_store()
    until(stage.ledger.healthy)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (sqlite3.SQLITE_READONLY, "owner and mode"),
        (sqlite3.SQLITE_CANTOPEN, "its folder"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "another program"),
        (sqlite3.SQLITE_IOERR_FSYNC, "the disk fails"),
        (sqlite3.SQLITE_MISUSE, "botkit doctor"),
    ],
)
def test_each_trouble_has_its_advice(code: int, words: str) -> None:
    error = sqlite3.OperationalError("…")
    error.sqlite_errorcode = code
    assert words in advice(error, Path("var/botkit.db"))
