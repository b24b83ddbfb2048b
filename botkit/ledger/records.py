"""Conversations and effects as JSON and back: what the ledger writes into its rows."""

from __future__ import annotations

from functools import cache
from typing import Any, get_args

import msgspec

from botkit.errors import LedgerError
from botkit.handoff.conversation import Conversation
from botkit.handoff.effects import AgentEffect, OutboundEffect, PlatformEffect

KINDS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (*get_args(PlatformEffect), *get_args(AgentEffect))
}
"""Every effect that is written down, by the name its row carries."""
_FORMER_KINDS = {"SkipBotMessage": "SkipUserMessage"}
"""Effects that an earlier version wrote down under another name."""

_encode = msgspec.json.Encoder().encode
_decode_conversation = msgspec.json.Decoder(Conversation).decode
_decode_names = msgspec.json.Decoder(tuple[str, ...]).decode


def conversation_to_json(conversation: Conversation) -> bytes:
    """A conversation as its row keeps it."""
    return _encode(conversation)


def conversation_from_json(data: bytes) -> Conversation:
    """The inverse. Fields added since the row was written get their defaults.

    Raises:
        LedgerError: the row is of another version, or damaged.
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
    return type(effect).__name__, _encode(effect)


def effect_from_json(kind: str, data: bytes) -> OutboundEffect:
    """The inverse.

    Raises:
        LedgerError: the row is of another version, or damaged.
    """
    try:
        effect: OutboundEffect = _decoder(_FORMER_KINDS.get(kind, kind)).decode(data)
    except (KeyError, msgspec.MsgspecError) as error:
        raise LedgerError(
            f"a {kind} in the store cannot be read; was it written by another version?"
        ) from error
    return effect


@cache
def _decoder(kind: str) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(KINDS[kind])
