"""A stage for whole conversations: both emulated clouds on sockets of this machine, and the people who use them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from botkit.testing.actors import OVER, Person
from botkit.testing.clouds import Clouds
from botkit_sandbox.kore.faults import Fault as KoreFault
from botkit_sandbox.kore.settings import SUBSCRIPTIONS
from botkit_sandbox.kore.users import User
from botkit_sandbox.live_chat.faults import Fault as LiveChatFault
from botkit_sandbox.salesforce.faults import Fault as SalesforceFault
from botkit_sandbox.wire import WireEntry

P = TypeVar("P", bound=Person)


@dataclass
class Stage:
    """A pair of clouds, and the people on it."""

    clouds: Clouds
    _people: list[Person] = field(default_factory=list, kw_only=True)

    def hooks_go_to(self, url: str) -> None:
        """Have the platform post every hook to the service at this address."""
        self.clouds.do(self.clouds.kore.subscribe, url, SUBSCRIPTIONS)

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
        user = self._user(name=name, email=email, language=language, channel=channel)
        return self._comes(Person(self.clouds, user))

    def _user(self, **who: str) -> User:
        return self.clouds.do(self.clouds.kore.add_user, **who)

    def _comes(self, person: P) -> P:
        self._people.append(person)
        return person

    def everybody_leaves(self) -> None:
        """End open conversations, so that nothing keeps polling or listening, and reset all faults and switches."""
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
        """A fault at Kore, see `botkit_sandbox.kore.faults.Fault`; it replaces the one before."""
        self.clouds.do(self.clouds.kore.set_faults, [KoreFault(**fault)])

    def salesforce_fails(self, kind: Any, **fault: Any) -> None:
        """A fault at MIAW, see `botkit_sandbox.salesforce.faults`."""
        self.clouds.do(self.clouds.salesforce.inject, SalesforceFault(kind=kind, **fault))

    def live_chat_fails(self, kind: Any, **fault: Any) -> None:
        """A fault at Live Chat, see `botkit_sandbox.live_chat.faults`."""
        self.clouds.do(self.clouds.live_chat.inject, LiveChatFault(kind=kind, **fault))

    def live_chat_goes_on_with(self, kind: str) -> None:
        """End the faults of this kind."""
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
        """Exchanges with this label, oldest first; `about` is part of the request's path or body.

        Waits for the answers to requests with this label: what a request caused is visible before its exchange is recorded.
        """
        return [
            entry
            for entry in self.clouds.exchanges(label)
            if about in entry.path + entry.request_body and source in ("", entry.source)
        ]
