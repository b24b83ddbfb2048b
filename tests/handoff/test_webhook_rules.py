"""Rules for deferred webhooks."""

from __future__ import annotations

from botkit.handoff.conversation import Conversation, Instant
from botkit.handoff.effects import AnswerWebhook, ArmTimer
from botkit.handoff.events import HookAnswered, HookDeferred, TimerFired
from botkit.handoff.webhooks import conversation_id
from tests.handoff.story import Story


def webhook() -> Story:
    return Story(conversation=Conversation(conversation_id("st-1", "17")))


def deferred(key: str, due: float = 2_000.0) -> HookDeferred:
    return HookDeferred(key=key, at=Instant(1_000.0), request_id="17", due=Instant(due))


def answer(key: str, context: str) -> HookAnswered:
    return HookAnswered(key=key, at=Instant(1_001.0), context=context)


def test_a_webhook_that_waits_is_not_deferred_again() -> None:
    story = webhook().happens(deferred("first")).happens(deferred("again", due=9_000.0))
    assert story.effects == ()
    assert story.conversation.deferred is not None
    assert story.conversation.deferred.due == 2_000.0


def test_the_next_node_that_the_same_request_comes_to_is_answered_as_well() -> None:
    story = webhook().happens(deferred("first")).happens(answer("a1", '{"n":1}'))
    story.happens(deferred("second"))
    assert story.of(ArmTimer)
    assert story.conversation.open
    story.happens(answer("a2", '{"n":2}'))
    assert story.of(AnswerWebhook) == [AnswerWebhook('{"n":2}')]


def test_a_webhook_that_is_not_answered_in_time_gets_its_fallback() -> None:
    story = webhook().happens(deferred("first"))
    (armed,) = story.of(ArmTimer)
    story.happens(
        TimerFired(key="", at=armed.due, session_id=armed.session_id, name=armed.name, due=armed.due)
    )
    assert story.of(AnswerWebhook) == [AnswerWebhook()]
