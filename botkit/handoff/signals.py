"""Rules for what the agents' software tells the user's: an agent's typing, and events of an organisation's own making.

Both go where the user's client takes events from us (`sendBotEventUrl`, protocols/kore-xo-botkit.md, 4.2). Where the platform has
not said where that is, there is nobody to tell, and nothing is even remembered.
"""

from __future__ import annotations

from botkit.handoff.conversation import AgentSession, Conversation, Phase
from botkit.handoff.decision import Decision, arm, cancel, keep
from botkit.handoff.effects import Effect, EventToUser, TypingToUser
from botkit.handoff.events import AgentCustomEvent, AgentTyping

TYPING = "agent_typing"
"""An agent is shown as typing, until then unless it is said again."""


def typing(conversation: Conversation, session: AgentSession, event: AgentTyping) -> Decision:
    """The user sees an agent typing. Agents' sides say so every few seconds; half of that is news enough."""
    if not event.started:
        session, quiet = hushed(session)
        return keep(conversation, session, *quiet) if quiet else Decision(conversation)
    if not session.events_url or session.phase is not Phase.ACTIVE:
        return Decision(conversation)
    shown_until = next((timer.due for timer in session.timers if timer.name == TYPING), event.at)
    if shown_until - event.at > event.holds_seconds / 2:
        return Decision(conversation)
    session, alarm = arm(session, TYPING, event.at + event.holds_seconds)
    return keep(conversation, session, alarm, TypingToUser(session.events_url, started=True))


def hushed(session: AgentSession) -> tuple[AgentSession, list[Effect]]:
    """Nobody is typing any more; costs nothing where nobody was."""
    session, effects = cancel(session, TYPING)
    if effects:
        effects.append(TypingToUser(session.events_url, started=False))
    return session, effects


def forgotten(conversation: Conversation, session: AgentSession) -> Decision:
    """The agents' side has not said for a while whether the agent is still typing."""
    return keep(conversation, session, TypingToUser(session.events_url, started=False))


def custom(conversation: Conversation, session: AgentSession, event: AgentCustomEvent) -> Decision:
    """An event for the user's client, which may understand it."""
    if not session.events_url:
        return Decision(conversation)
    return Decision(conversation, (EventToUser(session.events_url, event.name, event.data),))
