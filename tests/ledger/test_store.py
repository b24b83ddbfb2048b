from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from botkit.errors import LedgerError
from botkit.handoff.conversation import ConversationId, Instant
from botkit.ledger.sqlite.migrations import MIGRATIONS
from botkit.ledger.sqlite.queries import SQL
from botkit.ledger.sqlite.store import SWEEP_PAYLOADS, SWEEP_ROWS, Store
from tests.ledger.former_store import create_former_store, insert


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        Store(tmp_path / "a.db").close()


def test_a_store_of_a_newer_botkit_is_refused(tmp_path: Path) -> None:
    create_former_store(tmp_path / "a.db", len(MIGRATIONS))
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
        connection.execute(
            "UPDATE meta SET value = ? WHERE name = 'schema_version'", (str(len(MIGRATIONS) + 1),)
        )
    with pytest.raises(LedgerError, match="run the newer BotKit"):
        Store(tmp_path / "a.db")


def test_a_migration_that_breaks_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = (*MIGRATIONS, "CREATE TABLE half (id);\nNO SQL")
    monkeypatch.setattr("botkit.ledger.sqlite.migrations.MIGRATIONS", broken)
    with pytest.raises(LedgerError, match="cannot be used"):
        Store(tmp_path / "a.db")
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []


def test_commits_are_synced_to_the_disk(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.db")
    writer = store.writer()
    assert writer.execute("PRAGMA synchronous").fetchone() == (2,)
    assert writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    writer.close()
    store.close()


def test_a_store_that_others_could_read_is_restricted(tmp_path: Path) -> None:
    path = tmp_path / "botkit.db"
    files = [path, tmp_path / "botkit.db-wal", tmp_path / "botkit.db-shm"]
    for file in files:
        file.touch()
        file.chmod(0o644)
    store = Store(path)
    store.close()
    assert {file.stat().st_mode & 0o777 for file in files if file.exists()} == {0o600}


def test_a_store_of_another_user_causes_only_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "botkit.db"
    path.touch()
    path.chmod(0o666)
    monkeypatch.setattr("os.geteuid", lambda: path.stat().st_uid + 1)
    with capture_logs() as lines:
        Store(path).close()
    assert path.stat().st_mode & 0o777 == 0o666
    assert [(line["event"], line["fix"]) for line in lines] == [("store_open_to_others", "chmod 600")]


def test_migrating_from_version_one_assigns_keys_to_sessions(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    session = "0b0c9a8e-0000-4000-8000-000000000001"
    create_former_store(path, 1)
    for key in (f"{session}/e1 st-1 u-1", "1501244156289 st-1 u-1", "effect/1-2"):
        insert(path, "inbox", key=key, at=1)
    insert(
        path,
        "conversations",
        bot_id="st-1",
        user_id="u-1",
        state={"session": {"id": session}},
        names=[],
        live=1,
    )
    insert(
        path,
        "conversations",
        bot_id="st-1",
        user_id="u-2",
        state={"session": None},
        names=[],
        live=0,
        ended_at=5,
    )
    Store(path).close()
    with closing(sqlite3.connect(path)) as connection:
        keys = connection.execute("SELECT session FROM inbox ORDER BY key").fetchall()
        sessions = connection.execute("SELECT session FROM conversations ORDER BY user_id").fetchall()
    assert keys == [(session,), (None,), (None,)]
    assert sessions == [(session,), (None,)]


def test_a_step_of_a_sweep_is_bounded(tmp_path: Path) -> None:
    store = Store(tmp_path / "botkit.db")
    writer = store.writer()
    writer.execute("BEGIN")
    for number in range(SWEEP_PAYLOADS + 7):
        writer.execute(
            "INSERT INTO payloads VALUES ('bot', ?, 'rtm', 'default', x'7b7d', 1.0)", (f"u-{number}",)
        )
    for number in range(SWEEP_ROWS + 5):
        writer.execute("INSERT INTO inbox (key, at) VALUES (?, 1.0)", (f"key-{number}",))
    writer.execute("COMMIT")
    writer.close()
    bites = [store.forget(Instant(2.0), []) for _ in range(3)]
    store.close()
    assert bites == [SWEEP_PAYLOADS + SWEEP_ROWS, 12, 0]


def test_old_payloads_are_found_by_an_index(tmp_path: Path) -> None:
    Store(tmp_path / "botkit.db").close()
    connection = sqlite3.connect(tmp_path / "botkit.db")
    plan = connection.execute("EXPLAIN QUERY PLAN SELECT bot_id FROM payloads WHERE at < 1.0").fetchall()
    connection.close()
    assert "payloads_at" in str(plan)


# --- the names of live conversations -----------------------------------------------------------------------------------


def row(user: str, names: Sequence[str], *, session: str | None, opened_at: float = 1.0) -> tuple[Any, ...]:
    """The columns of a conversation, as `upsert_conversation` takes them."""
    state = {"session": {"opened_at": opened_at}} if session else {}
    columns = json.dumps(state).encode(), json.dumps(sorted(names)).encode()
    return ("bot", user, "rtm", *columns, session is not None, None, session)


def test_a_live_conversation_is_found_by_each_of_its_names_and_no_longer_than_it_lives(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path / "a.db")
    with closing(store.writer()) as writer:

        def found(name: str) -> str:
            one = store.live_conversation_of("bot", name)
            return "" if one is None else one.user_id

        def writes(*columns: Any) -> None:
            writer.execute(SQL["upsert_conversation"], columns)

        writes(*row("u-1", ["u-1", "ada"], session=None))
        assert found("ada") == ""
        writes(*row("u-1", ["u-1", "ada"], session="s-1"))
        assert [found(name) for name in ("u-1", "ada", "bob")] == ["u-1", "u-1", ""]
        writes(*row("u-1", ["u-1", "ada", "ada@example.com"], session="s-1"))
        assert found("ada@example.com") == "u-1"
        writes(*row("u-1", ["u-1", "bob"], session="s-2"))
        assert [found(name) for name in ("u-1", "ada", "bob")] == ["u-1", "", "u-1"]
        writes(*row("u-2", ["u-2", "bob"], session="s-3", opened_at=2.0))
        assert found("bob") == "u-2"  # The one that was opened last.
        writes(*row("u-2", ["u-2", "bob"], session=None))
        assert found("bob") == "u-1"
        writer.execute(SQL["delete_conversations"], ("bot", "u-1", "rtm"))
        assert found("u-1") == found("bob") == ""
        assert writer.execute("SELECT count(*) FROM live_names").fetchone() == (0,)
    store.close()


def test_a_live_conversation_is_found_without_reading_the_others(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.db")
    with closing(store.writer()) as writer:
        plan = str(
            writer.execute(f"EXPLAIN QUERY PLAN {SQL['live_conversations_of']}", ("bot", "ada")).fetchall()
        )
    assert "SEARCH live_names USING PRIMARY KEY (bot_id=? AND name=?)" in plan
    assert "SCAN" not in plan
    store.close()


def test_the_names_of_live_conversations_of_a_former_store_are_known(tmp_path: Path) -> None:
    create_former_store(tmp_path / "a.db", 7)
    columns = {"bot_id": "bot", "channel": "rtm", "state": {}, "live": True}
    insert(tmp_path / "a.db", "conversations", **columns, user_id="u-1", names=["u-1", "ada"], session="s-1")
    insert(tmp_path / "a.db", "conversations", **columns, user_id="u-2", names=["u-2", "bob"], session=None)
    store = Store(tmp_path / "a.db")
    assert store.live_conversation_of("bot", "ada") == ConversationId("bot", "u-1", "rtm")
    assert store.live_conversation_of("bot", "bob") is None
    store.close()
