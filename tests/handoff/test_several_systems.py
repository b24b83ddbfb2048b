"""Several agent systems: the choice of the first, and the fallback to the next."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botkit.handoff.conversation import Phase
from botkit.handoff.effects import (
    ArmTimer,
    CancelTimer,
    CountMetric,
    EndSession,
    ExtendRequest,
    OpenAccess,
    SendToAgent,
    StartSession,
)
from botkit.handoff.events import (
    AgentSaid,
    AgentSessionEnded,
    AgentsLost,
    Attachment,
    Content,
    LossReason,
    MetaInfo,
    RoutingFailed,
    UserProfile,
)
from botkit.handoff.rules import Capabilities
from tests.handoff.story import LIVE_CHAT, SESSION, Story, rules


def story_with_fallback() -> Story:
    return Story(rules(fallback=("legacy",), fallback_after_seconds=15.0))


def test_the_nodes_name_chooses_the_agent_system() -> None:
    assert Story().transfer(node_name="Legacy").session.system == "legacy"


def test_the_dialogs_choice_goes_before_the_nodes_name() -> None:
    story = Story().transfer(agent_system="salesforce", node_name="legacy")
    assert story.session.system == "salesforce"


def test_a_node_of_another_name_leaves_it_to_the_channel() -> None:
    story = Story().transfer(node_name="LiveAgent", profile=UserProfile(channel="facebook"))
    assert story.session.system == "legacy"


def test_the_live_chat_object_wins_for_live_chat_field_by_field() -> None:
    live_chat = MetaInfo(pre_chat=(("City", "Pune"),))
    meta = MetaInfo(pre_chat=(("City", "Delhi"), ("Pincode", "1")), end_word="bye")
    story = Story(rules(fallback=("legacy",))).transfer(meta=meta, live_chat_meta=live_chat)
    assert dict(story.session.attributes)["City"] == "Delhi"
    (legacy,) = story.session.alternatives
    assert dict(legacy.attributes)["City"] == "Pune"
    assert dict(legacy.attributes)["Pincode"] == "1"


@pytest.mark.parametrize(
    "why",
    [
        LossReason.UNAVAILABLE,
        LossReason.UNREACHABLE,
        LossReason.REFUSED,
        LossReason.EXPIRED,
        LossReason.CLOSED,
    ],
)
def test_a_system_that_does_not_take_the_hand_off_is_replaced_by_the_next(why: str) -> None:
    story = story_with_fallback().transfer().from_agents(AgentsLost, why=why)
    assert story.told == []
    assert (story.session.system, story.session.phase) == ("legacy", Phase.OPENING)
    assert story.of(OpenAccess)[0].session_id == story.session.id != SESSION


def test_a_routing_failure_before_any_agent_joined_falls_back_too() -> None:
    story = story_with_fallback().transfer().granted().started()
    story.from_agents(RoutingFailed, reason="SubmissionError")
    assert story.session.system == "legacy"
    assert [effect.session_id for effect in story.of(EndSession)] == [SESSION]


@pytest.mark.parametrize("fallback", [(), ("legacy",)])
def test_the_reason_of_a_routing_failure_is_counted(fallback: tuple[str, ...]) -> None:
    story = Story(rules(fallback=fallback)).transfer().granted().started()
    story.from_agents(RoutingFailed, reason="Blocked")
    assert CountMetric("routing_failed", "Blocked") in story.effects


def test_the_reason_is_counted_as_a_short_label() -> None:
    story = Story().with_agent().from_agents(RoutingFailed, reason="who knows: <b>" + "x" * 99, transfer=True)
    (note,) = story.of(CountMetric)
    assert note.why == ("whoknowsb" + "x" * 99)[:40]


def test_held_messages_move_to_the_next_system_in_order() -> None:
    story = story_with_fallback().transfer().granted().user("one").user("two")
    story.from_agents(AgentsLost, why=LossReason.UNREACHABLE).user("three")
    assert story.granted().sent == []
    assert story.started().joined().sent == ["one", "two", "three"]


def test_messages_that_the_first_system_accepted_reach_the_next_one() -> None:
    story = story_with_fallback().transfer().granted().started().user("one").user("two")
    story.took(story.session.in_flight[0].message_id)
    story.from_agents(AgentsLost, why=LossReason.UNREACHABLE).user("three")
    assert story.granted().started().joined().sent == ["one", "two", "three"]


def test_refused_messages_do_not_move_to_the_next_system() -> None:
    story = story_with_fallback().transfer().granted().started().user("one").user("two")
    story.refused(story.session.in_flight[0].message_id).from_agents(AgentsLost, why=LossReason.UNREACHABLE)
    assert story.granted().started().joined().sent == ["two"]


def test_messages_are_split_to_the_limit_of_the_next_system() -> None:
    systems = {"salesforce": Capabilities(), "legacy": replace(LIVE_CHAT, max_text=10)}
    story = (
        Story(rules(fallback=("legacy",), systems=systems)).transfer().granted().user("one two three four")
    )
    story.from_agents(AgentsLost, why=LossReason.UNREACHABLE).granted().started().joined()
    assert story.sent == ["one two", "three four"]
    assert len({effect.message_id for effect in story.of(SendToAgent)}) == 2


def test_a_file_that_the_first_system_accepted_is_named_to_the_next() -> None:
    systems = {"salesforce": Capabilities(files="always"), "legacy": LIVE_CHAT}
    story = Story(rules(fallback=("legacy",), systems=systems)).transfer().granted().started()
    story.user("see here", attachments=(Attachment("bill.pdf", "https://bots.example/f/1"),))
    for held in story.session.in_flight:
        story.took(held.message_id)
    story.from_agents(AgentsLost, why=LossReason.UNREACHABLE)
    assert story.granted().started().joined().sent == ["see here", "bill.pdf: https://bots.example/f/1"]


def test_a_file_that_the_next_system_cannot_open_becomes_its_name_and_the_user_is_told() -> None:
    systems = {"salesforce": Capabilities(files="always"), "legacy": LIVE_CHAT}
    story = Story(rules(fallback=("legacy",), systems=systems, needs_login=lambda url: "bots.example" in url))
    story.transfer().granted().started()
    story.user("see: https://a.example", attachments=(Attachment("bill.pdf", "https://bots.example/f/1"),))
    story.from_agents(AgentsLost, why=LossReason.UNREACHABLE)
    assert [text.partition(":")[0] for text in story.told] == ["Not delivered to the agent"]
    assert story.granted().started().joined().sent == ["see: https://a.example", "[bill.pdf]"]


def test_accepted_messages_are_not_kept_without_a_next_system() -> None:
    story = Story().transfer().granted().started().user("one")
    assert story.took(story.session.in_flight[0].message_id).session.taken == ()


def test_accepted_messages_are_not_kept_once_an_agent_joined() -> None:
    story = story_with_fallback().transfer().granted().started().user("one").user("two")
    story.took(story.session.in_flight[0].message_id).joined()
    assert story.session.taken == ()
    assert story.took(story.session.in_flight[0].message_id).session.taken == ()


@settings(max_examples=50)
@given(st.lists(st.sampled_from(["type", "took", "granted", "started", "lost"]), max_size=30))
def test_the_last_system_gets_every_message_once_and_in_order(steps: list[str]) -> None:
    story = Story(rules(fallback=("legacy", "salesforce"))).transfer()
    typed: list[str] = []
    for step in (*steps, "granted", "started"):
        match step:
            case "type":
                typed.append(f"message {len(typed)}")
                story.user(typed[-1])
            case "took" if story.session.in_flight:
                story.took(story.session.in_flight[0].message_id)
            case "granted" if story.session.access is None:
                story.granted()
            case "started" if story.session.access is not None:
                story.started()
            case "lost" if story.session.alternatives:
                story.from_agents(AgentsLost, why=LossReason.UNREACHABLE)
    last = story.joined().session.id
    assert [one.text for one in story.log if isinstance(one, SendToAgent) and one.session_id == last] == typed


def test_the_timers_of_the_first_session_do_not_outlive_it() -> None:
    story = story_with_fallback().transfer().from_agents(AgentsLost, why=LossReason.UNAVAILABLE)
    assert {effect.session_id for effect in story.of(CancelTimer)} == {SESSION}
    assert {effect.session_id for effect in story.of(ArmTimer)} == {story.session.id}


def test_the_platforms_request_is_extended_when_the_next_system_is_tried() -> None:
    story = story_with_fallback().transfer().from_agents(AgentsLost, why=LossReason.UNREACHABLE)
    assert len(story.of(ExtendRequest)) == 1


def test_if_the_last_system_fails_the_session_ends_and_the_user_is_told() -> None:
    story = story_with_fallback().transfer()
    story.from_agents(AgentsLost, why=LossReason.UNREACHABLE).from_agents(
        AgentsLost, why=LossReason.UNAVAILABLE
    )
    assert len(story.told) == 1
    assert story.conversation.session is None


def test_once_an_agent_joined_there_is_no_fallback() -> None:
    story = (
        Story(rules(fallback=("legacy",))).with_agent().from_agents(AgentsLost, why=LossReason.UNREACHABLE)
    )
    assert story.conversation.session is None


def test_the_deadline_is_short_only_while_another_system_is_in_line() -> None:
    story = story_with_fallback().transfer()
    assert story.of(OpenAccess)[0].give_up_seconds == 15.0
    assert story.granted().of(StartSession)[0].give_up_seconds == 15.0
    story.from_agents(AgentsLost, why=LossReason.UNREACHABLE)
    assert story.of(OpenAccess)[0].give_up_seconds is None


def test_a_system_is_not_its_own_fallback() -> None:
    story = Story(rules(fallback=("salesforce", "legacy"))).transfer()
    assert [one.system for one in story.session.alternatives] == ["legacy"]


def test_what_the_first_system_said_counts_for_it_alone() -> None:
    story = story_with_fallback().transfer().granted().started()
    story.from_agents(AgentSessionEnded, certain=False)
    story.from_agents(AgentSaid, content=Content(text="We are closed."), automated=True)
    story.timer("settle").routing("over").timer("grace").routing("over")
    assert story.session.system == "legacy"
    session = story.session
    assert (session.doubt, session.reason_given, session.automated_text) == ("", False, "")
    assert (session.file_limits, session.nobody_message) == (None, "")
    story.granted().started().from_agents(AgentSaid, content=Content(text="Please wait."), automated=True)
    assert "no agent is available" in story.from_agents(RoutingFailed, reason="Unavailable").told[0]
