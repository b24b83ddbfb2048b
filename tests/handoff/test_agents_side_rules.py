"""Rules for what the agents' side reports."""

from __future__ import annotations

import pytest

from botkit.handoff.conversation import Instant, Phase
from botkit.handoff.effects import AskRouting, DropLane, EndSession, SendToUser
from botkit.handoff.events import (
    AgentSaid,
    AgentSessionEnded,
    Content,
    PositionAdvanced,
    RoutingFailed,
    TransferStarted,
)
from tests.handoff.story import SECOND_SESSION, Story, rules


def test_the_user_is_told_who_joined() -> None:
    story = Story().transfer().granted().started().joined("Jane Doe")
    assert "Jane Doe" in story.told[0]
    assert story.session.phase is Phase.ACTIVE
    assert "accept" not in story.timers()


def test_the_same_agent_joins_once() -> None:
    assert Story().with_agent().joined().effects == ()


def test_an_agents_message_is_shown_with_the_agents_name() -> None:
    story = Story().with_agent().said("How can I help?")
    assert story.of(SendToUser) == [SendToUser(Content(text="How can I help?"), agent_name="Jane Doe")]


def test_an_automated_response_is_shown_without_a_persons_name() -> None:
    story = Story().with_agent()
    story.from_agents(AgentSaid, content=Content(text="All busy"), agent_name="Bot", automated=True)
    assert story.of(SendToUser)[0].agent_name == ""


def test_an_empty_utterance_is_not_shown() -> None:
    story = Story().with_agent()
    assert story.from_agents(AgentSaid, content=Content()).effects == ()


def test_reading_advances_with_every_event() -> None:
    story = Story().with_agent().from_agents(PositionAdvanced, position="42", high_water_ms=99)
    assert story.session.access is not None
    assert (story.session.access.position, story.session.access.high_water_ms) == ("42", 99)


def test_the_session_keeps_its_record_its_agents_and_when_the_first_one_joined() -> None:
    story = Story().transfer().granted().started()
    story.from_agents(PositionAdvanced, record="0MwWX0000004PnM0AU").from_agents(PositionAdvanced)
    opened, story.now = story.now, story.now + 40
    story.joined("Jane Doe")
    story.now += 60
    story.joined("John", subject="005B").joined("Jane Doe", subject="005C").joined("", subject="005D")
    session = story.session
    assert session.record == "0MwWX0000004PnM0AU"
    assert session.met == ("Jane Doe", "John")
    assert session.joined_at == opened + 40


def test_an_older_event_does_not_move_the_high_water_back() -> None:
    story = (
        Story()
        .with_agent()
        .from_agents(PositionAdvanced, high_water_ms=99)
        .from_agents(PositionAdvanced, high_water_ms=5)
    )
    assert story.session.access is not None
    assert story.session.access.high_water_ms == 99


def test_events_of_another_session_change_nothing() -> None:
    story = Story().with_agent()
    before = story.conversation
    story.happens(
        AgentSaid(
            key="x", at=Instant(1.0), session_id=SECOND_SESSION, content=Content(text="ghost"), agent_name="J"
        )
    )
    assert story.effects == ()
    assert story.conversation is before


# --- an agent leaves


def test_an_agent_who_leaves_is_not_yet_the_end() -> None:
    story = Story().with_agent().left()
    assert story.kinds == ["ArmTimer"]
    assert story.session.phase is Phase.ABSENT


def test_the_routing_status_is_read_after_a_moment() -> None:
    assert len(Story().with_agent().left().timer("settle").of(AskRouting)) == 1


def test_a_transfer_tells_the_user_and_waits_for_the_next_agent() -> None:
    story = Story().with_agent().from_agents(TransferStarted).left()
    assert "Jane Doe" in story.told[0]
    story.joined("Omar Haddad", "005B")
    assert "Omar Haddad" in story.told[0]
    assert story.session.phase is Phase.ACTIVE
    assert story.session.transferring is False


def test_a_transfer_seen_after_the_agent_left_is_told_once() -> None:
    story = Story().with_agent().left().from_agents(TransferStarted)
    assert len(story.told) == 1
    assert "settle" not in story.timers()
    assert story.from_agents(TransferStarted).effects == ()


def test_a_transfer_known_only_from_the_routing_status_is_told() -> None:
    story = Story().with_agent().left().timer("settle").routing("searching")
    assert len(story.told) == 1
    assert story.conversation.session is not None


def test_the_status_over_ends_the_session_only_when_repeated() -> None:
    story = Story().with_agent().left().timer("settle").routing("over")
    assert story.conversation.session is not None
    story.timer("grace").routing("over")
    assert story.conversation.session is None
    assert len(story.of(EndSession)) == 1


def test_an_agent_who_comes_back_in_the_grace_time_goes_on() -> None:
    story = Story().with_agent().left().timer("settle").routing("over").joined("Jane Doe")
    assert story.session.phase is Phase.ACTIVE
    assert not {"settle", "grace", "accept"} & story.timers().keys()


def test_the_status_present_without_a_join_is_read_again() -> None:
    story = Story().with_agent().left().timer("settle").routing("present")
    assert "settle" in story.timers()


def test_one_of_several_agents_leaving_is_silent() -> None:
    story = Story().with_agent().joined("Omar Haddad", "005B").left()
    assert story.effects == ()
    assert story.session.phase is Phase.ACTIVE


def test_a_transfer_that_no_agent_accepts_gives_the_user_back() -> None:
    story = Story().with_agent().from_agents(TransferStarted).left().timer("accept")
    assert story.conversation.session is None
    assert len(story.told) == 1


def test_a_failed_transfer_leaves_the_agent_in_place() -> None:
    story = Story().with_agent().from_agents(TransferStarted)
    story.from_agents(RoutingFailed, reason="RoutingError", transfer=True)
    assert story.kinds == ["CountMetric"]
    assert story.session.transferring is False


def test_after_a_failed_transfer_without_an_agent_the_status_is_read() -> None:
    story = Story().with_agent().from_agents(TransferStarted).left()
    story.from_agents(RoutingFailed, reason="RoutingError", transfer=True)
    assert "settle" in story.timers()


# --- the end


def test_the_agents_end_tells_the_user_and_gives_them_back() -> None:
    story = Story().with_agent().from_agents(AgentSessionEnded)
    kinds = [kind for kind in story.kinds if kind != "CancelTimer"]
    assert kinds == ["DropLane", "SendToUser", "ClearAgentSession", "EndSession", "CountMetric"]
    assert story.conversation.session is None


def test_the_end_happens_once() -> None:
    story = Story().with_agent().from_agents(AgentSessionEnded)
    story.happens(
        AgentSessionEnded(key="again", at=Instant(1.0), session_id=story.conversation.ended_session or "")
    )
    assert story.effects == ()


def test_messages_not_accepted_before_the_end_are_quoted_back() -> None:
    story = Story().with_agent().user("one last thing").from_agents(AgentSessionEnded)
    assert len(story.of(DropLane)) == 1
    assert any("one last thing" in text for text in story.told)


def test_accepted_messages_are_not_quoted_back() -> None:
    story = Story().with_agent().user("thanks")
    story.took(story.session.in_flight[-1].message_id).from_agents(AgentSessionEnded)
    assert not any("thanks" in text for text in story.told)


def test_the_user_is_told_that_no_agent_is_available() -> None:
    story = Story(rules(responses={"en": {"noAgentAvailableMessage": "Nobody."}})).transfer().granted()
    story.from_agents(RoutingFailed, reason="RoutingError")
    assert story.told == ["Nobody."]
    assert story.conversation.session is None


@pytest.mark.parametrize("step", ["opening", "waiting", "active", "absent"])
def test_an_end_in_any_phase_leaves_no_session_and_no_timer(step: str) -> None:
    story = Story().transfer()
    if step != "opening":
        story.granted().started()
    if step in ("active", "absent"):
        story.joined()
    if step == "absent":
        story.left()
    armed = set(story.timers())
    story.from_agents(AgentSessionEnded)
    assert story.conversation.session is None
    assert {getattr(effect, "name", None) for effect in story.effects} >= armed


def test_an_unknown_agent_who_leaves_changes_nothing() -> None:
    story = Story().transfer().granted().started().left("A supervisor", "005Z")
    assert story.effects == ()
    assert story.session.phase is Phase.WAITING
