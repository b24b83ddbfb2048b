"""Converts conversation entries, from the list or the stream, to events (docs/protocols/salesforce-miaw.md, 4.4 and 5).

An entry gives the same keys from either source, so the ledger stores it once. Frequent entries without effect (progress, streamed
tokens) give no event. Typing gives an event only from the stream, where it is current.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

import msgspec
from msgspec.structs import replace

from botkit.agents.miaw.contents import read_content
from botkit.agents.salesforce import Origin
from botkit.handoff.conversation import Instant
from botkit.handoff.events import (
    AgentJoined,
    AgentLeft,
    AgentSaid,
    AgentSessionEnded,
    AgentTyping,
    Content,
    FromAgents,
    PositionAdvanced,
    QueueMoved,
    RoutingFailed,
    StatusReported,
    TransferStarted,
)
from botkit.http.lenient_json import Members, flag, items, members, text, try_decoded, whole

_IGNORED = frozenset({"progressindicator", "streamingtoken", "transferprogress", "conversationupdated"})

_MESSAGING_SESSION = re.compile(r"0Mw[0-9A-Za-z]{12}(?:[0-9A-Za-z]{3})?")

_OF_ROUTING = frozenset({"routingworkresult", "sessionownerchanged"})

_SEARCHING_WORK = frozenset({"assigned", "transferred"})
"""The work results that show, while no agent is present, that another one is being looked for (4.4)."""

_TAKING_OWNERS = ("agent", "queue", "bot")
"""Owners of a session that goes on (4.4); the names are not documented, so a part of one is enough."""

_TYPING = {"typingstartedindicator": True, "typingstoppedindicator": False}
_TYPING_SECONDS = 8.0
"""Salesforce's own client shows typing for 5 seconds (3.4); a little longer avoids flicker."""

_PRESENCE_ROLES = frozenset({"agent", "chatbot"})
"""The roles that count as present: people and AI agents. A Supervisor only listens (5); System and Router are software."""

_ENDING_ROLES = frozenset({"agent", "enduser"})
"""An end by one of these is believed at once; a session that a Supervisor or the system has ended may go on (5)."""

_AHEAD_SECONDS = 366 * 86_400.0
"""How far Salesforce's clock may be ahead of ours; ours may be wrong."""
_CLOCK_WAS_SET = 1_700_000_000.0
"""A clock before this time (November 2023) was never set."""
_LATEST_MS = 4_102_444_800_000
"""The year 2100."""

_POSITION = re.compile(r"[!-~]{0,500}")
"""The ids of events that can be sent back in a header. Salesforce's are numbers."""

_BEFORE_WAITING, _BEFORE_ACTIVE = frozenset({"new", "consent"}), frozenset({"new", "consent", "waiting"})
"""The statuses after which a session ordinarily waits or becomes active: such an entry is no news."""

_SPEAKING_ROLES = frozenset({"agent", "chatbot", "system", "supervisor", ""})
"""The roles whose messages are shown. An EndUser's messages are echoes of ours (pitfall 4)."""


def read_envelope(data: bytes) -> tuple[str, Members]:
    """The conversation id and the entry of one stream event; empty if it has none."""
    envelope = members(try_decoded(data))
    return text(envelope.get("conversationId")), members(envelope.get("conversationEntry"))


def latest_ms(at: Instant) -> float:
    """The latest time of an entry that is believed, at this time of ours."""
    return (at + _AHEAD_SECONDS) * 1_000 if at > _CLOCK_WAS_SET else _LATEST_MS


def is_position(event_id: str) -> bool:
    """Whether the id of an event can be sent back in a header."""
    return _POSITION.fullmatch(event_id) is not None


def is_messaging_session(record: str) -> bool:
    """Whether this is the id of a MessagingSession."""
    return _MESSAGING_SESSION.fullmatch(record) is not None


def timestamp_ms(entry: Members, *, at: Instant) -> int:
    """The server's time; the sender's clock (`clientTimestamp`, 4.5) if there is no other, and 0 without either.

    A time far in the future counts as none: with the list read up to there, nothing that comes would be found.

    Args:
        entry: the entry.
        at: now.
    """
    latest = latest_ms(at)
    time = whole(entry.get("transcriptedTimestamp"))
    if not 0 < time <= latest:
        time = whole(entry.get("clientTimestamp"))
    return time if 0 < time <= latest else 0


def read_entry(entry: Members, *, session_id: str, at: Instant, position: str = "") -> tuple[FromAgents, ...]:
    """The events of one entry: usually one; none for an ignored one; several if several participants changed.

    Args:
        entry: as in the list, or an envelope's `conversationEntry`.
        session_id: the agent session, which is the conversation's id.
        at: now.
        position: the stream's id of this entry; empty for the list's.
    """
    payload = members(entry.get("entryPayload"))
    kind = _word(entry.get("entryType")) or _word(payload.get("entryType"))
    if kind in _IGNORED:
        return ()
    if kind in _TYPING:
        # Typing moves no position; an end user's is an echo of ours.
        if not position or _role(entry.get("sender")) not in _PRESENCE_ROLES:
            return ()
        origin: Origin = {"key": "", "at": at, "session_id": session_id}
        return (AgentTyping(**origin, started=_TYPING[kind], holds_seconds=_TYPING_SECONDS),)
    if kind in _OF_ROUTING and not _goes_on(kind, payload):
        return ()
    time = timestamp_ms(entry, at=at)
    key = f"{session_id}/{_identifier(entry, payload, time)}"
    events = _events(kind, entry, payload, {"key": key, "at": at, "session_id": session_id})
    # The last event of an entry carries both positions: after a crash between two events, the second one is read again.
    last = replace(
        events[-1],
        position=position if is_position(position) else "",
        high_water_ms=time,
        record=_session_record(kind, entry, payload),
    )
    return (*events[:-1], last)


def _events(kind: str, entry: Members, payload: Members, origin: Origin) -> list[FromAgents]:
    """At least one event; `PositionAdvanced` if the entry has no effect."""
    match kind:
        case "message":
            return [_message(entry, payload, origin)]
        case "participantchanged":
            changes = items(payload.get("entries"))
            if len(changes) == 1:
                return [_participant(changes[0], origin)]
            numbered = [
                _participant(change, {**origin, "key": f"{origin['key']}/{n}"})
                for n, change in enumerate(changes)
            ]
            return numbered or [PositionAdvanced(**origin)]
        case "routingresult":
            return [_routing(payload, origin)]
        case "queueposition" if (place := whole(payload.get("position"))) > 0:
            return [QueueMoved(**origin, place=place)]  # the position includes the user (4.4): 1 is next
        case "routingworkresult" | "sessionownerchanged":
            return [StatusReported(**origin, status="searching")]
        case "sessionstatuschanged":
            return [_status(payload, origin)]
        case "closeconversation":
            return [AgentSessionEnded(**origin)]
        case _:
            return [PositionAdvanced(**origin)]


def _session_record(kind: str, entry: Members, payload: Members) -> str:
    """The id of the MessagingSession, which three types of entries name (4.3 and 4.4)."""
    match kind:
        case "message":
            related = entry.get("relatedRecords")
            found = text(related[0]) if isinstance(related, list) and related else ""
        case "routingresult":
            found = text(payload.get("recordId"))
        case "sessionstatuschanged":
            found = text(payload.get("sessionId"))
        case _:
            return ""
    return found if is_messaging_session(found) else ""


def _goes_on(kind: str, payload: Members) -> bool:
    """Whether an entry of `_OF_ROUTING` shows that the session goes to another agent, queue or chatbot."""
    if kind == "routingworkresult":
        return _word(payload.get("workType")) in _SEARCHING_WORK
    owner = _word(payload.get("newOwnerType"))
    ended = _word(payload.get("sessionStatus")) == "ended"
    return not ended and any(name in owner for name in _TAKING_OWNERS)


def _status(payload: Members, origin: Origin) -> FromAgents:
    """A change of the session's status. Who ended it is stated unreliably (pitfall 9), so most ends are only claims (5)."""
    before = _word(payload.get("sessionStatusPrev"))
    match _word(payload.get("sessionStatus")):
        case "ended":
            by = _word(payload.get("sessionEndedByRole"))
            return AgentSessionEnded(**origin, certain=by in _ENDING_ROLES)
        case "error":
            return AgentSessionEnded(**origin, certain=False)
        case "inactive":
            return StatusReported(**origin, status="inactive")
        case "waiting" if before not in _BEFORE_WAITING:
            return StatusReported(**origin, status="waiting")
        case "active" if before not in _BEFORE_ACTIVE:
            return StatusReported(**origin, status="active")
        case _:
            return PositionAdvanced(**origin)


def _message(entry: Members, payload: Members, origin: Origin) -> FromAgents:
    role = _role(entry.get("sender"))
    if role not in _SPEAKING_ROLES:
        return PositionAdvanced(**origin)
    content = read_content(members(payload.get("abstractMessage")))
    if content == Content():
        return PositionAdvanced(**origin)
    automated = role == "system" or bool(text(payload.get("messageReason")))
    name = "" if automated else text(entry.get("senderDisplayName"))
    return AgentSaid(**origin, content=content, agent_name=name, automated=automated)


def _participant(change: Members, origin: Origin) -> FromAgents:
    participant = members(change.get("participant"))
    name = text(change.get("displayName")) or text(participant.get("displayName"))
    subject = text(participant.get("subject")) or text(participant.get("clientIdentifier")) or name
    operation = _word(change.get("operation"))
    if _role(participant) in _PRESENCE_ROLES and operation == "add":
        return AgentJoined(**origin, subject=subject, name=name)
    if _role(participant) in _PRESENCE_ROLES and operation == "remove":
        return AgentLeft(**origin, subject=subject, name=name)
    return PositionAdvanced(**origin)


def _routing(payload: Members, origin: Origin) -> FromAgents:
    kind, failure = _word(payload.get("routingType")), text(payload.get("failureType"))
    if failure.casefold() not in ("", "none"):
        return RoutingFailed(
            **origin, reason=failure, transfer=kind in ("transfer", "conference"), final=False
        )
    if kind == "transfer":
        return TransferStarted(**origin)
    if (wait := _wait(members(payload.get("estimatedWaitTime")))) > 0:
        return QueueMoved(**origin, place=0, wait_seconds=wait)
    if kind == "initial":
        return StatusReported(**origin, status="waiting")  # perhaps after a failed attempt
    return PositionAdvanced(**origin)


def _role(participant: object) -> str:
    return _word(members(participant).get("role"))


def _word(value: object) -> str:
    """An enumeration's value in one spelling: ``ParticipantChanged`` and ``PARTICIPANT_CHANGED`` are the same."""
    return _in_one_spelling(text(value))


@lru_cache(maxsize=256)
def _in_one_spelling(word: str) -> str:
    return word.replace("_", "").casefold()


def _wait(estimate: Members) -> int:
    return (
        0
        if flag(estimate.get("isEWTRequested")) is False
        else whole(estimate.get("estimatedWaitTimeInSeconds"))
    )


def _identifier(entry: Members, payload: Members, time: int) -> str:
    """The entry's identifier; without one, a digest that is the same on the stream and in the list."""
    if found := text(entry.get("identifier")) or text(payload.get("id")):
        return found
    if found := text(members(payload.get("abstractMessage")).get("id")):
        return found
    canonical = msgspec.json.encode([entry.get("entryType"), payload, time], order="sorted")
    return hashlib.blake2b(canonical, digest_size=16).hexdigest()
