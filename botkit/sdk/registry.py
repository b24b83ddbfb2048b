"""Which handlers there are, and which of them a hook is for."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

MOST_HANDLERS = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class Handler:
    """One registered function. `bot` and `detail` (a component's name, an event's type) narrow what it is for."""

    function: Callable[..., Any]
    event: str
    bot: str | None = None
    detail: str | None = None
    seconds: float | None = None
    is_coroutine: bool = field(init=False)
    """Whether it is known that calling it gives something to await; it may, all the same, where it is not."""

    def __post_init__(self) -> None:
        call = getattr(self.function, "__call__", None)  # noqa: B004 - an object whose call is a coroutine is one too
        known = inspect.iscoroutinefunction(self.function) or inspect.iscoroutinefunction(call)
        object.__setattr__(self, "is_coroutine", known)

    @property
    def name(self) -> str:
        """What logs and metrics call it."""
        return getattr(self.function, "__qualname__", type(self.function).__name__)


class Registry:
    """The handlers of a kit, in the order they were registered. Any thread."""

    def __init__(self) -> None:
        self.all: tuple[Handler, ...] = ()
        self._found: dict[tuple[str, str], tuple[Handler, ...]] = {}

    def add(self, handler: Handler) -> None:
        """Put a handler behind those that are there.

        Raises:
            ValueError: it cannot be called, or there are too many.
        """
        if not callable(handler.function):
            raise ValueError(f"a handler is a function, not a {type(handler.function).__name__}")
        if len(self.all) == MOST_HANDLERS:
            raise ValueError(f"more than {MOST_HANDLERS} handlers: are they registered anew with every call?")
        self.all = (*self.all, handler)
        self._found = {}

    def matching(self, bot_id: str, event: str) -> tuple[Handler, ...]:
        """The handlers for a bot's hooks of this name, before anybody has looked at their details."""
        found = self._found.get((bot_id, event))
        if found is None:
            found = tuple(one for one in self.all if one.event == event and one.bot in (None, bot_id))
            if found or len(self._found) < MOST_HANDLERS:
                self._found[bot_id, event] = found
        return found
