"""The interface between BotKit and an agent system; third parties implement the same one.

A bot's file names a system by its `type`. An entry point of the group ``botkit.agent_systems`` maps that type to a subclass of
`AgentSystem`, and BotKit creates one instance per bot and system as ``Class(name, settings, transport)``.

The relay calls the instance on its asyncio loop, so no method may block. Methods report failures with the errors of
`botkit.errors.CallError` and its subclasses, nothing else:

    retryable (Unreachable, ServerTrouble, RateLimited, BadReply) → the relay repeats the same effect later
    AccessExpired, ConversationClosed                            → the session is over; the user is told
    AgentsUnavailable (from open, start)                         → the next system is tried, or the user is told
    CallRefused, HostNotAllowed                                  → this effect will never succeed
"""

# ruff: noqa: B027 (an optional ability of an agent system does nothing by default)
from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Protocol

from botkit.checks import Check, Surroundings
from botkit.errors import CallRefused
from botkit.handoff.conversation import Access, FileLimits, Instant
from botkit.handoff.events import FromAgents
from botkit.handoff.rules import Capabilities
from botkit.http import Transport

DEFAULT_ATTRIBUTES: Mapping[str, str] = MappingProxyType(
    {
        "_firstName": "first_name",
        "_lastName": "last_name",
        "_email": "email",
        "_subject": "last_intent",
        "Kore_User_Id": "user_id",
        "Kore_Bot_Name": "bot_name",
        "Kore_Channel": "channel",
        "Kore_Language": "language",
        "Kore_Session_Id": "session_id",
        "Kore_Last_Intent": "last_intent",
        "Case_Id": "case_id",
        "Handoff_Reference": "reference",
    }
)
"""Routing attribute → fact, for systems whose `Capabilities` name none. The names with an underscore are Salesforce's own; all
systems share them, so that a bot can change its agent system without changing its dialogs."""


@dataclass(frozen=True, slots=True)
class Granted:
    """The result of `open`: the access to store, its expiry (None if unknown), the files that this user may send, and
    the organisation's own words for a user whom no agent can help."""

    access: Access
    expires_at: Instant | None
    file_limits: FileLimits | None = None
    nobody_message: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Events in the order they happened on the agents' side. Each has the position after it.

    The key of an `AgentSaid` is ``<session id>/<entry id>``: once the user has seen it, `acknowledge` is called with the part
    after the slash. The key of any other event is only a deduplication key: every report of the same event has the same one.

    Attributes:
        events: the events.
        doubt: why the stream may have left out or swapped events up to these, as a word; empty if there is no reason. The list
            is read before the events are written. A word for which the list is read in vain hundreds of times is ignored.
    """

    events: Sequence[FromAgents]
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class File:
    """A user's file, downloaded from the platform."""

    name: str
    mime_type: str
    data: bytes = field(repr=False)


class Section(Protocol):
    """One system's section of a bot's file, for `AgentSystem.check`. Paths start at the system: ``("entities", "Case")``."""

    def at(self, *path: str | int) -> object:
        """The value at a path; None if there is none, or if a `${NAME}` in it could not be filled."""

    def text(self, *path: str | int) -> str | None:
        """The text at a path, if there is one."""

    def mapping(self, *path: str | int) -> Mapping[str, Any]:
        """The mapping at a path, or an empty one."""

    def complain(self, path: Sequence[str | int], what: str, fix: str) -> None:
        """Report a problem at the line of a path; neither text ends with a full stop.

        Never quote a value in `what` or `fix`: it may be a secret. `shown` quotes the values that may be shown.
        """

    def suggest(self, word: str, known: Iterable[str]) -> str:
        """A fix for an unknown word: the most similar known one, or all of them."""

    def shown(self, path: Sequence[str | int]) -> str:
        """The value at a path in quotes, and a space; empty if it came from the environment or a file."""


class AgentSystem(ABC):
    """One configured agent system of one bot.

    An instance may hold only state that a new process can rebuild: `Access` has everything that a session needs.

    Class attributes and class methods describe the type; BotKit uses them before it connects:

    Attributes:
        schema: the JSON Schema (2020-12) of the system's section of a bot's file, without `type`. It may refer to
            ``#/$defs/duration`` and use BotKit's keywords (see `botkit.config.schema`). None: any keys are accepted.
        settings_type: the dataclass or msgspec Struct that the checked section is converted to; durations become
            `timedelta`. None: the settings are the section itself, a mapping.
        capabilities: limits and abilities of the system; `capabilities_for` sets it.
        settings: the settings of this instance; a subclass annotates it with its own type.
    """

    schema: ClassVar[Mapping[str, Any] | None] = None
    settings_type: ClassVar[type | None] = None
    capabilities: Capabilities = Capabilities()
    settings: Any

    def __init__(self, name: str, settings: object, transport: Transport) -> None:
        """Create the system under its name in the bot's file. `transport` makes HTTP calls.

        Raises:
            TypeError: `settings` belongs to another agent system.
        """
        wanted = self.settings_type
        if wanted is not None and not isinstance(settings, wanted):
            raise TypeError(
                f"{name}: {type(self).__name__} takes {wanted.__name__}, not {type(settings).__name__}"
            )
        self.name = name
        self.settings = settings
        self.capabilities = self.capabilities_for(settings)

    # --- the type: its settings and capabilities ---

    @classmethod
    def parsers(cls, *, insecure_http: bool) -> Mapping[str, Callable[[str], object]]:
        """Setting → a function that checks and normalises its text (or each text of its list).

        The function raises `botkit.errors.UnusableValue` for an unusable text; `botkit check` reports it with its line.

        Args:
            insecure_http: whether ``security.insecure_http`` accepts ``http://`` addresses.
        """
        return {}

    @classmethod
    def check(cls, section: Section) -> None:
        """Report problems that neither the schema nor a parser can find, such as a reference to an unknown name."""

    @classmethod
    def capabilities_for(cls, settings: Any) -> Capabilities:
        """The capabilities under these settings."""
        return cls.capabilities

    @classmethod
    def summary(cls, settings: Any) -> str:
        """A short description of the settings for `botkit check`, without secrets: ``at https://desk.example``."""
        return ""

    @classmethod
    def notice(cls, used_by: Sequence[str]) -> str | None:
        """A notice about this type for `botkit check` and every start; `used_by` lists ``bot: system``."""
        return None

    # --- the instance: `botkit doctor` ---

    def checks(self, surroundings: Surroundings) -> Sequence[Check]:
        """The checks of this system for `botkit doctor`, in the order in which a set-up goes wrong; by default none.

        A check uses `self`'s own calls, so that what passes there passes in the service. It shows no secret. It leaves
        nothing behind, and does nothing that a person on the agents' side notices unless `surroundings.live`.
        """
        return ()

    # --- the instance: one session's life, in the order of the calls ---

    @abstractmethod
    async def open(self, session_id: str) -> Granted:
        """Get access for a new session. Called again if the process died before the result was stored."""

    @abstractmethod
    async def start(
        self, session_id: str, access: Access, *, attributes: Sequence[tuple[str, str]], language: str
    ) -> None:
        """Create the conversation, which starts the search for an agent. If an earlier attempt created it, this does nothing."""

    @abstractmethod
    async def send(self, session_id: str, access: Access, *, message_id: str, text: str) -> None:
        """Deliver a message of the user. The same `message_id` twice must be shown once."""

    @abstractmethod
    async def fetch(self, session_id: str, access: Access) -> Batch:
        """List the events since `access.high_water_ms`. Events may repeat; their keys deduplicate them."""

    @abstractmethod
    async def end(self, session_id: str, access: Access) -> Batch | None:
        """End and close the conversation. Does nothing for a conversation that is closed or no longer ours.

        Returns:
            The agents' last messages, if the system delivers them only with the end.
        """

    @abstractmethod
    async def routing(self, session_id: str, access: Access) -> Literal["searching", "present", "over"]:
        """The state after an agent left: the system searches for another one, one is present, or the conversation is over."""

    def listen(self, session_id: str, access: Access) -> AsyncIterator[Batch]:
        """Yield events from `access.position` on, until the connection fails (raises) or the server ends it (returns).

        Required with ``receive="stream"``. Yield a batch as soon as the connection is established, even an empty one: from then
        on the list can be reconciled without a gap. Yield an empty batch for each keep-alive as well. Of a system without a
        list, the next batch is asked for when the events of this one are durable.
        """
        raise NotImplementedError(f"{type(self).__name__} has no stream to listen to")

    # --- abilities that not every system has; the default does nothing ---

    async def typing(self, session_id: str, access: Access, *, started: bool) -> None:
        """Show that the user is typing, or stopped. Tried once."""

    async def acknowledge(self, session_id: str, access: Access, *, entry_ids: Sequence[str]) -> None:
        """Send delivery receipts: the user has seen these entries. Best effort."""

    async def custom_event(self, session_id: str, access: Access, *, name: str, data: str) -> None:
        """Forward an event of the user's client; `data` is JSON text. Tried once."""

    async def idle_notice(self, session_id: str, access: Access, *, warned: bool) -> None:
        """Report that an idle user was warned, or is active again. Tried once."""

    async def send_file(
        self, session_id: str, access: Access, *, message_id: str, file: File, request: str
    ) -> None:
        """Give the agent a file. Required unless `Capabilities.files` is ``none``.

        Args:
            session_id: the session.
            access: its access.
            message_id: the idempotency key, the same on every attempt.
            file: the file.
            request: of the agent's `FileRequested`; empty if none was needed.
        """
        raise CallRefused("send a file", detail="the agent system takes none")
