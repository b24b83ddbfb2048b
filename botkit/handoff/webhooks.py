"""Rules for deferred webhooks: exactly one answer, the handler's or, after the time limit, the agreed one.

Each deferred webhook is a conversation of its own, named after its requestId, so its answer shares a lane with nothing else.
"""

from __future__ import annotations

from msgspec.structs import replace

from botkit.handoff.conversation import Conversation, ConversationId, DeferredHook, Instant, TimerName
from botkit.handoff.decision import Decision
from botkit.handoff.effects import AnswerWebhook, ArmTimer, CancelTimer, CountMetric, Effect
from botkit.handoff.events import HookAnswered, HookDeferred, TimerFired

_PREFIX = "webhook\x1f"
"""No user id of the platform begins like this."""


def conversation_id(bot_id: str, request_id: str) -> ConversationId:
    """The conversation of a deferred webhook."""
    return ConversationId(bot_id, _PREFIX + request_id)


def timer_of(hook: DeferredHook) -> str:
    """The owner of a webhook's timer, in place of the id of an agent session."""
    return f"{TimerName.WEBHOOK}/{hook.request_id}"


def deferred(conversation: Conversation, event: HookDeferred) -> Decision:
    """on_webhook, answered with 202: the answer follows. A request that reaches several nodes is deferred at each."""
    if conversation.deferred is not None:
        return Decision(conversation)
    hook = DeferredHook(event.request_id, event.due, event.otherwise, event.due - event.at)
    waiting = replace(conversation, deferred=hook, ended_at=None)
    timer = ArmTimer(timer_of(hook), TimerName.WEBHOOK, event.due, hook.seconds)
    return Decision(waiting, (timer, CountMetric("webhook_deferred")))


def answered(conversation: Conversation, event: HookAnswered) -> Decision:
    """The handler's answer arrived."""
    hook = conversation.deferred
    if hook is None:
        known = conversation.ended_at is not None
        return Decision(
            conversation, refused="it has been answered" if known else "no such webhook waits for an answer"
        )
    effects = (
        CancelTimer(timer_of(hook), TimerName.WEBHOOK),
        AnswerWebhook(event.context, event.replace),
        CountMetric("webhook_answered", "handler"),
    )
    return _close(conversation, event.at, effects)


def timed_out(conversation: Conversation, event: TimerFired) -> Decision:
    """No answer arrived in time: the dialog continues with the agreed fallback."""
    hook = conversation.deferred
    if hook is None or hook.due != event.due:
        return Decision(conversation)
    return _close(
        conversation, event.at, (AnswerWebhook(hook.otherwise), CountMetric("webhook_answered", "time_limit"))
    )


def _close(conversation: Conversation, at: Instant, effects: tuple[Effect, ...]) -> Decision:
    return Decision(replace(conversation, deferred=None, ended_at=at), effects)
