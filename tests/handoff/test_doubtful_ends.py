"""An end that the agents' side states is believed, checked, or no end at all."""

from __future__ import annotations

import pytest

from botkit.handoff.conversation import Phase
from botkit.handoff.effects import AskRouting, SendToUser
from botkit.handoff.events import (
    AgentLeft,
    AgentSaid,
    AgentSessionEnded,
    AgentsLost,
    Content,
    Link,
    LossReason,
    QueueMoved,
    RoutingFailed,
    StatusReported,
    TransferStarted,
)
from tests.handoff.story import Story

NOBODY = "Sorry, no agent is available"


def _waiting() -> Story:
    return Story().transfer().granted().started()


def _automated(story: Story, text: str) -> Story:
    return story.from_agents(AgentSaid, content=Content(text=text), automated=True)


def _confirmed(story: Story, status: str = "over") -> Story:
    """The routing status says the same twice."""
    story.timer("settle").routing(status)
    return story.timer("grace").routing(status)


def test_a_doubtful_end_is_asked_twice_and_then_believed() -> None:
    story = Story().with_agent().from_agents(AgentSessionEnded, certain=False)
    assert story.told == []
    assert story.timer("settle").of(AskRouting)
    story.routing("over")
    assert story.told == []
    assert story.timer("grace").of(AskRouting)
    story.routing("over")
    assert story.conversation.session is None
    assert "ended" in story.told[0]


@pytest.mark.parametrize("first", ["present", "searching"])
def test_a_doubtful_end_that_the_status_denies_changes_nothing(first: str) -> None:
    story = Story().with_agent()
    before = story.session
    story.from_agents(AgentSessionEnded, certain=False).timer("settle").routing(first)
    assert story.told == []
    assert story.session.phase is Phase.ACTIVE
    assert (story.session.doubt, story.session.timers) == ("", before.timers)


def test_an_agent_who_writes_while_the_end_is_checked_starts_the_check_again() -> None:
    story = Story().with_agent().from_agents(AgentSessionEnded, certain=False).timer("settle").routing("over")
    story.said("I am still here")
    assert "grace" not in story.timers()
    assert "settle" in story.timers()


def test_an_agent_who_joins_settles_the_doubt() -> None:
    story = Story().with_agent().from_agents(AgentSessionEnded, certain=False).joined("Omar", "005B")
    assert story.session.doubt == ""
    assert "settle" not in story.timers()


def test_an_end_by_a_supervisor_during_a_transfer_is_the_transfer() -> None:
    story = Story().with_agent().from_agents(AgentSessionEnded, certain=False).from_agents(TransferStarted)
    story.left()
    assert "left the conversation" in story.told[0]
    assert (story.session.doubt, "settle" in story.timers()) == ("", False)


def test_an_end_that_is_denied_during_a_transfer_leaves_no_timer_behind() -> None:
    story = Story().with_agent().from_agents(TransferStarted).left()
    story.from_agents(AgentSessionEnded, certain=False).from_agents(StatusReported, status="searching")
    assert (story.session.doubt, set(story.timers()) & {"settle", "grace"}) == ("", set())
    assert "accept" in story.timers()


def test_where_the_routing_status_is_refused_what_was_stated_counts() -> None:
    story = Story().with_agent().from_agents(AgentSessionEnded, certain=False).timer("settle")
    assert "ended" in story.from_agents(AgentsLost, why=LossReason.REFUSED).told[0]
    story = _waiting().from_agents(RoutingFailed, reason="RoutingError", final=False).timer("settle")
    assert NOBODY in story.from_agents(AgentsLost, why=LossReason.REFUSED).told[0]


def test_a_second_doubtful_end_does_not_start_the_check_again() -> None:
    story = Story().with_agent().from_agents(AgentSessionEnded, certain=False).timer("settle").routing("over")
    due = story.timers()["grace"]
    story.from_agents(AgentSessionEnded, certain=False)
    assert story.timers()["grace"] == due
    assert "settle" not in story.timers()


@pytest.mark.parametrize("status", ["over", "searching"])
def test_a_failed_routing_is_told_when_nothing_came_of_it(status: str) -> None:
    story = _waiting().from_agents(RoutingFailed, reason="RoutingError", final=False)
    assert story.told == []
    _confirmed(story, status)
    assert story.conversation.session is None
    assert NOBODY in story.told[0]


def test_a_final_failure_is_told_at_once() -> None:
    story = _waiting().from_agents(RoutingFailed, reason="Unavailable")
    assert NOBODY in story.told[0]


@pytest.mark.parametrize("sign", ["status", "work", "queue", "agent", "asked"])
def test_a_failed_routing_that_works_after_all_is_not_told(sign: str) -> None:
    story = _waiting().from_agents(RoutingFailed, reason="RoutingError", final=False)
    match sign:
        case "status":
            story.from_agents(StatusReported, status="waiting")
        case "work":
            story.from_agents(StatusReported, status="searching")
        case "queue":
            story.from_agents(QueueMoved, place=0, wait_seconds=60)
        case "agent":
            story.joined()
        case "asked":
            story.timer("settle").routing("present")
    assert story.session.doubt == ""
    assert not {"settle", "grace"} & set(story.timers())


def test_after_an_agent_left_a_sign_of_the_search_makes_it_a_transfer() -> None:
    story = Story().with_agent().left().from_agents(StatusReported, status="searching")
    assert "has left" in story.told[0]
    assert not {"settle", "grace"} & set(story.timers())


def test_a_sign_of_the_search_from_before_the_agent_left_comes_too_late_to_count() -> None:
    story = Story().with_agent().from_agents(AgentLeft, subject="005A", name="Jane Doe", high_water_ms=200)
    story.from_agents(StatusReported, status="searching", high_water_ms=100)
    assert story.told == []
    assert "settle" in story.timers()


def test_while_an_agent_is_present_a_sign_of_the_search_changes_nothing() -> None:
    story = Story().with_agent()
    before = story.conversation
    assert story.from_agents(StatusReported, status="searching").conversation == before


def test_a_session_that_ended_without_an_agent_says_that_there_is_none() -> None:
    story = _waiting().from_agents(AgentSessionEnded)
    assert NOBODY in story.told[0]


def test_the_organisations_own_reason_is_not_repeated_in_other_words() -> None:
    story = _waiting().from_agents(RoutingFailed, reason="RoutingError", final=False)
    assert _automated(story, "We are away until Monday.").told == ["We are away until Monday."]
    _confirmed(story)
    assert story.conversation.session is None
    assert story.told == []


def test_the_reason_of_a_failure_that_was_mended_does_not_explain_the_next_one() -> None:
    story = _waiting().from_agents(RoutingFailed, reason="RoutingError", final=False)
    _automated(story, "One moment, we try again.").from_agents(StatusReported, status="waiting")
    story.now += 60
    _confirmed(story.from_agents(RoutingFailed, reason="RoutingError", final=False))
    assert NOBODY in story.told[0]


def test_a_greeting_is_not_taken_for_the_reason_of_a_failure() -> None:
    story = _automated(_waiting(), "Somebody will be with you soon.")
    story.from_agents(RoutingFailed, reason="RoutingError", final=False)
    _confirmed(story)
    assert NOBODY in story.told[0]


@pytest.mark.parametrize(("seconds", "told"), [(1.0, 0), (60.0, 1)])
@pytest.mark.parametrize("certain", [True, False])
def test_words_just_before_an_end_without_routing_are_its_reason(
    seconds: float, told: int, certain: bool
) -> None:
    story = _automated(_waiting(), "We are closed.")
    story.now += seconds
    story.from_agents(AgentSessionEnded, certain=certain)
    if not certain:
        _confirmed(story)
    assert story.conversation.session is None
    assert len(story.told) == told


@pytest.mark.parametrize(("waited", "told"), [(1.0, 1), (300.0, 0)])
def test_words_before_the_end_of_a_queued_session_are_its_reason_unless_they_are_a_greeting(
    waited: float, told: int
) -> None:
    story = _waiting().from_agents(StatusReported, status="waiting")
    story.now += waited
    _automated(story, "Thank you for your patience.").from_agents(AgentSessionEnded)
    assert len(story.told) == told


def test_an_inactive_session_does_not_end_when_its_agent_is_removed() -> None:
    story = Story().with_agent().from_agents(StatusReported, status="inactive").left()
    assert story.session.phase is Phase.ABSENT
    assert "settle" not in story.timers()
    assert story.told == []


def test_an_agent_removed_just_before_the_session_turns_inactive_is_not_the_end() -> None:
    story = Story().with_agent().left().timer("settle").routing("over")
    story.from_agents(StatusReported, status="inactive")
    assert not {"settle", "grace"} & set(story.timers())
    assert story.routing("over").conversation.session is not None


def test_the_user_who_writes_into_an_inactive_session_gets_another_agent_in_time_or_is_told() -> None:
    story = Story().with_agent().from_agents(StatusReported, status="inactive").left().user("hello?")
    story.took(story.session.in_flight[-1].message_id)
    assert "accept" in story.timers()
    story.from_agents(StatusReported, status="waiting")
    assert "left the conversation" in story.told[0]
    assert NOBODY in story.timer("accept").told[-1]


def test_an_inactive_session_that_turns_active_asks_who_is_there() -> None:
    story = Story().with_agent().from_agents(StatusReported, status="inactive").left()
    story.from_agents(StatusReported, status="active")
    assert "settle" in story.timers()


def test_the_end_of_an_inactive_session_is_an_end() -> None:
    story = Story().with_agent().from_agents(StatusReported, status="inactive").left()
    _confirmed(story.from_agents(AgentSessionEnded, certain=False))
    assert story.conversation.session is None


def test_a_session_that_ended_without_an_agent_is_not_waited_for_because_routing_is_at_its_start() -> None:
    story = _waiting().from_agents(AgentSessionEnded, certain=False)
    _confirmed(story, "searching")
    assert NOBODY in story.told[0]


def test_automated_words_that_are_repeated_at_once_are_shown_once() -> None:
    story = _automated(_waiting(), "We are closed.")
    assert _automated(story, "We are closed.").told == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Content(links=(Link("a", "https://a"),)), Content(links=(Link("b", "https://b"),))),
        (Content(text="x" * 300 + "a"), Content(text="x" * 300 + "b")),
    ],
    ids=["links alone", "long texts"],
)
def test_automated_messages_that_differ_are_both_shown(first: Content, second: Content) -> None:
    story = _waiting()
    for content in (first, second):
        story.from_agents(AgentSaid, content=content, automated=True)
        assert [effect.content for effect in story.of(SendToUser)] == [content]
