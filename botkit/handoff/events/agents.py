"""Events of the agents' side: messages and actions of agents, and results of the routing."""

from __future__ import annotations

from typing import Literal

from botkit.handoff.events.base import BaseEvent
from botkit.handoff.record import Record


class FromAgents(BaseEvent, frozen=True, kw_only=True):
    """An event of the agents' side.

    `position` and `high_water_ms` advance the session's `Access`; empty and 0 leave it unchanged. `record` is the id under
    which the agents' side files the session, such as a MessagingSession's, if the event names one; it is logged.
    """

    session_id: str
    position: str = ""
    high_water_ms: int = 0
    record: str = ""


class Option(Record, frozen=True):
    """One choice offered to the user."""

    title: str


class Link(Record, frozen=True):
    """A web address or a file, with a title to show."""

    title: str
    url: str
    kind: Literal["link", "image", "file"] = "link"


class Content(Record, frozen=True):
    """An agent's message, freed of the agent system's wire format."""

    text: str = ""
    options: tuple[Option, ...] = ()
    links: tuple[Link, ...] = ()


class AgentSaid(FromAgents, frozen=True, kw_only=True):
    """A message for the user: an agent's, an AI agent's or an automated response (`automated`)."""

    content: Content
    agent_name: str = ""
    automated: bool = False


class AgentTyping(FromAgents, frozen=True, kw_only=True):
    """An agent is typing, or stopped. Typing that is not repeated counts as over after `holds_seconds`."""

    started: bool
    holds_seconds: float = 60.0


class AgentCustomEvent(FromAgents, frozen=True, kw_only=True):
    """An event of the agents' side for the user's client. `data` is any text, usually JSON."""

    name: str
    data: str


class IdleRule(Record, frozen=True):
    """Seconds a user may be silent after an agent's words: until a warning, and until the end."""

    warning_seconds: float
    timeout_seconds: float


class AgentJoined(FromAgents, frozen=True, kw_only=True):
    """An agent is present now. `idle` is the idle rule of a system that leaves its enforcement to the client."""

    subject: str
    name: str = ""
    idle: IdleRule | None = None


class AgentLeft(FromAgents, frozen=True, kw_only=True):
    """An agent is no longer present: a transfer, or the end."""

    subject: str
    name: str = ""


class TransferStarted(FromAgents, frozen=True, kw_only=True):
    """The agents' side is looking for another agent."""


class QueueMoved(FromAgents, frozen=True, kw_only=True):
    """The user's place in the queue: 1 is next, 0 means that the system does not number its queue.

    `wait_seconds` is the system's estimate of the wait, None if it has none.
    """

    place: int
    wait_seconds: int | None = None


class FileRequested(FromAgents, frozen=True, kw_only=True):
    """An agent asks for a file. `request` is the agent system's own reference; empty: the request was withdrawn."""

    request: str


class FileArrived(FromAgents, frozen=True, kw_only=True):
    """The agents' side reports on a file the user sent: accepted or not."""

    accepted: bool


class RoutingFailed(FromAgents, frozen=True, kw_only=True):
    """The agents' side could not route. During a transfer the agent usually stays.

    `final`: False where the agents' side may still find an agent; then `AgentSystem.routing` is asked first.
    """

    reason: str
    transfer: bool = False
    final: bool = True


class AgentSessionEnded(FromAgents, frozen=True, kw_only=True):
    """The agents' side ended the session, or closed the conversation.

    `certain`: False where agents may go on all the same; then `AgentSystem.routing` is asked first.
    """

    certain: bool = True


class StatusReported(FromAgents, frozen=True, kw_only=True):
    """The agents' side states that the session waits for an agent, is active, or was set aside because the user is silent.

    Needed only where it contradicts what was reported before. `searching`: an agent is being looked for, unless one is present.
    """

    status: Literal["waiting", "active", "inactive", "searching"]


class PositionAdvanced(FromAgents, frozen=True, kw_only=True):
    """An entry that changes nothing but the position (own echoes, receipts, unknown types).

    Set `durable` where the agents' side forgets entries once they are read: then the position must be committed at once.
    """

    durable: bool = False


AgentSideEvent = (
    AgentSaid
    | AgentTyping
    | AgentCustomEvent
    | AgentJoined
    | AgentLeft
    | TransferStarted
    | QueueMoved
    | FileRequested
    | FileArrived
    | RoutingFailed
    | AgentSessionEnded
    | StatusReported
    | PositionAdvanced
)
"""Every event that an agent system reports."""
