"""What comes from a machine with another clock: timers are not early here, and it is known how long ago effects were stored."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from msgspec.structs import replace

from botkit.boottime import boottime
from botkit.handoff.conversation import (
    AgentSession,
    Conversation,
    ConversationId,
    DeferredHook,
    Instant,
    Phase,
    Timer,
)
from botkit.handoff.decision import Decision
from botkit.handoff.effects import SendToUser
from botkit.handoff.events import AgentTransfer, Content, Event, OtherHook, UserMessage, UserProfile
from botkit.ledger.interface import HookBody, Input
from botkit.ledger.postgresql.ledger import PostgresLedger
from botkit.ledger.postgresql.other_clocks import by_this_clock
from botkit.ledger.postgresql.shards import SHARDS
from botkit.testing.waiting import until
from tests.ledger.ledger_stage import BOT, SESSION, Relay
from tests.postgresql import Server

HOURS = 3_600.0
ADA = ConversationId(BOT, "u-ada")
NOON = Instant(1_000_000.0)


def with_timers(due: Instant) -> Conversation:
    session = AgentSession(
        SESSION, "salesforce", Phase.OPENING, NOON, "en", timers=(Timer("accept", due, 300.0),)
    )
    return Conversation(ADA, session=session, deferred=DeferredHook("r-1", due, seconds=300.0))


@pytest.mark.parametrize(
    ("ahead", "theirs", "later"),
    [
        (0.0, -9 * HOURS, 9 * HOURS),
        (2 * HOURS, 0.0, 2 * HOURS),
        (0.0, 0.0, 0.0),
        (0.4, -0.4, 0.0),
        (0.0, 9 * HOURS, 0.0),
        (-9 * HOURS, 0.0, 0.0),
        (9 * HOURS, None, 0.0),
    ],
)
def test_timers_become_later_by_this_clock_and_never_earlier(
    ahead: float, theirs: float | None, later: float
) -> None:
    found = by_this_clock(with_timers(NOON), ahead=ahead, theirs=theirs)
    assert found == with_timers(Instant(NOON + later))


def test_a_conversation_without_timers_stays_as_it_is() -> None:
    found = by_this_clock(Conversation(ADA, ended_at=NOON), ahead=0.0, theirs=-9 * HOURS)
    assert found == Conversation(ADA, ended_at=NOON)


class Machine:
    """A ledger on a machine whose clock is as many hours ahead, and its relay."""

    def __init__(self, url: str, hours: float) -> None:
        self.ahead = hours * HOURS
        self.relay = Relay()
        self.ledger = PostgresLedger(url, self._decide)
        self.ledger._owner._own._wall = self.now

    def now(self) -> float:
        return time.time() + self.ahead

    def start(self) -> None:
        self.ledger.start(self.relay.on_commit, self.relay)
        until(lambda: len(self.ledger._owner.shards) == SHARDS, "for the shards")

    def transfers(self, one: ConversationId) -> None:
        at = Instant(self.now())
        event = AgentTransfer(key=one.user_id, at=at, session_id=SESSION, profile=UserProfile())
        self.ledger.submit(Input(one, event, HookBody(b"{}"))).result(10)
        until(lambda: self.ledger.conversation(one) is not None, "for the hand-off")

    def changes(self, one: ConversationId, language: str) -> None:
        """Its state is stored anew, and its timers stay."""
        event = OtherHook(key=language, at=Instant(self.now()), name=language)
        self.ledger.submit(Input(one, event, HookBody(b"{}"))).result(10)
        until(lambda: self.session_of(one).language == language, "for the change")

    def says(self, one: ConversationId, text: str) -> None:
        """Something for the user is in the outbox."""
        event = UserMessage(key=text, at=Instant(self.now()), text=text, agent_transfer=None)
        self.ledger.submit(Input(one, event, HookBody(b"{}"))).result(10)
        until(lambda: bool(self.relay.items), "for the effect")

    def session_of(self, one: ConversationId) -> AgentSession:
        found = self.ledger.conversation(one)
        assert found is not None
        assert found.session is not None
        return found.session

    def due_in(self, one: ConversationId) -> float:
        """In how many seconds the timer of a conversation is due, by this machine's clock."""
        (timer,) = self.session_of(one).timers
        return timer.due - self.now()

    def _decide(self, conversation: Conversation, event: Event) -> Decision:
        if isinstance(event, OtherHook):
            assert conversation.session is not None
            return Decision(replace(conversation, session=replace(conversation.session, language=event.name)))
        if isinstance(event, UserMessage):
            return Decision(conversation, (SendToUser(Content(event.text or "")),))
        session = AgentSession(SESSION, "salesforce", Phase.OPENING, event.at, "en")
        timer = Timer("accept", Instant(self.now() + 300.0), 300.0)
        return Decision(replace(conversation, session=replace(session, timers=(timer,))))


Start = Callable[[float], Machine]


@pytest.fixture
def start(postgresql: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts a machine whose clock is as many hours ahead, after the one before has stopped."""
    monkeypatch.setattr("botkit.ledger.postgresql.owner.TURN_SECONDS", 0.02)
    url, started = postgresql.empty(), list[Machine]()

    def start(hours: float) -> Machine:
        for former in started:
            former.ledger.close()
        started.append(Machine(url, hours))
        started[-1].start()
        return started[-1]

    yield start
    started[-1].ledger.close()


@pytest.mark.parametrize(("there", "here"), [(-9, 0), (0, 9), (-9, 9), (0, 0)])
def test_the_timers_of_a_session_are_due_when_they_would_have_been(
    start: Start, there: float, here: float
) -> None:
    start(there).transfers(ADA)
    assert start(here).due_in(ADA) == pytest.approx(300.0, abs=120.0)


def test_a_state_that_another_machine_has_changed_goes_by_that_ones_clock(start: Start) -> None:
    start(-9).transfers(ADA)
    start(0).changes(ADA, "de")
    assert start(2).due_in(ADA) == pytest.approx(300.0, abs=120.0)


@pytest.mark.parametrize("hours", [-9, 0, 9])
def test_it_is_known_since_when_an_effect_of_another_machine_is_stored(start: Start, hours: float) -> None:
    former = start(hours)
    before = boottime()
    former.says(ADA, "hello")
    stored = boottime()
    (item,) = start(0).relay.items.values()
    assert before - 1.0 < item.stored_at < stored + 1.0
