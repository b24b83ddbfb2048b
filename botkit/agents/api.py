"""What an agent system is to BotKit: one small interface, which a third party can implement too.

A system is found by its `type` (`botkit.agents.registry`); the type stands for a class that is called as
``Class(name, settings, transport)`` (see `AgentSystemFactory`). The relay calls the methods on its asyncio loop; they
must not block. What went wrong is said with the errors of `botkit.errors.CallError`'s branch, nothing else:

    retryable (Unreachable, ServerTrouble, RateLimited, BadReply) → the relay tries the same effect again later
    AccessExpired, ConversationClosed                            → the session is over; the user is told
    AgentsUnavailable (of open, start)                           → nobody is there: the next system, or the user is told
    CallRefused, HostNotAllowed                                  → this effect will never succeed

What not every system can do is an ability of its own (`TakesFiles`, `TakesCustomEvents`, `TakesIdleNotices`): a class has
it by having the method.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, Protocol, runtime_checkable

from botkit.handoff.conversation import Access, Instant
from botkit.handoff.events import FromAgents
from botkit.handoff.rules import SystemLimits
from botkit.http import Transport


@dataclass(frozen=True, slots=True)
class Granted:
    """What `open` yields: the access to keep, and when it stops being good (None: not known)."""

    access: Access
    expires_at: Instant | None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the relay needs to know of a system. What the rules need to know is in `SystemLimits` (see `StatesLimits`).

    `receive` says whether the relay runs `listen` (a stream; the list reconciles it) or calls `fetch` every
    `poll_interval`. `max_file_bytes` is the largest file `send_file` is given.
    """

    receive: Literal["stream", "poll"] = "stream"
    poll_interval: timedelta = timedelta(seconds=2)
    max_file_bytes: int = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Batch:
    """Events in the order they happened on the agents' side. Each carries the position to go on from.

    The key of an `AgentSaid` is ``<session id>/<entry id>``: what follows the slash is what `acknowledge` is called with
    once the user has been shown it. Keys of other events need only be the same each time the same thing is told.
    """

    events: Sequence[FromAgents]


@dataclass(frozen=True, slots=True)
class File:
    """A user's file, as the platform had it."""

    name: str
    mime_type: str
    data: bytes = field(repr=False)


class AgentSystem(Protocol):
    """One configured agent system of one bot. Stateless: whatever it needs for a session is in `Access`."""

    capabilities: Capabilities

    async def open(self, session_id: str) -> Granted:
        """Get access for a new session. Called again (with a new result) if the process died before it was kept."""

    async def start(
        self, session_id: str, access: Access, *, attributes: Sequence[tuple[str, str]], language: str
    ) -> None:
        """Create the conversation, which starts the search for an agent. Already created by us counts as done."""

    async def send(self, session_id: str, access: Access, *, message_id: str, text: str) -> None:
        """Say something as the user. Repeating a `message_id` must not show it twice."""

    async def typing(self, session_id: str, access: Access, *, started: bool) -> None:
        """The user is typing, or stopped."""

    async def acknowledge(self, session_id: str, access: Access, *, entry_ids: Sequence[str]) -> None:
        """The user has been shown these entries (delivery receipts). Best effort."""

    async def routing(self, session_id: str, access: Access) -> Literal["searching", "present", "over"]:
        """Is another agent being looked for, is one present, or is it over?"""

    async def end(self, session_id: str, access: Access) -> Batch | None:
        """End and close. Already closed, or not ours any more, counts as done.

        Returns:
            What agents had said before and only the end has brought, if the system has that.
        """

    def listen(self, session_id: str, access: Access) -> AsyncIterator[Batch]:
        """Events from `access.position` on, until the connection breaks (raises) or the server ends it (returns).

        The first batch is yielded as soon as the connection stands, even if it is empty: from then on the list can be
        reconciled without a gap. A keep-alive yields an empty batch as well.
        """

    async def fetch(self, session_id: str, access: Access) -> Batch:
        """The list of what happened since `access.high_water_ms` (a little overlap is fine: entries have keys)."""


@runtime_checkable
class TakesFiles(Protocol):
    """A system that takes a user's files as files. Its `SystemLimits.files` says when."""

    async def send_file(
        self, session_id: str, access: Access, *, message_id: str, file: File, request: str
    ) -> None:
        """Give the agent a file. `request` is that of the agent's `FileRequested`, empty where none was needed."""


@runtime_checkable
class TakesCustomEvents(Protocol):
    """A system whose agents' console understands events of the user's client. Tried once."""

    async def custom_event(self, session_id: str, access: Access, *, name: str, data: str) -> None:
        """Pass the event on; `data` is JSON text."""


@runtime_checkable
class TakesIdleNotices(Protocol):
    """A system that leaves the user's idle time to its client, and wants to know of warnings. Tried once."""

    async def idle_notice(self, session_id: str, access: Access, *, warned: bool) -> None:
        """The user was warned of being idle, or is not idle any more."""


class AgentSystemFactory(Protocol):
    """How a system's class is called: `settings` is the system's own part of the bot's YAML."""

    def __call__(self, name: str, settings: object, transport: Transport) -> AgentSystem: ...


@runtime_checkable
class StatesLimits(Protocol):
    """A system's class that tells the rules its limits (a class method): a class without it has those of `SystemLimits()`."""

    def limits(self, settings: object) -> SystemLimits:
        """The limits under these settings. Nothing is connected yet."""
