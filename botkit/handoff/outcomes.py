"""Rules for the outcomes of our own effects, and for timers."""

from __future__ import annotations

from functools import partial

from msgspec.structs import replace

from botkit.handoff import agents_side, events, files, idle
from botkit.handoff.conversation import AgentSession, Conversation, Phase, TimerName
from botkit.handoff.decision import Decision, arm, with_session, without
from botkit.handoff.effects import AskRouting, ExtendRequest
from botkit.handoff.ending import EndMessage, end, give_back
from botkit.handoff.opening import next_in_line
from botkit.handoff.rules import Rules

_LOSS_WORDS: dict[str, EndMessage] = {
    events.LossReason.CLOSED: "conversationClosedMessage",
    events.LossReason.EXPIRED: "sessionExpiredMessage",
    events.LossReason.UNREACHABLE: "handoffFailedMessage",
    events.LossReason.UNAVAILABLE: "noAgentAvailableMessage",
    events.LossReason.REFUSED: "handoffFailedMessage",
    events.LossReason.BROKEN: "handoffFailedMessage",
}


def message_accepted(
    rules: Rules, conversation: Conversation, session: AgentSession, event: events.MessageAccepted
) -> Decision:
    """The agents' side has a message. While another agent system is in line, the message is kept for it.

    A message continues an inactive session; if its agent was removed, another one has to accept it in time.
    """
    accepted = tuple(held for held in session.in_flight if held.message_id == event.message_id and held.typed)
    taken = (*session.taken, *accepted) if session.alternatives else ()
    session = files.delivered(session, event.message_id)
    session = replace(
        session,
        in_flight=without(session.in_flight, event.message_id),
        taken=taken,
        sent_count=session.sent_count + len(accepted),
    )
    if session.inactive and session.phase is Phase.ABSENT and not _is_armed(session, TimerName.ACCEPT):
        session, accept = arm(session, TimerName.ACCEPT, event.at, rules.accept_timeout_seconds)
        return with_session(conversation, session, accept)
    return with_session(conversation, session)


def message_refused(
    rules: Rules, conversation: Conversation, session: AgentSession, event: events.MessageRefused
) -> Decision:
    """The agents' side refuses this one message; the session continues (docs/protocols/salesforce-miaw.md, 3.1)."""
    refused = [held for held in session.in_flight if held.message_id == event.message_id]
    rest = without(session.in_flight, event.message_id)
    return with_session(
        conversation, replace(session, in_flight=rest), *give_back(rules, session.language, refused)
    )


def agents_lost(
    rules: Rules, conversation: Conversation, session: AgentSession, event: events.AgentsLost
) -> Decision:
    """The agents' side closed or refused the session, or was unreachable for too long: try the next system, or end."""
    good = event.why != events.LossReason.EXPIRED
    if moved := next_in_line(rules, conversation, session, event.at, access_is_good=good):
        return moved
    words = _LOSS_WORDS.get(event.why, "handoffFailedMessage")
    if event.why == events.LossReason.CLOSED and not session.accepted:
        words = _LOSS_WORDS[events.LossReason.REFUSED]  # No conversation with an agent could have ended.
    if event.why == events.LossReason.REFUSED and session.doubt:
        # The routing status is refused: what the agents' side has stated counts.
        words = "conversationClosedMessage" if session.accepted else "noAgentAvailableMessage"
    return end(
        rules,
        conversation,
        session,
        event.at,
        why=event.why,
        words=words,
        give_up_pending=True,
        access_is_good=good,
    )


def user_lost(
    rules: Rules, conversation: Conversation, session: AgentSession, event: events.UserLost
) -> Decision:
    """The platform was unreachable for too long: end the session, as the agent's messages would reach no user."""
    return end(rules, conversation, session, event.at, why="user_lost", words="conversationClosedMessage")


def timer_fired(
    rules: Rules, conversation: Conversation, session: AgentSession, event: events.TimerFired
) -> Decision:
    """A timer fired. It counts only if the state still has it with this due time."""
    if not any(one.name == event.name and one.due == event.due for one in session.timers):
        return Decision(conversation)
    rest = replace(session, timers=tuple(timer for timer in session.timers if timer.name != event.name))
    give_up = partial(end, rules, conversation, rest, event.at, give_up_pending=True)
    match event.name:
        case TimerName.ACCEPT:
            return give_up(why="nobody_accepted", words="noAgentAvailableMessage")
        case TimerName.EXPIRY:
            return give_up(why=events.LossReason.EXPIRED, words="sessionExpiredMessage")
        case TimerName.EXTEND:
            rest, again = arm(rest, TimerName.EXTEND, event.at, rules.extend_every_seconds)
            return with_session(conversation, rest, ExtendRequest(), again)
        case TimerName.IDLE_WARNING:
            return idle.warn(rules, conversation, rest)
        case TimerName.IDLE_END:
            return idle.give_up(rules, conversation, rest, event.at)
        case TimerName.AGENT_TYPING:
            return agents_side.typing_expired(conversation, rest)
        case TimerName.SETTLE | TimerName.GRACE:
            return _ask_routing(conversation, session, rest, event)
        case _:
            return with_session(conversation, rest)


def _ask_routing(
    conversation: Conversation, session: AgentSession, rest: AgentSession, event: events.TimerFired
) -> Decision:
    """Ask for the routing status. A grace timer stays in the state: it tells the second answer from the first."""
    if rest.access is None:
        return with_session(conversation, rest)
    kept = session if event.name == TimerName.GRACE else rest
    return with_session(conversation, kept, AskRouting(rest.id, rest.system, rest.access))


def _is_armed(session: AgentSession, name: str) -> bool:
    return any(timer.name == name for timer in session.timers)
