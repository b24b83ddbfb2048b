"""Which shards this process owns: those whose advisory locks are held by the session that commits, for as long as it lives."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Set

from botkit.boottime import boottime
from botkit.errors import LedgerUnusable
from botkit.ledger.postgresql.database import GENERIC_PLANS, Connection, FsyncIsOff, in_one_round_trip
from botkit.ledger.postgresql.queries import SQL
from botkit.ledger.postgresql.shards import SHARDS
from botkit.observability.events import get_logger

_log = get_logger("botkit.ledger")

IDLE_SECONDS = 5.0
"""The server ends a session that has been silent for so long: that of a process which stands still."""
SURE_SECONDS = 3.5
"""For so long after its last word to the server, a process can be sure of its shards. The rest is for calls under way."""
PING_SECONDS = 1.0
STUCK_SECONDS = 6.0
"""The others end a session that keeps the server waiting for so long in the middle of a statement: no limit of its own does. An
owner that lives is in none for so long: it takes and reads a few thousand rows at a time."""
MEASURED_SECONDS = 1.0
"""An answer that takes longer does not tell the server's time of day."""
PREFERRED_SECONDS = 2.0
"""After a restart of the server, everybody gets back what it owned before others may claim it."""
SESSION: dict[str, str | int] = {
    "idle_session_timeout": int(IDLE_SECONDS * 1000),
    "idle_in_transaction_session_timeout": int(IDLE_SECONDS * 1000),
    # A session that waits for a vanished machine to take a long answer is not idle.
    "tcp_user_timeout": int(IDLE_SECONDS * 1000),
    "synchronous_commit": "on",
    **GENERIC_PLANS,
}
FORMAT = 1
"""The format of what an owner writes in columns that only programs read: states, effects, inputs. It grows when a version writes
what the one before cannot read; fields that the one before ignores are no new format."""
_ATTEMPTED = "attempted "
"""The beginning of the names of notes about shards."""
LOCK = 0x426F744B
"""The class of the advisory locks: "BotK"."""
CATCHES_UP = 0x426F7443
"""The class of those by which the session of an owner tells that it still opens the streams of what it has taken on: "BotC"."""
MARK = 0x426F7453
"""The class of those by which the session of each owner tells in which schema its tables are: "BotS"."""


def session_of(member: str) -> str:
    """The name of a member's session. It tells the others in which format the member writes, unless that is the first one."""
    return f"owner {member}" if FORMAT == 1 else f"owner {member} format {FORMAT}"


def other_schema() -> LedgerUnusable:
    """Why a service may not use the tables of this schema."""
    return LedgerUnusable(
        "another BotKit uses the tables of another schema in this database: each would disturb the other",
        "give each BotKit a database of its own",
    )


def become_owner(connection: Connection, member: str) -> None:
    """Let this session own shards: while it lives, none may that uses the tables of another schema.

    The start of a service looks for those too (`server.examine_neighbours`), but two that start in the same moment find each
    other only here.

    Args:
        connection: a session that is not called an owner yet. The others would leave shards to one that is refused.
        member: its process.

    Raises:
        LedgerUnusable: there is one, or there are no tables.
    """
    schema = connection.execute(SQL["number_of_schema"]).fetchone()
    if schema is None:
        raise LedgerUnusable(
            "the store's tables are missing",
            "restore the database from a backup, or name an empty one in store.url",
        )
    given = {"lock": MARK, "schema": schema[0]}
    # As a whole: a process that stands still in between would keep the others out.
    with in_one_round_trip(connection):
        connection.execute("BEGIN")
        connection.execute(SQL["lock_marks"], given)
        marked = connection.execute(SQL["mark_database"], given)
        connection.execute("COMMIT")
    if marked.fetchone() != (True,):
        raise other_schema()
    connection.execute(SQL["rename_session"], (f"botkit {session_of(member)}",))


class Ownership:
    """The shards of one process. Only the owner's thread changes it; any thread may read it."""

    def __init__(self, member: str) -> None:
        self._member = member
        self._wall: Callable[[], float] = time.time
        self.server_ahead: float | None = None
        """The server's time of day, less this machine's clock for durations; None if it is not known."""
        self.shards: frozenset[int] = frozenset()
        self._unclean: frozenset[int] = frozenset()
        """Shards that are not given up cleanly when they are given up next."""
        self._attempted: dict[int, set[int]] = {}
        """By shard: effects whose attempts had no answer, which the next owner has to know."""
        self._heard = -math.inf
        self._session_lives = False
        self._connected = 0.0
        self._warned = False
        self._says_catching_up = False
        self.others_catch_up = False
        """Whether another process still opens the streams of what it has taken on, or has yet to take on something."""
        self.waits_for_disk = True
        """Whether the server's commits are on its disk. An administrator can change that while it runs."""

    @property
    def ahead(self) -> float:
        """By how many seconds this machine's clock is ahead of the server's; 0 if that is not known."""
        return self._wall() - boottime() - self.server_ahead if self.server_ahead is not None else 0.0

    def connected(self, connection: Connection, *, in_doubt: Set[int] = frozenset()) -> frozenset[int]:
        """A session has begun: lock again what this process had. Nothing may be attempted before `go_on`.

        Args:
            connection: the new one.
            in_doubt: shards whose rows may be other than what is in memory.

        Returns:
            The shards that are gone: in doubt, or owned by another process, now or meanwhile.
        """
        self._connected, self._says_catching_up = boottime(), False
        wanted, had = sorted(self.shards - in_doubt), self.shards
        if wanted:
            got = {
                shard
                for (shard,) in connection.execute(
                    SQL["claim"], {"shards": wanted, "lock": LOCK, "format": FORMAT}
                )
            }
            mine = {
                shard
                for shard, owner, clean in connection.execute(SQL["last_owners"])
                if owner == self._member and not clean
            }
            if others := got - mine:
                connection.execute(SQL["release"], {"shards": sorted(others), "lock": LOCK})
            self.shards = frozenset(got & mine)
        else:
            self.shards = frozenset()
        return had - self.shards

    def go_on(self, connection: Connection) -> None:
        """The relay has stopped working on the shards that are gone: the others may be attempted."""
        self.ping(connection)
        self._session_lives = True

    def is_sure(self) -> bool:
        """Whether the server cannot have ended the session yet."""
        return self._session_lives and boottime() - self._heard < SURE_SECONDS

    def ping(self, connection: Connection) -> None:
        """Say something to the server. Raises: an error of `LOST` if the session has ended."""
        began = boottime()
        connection.execute("SELECT 1")
        self._heard = began

    def keep(self, connection: Connection) -> None:
        """`ping` if it has said nothing for a second; for what takes long."""
        if boottime() - self._heard > PING_SECONDS:
            self.ping(connection)

    def turn(self, connection: Connection) -> tuple[set[int], Sequence[int]]:
        """Look how many processes there are. Returns the shards to give up, and those to claim."""
        began = boottime()
        given = {"lock": LOCK, "catches_up": CATCHES_UP, "format": FORMAT, "stuck": STUCK_SECONDS}
        row = connection.execute(SQL["members"], given).fetchone()
        self._heard = began
        assert row is not None  # noqa: S101 - a SELECT without FROM has one row
        members, held, others_catch_up, restarted, stuck, server, fsync = row
        self.others_catch_up = others_catch_up or len(held) < SHARDS
        self._note_fsync(fsync)
        if boottime() - began < MEASURED_SECONDS:
            self.server_ahead = server - began
        if stuck:
            _log.warning(
                "sessions_ended", sessions=stuck, reason="their processes stand still in a statement"
            )
        share = math.ceil(SHARDS / max(1, members))
        too_many = len(self.shards) - share
        if too_many > 0:
            return set(sorted(self.shards)[-too_many:]), ()
        free = [shard for shard in range(SHARDS) if shard not in held and shard not in self.shards]
        if restarted and boottime() - self._connected < PREFERRED_SECONDS:
            free = [shard for shard in free if self._was_here(connection, shard)]
        return set(), free[: share - len(self.shards)]

    def say_catching_up(self, connection: Connection, catches_up: bool) -> None:
        """Tell the others whether this process still opens the streams of what it has taken on."""
        if catches_up != self._says_catching_up:
            name = "say_catching_up" if catches_up else "say_caught_up"
            connection.execute(SQL[name], {"catches_up": CATCHES_UP})
            self._says_catching_up = catches_up

    def claim(self, connection: Connection, shards: Sequence[int]) -> Mapping[int, bool]:
        """Lock shards. Returns those that it got, each with whether its last owner gave it up cleanly."""
        rows = connection.execute(
            SQL["claim"], {"shards": list(shards), "lock": LOCK, "format": FORMAT}
        ).fetchall()
        got = [shard for (shard,) in rows]
        if len(got) < len(shards):
            self._warn_of_newer(connection)
        if not got:
            return {}
        clean = {shard: left for shard, _, left in connection.execute(SQL["last_owners"])}
        connection.execute(SQL["own"], {"shards": got, "owner": self._member, "format": FORMAT})
        return {shard: clean.get(shard, True) for shard in got}

    def add(self, shards: Sequence[int]) -> None:
        """Shards whose conversations are in memory now."""
        self.shards |= frozenset(shards)

    def leave_unclean(self, shards: Set[int]) -> None:
        """It is not known what was attempted in these shards when they are given up next."""
        self._unclean |= shards

    def leave_attempted(self, effects: Iterable[tuple[int, int]]) -> None:
        """These effects, each with its shard, had no answer: the next owner has to know."""
        for item_id, shard in effects:
            self._attempted.setdefault(shard, set()).add(item_id)

    def release(self, connection: Connection, shards: set[int]) -> None:
        """Give up shards in which nothing is attempted any more."""
        self.shards -= shards
        if noted := sorted(shards & self._attempted.keys()):
            names = [f"{_ATTEMPTED}{shard}" for shard in noted]
            ids = [json.dumps(sorted(self._attempted.pop(shard))) for shard in noted]
            connection.execute(SQL["note_attempted"], (names, ids))
        if clean := shards - self._unclean:
            connection.execute(SQL["leave_clean"], (sorted(clean),))
        connection.execute(SQL["release"], {"shards": sorted(shards), "lock": LOCK})
        self._unclean -= shards

    def take_attempted(self, connection: Connection, shards: Sequence[int]) -> set[int]:
        """The effects whose attempts had no answer when these shards were given up."""
        names = [f"{_ATTEMPTED}{shard}" for shard in shards]
        notes = connection.execute(SQL["take_attempted"], (names,)).fetchall()
        return {item_id for (ids,) in notes for item_id in json.loads(ids)}

    def disconnected(self) -> None:
        """The session has ended, and with it the locks; nothing may be attempted until there is another. From any thread."""
        self._session_lives = False

    def lost(self) -> None:
        """Others may have had everything for a while."""
        self.shards = frozenset()

    def _note_fsync(self, waits: bool) -> None:
        if self.waits_for_disk and not waits:
            _log.critical("store_not_durable", reason=str(FsyncIsOff()))
        elif waits and not self.waits_for_disk:
            _log.warning("store_durable_again", reason="fsync is on", fix="run sync on the server's machine")
        self.waits_for_disk = waits

    def _warn_of_newer(self, connection: Connection) -> None:
        """Log once that nobody of this version can own some shards."""
        (newer,) = connection.execute(SQL["newer_shards"], (FORMAT,)).fetchone() or (0,)
        if newer and not self._warned:
            _log.error(
                "shards_of_newer_version", shards=newer, fix="start a process of the newer version again"
            )
        self._warned = bool(newer)

    def _was_here(self, connection: Connection, shard: int) -> bool:
        owners = {number: (owner, clean) for number, owner, clean in connection.execute(SQL["last_owners"])}
        owner, clean = owners.get(shard, (self._member, True))
        return bool(clean) or owner == self._member
