"""Recorded calls: to the XO platform, as on the wire, and to agent systems; and the result of a test's step."""

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
        name: the name of the method of a handler's context: ``send_user_message``, ``reset_bot``, ``get_messages`` …
        method: ``POST`` or ``GET``.
        url: the full URL, with its query.
        headers: as on the wire, with the signature.
        body: as on the wire; empty: no body.
    """

    name: str
    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def json(self) -> dict[str, Any]:
        """The body's members; empty: no body."""
        found = decoded(self.body) if self.body else {}
        return found if isinstance(found, dict) else {}

    @property
    def text(self) -> str:
        """The message's text; for a template, its text."""
        override = self._override()
        shown = override.get("body") if override else self.json.get("message")
        return unwrapped(shown) if isinstance(shown, str) else ""

    @property
    def template(self) -> Mapping[str, Any] | None:
        """The message's template, as JSON; None: no template."""
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
    """One call to an agent system.

    Attributes:
        name: the method of `botkit.agents.AgentSystem`: ``open``, ``start``, ``send``, ``typing``, ``end`` …
        system: the agent system's name in the configuration.
        text: the message of ``send``.
        details: the method's other arguments by name, such as the routing ``attributes`` of ``start``.
    """

    name: str
    system: str
    text: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepResult:
    """The result of one step of a test.

    Attributes:
        status: the status of the hook's answer; None: the step is no hook.
        body: the JSON of the hook's answer.
        calls: the calls to the platform, in order, including reads of handlers.
        agent_calls: the calls to agent systems, in order.
        request_id: the hook's `requestId`; empty: the step is no hook.
    """

    status: int | None
    body: Mapping[str, Any] = field(repr=False)
    calls: Sequence[Call]
    agent_calls: Sequence[AgentCall]
    request_id: str = ""

    @property
    def to_user(self) -> list[str]:
        """The texts of messages to the user, including alerts."""
        return [call.text for call in self.calls if call.name in _TO_USER]

    @property
    def to_bot(self) -> list[str]:
        """The texts of user messages passed to the bot."""
        return [call.text for call in self.calls if call.name in _TO_BOT]

    @property
    def to_agent(self) -> list[str]:
        """The texts of user messages sent to the agent."""
        return [call.text for call in self.agent_calls if call.name == "send"]

    @property
    def names(self) -> list[str]:
        """The names of the calls to the platform, in order."""
        return [call.name for call in self.calls]

    @property
    def deferred(self) -> bool:
        """Whether the webhook is answered later."""
        return self.status == 202

    @property
    def context(self) -> Mapping[str, Any] | None:
        """The context that the webhook's answer gives the dialog, at once or deferred; None: no answer with a context."""
        late = [call.json for call in self.calls if call.name == "respond_to_hook"]
        answer = late[-1] if late else self.body
        found = answer.get("context")
        return found if isinstance(found, dict) else None

    def call(self, name: str) -> Call:
        """The only call of this name.

        Raises:
            AssertionError: there is no such call, or more than one.
        """
        found = [call for call in self.calls if call.name == name]
        if len(found) != 1:
            raise AssertionError(f"{len(found)} calls of {name}, not one; there are {self.names}")
        return found[0]
