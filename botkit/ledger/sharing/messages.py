"""What hosts and guests say to each other, in MessagePack: typed, so that nothing but these can be said."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from botkit import errors
from botkit.errors import BotKitError, LedgerError
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.events import (
    AgentTransfer,
    Alert,
    ApiCall,
    BotMessage,
    CallsRequested,
    Event,
    HookAnswered,
    HookDeferred,
    HookHandled,
    OtherHook,
    PlatformSessionClosed,
    UserCustomEvent,
    UserMessage,
    UserTyping,
)
from botkit.ledger.interface import HookBody, Input

VERSION = 1

_FROM_OUTSIDE: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        UserMessage,
        BotMessage,
        AgentTransfer,
        PlatformSessionClosed,
        UserTyping,
        UserCustomEvent,
        Alert,
        OtherHook,
        CallsRequested,
        HookDeferred,
        HookAnswered,
    )
}
"""The events a guest may hand in: what comes through its door. What comes of effects, the host's relay knows."""


class Hello(msgspec.Struct, tag=True, frozen=True):
    """A guest's first word. `fingerprint` stands for the configuration: both have to have the same."""

    version: int
    fingerprint: str


class Welcome(msgspec.Struct, tag=True, frozen=True):
    """The host's answer, if it agrees."""


class Submit(msgspec.Struct, tag=True, frozen=True):
    """An input."""

    id: int
    bot_id: str
    user_id: str
    kind: str
    event: bytes
    body: bytes | None
    component_id: str
    aliases: tuple[str, ...]
    keep_payload: bool


class Done(msgspec.Struct, tag=True, frozen=True):
    """It is durable, was seen before, or the rules would not do it."""

    id: int
    duplicate: bool
    refused: str


class Failed(msgspec.Struct, tag=True, frozen=True):
    """It could not be committed; `error` is one of botkit.errors, or nothing that is known."""

    id: int
    error: str
    message: str


class AskNewest(msgspec.Struct, tag=True, frozen=True):
    """How a user can be reached?"""

    id: int
    bot_id: str
    user_id: str


class Newest(msgspec.Struct, tag=True, frozen=True):
    """So, or not at all."""

    id: int
    body: bytes | None
    component_id: str


class Count(msgspec.Struct, tag=True, frozen=True):
    """Something a guest counts: the host has the numbers of all."""

    event: str
    status: int
    seconds: float


class CountDuplicate(msgspec.Struct, tag=True, frozen=True):
    """A hook that had been taken before."""


class CountHandler(msgspec.Struct, tag=True, frozen=True):
    """A handler was called."""

    event: str
    handler: str
    outcome: str


class AskExposition(msgspec.Struct, tag=True, frozen=True):
    """What is counted so far?"""

    id: int


class Exposition(msgspec.Struct, tag=True, frozen=True):
    """As Prometheus reads it."""

    id: int
    text: bytes


Counting = Count | CountDuplicate | CountHandler
FromFollower = Hello | Submit | AskNewest | Count | CountDuplicate | CountHandler | AskExposition
FromLeader = Welcome | Done | Failed | Newest | Exposition

encode = msgspec.msgpack.Encoder().encode
from_follower = msgspec.msgpack.Decoder(FromFollower).decode
from_leader = msgspec.msgpack.Decoder(FromLeader).decode


class _Handled(msgspec.Struct, frozen=True):
    key: str
    at: float
    api_calls: tuple[ApiCall, ...]
    kind: str
    about: bytes
    proceed: bool


def submitting(number: int, given: Input) -> Submit:
    """An input as it travels."""
    if given.event is None:
        raise TypeError("only the host's relay settles effects")
    kind, event = _packed(given.event)
    return Submit(
        id=number,
        bot_id=given.conversation_id.bot_id,
        user_id=given.conversation_id.user_id,
        kind=kind,
        event=event,
        body=given.hook.body if given.hook is not None else None,
        component_id=given.hook.component_id if given.hook is not None else "",
        aliases=given.aliases,
        keep_payload=given.keep_payload,
    )


def submitted(message: Submit) -> Input:
    """The input that arrived.

    Raises:
        LedgerError: it is none that a guest may hand in, or of another version.
    """
    try:
        event = _unpacked(message.kind, message.event)
    except (KeyError, msgspec.MsgspecError) as error:
        raise LedgerError("an input of another process cannot be read; is it of another version?") from error
    return Input(
        conversation_id=ConversationId(message.bot_id, message.user_id),
        event=event,
        hook=HookBody(message.body, message.component_id) if message.body is not None else None,
        aliases=message.aliases,
        keep_payload=message.keep_payload,
    )


def failed(number: int, error: BaseException) -> Failed:
    """An error as it travels. Only texts of our own do."""
    known = isinstance(error, LedgerError)
    return Failed(number, type(error).__name__ if known else "", str(error) if known else "")


def failure(message: Failed) -> Exception:
    """The error that arrived."""
    kind = getattr(errors, message.error, None) if message.error else None
    if isinstance(kind, type) and issubclass(kind, LedgerError):
        return kind(message.message)
    return BotKitError("the rules failed on this input; see the log of the process that holds the store")


def _packed(event: Event) -> tuple[str, bytes]:
    if isinstance(event, HookHandled):
        kind, about = _packed(event.original)
        return HookHandled.__name__, encode(
            _Handled(event.key, event.at, event.api_calls, kind, about, event.proceed)
        )
    return type(event).__name__, encode(event)


def _unpacked(kind: str, data: bytes) -> Event:
    if kind == HookHandled.__name__:
        found = _handled(data)
        about: Event = _decoder(found.kind).decode(found.about)
        return HookHandled(
            key=found.key,
            at=Instant(found.at),
            api_calls=found.api_calls,
            original=about,
            proceed=found.proceed,
        )
    event: Event = _decoder(kind).decode(data)
    return event


_handled = msgspec.msgpack.Decoder(_Handled).decode


@cache
def _decoder(kind: str) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(_FROM_OUTSIDE[kind])
