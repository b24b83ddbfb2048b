"""The SQLite file of a ledger: opening it, and its rare statements. Those of group commits are in `writing.py`."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from botkit.boottime import boot_id
from botkit.errors import LedgerError
from botkit.handoff.conversation import ConversationId, Instant
from botkit.ledger import codec
from botkit.ledger.clocks import ClockEra, Clocks
from botkit.ledger.idle import Idle
from botkit.ledger.interface import HookBody, OutboxItem
from botkit.ledger.memory import Stored
from botkit.ledger.sizes import fitting
from botkit.ledger.sqlite import writing
from botkit.ledger.sqlite.checkpoints import BUSY_MS, PAGE_BYTES
from botkit.ledger.sqlite.forks import busy, inode_of
from botkit.ledger.sqlite.lost_log import require_log
from botkit.ledger.sqlite.migrations import migrate
from botkit.ledger.sqlite.queries import SQL
from botkit.ledger.sqlite.trouble import advice
from botkit.observability.events import get_logger

_log = get_logger("botkit.ledger")

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    f"PRAGMA busy_timeout = {BUSY_MS}",
    # `checkpoints.py` copies the log. The file keeps its length: overwriting it is cheaper than to lengthen it again.
    "PRAGMA wal_autocheckpoint = 0",
    "PRAGMA journal_size_limit = 67108864",
    # What is swept is overwritten, on every build of SQLite.
    "PRAGMA secure_delete = ON",
)
_WRITER_PRAGMAS = (
    # Not the pages that an effect leaves: they are used again within seconds, and writing zeros doubles the pages of a commit.
    "PRAGMA secure_delete = FAST",
)
SWEEP_ROWS = 500
SWEEP_PAYLOADS = 50
"""Max rows of one step of a sweep, which takes a few milliseconds because hooks wait for it. A payload has many pages."""
MAX_HOOK_BYTES_AT_START = 4 * 1024 * 1024
"""Max bytes of hooks read at the start. After an outage of a target, gigabytes of them may wait."""
_MAX_IDLE = 4
"""Max connections that are kept open for the next reads."""


def file_of(url: str) -> Path:
    """The file of an SQLite URL, relative to the working directory after three slashes.

    Raises:
        LedgerError: the URL names no SQLite file.
    """
    scheme, mark, rest = url.partition("://")
    backend = scheme.partition("+")[0]
    if not mark:
        raise LedgerError("store.url is no database URL; use sqlite:///path/to/botkit.db")
    if backend != "sqlite":
        raise LedgerError(
            f"a store of type {backend} is not supported; use sqlite:///path/to/botkit.db or postgresql://…"
        )
    file = rest.partition("?")[0].partition("/")[2]
    if not file or file == ":memory:":
        raise LedgerError("a store in memory would lose acknowledged hooks; use sqlite:///path/to/botkit.db")
    return Path(file)


class Store:
    """An open file with tables of the current version. One process at a time leads (`lock.py`); followers write `inputs` only.

    Args:
        path: the file.
        prepare: called with the first connection. By default it brings the tables to this version.
    """

    def __init__(self, path: Path, *, prepare: Callable[[sqlite3.Connection], None] = migrate) -> None:
        """Raises: LedgerError if the file cannot be used."""
        self.file = path
        self._path_text = str(path)
        has_log = self.log_file.exists()
        try:
            # The file holds tokens and messages: for this user only. SQLite gives -wal and -shm the same mode.
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            _for_this_user_only(path)
            require_log(path.resolve())
        except OSError as error:
            raise LedgerError(f"the store {path} cannot be created ({error.strerror})") from error
        self._readers = Idle(self._connect, at_most=_MAX_IDLE)
        try:
            connection = self._connect()
            try:
                with busy:
                    if not has_log:
                        _warn_if_it_was_not_closed(connection, path)
                    prepare(connection)
            finally:
                connection.close()
            self._inode = inode_of(path)
        except sqlite3.Error as error:
            raise LedgerError(f"the store {path} cannot be used ({error}): {advice(error, path)}") from error

    def require_file(self) -> None:
        """Raises: LedgerError if the file has been deleted, moved or replaced since it was opened."""
        # At each commit, on the way of each acknowledgement: so not by way of `Path.stat`.
        try:
            found = os.stat(self._path_text)
        except OSError:
            is_same_file = False
        else:
            is_same_file = (found.st_dev, found.st_ino) == self._inode
        if not is_same_file:
            raise LedgerError(f"{self.file.name} has been deleted, moved or replaced while it was open")

    @property
    def rescue_file(self) -> Path:
        """Where a copy is written if the file is gone."""
        return self.file.with_name(f"{self.file.name}.rescued")

    def rescue(self, connection: sqlite3.Connection) -> None:
        """Write a copy of a store whose file is gone, to `rescue_file`. Raises: sqlite3.Error, OSError."""
        self.rescue_file.touch(mode=0o600)
        with closing(sqlite3.connect(self.rescue_file)) as target:
            connection.backup(target)

    def writer(self) -> sqlite3.Connection:
        """A connection for the group commits."""
        connection = self._connect()
        for pragma in _WRITER_PRAGMAS:
            connection.execute(pragma)
        return connection

    @property
    def log_file(self) -> Path:
        """The write-ahead log."""
        path = self.file.resolve()
        return path.with_name(path.name + "-wal")

    def log_pages(self) -> int:
        """The length of the write-ahead log in pages."""
        return self.log_file.stat().st_size // PAGE_BYTES if self.log_file.exists() else 0

    def mark_started(self, shared: str = "") -> frozenset[int] | None:
        """Record that a process runs, and with whom it shares the store.

        Returns:
            The effects that the former process left in doubt; None if it was killed.
        """
        with self._transaction() as connection:
            clean = connection.execute(SQL["stopped"]).fetchone() != ("no",)
            row = connection.execute(SQL["in_doubt"]).fetchone()
            connection.execute(SQL["set_shared"], (shared,))
            connection.execute(SQL["set_stopped"], ("no",))
            connection.execute(SQL["set_in_doubt"], ("[]",))
        if not clean:
            return None
        return frozenset(json.loads(row[0])) if row is not None else frozenset()

    def mark_stopped(self, in_doubt: Collection[int]) -> None:
        """Record a clean shutdown, and the effects that may have been carried out although they are not done."""
        with self._transaction() as connection:
            connection.execute(SQL["set_stopped"], ("yes",))
            connection.execute(SQL["set_in_doubt"], (json.dumps(sorted(in_doubt)),))

    def clocks(self) -> Clocks:
        """What former processes have stored of their clocks."""
        with self._reading() as connection:
            row = connection.execute(SQL["clocks"]).fetchone()
            (newest,) = connection.execute(SQL["newest_key"]).fetchone()
        noted = _noted(row[0]) if row is not None else _Noted()
        return Clocks(noted.eras if noted.boot == boot_id() != "" else (), newest)

    def note_clocks(self, eras: Sequence[ClockEra]) -> None:
        """Store how this machine's clock was set."""
        noted = msgspec.json.encode(_Noted(boot_id(), tuple(eras))).decode()
        with self._transaction() as connection:
            connection.execute(SQL["set_clocks"], (noted,))

    def shared(self) -> str:
        """With whom the leader shares the store."""
        with self._transaction() as connection:
            row = connection.execute(SQL["shared"]).fetchone()
        return str(row[0]) if row is not None else ""

    def remembered(self) -> list[Stored]:
        """Every stored conversation."""
        with self._transaction() as connection:
            return [
                Stored(codec.conversation_from_json(state), codec.names_from_json(names))
                for state, names in connection.execute(SQL["conversations"])
            ]

    def undelivered(self) -> list[OutboxItem]:
        """Every effect that is not done, oldest first, with the first few megabytes of hooks."""
        with self._transaction() as connection:
            rows = connection.execute(SQL["effects"]).fetchall()
            near = fitting([size for *_, size in rows], MAX_HOOK_BYTES_AT_START)
            last = rows[near - 1][0] if near else 0
            bodies = dict(connection.execute(SQL["bodies_up_to"], (last,)))
        found = []
        for item_id, bot_id, user_id, channel, lane, kind, effect, created_at, component_id, _ in rows:
            body = bodies.get(item_id)
            found.append(
                OutboxItem(
                    id=item_id,
                    conversation_id=ConversationId(bot_id, user_id, channel),
                    lane=lane,
                    effect=codec.effect_from_json(kind, effect),
                    created_at=Instant(created_at),
                    hook=HookBody(body, component_id) if body is not None else None,
                )
            )
        return found

    def hook_of(self, item_id: int) -> HookBody | None:
        """The hook of an effect in the outbox."""
        with self._reading() as connection:
            row = connection.execute(SQL["hook"], (item_id,)).fetchone()
        return HookBody(*row) if row is not None else None

    def hooks_of(self, item_ids: Sequence[int], max_bytes: int) -> dict[int, HookBody | None]:
        """The hooks of the first of some effects in the outbox: as many as `max_bytes` allow, and of one at least."""
        with self._reading() as connection:
            sizes = dict(connection.execute(SQL["sizes_of_hooks"], (json.dumps(item_ids),)))
            first = item_ids[: max(1, fitting([sizes.get(item_id, 0) for item_id in item_ids], max_bytes))]
            found: dict[int, HookBody | None] = dict.fromkeys(first)
            for item_id, *hook in connection.execute(SQL["hooks"], (json.dumps(first),)):
                found[item_id] = HookBody(*hook)
        return found

    def seen(self, keys: Sequence[str]) -> Collection[str]:
        """Those of these keys that were committed."""
        with self._reading() as connection:
            return writing.seen(connection, keys)

    def depth(self) -> int:
        """The number of effects in the outbox."""
        return self._number(SQL["depth"])

    def last_id(self) -> int:
        """The highest id in the outbox, 0 if it is empty."""
        return self._number(SQL["last_id"])

    def newest_hook(self, conversation_id: ConversationId) -> HookBody | None:
        """The stored payload of a conversation."""
        with self._reading() as connection:
            row = connection.execute(SQL["newest_hook"], writing.key(conversation_id)).fetchone()
        return HookBody(*row) if row is not None else None

    def newest_hook_of(self, bot_id: str, user_id: str) -> tuple[ConversationId, HookBody] | None:
        """The newest payload of a user on any channel, and its conversation."""
        with self._reading() as connection:
            row = connection.execute(SQL["newest_hook_of_user"], (bot_id, user_id)).fetchone()
        if row is None:
            return None
        channel, *hook = row
        return ConversationId(bot_id, user_id, channel), HookBody(*hook)

    def live_conversation_of(self, bot_id: str, name: str) -> ConversationId | None:
        """The conversation with an agent session under this name of a user; of several, the one opened last."""
        with self._reading() as connection:
            row = connection.execute(SQL["live_conversations_of"], (bot_id, name)).fetchone()
        return ConversationId(bot_id, *row) if row is not None else None

    def ended_before(self, before: Instant) -> list[ConversationId]:
        """Some conversations that ended before this and have no effects in the outbox."""
        wanted = {"before": before, "rows": SWEEP_ROWS}
        with self._transaction() as connection:
            return [ConversationId(*row) for row in connection.execute(SQL["ended_conversations"], wanted)]

    def forget(self, before: Instant, ended: Sequence[ConversationId]) -> int:
        """Delete these conversations, and some keys and payloads older than this; the number of rows deleted.

        It is bounded, so that a sweep never delays hooks for long. Call it until it returns 0.
        """
        old = {"before": before, "rows": SWEEP_PAYLOADS}
        with self._transaction() as connection:
            gone = _forget_keys(connection, before)
            gone += writing.delete_conversations(connection, ended)
            return gone + connection.execute(SQL["delete_old_payloads"], old).rowcount

    def forget_steps(self, before: Instant) -> int:
        """Delete some of the oldest steps of stories if they are older than this; the number of rows deleted."""
        old = {"before": before, "rows": SWEEP_ROWS}
        with self._transaction() as connection:
            return connection.execute(SQL["delete_old_steps"], old).rowcount

    def forget_keys(self, before: Instant) -> int:
        """Delete only some keys older than this; the number of rows deleted."""
        with self._transaction() as connection:
            return _forget_keys(connection, before)

    def close(self) -> None:
        """Close the file."""
        self._readers.close()

    def _number(self, query: str) -> int:
        with self._transaction() as connection:
            (found,) = connection.execute(query).fetchone()
        return int(found)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction on a connection of this thread's own. It is committed, or rolled back if the block raises."""
        with busy, self._readers.lent() as connection, connection:
            connection.execute("BEGIN")
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """The same, for other threads than the ledger's. Raises: LedgerError if the store cannot be read."""
        try:
            with self._transaction() as connection:
                yield connection
        except sqlite3.Error as error:
            raise LedgerError("the store could not be read; check its disk") from error

    def _connect(self) -> sqlite3.Connection:
        connection = busy.connect(self.file)
        try:
            with busy:
                for pragma in _PRAGMAS:
                    connection.execute(pragma)
        except sqlite3.Error:
            connection.close()
            raise
        return connection


class _Noted(msgspec.Struct, frozen=True):
    """Eras of the clock since the machine was started."""

    boot: str = ""
    eras: tuple[ClockEra, ...] = ()


def _noted(text: str) -> _Noted:
    try:
        return msgspec.json.decode(text, type=_Noted)
    except msgspec.MsgspecError:
        return _Noted()


def _forget_keys(connection: sqlite3.Connection, before: Instant) -> int:
    return connection.execute(SQL["delete_old_keys"], {"before": before, "rows": SWEEP_ROWS}).rowcount


def _warn_if_it_was_not_closed(connection: sqlite3.Connection, path: Path) -> None:
    """Log that there should be a write-ahead log if no process has closed this store, and nobody else has opened it since."""
    try:
        killed = connection.execute(SQL["stopped"]).fetchone() == ("no",)
    except sqlite3.OperationalError:
        return  # It has no tables yet.
    if killed:
        log = f"{path.name}-wal"
        _log.error(
            "store_log_missing",
            file=log,
            fix=f"if somebody has moved or deleted {log}, or copied {path.name} without it, stop the service and put it back: "
            "what was acknowledged last is in it. If a program has opened the store since it was killed, all is well",
        )


def _for_this_user_only(path: Path) -> None:
    """Restrict a file that existed before (a copy, another umask) to its owner.

    Raises:
        OSError: its mode cannot be changed, although this user owns it.
    """
    for file in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
        if not file.exists():
            continue
        found = file.stat()
        if not found.st_mode & 0o077:
            continue
        if found.st_uid == os.geteuid():
            file.chmod(0o600)
        else:
            _log.warning("store_open_to_others", file=str(file), fix="chmod 600")
