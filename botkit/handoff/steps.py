"""The steps of a hand-off for its story, which the ledger keeps: what happened and when, never what people wrote.

A step is written in the transaction of the event that it tells of (`steps_of`). The relay adds its own: failed attempts, and
calls that no event reports. `botkit explain` puts them into words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec

from botkit.handoff import events
from botkit.handoff.conversation import AgentSession, Conversation, Instant
from botkit.handoff.decision import Decision
from botkit.handoff.effects import CountMetric
from botkit.handoff.record import Record

_NOT_OF_A_NAME = re.compile(r"[^A-Za-z0-9_.:-]")
_MAX_NAME = 60


class StepKind(StrEnum):
    """What a step tells; the details of each are in the code that makes it."""

    TRANSFER = "transfer"
    """The transfer hook began the hand-off."""
    NEXT_SYSTEM = "next_system"
    GRANTED = "granted"
    CREATED = "created"
    RECORD = "record"
    QUEUED = "queued"
    STATUS = "status"
    JOINED = "joined"
    LEFT = "left"
    TRANSFERRED = "transferred"
    ROUTING_FAILED = "routing_failed"
    STATED_END = "stated_end"
    ROUTING = "routing"
    AUTOMATED = "automated"
    MESSAGE_REFUSED = "message_refused"
    FILE_REFUSED = "file_refused"
    LOST = "lost"
    USER_LOST = "user_lost"
    ENDED = "ended"
    COUNTED = "counted"
    # --- of the relay ---
    ATTEMPT = "attempt"
    GAVE_UP = "gave_up"
    RECOVERED = "recovered"
    NO_TRANSCRIPT = "no_transcript"
    STREAM = "stream"
    CLEARED = "cleared"
    CLOSED = "closed"


class Step(Record, frozen=True):
    """One step. `detail` is a JSON object as text; empty for none."""

    session_id: str
    at: Instant
    kind: str
    detail: str = ""


def details(**members: object) -> str:
    """The detail of a step: the members that are neither None nor empty."""
    stated = {name: value for name, value in members.items() if value not in (None, "", ())}
    return msgspec.json.encode(stated).decode() if stated else ""


def steps_of(before: Conversation, event: events.Event, decision: Decision) -> tuple[Step, ...]:
    """The steps that an event made; usually none."""
    session, after = before.session, decision.conversation.session
    if session is None and after is None:
        return _late(before, event) if isinstance(event, _LATE) else ()
    found: list[Step] = []
    subject = session or after
    assert subject is not None  # noqa: S101 - one of the two is there
    told = _TOLD.get(type(event))
    if told is not None and session is not None and getattr(event, "session_id", None) == session.id:
        kind, detail = told(event)
        if kind:
            found.append(Step(session.id, event.at, kind, detail))
    if session is not None and after is not None and after.record != session.record and after.record:
        found.append(Step(after.id, event.at, StepKind.RECORD, details(record=_name(after.record))))
    for effect in decision.effects:
        if isinstance(effect, CountMetric) and effect.what != "organization_wrote":  # see `_automated`
            found.append(_counted(effect, decision.conversation, session, event.at))
    return tuple(found)


def _counted(
    effect: CountMetric, conversation: Conversation, session: AgentSession | None, at: Instant
) -> Step:
    after = conversation.session
    match effect.what:
        case "handoff_opened" if after is not None:
            return Step(after.id, at, StepKind.TRANSFER, _opening(conversation, after))
        case "fell_back" if after is not None:
            return Step(after.id, at, StepKind.NEXT_SYSTEM, details(system=after.system, session=after.id))
        case "handoff_ended" if session is not None:
            detail = details(
                why=effect.why,
                from_user=session.sent_count,
                to_user=session.shown_count,
                pending=sum(held.typed for held in (*session.in_flight, *session.held)) or None,
            )
            return Step(session.id, at, StepKind.ENDED, detail)
        case "agent_joined" if after is not None:
            return Step(after.id, at, StepKind.JOINED, details(agents=len(after.agents)))
        case "transferred" if after is not None:
            return Step(after.id, at, StepKind.TRANSFERRED)
        case "routing_failed" if session is not None:
            return Step(session.id, at, StepKind.ROUTING_FAILED, details(reason=effect.why))
    subject = after or session
    session_id = subject.id if subject is not None else ""
    return Step(session_id, at, StepKind.COUNTED, details(what=effect.what, why=effect.why))


def _opening(conversation: Conversation, session: AgentSession) -> str:
    return details(
        bot=conversation.id.bot_id,
        user=conversation.id.user_id,
        channel=conversation.id.channel,
        session=session.id,
        system=session.system,
        language=session.language,
        then=[one.system for one in session.alternatives] or None,
        attributes=len(session.attributes),
        platform_session=session.platform_session_id,
    )


_Told = tuple[str, str]
_LATE = (events.MessageRefused, events.FileRefused, events.AgentsLost)
"""Outcomes that still matter when the session has ended."""


def _late(before: Conversation, event: events.Event) -> tuple[Step, ...]:
    if before.ended_session is None or getattr(event, "session_id", None) != before.ended_session:
        return ()
    kind, detail = _TOLD[type(event)](event)
    return (Step(before.ended_session, event.at, kind, detail),)


def _name(text: str) -> str:
    return _NOT_OF_A_NAME.sub("", text)[:_MAX_NAME]


def _granted(event: events.AccessGranted) -> _Told:
    lasts = None if event.expires_at is None else round(event.expires_at - event.at)
    return StepKind.GRANTED, details(transcript=len(event.transcript), lasts=lasts)


def _automated(event: events.AgentSaid) -> _Told:
    if not event.automated:
        return "", ""
    return StepKind.AUTOMATED, details(characters=len(event.content.text))


_TOLD: dict[type[Any], Callable[[Any], _Told]] = {
    events.AccessGranted: _granted,
    events.SessionStarted: lambda event: (StepKind.CREATED, ""),
    events.AgentSaid: _automated,
    events.AgentLeft: lambda event: (StepKind.LEFT, ""),
    events.QueueMoved: lambda event: (
        StepKind.QUEUED,
        details(place=event.place or None, wait=event.wait_seconds),
    ),
    events.StatusReported: lambda event: (StepKind.STATUS, details(status=event.status)),
    events.AgentSessionEnded: lambda event: (StepKind.STATED_END, details(certain=event.certain)),
    events.RoutingKnown: lambda event: (StepKind.ROUTING, details(status=event.status)),
    events.MessageRefused: lambda event: (StepKind.MESSAGE_REFUSED, ""),
    events.FileRefused: lambda event: (StepKind.FILE_REFUSED, details(reason=event.reason)),
    events.AgentsLost: lambda event: (StepKind.LOST, details(why=_name(event.why))),
    events.UserLost: lambda event: (StepKind.USER_LOST, ""),
}
"""The events that are steps by themselves, with the step of each."""
