"""Events that follow from our own effects: results of deliveries, and timers that fire."""

from __future__ import annotations

from typing import Literal

from botkit.handoff.conversation import Access, FileLimits, Instant
from botkit.handoff.events.base import BaseEvent
from botkit.handoff.record import Record
from botkit.handoff.translations.file_reasons import TRANSFER


class TranscriptLine(Record, frozen=True):
    """One message of the conversation so far; a transcript lists the oldest first. `channel` is Kore's name of it."""

    speaker: Literal["user", "bot"]
    text: str
    channel: str = ""


class AccessGranted(BaseEvent, frozen=True, kw_only=True):
    """OpenAccess succeeded: credentials, their expiry (None: unknown), and the conversation so far."""

    session_id: str
    access: Access
    expires_at: Instant | None
    transcript: tuple[TranscriptLine, ...] = ()
    file_limits: FileLimits | None = None
    nobody_message: str = ""


class SessionStarted(BaseEvent, frozen=True, kw_only=True):
    """StartSession succeeded: the search for an agent runs."""

    session_id: str


class MessageAccepted(BaseEvent, frozen=True, kw_only=True):
    """SendToAgent or SendFile succeeded: the agents' side has the message."""

    session_id: str
    message_id: str


class MessageRefused(BaseEvent, frozen=True, kw_only=True):
    """The agents' side refused this one message for good. The session continues without it."""

    session_id: str
    message_id: str


class FileRefused(BaseEvent, frozen=True, kw_only=True):
    """SendFile was refused for good, or the file could not be fetched. The session continues without it.

    `spent`: the agent's request for the file is used up; another file needs another request. `reason`: one of
    `translations.file_reasons.FILE_REASONS`.
    """

    session_id: str
    message_id: str
    spent: bool = False
    reason: str = TRANSFER


class RoutingKnown(BaseEvent, frozen=True, kw_only=True):
    """AskRouting was answered. `searching`: another agent is being looked for; `present`: one is there; `over`: neither."""

    session_id: str
    status: Literal["searching", "present", "over"]


class LossReason:
    """Why an agent session cannot go on (values of `AgentsLost.why`)."""

    CLOSED = "closed"
    EXPIRED = "expired"
    UNREACHABLE = "unreachable"
    UNAVAILABLE = "unavailable"
    REFUSED = "refused"
    BROKEN = "broken"
    """A defect, ours or of an agent system's package."""


class AgentsLost(BaseEvent, frozen=True, kw_only=True):
    """The session cannot go on: closed, expired, refused, broken, or given up as unreachable (`LossReason`)."""

    session_id: str
    why: str


class UserLost(BaseEvent, frozen=True, kw_only=True):
    """A message to the user was given up, because the platform was unreachable until its deadline."""

    session_id: str


class TimerFired(BaseEvent, frozen=True, kw_only=True):
    """A timer of the session came due. `due` tells an old arming from the current one."""

    session_id: str
    name: str
    due: Instant


OutcomeEvent = (
    AccessGranted
    | SessionStarted
    | MessageAccepted
    | MessageRefused
    | FileRefused
    | RoutingKnown
    | AgentsLost
    | UserLost
    | TimerFired
)
"""Every event that the relay reports of effects and timers."""
