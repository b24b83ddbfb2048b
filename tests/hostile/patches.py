"""`botkit` with changes that only this harness makes: a wall clock that steps, a crash at a chosen point, planted defects.

``python -m tests.hostile.patches serve …`` makes those that the environment names, separated by blanks: ``name`` or
``name=argument``. Nothing of it is in the product.
"""

from __future__ import annotations

import itertools
import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Set
from functools import wraps
from pathlib import Path
from typing import Any

import time_machine
from msgspec.structs import replace

from botkit.agents.miaw import system
from botkit.asgi.hook_cycle import HookCycle
from botkit.boottime import boottime
from botkit.cli import main
from botkit.handoff.conversation import Conversation
from botkit.http.curl.call import Call, OnEnd
from botkit.http.curl.calls import Calls
from botkit.http.curl.transport import CurlTransport
from botkit.ledger.batch import unique_key
from botkit.ledger.interface import Committed, Input, OutboxItem
from botkit.ledger.postgresql import writing
from botkit.ledger.postgresql.database import Connection
from botkit.ledger.postgresql.door import Door
from botkit.ledger.postgresql.ownership import Ownership
from botkit.ledger.sqlite import SqliteLedger, committing, forks
from botkit.relay.inbound import stream
from botkit.relay.outbound.lanes import Lanes
from tests.hostile.controls import BEGUN_HEADER, Controls, Point
from tests.hostile.power import note_syncs

ENVIRONMENT = "BOTKIT_TEST_PATCHES"
LATE_SECONDS = 0.5
SILENCE_SECONDS = 12.0
HEADERS_SECONDS = 60.0
_LOOK_SECONDS = 0.02
_WRITES = ("BEGIN IMMEDIATE", "COMMIT", "INSERT", "UPDATE", "DELETE")


def stepped_clock(path: str) -> None:
    """The wall clock is ahead of the machine's by what the controls say; all other clocks go on evenly."""
    controls = Controls(Path(path))
    coordinates = time_machine.travel(time.time(), tick=True).start()

    def follow() -> None:
        offset = 0.0
        while True:
            if (wanted := controls.clock_offset_seconds) != offset:
                coordinates.shift(wanted - offset)
                offset = wanted
            threading.Event().wait(_LOOK_SECONDS)

    threading.Thread(target=follow, name="stepped-clock", daemon=True).start()


def chosen_crash(path: str) -> None:
    """The process dies at the point that the controls name; and SQLite refuses to write while they say so."""
    controls = Controls(Path(path))

    def reach(point: Point) -> None:
        if controls.is_fatal(point):
            os.kill(os.getpid(), signal.SIGKILL)

    class Writer(forks._Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if controls.read_only and sql.lstrip().upper().startswith(_WRITES):
                raise sqlite3.OperationalError("attempt to write a readonly database")
            if sql != "COMMIT":
                return super().execute(sql, *values)
            reach("before a commit")
            cursor = super().execute(sql)
            reach("after a commit")
            return cursor

    setattr(forks, "_Connection", Writer)  # noqa: B010 - mypy refuses to assign a class
    _between(writing, "write", reach, before="before a commit", after="after a commit")
    _between(Door, "_store", reach, before="before a commit", after="after a commit")
    _between(Door, "_notify", reach, before="before a notification")
    _between(CurlTransport, "begin", reach, before="before a call")
    _between(Call, "end", reach, before="before its answer is read")
    _between(HookCycle, "_answer", reach, before="before a hook is answered")


def stamped_calls(_: str) -> None:
    """Every call says when it was given to libcurl: what arrives late may have been begun in time."""
    start = Calls.start

    def stamped(self: Calls, call: Call, on_end: OnEnd, *, seconds: float) -> None:
        headers = {**call.request.headers, BEGUN_HEADER: f"{boottime():.6f}"}
        call.request = replace(call.request, headers=headers)
        start(self, call, on_end, seconds=seconds)

    Calls.start = stamped  # type: ignore[method-assign]


def _between(
    owner: Any, name: str, reach: Callable[[Point], None], *, before: Point, after: Point | None = None
) -> None:
    honest = getattr(owner, name)

    @wraps(honest)
    def passing(*args: Any, **how: Any) -> Any:
        reach(before)
        result = honest(*args, **how)
        if after is not None:
            reach(after)
        return result

    setattr(owner, name, passing)


def short_silence(_: str) -> None:
    """A silent event stream is given up sooner, so that a row need not wait for it."""
    system.SILENCE_SECONDS = SILENCE_SECONDS


def patient_streams(_: str) -> None:
    """Streams whose headers are late are not taken for held back: the emulated sides are one process, and may be slow."""
    stream.HEADERS_SECONDS = HEADERS_SECONDS


# --- defects ------------------------------------------------------------------------------------------------------------


def late_commit(_: str) -> None:
    """A hook is acknowledged, and committed half a second later."""
    honest = SqliteLedger.submit_then

    def hasty(
        self: SqliteLedger, input: Input, then: Callable[[Committed | Exception], None]
    ) -> Callable[[], None]:
        if input.hook is None:
            return honest(self, input, then)
        threading.Timer(LATE_SECONDS, honest, (self, input, lambda _: None)).start()
        then(Committed(Conversation(input.conversation_id), (), ()))
        return lambda: None

    setattr(SqliteLedger, "submit_then", hasty)  # noqa: B010 - mypy refuses to assign a method


def overtaking_lane(_: str) -> None:
    """Each item has a lane of its own, so that nothing waits for the one before."""
    honest = Lanes._put

    def hasty(self: Lanes, item: OutboxItem, name: str) -> None:
        honest(self, item, f"{name} {item.id}")

    Lanes._put = hasty  # type: ignore[method-assign]


def forgotten_key(_: str) -> None:
    """A deduplication key is never seen again."""
    numbers = itertools.count()

    def forgetful(input: Input) -> str:
        key = unique_key(input)
        return f"{key}/{next(numbers)}" if key and input.hook is not None else key

    setattr(committing, "unique_key", forgetful)  # noqa: B010 - it is not exported there


def fence_that_does_not_hold(_: str) -> None:
    """A process that has lost its session keeps its shards, whoever has their locks by then."""
    honest = Ownership.connected

    def hasty(self: Ownership, connection: Connection, *, in_doubt: Set[int] = frozenset()) -> frozenset[int]:
        had = self.shards
        honest(self, connection, in_doubt=in_doubt)
        self.shards = had
        return frozenset()

    Ownership.connected = hasty  # type: ignore[method-assign]
    Ownership.lost = lambda self: None  # type: ignore[method-assign]


PATCHES: dict[str, Callable[[str], None]] = {
    "stepped-clock": stepped_clock,
    "chosen-crash": chosen_crash,
    "stamped-calls": stamped_calls,
    "noted-syncs": note_syncs,
    "short-silence": short_silence,
    "patient-streams": patient_streams,
    "late-commit": late_commit,
    "overtaking-lane": overtaking_lane,
    "forgotten-key": forgotten_key,
    "fence-that-does-not-hold": fence_that_does_not_hold,
}


def apply(names: str) -> None:
    """Make the changes that are named, separated by blanks. Raises: KeyError for a name that is none."""
    for one in names.split():
        name, _, argument = one.partition("=")
        PATCHES[name](argument)


if __name__ == "__main__":
    apply(os.environ[ENVIRONMENT])
    sys.exit(main())
