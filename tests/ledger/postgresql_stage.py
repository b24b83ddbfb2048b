"""The stage on PostgreSQL. A hook is acknowledged when it is written down; its consequences come to the relay."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, LiteralString, get_args

import psycopg
import pytest

from botkit.handoff.conversation import Conversation, ConversationId, Instant
from botkit.handoff.decision import Decision
from botkit.handoff.events import Event, OtherHook, SubmittedEvent
from botkit.ledger.interface import Committed, Decide, HookBody, Input, OutboxItem
from botkit.ledger.postgresql import database
from botkit.ledger.postgresql.ledger import PostgresLedger
from botkit.ledger.postgresql.queries import SQL
from botkit.ledger.postgresql.shards import SHARDS
from botkit.testing.waiting import until, within
from tests.ledger.ledger_stage import BOT, Stage
from tests.postgresql import Server

_PROBE = "u-probe-"
_NEVER_OLD = Instant(1e12)


_COMMIT_NO_INPUT = {SQL["own"], SQL["leave_clean"]}


class Cuttable(database._Connection):
    """A connection that can be told to break at a commit."""

    dead: ClassVar[bool] = False
    """No connection of a ledger is opened."""
    next: ClassVar[tuple[str, str] | None] = None

    @classmethod
    def connect(cls, conninfo: str = "", **more: Any) -> Cuttable:
        if cls.dead and "application_name" in more:
            raise psycopg.OperationalError("the process is dead")
        return super().connect(conninfo, **more)

    def execute(self, query: Any, *values: Any, **more: Any) -> psycopg.Cursor[Any]:
        when = self._due(query)
        if when == "before":
            self._break()
        cursor = super().execute(query, *values, **more)
        if when == "after":
            if self._pipeline is not None:
                self._pipeline.sync()
            self._break()
        return cursor

    def _due(self, query: Any) -> str:
        name = self.info.parameter_status("application_name") or ""
        if Cuttable.next is None or not name.startswith(Cuttable.next[0]):
            return ""
        alone = self._pipeline is None and query not in _COMMIT_NO_INPUT and not query.startswith("SELECT")
        if query != "COMMIT" and not alone:
            return ""
        (_, when), Cuttable.next = Cuttable.next, None
        return when

    def _break(self) -> None:
        self.close()
        raise psycopg.OperationalError("server closed the connection unexpectedly")


class PostgresqlStage(Stage):
    """On the database of a server, which it empties first."""

    ledger: PostgresLedger
    limits = ("botkit.ledger.postgresql.door.MAX_QUEUED", "botkit.ledger.postgresql.ledger.MAX_UNDELIVERED")

    def __init__(self, server: Server, patch: pytest.MonkeyPatch) -> None:
        self._server = server
        self._patch = patch
        self._numbers = itertools.count()
        self._reader: psycopg.Connection[Any] | None = None
        self.url = server.empty()
        # Restarts are frequent here: a process looks often whether another has left, and whether it has to stop itself.
        patch.setattr("botkit.ledger.postgresql.owner.TURN_SECONDS", 0.02)
        patch.setattr("botkit.ledger.postgresql.ownership.PREFERRED_SECONDS", 0.0)
        for module in ("door", "owner"):
            patch.setattr(f"botkit.ledger.postgresql.{module}._RETRY_SECONDS", 0.01)
        patch.setattr(database, "_Connection", Cuttable)
        super().__init__()

    def new_ledger(self, decide: Decide) -> PostgresLedger:
        def with_probes(conversation: Conversation, event: Event) -> Decision:
            return Decision(conversation) if _is_probe(conversation) else decide(conversation, event)

        return PostgresLedger(self.url, with_probes)

    def open(self) -> PostgresLedger:
        super().open()
        try:
            self.until_it_owns_everything()
        except BaseException:
            self.ledger.close()
            raise
        return self.ledger

    def until_it_owns_everything(self) -> None:
        until(lambda: len(self.ledger._owner._own.shards) == SHARDS, "for the shards")

    @property
    def told(self) -> list[Sequence[Committed]]:
        batches = [
            [committed for committed in batch if not _is_probe(committed.conversation)]
            for batch in self.relay.told
        ]
        return [batch for batch in batches if batch]

    def submit(self, input: Input) -> Committed:
        before = len(self.news())
        accepted = self.ledger.submit(input).result(10)
        at_the_door = isinstance(input.event, get_args(SubmittedEvent)) and not input.completes
        if not at_the_door or accepted.duplicate or accepted.refused:
            return accepted
        self.settle()
        return self.news()[before]

    def settle(self) -> None:
        """Wait for a hook of its own: a door takes them in order, and the owner in the order of the door's notifications.

        The relay is not told of one whose commit was in doubt; then another is sent.
        """
        until(self._probe_is_told, "for the owner")

    def _probe_is_told(self) -> bool:
        probe = self._probe()
        self.ledger.submit(probe).result(10)
        return within(0.5, lambda: self._is_told(probe.conversation_id))

    def _probe(self) -> Input:
        user = ConversationId(BOT, f"{_PROBE}{next(self._numbers)}")
        return Input(user, OtherHook(key="", at=_NEVER_OLD, name="probe"), HookBody(b"{}"))

    def _is_told(self, probe: ConversationId) -> bool:
        return any(committed.conversation.id == probe for batch in self.relay.told for committed in batch)

    def undelivered(self) -> Sequence[OutboxItem]:
        self.settle()
        rows = "SELECT id * 2 FROM inputs WHERE NOT failed UNION ALL SELECT id * 2 + 1 FROM outbox"
        stored = {number for (number,) in self._read(rows)}
        assert stored <= self.relay.items.keys()
        return [item for item in self.relay.items.values() if item.id in stored]

    def _read(self, query: LiteralString) -> list[tuple[Any, ...]]:
        if self._reader is None or self._reader.closed:
            self._reader = psycopg.connect(self.url, autocommit=True)
        return self._reader.execute(query).fetchall()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Lets the door wait in a commit."""
        with psycopg.connect(self.url) as connection:
            connection.execute("LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE")
            self.ledger.submit(self._probe())
            waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'inbox'::regclass AND NOT granted"
            until(lambda: connection.execute(waiting).fetchone() != (0,), "for the door")
            yield

    def crash(self) -> None:
        """Its sessions end, and it gets no other."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Cuttable, "dead", True)
            self._read(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'botkit %'"
            )
            self.ledger.close()
        self.open()

    def count_keys(self) -> int:
        ((keys,),) = self._read("SELECT count(*) FROM inbox WHERE key NOT LIKE '~%'")
        return keys

    def age_keys(self, seconds: float) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute("UPDATE inbox SET at = at - %s WHERE NOT starts_with(key, '~')", (seconds,))

    @contextmanager
    def cut(self, where: str, when: str) -> Iterator[None]:
        """Break the connection of the door or the owner before or after its next commit has happened."""
        Cuttable.next = (f"botkit {where}", when)
        try:
            yield
            until(self.ledger.healthy, "for the next connection")
            self.until_it_owns_everything()
        finally:
            Cuttable.next = None

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            if self._reader is not None:
                self._reader.close()

    def break_store(self) -> None:
        self._patch.setattr("botkit.ledger.postgresql.door.GIVE_UP_SECONDS", 0.0)
        self._server.kill()

    def mend_store(self) -> None:
        self._server.start()
        self._patch.setattr("botkit.ledger.postgresql.door.GIVE_UP_SECONDS", 10.0)
        self.until_it_owns_everything()


def _is_probe(conversation: Conversation) -> bool:
    return conversation.id.user_id.startswith(_PROBE)
