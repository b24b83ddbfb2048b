"""Typing and custom events of the agents' side for the user's client."""

from __future__ import annotations

from botkit.handoff.conversation import Instant
from botkit.handoff.effects import EventToUser, TypingToUser, lane
from botkit.handoff.events import AgentCustomEvent, AgentSessionEnded, AgentTyping, UserTyping
from tests.handoff.story import Story

URL = "https://bots.example/sendBotEvent/1"


def reachable() -> Story:
    """An agent is present, and the address for events is known."""
    return (
        Story().with_agent().happens(UserTyping(key="t", at=Instant(1_000.0), started=True, events_url=URL))
    )


def types(story: Story, *, started: bool = True) -> list[TypingToUser]:
    return story.from_agents(AgentTyping, started=started, holds_seconds=8.0).of(TypingToUser)


def test_an_agents_typing_is_shown_and_hidden_again() -> None:
    story = reachable()
    assert types(story) == [TypingToUser(URL, started=True)]
    assert types(story, started=False) == [TypingToUser(URL, started=False)]
    assert types(story, started=False) == []


def test_repeated_typing_is_passed_on_now_and_then() -> None:
    story = reachable()
    assert len(types(story)) == 1
    story.now += 2
    assert types(story) == []
    story.now += 3
    assert len(types(story)) == 1
    assert story.timers()["agent_typing"] == story.now + 8


def test_an_agents_message_ends_the_typing() -> None:
    story = reachable()
    types(story)
    assert story.said("Hello").of(TypingToUser) == [TypingToUser(URL, started=False)]
    assert story.said("Still here").of(TypingToUser) == []


def test_typing_that_is_not_repeated_ends_by_itself() -> None:
    story = reachable()
    types(story)
    assert story.timer("agent_typing").of(TypingToUser) == [TypingToUser(URL, started=False)]


def test_the_typing_of_an_agent_who_leaves_ends() -> None:
    story = reachable()
    types(story)
    assert story.left().of(TypingToUser) == [TypingToUser(URL, started=False)]
    assert "agent_typing" not in story.timers()


def test_the_end_of_the_session_ends_the_typing() -> None:
    story = reachable()
    types(story)
    assert story.from_agents(AgentSessionEnded).of(TypingToUser) == [TypingToUser(URL, started=False)]


def test_typing_is_not_shown_before_an_agent_joined() -> None:
    story = Story().transfer().granted().started()
    story.happens(UserTyping(key="t", at=Instant(1_000.0), started=True, events_url=URL))
    assert types(story) == []


def test_without_an_address_for_events_nothing_is_sent_or_stored() -> None:
    story = Story().with_agent()
    before = story.conversation
    assert types(story) == []
    assert story.from_agents(AgentCustomEvent, name="cart", data="{}").effects == ()
    assert story.conversation == before


def test_the_newest_address_for_events_counts() -> None:
    story = reachable().user("hello", events_url=f"{URL}2").user("again")
    assert types(story) == [TypingToUser(f"{URL}2", started=True)]


def test_an_event_of_the_agents_side_reaches_the_users_client() -> None:
    story = reachable().from_agents(AgentCustomEvent, name="cart", data='{"items":2}')
    assert story.of(EventToUser) == [EventToUser(URL, "cart", '{"items":2}')]


def test_signals_have_a_lane_of_their_own() -> None:
    assert lane(TypingToUser(URL, started=True)) == lane(EventToUser(URL, "cart", "{}")) == "hint"
