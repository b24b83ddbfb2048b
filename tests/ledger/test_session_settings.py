"""Settings that an administrator has made for other programs change nothing of what a session stores and reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from structlog.testing import capture_logs

from botkit.errors import LedgerUnusable
from botkit.handoff.conversation import Conversation, ConversationId, Instant
from botkit.handoff.decision import Decision
from botkit.handoff.effects import PassToBot
from botkit.handoff.events import Event, UserMessage
from botkit.ledger.interface import Committed, HookBody, Input
from botkit.ledger.postgresql.copying import target_in_database
from botkit.ledger.postgresql.database import connect
from botkit.ledger.postgresql.door import Door
from botkit.ledger.postgresql.ledger import PostgresLedger
from botkit.ledger.postgresql.migrations import migrate
from botkit.ledger.postgresql.ownership import SESSION
from botkit.ledger.postgresql.shards import SHARDS
from botkit.ledger.receipts import Receipt
from botkit.testing.waiting import until
from tests.postgresql import Server

Configure = Callable[[str], None]
ADA = ConversationId("st-0a1b2c3d-1111-5222-8333-444455556666", "ada→")
AT = 1796093594.7573893
"""A time of day with as many digits as there are."""


@pytest.fixture
def database(postgresql: Server) -> str:
    return postgresql.empty()


@pytest.fixture
def configure(database: str) -> Iterator[Configure]:
    """Makes a setting for every session of the database from now on."""
    with psycopg.connect(database, autocommit=True) as admin:

        def configure(setting: str) -> None:
            admin.execute(f"ALTER DATABASE postgres SET {setting}")

        yield configure
        admin.execute("ALTER DATABASE postgres RESET ALL")


def _passes_twice(conversation: Conversation, _: Event) -> Decision:
    return Decision(conversation, (PassToBot(), PassToBot()))


def _says(text: str) -> Input:
    event = UserMessage(key=text, at=Instant(AT), text=text, agent_transfer=None)
    return Input(ADA, event, HookBody(text.encode()))


@pytest.fixture
def ledger(database: str) -> Iterator[Callable[[], PostgresLedger]]:
    """Starts a ledger whose owner writes two effects for each message."""
    started: list[PostgresLedger] = []

    def start() -> PostgresLedger:
        ledger = PostgresLedger(database, _passes_twice)
        ledger.start(lambda _: None)
        started.append(ledger)
        until(lambda: len(ledger._owner.shards) == SHARDS, "until it owns every shard")
        return ledger

    yield start
    for one in started:
        one.close()


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
@pytest.mark.parametrize("pooled", [False, True])
def test_texts_are_stored_whatever_encoding_other_programs_use(
    encoding: str, database: str, configure: Configure, *, pooled: bool
) -> None:
    configure(f"client_encoding = '{encoding}'")
    with connect(database, "test", pooled=pooled) as connection:
        assert connection.execute("SELECT length(%s::text), %s::text", ("ä→", "ä→")).fetchone() == (2, "ä→")


def test_hooks_are_decided_on_whatever_encoding_the_environment_names(
    ledger: Callable[[], PostgresLedger], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    one = ledger()
    one.submit(_says("hello →")).result(10)
    until(lambda: one.depth == 2, "for the effects")


def test_times_are_read_with_all_their_digits(database: str, configure: Configure) -> None:
    """They are part of the ids by which the other side recognises a repetition."""
    configure("extra_float_digits = 0")
    with connect(database, "test") as connection:
        assert connection.execute("SELECT %s::double precision", (AT,)).fetchone() == (AT,)


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_commits_of_several_processes_are_not_refused_for_each_other(
    level: str, database: str, configure: Configure
) -> None:
    configure(f"default_transaction_isolation = '{level}'")
    for settings in (None, SESSION):
        with connect(database, "test", settings=settings) as connection:
            assert connection.execute("SHOW transaction_isolation").fetchone() == ("read committed",)


def test_commits_stay_durable_whatever_is_set_after_the_start(database: str, configure: Configure) -> None:
    def shown() -> tuple[object, ...] | None:
        assert door._writer is not None
        return door._writer.execute("SHOW synchronous_commit").fetchone()

    with connect(database, "start") as admin:
        migrate(admin)
        configure("synchronous_commit = local")
        door = Door(database, taken=lambda _: None, answers=lambda *_: None)
        door._take([(_says("1"), Receipt(lambda _: None))])
        assert shown() == ("local",)
        door._disconnect()
        configure("synchronous_commit = off")
        door._take([(_says("2"), Receipt(lambda _: None))])
        assert shown() == ("on",)
        door._disconnect()
        with connect(database, "owner of a test", settings=SESSION) as owner:
            assert owner.execute("SHOW synchronous_commit").fetchone() == ("on",)


def test_hooks_are_refused_through_a_pooler_whose_commits_are_not_durable_any_more(
    database: str, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no session of one's own that could have another setting."""
    monkeypatch.setattr("botkit.ledger.postgresql.door.GIVE_UP_SECONDS", 0.0)
    outcomes: list[Committed | Exception] = []
    with connect(database, "start") as admin:
        migrate(admin)
        door = Door(database, taken=lambda _: None, answers=lambda *_: None, pooled=True)
        door._take([(_says("1"), Receipt(outcomes.append))])
        door._disconnect()
        configure("synchronous_commit = off")
        with capture_logs() as lines:
            door._take([(_says("2"), Receipt(outcomes.append))])
        door._disconnect()
        assert admin.execute("SELECT count(*) FROM inputs").fetchone() == (1,)
    assert [type(outcome) for outcome in outcomes] == [Committed, LedgerUnusable]
    assert "synchronous_commit is off" in lines[0]["reason"]


def test_a_session_that_rests_is_not_ended(database: str, configure: Configure) -> None:
    configure("idle_session_timeout = '1s'")
    with connect(database, "test") as connection:
        assert connection.execute("SHOW idle_session_timeout").fetchone() == ("0",)
    with connect(database, "test", settings=SESSION) as connection:
        assert connection.execute("SHOW idle_session_timeout").fetchone() == ("5s",)


def test_a_copy_takes_as_long_as_it_needs(database: str, configure: Configure) -> None:
    with connect(database, "test") as connection:
        if connection.info.server_version < 170_000:
            return  # without such a limit
    configure("transaction_timeout = '1s'")
    with target_in_database(database) as target:
        assert target._connection.execute("SHOW transaction_timeout").fetchone() == ("0",)


def test_options_in_the_address_are_kept(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("CREATE SCHEMA apart")
        try:
            with connect(f"{database}?options=-c%20search_path%3Dapart", "test") as connection:
                assert connection.execute("SELECT current_schema()").fetchone() == ("apart",)
                assert connection.execute("SHOW statement_timeout").fetchone() == ("8s",)
            monkeypatch.setenv("PGOPTIONS", "-c search_path=apart")
            with connect(database, "test") as connection:
                assert connection.execute("SELECT current_schema()").fetchone() == ("apart",)
        finally:
            admin.execute("DROP SCHEMA apart")


def test_sessions_that_were_ended_while_they_rested_cost_no_hook_and_no_alarm(
    database: str, ledger: Callable[[], PostgresLedger]
) -> None:
    """A server that restarts, or a pooler, ends them; nobody was in the middle of anything."""
    one = ledger()
    one.submit(_says("before")).result(10)
    one.newest_hook(ADA)
    with psycopg.connect(database, autocommit=True) as admin, capture_logs() as lines:
        ended = admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE application_name IN ('botkit door', 'botkit notifier', 'botkit reader')"
        ).fetchall()
        assert ended == [(True,)] * 3
        assert one.newest_hook(ConversationId(ADA.bot_id, "somebody else")) is None
        one.submit(_says("after it")).result(10)
    assert [line["event"] for line in lines if line["log_level"] == "error"] == []
