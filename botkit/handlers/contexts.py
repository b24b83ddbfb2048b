"""The contexts of the several hooks: what each has to say, and how it can be answered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from botkit.errors import CallRefused
from botkit.handlers import views
from botkit.handlers.context import Context
from botkit.handlers.messages import as_changes
from botkit.handlers.verdicts import Answer, Defer, Next, Sent
from botkit.handoff.attributes import as_text
from botkit.handoff.events import ApiCall, Choice
from botkit.kore.bodies import changed, changed_context, members_to_change

MAX_DEFERRAL = timedelta(hours=24)


class _HandsOver(Context):
    """Hooks in whose handlers a hand-off can be begun without an Agent Transfer node."""

    def start_agent_session(
        self,
        *,
        agent_system: str | None = None,
        pre_chat: Mapping[str, object] | None = None,
        end_word: str | None = None,
    ) -> Sent:
        """Hand the user over to the agents (startAgentSession, and everything an Agent Transfer node starts).

        Args:
            agent_system: which of the configuration; by default the channel's.
            pre_chat: attributes for the agent, over those of `miawMetaInfo`.
            end_word: what ends the chat.
        """
        choice = _choice(agent_system, pre_chat, end_word)
        return self._ask(ApiCall("start_agent_session", transfer=self._door.transfer(self._hook, choice)))


class UserMessageContext(_HandsOver):
    """on_user_message: on its way to the bot, or to the agent."""

    def next(self, message: str | None = None) -> Next:
        """Go on, with another text if one is given: ``return ctx.next(message=ctx.message.lower())``.

        Raises:
            CallRefused: it is no text that can be sent, or too much.
        """
        return _with_message(message)

    @property
    def is_connect(self) -> bool:
        """Somebody opened the chat and has said nothing yet."""
        return self._hook.is_connect


class BotMessageContext(_HandsOver):
    """on_bot_message: on its way to the user."""

    def next(self, message: str | None = None) -> Next:
        """Go on, with another text if one is given.

        Raises:
            CallRefused: it is no text that can be sent, or too much.
        """
        return _with_message(message)


class AgentTransferContext(_HandsOver):
    """on_agent_transfer: a dialog has reached an Agent Transfer node."""

    def next(
        self,
        *,
        agent_system: str | None = None,
        pre_chat: Mapping[str, object] | None = None,
        end_word: str | None = None,
    ) -> Next:
        """Go on with the hand-off, with these choices: see `start_agent_session`."""
        return Next(choice=_choice(agent_system, pre_chat, end_word))


class WebhookContext(Context):
    """on_webhook: a dialog waits at a webhook node for what its context is to be."""

    @property
    def component_name(self) -> str:
        """The node's name."""
        return self._hook.payload.dialog_component_name or ""

    def respond(self, context: Mapping[str, Any] | None = None, *, replace: bool = False) -> Answer:
        """Return this: the dialog goes on with a changed context.

        Args:
            context: changes to the context, merged at every depth: ``{"session": {"BotUserSession": {"order": …}}}`` leaves
                the rest of the session as it is.
            replace: `context` is all of the context from now on.

        Raises:
            CallRefused: it is no JSON.
        """
        changes = changed_context(self.body, as_changes(context or {}), replace=replace)
        return Answer(changed(self.body, members_to_change(changes)))

    def defer(
        self, *, within: timedelta = timedelta(minutes=5), otherwise: Mapping[str, Any] | None = None
    ) -> Defer:
        """Return this to answer later, from anywhere, with `BotKit.respond_to_hook(ctx.request_id, context=…)`.

        Args:
            within: the answer is owed within this time, up to a day.
            otherwise: changes to the context with which the dialog goes on if nobody has answered by then.

        Raises:
            CallRefused: this webhook cannot be answered later, or the arguments make no sense.
        """
        what = "defer a webhook"
        if not self.request_id or not self._hook.payload.callback_url:
            raise CallRefused(
                what, detail="the payload has no requestId or no callbackUrl: answer it at once"
            )
        if not timedelta(0) < within <= MAX_DEFERRAL:
            raise CallRefused(what, detail=f"within is more than nothing and at most {MAX_DEFERRAL}")
        return Defer(within, as_changes(otherwise or {}))


class PlatformEventContext(Context):
    """on_event: a dialog or an FAQ ended, a session closed."""

    @property
    def event_type(self) -> str:
        """``endDialog``, ``endFAQ``, ``sessionClosure`` …"""
        found = self._hook.payload.event
        return (found.event_type if found is not None else None) or ""


class AlertContext(Context):
    """on_alert: an alert task has something for the user. By default it is passed on."""


class VariableUpdateContext(Context):
    """on_variable_update: the bot's variables changed."""

    @property
    def event_type(self) -> str:
        """``variable_create``, ``variable_update``, ``variable_delete``, ``bot_import`` …"""
        found = self.data.get("eventType")
        return found if isinstance(found, str) else ""

    @property
    def data(self) -> Mapping[str, Any]:
        """What changed: `variable`, `language` …"""
        return views.mapping(self.raw, "data")


class ClientEventContext(Context):
    """on_client_event: the user is typing, has read something, or their client says something of its own."""

    @property
    def pre_defined_event(self) -> Mapping[str, Any]:
        """``{"type": "TYPING_STARTED"}`` …"""
        return views.mapping(self.raw, "preDefinedEvent")

    @property
    def custom_event(self) -> Mapping[str, Any]:
        """An event of the client's own."""
        return views.mapping(self.raw, "customEvent")


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


def _with_message(message: str | None) -> Next:
    as_changes({"message": message})
    return Next(message=message)


def _choice(agent_system: str | None, pre_chat: Mapping[str, object] | None, end_word: str | None) -> Choice:
    attributes = tuple((name, as_text(value)) for name, value in (pre_chat or {}).items())
    return Choice(agent_system, attributes, end_word)
