"""What the log says while PostgreSQL is away: each thing once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from botkit.errors import LedgerUnusable
from botkit.handoff.conversation import ConversationId
from botkit.ledger.interface import Committed, Input
from botkit.ledger.memory import PayloadCache
from botkit.ledger.postgresql import listener, owner
from botkit.ledger.postgresql.database import unreachable
from botkit.ledger.postgresql.listener import Listener
from botkit.ledger.postgresql.owner import Owner
from botkit.ledger.receipts import Receipt
from botkit.testing.waiting import until

URL = "postgresql://botkit@127.0.0.1:1/botkit"
ATTEMPTS = 5


def _away(attempts: list[None], reasons: int = 1) -> Callable[..., Any]:
    def connect(*_: Any, **__: Any) -> Any:
        attempts.append(None)
        raise LedgerUnusable(f"the store cannot be reached ({len(attempts) % reasons})", "start PostgreSQL")

    return connect


@pytest.mark.parametrize("reasons", [1, 2])
def test_an_owner_says_once_for_each_reason_that_the_store_is_lost(
    reasons: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[None] = []
    monkeypatch.setattr(owner, "connect", _away(attempts, reasons))
    monkeypatch.setattr(owner, "_RETRY_SECONDS", 0.0)
    one = Owner(URL, member="a", decide=None, local={}, payloads=PayloadCache(), awaited=None)  # type: ignore
    with capture_logs() as lines:
        one.start(lambda _: None, None)
        until(lambda: len(attempts) >= ATTEMPTS)
        one.close()
    assert [line["event"] for line in lines] == ["store_lost"] * reasons


def test_the_relay_is_told_of_what_waits_when_the_shards_are_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another process has them by then, and has to make its own attempts."""
    attempts: list[None] = []
    outcomes: list[Committed | Exception] = []
    monkeypatch.setattr(owner, "connect", _away(attempts))
    monkeypatch.setattr(owner, "_RETRY_SECONDS", 0.0)
    monkeypatch.setattr(owner, "KEPT_SECONDS", 0.0)
    one = Owner(URL, member="a", decide=None, local={}, payloads=PayloadCache(), awaited=None)  # type: ignore
    one.working = True  # it was, until now
    delivered = Input(ConversationId("st-1", "ada"), None, completes=(1,))
    assert one.submit(delivered, Receipt(outcomes.append), None) is None
    one.start(lambda _: None, None)
    until(lambda: outcomes, "for the outcome")
    one.close()
    assert [str(outcome) for outcome in outcomes] == ["the store cannot be reached; check PostgreSQL"]


def test_a_listener_says_once_that_it_hears_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[None] = []
    monkeypatch.setattr(listener, "connect", _away(attempts))
    monkeypatch.setattr(listener, "_RETRY_SECONDS", 0.0)
    one = Listener(URL, {}, missed=lambda: None)
    with capture_logs() as lines:
        one.start()
        until(lambda: len(attempts) >= ATTEMPTS)
        one.close()
    assert [line["event"] for line in lines] == ["notifications_lost"]


@pytest.mark.parametrize(
    ("said", "fix"),
    [
        ("the database system is starting up", "wait until the server has started"),
        ("the database system is not yet accepting connections", "wait until the server has started"),
        ('role "botkit" does not exist', "correct user and password"),
        ('permission denied for database "botkit"', "check store.url"),
    ],
)
def test_what_a_server_says_leads_to_its_own_fix(said: str, fix: str) -> None:
    error = psycopg.OperationalError(f'connection to server at "127.0.0.1", port 1 failed: FATAL:  {said}')
    assert fix in unreachable(URL, error).fix
