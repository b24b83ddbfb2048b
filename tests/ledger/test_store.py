from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text
from structlog.testing import capture_logs

from botkit.errors import LedgerError
from botkit.handoff.conversation import Instant
from botkit.ledger.migrations import STEPS, migrate
from botkit.ledger.schema import metadata
from botkit.ledger.store import SWEEP_PAYLOADS, SWEEP_ROWS, Store


def test_the_migrations_lead_to_the_schema(tmp_path: Path) -> None:
    migrated, created = (create_engine(f"sqlite:///{tmp_path / name}.db") for name in ("migrated", "created"))
    with migrated.begin() as connection:
        migrate(connection)
    metadata.create_all(created)
    one, other = inspect(migrated), inspect(created)
    assert one.get_table_names() == other.get_table_names()
    for table in metadata.tables:
        assert one.get_pk_constraint(table) == other.get_pk_constraint(table)
        assert [(c["name"], str(c["type"]), c["nullable"]) for c in one.get_columns(table)] == [
            (c["name"], str(c["type"]), c["nullable"]) for c in other.get_columns(table)
        ]
        assert [(i["name"], i["column_names"]) for i in one.get_indexes(table)] == [
            (i["name"], i["column_names"]) for i in other.get_indexes(table)
        ]
    migrated.dispose()
    created.dispose()


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        Store(tmp_path / "a.db").close()


def test_a_store_of_a_newer_botkit_is_refused(tmp_path: Path) -> None:
    Store(tmp_path / "a.db").close()
    engine = create_engine(f"sqlite:///{tmp_path / 'a.db'}")
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE meta SET value = :v WHERE name = 'schema_version'"), {"v": str(len(STEPS) + 1)}
        )
    engine.dispose()
    with pytest.raises(LedgerError, match="run the newer BotKit"):
        Store(tmp_path / "a.db")


def test_a_migration_that_breaks_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("botkit.ledger.migrations.STEPS", (*STEPS, ("CREATE TABLE half (id)", "NO SQL")))
        with pytest.raises(LedgerError, match="cannot be used"):
            Store(tmp_path / "a.db")
    engine = create_engine(f"sqlite:///{tmp_path / 'a.db'}")
    assert inspect(engine).get_table_names() == []
    engine.dispose()


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
    engine = create_engine(f"sqlite:///{tmp_path / 'a.db'}")
    session = "0b0c9a8e-0000-4000-8000-000000000001"
    with engine.begin() as connection:
        for statement in STEPS[0]:
            connection.execute(text(statement))
        connection.execute(text("INSERT INTO meta VALUES ('schema_version', '1')"))
        connection.execute(
            text(
                "INSERT INTO inbox (key, at) VALUES (:a, 1), ('1501244156289 st-1 u-1', 1), ('effect/1-2', 1)"
            ),
            {"a": f"{session}/e1 st-1 u-1"},
        )
        connection.execute(
            text("INSERT INTO conversations VALUES ('st-1', 'u-1', :live, :names, 1, NULL)"),
            {"live": f'{{"session":{{"id":"{session}"}}}}'.encode(), "names": b"[]"},
        )
        connection.execute(
            text("INSERT INTO conversations VALUES ('st-1', 'u-2', :ended, :names, 0, 5)"),
            {"ended": b'{"session":null}', "names": b"[]"},
        )
        migrate(connection)
        keys = connection.execute(text("SELECT session FROM inbox ORDER BY key")).scalars().all()
        sessions = (
            connection.execute(text("SELECT session FROM conversations ORDER BY user_id")).scalars().all()
        )
    engine.dispose()
    assert list(keys) == [session, None, None]
    assert list(sessions) == [session, None]


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
