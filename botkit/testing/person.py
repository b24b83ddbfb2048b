"""A user of the bot, in front of the chat window. What they do returns at once; what they are to see is waited for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from botkit.testing.cases import Case, LiveChatCase
from botkit.testing.clouds import Clouds
from botkit.testing.waiting import until
from botkit_sandbox.kore.users import Attachment, ChatMessage, User


@dataclass
class Person:
    """A user of the bot, in front of the chat window."""

    clouds: Clouds
    user: User

    @property
    def id(self) -> str:
        """The platform's name of the user."""
        return self.user.id

    # --- doing

    def says(self, text: str, *files: Attachment) -> None:
        """Sends a message, and files."""
        self._do("say", text, files)

    def types(self, *, started: bool = True) -> None:
        """Is typing, or stopped."""
        self._do("typing", started=started)

    def connects(self) -> None:
        """Opens the chat."""
        self._do("connect")

    def closes_the_window(self, *, repeat: bool = False) -> None:
        """Ends the conversation; the platform tells of it, with `repeat` twice."""
        self._do("close_conversation", repeat=repeat)

    def reaches_webhook(self, name: str, then: str = "") -> None:
        """A dialog reaches a Webhook node; when it is answered, the bot says `then`, with ``{{context.…}}`` filled in."""
        self._do("reach_webhook", name, then)

    def is_alerted(self, text: str) -> None:
        """The bot has an alert for them."""
        self._do("alert", text)

    def _do(self, action: str, *arguments: Any, **named: Any) -> None:
        self.clouds.do(getattr(self.clouds.kore, action), self.user, *arguments, **named)

    def asks_for_an_agent(self, sentence: str = "talk to an agent") -> Case:
        """Says so, and waits until it is in the agents' console."""
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
        """What others said: the bot, botkit or an agent."""
        return [text for who, text in self.chat() if (who == by if by else who != "user")]

    def hears(self, part: str, *, times: int = 1) -> ChatMessage:
        """Waits for a message of somebody else's with `part` in it."""

        def found() -> list[ChatMessage]:
            hits = [m for m in self.messages() if m.speaker != "user" and part in m.text]
            return hits if len(hits) >= times else []

        __tracebackhide__ = True
        return until(found, lambda: f"for {self.user.name} to be told {part!r}; the chat is {self.chat()}")[
            -1
        ]

    def cases(self) -> list[Case]:
        """This user's conversations at the agents', oldest first."""

        clouds = self.clouds

        def find() -> list[Case]:
            every = clouds.salesforce.conversations.values()
            mine = [one for one in every if one.attributes.get("Kore_User_Id", self.id) == self.id]
            return [Case(clouds, conversation) for conversation in mine]

        # Those of Live Chat have the same verbs; what only one of both can do is asked of that one alone.
        return [*clouds.do(find), *cast(list[Case], self.chats())]

    def chats(self) -> list[LiveChatCase]:
        """This user's chats at the agents' of Live Chat, oldest first."""
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
        """Waits until the platform has taken the user back."""
        until(lambda: not self.user.agent_mode, "for the platform to take the user back")
