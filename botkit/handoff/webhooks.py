"""Rules for webhooks that are answered later: exactly one answer, whoever is first, the handler's or the time limit's.

Each is a conversation of its own, named after the requestId, so that nothing else waits for its answer, nor it for anything.
"""

from __future__ import annotations

from msgspec.structs import replace

from botkit.handoff.conversation import Conversation, ConversationId, DeferredHook, Instant
from botkit.handoff.decision import Decision
from botkit.handoff.effects import AnswerWebhook, ArmTimer, CancelTimer, CountMetric, Effect
from botkit.handoff.events import HookAnswered, HookDeferred, TimerFired

TIMER = "webhook"
_PREFIX = "webhook\x1f"
"""No user of the platform is named so."""


def conversation_id(bot_id: str, request_id: str) -> ConversationId:
    """Where a deferred webhook is remembered."""
    return ConversationId(bot_id, _PREFIX + request_id)


def timer_of(hook: DeferredHook) -> str:
    """What a webhook's alarm goes by, where an agent session has its id."""
    return f"{TIMER}/{hook.request_id}"


def deferred(conversation: Conversation, event: HookDeferred) -> Decision:
    """on_webhook, answered 202: the answer is owed from now on; so is one for each node that a request comes to."""
    if conversation.deferred is not None:
        return Decision(conversation)
    hook = DeferredHook(event.request_id, event.due, event.otherwise)
    waiting = replace(conversation, deferred=hook, ended_at=None)
    return Decision(waiting, (ArmTimer(timer_of(hook), TIMER, event.due), CountMetric("webhook_deferred")))


def answered(conversation: Conversation, event: HookAnswered) -> Decision:
    """The answer has come."""
    hook = conversation.deferred
    if hook is None:
        known = conversation.ended_at is not None
        return Decision(
            conversation, refused="it has been answered" if known else "no such webhook waits for an answer"
        )
    effects = (
        CancelTimer(timer_of(hook), TIMER),
        AnswerWebhook(event.context, event.replace),
        CountMetric("webhook_answered", "handler"),
    )
    return _over(conversation, event.at, effects)


def timed_out(conversation: Conversation, event: TimerFired) -> Decision:
    """Nobody answered in time: the dialog goes on with what was agreed on for that."""
    hook = conversation.deferred
    if hook is None or hook.due != event.due:
        return Decision(conversation)
    return _over(
        conversation, event.at, (AnswerWebhook(hook.otherwise), CountMetric("webhook_answered", "time_limit"))
    )


def _over(conversation: Conversation, at: Instant, effects: tuple[Effect, ...]) -> Decision:
    return Decision(replace(conversation, deferred=None, ended_at=at), effects)
