"""A door whose connection breaks: hooks that were committed all the same are decided before their user's next ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from botkit.errors import LedgerError
from botkit.handoff.conversation import Conversation, ConversationId, Instant
from botkit.handoff.decision import Decision
from botkit.handoff.effects import PassToBot
from botkit.handoff.events import Event, UserMessage
from botkit.ledger.interface import Committed, HookBody, Input
from botkit.ledger.postgresql import database, owner
from botkit.ledger.postgresql.door import LOOK, Door
from botkit.ledger.postgresql.given import given_by
from botkit.ledger.postgresql.ledger import PostgresLedger
from botkit.ledger.postgresql.owner import Owner
from botkit.ledger.postgresql.prepared import Answer
from botkit.ledger.postgresql.queries import SQL
from botkit.ledger.postgresql.shards import SHARDS
from botkit.ledger.receipts import Receipt
from botkit.testing.waiting import until
from tests.postgresql import Server

ADA = ConversationId("st-0a1b2c3d-1111-5222-8333-444455556666", "ada")


@pytest.fixture
def decided() -> list[str | None]:
    return []


@pytest.fixture
def ledger(
    postgresql: Server, decided: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> Iterator[PostgresLedger]:
    monkeypatch.setattr(owner, "LOOK_SECONDS", 1_000.0)

    def decide(conversation: Conversation, event: Event) -> Decision:
        assert isinstance(event, UserMessage)
        decided.append(event.text)
        return Decision(conversation, (PassToBot(),))

    ledger = PostgresLedger(postgresql.empty(), decide)
    ledger.start(lambda _: None)
    until(lambda: len(ledger._owner._own.shards) == SHARDS, "until it owns every shard")
    try:
        yield ledger
    finally:
        ledger.close()


def _says(ledger: PostgresLedger, text: str) -> Committed:
    return ledger.submit(_input(text)).result(10)


def _input(text: str) -> Input:
    event = UserMessage(key=text, at=Instant(1.0), text=text, agent_transfer=None)
    return Input(ADA, event, HookBody(text.encode()))


def _breaks_once(method: Callable[..., Any], *, after: bool) -> Callable[..., Any]:
    """The method, but its first call loses the connection before or `after` it has worked."""
    calls: list[None] = []

    def broken(*arguments: Any, **named: Any) -> Any:
        calls.append(None)
        result = method(*arguments, **named) if after or len(calls) > 1 else None
        if len(calls) == 1:
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return result

    return broken


@pytest.mark.parametrize(
    ("broken", "after"), [("_insert", True), ("_notify", False)], ids=["within the commit", "before it told"]
)
def test_a_hook_is_decided_before_the_next_one_of_its_user(
    ledger: PostgresLedger,
    decided: list[str | None],
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
    after: bool,
) -> None:
    monkeypatch.setattr(Door, broken, _breaks_once(getattr(Door, broken), after=after))
    assert not _says(ledger, "first").duplicate
    assert not _says(ledger, "second").duplicate
    until(lambda: "second" in decided, "for the second to be decided")
    assert decided == ["first", "second"]


def test_a_hook_whose_commit_was_not_answered_is_no_repetition(
    ledger: PostgresLedger, decided: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The door finds its own key when it tries again."""
    execute, lost = database._Connection.execute, list[None]()

    def execute_and_lose(connection: database._Connection, query: Any, *given: Any, **options: Any) -> Any:
        answer = execute(connection, query, *given, **options)
        if query == SQL["take_inputs"] and not lost:
            lost.append(None)
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return answer

    monkeypatch.setattr(database._Connection, "execute", execute_and_lose)
    assert not _says(ledger, "first").duplicate
    assert lost
    until(lambda: decided == ["first"], "for the decision")
    assert _says(ledger, "first").duplicate


def test_a_repeated_hook_whose_process_died_before_it_told_is_decided_before_the_next_one(
    ledger: PostgresLedger, decided: list[str | None], postgresql: Server
) -> None:
    dies = Door(postgresql.url, taken=lambda _: None, answers=lambda *_: None)
    dies._store([given_by(_input("first"), Receipt(lambda _: None))])
    dies._disconnect()
    assert _says(ledger, "first").duplicate
    _says(ledger, "second")
    until(lambda: "second" in decided, "for the second to be decided")
    assert decided == ["first", "second"]


def test_an_owner_that_loses_the_connection_tells_the_relay_of_every_input(
    ledger: PostgresLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes, takes_doors = ledger._owner._waiting.take, ledger._owner._from_doors
    taken: list[Any] = []
    asked: list[None] = []

    def take(*arguments: Any) -> Any:
        asked.append(None)
        taken[:] = takes(*arguments)
        return taken

    def from_doors(connection: Any) -> Any:
        if taken:
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return takes_doors(connection)

    monkeypatch.setattr(ledger._owner._waiting, "take", take)
    monkeypatch.setattr(ledger._owner, "_from_doors", from_doors)
    ledger._owner._waiting.ring()
    until(lambda: asked)
    with pytest.raises(LedgerError, match="cannot be reached"):
        ledger.submit(Input(ADA, None, completes=(1,))).result(10)


def test_a_hook_that_is_found_before_its_door_hands_it_over_is_decided_once(
    ledger: PostgresLedger, decided: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_over = ledger._door._taken

    def late(inputs: Any) -> None:
        ledger._owner.look()
        until(lambda: "first" in decided)
        until(lambda: not ledger._owner._held.passed_on)
        hand_over(inputs)

    monkeypatch.setattr(ledger._door, "_taken", late)
    delivered: Callable[[int], Input] = lambda item_id: Input(ADA, None, completes=(item_id,))  # noqa: E731
    monkeypatch.setattr(
        ledger._owner,
        "_on_commit",
        lambda news: [
            ledger.submit_then(delivered(item.id), lambda _: None) for one in news for item in one.items
        ],
    )
    _says(ledger, "first")
    monkeypatch.setattr(ledger._door, "_taken", hand_over)
    _says(ledger, "second")
    until(lambda: "second" in decided)
    assert decided == ["first", "second"]
    assert not ledger._local


def test_an_owner_that_was_told_to_look_takes_nothing_that_came_later_before() -> None:
    one = Owner("", member="a", decide=lambda *_: None, local={}, payloads=None, awaited=None)  # type: ignore
    one._own.add(range(SHARDS))
    one._taking.has_to_look = False
    asked: list[list[int]] = []

    class Asked:
        def execute(self, _: str, values: tuple[list[int]]) -> Answer:
            asked.append(values[0])
            return Answer([], 0)

    for told in ("1:0,2:0", LOOK, "3:0"):
        one.told(told)
    one._from_doors(Asked())  # type: ignore
    assert asked == [[1, 2]]
    assert one._taking.has_to_look
