"""Core and SQLite ledger against a model that is nothing but dictionaries, with crashes at any point.

Hooks, agents' events, results of effects, repeats, failing commits and crashes come in any order. No acknowledged input is
lost, none is decided twice, every lane keeps its order, and after a crash the store says exactly what the model says.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import uuid
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from botkit.errors import LedgerError
from botkit.handoff.conversation import Access, Conversation, ConversationId, Instant
from botkit.handoff.decide import decide
from botkit.handoff.effects import (
    AskRouting,
    OpenAccess,
    SendToAgent,
    SendToUser,
    StartSession,
)
from botkit.handoff.events import (
    AccessGranted,
    AgentJoined,
    AgentLeft,
    AgentSaid,
    AgentSessionEnded,
    AgentsLost,
    AgentTransfer,
    BotMessage,
    Content,
    Event,
    LossReason,
    MessageAccepted,
    MetaInfo,
    PlatformSessionClosed,
    PositionAdvanced,
    RoutingKnown,
    SessionStarted,
    TimerFired,
    TransferStarted,
    UserLost,
    UserMessage,
    UserProfile,
    UserTyping,
)
from botkit.ledger.interface import Committed, HookBody, Input
from botkit.ledger.sqlite import SqliteLedger
from botkit.ledger.sqlite.store import Store
from tests.properties.ledger_model import RULES, Model, Row, Writer

BOT = "st-1"
CHANNELS = st.sampled_from(["rtm", "rtm", "whatsapp", ""])
SESSIONS = st.sampled_from(["", "first", "second"])
PEOPLE = st.sampled_from(["ada", "bob", "eve"])


class Ledgers(RuleBasedStateMachine):
    """A few people with a few names, channels and sessions each. Rules that carry out heads of lanes play the relay."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="ledger-machine-"))
        self.model = Model()
        self.said: list[Input] = []
        self.decided: list[Conversation] = []
        self.told: list[Committed] = []
        self.clock = 1_000.0
        self.numbers = iter(range(1, 1_000_000))
        self.lives = 0
        Writer.fails = ""
        self.ledger = self.start(self.folder / "0.db")

    def teardown(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def stop(self) -> None:
        """Close the ledger; the relay must have been told of every decision once, in order."""
        self.ledger.close()
        assert [one.conversation for one in self.told if not one.duplicate] == self.decided

    def start(self, path: Path) -> SqliteLedger:
        self.path = path
        ledger = SqliteLedger(
            f"sqlite:///{path}",
            lambda conversation, event: decide(RULES, conversation, event),
            lock_timeout_seconds=0,
        )
        writer = Store.writer
        with patch.object(Store, "writer", lambda store: Writer(writer(store))):
            ledger.start(self.told.extend)
        return ledger

    # --- making inputs

    def happening(self) -> dict[str, Any]:
        self.clock += 0.5
        number = next(self.numbers)
        return {"key": f"k{number}", "at": Instant(self.clock)}

    def hook(self, kind: str, who: str, *, by_phone: bool, channel: str = "rtm", session: str = "") -> Input:
        """A hook under the platform's user id, or under the channel's address alone. It may name no channel or no session."""
        at = {**self.happening(), "sessions": (session,) if session else ()}
        event: Event
        match kind:
            case "user":
                event = UserMessage(**at, text=f"text {at['key']}", agent_transfer=None)
            case "end word":
                event = UserMessage(**at, text="bye", agent_transfer=True)
            case "lost":
                event = UserMessage(**at, text=f"text {at['key']}", agent_transfer=True)
            case "bot":
                event = BotMessage(**at, text="hello")
            case "transfer":
                session_id = str(uuid.UUID(int=next(self.numbers), version=4))
                event = AgentTransfer(
                    **at,
                    session_id=session_id,
                    profile=UserProfile(user_id=who, first_name=who, language="en", session_id=session),
                    meta_infos=(("miawMetaInfo", MetaInfo(end_word="bye")),),
                )
            case "closed":
                event = PlatformSessionClosed(**at)
            case _:
                event = UserTyping(**at, started=True)
        names = (f"+{who}",) if by_phone else (f"u-{who}", f"+{who}")
        return Input(
            ConversationId(BOT, names[0], channel),
            event,
            hook=HookBody(f"{at['key']}".encode()),
            aliases=names[1:],
        )

    def from_agents(self, kind: str, conversation: Conversation) -> Input:
        assert conversation.session is not None
        number = next(self.numbers)
        at = {
            **self.happening(),
            "session_id": conversation.session.id,
            "position": str(number),
            "high_water_ms": number,
        }
        event: Event
        match kind:
            case "said":
                event = AgentSaid(**at, content=Content(text=f"said {number}"), agent_name="Jane")
            case "joined":
                event = AgentJoined(**at, subject="005A", name="Jane")
            case "left":
                event = AgentLeft(**at, subject="005A", name="Jane")
            case "transfer":
                event = TransferStarted(**at)
            case "ended":
                event = AgentSessionEnded(**at)
            case _:
                event = PositionAdvanced(**at)
        return Input(conversation.id, event)

    def result(self, row: Row, *, good: bool) -> Event | None:
        at = self.happening()
        effect = row.effect
        match effect:
            case OpenAccess() | StartSession() | SendToAgent() | AskRouting() if not good:
                return AgentsLost(**at, session_id=effect.session_id, why=LossReason.UNREACHABLE)
            case OpenAccess():
                expires = Instant(self.clock + 900)
                return AccessGranted(
                    **at, session_id=effect.session_id, access=Access("token", "0"), expires_at=expires
                )
            case StartSession():
                return SessionStarted(**at, session_id=effect.session_id)
            case SendToAgent():
                return MessageAccepted(**at, session_id=effect.session_id, message_id=effect.message_id)
            case AskRouting():
                return RoutingKnown(**at, session_id=effect.session_id, status="over")
            case SendToUser() if not good:
                session = self.model.state(row.conversation_id).session
                return UserLost(**at, session_id=session.id) if session is not None else None
            case _:
                return None

    # --- giving them to both

    def submit(self, input: Input, settled: Sequence[Row] = ()) -> None:
        committed = self.ledger.submit(input).result(10)
        self.same(input, committed, settled)

    def same(self, input: Input, committed: Committed, settled: Sequence[Row]) -> None:
        if input.event is None:
            for row in settled:
                self.model.outbox.remove(row)
            return
        where = self.model.whose(input)
        fresh = self.model.apply(input, settled)
        assert committed.duplicate is not fresh
        if fresh:
            self.said.append(input)
            self.decided += map(self.model.state, where)
            assert committed.conversation == self.model.state(where[0])

    @rule(
        kind=st.sampled_from(
            ["user", "user", "transfer", "transfer", "bot", "end word", "lost", "closed", "typing"]
        ),
        who=PEOPLE,
        by_phone=st.booleans(),
        channel=CHANNELS,
        session=SESSIONS,
    )
    def a_hook_comes(self, kind: str, who: str, by_phone: bool, channel: str, session: str) -> None:
        self.submit(self.hook(kind, who, by_phone=by_phone, channel=channel, session=session))

    @rule(
        kinds=st.lists(st.sampled_from(["user", "transfer", "end word"]), min_size=2, max_size=6), who=PEOPLE
    )
    def several_come_at_once(self, kinds: list[str], who: str) -> None:
        input = [self.hook(kind, who, by_phone=False) for kind in kinds]
        input += input[:2]
        futures = [self.ledger.submit(one) for one in input]
        for one, future in zip(input, futures, strict=True):
            self.same(one, future.result(10), ())

    @precondition(lambda self: self.said)
    @rule(which=st.integers(min_value=0))
    def an_earlier_input_comes_again(self, which: int) -> None:
        input = self.said[which % len(self.said)]
        self.submit(Input(input.conversation_id, input.event, input.hook, input.aliases))

    @precondition(lambda self: self.model.live())
    @rule(
        kind=st.sampled_from(["said", "joined", "left", "transfer", "ended", "noticed"]), which=st.integers(0)
    )
    def the_agents_side_says(self, kind: str, which: int) -> None:
        live = self.model.live()
        self.submit(self.from_agents(kind, live[which % len(live)]))

    @precondition(lambda self: self.model.outbox)
    @rule(which=st.integers(0), good=st.sampled_from([True, True, True, False]))
    def the_head_of_a_lane_is_carried_out(self, which: int, good: bool) -> None:
        lanes = list(dict.fromkeys((row.conversation_id, row.lane) for row in self.model.outbox))
        chosen = lanes[which % len(lanes)]
        row = next(row for row in self.model.outbox if (row.conversation_id, row.lane) == chosen)
        item = next(item for item in self.ledger.undelivered() if (item.conversation_id, item.lane) == chosen)
        assert item.effect == row.effect
        input = Input(row.conversation_id, self.result(row, good=good), completes=(item.id,))
        self.submit(input, [row])

    @precondition(lambda self: any(one.session.timers for one in self.model.live() if one.session))
    @rule(which=st.integers(0))
    def a_timer_comes_due(self, which: int) -> None:
        timers = [
            (one, timer)
            for one in self.model.live()
            if one.session is not None
            for timer in one.session.timers
        ]
        conversation, timer = timers[which % len(timers)]
        assert conversation.session is not None
        fired = TimerFired(
            key="", at=timer.due, session_id=conversation.session.id, name=timer.name, due=timer.due
        )
        self.submit(Input(conversation.id, fired))

    # --- what goes wrong

    @rule(who=PEOPLE, kind=st.sampled_from(["user", "transfer", "end word"]))
    def a_commit_fails_and_the_platform_tries_again(self, who: str, kind: str) -> None:
        input = self.hook(kind, who, by_phone=False)
        Writer.fails = "before"
        with pytest.raises(LedgerError):
            self.ledger.submit(input).result(10)
        assert not self.ledger.healthy()
        self.submit(input)
        assert self.ledger.healthy()

    @rule(who=PEOPLE, kind=st.sampled_from(["user", "transfer", "end word"]), again=st.booleans())
    def it_dies_before_or_after_a_commit_that_nobody_heard_of(self, who: str, kind: str, again: bool) -> None:
        input = self.hook(kind, who, by_phone=False)
        Writer.fails = "after" if again else "before"
        with pytest.raises(LedgerError):
            self.ledger.submit(input).result(10)
        self.crash()
        if again:
            self.model.apply(input, ())
            self.said.append(input)
        self.submit(input)

    @rule()
    def crash(self) -> None:
        """kill -9: what the next process finds is what is in the files now."""
        self.lives += 1
        copy = self.folder / f"{self.lives}.db"
        for suffix in ("", "-wal"):
            if (source := Path(f"{self.path}{suffix}")).exists():
                shutil.copyfile(source, f"{copy}{suffix}")
        self.stop()
        self.ledger = self.start(copy)

    @rule()
    def stop_and_start_in_good_order(self) -> None:
        self.stop()
        self.ledger = self.start(self.path)
        assert self.ledger.possible_duplicates == 0

    # --- what must be true all the time

    @invariant()
    def every_lane_holds_what_was_decided_in_order(self) -> None:
        items = list(self.ledger.undelivered())
        ids = [item.id for item in items]
        assert ids == sorted(set(ids))
        assert [
            Row(one.conversation_id, one.lane, one.effect, one.hook) for one in items
        ] == self.model.outbox
        assert self.ledger.depth == len(items)

    @invariant()
    def every_conversation_is_as_the_rules_left_it(self) -> None:
        for conversation_id, conversation in self.model.conversations.items():
            assert (
                self.ledger.conversation(conversation_id) or Conversation(conversation_id)
            ) == conversation
        assert sorted(self.ledger.open_conversations(), key=lambda one: one.id) == sorted(
            self.model.live(), key=lambda one: one.id
        )

    @invariant()
    def who_has_a_session_can_be_addressed_by_the_newest_payload(self) -> None:
        for conversation in self.model.live():
            assert self.ledger.newest_hook(conversation.id) == self.model.newest[conversation.id]

    @invariant()
    def the_file_holds_no_more_than_that(self) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            (rows,) = connection.execute("SELECT count(*) FROM inbox").fetchone()
        assert rows == len(self.model.keys)


TestLedgers = Ledgers.TestCase
TestLedgers.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
