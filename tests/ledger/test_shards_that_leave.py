"""An owner that gives shards up while its connection breaks, or while it has missed notifications."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from botkit.handoff.conversation import AgentSession, Conversation, ConversationId, Instant, Phase
from botkit.handoff.decision import Decision
from botkit.handoff.effects import PassToBot
from botkit.handoff.events import Event, UserMessage
from botkit.ledger.interface import HookBody, Input, OutboxItem
from botkit.ledger.postgresql import holdings, owner
from botkit.ledger.postgresql.database import connect
from botkit.ledger.postgresql.door import Door
from botkit.ledger.postgresql.given import given_by
from botkit.ledger.postgresql.ledger import PostgresLedger
from botkit.ledger.postgresql.ownership import Ownership
from botkit.ledger.postgresql.shards import SHARDS, shard_of
from botkit.ledger.receipts import Receipt
from botkit.testing.waiting import until
from tests.postgresql import Server

BOT = "st-0a1b2c3d-1111-5222-8333-444455556666"


def _somebody_in(shard: int) -> ConversationId:
    users = (ConversationId(BOT, f"u-{number}") for number in itertools.count())
    return next(one for one in users if shard_of(one) == shard)


ADA, EVE = _somebody_in(0), _somebody_in(SHARDS - 1)
"""Shards are given up from the highest number on."""
HAND_OVER = "an agent, please"


class Moves:
    """A relay that lets go when it is told to."""

    def __init__(self) -> None:
        self.lost: list[tuple[Callable[[ConversationId], bool], bool, Future[None]]] = []
        self.gains = 0
        self.told_gone = 0
        self.at_once = True
        """Whether it lets go at once of what another has already."""
        self.asked = 0
        """How often it was asked whether it is catching up."""
        self.catches_up = False

    def gain(
        self, undelivered: Sequence[OutboxItem], conversations: Sequence[Conversation], **_: object
    ) -> None:
        self.gains += 1

    def is_catching_up(self) -> bool:
        self.asked += 1
        return self.catches_up

    def lose(self, leaves: Callable[[ConversationId], bool], *, orderly: bool) -> Future[None]:
        let_go: Future[None] = Future()
        self.lost.append((leaves, orderly, let_go))
        if not orderly and self.at_once:
            let_go.set_result(None)
        return let_go

    def gone(self) -> None:
        self.told_gone += 1


@pytest.fixture
def decided() -> list[str | None]:
    return []


@pytest.fixture
def moves() -> Moves:
    return Moves()


@pytest.fixture
def ledger(
    postgresql: Server, decided: list[str | None], moves: Moves, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PostgresLedger]:
    monkeypatch.setattr(owner, "TURN_SECONDS", 0.02)
    monkeypatch.setattr(owner, "_RETRY_SECONDS", 0.01)
    monkeypatch.setattr("botkit.ledger.postgresql.ownership.PREFERRED_SECONDS", 0.0)

    def decide(conversation: Conversation, event: Event) -> Decision:
        assert isinstance(event, UserMessage)
        decided.append(event.text)
        if event.text == HAND_OVER:
            session = AgentSession(str(conversation.id), "salesforce", Phase.ACTIVE, event.at, "en")
            return Decision(replace(conversation, session=session))
        return Decision(conversation, (PassToBot(),))

    ledger = PostgresLedger(postgresql.empty(), decide)
    ledger.start(lambda _: None, moves)
    until(lambda: len(ledger._owner._own.shards) == SHARDS, "until it owns every shard")
    try:
        yield ledger
    finally:
        for _, _, let_go in moves.lost:
            if not let_go.done():
                let_go.set_result(None)
        ledger.close()


@contextmanager
def _another_member(url: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(url, "owner another") as another:
        yield another


def _take_what_is_free(another: psycopg.Connection[Any], ledger: PostgresLedger) -> None:
    """Let the other member have the shards that nobody has."""
    free = sorted(set(range(SHARDS)) - ledger._owner._own.shards)
    Ownership("another").claim(another, free)


def _pass_turns(moves: Moves) -> None:
    """Wait until the owner has looked how many processes there are, twice from now on."""
    before = moves.asked
    until(lambda: moves.asked > before + 2, "for two turns")


def _input(one: ConversationId, text: str) -> Input:
    event = UserMessage(key=text, at=Instant(1.0), text=text, agent_transfer=None)
    return Input(one, event, HookBody(text.encode()))


def _hand_over(ledger: PostgresLedger, *users: ConversationId) -> None:
    """Each has an agent session, as the owner knows it: a hook is acknowledged before that."""
    for one in users:
        ledger.submit(_input(one, HAND_OVER)).result(10)
    remembered = ledger._owner._held.remembered
    until(lambda: sum(one.conversation.open for one in remembered.all()) == len(users), "for all decisions")


def test_what_was_missed_is_decided_first_while_other_shards_leave(
    ledger: PostgresLedger,
    decided: list[str | None],
    moves: Moves,
    postgresql: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(owner, "LOOK_SECONDS", 1_000.0)
    with _another_member(postgresql.url):
        until(lambda: moves.lost, "for it to give shards up")
        dies = Door(postgresql.url, taken=lambda _: None, answers=lambda *_: None)
        dies._store([given_by(_input(ADA, "first"), Receipt(lambda _: None))])
        dies._disconnect()
        assert ledger.submit(_input(ADA, "first")).result(10).duplicate
        ledger.submit(_input(ADA, "second")).result(10)
        until(lambda: "second" in decided, "for the second to be decided")
        assert decided == ["first", "second"]


def test_shards_that_were_leaving_when_the_connection_broke_are_served_again(
    ledger: PostgresLedger, decided: list[str | None], moves: Moves, postgresql: Server
) -> None:
    ends = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name "
    with _another_member(postgresql.url), connect(postgresql.url, "witness") as witness:
        until(lambda: moves.lost, "for it to give shards up")
        gains = moves.gains
        witness.execute(ends + "= 'botkit owner another'")
        witness.execute(ends + "LIKE 'botkit owner %'")
        ledger.submit(_input(EVE, "hello")).result(10)
        until(lambda: "hello" in decided, "for the message to be decided")
        assert moves.gains > gains


def test_the_relay_is_told_when_the_shards_that_left_are_gone(
    ledger: PostgresLedger, moves: Moves, postgresql: Server
) -> None:
    with _another_member(postgresql.url):
        until(lambda: moves.lost, "for it to give shards up")
        assert not moves.told_gone
        moves.lost[0][2].set_result(None)
        until(lambda: len(ledger._owner._own.shards) == SHARDS // 2, "for them to be given up")
        until(lambda: moves.told_gone, "for the relay to be told")


def test_the_session_is_not_silent_while_the_relay_lets_go(
    ledger: PostgresLedger, moves: Moves, postgresql: Server
) -> None:
    """The server would end it, and all other shards would be lost with those that leave."""
    words = set[float]()

    def has_spoken() -> bool:
        words.add(ledger._owner._own._heard)
        return len(words) > 3

    with _another_member(postgresql.url):
        until(lambda: moves.lost, "for it to give shards up")
        until(has_spoken, "for some words to the server", seconds=5)
    assert not moves.lost[0][2].done()


def test_shards_that_the_relay_does_not_let_go_of_are_not_left_in_good_order(
    ledger: PostgresLedger, postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, "LEAVE_SECONDS", 0.0)
    with _another_member(postgresql.url) as another:
        until(lambda: len(ledger._owner._own.shards) < SHARDS, "for it to give shards up")
        clean = another.execute("SELECT clean FROM shards WHERE shard = %s", (SHARDS - 1,)).fetchone()
        assert clean == (False,)


def test_nothing_is_attempted_after_a_cut_off_before_the_relay_lets_go_of_what_others_have(
    ledger: PostgresLedger, moves: Moves, postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_connect = threading.Event()

    def connect_again(url: str, purpose: str, **more: Any) -> psycopg.Connection[Any]:
        may_connect.wait(10)
        return connect(url, purpose, **more)

    monkeypatch.setattr(owner, "connect", connect_again)
    moves.at_once = False
    with connect(postgresql.url, "witness") as witness, connect(postgresql.url, "a pooler") as session:
        witness.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name LIKE 'botkit owner %'"
        )
        until(lambda: not ledger.may_act(), "until it knows")
        assert set(Ownership("other").claim(session, [0])) == {0}
        may_connect.set()
        until(lambda: moves.lost, "for the relay to be told")
        assert not ledger.may_act()
        _, _, let_go = moves.lost[0]
        let_go.set_result(None)
        until(ledger.may_act, "for the other shards to be attempted")


def test_shards_with_many_conversations_are_given_up_a_few_at_a_time(
    ledger: PostgresLedger, moves: Moves, postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdings, "MOVED_AT_ONCE", 2)
    numbers = [SHARDS - 1, SHARDS - 3, SHARDS - 5, SHARDS - 6]
    users = {shard: _somebody_in(shard) for shard in numbers}
    _hand_over(ledger, *users.values())
    with _another_member(postgresql.url) as another:
        for leaving in ({SHARDS - 1, SHARDS - 3}, {SHARDS - 5, SHARDS - 6}):
            until(lambda: moves.lost, "for it to give shards up")
            leaves, _, let_go = moves.lost.pop()
            assert {shard for shard, one in users.items() if leaves(one)} == leaving
            owned = len(ledger._owner._own.shards)
            let_go.set_result(None)
            until(lambda owned=owned: len(ledger._owner._own.shards) < owned, "for them to be given up")  # type: ignore[misc]
            _take_what_is_free(another, ledger)
        until(lambda: len(ledger._owner._own.shards) == SHARDS // 2, "for it to give up its half")


def test_nothing_more_is_given_up_before_somebody_has_taken_what_was(
    ledger: PostgresLedger, moves: Moves, postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdings, "MOVED_AT_ONCE", 0)
    _hand_over(ledger, EVE, _somebody_in(SHARDS - 2))
    with _another_member(postgresql.url) as another:
        until(lambda: moves.lost, "for it to give a shard up")
        moves.lost.pop()[2].set_result(None)
        until(lambda: len(ledger._owner._own.shards) == SHARDS - 1, "for it to be given up")
        _pass_turns(moves)
        assert not moves.lost
        _take_what_is_free(another, ledger)
        until(lambda: moves.lost, "for it to give up another")


def test_nothing_more_is_given_up_while_others_open_streams(
    ledger: PostgresLedger, moves: Moves, postgresql: Server
) -> None:
    own = Ownership("third")
    with connect(postgresql.url, "a third member") as third:
        own.say_catching_up(third, True)
        with _another_member(postgresql.url):
            _pass_turns(moves)
            assert not moves.lost
            own.say_catching_up(third, False)
            until(lambda: moves.lost, "for it to give shards up")


def test_a_process_says_for_how_long_it_opens_streams(
    ledger: PostgresLedger, moves: Moves, postgresql: Server
) -> None:
    witness = Ownership("witness")
    with connect(postgresql.url, "a pooler") as session:

        def seen() -> bool:
            witness.turn(session)
            return witness.others_catch_up

        until(lambda: not seen(), "for it to have caught up after its start")
        moves.catches_up = True
        until(seen, "for it to say so")
        moves.catches_up = False
        until(lambda: not seen(), "for it to say that it has caught up")


def test_what_is_taken_on_counts_as_catching_up_at_once(
    ledger: PostgresLedger, moves: Moves, postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its relay has not begun with it yet."""
    said: list[bool] = []
    monkeypatch.setattr(ledger._owner._own, "say_catching_up", lambda _, catches_up: said.append(catches_up))
    with _another_member(postgresql.url):
        until(lambda: moves.lost, "for it to give shards up")
        assert not any(said)
        moves.lost.pop()[2].set_result(None)
        until(lambda: len(ledger._owner._own.shards) == SHARDS // 2, "for them to be given up")
    until(lambda: len(ledger._owner._own.shards) == SHARDS, "for it to take them on again")
    assert any(said)


def test_a_shard_with_too_many_conversations_is_given_up_alone(
    ledger: PostgresLedger, moves: Moves, postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdings, "MOVED_AT_ONCE", 0)
    _hand_over(ledger, EVE, _somebody_in(SHARDS - 2))
    with _another_member(postgresql.url):
        until(lambda: moves.lost, "for it to give shards up")
        leaves, _, _ = moves.lost[0]
        assert [leaves(_somebody_in(shard)) for shard in (SHARDS - 1, SHARDS - 2)] == [True, False]


def test_nothing_is_given_up_before_what_was_taken_on_is_received(
    ledger: PostgresLedger, moves: Moves, postgresql: Server
) -> None:
    """The streams of a process that has ended are opened by all others together, before it gets its share back."""
    moves.catches_up = True
    with _another_member(postgresql.url):
        until(lambda: moves.asked > 1, "for two turns")
        assert not moves.lost
        moves.catches_up = False
        until(lambda: moves.lost, "for it to give shards up")


def test_shards_are_given_up_at_last_although_streams_still_wait(
    ledger: PostgresLedger, moves: Moves, postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, "CATCHES_UP_SECONDS", 0.2)
    moves.catches_up = True
    with _another_member(postgresql.url):
        until(lambda: moves.lost, "for it to give shards up")
    assert moves.asked
