"""Rules for the events of the agents' side.

An agent who leaves does not end the session: it may be a transfer. Three signals decide (docs/protocols/salesforce-miaw.md, 5):
the session's own end, a routing result, and, if neither comes, the routing status, which is read after a moment and once more
after the grace period (`doubtful_ends.py`).

Typing and custom events go to the user's client at its `sendBotEventUrl` (docs/protocols/kore-xo-botkit.md, 4.2); without that
address they are dropped.
"""

from __future__ import annotations

import math
import zlib
from datetime import timedelta

from msgspec.structs import replace

from botkit.handoff import events, idle
from botkit.handoff.conversation import (
    Access,
    Agent,
    AgentSession,
    Conversation,
    Doubt,
    Instant,
    Phase,
    TimerName,
)
from botkit.handoff.decision import (
    Decision,
    arm,
    cancel,
    hand_to_agent,
    is_recent,
    stop_typing,
    tell,
    with_session,
)
from botkit.handoff.effects import CountMetric, Effect, EventToUser, SendToUser, TypingToUser
from botkit.handoff.ending import end
from botkit.handoff.events import Content
from botkit.handoff.moments import JOINED, call_handlers
from botkit.handoff.opening import next_in_line
from botkit.handoff.rules import Rules

SETTLE_FOR = timedelta(seconds=2)
"""The pause between the departure of the last agent and the query for the routing status."""
REASON_BEFORE = timedelta(seconds=5)
"""Automated words this shortly before the end of a session without agents may be the organisation's reason for the end."""
_REMEMBERED_TEXT = 200
MAX_MET = 20
"""Max names of agents that a session remembers."""
GREETING_WITHIN = timedelta(seconds=30)
"""Automated words this soon after the start of a session that was routed are a greeting."""


def advance(conversation: Conversation, session: AgentSession, event: events.FromAgents) -> Conversation:
    """Advance the position up to which the agents' side has been read, and keep the id of its record."""
    if event.record and event.record != session.record:
        session = replace(session, record=event.record)
        conversation = replace(conversation, session=session)
    access = session.access
    if access is None:
        return conversation
    moved = Access(
        credentials=access.credentials,
        position=event.position or access.position,
        high_water_ms=max(event.high_water_ms, access.high_water_ms),
    )
    return conversation if moved == access else replace(conversation, session=replace(session, access=moved))


# --- messages and signals ----------------------------------------------------------------------------------------


def message(conversation: Conversation, session: AgentSession, event: events.AgentSaid) -> Decision:
    """Show an agent's message, and start the user's idle time if the agent system wants that."""
    text = zlib.crc32(event.content.text.encode(errors="surrogatepass"))
    shown = show(conversation, event, again=text == session.shown_text)
    if not shown.effects:
        return shown
    session = replace(session, shown_text=text)
    if event.automated and not session.accepted:
        return _organization_wrote(conversation, session, event, shown)
    session, hide = stop_typing(replace(session, shown_count=session.shown_count + 1))
    timers: list[Effect] = []
    if not event.automated:
        session, waits = idle.wait_for_user(session, event.at)
        session, checks = _check_again(session, event.at)
        timers = [*waits, *checks]
    return with_session(conversation, session, *hide, *shown.effects, *timers)


def _organization_wrote(
    conversation: Conversation, session: AgentSession, event: events.AgentSaid, shown: Decision
) -> Decision:
    """An automated message before any agent: a greeting, or the reason why there is no agent.

    A message of ours that arrives after the end of the session opens it once more, and the organisation repeats itself.
    """
    words = event.content.text[:_REMEMBERED_TEXT]
    soon = is_recent(session.automated_at, event.at, REASON_BEFORE.total_seconds())
    # A longer one, or one with links or options, may differ in what is not remembered.
    repeated = soon and words == session.automated_text and event.content == Content(text=words)
    session = replace(
        session,
        automated_at=event.at,
        automated_text=words,
        reason_given=bool(session.doubt) or session.reason_given,
    )
    effects = [] if repeated else [*shown.effects, CountMetric("organization_wrote")]
    return with_session(conversation, session, *effects)


def show(conversation: Conversation, event: events.AgentSaid, *, again: bool = False) -> Decision:
    """Show the user a message of the agents' side, unless it is empty. `again`: see `SendToUser`."""
    content = event.content
    if not (content.text or content.options or content.links):
        return Decision(conversation)
    agent_name = "" if event.automated else event.agent_name
    return Decision(conversation, (SendToUser(content, agent_name=agent_name, again=again),))


def typing(conversation: Conversation, session: AgentSession, event: events.AgentTyping) -> Decision:
    """Show an agent's typing. Agent systems repeat it every few seconds; half of the repetitions are dropped."""
    if not event.started:
        session, hide = stop_typing(session)
        return with_session(conversation, session, *hide) if hide else Decision(conversation)
    if not session.events_url or session.phase is not Phase.ACTIVE:
        return Decision(conversation)
    name = TimerName.AGENT_TYPING
    shown_until = next((timer.due for timer in session.timers if timer.name == name), event.at)
    if shown_until - event.at > event.holds_seconds / 2:
        return Decision(conversation)
    session, timer = arm(session, name, event.at, event.holds_seconds)
    return with_session(conversation, session, timer, TypingToUser(session.events_url, started=True))


def typing_expired(conversation: Conversation, session: AgentSession) -> Decision:
    """The agents' side has not repeated the typing: hide it."""
    return with_session(conversation, session, TypingToUser(session.events_url, started=False))


def custom_event(
    conversation: Conversation, session: AgentSession, event: events.AgentCustomEvent
) -> Decision:
    """Pass an organisation's own event to the user's client, which may understand it."""
    if not session.events_url:
        return Decision(conversation)
    return Decision(conversation, (EventToUser(session.events_url, event.name, event.data),))


def _check_again(session: AgentSession, at: Instant) -> tuple[AgentSession, list[Effect]]:
    """An agent writes while it is being checked whether the session has ended: check again from the start.

    The message may also be an older one that arrived late, so it does not settle the matter.
    """
    if not any(timer.name in (TimerName.SETTLE, TimerName.GRACE) for timer in session.timers):
        return session, []
    session, effects = cancel(session, TimerName.GRACE)
    session, settle = arm(session, TimerName.SETTLE, at, SETTLE_FOR.total_seconds())
    return session, [*effects, settle]


# --- agents come and go ------------------------------------------------------------------------------------------


def joined(
    rules: Rules, conversation: Conversation, session: AgentSession, event: events.AgentJoined
) -> Decision:
    """An agent is present: the first, the next after a transfer, or one more in a conference."""
    if any(agent.subject == event.subject for agent in session.agents):
        return Decision(conversation)
    session, timers = cancel(session, TimerName.ACCEPT, TimerName.SETTLE, TimerName.GRACE, *idle.TIMERS)
    session = replace(
        session,
        idle_warned=False,
        phase=Phase.ACTIVE,
        agents=(*session.agents, Agent(event.subject, event.name)),
        last_agent=event.name,
        met=_with_name(session.met, event.name),
        joined_at=session.joined_at or event.at,
        inactive=False,
        doubt="",
        transferring=False,
        accepted=True,
        alternatives=(),
        taken=(),
    )
    session = idle.with_rule(session, event.idle)
    session, sends = hand_to_agent(rules, session, ())
    welcome = tell(rules, session, "agentJoinedMessage", agent=event.name)
    called = call_handlers(rules, session, JOINED, event.at, agent=event.name)
    return with_session(
        conversation, session, *timers, *welcome, *sends, *called, CountMetric("agent_joined")
    )


def _with_name(met: tuple[str, ...], name: str) -> tuple[str, ...]:
    return met if not name or name in met or len(met) == MAX_MET else (*met, name)


def left(
    rules: Rules, conversation: Conversation, session: AgentSession, event: events.AgentLeft
) -> Decision:
    """An agent left. If another stays, nothing changes for the user."""
    rest = tuple(agent for agent in session.agents if agent.subject != event.subject)
    if len(rest) == len(session.agents):
        return Decision(conversation)
    session = replace(session, agents=rest, last_agent=event.name or session.last_agent)
    if rest:
        return with_session(conversation, session)
    # Now the user waits for an agent, so their idle time stops.
    session, timers = cancel(session, *idle.TIMERS)
    session, hide = stop_typing(session)
    session = replace(session, phase=Phase.ABSENT, idle_warned=False)
    if session.transferring:
        moved = _transferred(rules, conversation, session, event.at)
        return replace(moved, effects=(*timers, *hide, *moved.effects))
    if session.inactive:
        return with_session(conversation, session, *timers, *hide)
    session, settle = arm(session, TimerName.SETTLE, event.at, SETTLE_FOR.total_seconds())
    return with_session(conversation, session, *timers, *hide, settle)


def transfer_started(
    rules: Rules, conversation: Conversation, session: AgentSession, at: Instant
) -> Decision:
    """The agents' side looks for another agent. The user is told when the old one has left."""
    if session.transferring:
        return Decision(conversation)
    if session.phase is Phase.ABSENT:
        return _transferred(rules, conversation, session, at)
    return with_session(conversation, replace(session, transferring=True))


def searching(rules: Rules, conversation: Conversation, session: AgentSession, at: Instant) -> Decision:
    """The routing status says that another agent is being looked for."""
    if session.transferring:
        return with_session(conversation, session)
    return _transferred(rules, conversation, session, at)


def queue_moved(
    rules: Rules, conversation: Conversation, session: AgentSession, event: events.QueueMoved
) -> Decision:
    """Tell the user each new place in the queue once.

    The estimated wait is told when it is first known, if it exceeds a minute, and again only together with a new place.
    """
    if session.phase is Phase.ACTIVE:
        return Decision(conversation)
    told: list[Effect] = []
    session = replace(session, queued=True)
    if session.doubt == Doubt.UNROUTED:
        session, told = cancel(session, TimerName.SETTLE, TimerName.GRACE)
        session = replace(session, doubt="", reason_given=False)
    moved = event.place > 0 and event.place != session.queue_position
    if moved:
        told += tell(rules, session, "queuePositionMessage", position=str(event.place))
        session = replace(session, queue_position=event.place)
    minutes = math.ceil((event.wait_seconds or 0) / 60)
    if minutes not in (0, session.wait_minutes) and (moved if session.wait_minutes else minutes > 1):
        told += tell(rules, session, "estimatedWaitMessage", minutes=str(minutes))
        session = replace(session, wait_minutes=minutes)
    return (
        Decision(conversation)
        if session == conversation.session
        else with_session(conversation, session, *told)
    )


def ended(rules: Rules, conversation: Conversation, session: AgentSession, at: Instant) -> Decision:
    """The agents' side ended the session. Without any agent so far, this is another way to say that there is none."""
    if not session.accepted:
        session = replace(session, reason_given=session.reason_given or gave_reason(session, at))
        return unrouted(rules, conversation, session, at, why="ended_unanswered")
    return end(
        rules, conversation, session, at, why="agent", words="conversationClosedMessage", give_up_pending=True
    )


def unrouted(
    rules: Rules,
    conversation: Conversation,
    session: AgentSession,
    at: Instant,
    *,
    why: str = "routing_failed",
) -> Decision:
    """No agent was found: try the next agent system, or end. If the organisation has said why, its words are enough."""
    return next_in_line(rules, conversation, session, at) or end(
        rules,
        conversation,
        session,
        at,
        why=why,
        words=None if session.reason_given else "noAgentAvailableMessage",
        give_up_pending=True,
    )


def gave_reason(session: AgentSession, at: Instant) -> bool:
    """Whether the organisation's last words are the reason for an end at this time, and not a greeting."""
    if not is_recent(session.automated_at, at, REASON_BEFORE.total_seconds()):
        return False
    return not session.queued or session.automated_at - session.opened_at > GREETING_WITHIN.total_seconds()


def _transferred(rules: Rules, conversation: Conversation, session: AgentSession, at: Instant) -> Decision:
    session, timers = cancel(session, TimerName.SETTLE, TimerName.GRACE)
    session = replace(session, transferring=True, inactive=False, doubt="")
    session, accept = arm(session, TimerName.ACCEPT, at, rules.accept_timeout_seconds)
    told: list[Effect] = tell(rules, session, "agentLeftMessage", agent=session.last_agent)
    return with_session(conversation, session, *timers, *told, accept, CountMetric("transferred"))
