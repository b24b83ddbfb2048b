"""The messages between the leader of a store and its followers: MessagePack in frames of four bytes of length."""

from __future__ import annotations

import socket
import struct

import msgspec

from botkit import errors
from botkit.errors import BotKitError, LedgerError
from botkit.handoff.conversation import ConversationId
from botkit.ledger.codec import encode_event, event_from_bytes
from botkit.ledger.interface import HookBody, Input

VERSION = 3
MAX_BYTES = 16 * 1024 * 1024
"""Limit of a frame. A hook has at most 2 MB, and travels twice if a handler has changed it."""
SEND_SECONDS = 10


class Hello(msgspec.Struct, tag=True, frozen=True):
    """A follower's first message. `fingerprint` identifies its configuration, which has to be the leader's."""

    version: int
    fingerprint: str


class Welcome(msgspec.Struct, tag=True, frozen=True):
    """The leader accepts the follower."""


class Submit(msgspec.Struct, tag=True, frozen=True):
    """An input. Its event is decoded apart, so that an unreadable one fails alone."""

    id: int
    conversation_id: ConversationId
    event: msgspec.Raw
    hook: HookBody | None
    aliases: tuple[str, ...]
    keep_payload: bool


class Done(msgspec.Struct, tag=True, frozen=True):
    """The input is durable, a duplicate, or refused by the rules."""

    id: int
    duplicate: bool
    refused: str


class Failed(msgspec.Struct, tag=True, frozen=True):
    """The request failed. `error` names a class of `botkit.errors`; empty for any other exception."""

    id: int
    error: str
    message: str


class ReadNewestHook(msgspec.Struct, tag=True, frozen=True):
    """Asks for the newest payload of a conversation."""

    id: int
    conversation_id: ConversationId


class ReadNewestHookOf(msgspec.Struct, tag=True, frozen=True):
    """Asks for the conversation of a user to write to, and its newest payload."""

    id: int
    bot_id: str
    user_id: str


class NewestHook(msgspec.Struct, tag=True, frozen=True):
    """The newest payload with its conversation, or None."""

    id: int
    hook: HookBody | None
    conversation_id: ConversationId | None = None


class CountHook(msgspec.Struct, tag=True, frozen=True):
    """A follower answered a hook. The leader keeps the metrics of all processes."""

    event: str
    status: int
    seconds: float


class CountDuplicate(msgspec.Struct, tag=True, frozen=True):
    """A follower's hook was a duplicate."""


class CountHandler(msgspec.Struct, tag=True, frozen=True):
    """A follower called or skipped a handler."""

    event: str
    handler: str
    outcome: str


class ReadMetrics(msgspec.Struct, tag=True, frozen=True):
    """Asks for the metrics of all processes, in Prometheus' format or in OpenMetrics'."""

    id: int
    openmetrics: bool = False


class Metrics(msgspec.Struct, tag=True, frozen=True):
    """The metrics as text, in the format that was asked for."""

    id: int
    text: bytes


Count = CountHook | CountDuplicate | CountHandler
Request = Submit | ReadNewestHook | ReadNewestHookOf | ReadMetrics
Reply = Done | Failed | NewestHook | Metrics
FromFollower = Hello | Request | Count
FromLeader = Welcome | Reply

encode = msgspec.msgpack.Encoder().encode
from_follower = msgspec.msgpack.Decoder(FromFollower).decode
from_leader = msgspec.msgpack.Decoder(FromLeader).decode


def submit_message(number: int, input: Input) -> Submit:
    """The message for an input."""
    if input.event is None:
        raise TypeError("only the leader's relay submits inputs without an event")
    return Submit(
        id=number,
        conversation_id=input.conversation_id,
        event=msgspec.Raw(encode_event(input.event)),
        hook=input.hook,
        aliases=input.aliases,
        keep_payload=input.keep_payload,
    )


def input_of(message: Submit) -> Input:
    """The input in a message. Raises: LedgerError if its event cannot be read, or may not be submitted by a follower."""
    return Input(
        conversation_id=message.conversation_id,
        event=event_from_bytes(message.event),
        hook=message.hook,
        aliases=message.aliases,
        keep_payload=message.keep_payload,
    )


def failed(number: int, error: BaseException) -> Failed:
    """The message for an error. Only the texts of ledger errors are sent; others may quote a user."""
    known = isinstance(error, LedgerError)
    return Failed(number, type(error).__name__ if known else "", str(error) if known else "")


def error_of(message: Failed) -> Exception:
    """The error in a message."""
    kind = getattr(errors, message.error, None) if message.error else None
    if isinstance(kind, type) and issubclass(kind, LedgerError):
        return kind(message.message)
    return BotKitError("the rules failed on this input; see the log of the process that holds the store")


# --- frames ------------------------------------------------------------------------------------------------------


def send(connection: socket.socket, message: bytes) -> None:
    """Raises: OSError if the other side is gone."""
    connection.sendall(len(message).to_bytes(4, "big") + message)


def limit_sending(connection: socket.socket) -> None:
    """Limit sending to `SEND_SECONDS`, so that a peer that stops reading blocks no other. Receiving is not limited."""
    connection.settimeout(None)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_SECONDS, 0))


def receive(connection: socket.socket) -> bytes | None:
    """The next message; None if the other side is gone, or the frame is longer than `MAX_BYTES`."""
    head = _exactly(connection, 4)
    if head is None:
        return None
    length = int.from_bytes(head, "big")
    return _exactly(connection, length) if length <= MAX_BYTES else None


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    parts: list[bytes] = []
    while size:
        try:
            part = connection.recv(min(size, 1 << 18))
        except OSError:
            return None
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
