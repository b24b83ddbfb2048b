"""What a handler gets: the hook it is called for, read-only, and what can be done about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from botkit.errors import CallRefused, HandlerTooLate
from botkit.handlers import views
from botkit.handlers.calls import Calls
from botkit.handlers.conversation import Check, ConversationHandle
from botkit.handlers.reads import AsyncReads, Reads
from botkit.handlers.verdicts import Next, Sent, Stop
from botkit.handoff.events import ApiCall, Attachment
from botkit.hooks import people
from botkit.hooks.parser import Hook, HookParser
from botkit.http.lenient_json import decoded
from botkit.kore.reads import BotVariable, Dialog
from botkit.ledger.interface import HookBody

MAX_CALLS = 100


class Context(Calls):
    """One hook, as its handlers see it. Read-only; its calls are made when the handler has returned.

    Sends are buffered and committed together with the hook: all of a handler's, or, if it raises, none. Reads
    (`get_messages` and the like) ask the platform at once and return values; `aio` has them for coroutines.
    """

    def __init__(self, hook: Hook, door: HookParser, tools: Tools) -> None:
        self._hook = hook
        self._door = door
        self._tools = tools
        self._asks: list[ApiCall] | None = []

    # --- what has come ---------------------------------------------------------------------------------------------

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
        """The text; empty where there is none (somebody connected, or sent a file alone)."""
        return self._hook.payload.message or ""

    @property
    def agent_transfer(self) -> bool:
        """Whether the platform takes the user for talking to an agent."""
        return bool(self._hook.payload.agent_transfer)

    @property
    def language(self) -> str:
        """The user's language as the platform spells it; empty if it does not say."""
        return people.language(self._hook.payload)

    @property
    def body(self) -> bytes:
        """The payload as it came."""
        return self._hook.body

    @cached_property
    def raw(self) -> Mapping[str, Any]:
        """All of the payload, read-only."""
        found: Mapping[str, Any] = views.read_only(decoded(self._hook.body))
        return found

    @cached_property
    def user(self) -> views.User:
        """Who is talking."""
        return views.user_of(self._hook.payload, self._hook.users, self.raw)

    @cached_property
    def channel(self) -> views.Channel:
        """Where they are talking."""
        return views.channel_of(self._hook.payload, self.attachments, self.raw)

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """The files that came along."""
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
        """`metaInfo`, such as the intent that was matched."""
        return views.mapping(self.raw, "metaInfo")

    @property
    def meta_tags(self) -> Mapping[str, Any]:
        """`metaTags`: those of the user, the session and the message."""
        return views.mapping(self.raw, "metaTags")

    def new_context(self) -> dict[str, Any]:
        """A copy of the context that can be changed."""
        whole = decoded(self._hook.body)
        found = whole.get("context") if isinstance(whole, dict) else None
        return found if isinstance(found, dict) else {}

    # --- what can be done ------------------------------------------------------------------------------------------

    @property
    def conversation(self) -> ConversationHandle:
        """How to write to this user later, from anywhere."""
        given = self._hook.given
        return self._tools.conversation(self.bot_id, given.conversation_id.user_id, given.hook)

    def next(self) -> Next:
        """Return this to go on, also where a call has answered the hook."""
        return Next()

    def stop(self) -> Stop:
        """Return this where nothing more is to happen."""
        return Stop()

    def get_messages(self, *, limit: int = 20, skip: int = 0) -> Sequence[Mapping[str, Any]]:
        """The newest messages of this conversation, newest first (getMessages). Asks the platform.

        Raises:
            CallError: it did not answer.
        """
        return self._reads.get_messages(limit=limit, skip=skip)

    def fetch_bot_variables(self, *languages: str) -> dict[str, tuple[BotVariable, ...]]:
        """The bot's variables, by language (fetchBotVariable). Asks the platform.

        Raises:
            CallError: it did not answer.
        """
        return self._reads.fetch_bot_variables(*(languages or (self.language or "en",)))

    def get_dialog(self) -> Dialog:
        """The dialog that sent this hook: its nodes and components (getDialog). Asks the platform.

        Raises:
            CallError: it did not answer.
        """
        return self._reads.get_dialog()

    @property
    def aio(self) -> AsyncReads:
        """The same reads for coroutines: ``await ctx.aio.get_messages()``."""
        return AsyncReads(self._reads)

    @cached_property
    def _reads(self) -> Reads:
        return self._tools.reads(self.bot_id, self._hook.body, self.component_id)

    def _ask(self, ask: ApiCall) -> Sent:
        if self._asks is None:
            raise HandlerTooLate(
                f"{ask.call}: this hook has been dealt with; use ctx.conversation, which can be kept, for what comes later"
            )
        if len(self._asks) == MAX_CALLS:
            raise CallRefused(
                ask.call,
                detail=f"a handler may ask for {MAX_CALLS} calls with one hook; ctx.conversation makes any number",
            )
        # Now, while the handler can still do something else: a call refused later would leave the platform without an answer.
        self._tools.check(self.bot_id, ask, self._hook.body, self.component_id)
        self._asks.append(ask)
        return Sent()

    def _channel_type(self) -> str:
        return people.channel_type(self._hook.payload)


def settled(context: Context) -> tuple[ApiCall, ...]:
    """What was asked for within a context; from now on, nothing can be. Called when the handler has come back."""
    api_calls, context._asks = context._asks, None
    return tuple(api_calls or ())


class Tools:
    """What contexts need of the service around them."""

    def __init__(
        self,
        *,
        conversation: Callable[[str, str, HookBody | None], ConversationHandle],
        reads: Callable[[str, bytes, str], Reads],
        check: Check,
    ) -> None:
        self.conversation = conversation
        self.reads = reads
        self.check = check
