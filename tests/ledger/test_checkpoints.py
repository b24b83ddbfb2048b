"""The write-ahead log is copied and starts over while commits go on; the ledger's commits never copy it."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from botkit.handoff.conversation import ConversationId
from botkit.ledger.interface import Committed, Input
from botkit.ledger.sqlite import SqliteLedger, checkpoints
from botkit.ledger.sqlite.checkpoints import Checkpoints
from botkit.testing.waiting import until
from tests.ledger.ledger_stage import BOT, SqliteStage, rules

NOBODY = ConversationId(BOT, "")


@pytest.fixture
def stage(sqlite_stage: SqliteStage) -> SqliteStage:
    return sqlite_stage


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that is worth a checkpoint after a few commits."""
    monkeypatch.setattr(checkpoints, "LOG_PAGES", 50)
    monkeypatch.setattr(checkpoints, "_RETRY_SECONDS", 0.01)


def log_of(stage: SqliteStage) -> Path:
    return stage.path.with_name(stage.path.name + "-wal")


def times_started_over(stage: SqliteStage) -> int:
    """The log's checkpoint sequence number (sqlite.org/walformat.html, section 4.1)."""
    with log_of(stage).open("rb") as file:
        return int.from_bytes(file.read(16)[12:], "big")


@pytest.fixture
def log() -> Iterator[list[Any]]:
    """Log events, also those of the ledger's threads."""
    with capture_logs() as lines:
        yield lines


def said(log: list[Any], event: str) -> list[Any]:
    return [line for line in log if line["event"] == event]


def commit_until(stage: SqliteStage, happened: Callable[[], object]) -> None:
    """Commit hooks that are passed on and done, until this has happened. Some are always queued."""
    queued: deque[list[Future[Committed]]] = deque()

    def more() -> object:
        says = stage.inputs.says
        queued.append(stage.submit_all(*(says("u-ada", "hi", body=b"x" * 3000) for _ in range(10))))
        if len(queued) > 2:
            done = [item.id for future in queued.popleft() for item in future.result(10).items]
            stage.ledger.submit(Input(NOBODY, None, completes=tuple(done)))
        return happened()

    until(more)


def test_the_log_starts_over_while_commits_go_on(short: None, stage: SqliteStage) -> None:
    before = times_started_over(stage)
    commit_until(stage, lambda: times_started_over(stage) >= before + 8)


def test_no_commit_copies_the_log(short: None, stage: SqliteStage) -> None:
    assert stage.ledger._writer.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)


def test_the_log_keeps_its_length_when_it_starts_over(short: None, stage: SqliteStage) -> None:
    before = times_started_over(stage)
    commit_until(stage, lambda: times_started_over(stage) > before)
    longest = log_of(stage).stat().st_size
    commit_until(stage, lambda: times_started_over(stage) > before + 2)
    assert log_of(stage).stat().st_size >= longest


def test_a_close_leaves_no_log(short: None, request: pytest.FixtureRequest) -> None:
    others = set(threading.enumerate())
    stage: SqliteStage = request.getfixturevalue("stage")
    own_threads = set(threading.enumerate()) - others
    before = times_started_over(stage)
    commit_until(stage, lambda: times_started_over(stage) > before)
    stage.ledger.close()
    assert sorted(file.name for file in stage.path.parent.iterdir()) == ["botkit.db", "botkit.db.lock"]
    assert set(threading.enumerate()) & own_threads == set()


def test_a_reader_that_does_not_end_is_reported_and_the_log_shortened_after_it(
    short: None, stage: SqliteStage, monkeypatch: pytest.MonkeyPatch, log: list[Any]
) -> None:
    monkeypatch.setattr(checkpoints, "LONG_LOG_PAGES", 300)
    stage.submit(stage.inputs.says("u-ada", "hi"))
    reader = sqlite3.connect(stage.path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM inbox").fetchone()
    # It is reported again when the log is twice as long, and not with every checkpoint.
    commit_until(stage, lambda: len(said(log, "log_grows")) >= 2)
    first, second, *_ = [line["megabytes"] for line in said(log, "log_grows")]
    assert second >= 2 * first >= 2
    started_over = times_started_over(stage)
    reader.execute("COMMIT")
    reader.close()
    commit_until(stage, lambda: times_started_over(stage) > started_over)


class Connection:
    """Its first checkpoints fail."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.checkpoints = 0
        self.closed = False

    def execute(self, _: str) -> Any:
        if self.failures:
            self.failures -= 1
            raise sqlite3.OperationalError("database or disk is full")
        self.checkpoints += 1
        return self

    def fetchone(self) -> tuple[int, int, int]:
        return 0, 60, 60

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def started() -> Iterator[Callable[..., tuple[Checkpoints, Connection, list[str]]]]:
    made: list[Checkpoints] = []

    def start(failures: int, pages: int = 0) -> tuple[Checkpoints, Connection, list[str]]:
        connection, asked = Connection(failures), list[str]()
        one = Checkpoints(lambda: connection, lambda: asked.append("rest"), pages=pages)  # type: ignore[arg-type, return-value]
        one.start()
        made.append(one)
        return one, connection, asked

    yield start
    for one in made:
        one.close()


def test_a_failed_checkpoint_is_logged_and_repeated_without_another_commit(
    short: None, started: Any, log: list[Any]
) -> None:
    one, _, asked = started(failures=2)
    one.wrote(50)
    until(lambda: bool(asked))
    assert [line["reason"] for line in said(log, "checkpoint_failed")] == ["database or disk is full"] * 2


def test_pages_are_counted_over_commits(short: None, started: Any) -> None:
    one, connection, asked = started(failures=0)
    one.wrote(20)
    one.wrote(29)
    assert not one._due.is_set()
    one.wrote(1)
    until(lambda: bool(asked))
    assert connection.checkpoints == 2


def test_the_log_of_a_process_that_was_killed_is_copied_at_the_next_start(
    stage: SqliteStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.submit_all(*(stage.inputs.says("u-ada", "hi", body=b"x" * 3000) for _ in range(60)))[-1].result(10)
    left = tmp_path / "left" / "botkit.db"
    left.parent.mkdir()
    for end in ("", "-wal"):
        shutil.copy(stage.path.with_name(stage.path.name + end), left.with_name(left.name + end))
    copied = left.stat().st_size + 60 * 3000
    monkeypatch.setattr(checkpoints, "LOG_PAGES", 50)
    ledger = SqliteLedger(f"sqlite:///{left}", rules)
    ledger.start(lambda batch: None)
    try:
        until(lambda: left.stat().st_size > copied)
    finally:
        ledger.close()


def test_a_close_ends_the_thread_and_its_connection(short: None, started: Any) -> None:
    one, connection, asked = started(failures=0)
    one.wrote(50)
    until(lambda: bool(asked))
    one.close()
    assert connection.closed


def test_a_rest_that_cannot_be_copied_fails_no_commit(
    short: None, stage: SqliteStage, monkeypatch: pytest.MonkeyPatch, log: list[Any]
) -> None:
    def fails(_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr("botkit.ledger.sqlite.ledger.copy_rest", fails)
    commit_until(stage, lambda: said(log, "checkpoint_failed"))
    assert stage.ledger.healthy()


def _under_load_with_checkpoints(path: str) -> None:
    """In a process of its own: a checkpoint after every other commit."""
    from tests.ledger.test_ledger_faults import _under_load

    checkpoints.LOG_PAGES = 20
    _under_load(path)


def test_acknowledged_inputs_survive_kill_9_in_the_middle_of_checkpoints(tmp_path: Path) -> None:
    path = tmp_path / "botkit.db"
    code = "import sys; from tests.ledger.test_checkpoints import _under_load_with_checkpoints as work; work(sys.argv[1])"
    root = Path(__file__).parent.parent.parent
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True, cwd=root
    ) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        acknowledged = [int(next(lines)) for _ in range(600)]
        process.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in lines if line.endswith("\n")]
    ledger = SqliteLedger(f"sqlite:///{path}", rules)
    ledger.start(lambda batch: None)
    try:
        kept = {int(item.created_at) for item in ledger.undelivered()}
        assert kept >= set(acknowledged)
    finally:
        ledger.close()
    with sqlite3.connect(path) as store:
        assert store.execute("PRAGMA integrity_check").fetchone() == ("ok",)
