"""A stage for whole conversations: both emulated clouds and the real service, on sockets of this machine.

The people of a scenario are `Person` (a user of the bot) and `Case` (what agents have in their console of one conversation).
What they do returns at once, as in life; what they are to see is waited for, never slept for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self, TypeVar

import yaml

from botkit.sandbox.kore.faults import Fault as KoreFault
from botkit.sandbox.kore.settings import SUBSCRIPTIONS
from botkit.sandbox.kore.users import Attachment, ChatMessage, User
from botkit.sandbox.salesforce.faults import Fault as SalesforceFault
from botkit.sandbox.salesforce.state import Conversation
from botkit.sandbox.salesforce.transcripts import transcript_item
from botkit.sandbox.service import write_configuration
from botkit.sandbox.wire import WireEntry
from tests.scenarios.clouds import Clouds, Service

DEADLINE_SECONDS = 10.0
JANE, OMAR, MEI = "Jane Doe", "Omar Haddad", "Mei Tanaka"
END_WORD = "endagentchat"
OVER = ("closed", "ended")
T = TypeVar("T")


def until(seen: Callable[[], T], what: str = "", *, seconds: float = DEADLINE_SECONDS) -> T:
    """The first true result of `seen`, within the deadline."""
    deadline = time.monotonic() + seconds
    while not (found := seen()):
        assert time.monotonic() < deadline, f"waited in vain {what or f'for {seen}'}"
        time.sleep(0.005)
    return found


@dataclass
class Stage:
    """One pair of clouds with the service between them."""

    clouds: Clouds
    service: Service
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
    ) -> Self:
        """Both clouds, a configuration for them (changed as `server` and `bot` say), and the service that runs it."""
        with ExitStack() as when_failing:
            clouds = Clouds(bot_folder)
            when_failing.callback(clouds.close)
            path = configured(folder, clouds, receive=receive, server=server or {}, bot=bot or {})
            service = Service(path)
            when_failing.pop_all()
        clouds.do(clouds.kore.subscribe, service.url, SUBSCRIPTIONS)
        return cls(clouds, service)

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
        "agents": {"systems": {"salesforce": {"poll_interval": "100ms"}}},
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

        def find() -> list[Conversation]:
            every = self.stage.clouds.salesforce.conversations.values()
            return [c for c in every if c.attributes.get("Kore_User_Id", self.id) == self.id]

        return [Case(self.stage, conversation) for conversation in self.stage.clouds.do(find)]

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


@dataclass
class Case:
    """One conversation, as the agents have it in their console."""

    stage: Stage
    conversation: Conversation

    @property
    def id(self) -> str:
        return self.conversation.id

    # --- doing

    def _do(self, action: str, *arguments: Any, **named: Any) -> Any:
        clouds = self.stage.clouds
        return clouds.do(getattr(clouds.salesforce, action), self.id, *arguments, **named)

    def accepted_by(self, agent: str) -> None:
        self._do("accept", agent)

    def told_by(self, agent: str, text: str) -> None:
        self._do("agent_says", agent, text)

    def sent_by(self, agent: str, message: Mapping[str, Any]) -> None:
        self._do("agent_sends", agent, message)

    def file_sent_by(self, agent: str, *, name: str, mime_type: str, data: bytes) -> None:
        self._do("agent_sends_file", agent, name=name, mime_type=mime_type, data=data)

    def transferred_by(self, agent: str, *, to: str = "queue", fail: bool = False) -> None:
        self._do("transfer", agent, to=to, fail=fail)

    def joined_in_conference_by(self, guest: str, *, host: str) -> None:
        self._do("conference", host, to=guest)

    def dropped_by(self, agent: str) -> None:
        self._do("drop", agent)

    def ended_by(self, agent: str) -> None:
        self._do("agent_ends", agent)

    def goes_idle(self) -> None:
        self._do("idle")

    def ended_by_the_system(self) -> None:
        self._do("system_end")

    def cannot_be_routed(self) -> None:
        self._do("route_failure")

    # --- seeing

    def attributes(self) -> dict[str, str]:
        return self.stage.clouds.do(lambda: dict(self.conversation.attributes))

    def transcript(self) -> list[Mapping[str, Any]]:
        """The lines of the console."""

        def read() -> list[Mapping[str, Any]]:
            items = (transcript_item(entry) for entry in self.conversation.entries)
            return [item for item in items if item is not None]

        return self.stage.clouds.do(read)

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
            f"for {text!r} to reach the agents; they have {self.from_user()}",
        )

    def is_over(self) -> None:
        """Waits until the conversation has ended or closed on Salesforce's side."""
        until(lambda: self.status() in OVER, "for the end of Salesforce's conversation")

    def status(self) -> str:
        return self.stage.clouds.do(lambda: self.conversation.stage)
