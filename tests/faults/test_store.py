"""The store is full, locked, broken or in use by another service: hooks get 500, nothing is half done, and it recovers."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
import requests

from botkit.errors import LedgerError
from botkit.handoff.conversation import Conversation
from botkit.handoff.decision import Decision
from botkit.handoff.events import Event
from botkit.ledger.sqlite import SqliteLedger, store
from botkit.service import leadership
from botkit.testing.waiting import until
from tests.faults.services import InProcess, Process, configuration
from tests.faults.stage import Stage

Kit = Callable[..., InProcess]
Service = Callable[..., Process]


@contextmanager
def full_disk(running: Process, folder: Path) -> Iterator[None]:
    """Limit files of the service to the present size of the store's log: write() fails as on a full disk."""
    pid = running.process.pid
    size = (folder / "botkit.db-wal").stat().st_size
    _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, most))
    try:
        yield
    finally:
        if running.process.poll() is None:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))


def test_on_a_full_disk_hooks_are_refused_and_what_agents_say_waits_for_it(
    stage: Stage, service: Service, tmp_path: Path
) -> None:
    running = service()
    talk = stage.new_user()
    talk.talks()
    with full_disk(running, tmp_path):
        talk.types("into a full disk")
        assert stage.answers_to("into a full disk") == [500]
        talk.agent_says("said into a full disk")
        assert requests.get(f"{running.url}/readyz", timeout=30).status_code == 503
        assert requests.get(f"{running.url}/healthz", timeout=30).status_code == 200
        assert talk.arrived() == []
    until(running.ready, "until the service is ready again")
    talk.typed.clear()
    talk.types("after it")
    talk.both_sides_have_everything()


def test_a_kill_on_a_full_disk_leaves_a_store_that_works(
    stage: Stage, service: Service, tmp_path: Path
) -> None:
    running = service()
    talk = stage.new_user()
    talk.talks()
    talk.types("before it")
    with full_disk(running, tmp_path):
        talk.types("into a full disk")
        talk.typed.pop()
        talk.agent_says("said into a full disk")
        running.kill()
    running.start()
    talk.types("after it")
    talk.both_sides_have_everything()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store waits a tenth of a second for a lock, not five."""
    pragmas = tuple(pragma.replace("busy_timeout = 5000", "busy_timeout = 100") for pragma in store._PRAGMAS)
    assert pragmas != store._PRAGMAS
    monkeypatch.setattr(store, "_PRAGMAS", pragmas)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process, such as a backup, locks the database."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def test_while_the_store_is_locked_hooks_are_refused_and_afterwards_it_goes_on(
    stage: Stage, kit: Kit, tmp_path: Path, impatient: None
) -> None:
    running = kit()
    talk = stage.new_user()
    talk.talks()
    with locked(tmp_path / "botkit.db"):
        talk.types("while it is locked")
        assert stage.answers_to("while it is locked") == [500]
        talk.agent_says("said while it is locked")
        assert requests.get(f"{running.url}/readyz", timeout=30).status_code == 503
    until(lambda: requests.get(f"{running.url}/readyz", timeout=30).ok, "until it is ready again")
    talk.typed.clear()
    talk.types("after it")
    talk.both_sides_have_everything()


def test_a_lock_of_a_moment_only_delays_the_acknowledgement(stage: Stage, kit: Kit, tmp_path: Path) -> None:
    kit()
    talk = stage.new_user()
    talk.talks()
    kore = stage.clouds.kore
    with locked(tmp_path / "botkit.db"):
        stage.clouds.do(lambda: kore.say(kore.user(talk.user_id), "a little late"))
        until(lambda: stage.clouds.do(lambda: kore.lanes.busy(talk.user_id)), "until the hook is on its way")
    until(
        lambda: stage.answers_to("a little late") == [200],
        "until it is acknowledged",
    )
    until(lambda: talk.arrived() == ["a little late"], "until it arrives")


def test_a_second_kit_on_the_same_store_says_so_and_takes_no_hooks(
    stage: Stage, kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = kit()
    monkeypatch.setattr(leadership, "LOCK_TIMEOUT_SECONDS", 0.0)
    second = InProcess(configuration(tmp_path, stage), stage)
    try:
        with pytest.raises(LedgerError, match=r"another process holds botkit\.db: run one BotKit per"):
            second.start()
    finally:
        second.stop()
    assert requests.get(f"{first.url}/readyz", timeout=30).ok


def serve(configuration: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "botkit", "serve", "--config", str(configuration), "--port", "0"]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


def test_serving_from_a_file_that_is_no_database_ends_with_a_clear_error(
    stage: Stage, tmp_path: Path
) -> None:
    path = configuration(tmp_path, stage)
    (tmp_path / "botkit.db").write_bytes(os.urandom(100_000))
    answer = serve(path)
    assert answer.returncode != 0
    assert f"BK-3000: the store {tmp_path / 'botkit.db'} cannot be used" in answer.stderr
    assert "Traceback" not in answer.stderr


def bot_talks(conversation: Conversation, event: Event) -> Decision:
    return Decision(conversation)


@pytest.mark.parametrize("where", range(0, 40_000, 4_096))
def test_a_store_with_a_broken_page_is_refused_or_works_but_never_anything_else(
    tmp_path: Path, where: int
) -> None:
    path = tmp_path / "botkit.db"
    ledger = SqliteLedger(f"sqlite:///{path}", bot_talks, lock_timeout_seconds=0)
    ledger.start(lambda _: None)
    ledger.close()
    content = bytearray(path.read_bytes())
    content[where : where + 64] = b"\xff" * len(content[where : where + 64])
    path.write_bytes(content)
    ledger = SqliteLedger(f"sqlite:///{path}", bot_talks, lock_timeout_seconds=0)
    with suppress(LedgerError):
        ledger.start(lambda _: None)
        ledger.close()
