"""The front of a service whose bots have no handlers of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botkit.handlers.context import Tools
from botkit.handlers.dispatch import Dispatch
from botkit.handlers.registry import Registry
from botkit.hooks.parser import HookParser


class NobodyCounts:
    def handled(self, event: str, handler: str, outcome: str) -> None:
        raise AssertionError("there is no handler")


def no_handlers(doors: Mapping[str, HookParser]) -> Dispatch:
    return Dispatch(
        Registry(),
        doors=doors,
        tools=Tools(conversation=_nobody_asks, reads=_nobody_asks, check=_nobody_asks),
        metrics=NobodyCounts(),
    )


def _nobody_asks(*_: Any) -> Any:
    raise AssertionError("there is no handler")
