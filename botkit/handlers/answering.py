"""Answering a deferred webhook from anywhere, also a moment before the deferral itself is on disk.

A handler that starts a job and then returns ``ctx.defer()`` may be slower than the job. So an answer that nothing waits for yet
is handed in again for a while; only then is it one that nothing will ever wait for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from uuid import uuid4

from botkit.errors import LedgerError, NothingToAnswer
from botkit.handlers.conversation import Submits
from botkit.handoff import webhooks
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.events import HookAnswered
from botkit.ledger.interface import Committed, Input

LOCK_TIMEOUT_SECONDS = 3.0
_AGAIN_SECONDS = 0.05


class Answering:
    """One answer on its way.

    Args:
        store: where it is written.
        bots: the bots whose webhook it may be for.
        request_id: the webhook's.
        context: changes to its context, as JSON text; or, with `replace`, the whole of it.
        now: seconds since the epoch.
        monotonic: seconds for durations.
    """

    def __init__(
        self,
        store: Submits,
        bots: Sequence[str],
        request_id: str,
        context: str,
        *,
        replace: bool,
        now: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._store = store
        self._request_id = request_id
        self._where = [webhooks.conversation_id(bot, request_id) for bot in bots]
        self._event = HookAnswered(
            key=f"answer/{uuid4()}", at=Instant(now()), context=context, replace=replace
        )
        self._monotonic = monotonic
        self._until = monotonic() + LOCK_TIMEOUT_SECONDS
        self.done: Future[None] = Future()
        """Done when it is on disk; fails with NothingToAnswer, or LedgerError."""
        self.done.set_running_or_notify_cancel()  # Whoever stops waiting for it does not stop it.

    def begin(self) -> None:
        """Hand it in, again and again while nothing waits for it yet."""
        try:
            match self._found():
                case [one]:
                    self._store.submit(Input(one, self._event)).add_done_callback(self._settle)
                case []:
                    self._nothing("no such webhook waits for an answer")
                case _:
                    self._refuse("several bots have one of this requestId; say which with bot_id")
        except LedgerError as error:
            self.done.set_exception(error)

    def _found(self) -> Sequence[ConversationId]:
        if len(self._where) == 1:
            return self._where
        return [one for one in self._where if self._store.newest_hook(one) is not None]

    def _settle(self, committing: Future[Committed]) -> None:
        error = committing.exception()
        if error is not None:
            self.done.set_exception(error)
        elif reason := committing.result().refused:
            self._nothing(reason)
        else:
            self.done.set_result(None)

    def _nothing(self, reason: str) -> None:
        if self._monotonic() >= self._until:
            self._refuse(reason)
            return
        # In a thread of its own: this may be the ledger's.
        again = threading.Timer(_AGAIN_SECONDS, self.begin)
        again.daemon = True
        again.start()

    def _refuse(self, reason: str) -> None:
        self.done.set_exception(NothingToAnswer(f"webhook {self._request_id}: {reason}"))
