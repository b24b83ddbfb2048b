"""Inputs on their way in: what the statements of the door get of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from botkit.handoff.events import Event, FromPlatform, HookAnswered
from botkit.http.lenient_json import encoded
from botkit.ledger.batch import committed_with, ends_all, is_flagged, original_of, unique_key
from botkit.ledger.interface import Committed, Input
from botkit.ledger.memory import PLATFORM_USER
from botkit.ledger.postgresql.shards import shard_of
from botkit.ledger.receipts import Receipt
from botkit.ledger.rows import input_to_bytes

_BETWEEN_NAMES = "\x1e"


@dataclass(slots=True, eq=False)
class Given:
    """An input on its way in."""

    input: Input
    event: Event
    key: str
    receipt: Receipt[Committed]
    data: bytes
    in_doubt: bool = False
    """The connection was lost during an attempt before: it may be committed, and not be notified."""
    id: int | None = None
    duplicate: bool = False

    @property
    def awaited(self) -> bool:
        """Whether its outcome is: the owner tells it."""
        return isinstance(self.event, HookAnswered)

    @property
    def is_everywhere(self) -> bool:
        """It is about every conversation of its user, on any channel. Those under other names may be in other shards."""
        return not self.input.conversation_id.channel and ends_all(self.event)


def given_by(input: Input, receipt: Receipt[Committed]) -> Given:
    """An input with its key, encoded. Raises: TypeError, or what the encoding raises."""
    event = input.event
    if event is None:
        raise TypeError("only the relay submits inputs without an event")
    # An answer that is refused may be given again, so it leaves no key.
    key = "" if isinstance(event, HookAnswered) else unique_key(input)
    return Given(input, event, key or f"~{uuid4().hex}", receipt, input_to_bytes(input, event))


def columns(given: Sequence[Given]) -> dict[str, Any]:
    """The parameters of `take_inputs`."""
    return {
        "keys": [one.key for one in given],
        "sessions": [committed_with(original_of(one.event)) for one in given],
        "shards": [shard_of(one.input.conversation_id) for one in given],
        "bots": [one.input.conversation_id.bot_id for one in given],
        "names": [
            _BETWEEN_NAMES.join((one.input.conversation_id.user_id, *one.input.aliases)) for one in given
        ],
        "channels": [one.input.conversation_id.channel for one in given],
        "inputs": [one.data for one in given],
        "components": [one.input.hook.component_id if one.input.hook is not None else None for one in given],
        "bodies": [one.input.hook.body if one.input.hook is not None else None for one in given],
        "about": [_about(one) for one in given],
        "flagged": [is_flagged(one.input) for one in given],
        "platform_user": PLATFORM_USER,
    }


def _about(one: Given) -> str:
    """The platform's sessions that a hook without a channel names, as JSON texts."""
    original = original_of(one.event)
    if one.input.conversation_id.channel or not isinstance(original, FromPlatform):
        return ""
    return _BETWEEN_NAMES.join(encoded(session).decode() for session in original.sessions)


def values_everywhere(one: Given, bare: Input) -> dict[str, Any]:
    """The parameters of `take_everywhere`. All conversations but the first get the bare input."""
    user = one.input.conversation_id
    return {
        **values(one),
        "key": one.key,
        "bare": input_to_bytes(bare, original_of(one.event)),
        "bot": user.bot_id,
        "names": [user.user_id, *one.input.aliases],
        "platform_user": PLATFORM_USER,
    }


def values(one: Given) -> dict[str, Any]:
    """The columns of its row that are not made by the database."""
    hook = one.input.hook
    return {
        "shard": shard_of(one.input.conversation_id),
        "input": one.data,
        "component_id": hook.component_id if hook is not None else None,
        "body": hook.body if hook is not None else None,
    }
