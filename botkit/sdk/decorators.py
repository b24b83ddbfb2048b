"""``@kit.on_user_message`` and its siblings: how a function becomes a handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar, overload

from botkit.sdk.context import Context
from botkit.sdk.contexts import (
    AgentTransferContext,
    AlertContext,
    BotMessageContext,
    ClientEventContext,
    PlatformEventContext,
    UserMessageContext,
    VariableUpdateContext,
    WebhookContext,
)
from botkit.sdk.registry import Handler
from botkit.sdk.verdicts import Verdict, WebhookVerdict

C = TypeVar("C", bound=Context)
R = TypeVar("R", bound=Verdict | Awaitable[Verdict])
W = TypeVar("W", bound=WebhookVerdict | Awaitable[WebhookVerdict])
Add = Callable[[Handler], None]


class Registers(Generic[C]):
    """Registers handlers of one hook: ``@kit.on_alert`` or ``@kit.on_alert(bot="st-…", seconds=2)``.

    The decorated function is left as it is.

    Args:
        bot: for this bot only; by default for all.
        seconds: the time limit, after which the hook goes on without the handler.
    """

    def __init__(self, event: str, add: Add) -> None:
        self._event = event
        self._add = add

    @overload
    def __call__(self, function: Callable[[C], R], /) -> Callable[[C], R]: ...

    @overload
    def __call__(
        self, /, *, bot: str | None = None, seconds: float | None = None
    ) -> Callable[[Callable[[C], R]], Callable[[C], R]]: ...

    def __call__(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        bot: str | None = None,
        seconds: float | None = None,
    ) -> Any:
        return _registered(self._add, self._event, function, None, bot, seconds)


class RegistersEvents:
    """Registers handlers of on_event: ``@kit.on_event``, or for one type of event ``@kit.on_event("endDialog")``."""

    def __init__(self, add: Add) -> None:
        self._add = add

    @overload
    def __call__(
        self, function: Callable[[PlatformEventContext], R], /
    ) -> Callable[[PlatformEventContext], R]: ...

    @overload
    def __call__(
        self, event_type: str | None = None, /, *, bot: str | None = None, seconds: float | None = None
    ) -> Callable[[Callable[[PlatformEventContext], R]], Callable[[PlatformEventContext], R]]: ...

    def __call__(
        self,
        given: Callable[..., Any] | str | None = None,
        /,
        *,
        bot: str | None = None,
        seconds: float | None = None,
    ) -> Any:
        detail, function = (given, None) if isinstance(given, str) else (None, given)
        return _registered(self._add, "on_event", function, detail, bot, seconds)


class RegistersWebhooks:
    """Registers handlers of on_webhook: for one webhook node ``@kit.on_webhook("CheckOrder")``, or ``@kit.on_webhook``."""

    def __init__(self, add: Add) -> None:
        self._add = add

    @overload
    def __call__(self, function: Callable[[WebhookContext], W], /) -> Callable[[WebhookContext], W]: ...

    @overload
    def __call__(
        self, component_name: str | None = None, /, *, bot: str | None = None, seconds: float | None = None
    ) -> Callable[[Callable[[WebhookContext], W]], Callable[[WebhookContext], W]]: ...

    def __call__(
        self,
        given: Callable[..., Any] | str | None = None,
        /,
        *,
        bot: str | None = None,
        seconds: float | None = None,
    ) -> Any:
        detail, function = (given, None) if isinstance(given, str) else (None, given)
        return _registered(self._add, "on_webhook", function, detail, bot, seconds)


class Handles:
    """What a kit registers handlers with. They are called in the order of registration, before the built-in hand-off."""

    def __init__(self, add: Add) -> None:
        self.on_user_message = Registers[UserMessageContext]("on_user_message", add)
        """A user's message, on its way to the bot or to the agent."""
        self.on_bot_message = Registers[BotMessageContext]("on_bot_message", add)
        """The bot's message, on its way to the user."""
        self.on_agent_transfer = Registers[AgentTransferContext]("on_agent_transfer", add)
        """A dialog has reached an Agent Transfer node."""
        self.on_webhook = RegistersWebhooks(add)
        """A dialog waits at a webhook node."""
        self.on_event = RegistersEvents(add)
        """A dialog or an FAQ ended, a session closed."""
        self.on_alert = Registers[AlertContext]("on_alert", add)
        """An alert task has something for the user."""
        self.on_variable_update = Registers[VariableUpdateContext]("on_variable_update", add)
        """The bot's variables changed."""
        self.on_client_event = Registers[ClientEventContext]("on_client_event", add)
        """The user is typing, has read something, or their client says something of its own."""


def _registered(
    add: Add,
    event: str,
    function: Callable[..., Any] | None,
    detail: str | None,
    bot: str | None,
    seconds: float | None,
) -> Any:
    if seconds is not None and not seconds > 0:
        raise ValueError("seconds is a time limit: more than 0")

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        add(Handler(function, event, bot, detail, seconds))
        return function

    return register if function is None else register(function)
