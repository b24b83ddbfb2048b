"""How long each kind of effect is tried, where that is not as long as the bot's `delivery.give_up_after`."""

from __future__ import annotations

from dataclasses import replace

from botkit.errors import AgentsUnavailable, CallError
from botkit.handoff.effects import (
    EndSession,
    EventToUser,
    ExtendRequest,
    IdleNotice,
    OpenAccess,
    OutboundEffect,
    SendCustomEvent,
    SendFile,
    StartSession,
    TypingToAgent,
    TypingToUser,
)
from botkit.relay.backoff import Backoff

_ENDING_SECONDS = 24 * 3600.0
"""How long the end of a session is tried: until then an agent may sit before a chat that nobody is in. It holds nothing up."""
_EXTENSION_SECONDS = 50.0
"""An extension is due every four minutes of a requestId's five (protocols/kore-xo-botkit.md, 4.6): so long it may be late."""
_FILE_SECONDS = 60.0
"""How long a file is tried: what the user writes after it waits behind it."""

_TRIED_ONCE = (TypingToAgent, TypingToUser, SendCustomEvent, EventToUser, IdleNotice)


def tried_once(effect: OutboundEffect) -> bool:
    """Whether it is over in seconds, so that late is worse than never."""
    return isinstance(effect, _TRIED_ONCE)


def retry_policy(effect: OutboundEffect, usual: Backoff) -> Backoff:
    """The usual backoff, with the time after which this effect is given up."""
    most = usual.give_up_after
    match effect:
        case ExtendRequest():
            most = min(most, _EXTENSION_SECONDS)
        case SendFile():
            most = min(most, _FILE_SECONDS)
        case EndSession():
            most = max(most, _ENDING_SECONDS)
        case OpenAccess() | StartSession() if effect.give_up_seconds is not None:
            most = min(most, effect.give_up_seconds)
        case _:
            return usual
    return replace(usual, give_up_after=most)


def level(effect: OutboundEffect, error: CallError) -> str:
    """How loud it is said that this effect came to nothing."""
    if tried_once(effect):
        return "info"
    match effect:
        case ExtendRequest() | SendFile():
            return "warning"
        case OpenAccess() | StartSession() if effect.give_up_seconds is not None:
            return "warning"  # Another agent system waits in line.
        case _:
            return "warning" if isinstance(error, AgentsUnavailable) else "error"
