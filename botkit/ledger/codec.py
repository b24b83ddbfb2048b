"""The codec of the ledger: conversations and effects as JSON, events that wait for a decision as MessagePack."""

from __future__ import annotations

from typing import Any, get_args

import msgspec

from botkit.errors import LedgerError
from botkit.handoff.conversation import Conversation
from botkit.handoff.effects import OutboundEffect
from botkit.handoff.events import SubmittedEvent

KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(OutboundEffect)}
"""Every effect that is stored, by the `kind` of its row."""
_FORMER_KINDS = {"SkipBotMessage": "SkipUserMessage"}
"""Kinds that an earlier version stored under another name."""

_encode = msgspec.json.Encoder().encode
_decode_conversation = msgspec.json.Decoder(Conversation).decode
_decode_names = msgspec.json.Decoder(tuple[str, ...]).decode
_decode_event = msgspec.msgpack.Decoder(SubmittedEvent).decode
# Built now: threads that build decoders of the same structs at the same time crash the process (msgspec 0.22).
_EFFECT_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(struct) for kind, struct in KINDS.items()
}

_WITHOUT_FIELDS = {struct: (kind, b"{}") for kind, struct in KINDS.items() if not struct.__struct_fields__}
"""Most rows are of these kinds: messages passed on."""

encode_event = msgspec.msgpack.Encoder().encode
"""A submitted event as MessagePack, tagged with its type."""


def conversation_to_json(conversation: Conversation) -> bytes:
    return _encode(conversation)


def conversation_from_json(data: bytes) -> Conversation:
    """The inverse. Fields added since the row was written get their defaults.

    Raises:
        LedgerError: the row is damaged, or of another version.
    """
    try:
        return _decode_conversation(data)
    except msgspec.MsgspecError as error:
        raise LedgerError(
            "a conversation in the store cannot be read; was it written by another version?"
        ) from error


def names_to_json(names: frozenset[str]) -> bytes:
    """The names of a user, in a stable order."""
    return _encode(sorted(names))


def names_from_json(data: bytes) -> frozenset[str]:
    return frozenset(_decode_names(data))


def effect_to_json(effect: OutboundEffect) -> tuple[str, bytes]:
    """The kind of an effect and its fields."""
    kind = type(effect)
    return _WITHOUT_FIELDS.get(kind) or (kind.__name__, _encode(effect))


def effect_from_json(kind: str, data: bytes) -> OutboundEffect:
    """The inverse. Raises: LedgerError if the row is damaged, or of another version."""
    try:
        effect: OutboundEffect = _EFFECT_DECODERS[_FORMER_KINDS.get(kind, kind)].decode(data)
    except (KeyError, msgspec.MsgspecError) as error:
        raise LedgerError(
            f"a {kind} in the store cannot be read; was it written by another version?"
        ) from error
    return effect


def event_from_bytes(data: bytes | msgspec.Raw) -> SubmittedEvent:
    """The inverse of `encode_event`.

    Raises:
        LedgerError: no event that another process may submit, or one of another version.
    """
    try:
        event: SubmittedEvent = _decode_event(data)
    except msgspec.MsgspecError as error:
        raise LedgerError("an input of another process cannot be read; is it of another version?") from error
    return event
