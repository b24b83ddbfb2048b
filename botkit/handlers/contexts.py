"""For each hook event, the context of its handlers and the decorator that registers them (``@kit.on_user_message`` …)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta
from typing import Any, TypeVar, Unpack, overload

from botkit.errors import CallRefused
from botkit.handlers import views
from botkit.handlers.calls import as_changes
from botkit.handlers.context import Context
from botkit.handlers.handoff_contexts import HandoffDecorators
from botkit.handlers.options import HandlerOptions
from botkit.handlers.registry import Handler
from botkit.handlers.verdicts import Answer, Defer, Next, Sent, Verdict, WebhookVerdict
from botkit.handoff.attributes import as_text
from botkit.handoff.events import ApiCall, Choice
from botkit.hooks.events import HOOK_EVENTS, event_type
from botkit.kore.bodies import changed, changed_context, members_to_change

__all__ = [
    "AgentTransferContext",
    "AlertContext",
    "BotMessageContext",
    "ClientEventContext",
    "PlatformEventContext",
    "UserMessageContext",
    "VariableUpdateContext",
    "WebhookContext",
]
"""The names that `botkit.handlers` re-exports."""

MAX_DEFERRAL = timedelta(hours=24)


class _HandOffContext(Context):
    """A hook whose handlers can begin a hand-off without an Agent Transfer node."""

    def start_agent_session(
        self,
        *,
        agent_system: str | None = None,
        pre_chat: Mapping[str, object] | None = None,
        end_word: str | None = None,
    ) -> Sent:
        """Hand the user over to the agents (startAgentSession, and the whole hand-off of an Agent Transfer node).

        Args:
            agent_system: an agent system of the configuration; by default the channel's.
            pre_chat: attributes for the agent; they win over those of `miawMetaInfo`.
            end_word: the command that ends the chat.
        """
        choice = _choice(agent_system, pre_chat, end_word)
        return self._request(
            ApiCall("start_agent_session", transfer=self._gateway.parser.transfer(self._hook, choice))
        )


class UserMessageContext(_HandOffContext):
    """on_user_message: on its way to the bot, or to the agent."""

    def next(self, message: str | None = None) -> Next:
        """Continue, optionally with another text: ``return ctx.next(message=ctx.message.lower())``.

        Raises:
            CallRefused: the text cannot be written as JSON, or is too long.
        """
        return _with_message(message)

    @property
    def is_connect(self) -> bool:
        """Whether the user opened the chat without writing anything."""
        return self._hook.is_connect


class BotMessageContext(_HandOffContext):
    """on_bot_message: on its way to the user."""

    def next(self, message: str | None = None) -> Next:
        """Continue, optionally with another text.

        Raises:
            CallRefused: the text cannot be written as JSON, or is too long.
        """
        return _with_message(message)


class AgentTransferContext(_HandOffContext):
    """on_agent_transfer: a dialog has reached an Agent Transfer node."""

    def next(
        self,
        *,
        agent_system: str | None = None,
        pre_chat: Mapping[str, object] | None = None,
        end_word: str | None = None,
    ) -> Next:
        """Continue with the hand-off, with these choices: see `start_agent_session`."""
        return Next(choice=_choice(agent_system, pre_chat, end_word))


class WebhookContext(Context):
    """on_webhook: a dialog waits at a webhook node for a changed context."""

    @property
    def component_name(self) -> str:
        """The node's name."""
        return self._hook.payload.dialog_component_name or ""

    def respond(self, context: Mapping[str, Any] | None = None, *, replace: bool = False) -> Answer:
        """Return this to continue the dialog with a changed context.

        Args:
            context: changes to the context, merged at every depth: ``{"session": {"BotUserSession": {"order": …}}}``
                leaves the rest of the session unchanged.
            replace: whether `context` replaces the whole context.

        Raises:
            CallRefused: the changes cannot be written as JSON.
        """
        changes = changed_context(self.body, as_changes(context or {}), replace=replace)
        return Answer(changed(self.body, members_to_change(changes)))

    def defer(
        self, *, within: timedelta = timedelta(minutes=5), otherwise: Mapping[str, Any] | None = None
    ) -> Defer:
        """Return this to answer later, from anywhere, with `BotKit.respond_to_hook(ctx.request_id, context=…)`.

        Args:
            within: the time limit of the answer, up to a day.
            otherwise: changes to the context, for a dialog that gets no answer in time.

        Raises:
            CallRefused: this webhook cannot be answered later, or an argument is invalid.
        """
        what = "defer a webhook"
        if not self.request_id or not self._hook.payload.callback_url:
            raise CallRefused(
                what, detail="the payload has no requestId or no callbackUrl: answer it at once"
            )
        if not timedelta(0) < within <= MAX_DEFERRAL:
            raise CallRefused(what, detail=f"within must be more than 0 and at most {MAX_DEFERRAL}")
        return Defer(within, as_changes(otherwise or {}))


class PlatformEventContext(Context):
    """on_event: a dialog or an FAQ ended, or a session closed."""

    @property
    def event_type(self) -> str:
        """``endDialog``, ``endFAQ``, ``sessionClosure`` …; any spelling of a closure is the last."""
        return event_type(self._hook.payload)


class AlertContext(Context):
    """on_alert: an alert task has a message for the user. By default the user gets it."""


class VariableUpdateContext(Context):
    """on_variable_update: the bot's variables changed."""

    @property
    def event_type(self) -> str:
        """``variable_create``, ``variable_update``, ``variable_delete``, ``bot_import`` …"""
        event_type = self.data.get("eventType")
        return event_type if isinstance(event_type, str) else ""

    @property
    def data(self) -> Mapping[str, Any]:
        """The change: `variable`, `language` …"""
        return views.mapping(self.raw, "data")


class ClientEventContext(Context):
    """on_client_event: the user is typing or has read a message, or their client sends a custom event."""

    @property
    def pre_defined_event(self) -> Mapping[str, Any]:
        """``{"type": "TYPING_STARTED"}`` …"""
        return views.mapping(self.raw, "preDefinedEvent")

    @property
    def custom_event(self) -> Mapping[str, Any]:
        """A custom event of the client."""
        return views.mapping(self.raw, "customEvent")


def _with_message(message: str | None) -> Next:
    as_changes({"message": message})
    return Next(message=message)


def _choice(agent_system: str | None, pre_chat: Mapping[str, object] | None, end_word: str | None) -> Choice:
    attributes = tuple((name, as_text(value)) for name, value in (pre_chat or {}).items())
    return Choice(agent_system, attributes, end_word)


CONTEXTS: Mapping[str, type[Context]] = {
    "on_user_message": UserMessageContext,
    "on_bot_message": BotMessageContext,
    "on_agent_transfer": AgentTransferContext,
    "on_webhook": WebhookContext,
    "on_event": PlatformEventContext,
    "on_alert": AlertContext,
    "on_variable_update": VariableUpdateContext,
    "on_client_event": ClientEventContext,
}
"""By the name of the hook event."""


# --- the decorators -------------------------------------------------------------------------------------------------

Returned = Verdict | Coroutine[Any, Any, Verdict]
"""The return value of a handler: a verdict, or a coroutine of one."""
WebhookReturned = WebhookVerdict | Coroutine[Any, Any, WebhookVerdict]

# A decorator returns the function with its own type, so one function can be decorated for several hooks.
OnUserMessage = TypeVar("OnUserMessage", bound=Callable[[UserMessageContext], Returned])
OnBotMessage = TypeVar("OnBotMessage", bound=Callable[[BotMessageContext], Returned])
OnAgentTransfer = TypeVar("OnAgentTransfer", bound=Callable[[AgentTransferContext], Returned])
OnWebhook = TypeVar("OnWebhook", bound=Callable[[WebhookContext], WebhookReturned])
OnEvent = TypeVar("OnEvent", bound=Callable[[PlatformEventContext], Returned])
OnAlert = TypeVar("OnAlert", bound=Callable[[AlertContext], Returned])
OnVariableUpdate = TypeVar("OnVariableUpdate", bound=Callable[[VariableUpdateContext], Returned])
OnClientEvent = TypeVar("OnClientEvent", bound=Callable[[ClientEventContext], Returned])


class HandlerDecorators(HandoffDecorators):
    """The decorators of a kit. Handlers are called in the order of registration, before the built-in hand-off.

    Each decorator is used bare, ``@kit.on_alert``, or with options, ``@kit.on_alert(bot="st-…", seconds=2)``, and returns the
    function unchanged.

    Raises:
        ValueError: the decorated object is not callable, or an option is invalid.
        NotConfigured: the configuration has no such bot.
    """

    def __init__(self, add: Callable[[Handler], None]) -> None:
        self._add_handler = add

    @overload
    def on_user_message(self, function: OnUserMessage, /) -> OnUserMessage: ...
    @overload
    def on_user_message(
        self, /, **options: Unpack[HandlerOptions]
    ) -> Callable[[OnUserMessage], OnUserMessage]: ...
    def on_user_message(self, function: Any = None, /, **options: Unpack[HandlerOptions]) -> Any:
        """A user's message, on its way to the bot or to the agent."""
        return self._register("on_user_message", function, **options)

    @overload
    def on_bot_message(self, function: OnBotMessage, /) -> OnBotMessage: ...
    @overload
    def on_bot_message(
        self, /, **options: Unpack[HandlerOptions]
    ) -> Callable[[OnBotMessage], OnBotMessage]: ...
    def on_bot_message(self, function: Any = None, /, **options: Unpack[HandlerOptions]) -> Any:
        """A message of the bot, on its way to the user."""
        return self._register("on_bot_message", function, **options)

    @overload
    def on_agent_transfer(self, function: OnAgentTransfer, /) -> OnAgentTransfer: ...
    @overload
    def on_agent_transfer(
        self, /, **options: Unpack[HandlerOptions]
    ) -> Callable[[OnAgentTransfer], OnAgentTransfer]: ...
    def on_agent_transfer(self, function: Any = None, /, **options: Unpack[HandlerOptions]) -> Any:
        """A dialog has reached an Agent Transfer node."""
        return self._register("on_agent_transfer", function, **options)

    @overload
    def on_webhook(self, function: OnWebhook, /) -> OnWebhook: ...
    @overload
    def on_webhook(
        self, component_name: str | None = None, /, **options: Unpack[HandlerOptions]
    ) -> Callable[[OnWebhook], OnWebhook]: ...
    def on_webhook(self, argument: Any = None, /, **options: Unpack[HandlerOptions]) -> Any:
        """A dialog waits at a webhook node: of one name, ``@kit.on_webhook("CheckOrder")``, or of any."""
        return self._register("on_webhook", argument, **options)

    @overload
    def on_event(self, function: OnEvent, /) -> OnEvent: ...
    @overload
    def on_event(
        self, event_type: str | None = None, /, **options: Unpack[HandlerOptions]
    ) -> Callable[[OnEvent], OnEvent]: ...
    def on_event(self, argument: Any = None, /, **options: Unpack[HandlerOptions]) -> Any:
        """A dialog or an FAQ ended, or a session closed: of one type, ``@kit.on_event("endDialog")``, or of any."""
        return self._register("on_event", argument, **options)

    @overload
    def on_alert(self, function: OnAlert, /) -> OnAlert: ...
    @overload
    def on_alert(self, /, **options: Unpack[HandlerOptions]) -> Callable[[OnAlert], OnAlert]: ...
    def on_alert(self, function: Any = None, /, **options: Unpack[HandlerOptions]) -> Any:
        """An alert task has a message for the user."""
        return self._register("on_alert", function, **options)

    @overload
    def on_variable_update(self, function: OnVariableUpdate, /) -> OnVariableUpdate: ...
    @overload
    def on_variable_update(
        self, /, **options: Unpack[HandlerOptions]
    ) -> Callable[[OnVariableUpdate], OnVariableUpdate]: ...
    def on_variable_update(self, function: Any = None, /, **options: Unpack[HandlerOptions]) -> Any:
        """The bot's variables changed."""
        return self._register("on_variable_update", function, **options)

    @overload
    def on_client_event(self, function: OnClientEvent, /) -> OnClientEvent: ...
    @overload
    def on_client_event(
        self, /, **options: Unpack[HandlerOptions]
    ) -> Callable[[OnClientEvent], OnClientEvent]: ...
    def on_client_event(self, function: Any = None, /, **options: Unpack[HandlerOptions]) -> Any:
        """The user is typing or has read a message, or their client sends a custom event."""
        return self._register("on_client_event", function, **options)

    def _register(
        self, event: str, argument: Any, /, *, bot: str | None = None, seconds: float | None = None
    ) -> Any:
        """Register a function; without one, return a decorator. For some events a text names the detail that it handles."""
        if seconds is not None and not seconds > 0:
            raise ValueError("seconds is a time limit: more than 0")
        hook = HOOK_EVENTS.get(event)
        has_detail = hook is not None and hook.detail is not None
        detail = argument if isinstance(argument, str) and has_detail else None

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            self._add_handler(Handler(function, event, bot, detail, seconds))
            return function

        return register if argument is None or detail is not None else register(argument)
