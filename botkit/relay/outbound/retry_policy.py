"""The retry policy: the deadline of each kind of effect, which failures are temporary, and at which level they are logged.

Most effects are tried until the bot's `delivery.give_up_after`, with the bot's backoff (`botkit.http.retry`). The exceptions
are here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from botkit.config.settings import DeliverySettings
from botkit.errors import (
    AgentsUnavailable,
    BadReply,
    CallBroken,
    CallError,
    CallRefused,
    ConversationClosed,
    ServerTrouble,
    Unreachable,
)
from botkit.handoff import effects
from botkit.http.retry import Backoff

_END_SECONDS = 24 * 3600.0
"""The deadline of the end of a session. Long, because an agent would keep an abandoned chat, and no other effect waits for it."""
_EXTENSION_SECONDS = 50.0
"""The deadline of an extension, which is due every four of a requestId's five minutes (docs/protocols/kore-xo-botkit.md, 4.6)."""
_FILE_SECONDS = 60.0
"""The deadline of a file. Short, because the user's next messages wait behind it."""

_TRIED_ONCE = (
    effects.TypingToAgent,
    effects.TypingToUser,
    effects.SendCustomEvent,
    effects.EventToUser,
    effects.IdleNotice,
)
_PLATFORM_EFFECTS = frozenset(get_args(effects.PlatformEffect))
_FROM_A_GATEWAY = frozenset({502, 504})
"""What a gateway answers when the platform's own answer did not reach it, or was none."""
_SHOWS_USER = "send_user_message"
"""The call of a bot's own code that shows a message to the user."""
_SENDS = frozenset({_SHOWS_USER, "send_alert_message", "send_bot_message"})
"""The calls of a bot's own code that the user notices if they are repeated."""
_TO_BOT = "send_bot_message"


def backoff_of(delivery: DeliverySettings) -> Backoff:
    """The backoff of a bot's `delivery` settings."""
    return Backoff(
        first=delivery.first_retry.total_seconds(),
        slowest=delivery.slowest_retry.total_seconds(),
        give_up_after=delivery.give_up_after.total_seconds(),
    )


def retry_policy(effect: effects.OutboundEffect, usual: Backoff) -> Backoff:
    """The usual backoff with the deadline of this effect."""
    seconds = usual.give_up_after
    match effect:
        case effects.ExtendRequest():
            seconds = min(seconds, _EXTENSION_SECONDS)
        case effects.SendFile():
            seconds = min(seconds, _FILE_SECONDS)
        case effects.EndSession():
            seconds = max(seconds, _END_SECONDS)
        case effects.OpenAccess() | effects.StartSession() if effect.give_up_seconds is not None:
            seconds = min(seconds, effect.give_up_seconds)
        case _:
            return usual
    return replace(usual, give_up_after=seconds)


def tried_once(effect: effects.OutboundEffect) -> bool:
    """Whether the effect is obsolete within seconds, so that a late delivery is worse than none."""
    return isinstance(effect, _TRIED_ONCE)


def is_repeated(effect: effects.OutboundEffect, error: CallError) -> bool:
    """Whether an attempt that failed is repeated. A defect would show again, but no agent may be left in an abandoned chat."""
    if isinstance(error, CallBroken):
        return isinstance(effect, effects.EndSession)
    return error.retryable and not tried_once(effect)


def is_seen_through(effect: effects.OutboundEffect) -> bool:
    """Whether a started attempt of this effect is never cancelled (see `Lanes.drop`)."""
    return isinstance(effect, effects.StartSession)


def goes_the_short_way(effect: effects.OutboundEffect) -> bool:
    """Whether the effect is one call to the platform, which nothing but its success or failure reports."""
    return type(effect) in _PLATFORM_EFFECTS and not is_job_message(effect)


def is_job_message(effect: effects.OutboundEffect) -> bool:
    """Whether the effect is a message to the user from one of the bot's jobs.

    No hook caused it, and the platform may refuse it for its content, so no other effect waits for it.
    """
    return isinstance(effect, effects.CallUser) and effect.call == _SHOWS_USER


def payload_may_be_stale(effect: effects.OutboundEffect, error: CallError | None) -> bool:
    """Whether the effect may have failed because the payload's requestId expired, so that a newer payload may work.

    See docs/protocols/kore-xo-botkit.md, 4.6. If the newer one fails too, the effect itself is at fault, and the session
    continues without it.
    """
    for_user = isinstance(effect, effects.SendToUser | effects.ClearAgentSession) or is_job_message(effect)
    return for_user and isinstance(error, CallRefused) and error.status is not None


def is_message_to_agents(effect: effects.OutboundEffect) -> bool:
    """Whether the effect brings agents a message of the user, with an id by which a repetition is recognised."""
    return isinstance(effect, effects.SendToAgent | effects.SendFile)


def is_noticed_twice(effect: effects.OutboundEffect) -> bool:
    """Whether the user notices that the effect is repeated: a message is shown again, or the bot answers one again."""
    return isinstance(effect, effects.SendToUser | effects.PassToUser | effects.PassToBot) or (
        isinstance(effect, effects.CallWithHook | effects.CallUser) and effect.call in _SENDS
    )


def is_in_history(effect: effects.OutboundEffect) -> bool:
    """Whether the user's history has a record of the effect. It has the user's own messages before the bot gets them."""
    match effect:
        case effects.PassToBot():
            return False
        case effects.CallWithHook(call) | effects.CallUser(call):
            return call != _TO_BOT
    return True


def may_have_been_accepted(error: CallError) -> bool:
    """Whether the other side may have carried out an attempt that failed so."""
    match error:
        case Unreachable():
            return error.possible_duplicate
        case ServerTrouble():
            return error.status in _FROM_A_GATEWAY
    return isinstance(error, BadReply)


def log_level(effect: effects.OutboundEffect, error: CallError) -> str:
    """The log level of a permanent failure."""
    if tried_once(effect):
        return "info"
    match effect:
        case effects.ExtendRequest() | effects.SendFile():
            return "warning"
        case effects.OpenAccess() | effects.StartSession() if effect.give_up_seconds is not None:
            return "warning"  # The next agent system is tried.
        case _:
            # A message that was on its way when the agent ended the conversation is no failure to look into.
            return "warning" if isinstance(error, AgentsUnavailable | ConversationClosed) else "error"
