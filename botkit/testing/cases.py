"""What agents have in their console of one conversation: `Case` on MIAW, `LiveChatCase` on Live Chat, with the same verbs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botkit.testing.clouds import Clouds
from botkit.testing.waiting import until
from botkit_sandbox.live_chat.state import Chat
from botkit_sandbox.salesforce.state import Conversation
from botkit_sandbox.salesforce.transcripts import transcript_item
from botkit_sandbox.wire import WireEntry

OVER = ("closed", "ended")


@dataclass
class _Console(ABC):
    """What agents can do and see on either system: `_state` is what `_cloud` keeps of it."""

    clouds: Clouds

    @property
    @abstractmethod
    def _cloud(self) -> Any: ...

    @property
    @abstractmethod
    def _state(self) -> Conversation | Chat: ...

    @property
    def id(self) -> str:
        """Salesforce's name of it."""
        return self._state.id

    # --- doing

    def _do(self, action: str, *arguments: Any, **named: Any) -> Any:
        return self.clouds.do(getattr(self._cloud, action), self.id, *arguments, **named)

    def accepted_by(self, agent: str) -> None:
        """An agent accepts it."""
        self._do("accept", agent)

    def told_by(self, agent: str, text: str) -> None:
        """An agent says something."""
        self._do("agent_says", agent, text)

    def transferred_by(self, agent: str, *, to: str = "queue", fail: bool = False) -> None:
        """An agent hands it on to another, or to the queue; with `fail` nobody takes it."""
        self._do("transfer", agent, to=to, fail=fail)

    def joined_in_conference_by(self, guest: str, *, host: str) -> None:
        """Another agent joins."""
        self._do("conference", host, to=guest)

    def dropped_by(self, agent: str) -> None:
        """An agent is gone without a word."""
        self._do("drop", agent)

    def ended_by(self, agent: str) -> None:
        """An agent ends it."""
        self._do("agent_ends", agent)

    def typed_by(self, agent: str, *, started: bool) -> None:
        """An agent begins or stops typing."""
        self._do("agent_typing", agent, started=started)

    def cannot_be_routed(self) -> None:
        """There is nobody for it."""
        self._do("route_failure")

    # --- seeing

    @abstractmethod
    def transcript(self) -> list[Mapping[str, Any]]:
        """The lines of the console."""

    def attributes(self) -> dict[str, str]:
        """What the console shows of the user."""
        return self.clouds.do(lambda: dict(self._state.attributes))

    def status(self) -> str:
        """How far it has come; one of `OVER` when it is over."""
        return self.clouds.do(lambda: self._state.stage)

    def from_user(self) -> list[str]:
        """What came from the user: the transcript of the talk before first, then what was typed."""
        return [str(item["text"]) for item in self.transcript() if item["role"] == "EndUser"]

    def typed(self, *, story: bool = True) -> list[str]:
        """What the user typed; the talk before, which comes first, left out."""
        return self.from_user()[1:] if story else self.from_user()

    def gets(self, text: str) -> None:
        """Waits until the agents' console shows this text of the user's."""
        until(
            lambda: text in self.from_user(),
            lambda: f"for {text!r} to reach the agents; they have {self.from_user()}",
        )

    def is_over(self) -> None:
        """Waits until it has ended or closed on Salesforce's side."""
        until(lambda: self.status() in OVER, f"for the end of {self.id} on Salesforce's side")


@dataclass
class Case(_Console):
    """One conversation of MIAW, as the agents have it in their console."""

    conversation: Conversation

    @property
    def _cloud(self) -> Any:
        return self.clouds.salesforce

    @property
    def _state(self) -> Conversation:
        return self.conversation

    # --- doing

    def sent_by(self, agent: str, message: Mapping[str, Any]) -> None:
        """An agent sends a message of Salesforce's own form."""
        self._do("agent_sends", agent, message)

    def file_sent_by(self, agent: str, *, name: str, mime_type: str, data: bytes) -> None:
        """An agent sends a file."""
        self._do("agent_sends_file", agent, name=name, mime_type=mime_type, data=data)

    def goes_idle(self) -> None:
        """Nothing has been said in it for long."""
        self._do("idle")

    def ended_by_the_system(self) -> None:
        """Salesforce ends it."""
        self._do("system_end")

    # --- seeing

    def transcript(self) -> list[Mapping[str, Any]]:
        """The lines of the console."""

        def read() -> list[Mapping[str, Any]]:
            items = (transcript_item(entry) for entry in self.conversation.entries)
            return [item for item in items if item is not None]

        return self.clouds.do(read)


@dataclass
class LiveChatCase(_Console):
    """One chat, as the agents have it in their console."""

    chat: Chat

    @property
    def _cloud(self) -> Any:
        return self.clouds.live_chat

    @property
    def _state(self) -> Chat:
        return self.chat

    # --- doing

    def asked_for_a_file_by(self, agent: str) -> None:
        """An agent asks for a file."""
        self._do("request_file", agent)

    # --- seeing

    def transcript(self) -> list[Mapping[str, Any]]:
        """The lines of the console."""
        return self.clouds.do(lambda: list(self.chat.lines))

    def calls(self, operation: str, *, status: int | None = None) -> list[WireEntry]:
        """What BotKit called for this chat, oldest first; those answered with `status`, if one is given."""
        return [
            entry
            for entry in self.clouds.do(lambda: list(self.clouds.wire.entries))
            if entry.label == operation
            and status in (None, entry.status)
            and self.id in entry.request_headers.get("X-LIVEAGENT-SESSION-KEY", "")
        ]
