"""A stage for whole conversations: both emulated clouds and the real service, on sockets of this machine.

The people of a scenario are `Person` (a user of the bot) and `Case` (what agents have in their console of one conversation).
What they do returns at once, as in life; what they are to see is waited for, never slept for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self, cast

import yaml

from botkit.app import BotKit
from botkit.sandbox.kore.faults import Fault as KoreFault
from botkit.sandbox.kore.settings import SUBSCRIPTIONS
from botkit.sandbox.kore.users import Attachment, ChatMessage, User
from botkit.sandbox.live_chat.faults import Fault as LiveChatFault
from botkit.sandbox.salesforce.faults import Fault as SalesforceFault
from botkit.sandbox.service import write_configuration
from botkit.sandbox.wire import WireEntry
from tests.scenarios.cases import OVER, Case, LiveChatCase
from tests.scenarios.clouds import Clouds, Service
from tests.scenarios.waiting import until

__all__ = ["OVER", "Case", "LiveChatCase", "Person", "Stage", "until"]

JANE, OMAR, MEI = "Jane Doe", "Omar Haddad", "Mei Tanaka"
END_WORD = "endagentchat"


@dataclass
class Stage:
    """One pair of clouds with the service between them."""

    clouds: Clouds
    service: Service
    configuration: Path
    _people: list[Person] = field(default_factory=list)

    @classmethod
    def built(
        cls,
        folder: Path,
        bot_folder: Path,
        *,
        receive: str = "stream",
        server: Mapping[str, Any] | None = None,
        bot: Mapping[str, Any] | None = None,
        handlers: Callable[[BotKit], None] | None = None,
    ) -> Self:
        """Both clouds, a configuration for them (changed as `server` and `bot` say), and the service that runs it."""
        with ExitStack() as when_failing:
            clouds = Clouds(bot_folder)
            when_failing.callback(clouds.close)
            path = configured(folder, clouds, receive=receive, server=server or {}, bot=bot or {})
            service = Service(path, handlers)
            when_failing.pop_all()
        clouds.do(clouds.kore.subscribe, service.url, SUBSCRIPTIONS)
        return cls(clouds, service, path)

    def restarts(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """The service stops in good order and starts again on what it has stored; `meanwhile` happens in between."""
        self.service.close()
        meanwhile()
        self.service = Service(self.configuration)
        self.clouds.do(self.clouds.kore.subscribe, self.service.url, SUBSCRIPTIONS)

    def close(self) -> None:
        self.service.close()
        self.clouds.close()

    # --- people

    def person(
        self,
        name: str = "Ada Lovelace",
        *,
        email: str = "ada@example.com",
        language: str = "en",
        channel: str = "rtm",
    ) -> Person:
        """A new user of the bot."""
        kore = self.clouds.kore
        user = self.clouds.do(kore.add_user, name=name, email=email, language=language, channel=channel)
        person = Person(self, user)
        self._people.append(person)
        return person

    def everybody_leaves(self) -> None:
        """End what a test has left open, so that nothing is polled or listened to for ever; all switches as before."""
        self.clouds.calm()
        live = [
            (person, case) for person in self._people for case in person.cases() if case.status() not in OVER
        ]
        with_agents = [case for person, case in live if person.user.agent_mode]
        for person in self._people:
            person.closes_the_window()
        self._people.clear()
        for case in with_agents:
            case.is_over()

    # --- trouble

    def kore_fails(self, **fault: Any) -> None:
        """A fault of Kore's side, see `sandbox.kore.faults.Fault`; it replaces the one before."""
        self.clouds.do(self.clouds.kore.set_faults, [KoreFault(**fault)])

    def salesforce_fails(self, kind: Any, **fault: Any) -> None:
        """A fault of Salesforce's side, see `sandbox.salesforce.faults`."""
        self.clouds.do(self.clouds.salesforce.inject, SalesforceFault(kind=kind, **fault))

    def live_chat_fails(self, kind: Any, **fault: Any) -> None:
        """A fault of Live Chat's side, see `sandbox.live_chat.faults`."""
        self.clouds.do(self.clouds.live_chat.inject, LiveChatFault(kind=kind, **fault))

    def live_chat_goes_on_with(self, kind: str) -> None:
        """A fault of this kind is over."""
        self.clouds.do(self.clouds.live_chat.faults.clear, kind)

    def live_chat_behaves(self, **switches: Any) -> None:
        """Switches of Live Chat, see `LiveChatSandboxSettings`."""
        self.clouds.do(self.clouds.live_chat.configure, switches)

    def salesforce_behaves(self, **switches: Any) -> None:
        """Switches of the organisation, see `SalesforceSandboxSettings`."""
        self.clouds.do(self.clouds.salesforce.configure, switches)

    def kore_behaves(self, **switches: Any) -> None:
        """Switches of the platform, see `KoreSandboxSettings`."""
        core = self.clouds.kore.core
        core.settings = replace(core.settings, **switches)

    # --- the wire

    def wire(self, label: str, *, about: str = "", source: str = "") -> list[WireEntry]:
        """Exchanges with this label, oldest first; `about` is a part of the request's body or path."""
        return [
            entry
            for entry in self.clouds.do(lambda: list(self.clouds.wire.entries))
            if entry.label == label
            and about in entry.path + entry.request_body
            and source in ("", entry.source)
        ]


def configured(
    folder: Path, clouds: Clouds, *, receive: str, server: Mapping[str, Any], bot: Mapping[str, Any]
) -> Path:
    """The configuration the demo uses, quicker, and changed as `server` and `bot` say."""
    path = write_configuration(folder, clouds.sandbox.addresses(), port=8003, receive=receive)
    quick = {
        # MIAW for everybody, and nobody in its place: what is not said here is said by the tests of several systems.
        "agents": {
            "channels": {"facebook": "salesforce"},
            "fallback": [],
            "systems": {"salesforce": {"poll_interval": "100ms"}},
        },
        "delivery": {"first_retry": "20ms", "slowest_retry": "100ms"},
    }
    _change(path, server)
    for changes in (quick, bot):
        _change(folder / "bots" / "acme.yaml", changes)
    return path


def _change(path: Path, changes: Mapping[str, Any]) -> None:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump(_merged(content, changes), allow_unicode=True), encoding="utf-8")


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(old)
    for key, value in new.items():
        before = result.get(key)
        result[key] = (
            _merged(before, value) if isinstance(before, Mapping) and isinstance(value, Mapping) else value
        )
    return result


@dataclass
class Person:
    """A user of the bot, in front of the chat window."""

    stage: Stage
    user: User

    @property
    def id(self) -> str:
        return self.user.id

    # --- doing

    def says(self, text: str, *files: Attachment) -> None:
        clouds = self.stage.clouds
        clouds.do(clouds.kore.say, self.user, text, files)

    def types(self, *, started: bool = True) -> None:
        clouds = self.stage.clouds
        clouds.do(clouds.kore.typing, self.user, started=started)

    def connects(self) -> None:
        clouds = self.stage.clouds
        clouds.do(clouds.kore.connect, self.user)

    def closes_the_window(self, *, repeat: bool = False) -> None:
        clouds = self.stage.clouds
        clouds.do(clouds.kore.close_conversation, self.user, repeat=repeat)

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
        return self.stage.clouds.do(lambda: list(self.user.messages))

    def chat(self) -> list[tuple[str, str]]:
        """(from whom, text): the whole window."""
        return [(message.speaker, message.text) for message in self.messages()]

    def told(self, by: str | None = None) -> list[str]:
        """What others said: the bot, botkit or an agent."""
        return [text for who, text in self.chat() if (who == by if by else who != "user")]

    def hears(self, part: str, *, times: int = 1) -> ChatMessage:
        """Waits for a message of somebody else's with `part` in it."""

        def found() -> list[ChatMessage]:
            hits = [m for m in self.messages() if m.speaker != "user" and part in m.text]
            return hits if len(hits) >= times else []

        return until(found, f"for {self.user.name} to be told {part!r}; the chat is {self.chat()}")[-1]

    def cases(self) -> list[Case]:
        """This user's conversations at the agents', oldest first."""

        clouds = self.stage.clouds

        def find() -> list[Case]:
            every = clouds.salesforce.conversations.values()
            mine = [one for one in every if one.attributes.get("Kore_User_Id", self.id) == self.id]
            return [Case(clouds, conversation) for conversation in mine]

        # Those of Live Chat have the same verbs; what only one of both can do is asked of that one alone.
        return [*clouds.do(find), *cast(list[Case], self.chats())]

    def chats(self) -> list[LiveChatCase]:
        """This user's chats at the agents' of Live Chat, oldest first."""
        clouds = self.stage.clouds

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

    def talks_to_the_bot_again(self) -> None:
        """Waits until the user is back, greets, and is greeted by the bot, and by it alone."""
        self.is_with_the_bot()
        before = len(self.chat())
        self.says("hi")
        until(lambda: len(self.chat()) >= before + 3, f"for the bot's greeting; the chat is {self.chat()}")
        assert [who for who, _ in self.chat()[before:]] == ["user", "bot", "bot"]
