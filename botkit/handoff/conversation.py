"""What is remembered of one user's conversation with one bot.

A conversation without an agent session is the bot's, and is usually not even stored. All values are immutable; the
ledger turns them to JSON and back (`ledger/codec.py`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import NewType

from botkit.handoff.record import Record

Instant = NewType("Instant", float)
"""Seconds since 1970-01-01T00:00:00Z."""


class ConversationId(Record, frozen=True, order=True):
    """One user of one bot. `user_id` is the canonical one of the names the platform uses for the user."""

    bot_id: str
    user_id: str

    def __str__(self) -> str:
        return f"{self.bot_id}/{self.user_id}"


class Phase(StrEnum):
    """How far an agent session has come."""

    OPENING = "opening"
    """Access to the agent system and the transcript are being fetched; what the user types is held."""
    WAITING = "waiting"
    """The agents' side knows of the conversation; no agent has accepted yet."""
    ACTIVE = "active"
    """At least one agent is present."""
    ABSENT = "absent"
    """The agents left; whether it is a transfer or the end is not known yet."""


class Agent(Record, frozen=True):
    """A person (or AI agent) on the agents' side."""

    subject: str
    name: str


class HeldMessage(Record, frozen=True):
    """What the user said and the agents' side has yet to take; a file stands here by its name and address."""

    message_id: str
    text: str
    typed: bool = True
    """False for what BotKit wrote itself (the transcript)."""


class Alternative(Record, frozen=True):
    """Another agent system in line, with what it would be told of the user."""

    system: str
    attributes: tuple[tuple[str, str], ...]


class Timer(Record, frozen=True):
    """Something that is due once, at `due`. A timer is named; arming it again moves it."""

    name: str
    due: Instant


class Access(Record, frozen=True):
    """What an agent system gave us to act for this user.

    `credentials` and `position` belong to the agent system alone; nobody else reads them. `position` is where its
    receiving side got to (MIAW: Last-Event-Id); `high_water_ms` the newest server timestamp seen.
    """

    credentials: str
    position: str = ""
    high_water_ms: int = 0

    _hidden = frozenset({"credentials"})


class AgentSession(Record, frozen=True):
    """One hand-off, from the Agent Transfer node until either side ends it."""

    id: str
    """A lower-case UUID 4; the MIAW conversation id as well."""
    system: str
    phase: Phase
    opened_at: Instant
    language: str
    user_name: str = ""
    end_word: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    access: Access | None = None
    held: tuple[HeldMessage, ...] = ()
    in_flight: tuple[HeldMessage, ...] = ()
    """Given to the agent lane, not yet accepted by the agents' side."""
    taken: tuple[HeldMessage, ...] = ()
    """What the user said and the agents' side has accepted, for the next agent system in line; kept only while one waits."""
    agents: tuple[Agent, ...] = ()
    last_agent: str = ""
    """The name of the agent who was there last."""
    flagged: bool = False
    """The platform has said `agent_transfer: true` in this session: a later false is news, not a flag that lags."""
    transferring: bool = False
    """The agents' side is looking for another agent, and the user knows."""
    accepted: bool = False
    """An agent has been there at least once."""
    timers: tuple[Timer, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    """The agent systems to try next if this one does not take the hand-off, in order."""
    platform_session_id: str = ""
    queue_position: int = 0
    """What the user was told last."""
    wait_minutes: int = 0
    """What the user was told last."""
    events_url: str = ""
    """Where the user's client takes events from us; empty where the platform has not said so."""
    idle_warning_seconds: float = 0.0
    idle_timeout_seconds: float = 0.0
    """How long the user may be silent after an agent's words; 0 where the agent system takes care of that itself."""
    idle_warned: bool = False
    file_request: str = ""
    """The agent's open request for a file, as the agent system worded it."""
    file_upload: str = ""
    """The message id of the file that is on its way for that request."""
    opening_request: int | None = None
    """requestId of the transfer hook where it is a number (the platform's are epoch milliseconds)."""


class DeferredHook(Record, frozen=True):
    """A webhook that waits for its answer. At `due` it gets `otherwise`, changes to its context as JSON text."""

    request_id: str
    due: Instant
    otherwise: str = ""

    _hidden = frozenset({"otherwise"})


class Conversation(Record, frozen=True):
    """One user of one bot: with an agent session, or recently without.

    A deferred webhook is a conversation of its own (`handoff/webhooks.py`): its answer waits for nobody's messages.
    """

    id: ConversationId
    session: AgentSession | None = None
    ended_session: str | None = None
    ended_at: Instant | None = None
    ended_language: str = ""
    ended_pending: tuple[HeldMessage, ...] = ()
    """What the user typed before the end of that session and the agents' side has yet to take."""
    deferred: DeferredHook | None = None

    @property
    def open(self) -> bool:
        """Whether something is expected to happen in it: an agent session lives, or a webhook waits."""
        return self.session is not None or self.deferred is not None
