"""Reaching a user or a deferred webhook outside any hook: from a background job, another process, a coroutine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

from botkit.errors import LedgerError, NothingToAnswer, UserNotReachable
from botkit.handlers.calls import Calls, Message, MetaTags
from botkit.handlers.reads import AsyncReads, PlatformReader, Reads
from botkit.handlers.verdicts import Sent
from botkit.handoff import webhooks
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.events import ApiCall, CallsRequested, HookAnswered
from botkit.hooks.address import Address
from botkit.hooks.identity import canonical_channel
from botkit.hooks.parser import HookParser
from botkit.ledger.interface import Committed, HookBody, Input

COMMIT_SECONDS = 10.0
ANSWER_SECONDS = 3.0
"""The time for which an answer to a webhook that is not deferred yet is retried."""
_RETRY_SECONDS = 0.05


class LedgerWriter(Protocol):
    """The part of a ledger that this module needs."""

    def submit(self, input: Input, /) -> Future[Committed]:
        """See `ledger.interface.Ledger.submit`."""

    def newest_hook(self, conversation_id: ConversationId) -> HookBody | None:
        """See `ledger.interface.Ledger.newest_hook`."""

    def newest_hook_of(self, bot_id: str, user_id: str) -> tuple[ConversationId, HookBody] | None:
        """See `ledger.interface.Ledger.newest_hook_of`."""


@dataclass(frozen=True, slots=True)
class BotGateway:
    """The parts of the service that the handlers of one bot use.

    Attributes:
        bot_id: the bot.
        parser: its hook parser.
        reader: reads from the platform.
        ledger: returns the ledger, and starts it if needed.
        now: seconds since the epoch.
    """

    bot_id: str
    parser: HookParser
    reader: PlatformReader
    ledger: Callable[[], LedgerWriter]
    now: Callable[[], float]

    def conversation(
        self, user_id: str, *, channel: str = "", hook: HookBody | None = None
    ) -> ConversationHandle:
        """A user of the bot on a channel. `hook` addresses them if no newer payload is stored."""
        return ConversationHandle(self, user_id, channel=channel, hook=hook)


class ConversationHandle(Calls):
    """One user of one bot, on one channel or on any. May be kept, and used from any thread or coroutine.

    Each method returns when the requested call is on disk. On an event loop it returns at once; await the result to wait for
    the disk: ``await conversation.send("…")``.

    Raises:
        UserNotReachable: no payload of this user is stored. Set `kore.keep_payloads`, or wait until they have written. A handle
            from a handler's context has the payload of its hook.
        LedgerError: the call could not be written.
    """

    def __init__(
        self,
        gateway: BotGateway,
        user_id: str,
        *,
        channel: str = "",
        hook: HookBody | None = None,
        key: str = "",
    ) -> None:
        self._id = ConversationId(gateway.bot_id, user_id, canonical_channel(channel))
        self._gateway = gateway
        self._hook = hook
        self._key = key

    @property
    def bot_id(self) -> str:
        """``st-…``"""
        return self._id.bot_id

    @property
    def user_id(self) -> str:
        """The canonical name of the user: `ctx.user.id`."""
        return self._id.user_id

    @property
    def channel(self) -> str:
        """The channel in lower case; empty for the one where the user is with an agent, or wrote last."""
        return self._id.channel

    def once(self, key: str) -> ConversationHandle:
        """The same user, for a call with an idempotency key: ``.once("order-17").send("…")`` sends once, however often it runs.

        A key is remembered for some hours, for each channel apart if the conversation is that of a channel.
        """
        return ConversationHandle(self._gateway, self.user_id, channel=self.channel, hook=self._hook, key=key)

    def send(
        self,
        message: Message,
        *,
        channels: Mapping[str, Message] | None = None,
        meta_tags: MetaTags | None = None,
        meta_info: Mapping[str, Any] | None = None,
    ) -> Sent:
        """Show something to the user: `send_user_message`."""
        return self.send_user_message(message, channels=channels, meta_tags=meta_tags, meta_info=meta_info)

    def get_messages(self, *, limit: int = 20, skip: int = 0) -> Sequence[Mapping[str, Any]]:
        """The newest messages, newest first. Reads from the platform.

        Raises:
            CallError: the platform did not answer.
        """
        return self._reads().get_messages(limit=limit, skip=skip)

    @property
    def aio(self) -> AsyncReads:
        """The reads for coroutines: ``await conversation.aio.get_messages()``."""
        return AsyncReads(self._reads())

    def _check(self, api_call: ApiCall) -> None:
        """Return if this call could be made now.

        Raises:
            CallRefused: it cannot succeed.
            UserNotReachable: no payload of this user is stored.
        """
        _, newest = self._newest()
        self._gateway.reader.check(api_call, newest.body, newest.component_id)

    def _reads(self) -> Reads:
        _, newest = self._newest()
        return Reads(self._gateway.reader, newest.body, newest.component_id)

    def _newest(self) -> tuple[ConversationId, HookBody]:
        """The conversation to write to, and the payload that addresses it."""
        found, own = self._stored(), self._hook
        # While a handler runs, its own hook is not in the ledger yet, and the stored one may have expired.
        if own is not None and (found is None or self._request_number(own) > self._request_number(found[1])):
            return self._id, own
        if found is None:
            where = f" on the channel {self.channel}" if self.channel else ""
            raise UserNotReachable(
                f"no payload of this user{where} is stored: set kore.keep_payloads in the bot's file, or wait until they have "
                "written"
            )
        return found

    def _stored(self) -> tuple[ConversationId, HookBody] | None:
        ledger = self._gateway.ledger()
        if self.channel and (hook := ledger.newest_hook(self._id)) is not None:
            return self._id, hook
        found = ledger.newest_hook_of(self.bot_id, self.user_id)
        # A conversation whose channel is not known has any channel.
        return found if found is not None and (not self.channel or not found[0].channel) else None

    def _request_number(self, hook: HookBody) -> int:
        """The platform numbers its requests by time (docs/protocols/kore-xo-botkit.md, 2.3)."""
        request_id = self._address(hook).request_id
        return int(request_id) if request_id.isascii() and request_id.isdecimal() else 0

    def _address(self, hook: HookBody) -> Address:
        return Address.parse(hook.body, bot_id=self.bot_id, component_id=hook.component_id)

    def _channel_type(self) -> str:
        return self._address(self._newest()[1]).channel_type

    def _request(self, api_call: ApiCall) -> Sent:
        gateway = self._gateway
        conversation_id, newest = self._newest()
        gateway.reader.check(api_call, newest.body, newest.component_id)
        event = CallsRequested(
            key=f"asked/{self._once_key or uuid4()}", at=Instant(gateway.now()), api_calls=(api_call,)
        )
        # With the handle's own hook: a thread that a handler started may write before that handler's hook is in the ledger.
        input = Input(conversation_id, event, hook=newest if newest is self._hook else None)
        return sent(gateway.ledger().submit(input))

    @property
    def _once_key(self) -> str:
        return f"{self.channel}/{self._key}" if self._key and self.channel else self._key


def sent(committing: Future[Committed]) -> Sent:
    """Wait for the commit of an input; on an event loop, return an awaitable instead.

    Raises:
        LedgerError: the commit took too long.
    """
    done = _uncancellable()

    def settle(committed: Future[Committed]) -> None:
        error = committed.exception()
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    committing.add_done_callback(settle)
    return _wait_for(done)


def _uncancellable() -> Future[None]:
    """A future that is not cancelled when a caller stops awaiting it."""
    done: Future[None] = Future()
    done.set_running_or_notify_cancel()
    return done


def _wait_for(done: Future[None]) -> Sent:
    result = Sent(done)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        try:
            result.result(COMMIT_SECONDS)
        except FutureTimeout as error:
            if done.done():
                raise
            raise LedgerError("the store took too long; the input may still be committed") from error
    return result


def answer_webhook(
    ledger: LedgerWriter,
    bots: Sequence[str],
    request_id: str,
    context: str,
    *,
    replace: bool,
    now: Callable[[], float],
    monotonic: Callable[[], float],
) -> Sent:
    """Answer a deferred webhook, even just before the deferral itself is on disk.

    A handler that starts a job and then returns ``ctx.defer()`` may be slower than the job. So an answer without a deferred
    webhook is retried for `ANSWER_SECONDS` before it fails.

    Args:
        ledger: stores the answer.
        bots: the bots whose webhook it may be.
        request_id: the webhook's.
        context: changes to its context, as JSON text; with `replace`, all of the context.
        replace: whether `context` replaces the context.
        now: seconds since the epoch.
        monotonic: seconds for durations.

    Raises:
        NothingToAnswer: no such webhook waits for an answer, or several bots have one.
        LedgerError: the answer could not be written.
    """
    event = HookAnswered(key=f"answer/{uuid4()}", at=Instant(now()), context=context, replace=replace)
    answer = _WebhookAnswer(ledger, bots, request_id, event, monotonic)
    answer.submit()
    return _wait_for(answer.done)


class _WebhookAnswer:
    """One answer. `done` completes when it is on disk or has failed."""

    def __init__(
        self,
        ledger: LedgerWriter,
        bots: Sequence[str],
        request_id: str,
        event: HookAnswered,
        monotonic: Callable[[], float],
    ) -> None:
        self.done = _uncancellable()
        self._ledger = ledger
        self._request_id = request_id
        self._conversations = [webhooks.conversation_id(bot, request_id) for bot in bots]
        self._event = event
        self._monotonic = monotonic
        self._retry_until = monotonic() + ANSWER_SECONDS

    def submit(self) -> None:
        """Hand the answer to the ledger; retries while no webhook waits for it yet."""
        try:
            match self._candidates():
                case [one]:
                    self._ledger.submit(Input(one, self._event)).add_done_callback(self._settle)
                case []:
                    self._retry("no such webhook waits for an answer")
                case _:
                    self._fail("several bots have one of this requestId; say which with bot_id")
        except LedgerError as error:
            self.done.set_exception(error)

    def _candidates(self) -> Sequence[ConversationId]:
        if len(self._conversations) == 1:
            return self._conversations
        return [one for one in self._conversations if self._ledger.newest_hook(one) is not None]

    def _settle(self, committing: Future[Committed]) -> None:
        error = committing.exception()
        if error is not None:
            self.done.set_exception(error)
        elif reason := committing.result().refused:
            self._retry(reason)
        else:
            self.done.set_result(None)

    def _retry(self, reason: str) -> None:
        if self._monotonic() >= self._retry_until:
            self._fail(reason)
            return
        # In a thread of its own, because this may be the ledger's.
        timer = threading.Timer(_RETRY_SECONDS, self.submit)
        timer.daemon = True
        timer.start()

    def _fail(self, reason: str) -> None:
        self.done.set_exception(NothingToAnswer(f"webhook {self._request_id}: {reason}"))
