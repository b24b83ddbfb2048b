"""A stopped store is copied whole, in its order, or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from botkit.errors import LedgerBusy, LedgerError
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.effects import PassToBot
from botkit.handoff.reference import number_of
from botkit.handoff.steps import Step
from botkit.ledger import copying
from botkit.ledger.copying import Table, copy
from botkit.ledger.interface import HookBody, Input, OutboxItem
from botkit.ledger.postgresql import reading
from botkit.ledger.postgresql.database import connect
from botkit.ledger.postgresql.migrations import migrate
from botkit.ledger.postgresql.shards import SHARDS, shard_of
from botkit.ledger.rows import decision_to_bytes
from botkit.ledger.sqlite import SqliteLedger
from botkit.ledger.stores import source_at, stories_in, target_at
from tests.ledger.ledger_stage import BOT, SESSION, SqliteStage
from tests.postgresql import Server

USERS = [f"u-{number}" for number in range(20)]


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def move(source: str, target: str) -> Mapping[Table, int]:
    with source_at(source) as old, target_at(target) as new:
        return copy(old, new)


def everything(url: str) -> dict[Table, Sequence[Any]]:
    with source_at(url) as source:
        found = {table: list(source.rows(table)) for table in Table}
    # Only effects of a conversation and steps of a story have an order.
    return {
        table: sorted(rows, key=lambda row: row[:3])
        if table is Table.EFFECTS
        else rows
        if table is Table.STEPS
        else sorted(rows)
        for table, rows in found.items()
    }


def kinds(url: str, user: str) -> list[str]:
    with source_at(url) as source:
        return [row[4] for row in source.rows(Table.EFFECTS) if row[1] == user]


@pytest.fixture
def stopped(tmp_path: Path) -> str:
    """A store with a bit of everything."""
    stage = SqliteStage(tmp_path)
    for user in USERS:
        stage.submit(stage.inputs.says(user, "hello", body=b'{"first": "\xc3\xa9"}'))
        stage.submit(stage.inputs.says(user, "again", body=b'{"second": 2}'))
    stage.submit(stage.inputs.transfers("u-1", names=("u-one", "one@example.com"), body=b'{"third": 3}'))
    stage.submit(stage.inputs.says("u-1", "to the agent"))
    stage.submit(stage.inputs.says("u-2", "lost"))
    step = Step(SESSION, Instant(2_000.0), "record", '{"record":"0MwSB00000000001"}')
    stage.submit(Input(ConversationId(BOT, "u-1"), None, steps=(step,)))
    stage.ledger.close()
    return sqlite_url(stage.path)


@pytest.fixture
def database(postgresql: Server) -> str:
    return postgresql.empty()


def test_there_and_back_again_nothing_is_lost_or_out_of_order(
    stopped: str, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "MAX_ROWS", 7)
    before = everything(stopped)
    counted = move(stopped, database)
    assert counted == {table: len(rows) for table, rows in before.items()}
    assert min(counted.values()) > 0
    assert everything(database) == before
    back = sqlite_url(tmp_path / "back" / "botkit.db")
    assert move(database, back) == counted
    assert everything(back) == before
    assert everything(stopped) == before


def test_a_file_is_copied_to_another_with_every_effect_in_its_place(stopped: str, tmp_path: Path) -> None:
    other = sqlite_url(tmp_path / "other.db")
    move(stopped, other)
    with source_at(stopped) as old, source_at(other) as new:
        assert list(old.rows(Table.EFFECTS)) == list(new.rows(Table.EFFECTS))


def test_a_ledger_goes_on_with_the_copy(stopped: str, database: str, tmp_path: Path) -> None:
    move(stopped, database)
    move(database, sqlite_url(tmp_path / "back.db"))
    ledger = SqliteLedger(
        sqlite_url(tmp_path / "back.db"), lambda conversation, _: pytest.fail("not decided again")
    )
    ledger.start(lambda _: None)
    assert [one.id.user_id for one in ledger.open_conversations()] == ["u-1"]
    assert [type(item.effect).__name__ for item in ledger.undelivered() if item.conversation_id.user_id == "u-1"] == [
        "PassToBot", "PassToBot", "SendToUser", "OpenAccess", "SendToAgent",
    ]  # fmt: skip
    assert ledger.newest_hook_of(BOT, "u-1") is not None
    assert not any(item.in_doubt for item in ledger.undelivered())
    ledger.close()


def test_owners_find_everything_in_its_shard(stopped: str, database: str) -> None:
    move(stopped, database)
    with connect(database, "test") as connection:
        gained = {shard: reading.of_shards(connection, [shard]) for shard in range(SHARDS)}
        names = connection.execute(
            "SELECT bot_id, name, user_id, shard FROM live_names ORDER BY name"
        ).fetchall()
        next_block = connection.execute("SELECT nextval('outbox_blocks')").fetchone()
    one = ConversationId(BOT, "u-1")
    mine = gained[shard_of(one)]
    assert [stored.conversation.id for stored in mine.stored if stored.conversation.session] == [one]
    assert [type(item.effect).__name__ for item in mine.items if item.conversation_id == one][-2:] == [
        "OpenAccess",
        "SendToAgent",
    ]
    assert sum(len(of_shard.items) for of_shard in gained.values()) == len(everything(stopped)[Table.EFFECTS])
    assert all(
        shard_of(item.conversation_id) == shard
        for shard, of_shard in gained.items()
        for item in of_shard.items
    )
    assert names == [(BOT, name, "u-1", shard_of(one)) for name in ("one@example.com", "u-1", "u-one")]
    assert next_block is not None
    highest = max(item.id for of_shard in gained.values() for item in of_shard.items)
    assert highest < next_block[0] * (1 << 21)
    assert min(item.id for of_shard in gained.values() for item in of_shard.items) > (next_block[0] - 1) * (
        1 << 21
    )


def test_the_story_of_a_hand_off_is_told_the_same(stopped: str, database: str) -> None:
    move(stopped, database)
    with stories_in(stopped) as old, stories_in(database) as new:
        assert list(new.beginnings()) == list(old.beginnings())
        assert (
            new.with_record("0MwSB00000000001") == [number_of(SESSION)] == old.with_record("0MwSB00000000001")
        )
        story = new.story(number_of(SESSION))
        assert story == old.story(number_of(SESSION))
        assert story is not None
        assert story.live
        assert story.waiting == ("OpenAccess", "SendToAgent")
        assert new.story(1) is None


@pytest.mark.parametrize("clean", [True, False])
def test_whether_the_last_end_was_clean_is_copied(
    clean: bool, stopped: str, database: str, tmp_path: Path
) -> None:
    file = Path(stopped.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE meta SET value = ? WHERE name = 'stopped'", ("yes" if clean else "no",))
    move(stopped, database)
    move(database, sqlite_url(tmp_path / "back.db"))
    with source_at(database) as there, source_at(sqlite_url(tmp_path / "back.db")) as back:
        assert (there.clean, back.clean) == (clean, clean)


# --- what is refused -------------------------------------------------------------------------------------------------


def _refused(source: str, target: str, kind: type[LedgerError], match: str) -> None:
    with pytest.raises(kind, match=match):
        move(source, target)


def test_a_store_in_use_is_refused(sqlite_stage: SqliteStage, database: str, tmp_path: Path) -> None:
    used = sqlite_url(sqlite_stage.path)
    _refused(used, sqlite_url(tmp_path / "new.db"), LedgerBusy, "stop it first")
    with closing(sqlite3.connect(tmp_path / "old.db")):
        sqlite_stage.ledger.close()
        old = sqlite_url(sqlite_stage.path)
    with connect(database, "owner somebody"):
        _refused(old, database, LedgerBusy, "botkit owner somebody")
    move(old, database)
    with connect(database, "copy"):
        _refused(database, sqlite_url(tmp_path / "new.db"), LedgerBusy, "botkit copy")
    with connect(database, "door"):  # as a pooler leaves it
        move(database, sqlite_url(tmp_path / "new.db"))


def test_a_process_that_cannot_be_seen_is_kept_out_by_its_locks(
    stopped: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botkit.ledger.postgresql import copying as of_postgresql

    monkeypatch.setitem(of_postgresql._SETTINGS, "lock_timeout", 50)
    with connect(database, "test") as connection:
        migrate(connection)
    with psycopg.connect(database) as other:
        other.execute("LOCK TABLE inputs IN ROW EXCLUSIVE MODE")
        _refused(stopped, database, LedgerBusy, "a process uses the store")


def test_a_target_that_is_not_empty_is_refused(stopped: str, database: str, tmp_path: Path) -> None:
    other = sqlite_url(tmp_path / "other.db")
    for target in (database, other):
        move(stopped, target)
        _refused(stopped, target, LedgerError, "is not empty")


def test_what_is_not_there_or_of_another_version_is_refused(
    stopped: str, database: str, tmp_path: Path
) -> None:
    new = sqlite_url(tmp_path / "new.db")
    _refused(sqlite_url(tmp_path / "nothing.db"), new, LedgerError, "there is no store")
    _refused(database, new, LedgerError, "there is no store")
    with closing(sqlite3.connect(stopped.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("UPDATE meta SET value = '2' WHERE name = 'schema_version'")
    _refused(stopped, database, LedgerError, "schema version 2.*start and stop this BotKit once")


def test_a_failed_copy_leaves_nothing_behind(
    stopped: str, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = sqlite_url(tmp_path / "other.db")
    for target in (database, other):
        with monkeypatch.context() as patch, source_at(stopped) as source:
            wanted = {**source.counts(), Table.STEPS: 99}
            patch.setattr(source, "counts", partial(dict, wanted))
            with (
                pytest.raises(LedgerError, match="99 steps were to be copied, and 2 have arrived"),
                target_at(target) as new,
            ):
                copy(source, new)
        move(stopped, target)


def test_a_value_that_postgresql_cannot_store_is_named(stopped: str, database: str) -> None:
    with closing(sqlite3.connect(stopped.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("INSERT INTO inbox (key, at) VALUES ('a' || char(0) || 'b', 1.0)")
    _refused(stopped, database, LedgerError, "one of the keys cannot be stored in PostgreSQL")


# --- inputs of a PostgreSQL store ------------------------------------------------------------------------------------


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database, autocommit=True) as connection:
        migrate(connection)
        yield connection


def _input(
    connection: psycopg.Connection[Any],
    *,
    rank: int | None = None,
    decided: bytes | None = None,
    failed: bool = False,
) -> None:
    connection.execute(
        "INSERT INTO inputs (shard, input, component_id, body, awaited, rank, decided, failed) "
        "VALUES (3, '', 'default', '{}', false, %s, %s, %s)",
        (rank, decided, failed),
    )


def test_inputs_that_nobody_has_decided_on_are_refused(
    connection: psycopg.Connection[Any], database: str, tmp_path: Path
) -> None:
    _input(connection)
    _refused(
        database, sqlite_url(tmp_path / "new.db"), LedgerError, "1 hooks .* not delivered yet: start BotKit"
    )


@pytest.mark.parametrize("failed", [True, False])
def test_a_target_with_inputs_alone_is_not_empty(
    failed: bool, connection: psycopg.Connection[Any], stopped: str, database: str
) -> None:
    _input(connection, failed=failed)
    _refused(stopped, database, LedgerError, "is not empty")


def test_an_input_that_is_an_effect_gets_its_place_among_the_others(
    connection: psycopg.Connection[Any], database: str, tmp_path: Path
) -> None:
    one = ConversationId(BOT, "u-1", "rtm")
    for rank in (3, 1):
        connection.execute(
            "INSERT INTO outbox VALUES (%s, 3, %s, %s, %s, 'rtm', 'user', 'ClearAgentSession', '{}', 1.0, NULL, NULL)",
            (rank, rank, BOT, "u-1"),
        )
    item = OutboxItem(2, one, "bot", PassToBot(), Instant(5.0), HookBody(b"{}"))
    _input(connection, rank=2, decided=decision_to_bytes(item))
    _input(connection, failed=True)
    new = sqlite_url(tmp_path / "new.db")
    with source_at(database) as source, target_at(new) as target:
        assert copy(source, target)[Table.EFFECTS] == 3
        assert source.failed == 1
    assert kinds(new, "u-1") == ["ClearAgentSession", "PassToBot", "ClearAgentSession"]
    with source_at(new) as source:
        assert list(source.rows(Table.EFFECTS))[1] == (
            BOT,
            "u-1",
            "rtm",
            "bot",
            "PassToBot",
            b"{}",
            5.0,
            "default",
            b"{}",
        )
