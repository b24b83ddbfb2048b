"""What the service knows: sessions of visitors, and the chats in them."""

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
    """A request for messages that waits.

    Attributes:
        wake: lets it look again.
        gone: whether its client hung up.
        drop: breaks its connection.
        muted: it brings nothing any more, although the client is there.
    """

    wake: Callable[[], None]
    gone: Callable[[], bool]
    drop: Callable[[], None]
    muted: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """Who may take a chat: one agent, the agents of a button, or the agent first and the button if they do not (2.3)."""

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
    """What it is in the queue for; None while somebody has it."""
    assigned: Agent | None = None
    """Who was asked to take it: from the queue, or from the agent who has it."""
    present: dict[str, Agent] = field(default_factory=dict)
    returns_to: Agent | None = None
    """Who has it again if nobody at the button takes it."""
    declined: set[str] = field(default_factory=set)
    ended: bool = False
    lines: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    history: deque[Mapping[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    """`chatMessages` of ChasitorSessionData."""
    events: deque[Mapping[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    """What the organisation records, oldest first."""
    said: int = 0
    pushed_ms: int | None = None
    """When an agent of the queue was asked."""
    unanswered_ms: int | None = None
    """Since when the visitor waits for an agent's word."""
    last_position: int | None = None
    last_message_ms: int | None = None
    user_typing: bool = False
    preview: str = ""
    file_request: FileRequest | None = None

    @property
    def transferring(self) -> bool:
        """Whether it is on its way from one agent to another."""
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
    """A visitor's connection: its secret, where it lives, and its two counters."""

    id: str
    key: str
    affinity: str
    log: MessageLog
    touched_ms: int
    """When the client was last seen polling; a waiting poll counts as seen all the time."""
    old_affinities: set[str] = field(default_factory=set)
    last_sequence: int = 0
    chat: Chat | None = None
    poll: Poll | None = None
    lost: bool = False
    """Its server is gone: 503 until ReconnectSession."""
    saw_503: bool = False
    resyncing: bool = False
    over: bool = False
    """403 for everything but the last poll."""
    dead: bool = False
    """403 for everything."""

    def wake(self) -> None:
        """Let a waiting poll look again."""
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
    """What a ChatRequestFail is recorded as."""
    if reason == "Blocked":
        return "AgentBlocked" if with_agent else "CancelBlocked"
    if reason != "Unavailable":
        return "Other"
    return "CancelNoQueue" if queue_full else "CancelNoAgent"


def visitor_end_event(reason: str | None, *, waiting: bool) -> TranscriptEvent:
    """What a visitor's ChatEnd is recorded as; the front end of the vendor says `clientIdleTimeout` (2.9)."""
    if reason == "clientIdleTimeout":
        return "ChasitorIdleTimeout"
    return "CancelVisitor" if waiting else "EndVisitor"
