"""The one place where an event becomes a decision: `decide(rules, conversation, event) -> Decision`.

No I/O, no clock, no randomness. The rules themselves are grouped by where the event comes from: `platform.py` (Kore's
hooks), `handlers.py` and `webhooks.py` (what the bot's own handlers ask for), `agents_side.py` (what the agents' side says),
`signals.py` (what its software tells the user's), `outcomes.py` (what came of our own effects, and timers); all the ways a
session ends are in `ending.py`, and what still comes after an end in `afterwards.py`.
"""

from __future__ import annotations

from msgspec.structs import replace

from botkit.handoff import (
    afterwards,
    agents_side,
    files,
    handlers,
    outcomes,
    platform,
    signals,
    webhooks,
)
from botkit.handoff.conversation import Conversation
from botkit.handoff.decision import Decision
from botkit.handoff.events import (
    AccessGranted,
    AgentCustomEvent,
    AgentJoined,
    AgentLeft,
    AgentSaid,
    AgentSessionEnded,
    AgentsLost,
    AgentTyping,
    CallsRequested,
    Event,
    FileArrived,
    FileRefused,
    FileRequested,
    FromAgents,
    FromClient,
    FromPlatform,
    HookAnswered,
    HookDeferred,
    HookHandled,
    MessageAccepted,
    MessageRefused,
    PositionAdvanced,
    QueueMoved,
    RoutingFailed,
    RoutingKnown,
    SessionStarted,
    TimerFired,
    TransferStarted,
    UserLost,
)
from botkit.handoff.rules import Rules

__all__ = ["Decision", "decide"]


def decide(rules: Rules, conversation: Conversation, event: Event) -> Decision:
    """What happens now.

    An event of a session that is not the conversation's current one (an old timer, an answer to a question nobody asks any
    more) changes nothing; only what was said before the end and comes after it still counts (`afterwards.py`).
    """
    said = event.original if isinstance(event, HookHandled) else event
    if isinstance(said, FromClient) and said.events_url:
        conversation = _reachable(conversation, said.events_url)
    match event:
        case FromPlatform():
            return platform.decide_hook(rules, conversation, event)
        case HookHandled():
            return handlers.handled(rules, conversation, event, decide)
        case CallsRequested():
            return handlers.asked(rules, conversation, event)
        case HookDeferred():
            return webhooks.deferred(conversation, event)
        case HookAnswered():
            return webhooks.answered(conversation, event)
        case TimerFired(name=webhooks.TIMER):
            return webhooks.timed_out(conversation, event)
        case _:
            return _of_session(rules, conversation, event)


def _reachable(conversation: Conversation, events_url: str) -> Conversation:
    """With where the user's client takes events from us now."""
    session = conversation.session
    if session is None:
        return conversation
    return replace(conversation, session=replace(session, events_url=events_url))


def _of_session(rules: Rules, conversation: Conversation, event: Event) -> Decision:
    session = conversation.session
    session_id = getattr(event, "session_id", None)
    if session is None or session_id != session.id:
        if session_id is not None and session_id == conversation.ended_session:
            return afterwards.late(rules, conversation, event)
        return Decision(conversation)
    if isinstance(event, FromAgents):
        conversation = agents_side.advance(conversation, session, event)
        session = conversation.session
        assert session is not None  # noqa: S101 - advance keeps it
    match event:
        case AgentSaid():
            return agents_side.heard(conversation, session, event)
        case AgentTyping():
            return signals.typing(conversation, session, event)
        case AgentCustomEvent():
            return signals.custom(conversation, session, event)
        case AgentJoined():
            return agents_side.joined(rules, conversation, session, event)
        case AgentLeft():
            return agents_side.left(rules, conversation, session, event)
        case TransferStarted():
            return agents_side.transfer_started(rules, conversation, session, event.at)
        case QueueMoved():
            return agents_side.queue_moved(rules, conversation, session, event)
        case FileRequested():
            return files.requested(rules, conversation, session, event)
        case FileArrived():
            return files.arrived(rules, conversation, session, event)
        case FileRefused():
            return files.refused(rules, conversation, session, event)
        case RoutingFailed():
            return agents_side.routing_failed(rules, conversation, session, event)
        case AgentSessionEnded():
            return agents_side.ended(rules, conversation, session, event.at)
        case PositionAdvanced():
            return Decision(conversation)
        case AccessGranted():
            return outcomes.access_granted(rules, conversation, session, event)
        case SessionStarted():
            return outcomes.session_started(conversation, session)
        case MessageAccepted():
            return outcomes.agents_took(conversation, session, event)
        case MessageRefused():
            return outcomes.message_refused(rules, conversation, session, event)
        case RoutingKnown():
            return outcomes.routing_known(rules, conversation, session, event)
        case AgentsLost():
            return outcomes.agents_lost(rules, conversation, session, event)
        case UserLost():
            return outcomes.user_lost(rules, conversation, session, event)
        case TimerFired():
            return outcomes.timer_fired(rules, conversation, session, event)
        case _:
            return Decision(conversation)
