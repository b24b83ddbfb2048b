"""What went out: the calls to the platform as they are on the wire, and what the agents' side was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botkit.http.lenient_json import decoded
from botkit.kore.history import unwrapped

_TO_USER = ("send_user_message", "send_alert_message")
_TO_BOT = ("send_bot_message",)


@dataclass(frozen=True, slots=True)
class Call:
    """One call to the XO platform.

    Attributes:
        name: as the methods of a handler's context are called: ``send_user_message``, ``reset_bot``, ``get_messages`` …
        method: ``POST`` or ``GET``.
        url: whole, with its query.
        headers: signed, as on the wire.
        body: as on the wire; empty where there is none.
    """

    name: str
    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def json(self) -> dict[str, Any]:
        """The body's members; none where there is no body."""
        found = decoded(self.body) if self.body else {}
        return found if isinstance(found, dict) else {}

    @property
    def text(self) -> str:
        """What is shown or said: the words of a template, too."""
        override = self._override()
        shown = override.get("body") if override else self.json.get("message")
        return unwrapped(shown) if isinstance(shown, str) else ""

    @property
    def template(self) -> Mapping[str, Any] | None:
        """The template that is shown, as JSON; None where there is none."""
        override = self._override()
        if not override.get("isTemplate"):
            return None
        found = decoded(str(override.get("body")))
        return found if isinstance(found, dict) else None

    def _override(self) -> Mapping[str, Any]:
        found = self.json.get("overrideMessagePayload")
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class AgentCall:
    """One thing the agents' side was asked for.

    Attributes:
        name: the method of `botkit.agents.AgentSystem`: ``open``, ``start``, ``send``, ``typing``, ``end`` …
        system: the agent system's name in the configuration.
        text: what was said, of ``send``.
        details: the method's other arguments by name, such as the routing ``attributes`` of ``start``.
    """

    name: str
    system: str
    text: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepResult:
    """What came of one step of a test.

    Attributes:
        status: how the hook was answered; None where the step is no hook.
        body: the answer's JSON.
        calls: every call to the platform, in order; the questions of handlers as well.
        agent_calls: everything the agents' side was asked for, in order.
        request_id: the hook's `requestId`; empty where the step is no hook.
    """

    status: int | None
    body: Mapping[str, Any] = field(repr=False)
    calls: Sequence[Call]
    agent_calls: Sequence[AgentCall]
    request_id: str = ""

    @property
    def to_user(self) -> list[str]:
        """What the user is shown, message by message; alerts, too."""
        return [call.text for call in self.calls if call.name in _TO_USER]

    @property
    def to_bot(self) -> list[str]:
        """What the bot is told, in the user's name."""
        return [call.text for call in self.calls if call.name in _TO_BOT]

    @property
    def to_agent(self) -> list[str]:
        """What the agents are told, in the user's name."""
        return [call.text for call in self.agent_calls if call.name == "send"]

    @property
    def names(self) -> list[str]:
        """The names of the calls to the platform, in order."""
        return [call.name for call in self.calls]

    @property
    def deferred(self) -> bool:
        """Whether a webhook is answered later."""
        return self.status == 202

    @property
    def context(self) -> Mapping[str, Any] | None:
        """The context a dialog goes on with: a webhook's answer, at once or late. None where there is none."""
        late = [call.json for call in self.calls if call.name == "respond_to_hook"]
        answer = late[-1] if late else self.body
        found = answer.get("context")
        return found if isinstance(found, dict) else None

    def call(self, name: str) -> Call:
        """The only call of this name.

        Raises:
            AssertionError: there is none, or there are several.
        """
        found = [call for call in self.calls if call.name == name]
        if len(found) != 1:
            raise AssertionError(f"{len(found)} calls of {name}, not one; there are {self.names}")
        return found[0]
