"""The journal: lines and steps of sessions that fail, bounded for those that fail for hours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from botkit.errors import AccessExpired, Unreachable
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.reference import reference
from botkit.ledger.interface import Input
from botkit.observability.failures import Failure, failure_of
from botkit.observability.user_hashes import UserHashes
from botkit.relay import journal as module
from botkit.relay.journal import Journal

USER = ConversationId("st-1", "u-1", "rtm")
SESSION = "3d07a9b7-6f5f-4b51-9d8e-000000000001"


@dataclass
class Notes:
    """The ledger's client: keeps what is noted."""

    noted: list[Input] = field(default_factory=list)

    def note(self, input: Input) -> None:
        self.noted.append(input)

    def kinds(self) -> list[str]:
        return [step.kind for one in self.noted for step in one.steps]


class Clock:
    def now(self) -> Instant:
        return Instant(1_000.0)


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def journal(notes: Notes) -> Journal:
    hashes = UserHashes({"st-1": "secret"})
    return Journal(ledger=cast(Any, None), client=cast(Any, notes), hashes=hashes, clock=cast(Any, Clock()))


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with capture_logs() as lines:
        yield lines


def _broken(host: str = "acme.test") -> Failure:
    error = Unreachable("open the event stream", cause="closed", detail="the response broke off")
    error.host = host
    return failure_of(error)


def _trouble(journal: Journal, session: str = SESSION) -> None:
    journal.trouble(
        "stream_broken",
        _broken(),
        conversation_id=USER,
        session_id=session,
        system="salesforce",
        noted=True,
    )


def test_a_network_that_flaps_for_hours_does_not_fill_the_store(journal: Journal, notes: Notes) -> None:
    for _ in range(module.MAX_FAILURES + 50):
        _trouble(journal)
    assert len(notes.noted) == module.MAX_FAILURES
    *_, last = notes.noted
    assert '"last_kept":true' in last.steps[0].detail
    _trouble(journal, "another-session")
    assert len(notes.noted) == module.MAX_FAILURES + 1


def test_the_number_of_sessions_that_are_counted_is_bounded(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 3)
    for number in range(10):
        _trouble(journal, f"session-{number}")
    assert list(journal._failures) == ["session-7", "session-8", "session-9"]


def test_a_lost_session_is_told_with_the_call_its_answer_and_the_fix(
    journal: Journal, notes: Notes, logged: list[Any]
) -> None:
    error = AccessExpired("list entries", status=401, detail="UNAUTHORIZED", fix="raise the lifetime")
    error.host = "acme.test"
    journal.lost(USER, SESSION, system="salesforce", why="expired", failure=failure_of(error))
    (line,) = logged
    assert line == {
        "event": "agents_lost",
        "log_level": "warning",
        "why": "expired",
        "session": SESSION,
        "ref": reference(SESSION),
        "bot": "st-1",
        "user": line["user"],
        "system": "salesforce",
        "call": "list entries",
        "host": "acme.test",
        "code": "BK-4005",
        "cause": "status",
        "status": 401,
        "detail": "UNAUTHORIZED",
        "fix": "raise the lifetime",
    }
    assert notes.kinds() == ["stream"]


def test_a_lost_session_without_a_failed_call_still_has_a_fix(journal: Journal, logged: list[Any]) -> None:
    journal.lost(USER, SESSION, system="salesforce", why="expired", failure=None)
    assert "lifetime of guests' tokens" in logged[0]["fix"]
