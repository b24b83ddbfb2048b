"""A PostgreSQL server that would lose hooks, or cannot take them, is refused with the fix, and without the password."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import psycopg
import pytest
from structlog.testing import capture_logs

from botkit.errors import LedgerClosed, LedgerError, LedgerUnusable
from botkit.handoff.events import UserMessage
from botkit.ledger.postgresql import owner, server
from botkit.ledger.postgresql.database import Connection, connect
from botkit.ledger.postgresql.ledger import PostgresLedger
from botkit.ledger.postgresql.migrations import MIGRATIONS, migrate
from botkit.ledger.postgresql.ownership import MARK, other_schema
from botkit.ledger.postgresql.queries import SQL
from botkit.ledger.postgresql.server import START, examine, examine_notifications, examine_session
from botkit.ledger.postgresql.shards import SHARDS
from botkit.testing.serving import free_ports
from botkit.testing.waiting import until
from tests.ledger.ledger_stage import Inputs
from tests.ledger.ledger_stage import rules as decide
from tests.postgresql import PASSWORD, Server

WEAK = "botkit_weak"
HELLO = Inputs().of("ada", UserMessage, text="hello", agent_transfer=None)


@pytest.fixture
def database(postgresql: Server) -> str:
    return postgresql.empty()


@pytest.fixture
def weak(database: str) -> Iterator[str]:
    """The URL of the same database for a user without rights."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {WEAK} LOGIN PASSWORD '{PASSWORD}'")
        connection.execute(f"GRANT USAGE ON SCHEMA public TO {WEAK}")
        yield database.replace("postgres:", f"{WEAK}:", 1)
        connection.execute(f"DROP OWNED BY {WEAK}")
        connection.execute(f"DROP ROLE {WEAK}")


def refused(url: str, **settings: str | int) -> LedgerUnusable:
    with connect(url, "test", settings=settings) as connection, pytest.raises(LedgerUnusable) as caught:
        examine(connection)
    assert PASSWORD not in f"{caught.value!r}"
    return caught.value


def test_a_good_server_is_fine_with_and_without_tables(database: str) -> None:
    with connect(database, "test") as connection:
        examine(connection)
        migrate(connection)
        examine(connection)


def test_settings_of_the_session_that_would_lose_hooks_are_refused(database: str) -> None:
    wrong = refused(database, synchronous_commit="off")
    assert (wrong.what, wrong.fix) == (
        "synchronous_commit is off: a crash of the server would lose acknowledged hooks",
        'ALTER ROLE "postgres" SET synchronous_commit = on, or set it in postgresql.conf',
    )
    for level in ("local", "remote_write", "remote_apply"):
        with connect(database, "test", settings={"synchronous_commit": level}) as connection:
            examine(connection)
    assert "read-only" in refused(database, default_transaction_read_only="on").what
    assert "no schema in search_path exists" in refused(database, search_path="nowhere").what


@pytest.mark.parametrize(
    ("column", "value", "what"),
    [
        ("current_setting('server_version_num')::int", "130022", "BotKit needs 14 or newer"),
        ("current_setting('fsync')::boolean", "false", "fsync is off"),
        ("pg_is_in_recovery()", "true", "is a standby"),
        ("current_setting('server_encoding')", "'SQL_ASCII'", "has the encoding SQL_ASCII"),
    ],
)
def test_a_server_is_refused_for_what_it_is(
    column: str, value: str, what: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = SQL["server"]
    assert column in query
    monkeypatch.setitem(cast(dict[str, str], SQL), "server", query.replace(column, value))
    assert what in refused(database).what


def test_a_user_without_rights_is_told_which_one_is_missing(database: str, weak: str) -> None:
    assert refused(weak).what == f'the user "{WEAK}" may not create tables in the schema "public"'
    assert refused(weak).fix == f'GRANT CREATE, USAGE ON SCHEMA "public" TO "{WEAK}"'
    with connect(database, "test") as owner:
        migrate(owner)
        assert f'"{WEAK}" may not read the tables' in refused(weak).what
        owner.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON meta, inbox, inputs TO {WEAK}")
        assert "may not read and write answers, conversations, live_names" in refused(weak).what
        assert "inbox" not in refused(weak).what
        owner.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {WEAK}")
        assert (
            refused(weak).what == f'the user "{WEAK}" may not use the sequences inputs_id_seq, outbox_blocks'
        )
        owner.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {WEAK}")
        with connect(weak, "test") as connection:
            examine(connection)
        owner.execute("ALTER TABLE inputs ENABLE ROW LEVEL SECURITY")
        assert refused(weak).what == f'row security hides rows of inputs from the user "{WEAK}"'


def test_a_user_who_may_not_extend_older_tables_is_refused(
    database: str, weak: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(database, "test") as owner:
        migrate(owner)
        for kind in ("TABLES", "SEQUENCES"):
            owner.execute(f"GRANT ALL ON ALL {kind} IN SCHEMA public TO {WEAK}")
        owner.execute(f"GRANT CREATE ON SCHEMA public TO {WEAK}")
        with connect(weak, "test") as connection:
            examine(connection)
        owner.execute("UPDATE meta SET value = '1'")
        assert f'"{WEAK}" may not extend the tables, which others have made' in refused(weak).what
        examine(owner)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("ALTER TABLE inputs SET UNLOGGED", "a crash of the server would empty what is unlogged: inputs"),
        ("DROP TABLE answers", "answers is missing"),
        ("DROP SEQUENCE outbox_blocks", "outbox_blocks is missing"),
    ],
)
def test_tables_that_have_been_changed_are_named(change: str, what: str, database: str) -> None:
    with connect(database, "test") as connection:
        migrate(connection)
        connection.execute(change)
    assert what in refused(database).what
    with pytest.raises(LedgerUnusable, match=what):
        PostgresLedger(database, decide).start(lambda _: None)


@pytest.mark.parametrize("table", ["meta", "inputs"])
def test_tables_of_another_program_are_left_alone(table: str, database: str) -> None:
    with connect(database, "test") as connection:
        connection.execute(f"CREATE TABLE {table} (number int)")
    with pytest.raises(LedgerError, match=f"{table}.*database of its own"):
        PostgresLedger(database, decide).start(lambda _: None)


def test_a_store_of_a_newer_program_is_refused(database: str) -> None:
    with connect(database, "test") as connection:
        migrate(connection)
        newer = len(MIGRATIONS) + 1
        connection.execute("UPDATE meta SET value = %s", (str(newer),))
    assert f"newer BotKit (schema {newer}, this one knows {len(MIGRATIONS)})" in refused(database).what


def test_a_notification_to_oneself_proves_that_no_pooler_swallows_it(database: str) -> None:
    with connect(database, "a") as listener, connect(database, "b") as notifier:
        examine_notifications(listener, notifier)
    elsewhere = database.removesuffix("postgres") + "template1"
    with (
        connect(elsewhere, "a") as listener,
        connect(database, "b") as notifier,
        pytest.raises(LedgerUnusable, match=r"did not arrive.*store\.direct_url"),
    ):
        examine_notifications(listener, notifier, seconds=0.05)


@pytest.mark.parametrize(
    ("url", "what", "fix"),
    [
        ("postgresql://postgres:{password}@127.0.0.1:{closed}/x", "Connection refused", "start PostgreSQL"),
        ("postgresql://postgres:secret@127.0.0.1:{port}/postgres", "password authentication failed", "correct user and"),
        ("postgresql://postgres@127.0.0.1:{port}/postgres", "no password supplied", "correct user and password"),
        ("postgresql://postgres:{password}@127.0.0.1:{port}/nowhere", '"nowhere" does not exist', "createdb"),
        ("postgresql://postgres:{password}@127.0.0.1:{port}/postgres?sslmode=require", "SSL", "sslmode"),
        ("postgresql://u:secret@/d?host=/nowhere", "No such file", "start PostgreSQL"),
        ("postgresql://u:se%zzcret@h/d", "store.url is no PostgreSQL URL", "percent-encoded"),
        ("postgresql://u:s@cret@h/d", "store.url is no PostgreSQL URL", "percent-encoded"),
        ("postgresql://u:s/cret@h/d", "store.url is no PostgreSQL URL", "percent-encoded"),
        ("postgresql://u:secret@[::1/d", "store.url is no PostgreSQL URL", "percent-encoded"),
        ("postgresql://crowded:{password}@127.0.0.1:{port}/postgres", "too many connections for role", "raise"),
        ("postgresql+psycopg://u:secret@h/d", "store.url is no PostgreSQL URL", "write postgresql://"),
    ],
)  # fmt: skip
def test_why_no_connection_is_made(
    url: str, what: str, fix: str, postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(postgresql.empty(), autocommit=True) as admin:
        admin.execute(
            f"DROP ROLE IF EXISTS crowded; CREATE ROLE crowded LOGIN PASSWORD '{PASSWORD}' CONNECTION LIMIT 0"
        )
    monkeypatch.delenv("PGPASSWORD", raising=False)
    monkeypatch.setenv("PGPASSFILE", "/nowhere")
    url = url.format(password=PASSWORD, port=postgresql.port, closed=free_ports(1))
    with pytest.raises(LedgerUnusable) as caught:
        connect(url, "test")
    assert what in caught.value.what
    assert fix in caught.value.fix
    told = f"{caught.value!r} {caught.value.__cause__!r}"
    assert PASSWORD not in told
    assert "cret@" not in told


def test_a_ledger_does_not_start_on_a_server_that_would_lose_hooks(database: str, weak: str) -> None:
    with connect(database, "test") as connection:
        connection.execute(f"GRANT CREATE ON SCHEMA public TO {WEAK}")
        connection.execute(f"ALTER ROLE {WEAK} SET synchronous_commit = off")
    with pytest.raises(LedgerUnusable, match="synchronous_commit is off"):
        PostgresLedger(weak, decide).start(lambda _: None)


def test_a_ledger_does_not_start_if_notifications_do_not_arrive(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botkit.ledger.postgresql.server.HEAR_SECONDS", 0.05)
    elsewhere = database.removesuffix("postgres") + "template1"
    with pytest.raises(LedgerUnusable, match="did not arrive"):
        PostgresLedger(elsewhere, decide, direct_url=database).start(lambda _: None)


def test_the_user_who_commits_hooks_is_examined_beside_the_one_who_owns_shards(
    database: str, weak: str
) -> None:
    """They may be two users, of `store.url` and of `store.direct_url`."""

    def start() -> str:
        with pytest.raises(LedgerUnusable) as caught:
            PostgresLedger(weak, decide, direct_url=database).start(lambda _: None)
        return caught.value.what

    assert f'"{WEAK}" may not read the tables' in start()
    with psycopg.connect(database, autocommit=True) as owner:
        for kind in ("TABLES", "SEQUENCES"):
            owner.execute(f"GRANT ALL ON ALL {kind} IN SCHEMA public TO {WEAK}")
        owner.execute(f"ALTER ROLE {WEAK} SET synchronous_commit = off")
        assert "synchronous_commit is off" in start()
        owner.execute(f"ALTER ROLE {WEAK} RESET synchronous_commit")
        owner.execute(f"CREATE SCHEMA {WEAK} AUTHORIZATION {WEAK}")
        with connect(f"{weak}?options=-c%20search_path%3D{WEAK}", "test") as connection:
            migrate(connection)
        assert start() == "store.url and store.direct_url name the tables of two schemas"


def test_a_second_service_in_another_schema_of_the_database_is_refused(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would take the locks of the other for its own: nobody decided on the hooks of half of its users."""
    apart = f"{database}?options=-c%20search_path%3Dapart"
    with connect(database, "test") as admin:
        admin.execute("CREATE SCHEMA apart")
        monkeypatch.setattr(server, "BEGIN_SECONDS", 0.2)
        here, second, there = (PostgresLedger(url, decide) for url in (database, database, apart))
        here.start(lambda _: None)
        second.start(lambda _: None)
        try:
            until(
                lambda: {len(here._owner.shards), len(second._owner.shards)} == {SHARDS // 2}, "for half each"
            )
            with pytest.raises(LedgerUnusable, match=r"tables of another schema.*database of its own"):
                there.start(lambda _: None)
        finally:
            here.close()
            second.close()
            admin.execute("DROP SCHEMA apart CASCADE")


def test_of_two_services_in_two_schemas_that_start_in_the_same_moment_one_is_refused(database: str) -> None:
    """Neither finds the other when it looks, before its own start."""
    queue = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND NOT granted"
    with connect(database, "test") as admin, ThreadPoolExecutor(2) as pool:
        admin.execute("CREATE SCHEMA apart")
        admin.execute("SELECT pg_advisory_lock(%s, 0)", (MARK,))
        both = [
            PostgresLedger(url, decide) for url in (database, f"{database}?options=-c%20search_path%3Dapart")
        ]
        try:
            starts = [pool.submit(one.start, lambda _: None) for one in both]
            until(lambda: admin.execute(queue, (MARK,)).fetchone() == (2,), "until both are about to begin")
            admin.execute("SELECT pg_advisory_unlock(%s, 0)", (MARK,))
            errors = [start.exception(20) for start in starts]
            first = both[errors.index(None)]
            (refused,) = (error for error in errors if error is not None)
            assert str(refused) == str(other_schema())
            until(lambda: len(first._owner.shards) == SHARDS, "until the other one owns every shard")
            with pytest.raises(LedgerClosed):
                both[errors.index(refused)].submit(HELLO).result(10)
        finally:
            for one in both:
                one.close()
            admin.execute("DROP SCHEMA apart CASCADE")


def test_an_owner_that_finds_another_schema_in_its_place_takes_no_more_hooks(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, "_RETRY_SECONDS", 0.01)
    ledger = PostgresLedger(database, decide)
    ledger.start(lambda _: None)
    try:
        until(lambda: len(ledger._owner.shards) == SHARDS, "until it owns every shard")
        with connect(database, "test") as other, capture_logs() as lines:
            other.execute("SELECT pg_advisory_lock_shared(%s, 7)", (MARK,))
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'botkit owner %'"
            )
            why = {"event": "store_lost", "reason": str(other_schema()), "log_level": "error"}
            until(lambda: why in lines, "for the log to say why")
            assert not ledger.may_act()
            with pytest.raises(LedgerUnusable, match="tables of another schema"):
                ledger.submit(HELLO).result(10)
            other.execute("SELECT pg_advisory_unlock_shared(%s, 7)", (MARK,))
            until(ledger.healthy, "until it goes on")
        ledger.submit(HELLO).result(10)
    finally:
        ledger.close()


def test_a_pooler_that_drops_the_limits_of_a_session_is_refused(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PgBouncer does, with `ignore_startup_parameters = options`; if each client has a session, it hears notifications."""
    with connect(database, "start", settings=START) as connection:
        examine_session(connection)

    def connect_by_pooler(url: str, purpose: str, **_: object) -> Connection:
        return connect(url, purpose, pooled=True)

    monkeypatch.setattr(server, "connect", connect_by_pooler)
    with pytest.raises(LedgerUnusable, match=r"drops the time limits of sessions.*store\.direct_url"):
        PostgresLedger(database, decide).start(lambda _: None)


def test_a_pooler_that_mixes_sessions_is_named(database: str) -> None:
    """Its session has the statements of another client, which PgBouncer 1.18 forwards."""
    with connect(database, "start", settings=START) as connection:
        for number in range(3):
            connection.execute(f"PREPARE _pg3_{number} AS SELECT {number}", prepare=False)
        with pytest.raises(LedgerUnusable, match=r"pooler in transaction mode.*store\.direct_url"):
            examine(connection)


def test_nothing_of_a_session_is_used_through_a_pooler(database: str) -> None:
    with connect(database, "test", settings={"statement_timeout": 7}, pooled=True) as connection:
        for _ in range(3):
            connection.execute("SELECT %s::int", (1,))
        assert connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)
        assert connection.execute("SHOW statement_timeout").fetchone() == ("0",)
