"""The stage of the scenarios: `botkit.testing`'s, with a service between the clouds that is configured by YAML files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import botkit.testing.actors
import botkit.testing.stage
from botkit.kit import BotKit
from botkit.testing.actors import OVER, Case, LiveChatCase
from botkit.testing.clouds import Clouds
from botkit.testing.payload_parts import merged
from botkit.testing.process import write_configuration
from botkit.testing.waiting import until
from tests.doors import DoorName
from tests.scenarios.service import Service

__all__ = ["OVER", "Case", "LiveChatCase", "Person", "Stage"]

JANE, OMAR, MEI = "Jane Doe", "Omar Haddad", "Mei Tanaka"
END_WORD = "endagentchat"


@dataclass
class Stage(botkit.testing.stage.Stage):
    """One pair of clouds with the service between them."""

    service: Service
    configuration: Path
    door: DoorName = field(default="wsgi", kw_only=True)

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
        door: DoorName = "wsgi",
    ) -> Self:
        """Build both clouds, their configuration (with the changes `server` and `bot`), and the service behind this door."""
        with ExitStack() as when_failing:
            clouds = Clouds(bot_folder)
            when_failing.callback(clouds.close)
            path = configured(folder, clouds, receive=receive, server=server or {}, bot=bot or {})
            service = Service(path, handlers, door=door)
            when_failing.pop_all()
        stage = cls(clouds, service, path, door=door)
        stage.hooks_go_to(service.url)
        return stage

    def restarts(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Close the service and start it again on its store; `meanwhile` is called in between.

        Before, the platform posts what it still has to, such as the end of a dialog: a service that is closing refuses it.
        """
        until(
            lambda: self.clouds.do(self.clouds.kore.lanes.idle), "for the platform to have posted everything"
        )
        self.service.close()
        meanwhile()
        self.service = Service(self.configuration, door=self.door)
        self.hooks_go_to(self.service.url)

    def close(self) -> None:
        self.service.close()
        self.clouds.close()

    def person(
        self,
        name: str = "Ada Lovelace",
        *,
        email: str = "ada@example.com",
        language: str = "en",
        channel: str = "rtm",
    ) -> Person:
        """A new user of the bot."""
        user = self._user(name=name, email=email, language=language, channel=channel)
        return self._comes(Person(self.clouds, user, self))

    def joins(self, person: Person, channel: str, *, same_session: bool = False) -> Person:
        """A user of the bot on another channel too."""
        return self._comes(person.also_on(channel, same_session=same_session))


@dataclass
class Person(botkit.testing.actors.Person):
    """A user of the sample bot."""

    stage: Stage

    def clicks(self, label: str, payload: str) -> None:
        """Clicks a choice with this label, behind which is this payload."""
        self._do("say", label, payload=payload)

    def client_sends(self, kind: str, *, agent_transfer: bool | None = None) -> None:
        """The client sends a message of its own; `agent_transfer` is the flag of its hook, by default the current one."""
        self._do("client_message", kind, agent_transfer=agent_transfer)

    def client_retries(self) -> None:
        """The client sends the last message again."""
        self._do("retry")

    def writes_from(self, channel: str) -> None:
        """Goes on on another channel."""
        self._do("switch_channel", channel)

    def is_settled(self) -> None:
        """Waits until the platform has posted everything that the user and the client did."""
        until(lambda: not self.clouds.do(self.clouds.kore.lanes.busy, self.id), "for the platform")

    def talks_to_the_bot_again(self) -> None:
        """Wait until the user is back with the bot, greet, and expect the bot's greeting only."""
        self.is_with_the_bot()
        before = len(self.chat())
        self.says("hi")
        until(lambda: len(self.chat()) >= before + 3, f"for the bot's greeting; the chat is {self.chat()}")
        assert [who for who, _ in self.chat()[before:]] == ["user", "bot", "bot"]


def configured(
    folder: Path, clouds: Clouds, *, receive: str, server: Mapping[str, Any], bot: Mapping[str, Any]
) -> Path:
    """The demo's configuration with quick retries, changed by `server` and `bot`."""
    quick = {
        # MIAW serves every channel and has no fallback: the tests of several systems configure others.
        "agents": {
            "channels": {"facebook": "salesforce"},
            "fallback": [],
            "systems": {"salesforce": {"poll_interval": "100ms"}},
        },
        "handoff": {"transfer_grace": "300ms"},
        "delivery": {"first_retry": "20ms", "slowest_retry": "100ms"},
    }
    addresses = clouds.sandbox.addresses()
    return write_configuration(
        folder, addresses, port=8003, receive=receive, server=server, bot=merged(quick, bot)
    )
