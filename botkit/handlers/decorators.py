"""``@kit.on_user_message`` and its siblings: how a function becomes a handler."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, overload

from botkit.handlers.contexts import (
    AgentTransferContext,
    AlertContext,
    BotMessageContext,
    ClientEventContext,
    PlatformEventContext,
    UserMessageContext,
    VariableUpdateContext,
    WebhookContext,
)
from botkit.handlers.registry import Handler
from botkit.handlers.verdicts import Verdict, WebhookVerdict

Returned = Verdict | Coroutine[Any, Any, Verdict]
"""What a handler may return: a verdict, also as a coroutine."""
WebhookReturned = WebhookVerdict | Coroutine[Any, Any, WebhookVerdict]

# The function itself, of whatever type it is: so one function can be decorated for several hooks, one above the other.
OnUserMessage = TypeVar("OnUserMessage", bound=Callable[[UserMessageContext], Returned])
OnBotMessage = TypeVar("OnBotMessage", bound=Callable[[BotMessageContext], Returned])
OnAgentTransfer = TypeVar("OnAgentTransfer", bound=Callable[[AgentTransferContext], Returned])
OnWebhook = TypeVar("OnWebhook", bound=Callable[[WebhookContext], WebhookReturned])
OnEvent = TypeVar("OnEvent", bound=Callable[[PlatformEventContext], Returned])
OnAlert = TypeVar("OnAlert", bound=Callable[[AlertContext], Returned])
OnVariableUpdate = TypeVar("OnVariableUpdate", bound=Callable[[VariableUpdateContext], Returned])
OnClientEvent = TypeVar("OnClientEvent", bound=Callable[[ClientEventContext], Returned])

Add = Callable[[Handler], None]


class Handles:
    """What a kit registers handlers with. They are called in the order of registration, before the built-in hand-off.

    Each decorator is used bare, ``@kit.on_alert``, or with arguments, ``@kit.on_alert(bot="st-…", seconds=2)``, and leaves the
    function as it is. The arguments of all of them:

        bot: for this bot only; by default for all.
        seconds: the time limit, after which the hook goes on without the handler.

    All raise:
        ValueError: it is no function, or the arguments make no sense.
        NotConfigured: the configuration has no such bot.
    """

    def __init__(self, add: Add) -> None:
        self._add_handler = add

    @overload
    def on_user_message(self, function: OnUserMessage, /) -> OnUserMessage: ...
    @overload
    def on_user_message(
        self, /, *, bot: str | None = None, seconds: float | None = None
    ) -> Callable[[OnUserMessage], OnUserMessage]: ...
    def on_user_message(
        self, function: Any = None, /, *, bot: str | None = None, seconds: float | None = None
    ) -> Any:
        """A user's message, on its way to the bot or to the agent."""
        return self._register("on_user_message", function, None, bot, seconds)

    @overload
    def on_bot_message(self, function: OnBotMessage, /) -> OnBotMessage: ...
    @overload
    def on_bot_message(
        self, /, *, bot: str | None = None, seconds: float | None = None
    ) -> Callable[[OnBotMessage], OnBotMessage]: ...
    def on_bot_message(
        self, function: Any = None, /, *, bot: str | None = None, seconds: float | None = None
    ) -> Any:
        """The bot's message, on its way to the user."""
        return self._register("on_bot_message", function, None, bot, seconds)

    @overload
    def on_agent_transfer(self, function: OnAgentTransfer, /) -> OnAgentTransfer: ...
    @overload
    def on_agent_transfer(
        self, /, *, bot: str | None = None, seconds: float | None = None
    ) -> Callable[[OnAgentTransfer], OnAgentTransfer]: ...
    def on_agent_transfer(
        self, function: Any = None, /, *, bot: str | None = None, seconds: float | None = None
    ) -> Any:
        """A dialog has reached an Agent Transfer node."""
        return self._register("on_agent_transfer", function, None, bot, seconds)

    @overload
    def on_webhook(self, function: OnWebhook, /) -> OnWebhook: ...
    @overload
    def on_webhook(
        self, component_name: str | None = None, /, *, bot: str | None = None, seconds: float | None = None
    ) -> Callable[[OnWebhook], OnWebhook]: ...
    def on_webhook(
        self, given: Any = None, /, *, bot: str | None = None, seconds: float | None = None
    ) -> Any:
        """A dialog waits at a webhook node: at the one of this name, ``@kit.on_webhook("CheckOrder")``, or at any."""
        name, function = _name_or_function(given)
        return self._register("on_webhook", function, name, bot, seconds)

    @overload
    def on_event(self, function: OnEvent, /) -> OnEvent: ...
    @overload
    def on_event(
        self, event_type: str | None = None, /, *, bot: str | None = None, seconds: float | None = None
    ) -> Callable[[OnEvent], OnEvent]: ...
    def on_event(self, given: Any = None, /, *, bot: str | None = None, seconds: float | None = None) -> Any:
        """A dialog or an FAQ ended, a session closed: events of one type, ``@kit.on_event("endDialog")``, or all."""
        name, function = _name_or_function(given)
        return self._register("on_event", function, name, bot, seconds)

    @overload
    def on_alert(self, function: OnAlert, /) -> OnAlert: ...
    @overload
    def on_alert(
        self, /, *, bot: str | None = None, seconds: float | None = None
    ) -> Callable[[OnAlert], OnAlert]: ...
    def on_alert(
        self, function: Any = None, /, *, bot: str | None = None, seconds: float | None = None
    ) -> Any:
        """An alert task has something for the user."""
        return self._register("on_alert", function, None, bot, seconds)

    @overload
    def on_variable_update(self, function: OnVariableUpdate, /) -> OnVariableUpdate: ...
    @overload
    def on_variable_update(
        self, /, *, bot: str | None = None, seconds: float | None = None
    ) -> Callable[[OnVariableUpdate], OnVariableUpdate]: ...
    def on_variable_update(
        self, function: Any = None, /, *, bot: str | None = None, seconds: float | None = None
    ) -> Any:
        """The bot's variables changed."""
        return self._register("on_variable_update", function, None, bot, seconds)

    @overload
    def on_client_event(self, function: OnClientEvent, /) -> OnClientEvent: ...
    @overload
    def on_client_event(
        self, /, *, bot: str | None = None, seconds: float | None = None
    ) -> Callable[[OnClientEvent], OnClientEvent]: ...
    def on_client_event(
        self, function: Any = None, /, *, bot: str | None = None, seconds: float | None = None
    ) -> Any:
        """The user is typing, has read something, or their client says something of its own."""
        return self._register("on_client_event", function, None, bot, seconds)

    def _register(
        self, event: str, function: Any, detail: str | None, bot: str | None, seconds: float | None
    ) -> Any:
        if seconds is not None and not seconds > 0:
            raise ValueError("seconds is a time limit: more than 0")

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            self._add_handler(Handler(function, event, bot, detail, seconds))
            return function

        return register if function is None else register(function)


def _name_or_function(given: Any) -> tuple[str | None, Any]:
    return (given, None) if isinstance(given, str) else (None, given)
