"""An administrator sets `fsync = off` on the running server: what is written down from then on is not acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from botkit.errors import LedgerUnusable
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.decision import Decision
from botkit.handoff.events import HookAnswered, PlatformSessionClosed, UserMessage
from botkit.ledger.interface import Committed, Input
from botkit.ledger.postgresql import door as doors
from botkit.ledger.postgresql.database import FsyncIsOff, connect
from botkit.ledger.postgresql.door import Door
from botkit.ledger.postgresql.ledger import PostgresLedger
from botkit.ledger.postgresql.migrations import migrate
from botkit.ledger.postgresql.shards import SHARDS
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
    door._take([(_says("k-0"), Receipt(lambda _: None))])
    assert door.working
    yield door
    door._disconnect()


class Connections:
    """Opens the door's connections, and counts how often that was tried."""

    def __init__(self) -> None:
        self.attempts = 0
        self.away = False
        """Whether there is no server."""

    def __call__(self, url: str, purpose: str, **settings: Any) -> Any:
        self.attempts += 1
        if self.away:
            raise LedgerUnusable("the store cannot be reached", "start PostgreSQL")
        return connect(url, purpose, **settings)


@pytest.fixture
def connections(door: Door, monkeypatch: pytest.MonkeyPatch) -> Connections:
    """Those that come after the first one."""
    connections = Connections()
    monkeypatch.setattr(doors, "connect", connections)
    return connections


@pytest.mark.parametrize("kind", INPUTS)
def test_what_comes_meanwhile_is_refused_at_once(
    kind: str, door: Door, set_fsync: Setting, connections: Connections
) -> None:
    outcomes: Outcomes = []
    given = Input(ADA, INPUTS[kind])
    set_fsync(False)
    until(lambda: _shown(door) == "off", "for the door's session to see it")
    with capture_logs() as lines:
        for _ in range(2):
            door._take([(given, Receipt(outcomes.append))])
    assert [type(outcome) for outcome in outcomes] == [FsyncIsOff] * 2
    assert connections.attempts == 1  # For the second one; each was tried once.
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
    postgresql: Server, set_fsync: Setting, connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is not ready gets no hook that would show it."""
    monkeypatch.setattr(doors, "GIVE_UP_SECONDS", 0.0)
    monkeypatch.setattr(doors, "_PROBE_SECONDS", 0.05)
    connections.away = True
    outcomes: Outcomes = []
    door = Door(postgresql.url, taken=lambda _: None, answers=lambda *_: None)
    door.start()
    try:
        assert door.submit(Input(ADA, INPUTS["a message"]), Receipt(outcomes.append), None) is None
        until(lambda: connections.attempts > 2, "for it to look")
        assert not door.working
        set_fsync(False)
        connections.away = False
        began = connections.attempts
        until(lambda: connections.attempts > began + 1, "for it to find that commits are not durable")
        assert not door.working
        set_fsync(True)
        until(lambda: door.working, "for it to find that they are")
    finally:
        door.close()
    assert [type(outcome) for outcome in outcomes] == [LedgerUnusable]


def test_a_ledger_refuses_hooks_until_the_server_waits_for_its_disk_again(
    postgresql: Server, set_fsync: Setting
) -> None:
    one = PostgresLedger(postgresql.url, lambda conversation, _: Decision(conversation))
    one.start(lambda _: None)
    try:
        until(lambda: len(one._owner.shards) == SHARDS, "until it owns every shard")
        one.submit(_says("1")).result(10)
        with capture_logs() as lines:
            set_fsync(False)
            until(lambda: not one.healthy(), "for it to be noticed")
            for _ in range(2):
                with pytest.raises(LedgerUnusable, match="fsync is off"):
                    one.submit(_says("2")).result(10)
            set_fsync(True)
            until(one.healthy, "for it to be noticed")
            assert not one.submit(_says("2")).result(10).duplicate
    finally:
        one.close()
    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("store_not_durable", "critical"),
        ("store_durable_again", "warning"),
    ]


def _says(key: str) -> Input:
    return Input(ADA, UserMessage(key=key, at=NOW, text="hi", agent_transfer=None))


def _shown(door: Door) -> object:
    assert door._writer is not None
    (shown,) = door._writer.execute("SHOW fsync").fetchone() or ("",)
    return shown
