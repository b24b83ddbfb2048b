"""The data of the service: sessions of visitors, and the chats in them.

Numbers in parentheses are sections of docs/protocols/salesforce-live-chat.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from botkit_sandbox.live_chat.log import MessageLog
from botkit_sandbox.live_chat.settings import Button
from botkit_sandbox.salesforce.state import Agent

Stage = Literal["waiting", "assigned", "active", "transferring", "ended"]
Wait = Literal["first", "button", "takeover"]
KEPT_LINES = 5_000


@dataclass(slots=True)
class Poll:
    """A waiting request for messages.

    Attributes:
        wake: lets it check for messages.
        gone: returns whether its client hung up.
        drop: breaks its connection.
        muted: it returns no messages, although the client waits.
    """

    wake: Callable[[], None]
    gone: Callable[[], bool]
    drop: Callable[[], None]
    muted: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """The agents who may take a chat: one agent, those of a button, or one agent first and then the button (2.3)."""

    agent: Agent | None
    button: Button | None


@dataclass(frozen=True, slots=True)
class FileRequest:
    """An agent asked for a file; the token opens the upload once (2.21)."""

    token: str
    agent: Agent


@dataclass(slots=True)
class Chat:
    """A conversation, from ChasitorInit on."""

    id: str
    requested_ms: int
    api_version: int
    visitor_name: str
    language: str
    attributes: dict[str, str]
    hidden_attributes: tuple[str, ...]
    transcript_fields: dict[str, str]
    records: list[dict[str, Any]]
    queue_updates: bool
    route: Route
    waits: Wait | None = "first"
    """Why it is in the queue; None while an agent has it."""
    assigned: Agent | None = None
    """The agent who was asked to take it, from the queue or from another agent."""
    present: dict[str, Agent] = field(default_factory=dict)
    returns_to: Agent | None = None
    """The agent who gets it back if no agent of the button takes it."""
    declined: set[str] = field(default_factory=set)
    ended: bool = False
    lines: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    history: deque[Mapping[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    """`chatMessages` of ChasitorSessionData."""
    events: deque[Mapping[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    """The events that the organisation records, oldest first."""
    said: int = 0
    pushed_ms: int | None = None
    """When an agent of the queue was asked."""
    unanswered_ms: int | None = None
    """Since when the visitor waits for an answer of an agent."""
    last_position: int | None = None
    last_message_ms: int | None = None
    user_typing: bool = False
    preview: str = ""
    file_request: FileRequest | None = None

    @property
    def transferring(self) -> bool:
        """Whether it is being transferred."""
        return not self.ended and (
            self.waits in ("button", "takeover") or (self.waits is None and self.assigned is not None)
        )

    @property
    def stage(self) -> Stage:
        """The chat in one word, for the console."""
        if self.ended:
            return "ended"
        if self.transferring:
            return "transferring"
        if self.waits is None:
            return "active"
        return "assigned" if self.assigned is not None else "waiting"


@dataclass(slots=True)
class Session:
    """A visitor's connection: its secret, its server, and its two counters."""

    id: str
    key: str
    affinity: str
    log: MessageLog
    touched_ms: int
    """Time of the last poll; a waiting poll counts as present."""
    old_affinities: set[str] = field(default_factory=set)
    last_sequence: int = 0
    chat: Chat | None = None
    poll: Poll | None = None
    lost: bool = False
    """Its server was lost: 503 until ReconnectSession."""
    saw_503: bool = False
    resyncing: bool = False
    over: bool = False
    """403 for everything but the last poll."""
    dead: bool = False
    """403 for everything."""

    def wake(self) -> None:
        """Let a waiting poll check for messages."""
        if self.poll is not None:
            self.poll.wake()


TranscriptEvent = Literal[
    "ChatRequest",
    "Enqueue",
    "PushAssignment",
    "ChoiceRoute",
    "Accept",
    "DeclineManual",
    "DeclineTimeout",
    "CancelNoAgent",
    "CancelNoQueue",
    "CancelVisitor",
    "CancelBlocked",
    "AgentBlocked",
    "TransferRequest",
    "Transfer",
    "TransferCancelled",
    "ChatResumedAfterTransfer",
    "LeaveAgent",
    "LeaveVisitor",
    "EndAgent",
    "EndVisitor",
    "ChasitorIdleTimeout",
    "ChasitorIdleTimeoutWarningTriggered",
    "ChasitorIdleTimeoutWarningCleared",
    "AlertCriticalWaitChat",
    "Other",
]


def failure_event(reason: str, *, with_agent: bool, queue_full: bool) -> TranscriptEvent:
    """The event that records a ChatRequestFail."""
    if reason == "Blocked":
        return "AgentBlocked" if with_agent else "CancelBlocked"
    if reason != "Unavailable":
        return "Other"
    return "CancelNoQueue" if queue_full else "CancelNoAgent"


def visitor_end_event(reason: str | None, *, waiting: bool) -> TranscriptEvent:
    """The event that records a visitor's ChatEnd. The vendor's front end sends `clientIdleTimeout` (2.9)."""
    if reason == "clientIdleTimeout":
        return "ChasitorIdleTimeout"
    return "CancelVisitor" if waiting else "EndVisitor"
