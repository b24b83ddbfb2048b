"""Which handlers there are, and which of them a hook is for."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

MAX_HANDLERS = 1_000


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

    name: str = field(init=False)
    """What logs and metrics call it."""

    def __post_init__(self) -> None:
        name = getattr(self.function, "__qualname__", type(self.function).__name__)
        object.__setattr__(self, "name", name)
        call = getattr(self.function, "__call__", None)  # noqa: B004 - an object whose call is a coroutine is one too
        known = inspect.iscoroutinefunction(self.function) or inspect.iscoroutinefunction(call)
        object.__setattr__(self, "is_coroutine", known)


@dataclass(frozen=True, slots=True)
class Chain:
    """The handlers of a hook, and what is known of them as a whole: a hook should not pay for finding it out."""

    handlers: tuple[Handler, ...]
    has_details: bool
    """Some of them are for a certain component or type of event only."""
    are_coroutines: bool
    """All of them are."""
    seconds: float
    """The longest of their own time limits."""
    has_usual_limit: bool
    """Some of them have none of their own."""

    @classmethod
    def of(cls, handlers: tuple[Handler, ...]) -> Chain:
        """Look at the handlers once."""
        return cls(
            handlers,
            has_details=any(one.detail is not None for one in handlers),
            are_coroutines=all(one.is_coroutine for one in handlers),
            seconds=max((one.seconds or 0.0 for one in handlers), default=0.0),
            has_usual_limit=any(one.seconds is None for one in handlers),
        )

    def limit(self, usual: float) -> float:
        """The time limit, in seconds: the longest of theirs."""
        return max(usual, self.seconds) if self.has_usual_limit else self.seconds


class Registry:
    """The handlers of a kit, in the order they were registered. Any thread."""

    def __init__(self) -> None:
        self.all: tuple[Handler, ...] = ()
        self._found: dict[tuple[str, str], Chain] = {}

    def add(self, handler: Handler) -> None:
        """Put a handler behind those that are there.

        Raises:
            ValueError: it cannot be called, or there are too many.
        """
        if not callable(handler.function):
            raise ValueError(f"a handler is a function, not a {type(handler.function).__name__}")
        if len(self.all) == MAX_HANDLERS:
            raise ValueError(f"more than {MAX_HANDLERS} handlers: are they registered anew with every call?")
        self.all = (*self.all, handler)
        self._found = {}

    def matching(self, bot_id: str, event: str) -> Chain:
        """The handlers for a bot's hooks of this name, before anybody has looked at their details."""
        known = (
            self._found
        )  # Another one as soon as a handler is added: what is found now may not be true for that.
        found = known.get((bot_id, event))
        if found is None:
            mine = (one for one in self.all if one.event == event and one.bot in (None, bot_id))
            found = Chain.of(tuple(mine))
            if found.handlers or len(known) < MAX_HANDLERS:
                known[bot_id, event] = found
        return found
