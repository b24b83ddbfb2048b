"""The context of a handler: its hook, read-only, and the calls that can answer it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from botkit.errors import CallRefused, HandlerTooLate
from botkit.handlers import views
from botkit.handlers.calls import Calls
from botkit.handlers.conversation import BotGateway, ConversationHandle
from botkit.handlers.reads import AsyncReads, Reads
from botkit.handlers.verdicts import Next, Sent, Stop
from botkit.handoff.events import ApiCall, Attachment
from botkit.hooks.parser import Hook
from botkit.hooks.user import language
from botkit.http.lenient_json import decoded
from botkit.kore.reads import BotVariable

MAX_CALLS = 100


class BufferedCalls(Calls):
    """The calls that a handler requests: buffered until it has returned."""

    def __init__(self) -> None:
        self._api_calls: list[ApiCall] | None = []

    def _check(self, api_call: ApiCall) -> None:
        """Check a call now, while the handler can still react. Raises: CallRefused if it cannot be made."""
        raise NotImplementedError

    def _request(self, api_call: ApiCall) -> Sent:
        if self._api_calls is None:
            raise HandlerTooLate(
                f"{api_call.call}: this hook is finished; use ctx.conversation, which can be kept, for later calls"
            )
        if len(self._api_calls) == MAX_CALLS:
            raise CallRefused(
                api_call.call,
                detail=f"a handler may request {MAX_CALLS} calls with one hook; ctx.conversation makes any number",
            )
        self._check(api_call)
        self._api_calls.append(api_call)
        return Sent()


class Context(BufferedCalls, Reads):
    """One hook, as its handlers see it. Read-only; its calls are made when the handler has returned.

    Calls are buffered and committed together with the hook: all of a handler's, or none if it raises. Reads (`get_messages` and
    the like) go to the platform at once and return values; `aio` has them for coroutines.
    """

    def __init__(self, hook: Hook, gateway: BotGateway) -> None:
        BufferedCalls.__init__(self)
        Reads.__init__(self, gateway.reader, hook.body, hook.path.component_id)
        self._hook = hook
        self._gateway = gateway

    # --- the hook --------------------------------------------------------------------------------------------------

    @property
    def event(self) -> str:
        """The hook's name: ``on_user_message`` …"""
        return self._hook.path.event

    @property
    def bot_id(self) -> str:
        """``st-…``"""
        return self._hook.path.bot_id

    @property
    def component_id(self) -> str:
        """``dc-…`` on hooks of a component, else ``default``."""
        return self._hook.path.component_id

    @property
    def request_id(self) -> str:
        """The platform's id of this call."""
        found = self._hook.payload.request_id
        return "" if found is None else str(found)

    @property
    def message(self) -> str:
        """The text; empty if there is none, such as when the user opened the chat or sent only a file."""
        return self._hook.payload.message or ""

    @property
    def agent_transfer(self) -> bool:
        """Whether the platform believes that the user is talking to an agent."""
        return bool(self._hook.payload.agent_transfer)

    @property
    def language(self) -> str:
        """The user's language as the platform spells it; empty if unknown."""
        return language(self._hook.payload)

    @property
    def body(self) -> bytes:
        """The raw payload."""
        return self._hook.body

    @cached_property
    def raw(self) -> Mapping[str, Any]:
        """The whole payload, read-only."""
        found: Mapping[str, Any] = views.read_only(decoded(self._hook.body))
        return found

    @cached_property
    def user(self) -> views.User:
        """The user."""
        return views.user_of(self._hook, self.raw)

    @cached_property
    def channel(self) -> views.Channel:
        """The user's channel."""
        return views.channel_of(self._hook, self.raw)

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """The files of the message."""
        return self._hook.attachments

    @cached_property
    def session(self) -> views.Session:
        """The bot's variables: ``ctx.session.bot_user_session["miawMetaInfo"]``."""
        return views.session_of(self.raw)

    @property
    def context(self) -> Mapping[str, Any]:
        """The dialog's context, read-only."""
        return views.mapping(self.raw, "context")

    @property
    def meta_info(self) -> Mapping[str, Any]:
        """`metaInfo`, such as the matched intent."""
        return views.mapping(self.raw, "metaInfo")

    @property
    def meta_tags(self) -> Mapping[str, Any]:
        """`metaTags`: the tags of the user, the session and the message."""
        return views.mapping(self.raw, "metaTags")

    def new_context(self) -> dict[str, Any]:
        """A copy of the context, to be changed."""
        whole = decoded(self._hook.body)
        found = whole.get("context") if isinstance(whole, dict) else None
        return found if isinstance(found, dict) else {}

    # --- the answers -----------------------------------------------------------------------------------------------

    @property
    def conversation(self) -> ConversationHandle:
        """A handle to write to this user later, from anywhere."""
        input = self._hook.input
        whose = input.conversation_id
        return self._gateway.conversation(whose.user_id, channel=whose.channel, hook=input.hook)

    def next(self) -> Next:
        """Return this to continue with the next handler, even if a call has answered the hook."""
        return Next()

    def stop(self) -> Stop:
        """Return this to finish the hook: no other handler is called, and the default does not happen."""
        return Stop()

    def fetch_bot_variables(self, *languages: str) -> dict[str, tuple[BotVariable, ...]]:
        """The bot's variables in each of these languages; without any, in the user's (fetchBotVariable).

        Raises:
            CallError: the platform did not answer.
        """
        return super().fetch_bot_variables(*(languages or (self.language or "en",)))

    @property
    def aio(self) -> AsyncReads:
        """The reads for coroutines: ``await ctx.aio.get_messages()``."""
        return AsyncReads(self)

    def _check(self, api_call: ApiCall) -> None:
        # A call that is refused later would leave the hook unanswered.
        self._gateway.reader.check(api_call, self._hook.body, self.component_id)

    def _channel_type(self) -> str:
        return self._hook.payload.channel_type


def close(context: BufferedCalls) -> tuple[ApiCall, ...]:
    """End a context when its handler has returned. Returns the requested calls; later requests raise HandlerTooLate."""
    api_calls, context._api_calls = context._api_calls, None
    return tuple(api_calls or ())
