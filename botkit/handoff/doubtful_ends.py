"""Rules for an end that the agents' side states, but that may not be one (docs/protocols/salesforce-miaw.md, 5).

A session that is ended by neither an agent nor the user may go on: agents kept writing after a Supervisor's "Ended". A failed
routing is not always the last word either: an organisation's Apex code may route again moments later. So the routing status
decides: it is read after a moment, and once more after the grace period. What the agents' side does in between counts too.

An inactive session has not ended, even if its agent was removed: the user's next message continues it.
"""

from __future__ import annotations

import re

from msgspec.structs import replace

from botkit.handoff import agents_side, events
from botkit.handoff.agents_side import ended, gave_reason, searching, unrouted
from botkit.handoff.conversation import AgentSession, Conversation, Doubt, Instant, Phase, TimerName
from botkit.handoff.decision import Decision, arm, cancel, with_session
from botkit.handoff.effects import CountMetric, Effect
from botkit.handoff.rules import Rules

_NOT_OF_A_LABEL = re.compile(r"[^A-Za-z0-9_.-]")
_MAX_LABEL = 40


def session_ended(
    rules: Rules, conversation: Conversation, session: AgentSession, event: events.AgentSessionEnded
) -> Decision:
    """The agents' side states the end of the session: believe it, or ask first."""
    if event.certain or session.access is None:
        return ended(rules, conversation, session, event.at)
    return _ask_soon(conversation, session, Doubt.ENDED, event.at)


def routing_failed(
    rules: Rules, conversation: Conversation, session: AgentSession, event: events.RoutingFailed
) -> Decision:
    """No agent was found. After a failed transfer the old agent usually stays, so the status is asked.

    For a new session it is asked too, unless the failure is final. Another agent system in line is tried at once.
    """
    reason = CountMetric("routing_failed", _NOT_OF_A_LABEL.sub("", event.reason)[:_MAX_LABEL] or "Unknown")
    if event.transfer:
        session = replace(session, transferring=False)
        if session.agents:
            return with_session(conversation, session, reason)
        session, settle = arm(session, TimerName.SETTLE, event.at, agents_side.SETTLE_FOR.total_seconds())
        return with_session(conversation, session, settle, reason)
    if event.final or session.access is None or session.alternatives:
        decision = unrouted(rules, conversation, session, event.at)
    else:
        decision = _ask_soon(conversation, session, Doubt.UNROUTED, event.at)
    return replace(decision, effects=(*decision.effects, reason))


def status_reported(
    rules: Rules, conversation: Conversation, session: AgentSession, event: events.StatusReported
) -> Decision:
    """The session was set aside, or goes on."""
    if event.status == "inactive":
        if session.inactive:
            return Decision(conversation)
        session, timers = _settled(session)
        return with_session(conversation, replace(session, inactive=True), *timers)
    if event.status == "searching":
        return _sign_of_search(rules, conversation, session, event)
    if event.status == "waiting" and not session.queued:
        session = replace(session, queued=True)
    if not (session.inactive or session.doubt):
        return with_session(conversation, session)
    session, timers = _settled(session)
    session = replace(session, inactive=False)
    if session.phase is not Phase.ABSENT:
        return with_session(conversation, session, *timers)
    if event.status == "waiting":
        return _after(timers, searching(rules, conversation, session, event.at))
    session, settle = arm(session, TimerName.SETTLE, event.at, agents_side.SETTLE_FOR.total_seconds())
    return with_session(conversation, session, *timers, settle)


def _sign_of_search(
    rules: Rules, conversation: Conversation, session: AgentSession, event: events.StatusReported
) -> Decision:
    """An agent is looked for. Such a sign may come late, from before what the list of entries has told: then it says nothing."""
    late = session.access is not None and event.high_water_ms < session.access.high_water_ms
    absent = session.phase is Phase.ABSENT
    if late or not (absent or session.doubt == Doubt.UNROUTED):
        return Decision(conversation)
    session, timers = _settled(session)
    if not absent:
        return with_session(conversation, session, *timers)
    return _after(timers, searching(rules, conversation, session, event.at))


def routing_known(
    rules: Rules, conversation: Conversation, session: AgentSession, event: events.RoutingKnown
) -> Decision:
    """The routing status, after an agent has left or an end is in doubt. An end counts when it is reported twice."""
    absent = session.phase is Phase.ABSENT
    if not session.doubt and (not absent or session.inactive):
        return Decision(conversation)
    # While the first agent is awaited, the status is the same before and after a failed routing or an end.
    no_news = session.doubt == Doubt.UNROUTED or (session.doubt and not session.accepted)
    over = event.status == "over" or (event.status == "searching" and no_news)
    if over:
        if any(timer.name == TimerName.GRACE for timer in session.timers):
            give_up = unrouted if session.doubt == Doubt.UNROUTED else ended
            return give_up(rules, conversation, session, event.at)
        session, again = arm(session, TimerName.GRACE, event.at, rules.transfer_grace_seconds)
        return with_session(conversation, session, again)
    session, timers = _settled(session) if session.doubt else (session, [])
    if absent and event.status == "searching":
        return _after(timers, searching(rules, conversation, session, event.at))
    if absent:
        session, again = arm(session, TimerName.SETTLE, event.at, rules.transfer_grace_seconds)
        timers.append(again)
    return with_session(conversation, session, *timers)


def _ask_soon(conversation: Conversation, session: AgentSession, doubt: Doubt, at: Instant) -> Decision:
    reason_given = session.reason_given or (doubt == Doubt.ENDED and gave_reason(session, at))
    session = replace(session, doubt=doubt, reason_given=reason_given)
    if any(timer.name in (TimerName.SETTLE, TimerName.GRACE) for timer in session.timers):
        return with_session(conversation, session)
    session, settle = arm(session, TimerName.SETTLE, at, agents_side.SETTLE_FOR.total_seconds())
    return with_session(conversation, session, settle)


def _settled(session: AgentSession) -> tuple[AgentSession, list[Effect]]:
    """The session goes on. What the organisation said to explain a failure does not explain a later one."""
    session, timers = cancel(session, TimerName.SETTLE, TimerName.GRACE)
    return replace(session, doubt="", reason_given=False), timers


def _after(first: list[Effect], decision: Decision) -> Decision:
    return replace(decision, effects=(*first, *decision.effects))
