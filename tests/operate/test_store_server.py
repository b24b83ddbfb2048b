"""The doctor's checks of a PostgreSQL store pass where all is well, change nothing, and name what is wrong with its fix."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from types import MappingProxyType

import psycopg
import pytest

from botkit.checks import Outcome
from botkit.config.settings import SecuritySettings, ServerSettings, Settings, StoreSettings
from botkit.ledger.postgresql.database import Connection, connect
from botkit.ledger.postgresql.migrations import MIGRATIONS, migrate
from botkit.operate.machine import Machine, machine_checks
from botkit.operate.store_server import StoreServer
from tests.postgresql import PASSWORD, Server


@pytest.fixture
def database(postgresql: Server) -> str:
    return postgresql.empty()


def outcomes(store: StoreSettings) -> Mapping[str, Outcome]:
    settings = Settings(
        server=ServerSettings(), store=store, security=SecuritySettings(), bots=MappingProxyType({})
    )
    checks = [
        check for check in machine_checks(settings, Machine()) if check.name.startswith("machine.store")
    ]

    async def look() -> dict[str, Outcome]:
        return {check.name: await check.run() for check in checks}

    return asyncio.run(look())


def test_all_is_well_on_a_good_server_and_nothing_is_left_there(database: str) -> None:
    found = outcomes(StoreSettings(database))
    assert [*found] == ["machine.store", "machine.store_notifications", "machine.store_speed"]
    assert {outcome.ok for outcome in found.values()} == {True}
    assert "it has no tables yet" in found["machine.store"].cause
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT to_regclass('meta')").fetchone() == (None,)
    with connect(database, "test") as connection:
        migrate(connection)
    assert outcomes(StoreSettings(database, database))["machine.store"].cause.endswith(
        f"; schema {len(MIGRATIONS)}"
    )
    assert PASSWORD not in repr(found)


def test_what_is_wrong_is_named_with_its_fix(database: str) -> None:
    wrong = outcomes(StoreSettings(database.replace(PASSWORD, "hunter2")))
    for outcome in wrong.values():
        assert outcome.ok is False
        assert "password authentication failed" in outcome.cause
        assert "hunter2" not in outcome.cause + outcome.fix
        assert outcome.fix


def test_a_direct_url_that_does_not_lead_there_is_named(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botkit.ledger.postgresql.server.HEAR_SECONDS", 0.05)
    elsewhere = database.removesuffix("postgres") + "template1"
    found = outcomes(StoreSettings(database, elsewhere))
    assert found["machine.store"].ok
    assert found["machine.store_notifications"].ok is False
    assert "store.direct_url" in found["machine.store_notifications"].fix


def test_two_addresses_of_two_schemas_are_named(database: str) -> None:
    with connect(database, "test") as connection:
        migrate(connection)
        connection.execute("CREATE SCHEMA apart")
        elsewhere = f"{database}?options=-c%20search_path%3Dapart"
        with connect(elsewhere, "test") as other:
            migrate(other)
        found = outcomes(StoreSettings(database, elsewhere))["machine.store"]
        connection.execute("DROP SCHEMA apart CASCADE")
    assert found.ok is False
    assert "two schemas" in found.cause


def test_a_pooler_that_drops_the_limits_of_a_session_is_named(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect_by_pooler(url: str, purpose: str, **_: object) -> Connection:
        return connect(url, purpose, pooled=True)

    monkeypatch.setattr("botkit.ledger.postgresql.database.connect", connect_by_pooler)
    found = outcomes(StoreSettings(database))["machine.store_notifications"]
    assert found.ok is False
    assert "time limits of sessions" in found.cause


def test_slow_commits_are_a_warning(database: str) -> None:
    seconds = itertools.count(0.0, 0.03)
    slow = StoreServer(StoreSettings(database), monotonic=lambda: next(seconds)).speed()
    assert (slow.ok, bool(slow.fix)) == (True, True)
    assert slow.cause.startswith("a commit takes 30.0 ms")
