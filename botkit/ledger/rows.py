"""Inputs and decisions as the bytes in their rows."""

from __future__ import annotations

import msgspec

from botkit.errors import LedgerError
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.events import Event
from botkit.handoff.record import Record
from botkit.ledger import codec
from botkit.ledger.interface import HookBody, Input, OutboxItem


class _Row(Record, frozen=True):
    """An input without its hook, which has columns of its own."""

    conversation_id: ConversationId
    event: msgspec.Raw
    aliases: tuple[str, ...] = ()
    keep_payload: bool = False


class _Decided(Record, frozen=True):
    """The effect of an input that stays in its row until the effect is done."""

    conversation_id: ConversationId
    lane: str
    kind: str
    effect: bytes
    created_at: Instant


_encode = msgspec.msgpack.Encoder().encode
_decode_row = msgspec.msgpack.Decoder(_Row).decode
_decode_decided = msgspec.msgpack.Decoder(_Decided).decode


def input_to_bytes(input: Input, event: Event) -> bytes:
    """An input that a door takes, with this event."""
    row = _Row(
        input.conversation_id, msgspec.Raw(codec.encode_event(event)), input.aliases, input.keep_payload
    )
    return _encode(row)


def input_from_row(data: bytes, component_id: str | None, body: bytes | None) -> Input:
    """The inverse. Raises: LedgerError if the row is damaged, or of another version."""
    try:
        row = _decode_row(data)
    except msgspec.MsgspecError as error:
        raise LedgerError(
            "an input in the store cannot be read; was it written by another version?"
        ) from error
    return Input(
        row.conversation_id,
        codec.event_from_bytes(row.event),
        HookBody(body, component_id) if body is not None and component_id is not None else None,
        aliases=row.aliases,
        keep_payload=row.keep_payload,
    )


def decision_to_bytes(item: OutboxItem) -> bytes:
    """What was decided on an input that stays in its row."""
    kind, effect = codec.effect_to_json(item.effect)
    return _encode(_Decided(item.conversation_id, item.lane, kind, effect, item.created_at))


def decision_from_bytes(data: bytes, item_id: int, hook: HookBody | None) -> OutboxItem:
    """The inverse. Raises: LedgerError if the row is damaged, or of another version."""
    try:
        row = _decode_decided(data)
    except msgspec.MsgspecError as error:
        raise LedgerError(
            "a decision in the store cannot be read; was it written by another version?"
        ) from error
    effect = codec.effect_from_json(row.kind, row.effect)
    return OutboxItem(item_id, row.conversation_id, row.lane, effect, row.created_at, hook)
