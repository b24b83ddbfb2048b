"""Rules for a user who falls silent, where the agent system leaves that to its client (Live Chat's chasitorIdleTimeout).

The time is counted from the agents' last words (protocols/salesforce-live-chat.md, section 9); anything the user does ends it.
"""

from __future__ import annotations

from msgspec.structs import replace

from botkit.handoff.conversation import AgentSession, Conversation, Instant
from botkit.handoff.decision import Decision, arm, cancel, keep, tell
from botkit.handoff.effects import Effect, IdleNotice
from botkit.handoff.ending import end
from botkit.handoff.events import IdleRule
from botkit.handoff.rules import Rules

IDLE_WARNING = "idle_warning"
IDLE_END = "idle_end"
TIMERS = (IDLE_WARNING, IDLE_END)


def ruled(session: AgentSession, rule: IdleRule | None) -> AgentSession:
    """The session under an agent's idle rule; the next agent may bring another."""
    if rule is None:
        return replace(session, idle_warning_seconds=0.0, idle_timeout_seconds=0.0)
    return replace(
        session, idle_warning_seconds=rule.warning_seconds, idle_timeout_seconds=rule.timeout_seconds
    )


def waits_for_user(session: AgentSession, at: Instant) -> tuple[AgentSession, list[Effect]]:
    """An agent has spoken: the user's time runs."""
    effects: list[Effect] = []
    if session.idle_warning_seconds > 0:
        session, warning = arm(session, IDLE_WARNING, at + session.idle_warning_seconds)
        effects.append(warning)
    if session.idle_timeout_seconds > 0:
        session, last = arm(session, IDLE_END, at + session.idle_timeout_seconds)
        effects.append(last)
    return session, effects


def user_is_back(session: AgentSession) -> tuple[AgentSession, list[Effect]]:
    """The user did something."""
    session, effects = cancel(session, *TIMERS)
    if session.idle_warned and session.access is not None:
        effects.append(IdleNotice(session.id, session.system, session.access, warned=False))
    return replace(session, idle_warned=False), effects


def warn(rules: Rules, conversation: Conversation, session: AgentSession) -> Decision:
    """The user is told, and the agents' side knows."""
    effects = tell(rules, session, "idleWarningMessage")
    if session.access is not None:
        effects.append(IdleNotice(session.id, session.system, session.access, warned=True))
    return keep(conversation, replace(session, idle_warned=True), *effects)


def give_up(rules: Rules, conversation: Conversation, session: AgentSession, at: Instant) -> Decision:
    """The user did not come back."""
    return end(rules, conversation, session, at, why="idle", words="idleClosedMessage")
