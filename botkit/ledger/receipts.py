"""Receipts of inputs: each tells the outcome of one input to the code that submitted it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

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
