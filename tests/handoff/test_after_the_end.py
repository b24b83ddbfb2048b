"""Events of a session that has ended."""

from __future__ import annotations

from collections.abc import Callable

from botkit.handoff.conversation import Instant
from botkit.handoff.effects import DropLane, SendToUser
from botkit.handoff.events import (
    AgentJoined,
    AgentSaid,
    AgentsLost,
    Attachment,
    Content,
    Event,
    FileRefused,
    LossReason,
    MessageAccepted,
    MessageRefused,
    MetaInfo,
)
from botkit.handoff.rules import Capabilities
from tests.handoff.story import SECOND_SESSION, SESSION, Story, rules


def ended(*typed: str) -> Story:
    """A session that the user ended, with messages still in flight to the agent."""
    story = Story(rules(responses={"en": {"messageNotDeliveredMessage": "LOST {message}"}}))
    story.with_agent(meta=MetaInfo(end_word="bye"))
    for text in typed:
        story.user(text)
    return story.user("bye")


def after(story: Story, kind: Callable[..., Event], **more: object) -> Story:
    return story.happens(kind(key="late", at=Instant(story.now), session_id=SESSION, **more))


def test_a_late_message_of_the_agent_is_shown_after_the_end() -> None:
    story = after(ended(), AgentSaid, content=Content(text="Your number is 4711"), agent_name="Jane Doe")
    assert story.of(SendToUser) == [SendToUser(Content(text="Your number is 4711"), agent_name="Jane Doe")]


def test_a_late_message_is_shown_also_during_the_next_session() -> None:
    story = ended().transfer(session_id=SECOND_SESSION)
    assert after(story, AgentSaid, content=Content(text="4711"), agent_name="Jane Doe").told == ["4711"]
    assert story.session.id == SECOND_SESSION


def test_a_message_refused_after_the_end_is_quoted_back() -> None:
    story = ended("one", "two")
    first, second = story.conversation.ended_pending
    assert after(story, MessageRefused, message_id=first.message_id).told == ["LOST one"]
    assert story.conversation.ended_pending == (second,)


def test_losing_the_agents_side_after_the_end_quotes_pending_messages_back_once() -> None:
    story = after(ended("one", "two"), AgentsLost, why=LossReason.UNREACHABLE)
    assert story.told == ["LOST one\ntwo"]
    assert len(story.of(DropLane)) == 1
    assert after(story, AgentsLost, why=LossReason.UNREACHABLE).told == []


def test_a_message_accepted_after_the_end_is_not_quoted_back() -> None:
    story = ended("one")
    (held,) = story.conversation.ended_pending
    after(story, MessageAccepted, message_id=held.message_id)
    assert after(story, AgentsLost, why=LossReason.CLOSED).told == []


def test_a_file_that_failed_after_the_end_is_reported_once() -> None:
    story = Story(rules(systems={"salesforce": Capabilities(files="always")}))
    story.with_agent(meta=MetaInfo(end_word="bye")).user(
        None, attachments=(Attachment("a.pdf", "https://f/1"),)
    )
    (held,) = story.user("bye").conversation.ended_pending
    assert len(after(story, FileRefused, message_id=held.message_id).told) == 1
    assert after(story, AgentsLost, why=LossReason.CLOSED).told == []


def test_an_undelivered_transcript_is_not_quoted_back() -> None:
    story = ended()
    assert story.conversation.ended_pending == ()


def test_anything_else_of_an_ended_session_changes_nothing() -> None:
    story = ended()
    assert after(story, AgentJoined, subject="005B", name="Omar").effects == ()
    assert story.conversation.session is None


def test_a_session_that_has_not_started_is_not_started_for_its_end() -> None:
    story = Story().transfer(meta=MetaInfo(end_word="bye")).granted().user("never mind").user("bye")
    assert len(story.of(DropLane)) == 1
    assert any("never mind" in text for text in story.told)
