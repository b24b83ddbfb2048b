"""The SQLite file of a ledger: opening it, and its rare statements in SQLAlchemy Core.

The frequent statements, those of group commits, are in `statements.py`.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from botkit.errors import LedgerError
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.effects import USER_LANE
from botkit.ledger import codec
from botkit.ledger.checkpoints import PAGE_BYTES
from botkit.ledger.interface import HookBody, OutboxItem
from botkit.ledger.memory import Stored
from botkit.ledger.migrations import migrate
from botkit.ledger.schema import conversations, inbox, meta, outbox, payloads, story
from botkit.observability.events import get_logger

_log = get_logger("botkit.ledger")

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA busy_timeout = 5000",
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
_UNDER_WAY = sa.select(outbox.c.bot_id, outbox.c.user_id, outbox.c.channel)
MAX_HOOK_BYTES_AT_START = 4 * 1024 * 1024
"""Max bytes of hooks read at the start. After an outage of a target, gigabytes of them may wait."""
_STOPPED = "stopped"
_meta_insert = insert(meta)
_STOPPED_IS = _meta_insert.on_conflict_do_update(["name"], set_={"value": _meta_insert.excluded.value})
"""Whether the last process shut down cleanly: ``yes`` or ``no``."""


def file_of(url: str) -> Path:
    """The file of an SQLite URL. Raises: LedgerError if the URL names no SQLite file."""
    try:
        parsed = sa.make_url(url)
    except ArgumentError as error:
        raise LedgerError("store.url is no database URL; use sqlite:///path/to/botkit.db") from error
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        raise LedgerError("PostgreSQL is not supported by this version yet; use sqlite:///path/to/botkit.db")
    if backend != "sqlite":
        raise LedgerError(f"a store of type {backend} is not supported; use sqlite:///path/to/botkit.db")
    if not parsed.database or parsed.database == ":memory:":
        raise LedgerError("a store in memory would lose acknowledged hooks; use sqlite:///path/to/botkit.db")
    return Path(parsed.database)


class Store:
    """An open file with tables of the current version. One process at a time (`lock.py`)."""

    def __init__(self, path: Path) -> None:
        """Raises: LedgerError if the file cannot be used."""
        self._path = path
        try:
            # The file holds tokens and messages: for this user only. SQLite gives -wal and -shm the same mode.
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            _for_this_user_only(path)
        except OSError as error:
            raise LedgerError(f"the store {path} cannot be created ({error.strerror})") from error
        self._engine = _engine(path)
        try:
            with self._engine.begin() as connection:
                migrate(connection)
        except (SQLAlchemyError, sqlite3.Error) as error:
            self._engine.dispose()
            # The words are SQLite's own; those of SQLAlchemy would have statements and values.
            cause = error.orig if isinstance(error, DBAPIError) else type(error).__name__
            raise LedgerError(
                f"the store {path} cannot be used ({cause}): check store.url and the file, or run botkit doctor"
            ) from error
        except LedgerError:
            self._engine.dispose()
            raise

    def writer(self) -> sqlite3.Connection:
        """A raw connection for the group commits, which begin their transactions by hand."""
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        _prepare(connection)
        for pragma in _WRITER_PRAGMAS:
            connection.execute(pragma)
        return connection

    def log_pages(self) -> int:
        """The length of the write-ahead log in pages."""
        log = self._path.with_name(self._path.name + "-wal")
        return log.stat().st_size // PAGE_BYTES if log.exists() else 0

    def mark_started(self) -> bool:
        """Record that a process runs; whether the former one shut down cleanly."""
        with self._engine.begin() as connection:
            mark = connection.execute(sa.select(meta.c.value).where(meta.c.name == _STOPPED)).scalar()
            connection.execute(_STOPPED_IS, {"name": _STOPPED, "value": "no"})
        return mark != "no"

    def mark_stopped(self) -> None:
        """Record a clean shutdown."""
        with self._engine.begin() as connection:
            connection.execute(_STOPPED_IS, {"name": _STOPPED, "value": "yes"})

    def remembered(self) -> list[Stored]:
        """Every stored conversation."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(conversations.c.state, conversations.c.names))
            return [
                Stored(codec.conversation_from_json(state), codec.names_from_json(names))
                for state, names in rows
            ]

    def undelivered(self) -> list[OutboxItem]:
        """Every effect that is not done, oldest first, with the first few megabytes of hooks."""
        o = outbox.c
        wanted: list[sa.ColumnElement[Any]] = [column for column in o if column is not o.body]
        wanted.append(sa.func.coalesce(sa.func.length(o.body), 0).label("size"))
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(*wanted).order_by(o.id)).all()
            sizes = itertools.accumulate(row.size for row in rows)
            near = sum(
                1 for _ in itertools.takewhile(lambda so_far: so_far <= MAX_HOOK_BYTES_AT_START, sizes)
            )
            last = rows[near - 1].id if near else 0
            bodies = sa.select(o.id, o.body).where(o.id <= last, o.body.is_not(None))
            hooks = {row.id: row.body for row in connection.execute(bodies)}
        return [_item(row, hooks.get(row.id)) for row in rows]

    def hook_of(self, item_id: int) -> HookBody | None:
        """The hook of an effect in the outbox."""
        wanted = sa.select(outbox.c.body, outbox.c.component_id).where(outbox.c.id == item_id)
        with self._engine.connect() as connection:
            row = connection.execute(wanted).first()
        return HookBody(row.body, row.component_id) if row is not None and row.body is not None else None

    def hooks_of(self, item_ids: Sequence[int], max_bytes: int) -> dict[int, HookBody | None]:
        """The hooks of the first of some effects in the outbox: as many as `max_bytes` allow, and of one at least."""
        o = outbox.c
        with self._engine.connect() as connection:
            sized = sa.select(o.id, sa.func.length(o.body).label("size")).where(
                o.id.in_(item_ids), o.body.is_not(None)
            )
            sizes = {row.id: row.size for row in connection.execute(sized)}
            totals = itertools.accumulate(sizes.get(item_id, 0) for item_id in item_ids)
            fitting = sum(1 for _ in itertools.takewhile(lambda total: total <= max_bytes, totals))
            first = item_ids[: max(1, fitting)]
            wanted = sa.select(o.id, o.body, o.component_id).where(o.id.in_(first), o.body.is_not(None))
            found: dict[int, HookBody | None] = dict.fromkeys(first)
            for row in connection.execute(wanted):
                found[row.id] = HookBody(row.body, row.component_id)
        return found

    def depth(self) -> int:
        """The number of effects in the outbox."""
        with self._engine.connect() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(outbox)).scalar() or 0)

    def last_id(self) -> int:
        """The highest id in the outbox, 0 if it is empty."""
        with self._engine.connect() as connection:
            return int(connection.execute(sa.select(sa.func.max(outbox.c.id))).scalar() or 0)

    def users_with_deliveries(self) -> int:
        """The number of users with effects in the outbox: the process that died may just have delivered one to each."""
        with self._engine.connect() as connection:
            users = (
                sa.select(outbox.c.bot_id, outbox.c.user_id, outbox.c.channel)
                .where(outbox.c.lane == USER_LANE)
                .distinct()
            )
            return int(
                connection.execute(sa.select(sa.func.count()).select_from(users.subquery())).scalar() or 0
            )

    def newest_hook(self, conversation_id: ConversationId) -> HookBody | None:
        """The stored payload of a conversation."""
        p = payloads.c
        wanted = sa.and_(
            p.bot_id == conversation_id.bot_id,
            p.user_id == conversation_id.user_id,
            p.channel == conversation_id.channel,
        )
        with self._engine.connect() as connection:
            row = connection.execute(
                sa.select(payloads.c.body, payloads.c.component_id).where(wanted)
            ).first()
        return HookBody(row.body, row.component_id) if row is not None else None

    def newest_hook_of(self, bot_id: str, user_id: str) -> tuple[ConversationId, HookBody] | None:
        """The newest payload of a user on any channel, and its conversation."""
        p = payloads.c
        newest = (
            sa.select(p.channel, p.body, p.component_id)
            .where(p.bot_id == bot_id, p.user_id == user_id)
            .order_by(p.at.desc())
            .limit(1)
        )
        with self._engine.connect() as connection:
            row = connection.execute(newest).first()
        if row is None:
            return None
        return ConversationId(bot_id, user_id, row.channel), HookBody(row.body, row.component_id)

    def ended_before(self, before: Instant) -> list[ConversationId]:
        """Some conversations that ended before this and have no effects in the outbox."""
        c = conversations.c
        idle = sa.tuple_(c.bot_id, c.user_id, c.channel).not_in(_UNDER_WAY)
        old = sa.select(c.bot_id, c.user_id, c.channel).where(c.live.is_(False), c.ended_at < before, idle)
        with self._engine.connect() as connection:
            return [ConversationId(*row) for row in connection.execute(old.limit(SWEEP_ROWS))]

    def forget(self, before: Instant, ended: Sequence[ConversationId]) -> int:
        """Delete these conversations, and some keys and payloads older than this; the number of rows deleted.

        It is bounded, so that a sweep never delays hooks for long. Call it until it returns 0.
        """
        c, p = conversations.c, payloads.c
        keys = _old_keys(before)
        live = sa.exists().where(c.bot_id == p.bot_id, c.user_id == p.user_id, c.channel == p.channel, c.live)
        idle = sa.tuple_(p.bot_id, p.user_id, p.channel).not_in(_UNDER_WAY)
        whose = (
            sa.select(p.bot_id, p.user_id, p.channel).where(p.at < before, ~live, idle).limit(SWEEP_PAYLOADS)
        )
        with self._engine.begin() as connection:
            gone = connection.execute(sa.delete(inbox).where(inbox.c.key.in_(keys))).rowcount
            if ended:
                named = [(one.bot_id, one.user_id, one.channel) for one in ended]
                over = sa.delete(conversations).where(sa.tuple_(c.bot_id, c.user_id, c.channel).in_(named))
                gone += connection.execute(over).rowcount
            gone += connection.execute(
                sa.delete(payloads).where(sa.tuple_(p.bot_id, p.user_id, p.channel).in_(whose))
            ).rowcount
        return gone

    def forget_steps(self, before: Instant) -> int:
        """Delete some of the oldest steps of stories if they are older than this; the number of rows deleted."""
        oldest = sa.select(story.c.id, story.c.at).order_by(story.c.id).limit(SWEEP_ROWS).subquery()
        last = sa.select(sa.func.max(oldest.c.id)).where(oldest.c.at < before)
        with self._engine.begin() as connection:
            found = connection.execute(last).scalar()
            if found is None:
                return 0
            return connection.execute(sa.delete(story).where(story.c.id <= found)).rowcount

    def forget_keys(self, before: Instant) -> int:
        """Delete only some keys older than this; the number of rows deleted."""
        with self._engine.begin() as connection:
            return connection.execute(sa.delete(inbox).where(inbox.c.key.in_(_old_keys(before)))).rowcount

    def close(self) -> None:
        """Close the file."""
        self._engine.dispose()


def _old_keys(before: Instant) -> sa.Select[tuple[str]]:
    """Some old keys of events that cannot arrive again."""
    # Events of the agents' side can arrive again while their session lives or is closing, because they are listed.
    listed = sa.exists().where(conversations.c.session == inbox.c.session)
    closing = sa.exists().where(outbox.c.lane == "agent:" + inbox.c.session, outbox.c.lane != USER_LANE)
    return sa.select(inbox.c.key).where(inbox.c.at < before, ~listed, ~closing).limit(SWEEP_ROWS)


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


def _engine(path: Path) -> sa.Engine:
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False})

    @sa.event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
        # sqlite3 would begin transactions implicitly, but not before CREATE TABLE: a migration must be one transaction.
        connection.isolation_level = None
        _prepare(connection)

    @sa.event.listens_for(engine, "begin")
    def _on_begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _prepare(connection: sqlite3.Connection) -> None:
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _item(row: sa.Row[Any], body: bytes | None) -> OutboxItem:
    return OutboxItem(
        id=row.id,
        conversation_id=ConversationId(row.bot_id, row.user_id, row.channel),
        lane=row.lane,
        effect=codec.effect_from_json(row.kind, row.effect),
        created_at=Instant(row.created_at),
        hook=HookBody(body, row.component_id) if body is not None else None,
    )
