"""The state of one user's conversation with one bot on one channel.

A conversation without an agent session belongs to the bot and is usually not stored. The ledger stores the state as JSON
(`ledger/codec.py`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import NewType

from botkit.handoff.record import Record

Instant = NewType("Instant", float)
"""Seconds since 1970-01-01T00:00:00Z."""


class ConversationId(Record, frozen=True, order=True):
    """One user of one bot on one channel. The platform's agent mode belongs to these three (hooks/identity.py).

    `user_id` is the canonical one of the platform's names for the user, `channel` the platform's name of the channel in lower
    case; empty if it is not known.
    """

    bot_id: str
    user_id: str
    channel: str = ""

    def __str__(self) -> str:
        named = f"{self.bot_id}/{self.user_id}"
        return f"{named}/{self.channel}" if self.channel else named


class Phase(StrEnum):
    """The progress of an agent session."""

    OPENING = "opening"
    """Access to the agent system and the transcript are being fetched; the user's messages are held."""
    WAITING = "waiting"
    """The conversation exists on the agents' side; no agent has accepted yet."""
    ACTIVE = "active"
    """At least one agent is present."""
    ABSENT = "absent"
    """The agents left; it is not known yet whether this is a transfer or the end."""


class Doubt(StrEnum):
    """An end that the agents' side has stated and that the routing status has to confirm (`handoff/doubtful_ends.py`)."""

    ENDED = "ended"
    """The session was ended by neither an agent nor the user."""
    UNROUTED = "unrouted"
    """Routing failed."""


class Agent(Record, frozen=True):
    """A person (or AI agent) on the agents' side."""

    subject: str
    name: str


class HeldMessage(Record, frozen=True):
    """A message of the user that the agents' side has not accepted yet; a file is represented by its name and address."""

    message_id: str
    text: str
    typed: bool = True
    """False for BotKit's own message, the transcript."""


class Alternative(Record, frozen=True):
    """The next agent system to try, with the attributes it would get."""

    system: str
    attributes: tuple[tuple[str, str], ...]


class TimerName(StrEnum):
    """The timers of a conversation."""

    ACCEPT = "accept"
    """No agent has accepted in time."""
    SETTLE = "settle"
    """The last agent left a moment ago: ask for the routing status."""
    GRACE = "grace"
    """The routing status was "over": ask once more before believing it."""
    EXTEND = "extend"
    """The platform's requestId has to be extended."""
    EXPIRY = "expiry"
    """The access token expires."""
    IDLE_WARNING = "idle_warning"
    """The user has been silent: warn them."""
    IDLE_END = "idle_end"
    """The user has been silent for too long: end the session."""
    AGENT_TYPING = "agent_typing"
    """An agent's typing was not repeated: hide it."""
    WEBHOOK = "webhook"
    """A deferred webhook was not answered in time."""


class Timer(Record, frozen=True):
    """A named timer that fires once, at `due`. Arming it again moves it."""

    name: str
    due: Instant
    seconds: float = 0.0
    """The time from arming it until it fires, which holds even if the clock is set; 0 if it was not noted."""


class Access(Record, frozen=True):
    """The agent system's credentials for this user, and the position up to which its events have been read.

    Only the agent system interprets `credentials` and `position` (such as the id of the last event). `high_water_ms` is the
    newest server timestamp seen.
    """

    credentials: str
    position: str = ""
    high_water_ms: int = 0

    _hidden = frozenset({"credentials"})


class FileLimits(Record, frozen=True):
    """The files that the agents' side takes from this user, as far as it states that."""

    max_bytes: int = 0
    """0 where it is not stated."""
    types: tuple[str, ...] = ()
    """Lower-case extensions without a dot; empty where they are not stated."""
    allowed: bool = True


class AgentSession(Record, frozen=True):
    """One hand-off, from the Agent Transfer node until either side ends it."""

    id: str
    """A lower-case UUID 4; agent systems may use it as the id of their conversation."""
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
    """In the agent lane, not yet accepted by the agents' side."""
    taken: tuple[HeldMessage, ...] = ()
    """Accepted messages, kept while another agent system is in line: it would need them again."""
    agents: tuple[Agent, ...] = ()
    last_agent: str = ""
    """The name of the agent who was present last."""
    flagged: bool = False
    """The platform has sent `agent_transfer: true` in this session, so a later false is current, not delayed."""
    transferring: bool = False
    """The agents' side is looking for another agent, and the user was told."""
    accepted: bool = False
    """An agent has been present at least once."""
    timers: tuple[Timer, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    """The agent systems to try next if this one does not take the hand-off, in order."""
    platform_session_id: str = ""
    """The platform's session in which the user writes; empty if not known."""
    session_aliases: tuple[str, ...] = ()
    """Other ids under which hooks name that session."""
    queue_position: int = 0
    """The position the user was told last."""
    wait_minutes: int = 0
    """The estimate the user was told last."""
    events_url: str = ""
    """The address at which the user's client takes events; empty if the platform has not stated it."""
    idle_warning_seconds: float = 0.0
    idle_timeout_seconds: float = 0.0
    """Max silence of the user after an agent's message; 0 where the agent system enforces that itself."""
    idle_warned: bool = False
    file_request: str = ""
    """The agent's open request for a file: the agent system's own reference."""
    file_upload: str = ""
    """The message id of the file in delivery for that request."""
    opening_request: int | None = None
    """requestId of the transfer hook if it is a number (the platform's are epoch milliseconds)."""
    file_limits: FileLimits | None = None
    nobody_message: str = ""
    """The organisation's own words for a user whom no agent can help; empty if it states none."""
    inactive: bool = False
    """The agents' side has set the session aside because the user is silent. It goes on when the user writes."""
    doubt: str = ""
    """One of `Doubt`, until the routing status has settled it; empty for none."""
    queued: bool = False
    """Routing has succeeded: the session waits, or waited, for an agent."""
    automated_at: float = 0.0
    """When the organisation itself wrote last, before an agent was present."""
    automated_text: str = ""
    """The beginning of what it wrote then."""
    reason_given: bool = False
    """The organisation has told the user why there is no agent."""
    record: str = ""
    """The id under which the agents' side files the session, such as a MessagingSession's; empty until it is stated."""
    joined_at: float = 0.0
    """When the first agent joined; 0 if none has."""
    sent_count: int = 0
    """The user's messages that the agents' side has accepted."""
    shown_count: int = 0
    """The agents' messages for the user."""
    shown_text: int = 0
    """A checksum of the newest one's text."""
    met: tuple[str, ...] = ()
    """The names of all agents so far, in the order in which they joined first."""


class DeferredHook(Record, frozen=True):
    """A deferred webhook that has no answer yet. At `due` it gets `otherwise`: changes to its context as JSON text."""

    request_id: str
    due: Instant
    otherwise: str = ""
    seconds: float = 0.0
    """As in `Timer`."""

    _hidden = frozenset({"otherwise"})


class Conversation(Record, frozen=True):
    """One user of one bot on one channel, with a current or a recent agent session.

    A deferred webhook is a conversation of its own (`handoff/webhooks.py`), so its answer does not queue behind messages.
    """

    id: ConversationId
    session: AgentSession | None = None
    ended_session: str | None = None
    ended_at: Instant | None = None
    ended_language: str = ""
    ended_pending: tuple[HeldMessage, ...] = ()
    """The user's messages from before the end of that session that the agents' side has not accepted yet."""
    deferred: DeferredHook | None = None

    @property
    def open(self) -> bool:
        """Whether an agent session lives or a deferred webhook is unanswered."""
        return self.session is not None or self.deferred is not None
