"""What it means for the conversation when an effect failed for good."""

from __future__ import annotations

from dataclasses import dataclass

from botkit.errors import (
    AccessExpired,
    AgentsUnavailable,
    CallError,
    CallRefused,
    ConversationClosed,
    FileUnavailable,
    MessageWithheld,
    NewSessionRequired,
)
from botkit.handoff.effects import (
    AskRouting,
    CallUser,
    ClearAgentSession,
    OpenAccess,
    OutboundEffect,
    SendFile,
    SendToAgent,
    SendToUser,
    StartSession,
)
from botkit.handoff.events import LossReason

SHOWS_USER = "send_user_message"
"""Of the calls a bot's own code makes, the one that shows the user something."""


@dataclass(frozen=True, slots=True)
class AgentsAreLost:
    """The session cannot go on; `why` is one of `events.LossReason`."""

    session_id: str
    why: str


@dataclass(frozen=True, slots=True)
class MessageIsRefused:
    """The agents' side does not take this one message; the session goes on without it."""

    session_id: str
    message_id: str


@dataclass(frozen=True, slots=True)
class FileIsRefused:
    """The file did not reach the agents' side; the session goes on without it.

    `spent`: the agents' side has refused it, and with it perhaps used up the agent's request for one.
    """

    session_id: str
    message_id: str
    spent: bool


@dataclass(frozen=True, slots=True)
class UserIsLost:
    """What the agents say does not reach the user any more."""


@dataclass(frozen=True, slots=True)
class NothingIsLost:
    """The effect is dropped, and the conversation goes on without it."""


Meaning = AgentsAreLost | MessageIsRefused | FileIsRefused | UserIsLost | NothingIsLost


def what_failure_means(effect: OutboundEffect, error: CallError | None) -> Meaning:
    """Judge a failure that will not be tried again; `error` is None for one nobody foresaw."""
    if isinstance(effect, SendToAgent) and (
        isinstance(error, MessageWithheld) or (isinstance(error, CallRefused) and error.status is not None)
    ):
        # 400 for one text leaves the session fine (protocols/salesforce-miaw.md, 3.1). Without a status nobody was asked.
        return MessageIsRefused(effect.session_id, effect.message_id)
    if isinstance(effect, SendFile):
        # Whatever it was: if the session is over, its receiver finds out, and so does the next message.
        spent = error is not None and not error.retryable and not isinstance(error, FileUnavailable)
        return FileIsRefused(effect.session_id, effect.message_id, spent)
    if isinstance(effect, OpenAccess | StartSession | SendToAgent | AskRouting):
        return AgentsAreLost(effect.session_id, loss_of(error))
    if isinstance(effect, SendToUser) and not may_be_stale(effect, error):
        return UserIsLost()
    return NothingIsLost()


def is_said_by_job(effect: OutboundEffect) -> bool:
    """Whether this shows the user something that no hook asked for.

    It is no part of the talk with an agent or the bot, and may be refused for what it is: nothing else waits with it.
    """
    return isinstance(effect, CallUser) and effect.call == SHOWS_USER


def may_be_stale(effect: OutboundEffect, error: CallError | None) -> bool:
    """Whether only the payload's requestId may have expired, so that a newer payload may do (protocols/kore-xo-botkit.md, 4.6).

    If it does not, it is the one message's fault, and the session goes on without it.
    """
    for_user = isinstance(effect, SendToUser | ClearAgentSession) or is_said_by_job(effect)
    return for_user and isinstance(error, CallRefused) and error.status is not None


def loss_of(error: CallError | None) -> str:
    """Why the agents' side is lost, by the error it failed with."""
    if isinstance(error, ConversationClosed | NewSessionRequired):
        # A new messaging session would be another hand-off: the one the user was told of is over.
        return LossReason.CLOSED
    if isinstance(error, AccessExpired):
        return LossReason.EXPIRED
    if isinstance(error, AgentsUnavailable):
        return LossReason.UNAVAILABLE
    if error is not None and error.retryable:
        return LossReason.UNREACHABLE
    return LossReason.REFUSED
