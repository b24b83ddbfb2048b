"""`decide(rules, conversation, event) -> Decision`: the one function that maps an event to its rule.

No I/O, no clock, no randomness. The rules are grouped by the source of the event: `platform.py` (hooks of the XO platform),
`handlers.py` and `webhooks.py` (the bot's own handlers), `opening.py` (a new agent session), `agents_side.py`, `files.py` and
`idle.py` (a session with agents), `doubtful_ends.py` (an end that may not be one), `outcomes.py` (our own effects, timers),
`ending.py` (every end of a session).
"""

from __future__ import annotations

from msgspec.structs import replace

from botkit.handoff import (
    agents_side,
    doubtful_ends,
    events,
    files,
    handlers,
    opening,
    outcomes,
    platform,
    webhooks,
)
from botkit.handoff.conversation import Conversation, TimerName
from botkit.handoff.decision import Decision, without
from botkit.handoff.effects import DropLane
from botkit.handoff.ending import give_back
from botkit.handoff.rules import Rules

__all__ = ["Decision", "decide"]


def decide(rules: Rules, conversation: Conversation, event: events.Event) -> Decision:
    """The decision for an event.

    An event of any session but the current one (an old timer, a late reply) changes nothing. The exception is the session that
    ended last: messages from before its end still count (`_of_ended_session`).
    """
    original = event.original if isinstance(event, events.HookHandled) else event
    session = conversation.session
    if session is not None and isinstance(original, events.FromClient) and original.events_url:
        # The current address of the user's client.
        conversation = replace(conversation, session=replace(session, events_url=original.events_url))
    match event:
        case events.FromPlatform():
            return platform.decide_hook(rules, conversation, event)
        case events.HookHandled():
            return handlers.handled(rules, conversation, event, decide)
        case events.CallsRequested():
            return handlers.requested(rules, conversation, event)
        case events.HookDeferred():
            return webhooks.deferred(conversation, event)
        case events.HookAnswered():
            return webhooks.answered(conversation, event)
        case events.TimerFired(name=TimerName.WEBHOOK):
            return webhooks.timed_out(conversation, event)
        case _:
            return _of_session(rules, conversation, event)


def _of_session(rules: Rules, conversation: Conversation, event: events.Event) -> Decision:
    session = conversation.session
    session_id = getattr(event, "session_id", None)
    if session is None or session_id != session.id:
        if session_id is not None and session_id == conversation.ended_session:
            return _of_ended_session(rules, conversation, event)
        return Decision(conversation)
    if isinstance(event, events.FromAgents):
        conversation = agents_side.advance(conversation, session, event)
        session = conversation.session
        assert session is not None  # noqa: S101 - advance keeps it
    match event:
        case events.AgentSaid():
            return agents_side.message(conversation, session, event)
        case events.AgentTyping():
            return agents_side.typing(conversation, session, event)
        case events.AgentCustomEvent():
            return agents_side.custom_event(conversation, session, event)
        case events.AgentJoined():
            return agents_side.joined(rules, conversation, session, event)
        case events.AgentLeft():
            return agents_side.left(rules, conversation, session, event)
        case events.TransferStarted():
            return agents_side.transfer_started(rules, conversation, session, event.at)
        case events.QueueMoved():
            return agents_side.queue_moved(rules, conversation, session, event)
        case events.FileRequested():
            return files.requested(rules, conversation, session, event)
        case events.FileArrived():
            return files.arrived(rules, conversation, session, event)
        case events.FileRefused():
            return files.refused(rules, conversation, session, event)
        case events.RoutingFailed():
            return doubtful_ends.routing_failed(rules, conversation, session, event)
        case events.AgentSessionEnded():
            return doubtful_ends.session_ended(rules, conversation, session, event)
        case events.StatusReported():
            return doubtful_ends.status_reported(rules, conversation, session, event)
        case events.PositionAdvanced():
            return Decision(conversation)
        case events.AccessGranted():
            return opening.access_granted(rules, conversation, session, event)
        case events.SessionStarted():
            return opening.session_started(conversation, session)
        case events.MessageAccepted():
            return outcomes.message_accepted(rules, conversation, session, event)
        case events.MessageRefused():
            return outcomes.message_refused(rules, conversation, session, event)
        case events.RoutingKnown():
            return doubtful_ends.routing_known(rules, conversation, session, event)
        case events.AgentsLost():
            return outcomes.agents_lost(rules, conversation, session, event)
        case events.UserLost():
            return outcomes.user_lost(rules, conversation, session, event)
        case events.TimerFired():
            return outcomes.timer_fired(rules, conversation, session, event)
        case _:
            return Decision(conversation)


def _of_ended_session(rules: Rules, conversation: Conversation, event: events.Event) -> Decision:
    """An event of the session that ended last.

    The agent's last message is shown late rather than never. The user's last messages are still being delivered, in order,
    before the end itself; the user is told of those that the agents' side refuses.
    """
    match event:
        case events.AgentSaid():
            return agents_side.show(conversation, event)
        case events.MessageAccepted():
            return Decision(_without_pending(conversation, event.message_id))
        case events.MessageRefused():
            refused = [held for held in conversation.ended_pending if held.message_id == event.message_id]
            told = give_back(rules, conversation.ended_language, refused)
            return Decision(_without_pending(conversation, event.message_id), tuple(told))
        case events.FileRefused():
            lost = [held for held in conversation.ended_pending if held.message_id == event.message_id]
            told = files.say_not_delivered(
                rules, conversation.ended_language, [files.name_of(held) for held in lost], event.reason
            )
            return Decision(_without_pending(conversation, event.message_id), tuple(told))
        case events.AgentsLost():
            told = give_back(rules, conversation.ended_language, conversation.ended_pending)
            return Decision(replace(conversation, ended_pending=()), (DropLane(event.session_id), *told))
        case _:
            return Decision(conversation)


def _without_pending(conversation: Conversation, message_id: str) -> Conversation:
    rest = without(conversation.ended_pending, message_id)
    return conversation if rest == conversation.ended_pending else replace(conversation, ended_pending=rest)
