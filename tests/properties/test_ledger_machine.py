"""Core and ledger, on each kind of store, against a model that is nothing but dictionaries, with crashes at any point.

Hooks, agents' events, results of effects, repeats, failing commits and crashes come in any order. No acknowledged input is
lost, none is decided twice, every lane keeps its order, and after a crash the store says exactly what the model says.
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from botkit.errors import LedgerError
from botkit.handoff.conversation import Access, Conversation, ConversationId, Instant
from botkit.handoff.decide import decide
from botkit.handoff.decision import Decision
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
from tests.ledger.ledger_stage import SqliteStage, Stage
from tests.ledger.postgresql_stage import PostgresqlStage
from tests.postgresql import Server
from tests.properties.ledger_model import RULES, Model, Row, Writer

BOT = "st-1"
CHANNELS = st.sampled_from(["rtm", "rtm", "whatsapp", ""])
SESSIONS = st.sampled_from(["", "first", "second"])
PEOPLE = st.sampled_from(["ada", "bob", "eve"])


class Ledgers(RuleBasedStateMachine):
    """A few people with a few names, channels and sessions each. Rules that carry out heads of lanes play the relay."""

    stage: Stage

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.said: list[Input] = []
        self.decided: list[Conversation] = []
        self.clock = 1_000.0
        self.numbers = iter(range(1, 1_000_000))

    def teardown(self) -> None:
        try:
            self.compare_with_what_was_told()
        finally:
            self.stage.finish()

    def compare_with_what_was_told(self) -> None:
        """The relay must have been told of every decision once, in order, since the last start."""
        self.stage.settle()
        told = [one.conversation for one in self.stage.news() if not one.duplicate]
        assert told == self.decided
        self.forget_what_was_told()

    def forget_what_was_told(self) -> None:
        self.stage.relay.told.clear()
        self.decided.clear()

    def has_started_again(self) -> None:
        """A start may tell again of messages that are passed on."""
        self.stage.settle()
        self.forget_what_was_told()

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
        self.same(input, self.stage.submit(input), settled)

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
        for one, committed in zip(input, self.stage.submit_together(input), strict=True):
            self.same(one, committed, ())

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
        items = self.stage.undelivered()
        item = next(item for item in items if (item.conversation_id, item.lane) == chosen)
        assert item.effect == row.effect
        input = Input(row.conversation_id, self.result(row, good=good), completes=(item.id,))
        self.carry_out(input, row)

    def carry_out(self, input: Input, row: Row) -> None:
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

    @precondition(lambda self: self.decided)
    @rule()
    def crash(self) -> None:
        """kill -9: the next process finds what is in the store now."""
        self.compare_with_what_was_told()
        self.stage.crash()
        self.has_started_again()

    @precondition(lambda self: self.decided)
    @rule()
    def stop_and_start_in_good_order(self) -> None:
        self.compare_with_what_was_told()
        self.stage.reopen()
        assert self.stage.in_doubt() == []
        self.has_started_again()

    # --- what must be true all the time

    @invariant()
    def every_lane_holds_what_was_decided_in_order(self) -> None:
        items = self.stage.undelivered()
        assert len({item.id for item in items}) == len(items)
        found = [Row(one.conversation_id, one.lane, one.effect, one.hook) for one in items]
        assert by_conversation(found) == by_conversation(self.model.outbox)
        assert self.stage.ledger.depth == len(items)

    @invariant()
    def every_conversation_is_as_the_rules_left_it(self) -> None:
        for conversation_id, conversation in self.model.conversations.items():
            stored = self.stage.ledger.conversation(conversation_id)
            assert (stored or Conversation(conversation_id)) == conversation
        assert sorted(self.stage.ledger.open_conversations(), key=lambda one: one.id) == sorted(
            self.model.live(), key=lambda one: one.id
        )

    @invariant()
    def who_has_a_session_can_be_addressed_by_the_newest_payload(self) -> None:
        for conversation in self.model.live():
            assert self.stage.ledger.newest_hook(conversation.id) == self.model.newest[conversation.id]

    @invariant()
    def the_store_holds_no_more_keys_than_inputs(self) -> None:
        assert self.stage.count_keys() == len(self.model.keys)


class SqliteLedgers(Ledgers):
    """On a file. Commits fail, too, and their callers are told."""

    stage: FailingSqliteStage

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="ledger-machine-"))
        Writer.fails = ""
        self.stage = FailingSqliteStage(self.folder)
        self.stage.decide = decide_as_the_model

    def teardown(self) -> None:
        super().teardown()
        shutil.rmtree(self.folder)

    @rule(who=PEOPLE, kind=st.sampled_from(["user", "transfer", "end word"]))
    def a_commit_fails_and_the_platform_tries_again(self, who: str, kind: str) -> None:
        input = self.hook(kind, who, by_phone=False)
        Writer.fails = "before"
        with pytest.raises(LedgerError):
            self.stage.submit(input)
        assert not self.stage.ledger.healthy()
        self.submit(input)
        assert self.stage.ledger.healthy()

    @rule(who=PEOPLE, kind=st.sampled_from(["user", "transfer", "end word"]), again=st.booleans())
    def it_dies_before_or_after_a_commit_that_nobody_heard_of(self, who: str, kind: str, again: bool) -> None:
        input = self.hook(kind, who, by_phone=False)
        Writer.fails = "after" if again else "before"
        with pytest.raises(LedgerError):
            self.stage.submit(input)
        self.crash()
        if again:
            self.model.apply(input, ())
            self.said.append(input)
        self.submit(input)

    @invariant()
    def effects_are_numbered_in_the_order_of_the_decisions(self) -> None:
        items = self.stage.undelivered()
        assert [item.id for item in items] == sorted(item.id for item in items)
        assert [item.effect for item in items] == [row.effect for row in self.model.outbox]


class PostgresqlLedgers(Ledgers):
    """On PostgreSQL. Connections break around commits, and the ledger itself finds out what has become of them."""

    stage: PostgresqlStage
    server: ClassVar[Server]

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.stage = PostgresqlStage(self.server, self.patch)
        self.stage.decide = decide_as_the_model

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            self.patch.undo()

    @rule(
        who=PEOPLE,
        kind=st.sampled_from(["user", "transfer", "end word"]),
        where=st.sampled_from(["door", "owner"]),
        when=st.sampled_from(["before", "after"]),
    )
    def a_connection_breaks_at_the_commit_of_a_hook(self, who: str, kind: str, where: str, when: str) -> None:
        input = self.hook(kind, who, by_phone=False)
        with self.stage.cut(where, when):
            assert not self.stage.ledger.submit(input).result(10).duplicate
            self.stage.settle()
        self.model.apply(input, ())
        self.said.append(input)
        self.has_started_again()

    @precondition(lambda self: self.model.outbox)
    @rule(which=st.integers(0), when=st.sampled_from(["before", "after"]))
    def a_connection_breaks_at_the_commit_of_an_outcome(self, which: int, when: str) -> None:
        self.breaks = when
        self.the_head_of_a_lane_is_carried_out(which, good=True)

    breaks = ""

    def carry_out(self, input: Input, row: Row) -> None:
        when, self.breaks = self.breaks, ""
        if not when:
            super().carry_out(input, row)
            return
        with self.stage.cut("owner", when):
            with pytest.raises(LedgerError):
                self.stage.submit(input)
            self.stage.settle()
        again = self.stage.submit(input)
        if input.event is None:
            self.model.outbox.remove(row)
        else:
            assert again.duplicate is (when == "after")
            self.model.apply(input, [row])
            self.said.append(input)
        self.has_started_again()


def decide_as_the_model(conversation: Conversation, event: Event) -> Decision:
    return decide(RULES, conversation, event)


def by_conversation(rows: Sequence[Row]) -> dict[ConversationId, list[Row]]:
    found: dict[ConversationId, list[Row]] = {}
    for row in rows:
        found.setdefault(row.conversation_id, []).append(row)
    return found


class FailingSqliteStage(SqliteStage):
    """Its ledger's connection is a `Writer`."""

    def open(self) -> SqliteLedger:
        writer = Store.writer
        with patch.object(Store, "writer", lambda store: Writer(writer(store))):
            return super().open()


@pytest.fixture(scope="module")
def server(postgresql: Server) -> None:
    PostgresqlLedgers.server = postgresql


def settled(**more: Any) -> settings:
    return settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], **more)


TestSqliteLedgers = SqliteLedgers.TestCase
TestSqliteLedgers.settings = settled(max_examples=25, stateful_step_count=30)


TestPostgresqlLedgers = pytest.mark.cluster(pytest.mark.usefixtures("server")(PostgresqlLedgers.TestCase))
TestPostgresqlLedgers.settings = settled(
    # A failure is shown as it was found: making it shorter would take minutes.
    max_examples=8,
    stateful_step_count=25,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
