"""The people of a stage: `Person` is a user at the chat window; `Case` and `LiveChatCase` are an agent's console.

An action returns at once, as in life. What a person should see is waited for, never slept for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self, cast

from botkit.testing.clouds import Clouds
from botkit.testing.waiting import until
from botkit_sandbox.kore.closures import Closure
from botkit_sandbox.kore.users import Attachment, ChatMessage, User
from botkit_sandbox.live_chat.state import Chat
from botkit_sandbox.salesforce.state import Conversation
from botkit_sandbox.salesforce.transcripts import transcript_item
from botkit_sandbox.wire import WireEntry

OVER = ("closed", "ended")


@dataclass
class _Console(ABC):
    """An agent's console of one conversation on either system. `_state` is the conversation in `_cloud`."""

    clouds: Clouds

    @property
    @abstractmethod
    def _cloud(self) -> Any: ...

    @property
    @abstractmethod
    def _state(self) -> Conversation | Chat: ...

    @property
    def id(self) -> str:
        """Salesforce's id of the conversation."""
        return self._state.id

    # --- doing

    def _do(self, action: str, *arguments: Any, **named: Any) -> Any:
        return self.clouds.do(getattr(self._cloud, action), self.id, *arguments, **named)

    def accepted_by(self, agent: str) -> None:
        """An agent accepts the conversation."""
        self._do("accept", agent)

    def told_by(self, agent: str, text: str) -> None:
        """An agent sends a message."""
        self._do("agent_says", agent, text)

    def transferred_by(self, agent: str, *, to: str = "queue", fail: bool = False) -> None:
        """An agent transfers the conversation to another agent or to the queue; with `fail` the transfer fails."""
        self._do("transfer", agent, to=to, fail=fail)

    def joined_in_conference_by(self, guest: str, *, host: str) -> None:
        """Another agent joins the conversation."""
        self._do("conference", host, to=guest)

    def dropped_by(self, agent: str) -> None:
        """An agent disconnects."""
        self._do("drop", agent)

    def ended_by(self, agent: str) -> None:
        """An agent ends the conversation."""
        self._do("agent_ends", agent)

    def typed_by(self, agent: str, *, started: bool) -> None:
        """An agent starts or stops typing."""
        self._do("agent_typing", agent, started=started)

    def cannot_be_routed(self) -> None:
        """Routing fails: no agent is available."""
        self._do("route_failure")

    # --- seeing

    @abstractmethod
    def transcript(self) -> list[Mapping[str, Any]]:
        """The lines in the console."""

    def attributes(self) -> dict[str, str]:
        """The user's attributes in the console."""
        return self.clouds.do(lambda: dict(self._state.attributes))

    def status(self) -> str:
        """The conversation's stage; one of `OVER` after its end."""
        return self.clouds.do(lambda: self._state.stage)

    def from_user(self) -> list[str]:
        """The user's messages: first the transcript of the talk with the bot, then messages to the agent."""
        return [str(item["text"]) for item in self.transcript() if item["role"] == "EndUser"]

    def typed(self, *, story: bool = True) -> list[str]:
        """The user's messages to the agent. `story`: whether the transcript comes before them, and is left out."""
        return self.from_user()[1:] if story else self.from_user()

    def gets(self, text: str) -> None:
        """Wait until the console shows this message of the user."""
        until(
            lambda: text in self.from_user(),
            lambda: f"for {text!r} to reach the agents; they have {self.from_user()}",
        )

    def is_over(self) -> None:
        """Wait until the conversation has ended at Salesforce."""
        until(lambda: self.status() in OVER, f"for the end of {self.id} on Salesforce's side")


@dataclass
class Case(_Console):
    """A MIAW conversation in the agents' console."""

    conversation: Conversation

    @property
    def _cloud(self) -> Any:
        return self.clouds.salesforce

    @property
    def _state(self) -> Conversation:
        return self.conversation

    # --- doing

    def sent_by(self, agent: str, message: Mapping[str, Any]) -> None:
        """An agent sends a message in Salesforce's format."""
        self._do("agent_sends", agent, message)

    def file_sent_by(self, agent: str, *, name: str, mime_type: str, data: bytes) -> None:
        """An agent sends a file."""
        self._do("agent_sends_file", agent, name=name, mime_type=mime_type, data=data)

    def goes_idle(self) -> None:
        """The conversation goes idle."""
        self._do("idle")

    def resumed_by(self, agent: str) -> None:
        """An agent goes on with the conversation that went idle."""
        self._do("resume", agent)

    def ended_by_the_system(self) -> None:
        """Salesforce ends the conversation."""
        self._do("system_end")

    def ended_by_a_supervisor(self) -> None:
        """A supervisor ends the conversation, by its status."""
        self._do("supervisor_ends")

    def fails_to_be_routed(self, *, says: str = "", again: bool = False) -> None:
        """Routing fails; the organisation may say why, and may route again."""
        self._do("route_failure", says=says, again=again)

    # --- seeing

    def transcript(self) -> list[Mapping[str, Any]]:
        """The lines in the console."""

        def read() -> list[Mapping[str, Any]]:
            items = (transcript_item(entry) for entry in self.conversation.entries)
            return [item for item in items if item is not None]

        return self.clouds.do(read)


@dataclass
class LiveChatCase(_Console):
    """A Live Chat in the agents' console."""

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
        """The lines in the console."""
        return self.clouds.do(lambda: list(self.chat.lines))

    def calls(self, operation: str, *, status: int | None = None) -> list[WireEntry]:
        """BotKit's calls for this chat, oldest first; with `status` only those with that answer."""
        return [
            entry
            for entry in self.clouds.exchanges(operation)
            if status in (None, entry.status)
            and self.id in entry.request_headers.get("X-LIVEAGENT-SESSION-KEY", "")
        ]


@dataclass
class Person:
    """A user of the bot, at the chat window."""

    clouds: Clouds
    user: User

    @property
    def id(self) -> str:
        """The platform's id of the user."""
        return self.user.id

    # --- doing

    def says(self, text: str, *files: Attachment) -> None:
        """Sends a message, and files."""
        self._do("say", text, files)

    def types(self, *, started: bool = True) -> None:
        """Starts or stops typing."""
        self._do("typing", started=started)

    def connects(self) -> None:
        """Opens the chat."""
        self._do("connect")

    def closes_the_window(self, *, repeat: bool = False, **closure: Any) -> None:
        """Ends the conversation; the platform reports it, with `repeat` twice. `closure`: see the sandbox's `Closure`."""
        self._do("close_conversation", repeat=repeat, closure=Closure(**closure))

    def gets_a_new_session(self) -> None:
        """The platform renews the session, and an agent keeps the user."""
        self._do("renew_session")

    def speaks_with_linked_bot(self, bot_id: str) -> None:
        """From now on a linked bot posts the hooks; empty for the bot itself."""
        self._do("act_as", bot_id)

    def also_on(self, channel: str, *, same_session: bool = False) -> Self:
        """The same user on another channel, beside this one."""
        joined = self.clouds.do(self.clouds.kore.join_channel, self.user, channel, same_session=same_session)
        return replace(self, user=joined)

    def reaches_webhook(self, name: str, then: str = "") -> None:
        """A dialog reaches a Webhook node; when it is answered, the bot says `then`, with ``{{context.…}}`` filled in."""
        self._do("reach_webhook", name, then)

    def is_alerted(self, text: str) -> None:
        """The bot has an alert for them."""
        self._do("alert", text)

    def _do(self, action: str, *arguments: Any, **named: Any) -> None:
        self.clouds.do(getattr(self.clouds.kore, action), self.user, *arguments, **named)

    def asks_for_an_agent(self, sentence: str = "talk to an agent") -> Case:
        """Asks for an agent, and waits until the conversation is in the agents' console."""
        before = len(self.cases())
        self.says(sentence)
        until(lambda: len(self.cases()) > before, f"for a conversation of {self.user.name} at the agents'")
        return self.cases()[-1]

    def is_helped_by(self, agent: str, sentence: str = "talk to an agent") -> Case:
        """Asks for an agent, who accepts and is announced."""
        case = self.asks_for_an_agent(sentence)
        case.accepted_by(agent)
        self.hears(agent)
        return case

    # --- seeing

    def messages(self) -> list[ChatMessage]:
        """The whole window."""
        return self.clouds.do(lambda: list(self.user.messages))

    def chat(self) -> list[tuple[str, str]]:
        """The whole window, as pairs of who (``user``, ``bot``, ``botkit``, ``agent``) and text."""
        return [(message.speaker, message.text) for message in self.messages()]

    def told(self, by: str | None = None) -> list[str]:
        """Messages of others: of the bot, of botkit and of agents, or only those of `by`."""
        return [text for who, text in self.chat() if (who == by if by else who != "user")]

    def hears(self, part: str, *, times: int = 1) -> ChatMessage:
        """Waits for a message of another speaker that contains `part`."""

        def found() -> list[ChatMessage]:
            hits = [m for m in self.messages() if m.speaker != "user" and part in m.text]
            return hits if len(hits) >= times else []

        def waited() -> str:
            seen = f"for {self.user.name} to be told {part!r}; the chat is {self.chat()}"
            failed = self.clouds.failed_hooks(self.id)
            return f"{seen}; hooks that failed: {', '.join(failed)}" if failed else seen

        __tracebackhide__ = True
        return until(found, waited)[-1]

    def cases(self) -> list[Case]:
        """The user's conversations with agents, oldest first."""

        clouds = self.clouds

        def find() -> list[Case]:
            every = clouds.salesforce.conversations.values()
            mine = [one for one in every if one.attributes.get("Kore_User_Id", self.id) == self.id]
            return [Case(clouds, conversation) for conversation in mine]

        # A `LiveChatCase` has the same verbs; tests use the extra ones of either on that one only.
        return [*clouds.do(find), *cast(list[Case], self.chats())]

    def chats(self) -> list[LiveChatCase]:
        """The user's Live Chats, oldest first."""
        clouds = self.clouds

        def find() -> list[LiveChatCase]:
            every = (session.chat for session in clouds.live_chat.sessions.values())
            return [
                LiveChatCase(clouds, chat)
                for chat in every
                if chat is not None and chat.attributes.get("Kore_User_Id", self.id) == self.id
            ]

        return clouds.do(find)

    def is_with_the_bot(self) -> None:
        """Waits until the platform has ended agent mode."""
        until(lambda: not self.user.agent_mode, "for the platform to take the user back")
