"""The door of the PostgreSQL ledger: every input is told of its outcome, also beside a bad one and without a server."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from botkit.errors import LedgerClosed, LedgerError, LedgerUnusable
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.events import UserMessage
from botkit.ledger.batch import unique_key
from botkit.ledger.interface import Committed, HookBody, Input
from botkit.ledger.postgresql import door
from botkit.ledger.postgresql.database import connect
from botkit.ledger.postgresql.door import MAX_IN_BATCH, Door
from botkit.ledger.postgresql.migrations import migrate
from botkit.ledger.receipts import Receipt
from botkit.ledger.rows import input_from_row
from botkit.testing.waiting import until
from tests.postgresql import Server

ADA = ConversationId("st-0a1b2c3d-1111-5222-8333-444455556666", "ada")

Outcome = Committed | Exception


def _says(key: str, request_id: str = "ms-1") -> Input:
    event = UserMessage(key=key, at=Instant(1.0), text="hello", agent_transfer=None, request_id=request_id)
    return Input(ADA, event, HookBody(b"{}"))


def _key(input: Input) -> str:
    assert input.event is not None
    return input.event.key


def _door(url: str) -> Door:
    return Door(url, taken=lambda _: None, answers=lambda *_: None)


def test_inputs_beside_one_that_cannot_be_stored_are_told_of_their_outcome(postgresql: Server) -> None:
    url = postgresql.empty()
    told: list[tuple[str, Outcome]] = []

    def given(name: str, input: Input) -> tuple[Input, Receipt[Committed]]:
        return input, Receipt(lambda outcome: told.append((name, outcome)))

    with connect(url, "witness") as witness:
        migrate(witness)
        witness.execute("LISTEN botkit_inputs")
        one = _door(url)
        one._take([given("good", _says("a")), given("other", _says("b")), given("bad", _says("a", "\0"))])
        one._disconnect()
        assert [one.payload for one in witness.notifies(timeout=10, stop_after=2)] == [door.LOOK] * 2
        assert witness.execute("SELECT count(*) FROM inputs").fetchone() == (2,)
    outcomes = dict(told)
    assert [name for name, _ in told] == ["good", "other", "bad"]
    assert isinstance(outcomes["good"], Committed)
    assert isinstance(outcomes["other"], Committed)
    assert isinstance(outcomes["bad"], Exception)


def test_a_hook_is_written_down_by_a_plan_that_is_kept(postgresql: Server) -> None:
    """To plan the statement takes the server as long as to execute it."""
    with connect(postgresql.empty(), "start") as connection:
        migrate(connection)
    one = _door(postgresql.url)
    for number in range(5):
        one._take([(_says(f"{number}"), Receipt(lambda _: None))])
    assert one._writer is not None
    plans = (
        "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE 'WITH given%'"
    )
    assert one._writer.execute(plans).fetchall() == [(5, 0)]
    one._disconnect()


def test_rows_are_numbered_in_the_order_of_their_hooks_whatever_the_plan(
    postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "GENERIC_PLANS", {"enable_hashjoin": "off", "enable_nestloop": "off"})
    names = [f"k-{number}" for number in (3, 1, 4, 2)]
    handed_over: dict[int, str] = {}

    def taken(inputs: Mapping[int, tuple[int, Input]]) -> None:
        handed_over.update({row: _key(one) for row, (_, one) in inputs.items()})

    with connect(postgresql.empty(), "witness") as witness:
        migrate(witness)
        one = Door(postgresql.url, taken=taken, answers=lambda *_: None)
        one._take([(_says(name), Receipt(lambda _: None)) for name in names])
        one._disconnect()
        rows = witness.execute("SELECT id, input, component_id, body FROM inputs ORDER BY id").fetchall()
    stored = {row: _key(input_from_row(*columns)) for row, *columns in rows}
    assert list(stored.values()) == names
    assert stored == handed_over


def test_doors_with_the_same_hooks_wait_for_each_other_in_one_order(postgresql: Server) -> None:
    """Whatever the order in which each has them: they would wait for ever otherwise."""
    blocked = "SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted"
    insert = "INSERT INTO inbox (key, at) VALUES (%s, 0) ON CONFLICT DO NOTHING"
    first, second = (_says(name) for name in ("k-1", "k-2"))
    outcomes: list[Outcome] = []
    with connect(postgresql.empty(), "witness") as witness:
        migrate(witness)
        one = _door(postgresql.url)
        both: list[tuple[Input, Receipt[Committed]]]
        both = [(each, Receipt(outcomes.append)) for each in (second, first)]
        with psycopg.connect(postgresql.url) as other, ThreadPoolExecutor(1) as thread:
            other.execute("SET lock_timeout = '5s'")
            other.execute(insert, (unique_key(first),))
            done = thread.submit(one._take, both)
            until(lambda: witness.execute(blocked).fetchone() == (1,), "until the door waits")
            other.execute(insert, (unique_key(second),))
            other.commit()
            done.result(10)
        one._disconnect()
    assert [outcome.duplicate for outcome in outcomes if isinstance(outcome, Committed)] == [True, True]


def test_the_log_names_what_the_server_has_said(postgresql: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "GIVE_UP_SECONDS", 0.0)
    outcomes: list[Outcome] = []
    one = _door(postgresql.empty())
    with capture_logs() as lines:
        one._take([(_says("a"), Receipt(outcomes.append))])
    one._disconnect()
    assert [(line["event"], line["error"]) for line in lines] == [("commit_failed", "UndefinedTable")]
    assert isinstance(outcomes[0], LedgerError)


class _Away:
    def __init__(self) -> None:
        self.attempts = 0

    def __call__(self, *_: Any, **__: Any) -> Any:
        self.attempts += 1
        raise LedgerUnusable("the store cannot be reached", "start PostgreSQL")


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> _Away:
    connects = _Away()
    monkeypatch.setattr(door, "connect", connects)
    monkeypatch.setattr(door, "_RETRY_SECONDS", 0.0)
    return connects


def test_a_door_that_closes_without_a_server_tries_once_for_all_that_wait(away: _Away) -> None:
    one = _door("")
    outcomes: list[Outcome] = []
    for number in range(3 * MAX_IN_BATCH):
        assert one.submit(_says(f"k-{number}"), Receipt(outcomes.append), None) is None
    one.start()
    one.close()
    assert sum(isinstance(outcome, LedgerClosed) for outcome in outcomes) == 2 * MAX_IN_BATCH
    assert len(outcomes) == 3 * MAX_IN_BATCH


def test_a_door_that_is_closing_does_not_try_again(away: _Away) -> None:
    """The end of the process waits for it."""
    one = _door("")
    outcomes: list[Outcome] = []
    one.submit(_says("a"), Receipt(outcomes.append), None)
    one._waiting.close()
    one._run()
    assert away.attempts == 1
    assert [type(outcome) for outcome in outcomes] == [LedgerUnusable]


def test_a_door_commits_nothing_for_hooks_that_nobody_waits_for_any_more(away: _Away) -> None:
    one = _door("")
    receipt: Receipt[Committed] = Receipt(lambda _: None)
    one.submit(_says("a"), receipt, None)
    receipt.drop()
    one.start()
    one.close()
    assert away.attempts == 0
