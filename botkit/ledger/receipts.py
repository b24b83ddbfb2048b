"""Receipts of inputs: each tells the outcome of one input to the code that submitted it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from botkit.ledger.interface import Committed, Input
from botkit.observability.events import get_logger
from botkit.observability.tracebacks import where

_log = get_logger("botkit.ledger")

T = TypeVar("T")


class Receipt(Generic[T]):
    """Calls a function with the outcome. The input may be dropped until its commit begins."""

    __slots__ = ("_dropped", "_then", "settled")

    def __init__(self, then: Callable[[T | Exception], None]) -> None:
        self._then = then
        self._dropped = False
        self.settled = False
        """Whether the outcome was told."""

    def drop(self) -> None:
        """Drop the input. Has no effect if its commit has begun."""
        self._dropped = True

    def begins(self) -> bool:
        """Whether the commit may begin; False if the input was dropped. It may be asked again once it has begun."""
        return not self._dropped

    def settle(self, outcome: T | Exception) -> None:
        """The outcome; told once. What the function raises is logged: it must not end the thread that commits."""
        self.settled = True
        try:
            self._then(outcome)
        except Exception as error:  # noqa: BLE001 - the other inputs of the commit have to be told
            _log.error("call_failed", error=where(error))


class FutureReceipt(Receipt[T]):
    """Sets a future, which may be cancelled until the commit begins."""

    __slots__ = ("_future",)

    def __init__(self, future: Future[T]) -> None:
        self._future = future
        self.settled = False

    def drop(self) -> None:
        self._future.cancel()

    def begins(self) -> bool:
        return self._future.running() or self._future.set_running_or_notify_cancel()

    def settle(self, outcome: T | Exception) -> None:
        self.settled = True
        if isinstance(outcome, Exception):
            self._future.set_exception(outcome)
        else:
            self._future.set_result(outcome)


class Submits(ABC):
    """The two ways to submit an input, for everything that takes inputs in."""

    def submit(self, input: Input) -> Future[Committed]:
        """See `interface.Ledger.submit`."""
        future: Future[Committed] = Future()
        receipt = FutureReceipt(future)
        if (refused := self._submit(input, receipt, None)) is not None:
            receipt.settle(refused)
        return future

    def submit_then(self, input: Input, then: Callable[[Committed | Exception], None]) -> Callable[[], None]:
        """See `interface.Ledger.submit_then`."""
        receipt: Receipt[Committed] = Receipt(then)
        if (refused := self._submit(input, receipt, asyncio._get_running_loop())) is not None:
            receipt.settle(refused)
        return receipt.drop

    @abstractmethod
    def _submit(
        self, input: Input, receipt: Receipt[Committed], loop: asyncio.AbstractEventLoop | None
    ) -> Exception | None:
        """Queue an input, or return why it is not accepted. On a loop, it is taken when the loop's turn has ended."""
