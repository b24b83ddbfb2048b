"""Whatever happens in whatever order: nothing typed or said is lost, repeated or reordered, and every end is complete."""

from __future__ import annotations

import uuid
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from botkit.handoff.conversation import Instant
from botkit.handoff.effects import (
    ArmTimer,
    CancelTimer,
    ClearAgentSession,
    EndSession,
    OpenAccess,
    PassToBot,
    PassToUser,
    SendToAgent,
    SendToUser,
    SkipUserMessage,
    StartSession,
)
from botkit.handoff.events import (
    AgentSaid,
    AgentSessionEnded,
    AgentsLost,
    Content,
    LossReason,
    MetaInfo,
    PlatformSessionClosed,
    RoutingFailed,
    StatusReported,
    TransferStarted,
    UserLost,
)
from tests.handoff.story import Story, rules

AGENTS = st.sampled_from(["005A", "005B"])


class Handoffs(RuleBasedStateMachine):
    """One user through any number of hand-offs; the relay and Salesforce are played by the rules below."""

    def __init__(self) -> None:
        super().__init__()
        self.story = Story(rules(responses={"en": {"messageNotDeliveredMessage": "LOST\n{message}"}}))
        self.typed: list[str] = []
        self.given_back: list[str] = []
        self.agent_said: list[str] = []
        self.sessions = 0
        self.ended = 0
        self.alarms: dict[tuple[str, str], float] = {}
        self.counter = 0
        self.seen = 0

    def step(self, story: Story) -> None:
        """Take in what the last step asked for."""
        had = self.seen
        self.seen = len(story.log)
        for effect in story.log[had:]:
            match effect:
                case ArmTimer(session, name, due):
                    self.alarms[session, name] = due
                case CancelTimer(session, name):
                    self.alarms.pop((session, name), None)
                case SendToUser(content) if content.text.startswith("LOST\n"):
                    self.given_back += content.text.split("\n")[1:]

    @property
    def live(self) -> bool:
        return self.story.conversation.session is not None

    def next(self, prefix: str) -> str:
        self.counter += 1
        return f"{prefix}{self.counter}"

    @rule()
    def transfer(self) -> None:
        was_live = self.live
        self.sessions += not was_live
        meta = MetaInfo(end_word="bye")
        self.step(self.story.transfer(session_id=str(uuid.UUID(int=self.sessions, version=4)), meta=meta))
        assert (len(self.story.of(OpenAccess)) == 1) is not was_live

    @rule(flag=st.sampled_from([None, True]))
    def user_types(self, flag: bool | None) -> None:
        text, was_live = self.next("u"), self.live
        self.step(self.story.user(text, agent_transfer=flag))
        if was_live:
            self.typed.append(text)
            assert self.story.of(PassToBot) == []
        else:
            assert len(self.story.of(PassToBot)) == 1

    @rule()
    def bot_speaks(self) -> None:
        was_live = self.live
        self.step(self.story.bot("hello"))
        assert len(self.story.of(SkipUserMessage)) == was_live
        assert len(self.story.of(PassToUser)) == (not was_live)

    def ends(self, story: Story) -> None:
        self.step(story)
        self.ended += 1
        assert not self.live

    @precondition(lambda self: self.live)
    @rule()
    def user_ends(self) -> None:
        self.ends(self.story.user("Bye ", agent_transfer=True))
        assert len(self.story.of(ClearAgentSession)) == 1

    @precondition(lambda self: self.live)
    @rule()
    def platform_times_out(self) -> None:
        self.story.now += 60
        self.ends(self.story.user("hello bot", agent_transfer=False))
        assert len(self.story.of(PassToBot)) == 1

    @rule()
    def platform_closes(self) -> None:
        was_live = self.live
        self.step(self.story.happens(PlatformSessionClosed(key="", at=Instant(self.story.now))))
        self.ended += was_live
        assert not self.live
        assert len(self.story.of(ClearAgentSession)) == was_live

    @precondition(lambda self: self.live and self.story.session.access is None)
    @rule(expires=st.sampled_from([None, 9_000.0]))
    def access_is_granted(self, expires: float | None) -> None:
        self.step(self.story.granted(expires_at=expires))
        assert len(self.story.of(StartSession)) == 1

    @precondition(lambda self: self.live and self.story.session.access is not None)
    @rule()
    def session_starts(self) -> None:
        self.step(self.story.started())

    @precondition(lambda self: self.live and self.story.session.in_flight != ())
    @rule()
    def agents_side_takes_the_oldest(self) -> None:
        self.step(self.story.took(self.story.session.in_flight[0].message_id))

    @precondition(lambda self: self.live and self.story.session.in_flight != ())
    @rule()
    def agents_side_refuses_the_oldest(self) -> None:
        self.step(self.story.refused(self.story.session.in_flight[0].message_id))
        assert self.live

    @precondition(lambda self: self.live and self.story.session.access is not None)
    @rule(subject=AGENTS)
    def agent_joins(self, subject: str) -> None:
        self.step(self.story.joined(f"Agent {subject}", subject))

    @precondition(lambda self: self.live)
    @rule(subject=AGENTS)
    def agent_leaves(self, subject: str) -> None:
        self.step(self.story.left(f"Agent {subject}", subject))
        assert self.live

    @precondition(lambda self: self.live)
    @rule()
    def agent_speaks(self) -> None:
        text = self.next("a")
        self.agent_said.append(text)
        self.step(self.story.said(text))

    @precondition(lambda self: self.live)
    @rule(event=st.sampled_from([TransferStarted]))
    def transfer_starts(self, event: type[Any]) -> None:
        self.step(self.story.from_agents(event))
        assert self.live

    @precondition(lambda self: self.live)
    @rule(transfer=st.booleans(), final=st.booleans())
    def routing_fails(self, transfer: bool, final: bool) -> None:
        goes_on = transfer or (not final and self.story.session.access is not None)
        self.step(
            self.story.from_agents(RoutingFailed, reason="RoutingError", transfer=transfer, final=final)
        )
        self.ended += not goes_on
        assert self.live is goes_on

    @precondition(lambda self: self.live)
    @rule(status=st.sampled_from(["waiting", "active", "inactive", "searching"]))
    def status_is_reported(self, status: str) -> None:
        self.step(self.story.from_agents(StatusReported, status=status))
        assert self.live

    @precondition(lambda self: self.live and self.story.session.access is not None)
    @rule()
    def somebody_else_ends(self) -> None:
        self.step(self.story.from_agents(AgentSessionEnded, certain=False))
        assert {"settle", "grace"} & set(self.story.timers())

    @precondition(lambda self: self.live)
    @rule(status=st.sampled_from(["searching", "present", "over"]))
    def routing_is_known(self, status: str) -> None:
        self.step(self.story.routing(status))
        self.ended += not self.live

    @precondition(lambda self: self.live)
    @rule()
    def agents_end(self) -> None:
        self.ends(self.story.from_agents(AgentSessionEnded))
        assert len(self.story.of(ClearAgentSession)) == 1

    @precondition(lambda self: self.live)
    @rule(
        why=st.sampled_from(
            [LossReason.CLOSED, LossReason.EXPIRED, LossReason.UNREACHABLE, LossReason.REFUSED]
        )
    )
    def agents_are_lost(self, why: str) -> None:
        self.ends(self.story.from_agents(AgentsLost, why=why))

    @precondition(lambda self: self.live)
    @rule()
    def user_is_lost(self) -> None:
        self.ends(self.story.from_agents(UserLost))

    @precondition(lambda self: self.story.conversation.ended_session is not None)
    @rule()
    def agent_is_heard_late(self) -> None:
        text, ended = self.next("a"), self.story.conversation.ended_session
        assert ended is not None
        self.agent_said.append(text)
        late = AgentSaid(
            key="", at=Instant(self.story.now), session_id=ended, content=Content(text=text), agent_name="J"
        )
        self.step(self.story.happens(late))

    @precondition(lambda self: self.story.conversation.ended_session is not None)
    @rule()
    def agents_side_is_lost_after_the_end(self) -> None:
        ended, pending = self.story.conversation.ended_session, self.story.conversation.ended_pending
        assert ended is not None
        before = len(self.given_back)
        self.step(
            self.story.happens(
                AgentsLost(key="", at=Instant(self.story.now), session_id=ended, why=LossReason.CLOSED)
            )
        )
        assert self.given_back[before:] == [held.text for held in pending]

    @precondition(lambda self: self.live and self.story.session.timers != ())
    @rule(data=st.data())
    def a_timer_comes_due(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(timer.name for timer in self.story.session.timers)))
        self.alarms.pop((self.story.session.id, name), None)
        self.step(self.story.timer(name))
        self.ended += not self.live

    @invariant()
    def everything_typed_is_delivered_held_or_given_back_once_and_in_order(self) -> None:
        sent = [effect.text for effect in self.story.log if isinstance(effect, SendToAgent)]
        held = [message.text for message in self.story.session.held] if self.live else []
        assert len(set(sent)) == len(sent)
        dropped = [text for text in self.given_back if text not in sent]
        assert [text for text in self.typed if text not in dropped] == sent + held
        assert set(self.typed) == {*sent, *held, *dropped}

    @invariant()
    def everything_agents_said_is_shown_once_and_in_order(self) -> None:
        shown = [
            effect.content.text
            for effect in self.story.log
            if isinstance(effect, SendToUser) and effect.agent_name
        ]
        assert shown == self.agent_said

    @invariant()
    def every_session_opens_once_and_ends_once(self) -> None:
        for kind in (OpenAccess, StartSession, EndSession):
            ids = [effect.session_id for effect in self.story.log if isinstance(effect, kind)]
            assert len(ids) == len(set(ids))
        assert self.sessions == self.ended + self.live

    @invariant()
    def nothing_is_sent_to_a_session_after_its_end(self) -> None:
        over: set[str] = set()
        for effect in self.story.log:
            if isinstance(effect, EndSession):
                over.add(effect.session_id)
            elif isinstance(effect, SendToAgent | StartSession):
                assert effect.session_id not in over

    @invariant()
    def the_alarms_are_exactly_the_timers_of_the_state(self) -> None:
        timers = self.story.session.timers if self.live else ()
        state = {(self.story.session.id, timer.name): timer.due for timer in timers}
        # A grace timer that has fired stays in the state on purpose, so that the second answer is recognised.
        spent = {key for key in state if key[1] == "grace" and key not in self.alarms}
        assert self.alarms == {key: due for key, due in state.items() if key not in spent}


TestHandoffs = Handoffs.TestCase
TestHandoffs.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
