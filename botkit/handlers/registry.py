"""The registered handlers, and the handler chain of each hook."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

MAX_HANDLERS = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class Handler:
    """One registered function.

    Attributes:
        function: is called with the context of a hook.
        event: the name of the hook event.
        bot: the only bot whose hooks it handles; None for all bots.
        detail: the only component name or event type that it handles; None for all.
        seconds: its own time limit; None for the usual one.
        is_coroutine: whether it is known to return an awaitable. Other functions may return one too.
        name: its name in logs and metrics.
    """

    function: Callable[..., Any]
    event: str
    bot: str | None = None
    detail: str | None = None
    seconds: float | None = None
    is_coroutine: bool = field(init=False)
    name: str = field(init=False)

    def __post_init__(self) -> None:
        name = getattr(self.function, "__qualname__", type(self.function).__name__)
        object.__setattr__(self, "name", name)
        call = getattr(self.function, "__call__", None)  # noqa: B004 - an object whose call is a coroutine is one too
        known = inspect.iscoroutinefunction(self.function) or inspect.iscoroutinefunction(call)
        object.__setattr__(self, "is_coroutine", known)


@dataclass(frozen=True, slots=True)
class Chain:
    """The handlers of a hook, with their common properties computed once instead of for every hook.

    Attributes:
        handlers: in the order in which they are called.
        has_details: whether some of them handle only one component or one type of event.
        are_coroutines: whether all of them are.
        seconds: the longest of their own time limits.
        has_usual_limit: whether some of them have no time limit of their own.
    """

    handlers: tuple[Handler, ...]
    has_details: bool
    are_coroutines: bool
    seconds: float
    has_usual_limit: bool

    @classmethod
    def of(cls, handlers: tuple[Handler, ...]) -> Chain:
        """Compute the properties of these handlers."""
        return cls(
            handlers,
            has_details=any(one.detail is not None for one in handlers),
            are_coroutines=all(one.is_coroutine for one in handlers),
            seconds=max((one.seconds or 0.0 for one in handlers), default=0.0),
            has_usual_limit=any(one.seconds is None for one in handlers),
        )

    def limit(self, usual: float) -> float:
        """The time limit of the chain in seconds: the longest of its handlers'."""
        return max(usual, self.seconds) if self.has_usual_limit else self.seconds


class Registry:
    """The handlers of a kit, in the order of their registration. Thread-safe."""

    def __init__(self) -> None:
        self.all: tuple[Handler, ...] = ()
        self._chains: dict[tuple[str, str], Chain] = {}

    def add(self, handler: Handler) -> None:
        """Append a handler. Raises: ValueError if it is not callable, or there are too many handlers."""
        if not callable(handler.function):
            raise ValueError(f"a handler is a function, not a {type(handler.function).__name__}")
        if len(self.all) == MAX_HANDLERS:
            raise ValueError(f"more than {MAX_HANDLERS} handlers: are they registered again with every call?")
        self.all = (*self.all, handler)
        self._chains = {}

    def matching(self, bot_id: str, event: str) -> Chain:
        """The chain for a bot's hooks of this name, before their details are compared."""
        chains = (
            self._chains
        )  # `add` replaces this dictionary, so a chain computed during an `add` is not kept.
        chain = chains.get((bot_id, event))
        if chain is None:
            chain = Chain.of(
                tuple(one for one in self.all if one.event == event and one.bot in (None, bot_id))
            )
            if chain.handlers or len(chains) < MAX_HANDLERS:
                chains[bot_id, event] = chain
        return chain
