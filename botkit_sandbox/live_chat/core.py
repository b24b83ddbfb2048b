"""The state of the emulated service, and the functions that send to a visitor, the console or the page.

The layers above it, each in a module of its own: `sessions` (connections), `queueing` and `routing` (which agent has a chat),
`requesting` and `chatting` (what visitors do), `desk` (what agents do). `LiveChatCloud` combines them.

Numbers in parentheses are sections of docs/protocols/salesforce-live-chat.md.
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from botkit_sandbox.bus import Bus
from botkit_sandbox.faults import Faults
from botkit_sandbox.live_chat.entities import Records
from botkit_sandbox.live_chat.faults import Fault
from botkit_sandbox.live_chat.settings import Button, LiveChatSandboxSettings
from botkit_sandbox.live_chat.state import Chat, Session, TranscriptEvent
from botkit_sandbox.salesforce.ids import RecordIds, short_id
from botkit_sandbox.salesforce.refusal import NotKnown
from botkit_sandbox.salesforce.state import Agent, FileStore
from botkit_sandbox.wire import Wire

BUS_TOPIC = "live-chat"
SERVLET = "/chat/servlet"


class Organisation(Protocol):
    """The source of agents who also work on other kinds of chats, such as the emulated MIAW."""

    agents: dict[str, Agent]

    def set_online(self, agent: str, online: bool) -> None:
        """Log an agent on or off."""


class RandomSource(Protocol):
    """The source of secrets and ids. Tests pass one that always returns the same."""

    def token(self, size: int) -> bytes:
        """Random bytes."""

    def uuid(self) -> str:
        """A UUID 4."""


class SystemRandomSource:
    """The machine's randomness."""

    def token(self, size: int) -> bytes:
        """Random bytes."""
        return secrets.token_bytes(size)

    def uuid(self) -> str:
        """A UUID 4."""
        return str(uuid.uuid4())


def wall_clock_ms() -> int:
    """The machine's clock, in milliseconds since 1970."""
    return int(time.time() * 1000)


class CloudCore:
    """State of one deployment, in memory only and independent of any port.

    Args:
        wire: where requests are recorded; None for benchmarks.
        bus: where every change is published; None for nowhere.
        organisation: the agents; without one, the settings' own.
        base_url: where clients reach this service, for upload URLs; taken from the first request when empty.
        settings: the deployment and its switches; may be replaced while running.
        clock: milliseconds since 1970.
        chance: makes keys, tokens and ids.
    """

    def __init__(
        self,
        *,
        wire: Wire | None,
        bus: Bus | None,
        organisation: Organisation | None = None,
        base_url: str = "",
        settings: LiveChatSandboxSettings | None = None,
        clock: Callable[[], int] = wall_clock_ms,
        chance: RandomSource | None = None,
    ) -> None:
        self.wire = wire
        self.bus = bus
        self.organisation = organisation
        self.base_url = base_url
        self.settings = settings or LiveChatSandboxSettings()
        self.clock = clock
        self.chance = chance or SystemRandomSource()
        self.record_ids = RecordIds()
        self.agents = organisation.agents if organisation is not None else self._own_agents()
        self.seen_online = {agent.id: agent.online for agent in self.agents.values()}
        self.sessions: dict[str, Session] = {}
        self.queue: dict[str, Chat] = {}
        """The chats that wait for an agent, longest wait first. An agent may have been asked already."""
        self.waits: dict[str, float] = {}
        """Averaged wait in seconds, by button (8)."""
        self.records = Records(self.record_ids)
        self.files = FileStore()
        self.faults = Faults[Fault](lambda: self.faults_changed())

    def _own_agents(self) -> dict[str, Agent]:
        made = [Agent(self.record_ids.new("005"), name, self.chance.uuid()) for name in self.settings.agents]
        return {agent.id: agent for agent in made}

    # --- looking things up -------------------------------------------------------------------------------------

    def chat(self, conversation_id: str) -> Chat:
        """Raises: NotKnown."""
        session = self.sessions.get(conversation_id)
        if session is None or session.chat is None:
            raise NotKnown(f"no conversation {conversation_id}")
        return session.chat

    def agent(self, id_or_name: str) -> Agent:
        """Raises: NotKnown."""
        for agent in self.agents.values():
            if id_or_name == agent.name or same_id(id_or_name, agent.id):
                return agent
        raise NotKnown(f"no agent {id_or_name!r}")

    def button(self, id_or_name: str) -> Button:
        """Raises: NotKnown."""
        for button in self.settings.buttons:
            if id_or_name == button.name or same_id(id_or_name, button.id):
                return button
        raise NotKnown(f"no button {id_or_name!r}")

    # --- saying things -----------------------------------------------------------------------------------------

    def send(self, chat: Chat, kind: str, message: Mapping[str, Any]) -> None:
        """Send the visitor a message, with the waiting poll or the next one."""
        session = self.sessions[chat.id]
        session.log.add(kind, message)
        session.wake()

    def remember(self, chat: Chat, kind: str, *, name: str, content: str) -> None:
        """Add a line to `chatMessages`, which ChasitorSessionData returns: Agent, Chasitor or OperatorTransferred."""
        chat.said += 1
        chat.history.append(
            {
                "type": kind,
                "name": name,
                "content": content,
                "timestamp": self.clock(),
                "sequence": chat.said,
            }
        )

    def line(
        self, chat: Chat, role: str, text: str, *, name: str = "", kind: str = "notice", **more: Any
    ) -> str:
        """Add a line to the console's transcript; `kind` is ``text``, ``attachment`` or ``notice``. Returns its id."""
        item: dict[str, Any] = {"id": self.chance.uuid(), "at_ms": self.clock(), "role": role, "name": name}
        item |= {"kind": kind, "text": text, "automated": False} | more
        chat.lines.append(item)
        self.publish_change("message", chat, item=item)
        return str(item["id"])

    def event(
        self, chat: Chat, kind: TranscriptEvent, *, agent: Agent | None = None, detail: str = ""
    ) -> None:
        """Add an event to the organisation's record of a chat, which only the console shows."""
        done_by = agent.id if agent is not None else None
        chat.events.append({"type": kind, "at_ms": self.clock(), "agent": done_by, "detail": detail})

    def publish_change(self, kind: str, chat: Chat | None = None, **data: Any) -> None:
        """Publish a change on the bus. `control` lists the kinds."""
        if self.bus is None:
            return
        about: dict[str, Any] = {"kind": kind}
        if chat is not None:
            about |= {"conversationId": chat.id, "status": chat.stage}
            about["assignedTo"] = chat.assigned.id if chat.assigned else None
            about["agents"] = list(chat.present)
        self.bus.publish(BUS_TOPIC, about | data)

    def faults_changed(self) -> None:
        """Publish the faults, and wake polls that a fault kept empty."""
        self.publish_change("faults", faults=[msgspec.to_builtins(fault) for fault in self.faults.all()])
        for session in self.sessions.values():
            session.wake()


def same_id(one: str, other: str) -> bool:
    """Whether two record ids are the same, in their forms of 15 or 18 characters."""
    return len(one) in (15, 18) and short_id(one) == short_id(other)
