"""An administrator sets `fsync = off` on the running server: what is written down from then on is not acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from botkit.errors import LedgerUnusable
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.events import HookAnswered, PlatformSessionClosed, UserMessage
from botkit.ledger.interface import Committed, Input
from botkit.ledger.postgresql import door as doors
from botkit.ledger.postgresql.database import FsyncIsOff, connect
from botkit.ledger.postgresql.door import Door
from botkit.ledger.postgresql.migrations import migrate
from botkit.ledger.receipts import Receipt
from botkit.testing.waiting import until
from tests.postgresql import Server

ADA = ConversationId("st-0a1b2c3d-1111-5222-8333-444455556666", "ada")
NOW = Instant(1_000.0)
INPUTS: dict[str, UserMessage | PlatformSessionClosed | HookAnswered] = {
    "a message": UserMessage(key="k-1", at=NOW, text="hello", agent_transfer=None),
    "an end that names no channel": PlatformSessionClosed(key="k-1", at=NOW),
    "an answer whose outcome is awaited": HookAnswered(key="k-1", at=NOW, context="yes"),
}
Setting = Callable[[bool], None]
Outcomes = list[Committed | Exception]


@pytest.fixture
def set_fsync(postgresql: Server) -> Iterator[Setting]:
    """Sets it for every session; returns when new ones see it."""
    with psycopg.connect(postgresql.empty(), autocommit=True) as admin:
        migrate(admin)

        def seen(shown: str) -> bool:
            with psycopg.connect(postgresql.url) as another:
                return another.execute("SHOW fsync").fetchone() == (shown,)

        def set_to(on: bool) -> None:
            admin.execute("ALTER SYSTEM RESET fsync" if on else "ALTER SYSTEM SET fsync = off")
            admin.execute("SELECT pg_reload_conf()")
            until(lambda: seen("on" if on else "off"), "for new sessions to see it")

        try:
            yield set_to
        finally:
            set_to(True)


@pytest.fixture
def door(postgresql: Server, set_fsync: Setting) -> Iterator[Door]:
    """One that is connected, and whose thread does not run."""
    door = Door(postgresql.url, taken=lambda _: None, answers=lambda *_: None)
    door._take([(Input(ADA, UserMessage(key="k-0", at=NOW, text="hi", agent_transfer=None)), Receipt(print))])
    assert door.working
    yield door
    door._disconnect()


@pytest.mark.parametrize("kind", INPUTS)
def test_what_comes_meanwhile_is_refused_at_once(
    kind: str, door: Door, set_fsync: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[str] = []

    def connects(url: str, purpose: str, **settings: Any) -> Any:
        attempts.append(purpose)
        return connect(url, purpose, **settings)

    monkeypatch.setattr(doors, "connect", connects)
    outcomes: Outcomes = []
    given = Input(ADA, INPUTS[kind])
    set_fsync(False)
    assert door._writer is not None
    until(lambda: _shown(door) == "off", "for the door's session to see it")
    with capture_logs() as lines:
        for _ in range(2):
            door._take([(given, Receipt(outcomes.append))])
    assert [type(outcome) for outcome in outcomes] == [FsyncIsOff] * 2
    assert attempts == ["door"]  # For the second one; each was tried once.
    assert not door.working
    assert [line["event"] for line in lines] == ["commit_failed"]
    assert "run sync" in lines[0]["reason"]


def test_it_is_taken_when_it_comes_again(door: Door, set_fsync: Setting) -> None:
    outcomes: Outcomes = []
    given = Input(ADA, INPUTS["a message"])
    set_fsync(False)
    until(lambda: _shown(door) == "off", "for the door's session to see it")
    door._take([(given, Receipt(outcomes.append))])
    set_fsync(True)
    door._take([(given, Receipt(outcomes.append))])
    assert door.working
    assert [type(outcome) for outcome in outcomes] == [FsyncIsOff, Committed]


def test_a_door_looks_for_itself_whether_commits_work_again(
    postgresql: Server, set_fsync: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is not ready gets no hook that would show it."""
    monkeypatch.setattr(doors, "GIVE_UP_SECONDS", 0.0)
    monkeypatch.setattr(doors, "_PROBE_SECONDS", 0.05)
    looks: list[str] = []
    away = True

    def connects(url: str, purpose: str, **settings: Any) -> Any:
        looks.append(purpose)
        if away:
            raise LedgerUnusable("the store cannot be reached", "start PostgreSQL")
        return connect(url, purpose, **settings)

    monkeypatch.setattr(doors, "connect", connects)
    outcomes: Outcomes = []
    door = Door(postgresql.url, taken=lambda _: None, answers=lambda *_: None)
    door.start()
    try:
        assert door.submit(Input(ADA, INPUTS["a message"]), Receipt(outcomes.append), None) is None
        until(lambda: len(looks) > 2, "for it to look")
        assert not door.working
        set_fsync(False)
        away = False
        began = len(looks)
        until(lambda: len(looks) > began + 1, "for it to find that commits are not durable")
        assert not door.working
        set_fsync(True)
        until(lambda: door.working, "for it to find that they are")
    finally:
        door.close()
    assert [type(outcome) for outcome in outcomes] == [LedgerUnusable]


def _shown(door: Door) -> object:
    assert door._writer is not None
    (shown,) = door._writer.execute("SHOW fsync").fetchone() or ("",)
    return shown
