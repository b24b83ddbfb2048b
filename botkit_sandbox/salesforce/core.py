"""The state of the emulated service, and the one function that turns an occurrence into an entry and an event.

The layers above it, each in a module of its own: `routing` (which agent works on a conversation), `access`, `conversing` and
`messaging` (what API clients do), `desk` (what agents do). `SalesforceCloud` combines them.

Numbers in parentheses are sections of docs/protocols/salesforce-miaw.md.
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from botkit_sandbox.bus import Bus
from botkit_sandbox.faults import Faults
from botkit_sandbox.salesforce import payloads
from botkit_sandbox.salesforce.eventlog import FIRST_EVENT_ID, frame
from botkit_sandbox.salesforce.faults import Fault
from botkit_sandbox.salesforce.ids import RecordIds, short_id
from botkit_sandbox.salesforce.refusal import NotKnown
from botkit_sandbox.salesforce.settings import SalesforceSandboxSettings
from botkit_sandbox.salesforce.spelling import loosely
from botkit_sandbox.salesforce.state import (
    SYSTEM,
    Agent,
    Conversation,
    EndUser,
    Entry,
    FileStore,
    LateEvent,
    Sender,
)
from botkit_sandbox.salesforce.transcripts import transcript_item
from botkit_sandbox.wire import Wire

BUS_TOPIC = "salesforce"


def wall_clock_ms() -> int:
    """The machine's clock, in milliseconds since 1970."""
    return int(time.time() * 1000)


def random_uuid() -> str:
    """A lower-case UUID 4."""
    return str(uuid.uuid4())


class CloudCore:
    """State of one organisation, in memory only and independent of any port.

    Args:
        wire: where requests and emitted events are recorded; None for benchmarks.
        bus: where every change is published; None for nowhere.
        base_url: where clients reach this cloud, for attachment URLs; taken from the first request when empty.
        settings: the organisation and its switches; may be replaced while running.
        clock: milliseconds since 1970.
        new_uuid: makes ids.
        secret: signs access tokens.
    """

    def __init__(
        self,
        *,
        wire: Wire | None,
        bus: Bus | None,
        base_url: str = "",
        settings: SalesforceSandboxSettings | None = None,
        clock: Callable[[], int] = wall_clock_ms,
        new_uuid: Callable[[], str] = random_uuid,
        secret: bytes | None = None,
    ) -> None:
        self.wire = wire
        self.bus = bus
        self.base_url = base_url
        self.settings = settings or SalesforceSandboxSettings()
        self.clock = clock
        self.new_uuid = new_uuid
        self.secret = secret or secrets.token_bytes(32)
        self.org_id = short_id(self.settings.organization_id)
        self.platform_key = new_uuid()
        self.channel_id = new_uuid()
        self.record_ids = RecordIds()
        self.queue_id = self.record_ids.new("00G")
        self.agents: dict[str, Agent] = {}
        for name in self.settings.agents:
            agent = Agent(self.record_ids.new("005"), name, new_uuid())
            self.agents[agent.id] = agent
        self.end_users: dict[str, EndUser] = {}
        self.conversations: dict[str, Conversation] = {}
        self.queue: dict[str, Conversation] = {}
        """The conversations that wait for an agent, longest wait first. An agent may be assigned who has not accepted yet."""
        self.files = FileStore()
        self.faults = Faults[Fault](lambda: self._faults_changed())
        self.last_event_id = FIRST_EVENT_ID
        self.token_serial = 0
        self.token_times_ms: deque[int] = deque()
        self.renewal_times_ms: deque[int] = deque()

    # --- looking things up -------------------------------------------------------------------------------------

    def conversation(self, conversation_id: str) -> Conversation:
        """Raises: NotKnown."""
        try:
            return self.conversations[conversation_id]
        except KeyError:
            raise NotKnown(f"no conversation {conversation_id}") from None

    def agent(self, id_or_name: str) -> Agent:
        """Raises: NotKnown."""
        for agent in self.agents.values():
            if id_or_name in (agent.id, agent.name):
                return agent
        raise NotKnown(f"no agent {id_or_name!r}")

    # --- entries and events ------------------------------------------------------------------------------------

    def emit(
        self,
        conversation: Conversation,
        event: str,
        entry_type: str,
        payload: Mapping[str, Any],
        *,
        sender: Sender = SYSTEM,
        name: str = "",
        identifier: str = "",
        listed: bool = True,
        related: Sequence[str] = (),
    ) -> Entry:
        """Record an entry (unless `listed` is false) and put an event on the stream of the conversation's owner.

        `name` must not be empty where the payload has no `entries`: Salesforce's own sample reads
        ``entryPayload.entries[0]`` when `senderDisplayName` is empty (end of 4.4).
        """
        now = self.clock()
        at = max(now, conversation.last_ms + 1) if self.settings.distinct_timestamps else now
        conversation.last_ms = max(at, conversation.last_ms)
        identifier = identifier or self.new_uuid()
        full_payload = {"entryType": entry_type, "id": identifier, **payload}
        event_id = self._event_id(conversation)
        entry = Entry(
            identifier, entry_type, full_payload, sender, name, now, at, event_id, listed, tuple(related)
        )
        if listed:
            conversation.entries.append(entry)
        self._put_on_stream(conversation, event, entry)
        if self.bus is not None and (item := transcript_item(entry)) is not None:
            self.publish_change("message", conversation, item=item)
        return entry

    def say(
        self,
        conversation: Conversation,
        abstract_message: Mapping[str, Any],
        *,
        sender: Sender,
        name: str,
        identifier: str = "",
        reason: str | None = None,
    ) -> Entry:
        """Record a message of any sender. The payload repeats the id; the session is the related record (4.3)."""
        identifier = identifier or self.new_uuid()
        return self.emit(
            conversation,
            "CONVERSATION_MESSAGE",
            "Message",
            payloads.message({**abstract_message, "id": identifier}, reason=reason),
            sender=sender,
            name=name,
            identifier=identifier,
            related=[conversation.session.id] if self.settings.related_records == "messages" else (),
        )

    def _put_on_stream(self, conversation: Conversation, event: str, entry: Entry) -> None:
        owner = conversation.owner
        if self._use("lose-event", conversation):
            return
        loose = self.settings.entry_spelling == "loose"
        payload = loosely(entry.payload) if loose else entry.payload
        envelope = {
            "channelPlatformKey": self.platform_key,
            "channelType": "embedded_messaging",
            "channelAddressIdentifier": self.channel_id,
            "conversationId": conversation.id,
            "conversationEntry": {
                "senderDisplayName": entry.sender_name,
                "identifier": entry.identifier,
                "entryType": entry.entry_type,
                "entryPayload": msgspec.json.encode(payload).decode(),
                "sender": entry.sender.as_json(),
                "contextParamMap": {},
                "visibilityStrategy": self.settings.visibility_strategy,
                "transcriptedTimestamp": entry.transcripted_ms,
                "relatedRecords": entry.related,
                "clientTimestamp": entry.client_ms,
                "clientDuration": 0,
            },
        }
        data = msgspec.json.encode(loosely(envelope) if loose else envelope)
        if late := self._use("late-event", conversation):
            owner.late.append(LateEvent(late.behind, entry.event_id, event, data))
            return
        event_id = self._append(owner, event, data, entry.event_id)
        if self._use("repeat-event", conversation):
            self._append(owner, event, data, event_id)
        if self._use("unknown-event", conversation):
            about = {"conversationId": conversation.id}
            self._append(owner, "CONVERSATION_NOVELTY", msgspec.json.encode(about))
        for one in owner.late:
            one.behind -= 1
        due = [one for one in owner.late if one.behind <= 0]
        owner.late = [one for one in owner.late if one.behind > 0]
        for one in due:
            self._append(owner, one.event, one.data, one.id)

    def _append(self, owner: EndUser, event: str, data: bytes, event_id: int = 0) -> int:
        """Put an event on the stream. Returns its id: the next one unless given."""
        event_id = event_id or self._next_event_id(owner)
        owner.log.append(frame(event_id, event, data), keep=self.settings.replay_window)
        return event_id

    def _next_event_id(self, owner: EndUser) -> int:
        if self.settings.event_ids == "own":
            owner.last_event_id += 1
        else:
            self.last_event_id += 1
            owner.last_event_id = self.last_event_id
        return owner.last_event_id

    def _event_id(self, conversation: Conversation) -> int:
        """Count an event, and give it its id, unless a fault renews the ids of the events that it concerns."""
        conversation.owner.emitted += 1
        struck = (self._due("lose-event", conversation), self._due("late-event", conversation))
        renewed = any(fault is not None and fault.ids == "renewed" for fault in struck)
        return 0 if renewed else self._next_event_id(conversation.owner)

    def _due(self, kind: str, conversation: Conversation) -> Fault | None:
        """The fault of this kind that applies to the newest event of a user."""
        fault = self.faults.find(kind, conversation_id=conversation.id) if self.faults else None
        return None if fault is None or conversation.owner.emitted % fault.every else fault

    def _use(self, kind: str, conversation: Conversation) -> Fault | None:
        """Like `_due`; it counts as having happened once more."""
        due = self._due(kind, conversation)
        return due and self.faults.use(kind, conversation_id=conversation.id)

    # --- telling the page --------------------------------------------------------------------------------------

    def publish_change(self, kind: str, conversation: Conversation | None = None, **data: Any) -> None:
        """Publish a change on the bus. `control` lists the kinds."""
        if self.bus is None:
            return
        about: dict[str, Any] = {"kind": kind}
        if conversation is not None:
            about |= {"conversationId": conversation.id, "status": conversation.stage}
            about["assignedTo"] = conversation.assigned.id if conversation.assigned else None
            about["agents"] = list(conversation.present)
        self.bus.publish(BUS_TOPIC, about | data)

    def _faults_changed(self) -> None:
        self.publish_change("faults", faults=[msgspec.to_builtins(fault) for fault in self.faults.all()])
        for user in self.end_users.values():  # streams that a fault silenced or held may have events to write
            for reader in user.log.readers:
                reader.wake()
