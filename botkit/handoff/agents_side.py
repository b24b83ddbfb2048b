"""Rules for what the agents' side says.

An agent who leaves is not the end: it may be a transfer. Three signals decide (protocols/salesforce-miaw.md, section 5): the
session's own end, a routing result, and, when neither comes, the routing status, asked after a moment and once more after the
grace period.
"""

from __future__ import annotations

import math
import re

from msgspec.structs import replace

from botkit.handoff import idle, signals
from botkit.handoff.conversation import Access, Agent, AgentSession, Conversation, Instant, Phase
from botkit.handoff.decision import (
    ACCEPT,
    GRACE,
    SETTLE,
    SETTLE_FOR,
    Decision,
    arm,
    cancel,
    hand_to_agent,
    keep,
    tell,
)
from botkit.handoff.effects import CountMetric, Effect, SendToUser
from botkit.handoff.ending import end
from botkit.handoff.events import (
    AgentJoined,
    AgentLeft,
    AgentSaid,
    FromAgents,
    QueueMoved,
    RoutingFailed,
)
from botkit.handoff.opening import next_in_line
from botkit.handoff.rules import Rules

_NOT_OF_A_LABEL = re.compile(r"[^A-Za-z0-9_.-]")
_MAX_LABEL = 40


def advance(conversation: Conversation, session: AgentSession, event: FromAgents) -> Conversation:
    """Remember how far the agents' side has been read."""
    access = session.access
    if access is None:
        return conversation
    moved = Access(
        credentials=access.credentials,
        position=event.position or access.position,
        high_water_ms=max(event.high_water_ms, access.high_water_ms),
    )
    return conversation if moved == access else replace(conversation, session=replace(session, access=moved))


def heard(conversation: Conversation, session: AgentSession, event: AgentSaid) -> Decision:
    """An agent's words are shown, and the user's time to answer runs where the agent system wants that."""
    told = said(conversation, event)
    if not told.effects:
        return told
    session, quiet = signals.hushed(session)
    session, alarms = (session, []) if event.automated else idle.waits_for_user(session, event.at)
    return keep(conversation, session, *quiet, *told.effects, *alarms) if quiet or alarms else told


def said(conversation: Conversation, event: AgentSaid) -> Decision:
    """Whatever an agent (or Salesforce in an agent's place) says is shown to the user."""
    content = event.content
    if not (content.text or content.options or content.links):
        return Decision(conversation)
    return Decision(
        conversation, (SendToUser(content, agent_name="" if event.automated else event.agent_name),)
    )


def joined(rules: Rules, conversation: Conversation, session: AgentSession, event: AgentJoined) -> Decision:
    """An agent is there: the first, the next after a transfer, or one more in a conference."""
    if any(agent.subject == event.subject for agent in session.agents):
        return Decision(conversation)
    session, quiet = cancel(session, ACCEPT, SETTLE, GRACE, *idle.TIMERS)
    session = replace(
        session,
        idle_warned=False,
        phase=Phase.ACTIVE,
        agents=(*session.agents, Agent(event.subject, event.name)),
        last_agent=event.name,
        transferring=False,
        accepted=True,
        alternatives=(),
        taken=(),
    )
    session = idle.ruled(session, event.idle)
    session, sends = hand_to_agent(rules, session, ())
    welcome = tell(rules, session, "agentJoinedMessage", agent=event.name)
    return keep(conversation, session, *quiet, *welcome, *sends, CountMetric("agent_joined"))


def left(rules: Rules, conversation: Conversation, session: AgentSession, event: AgentLeft) -> Decision:
    """An agent is gone. Where another stays, nothing changes for the user."""
    rest = tuple(agent for agent in session.agents if agent.subject != event.subject)
    if len(rest) == len(session.agents):
        return Decision(conversation)
    session = replace(session, agents=rest, last_agent=event.name or session.last_agent)
    if rest:
        return keep(conversation, session)
    # Nobody waits for the user's answer any more: it is the user who waits now.
    session, quiet = cancel(session, *idle.TIMERS)
    session, hush = signals.hushed(session)
    quiet += hush
    session = replace(session, phase=Phase.ABSENT, idle_warned=False)
    if session.transferring:
        moved = _transferred(rules, conversation, session, event.at)
        return replace(moved, effects=(*quiet, *moved.effects))
    session, settle = arm(session, SETTLE, event.at + SETTLE_FOR.total_seconds())
    return keep(conversation, session, *quiet, settle)


def transfer_started(
    rules: Rules, conversation: Conversation, session: AgentSession, at: Instant
) -> Decision:
    """Another agent is being looked for. The user hears of it when the old one has left."""
    if session.transferring:
        return Decision(conversation)
    if session.phase is Phase.ABSENT:
        return _transferred(rules, conversation, session, at)
    return keep(conversation, replace(session, transferring=True))


def routing_failed(
    rules: Rules, conversation: Conversation, session: AgentSession, event: RoutingFailed
) -> Decision:
    """Nobody could be found. A failed transfer usually leaves the old agent in place: ask before ending."""
    reason = CountMetric("routing_failed", _NOT_OF_A_LABEL.sub("", event.reason)[:_MAX_LABEL] or "Unknown")
    if event.transfer:
        session = replace(session, transferring=False)
        if session.agents:
            return keep(conversation, session, reason)
        session, settle = arm(session, SETTLE, event.at + SETTLE_FOR.total_seconds())
        return keep(conversation, session, settle, reason)
    decision = next_in_line(rules, conversation, session, event.at) or end(
        rules,
        conversation,
        session,
        event.at,
        why="routing_failed",
        words="noAgentAvailableMessage",
        give_up_pending=True,
    )
    return replace(decision, effects=(*decision.effects, reason))


def queue_moved(
    rules: Rules, conversation: Conversation, session: AgentSession, event: QueueMoved
) -> Decision:
    """The user hears of a new place in the queue, once.

    Of the wait they hear when it is first known, if it is longer than a moment, and again only together with a new place.
    """
    if session.phase is Phase.ACTIVE:
        return Decision(conversation)
    told: list[Effect] = []
    moved = event.place > 0 and event.place != session.queue_position
    if moved:
        told += tell(rules, session, "queuePositionMessage", position=str(event.place))
        session = replace(session, queue_position=event.place)
    minutes = math.ceil((event.wait_seconds or 0) / 60)
    if minutes not in (0, session.wait_minutes) and (moved if session.wait_minutes else minutes > 1):
        told += tell(rules, session, "estimatedWaitMessage", minutes=str(minutes))
        session = replace(session, wait_minutes=minutes)
    return Decision(conversation) if session == conversation.session else keep(conversation, session, *told)


def ended(rules: Rules, conversation: Conversation, session: AgentSession, at: Instant) -> Decision:
    """The agent, Salesforce or a supervisor ended it."""
    return end(
        rules, conversation, session, at, why="agent", words="conversationClosedMessage", give_up_pending=True
    )


def searching(rules: Rules, conversation: Conversation, session: AgentSession, at: Instant) -> Decision:
    """The routing status says that another agent is being looked for."""
    if session.transferring:
        return Decision(conversation)
    return _transferred(rules, conversation, session, at)


def _transferred(rules: Rules, conversation: Conversation, session: AgentSession, at: Instant) -> Decision:
    session, quiet = cancel(session, SETTLE, GRACE)
    session = replace(session, transferring=True)
    session, accept = arm(session, ACCEPT, at + rules.accept_timeout_seconds)
    told: list[Effect] = tell(rules, session, "agentLeftMessage", agent=session.last_agent)
    return keep(conversation, session, *quiet, *told, accept, CountMetric("transferred"))
