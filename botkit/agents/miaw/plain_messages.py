"""Reads an agent's plain text from an event of the stream, in one decode: nearly all messages are such.

The result is that of `entries.read_entry`, member by member. Whatever is spelled or shaped differently is left to that.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from botkit.agents.miaw.entries import is_messaging_session, is_position, latest_ms
from botkit.handoff.conversation import Instant
from botkit.handoff.events import AgentSaid, Content
from botkit.http.lenient_json import has_many_brackets

EVENT = "CONVERSATION_MESSAGE"
"""The type of the events that may have one."""


class _Static(msgspec.Struct, gc=False):
    formatType: Literal["Text"]
    text: str


class _Abstract(msgspec.Struct, gc=False):
    staticContent: _Static


class _Payload(msgspec.Struct, gc=False):
    abstractMessage: _Abstract
    messageReason: Literal[""] | None = None


class _Sender(msgspec.Struct, gc=False):
    role: Literal["Agent"]


class _Entry(msgspec.Struct, gc=False):
    entryType: Literal["Message"]
    entryPayload: str
    identifier: str
    transcriptedTimestamp: int
    sender: _Sender
    senderDisplayName: str = ""
    relatedRecords: tuple[str, ...] | None = None


class _Envelope(msgspec.Struct, gc=False):
    conversationEntry: _Entry
    conversationId: str


_envelope = msgspec.json.Decoder(_Envelope).decode
_payload = msgspec.json.Decoder(_Payload).decode


def read_plain_message(data: bytes, *, session_id: str, at: Instant, position: str) -> AgentSaid | None:
    """The message of an event; None if it is anything but an agent's plain text in this session.

    Args:
        data: the event's data.
        session_id: the agent session, which is the conversation's id.
        at: now.
        position: the event's id.
    """
    try:
        envelope = _envelope(data)
        entry = envelope.conversationEntry
        said = _payload(entry.entryPayload).abstractMessage.staticContent.text
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    if (
        envelope.conversationId != session_id
        or not (said and entry.identifier)
        or not 0 < entry.transcriptedTimestamp <= latest_ms(at)
        or not is_position(position)
        or has_many_brackets(data)
    ):
        return None
    record = entry.relatedRecords[0] if entry.relatedRecords else ""
    return AgentSaid(
        key=f"{session_id}/{entry.identifier}",
        at=at,
        session_id=session_id,
        position=position,
        high_water_ms=entry.transcriptedTimestamp,
        record=record if is_messaging_session(record) else "",
        content=Content(said),
        agent_name=entry.senderDisplayName,
    )
