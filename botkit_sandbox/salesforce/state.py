"""The data of the organisation: agents, end users, conversations with sessions and entries, and files.

Numbers in parentheses are sections of docs/protocols/salesforce-miaw.md.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from botkit_sandbox.salesforce.eventlog import FIRST_EVENT_ID, EventLog

OwnerType = Literal["Queue", "Agent", "Bot"]
Stage = Literal["waiting", "assigned", "active", "inactive", "ended", "closed"]
KEPT_ENTRIES = 5_000
KEPT_MESSAGE_IDS = 5_000


@dataclass(frozen=True, slots=True)
class Sender:
    """The sender of an entry (4.3)."""

    role: str
    app_type: str
    subject: str
    client_id: str

    def as_json(self) -> dict[str, Any]:
        """The shape of `conversationEntry.sender` and of participants."""
        return {
            "role": self.role,
            "appType": self.app_type,
            "subject": self.subject,
            "clientIdentifier": self.client_id,
        }


ROUTER = Sender("Router", "conversation", "conversation", "conversation")
SYSTEM = Sender("System", "conversation", "conversation", "conversation")


@dataclass(frozen=True, slots=True)
class Entry:
    """One conversation entry. `listed`: `GET …/entries` and the transcript include it."""

    identifier: str
    entry_type: str
    payload: Mapping[str, Any]
    sender: Sender
    sender_name: str
    client_ms: int
    transcripted_ms: int
    event_id: int
    """Its event's on the stream; 0: it gets the next one when it is put there."""
    listed: bool
    related: tuple[str, ...] = ()
    """Ids of the records that the entry is about (4.3)."""


@dataclass(slots=True)
class Agent:
    """A representative in the agent console. `load` is the number of conversations assigned to or held by the agent."""

    id: str
    name: str
    client_id: str
    online: bool = True
    load: int = 0

    @property
    def sender(self) -> Sender:
        return Sender("Agent", "agent", self.id, self.client_id)


@dataclass(slots=True)
class LateEvent:
    """An event that a fault keeps off the stream until `behind` more were put on it. `id` 0: it gets that of its new place."""

    behind: int
    id: int
    event: str
    data: bytes


@dataclass(slots=True)
class EndUser:
    """A token's subject; all its conversations share one event log."""

    subject: str
    verified: bool
    display_name: str
    device_id: str
    log: EventLog = field(default_factory=EventLog)
    last_event_id: int = FIRST_EVENT_ID
    emitted: int = 0
    """The number of the user's events, those that a fault keeps off the stream included."""
    late: list[LateEvent] = field(default_factory=list)
    dead_serials: set[int] = field(default_factory=set)
    expired_through: int = 0
    """Tokens up to this serial number were expired by a fault."""
    starts_ms: deque[int] = field(default_factory=deque)

    @property
    def sender(self) -> Sender:
        return Sender("EndUser", "iamessage", self.subject, self.device_id)


@dataclass(slots=True)
class Session:
    """A messaging session (0Mw…), which an agent accepts and ends. A conversation may have several, one after another."""

    id: str
    pending_routing_id: str
    started_ms: int
    status: str = "New"
    ended_ms: int | None = None


@dataclass(slots=True)
class Conversation:
    """A conversation with its sessions and entries."""

    id: str
    owner: EndUser
    created_ms: int
    language: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    ignored_attributes: tuple[str, ...] = ()
    sessions: list[Session] = field(default_factory=list)
    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=KEPT_ENTRIES))
    accepted_messages: dict[str, int] = field(default_factory=dict)
    """Client message ids with the time of acceptance, so that a repetition gets the same answer (3.1)."""
    message_times_ms: deque[int] = field(default_factory=deque)
    routing_status: str = "INITIAL"
    transferring: bool = False
    assigned: Agent | None = None
    present: dict[str, Agent] = field(default_factory=dict)
    chatbot: str = ""
    """The name of the chatbot that takes part in the conversation."""
    owner_type: OwnerType = "Queue"
    """What owns the newest session."""
    work_ids: dict[str, str] = field(default_factory=dict)
    """The work item of each agent to whom the newest session was pushed."""
    declined: set[str] = field(default_factory=set)
    receipts: dict[str, str] = field(default_factory=dict)
    user_typing: bool = False
    last_ms: int = 0
    closed_ms: int | None = None

    def note_receipt(self, entry_id: str, kind: str) -> None:
        """Record that an entry was delivered or read; Read is final."""
        if self.receipts.get(entry_id) != "Read":
            self.receipts[entry_id] = kind
        while len(self.receipts) > KEPT_ENTRIES:
            del self.receipts[next(iter(self.receipts))]

    @property
    def session(self) -> Session:
        """The newest session; create makes the first one."""
        return self.sessions[-1]

    @property
    def live(self) -> bool:
        """Whether the newest session is open."""
        return self.closed_ms is None and self.session.status != "Ended"

    @property
    def stage(self) -> Stage:
        """The conversation in one word, for the console."""
        if self.closed_ms is not None:
            return "closed"
        if self.session.status == "Ended":
            return "ended"
        if self.session.status == "Inactive":
            return "inactive"
        if self.session.status == "Active" and (self.present or self.chatbot):
            return "active"
        return "assigned" if self.assigned is not None else "waiting"


FILE_BYTES_KEPT = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One attachment. `owner` is the subject of the conversation's end user."""

    name: str
    mime_type: str
    data: bytes
    owner: str


@dataclass(slots=True)
class FileStore:
    """Files by id. The oldest are deleted when they exceed `FILE_BYTES_KEPT` in all."""

    _files: OrderedDict[str, StoredFile] = field(default_factory=OrderedDict)
    _size: int = 0

    def put(self, file_id: str, file: StoredFile) -> None:
        """Keep a file."""
        self._files[file_id] = file
        self._size += len(file.data)
        while self._size > FILE_BYTES_KEPT and len(self._files) > 1:
            _, oldest = self._files.popitem(last=False)
            self._size -= len(oldest.data)

    def get(self, file_id: str) -> StoredFile | None:
        """The file, if it is still kept."""
        return self._files.get(file_id)
