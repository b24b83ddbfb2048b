"""Answers hooks on an event loop: no thread, no task and no future for a hook without handlers.

The ledger wakes the loop once per commit, and all hooks of that commit are answered in one turn of the loop.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from botkit.asgi.bodies import PendingBodies
from botkit.asgi.handling import Handling
from botkit.errors import TooManyBodies
from botkit.executor import JobQueue
from botkit.handlers.dispatch import DispatchResult, without_handlers
from botkit.handlers.endpoint import Admitted, HookEndpoint, HookResponse, too_slow
from botkit.ledger.interface import Committed, Input
from botkit.loop_calls import LoopCalls
from botkit.observability.events import get_logger
from botkit.observability.tracebacks import where

_log = get_logger("botkit.asgi")

Then = Callable[[HookResponse], None]
"""Gets the answer of a hook, once, on the loop; at once if the hook is refused."""


class Store(Protocol):
    """The ledger as the door uses it; implemented by `botkit.service.service.Service`."""

    @property
    def is_running(self) -> bool:
        """Whether the ledger accepts inputs."""

    def start(self) -> None:
        """Start it; blocks. Raises: LedgerError if it cannot be started."""

    def submit_then(
        self, input: Input, then: Callable[[Committed | Exception], None], /
    ) -> Callable[[], None]:
        """See `ledger.interface.Ledger.submit_then`."""


class Door:
    """Answers the hooks of one service on one loop. Everything here is called on that loop.

    Args:
        endpoint: the steps of a hook.
        store: commits the inputs; started with the first hook if it does not run yet.
        calls: calls the loop from other threads.
        bodies: those that have not arrived yet.
        threads: the number of hooks whose handlers run at the same time.
    """

    def __init__(
        self,
        endpoint: HookEndpoint,
        store: Store,
        calls: LoopCalls,
        *,
        bodies: PendingBodies,
        threads: int,
    ) -> None:
        self.endpoint = endpoint
        self.calls = calls
        self.bodies = bodies
        self._store = store
        self._jobs = JobQueue("botkit-dispatch", threads=threads)
        self._handling = Handling(
            endpoint.dispatch,
            calls,
            self._jobs,
            context_factory=endpoint.context_factory,
            at_once=threads,
        )
        self._committing: dict[_Committing, None] = {}
        """The oldest first."""
        self._is_watching = False

    def answer(self, admitted: Admitted, body: bytes, then: Then) -> None:
        """Answer an admitted hook."""
        endpoint = self.endpoint
        try:
            if not self._store.is_running:
                self._put(partial(self._start, admitted, body, then))
                return
            hook = endpoint.read(admitted, body)
            chain = endpoint.dispatch.matching(hook)
            if chain is None:
                self._commit(admitted, without_handlers(hook), then)
            else:
                self._handling.put(chain, hook, partial(self._handled, admitted, then))
        except Exception as error:  # noqa: BLE001 - the edge: any error is logged and becomes an answer of the protocol
            then(endpoint.failed(admitted.path, error, began=admitted.began))

    # --- hooks with handlers ----------------------------------------------------------------------------------------

    def _handled(self, admitted: Admitted, then: Then, result: DispatchResult | Exception) -> None:
        """The handlers of a hook have returned."""
        if isinstance(result, Exception):
            self._fail(admitted, result, then)
        else:
            self._commit(admitted, result, then)

    def _commit(self, admitted: Admitted, result: DispatchResult, then: Then) -> None:
        committing = _Committing(self, admitted, result, then)
        self._watch(committing)
        committing.submit(self._store)

    # --- the start of the store -------------------------------------------------------------------------------------

    def _start(self, admitted: Admitted, body: bytes, then: Then) -> None:
        """In a thread: start the store for the first hooks."""
        try:
            self._store.start()
        except Exception as error:  # noqa: BLE001 - see `answer`
            self.calls.soon(self._fail, admitted, error, then)
        else:
            self.calls.soon(self.answer, admitted, body, then)

    def _put(self, job: Callable[[], None]) -> None:
        if not self._jobs.has_room:
            raise TooManyBodies(
                reason="too many hooks wait for the start of the store", fix="why the store starts so slowly"
            )
        self._jobs.put(job)

    def _fail(self, admitted: Admitted, error: Exception, then: Then) -> None:
        then(self.endpoint.failed(admitted.path, error, began=admitted.began))

    # --- the time limit of commits ----------------------------------------------------------------------------------

    def _watch(self, committing: _Committing) -> None:
        if committing.is_over:
            return
        committing.since = self.calls.loop.time()
        self._committing[committing] = None
        if not self._is_watching:
            self._is_watching = True
            self.calls.loop.call_later(self.endpoint.commit_seconds, self._drop_overdue)

    def _drop_overdue(self) -> None:
        """Refuse the hooks whose commit takes too long. One timer for all of them, since all have the same limit."""
        loop, limit = self.calls.loop, self.endpoint.commit_seconds
        self._is_watching = False
        while self._committing:
            oldest = next(iter(self._committing))
            left = oldest.since + limit - loop.time()
            if left > 0:
                self._is_watching = True
                loop.call_later(left, self._drop_overdue)
                return
            del self._committing[oldest]
            try:
                oldest.drop()
            except Exception as error:  # noqa: BLE001 - the others have to be refused too
                _log.error("call_failed", error=where(error))

    def finished(self, committing: _Committing, error: Exception | None) -> None:
        """A hook's inputs are committed, or one of them failed."""
        self._committing.pop(committing, None)
        endpoint, admitted = self.endpoint, committing.admitted
        if error is None:
            committing.then(endpoint.answered(admitted, committing.result))
        else:
            self._fail(admitted, error, committing.then)


class _Committing:
    """A hook that waits for the commit of its inputs, nearly always one."""

    __slots__ = ("_door", "_drops", "_outcomes", "admitted", "is_over", "result", "since", "then")

    def __init__(self, door: Door, admitted: Admitted, result: DispatchResult, then: Then) -> None:
        self._door = door
        self._drops: list[Callable[[], None]] = []
        self._outcomes: list[Committed | Exception] = []
        self.admitted = admitted
        self.result = result
        self.then = then
        self.since = 0.0
        self.is_over = False

    def submit(self, store: Store) -> None:
        """Hand the inputs to the ledger."""
        for input in self.result.inputs:
            try:
                self._drops.append(store.submit_then(input, self._committed))
            except Exception as error:  # noqa: BLE001 - the hook is answered like one whose commit failed
                self._committed(error)

    def drop(self) -> None:
        """Refuse the hook. A commit in progress may still succeed; then the platform's next attempt is a duplicate."""
        for drop in self._drops:
            drop()
        self._end(too_slow())

    def _committed(self, outcome: Committed | Exception) -> None:
        """In the ledger's thread, which commits the inputs in order."""
        self._outcomes.append(outcome)
        if len(self._outcomes) == len(self.result.inputs):
            self._door.calls.soon(self._finish)

    def _finish(self) -> None:
        if self.is_over:
            return
        failure = None
        for outcome in self._outcomes:
            if isinstance(outcome, Exception):
                failure = failure or outcome
            elif outcome.duplicate:
                self._door.endpoint.metrics.duplicate()
        self._end(failure)

    def _end(self, failure: Exception | None) -> None:
        self.is_over = True
        # What drops an input refers back to this object: without a cycle, the hook's memory is free for the next one at once.
        self._drops.clear()
        self._door.finished(self, failure)
