"""Writing to a user outside any hook: from a background job, another process, a coroutine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

from botkit.errors import LedgerError, UserNotReachable
from botkit.handlers.calls import Calls
from botkit.handlers.messages import Message, MetaTags
from botkit.handlers.reads import AsyncReads, Reads
from botkit.handlers.verdicts import Sent
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.events import ApiCall, CallsRequested
from botkit.kore.address import Address
from botkit.ledger.interface import Committed, HookBody, Input

COMMIT_SECONDS = 10.0


class Submits(Protocol):
    """The part of a ledger that is needed here."""

    def submit(self, given: Input) -> Future[Committed]:
        """See `ledger.interface.Ledger.submit`."""

    def newest_hook(self, conversation_id: ConversationId) -> HookBody | None:
        """See `ledger.interface.Ledger.newest_hook`."""


Check = Callable[[str, ApiCall, bytes, str], None]
"""Whether a bot's call can be made with a payload of this component at all; raises CallError if not."""


@dataclass(frozen=True, slots=True)
class ConversationGateway:
    """What a conversation handle needs of the service."""

    ledger: Callable[[], Submits]
    reads: Callable[[str, bytes, str], Reads]
    check: Check
    now: Callable[[], float]


class ConversationHandle(Calls):
    """One user of one bot. May be kept, and used from any thread or coroutine.

    Each call returns when what it asks for is on disk. On an event loop it returns at once, and awaiting what it returns
    waits for that: ``await conversation.send("…")``.

    Raises:
        UserNotReachable: no payload of this user is kept. Set `kore.keep_payloads`, or wait until they have written. One
            that comes from a handler's context brings its hook's payload along.
        LedgerError: it could not be written.
    """

    def __init__(
        self,
        bot_id: str,
        user_id: str,
        outside: ConversationGateway,
        *,
        hook: HookBody | None = None,
        key: str = "",
    ) -> None:
        self._id = ConversationId(bot_id, user_id)
        self._outside = outside
        self._hook = hook
        self._key = key

    @property
    def bot_id(self) -> str:
        """``st-…``"""
        return self._id.bot_id

    @property
    def user_id(self) -> str:
        """The name of the user that hooks come under: `ctx.user.id`."""
        return self._id.user_id

    def once(self, key: str) -> ConversationHandle:
        """The same, for one call that is made once however often it is asked for: ``.once("order-17").send("…")``.

        A key is remembered for some hours.
        """
        return ConversationHandle(self.bot_id, self.user_id, self._outside, hook=self._hook, key=key)

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
        """The newest messages, newest first. Asks the platform.

        Raises:
            CallError: it did not answer.
        """
        return self._reads().get_messages(limit=limit, skip=skip)

    @property
    def aio(self) -> AsyncReads:
        """The same for coroutines: ``await conversation.aio.get_messages()``."""
        return AsyncReads(self._reads())

    def _reads(self) -> Reads:
        newest = self._newest()
        return self._outside.reads(self.bot_id, newest.body, newest.component_id)

    def _newest(self) -> HookBody:
        newest, mine = self._outside.ledger().newest_hook(self._id), self._hook
        if mine is not None and (newest is None or self._number_of(mine) > self._number_of(newest)):
            newest = (
                mine  # In a handler its own hook is not in the ledger yet, and what is kept may have expired.
            )
        if newest is None:
            raise UserNotReachable(
                "no payload of this user is kept: set kore.keep_payloads in the bot's file, or wait until they have written"
            )
        return newest

    def _number_of(self, hook: HookBody) -> int:
        """The platform numbers its requests in the order of time (protocols/kore-xo-botkit.md, 2.3)."""
        request_id = self._address(hook).request_id
        return int(request_id) if request_id.isascii() and request_id.isdecimal() else 0

    def _address(self, hook: HookBody) -> Address:
        return Address.parse(hook.body, bot_id=self.bot_id, component_id=hook.component_id)

    def _channel_type(self) -> str:
        return self._address(self._newest()).channel_type

    def _ask(self, ask: ApiCall) -> Sent:
        newest = self._newest()
        self._outside.check(self.bot_id, ask, newest.body, newest.component_id)
        at = Instant(self._outside.now())
        event = CallsRequested(key=f"asked/{self._key or uuid4()}", at=at, api_calls=(ask,))
        # The hook it came from may not be in the ledger yet: a handler's thread can be quicker than its handler.
        given = Input(self._id, event, hook=newest if newest is self._hook else None)
        return written(self._outside.ledger().submit(given))


def written(committing: Future[Committed]) -> Sent:
    """What an input's sender gets: it has waited for the disk, but on an event loop the waiting is left to `await`."""
    done: Future[None] = Future()
    done.set_running_or_notify_cancel()  # Whoever stops waiting for it does not stop it.

    def settle(committed: Future[Committed]) -> None:
        error = committed.exception()
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    committing.add_done_callback(settle)
    return waited_for(done)


def waited_for(done: Future[None]) -> Sent:
    """The same for whatever is on disk when `done` is done.

    Raises:
        LedgerError: it took too long.
    """
    sent = Sent(done)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        try:
            sent.result(COMMIT_SECONDS)
        except FutureTimeout as error:
            if done.done():
                raise
            raise LedgerError("the store took too long; it may be written yet") from error
    return sent
