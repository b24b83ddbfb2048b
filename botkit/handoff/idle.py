"""Rules for a silent user, for agent systems that leave the idle timeout to their client.

The time runs from the agents' last message; any action of the user stops it (docs/protocols/salesforce-live-chat.md, 9).
"""

from __future__ import annotations

from msgspec.structs import replace

from botkit.handoff.conversation import AgentSession, Conversation, Instant, TimerName
from botkit.handoff.decision import Decision, arm, cancel, tell, with_session
from botkit.handoff.effects import Effect, IdleNotice
from botkit.handoff.ending import end
from botkit.handoff.events import IdleRule
from botkit.handoff.rules import Rules

TIMERS = (TimerName.IDLE_WARNING, TimerName.IDLE_END)


def with_rule(session: AgentSession, rule: IdleRule | None) -> AgentSession:
    """The session under an agent's idle rule; the next agent may bring another."""
    rule = rule or IdleRule(0.0, 0.0)
    return replace(
        session, idle_warning_seconds=rule.warning_seconds, idle_timeout_seconds=rule.timeout_seconds
    )


def wait_for_user(session: AgentSession, at: Instant) -> tuple[AgentSession, list[Effect]]:
    """An agent wrote: start the user's time."""
    effects: list[Effect] = []
    if session.idle_warning_seconds > 0:
        session, warning = arm(session, TimerName.IDLE_WARNING, at, session.idle_warning_seconds)
        effects.append(warning)
    if session.idle_timeout_seconds > 0:
        session, last = arm(session, TimerName.IDLE_END, at, session.idle_timeout_seconds)
        effects.append(last)
    return session, effects


def user_is_back(session: AgentSession) -> tuple[AgentSession, list[Effect]]:
    """The user did something: stop the time, and tell the agents' side if the user had been warned."""
    session, effects = cancel(session, *TIMERS)
    if session.idle_warned and session.access is not None:
        effects.append(IdleNotice(session.id, session.system, session.access, warned=False))
    return replace(session, idle_warned=False), effects


def warn(rules: Rules, conversation: Conversation, session: AgentSession) -> Decision:
    """Warn the user, and tell the agents' side."""
    effects = tell(rules, session, "idleWarningMessage")
    if session.access is not None:
        effects.append(IdleNotice(session.id, session.system, session.access, warned=True))
    return with_session(conversation, replace(session, idle_warned=True), *effects)


def give_up(rules: Rules, conversation: Conversation, session: AgentSession, at: Instant) -> Decision:
    """The user did not come back: end the session."""
    return end(rules, conversation, session, at, why="idle", words="idleClosedMessage")
