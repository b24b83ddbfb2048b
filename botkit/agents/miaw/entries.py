"""Converts conversation entries, from the list or the stream, to events (docs/protocols/salesforce-miaw.md, 4.4 and 5).

An entry has the same keys from either source, so that the ledger stores it once. Frequent entries that change nothing (progress,
streamed tokens) give no event; typing gives one only on the stream, where it is new.
"""

from __future__ import annotations

import hashlib

import msgspec
from msgspec.structs import replace

from botkit.agents.miaw.contents import read_content
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
    TransferStarted,
)
from botkit.http.lenient_json import Members, items, members, text, try_decoded, whole

_PASSING = frozenset(
    {
        "ProgressIndicator",
        "StreamingToken",
        "TransferProgress",
    }
)

_TYPING = {"TypingStartedIndicator": True, "TypingStoppedIndicator": False}
_TYPING_SECONDS = 8.0
"""Salesforce's own client shows typing for 5 seconds (3.4); a little longer avoids flicker."""

_PRESENCE_ROLES = frozenset({"Agent", "Chatbot"})
"""The roles that count as present: people and AI agents. A Supervisor only listens (5); System and Router are software."""

_SPEAKING_ROLES = frozenset({"Agent", "Chatbot", "System", "Supervisor", ""})
"""The roles whose messages are shown. An EndUser's messages are echoes of ours (pitfall 4)."""


def read_envelope(data: bytes) -> tuple[str, Members]:
    """The conversation id and the entry of one stream event; empty if it has none."""
    envelope = members(try_decoded(data))
    return text(envelope.get("conversationId")), members(envelope.get("conversationEntry"))


def timestamp_ms(entry: Members) -> int:
    """The server's time; the sender's clock (`clientTimestamp`, 4.5) if there is no other."""
    return whole(entry.get("transcriptedTimestamp")) or whole(entry.get("clientTimestamp"))


def read_entry(entry: Members, *, session_id: str, at: Instant, position: str = "") -> tuple[FromAgents, ...]:
    """The events of one entry: usually one; none for a frequent one without effect; several if several participants changed.

    Args:
        entry: as in the list, or an envelope's `conversationEntry`.
        session_id: the agent session, which is the conversation's id.
        at: now.
        position: the stream's id of this entry; empty for the list's.
    """
    payload = members(entry.get("entryPayload"))
    kind = text(entry.get("entryType")) or text(payload.get("entryType"))
    if kind in _PASSING:
        return ()
    if kind in _TYPING:
        return _typing(entry, session_id=session_id, at=at, started=_TYPING[kind]) if position else ()
    key = f"{session_id}/{_identifier(entry, payload)}"
    reading = _Reading(session_id, at, key)
    events = reading.events(kind, entry, payload)
    # The last event of an entry carries both: a crash between two events must not skip the second one.
    return (*events[:-1], replace(events[-1], position=position, high_water_ms=timestamp_ms(entry)))


def _typing(entry: Members, *, session_id: str, at: Instant, started: bool) -> tuple[FromAgents, ...]:
    """Typing moves no position; an end user's is an echo of ours."""
    if text(members(entry.get("sender")).get("role")) not in _PRESENCE_ROLES:
        return ()
    return (
        AgentTyping(key="", at=at, session_id=session_id, started=started, holds_seconds=_TYPING_SECONDS),
    )


class _Reading:
    """Reads one entry."""

    __slots__ = ("_at", "_key", "_session_id")

    def __init__(self, session_id: str, at: Instant, key: str) -> None:
        self._session_id = session_id
        self._at = at
        self._key = key

    def events(self, kind: str, entry: Members, payload: Members) -> list[FromAgents]:
        """At least one event; `PositionAdvanced` if the entry changes nothing for us."""
        match kind:
            case "Message":
                return [self._message(entry, payload)]
            case "ParticipantChanged":
                return self._participants(payload)
            case "RoutingResult":
                return [self._routing(payload)]
            case "QueuePosition" if whole(payload.get("position")) > 0:
                # Counts the user in (4.4): 1 is next.
                return [
                    QueueMoved(
                        key=self._key,
                        at=self._at,
                        session_id=self._session_id,
                        place=whole(payload.get("position")),
                    )
                ]
            case "SessionStatusChanged" if text(payload.get("sessionStatus")) == "Ended":
                # The status alone decides: sessionEndedByRole is unreliable (pitfall 9). Inactive is not ended.
                return [AgentSessionEnded(key=self._key, at=self._at, session_id=self._session_id)]
            case "CloseConversation":
                return [AgentSessionEnded(key=self._key, at=self._at, session_id=self._session_id)]
            case _:
                return [self._noticed()]

    def _noticed(self, key: str = "") -> FromAgents:
        return PositionAdvanced(key=key or self._key, at=self._at, session_id=self._session_id)

    def _message(self, entry: Members, payload: Members) -> FromAgents:
        role = text(members(entry.get("sender")).get("role"))
        if role not in _SPEAKING_ROLES:
            return self._noticed()
        content = read_content(members(payload.get("abstractMessage")))
        if content == Content():
            return self._noticed()
        automated = role == "System" or bool(text(payload.get("messageReason")))
        return AgentSaid(
            key=self._key,
            at=self._at,
            session_id=self._session_id,
            content=content,
            agent_name="" if automated else text(entry.get("senderDisplayName")),
            automated=automated,
        )

    def _participants(self, payload: Members) -> list[FromAgents]:
        changes = items(payload.get("entries"))
        if len(changes) == 1:
            return [self._participant(changes[0], self._key)]
        numbered = [self._participant(change, f"{self._key}/{n}") for n, change in enumerate(changes)]
        return numbered or [self._noticed()]

    def _participant(self, change: Members, key: str) -> FromAgents:
        participant = members(change.get("participant"))
        subject = text(participant.get("subject"))
        name = text(change.get("displayName"))
        if text(participant.get("role")) not in _PRESENCE_ROLES:
            return self._noticed(key)
        match text(change.get("operation")).lower():
            case "add":
                return AgentJoined(
                    key=key, at=self._at, session_id=self._session_id, subject=subject, name=name
                )
            case "remove":
                return AgentLeft(
                    key=key, at=self._at, session_id=self._session_id, subject=subject, name=name
                )
            case _:
                return self._noticed(key)

    def _routing(self, payload: Members) -> FromAgents:
        kind, failure = text(payload.get("routingType")), text(payload.get("failureType"))
        if failure not in ("", "None"):
            return RoutingFailed(
                key=self._key,
                at=self._at,
                session_id=self._session_id,
                reason=failure,
                transfer=kind in ("Transfer", "Conference"),
            )
        if kind == "Transfer":
            return TransferStarted(key=self._key, at=self._at, session_id=self._session_id)
        if (wait := _wait(members(payload.get("estimatedWaitTime")))) > 0:
            return QueueMoved(
                key=self._key, at=self._at, session_id=self._session_id, place=0, wait_seconds=wait
            )
        return self._noticed()


def _wait(estimate: Members) -> int:
    return (
        whole(estimate.get("estimatedWaitTimeInSeconds"))
        if estimate.get("isEWTRequested") is not False
        else 0
    )


def _identifier(entry: Members, payload: Members) -> str:
    """The entry's identifier; without one, a digest that is the same on the stream and in the list."""
    if found := text(entry.get("identifier")) or text(payload.get("id")):
        return found
    if found := text(members(payload.get("abstractMessage")).get("id")):
        return found
    canonical = msgspec.json.encode([entry.get("entryType"), payload, timestamp_ms(entry)], order="sorted")
    return hashlib.blake2b(canonical, digest_size=16).hexdigest()
