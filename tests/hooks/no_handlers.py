"""The dispatch of a service whose bots have no handlers of their own."""

from __future__ import annotations

from botkit.handlers.dispatch import Dispatch
from botkit.handlers.registry import Registry


class _NoHandlerMetrics:
    def handled(self, event: str, handler: str, outcome: str) -> None:
        raise AssertionError("there is no handler")


def no_handlers() -> Dispatch:
    return Dispatch(Registry(), gateways={}, metrics=_NoHandlerMetrics())
