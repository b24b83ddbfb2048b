"""What a handler may return: nothing, or one of these. A context's methods make them."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from botkit.handoff.events import Choice


@dataclass(frozen=True, slots=True)
class Next:
    """Go on: the next handler, then the built-in hand-off. Both see the hook with these changes.

    `message` is for on_user_message and on_bot_message, `choice` for the hand-off of on_agent_transfer.
    """

    message: str | None = field(default=None, repr=False)
    choice: Choice = field(default_factory=Choice, repr=False)


@dataclass(frozen=True, slots=True)
class Stop:
    """The hook is dealt with: no other handler sees it, and nothing happens by default."""


@dataclass(frozen=True, slots=True)
class Answer:
    """on_webhook is answered now, with this body: the payload with its context changed (`WebhookContext.respond`)."""

    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Defer:
    """on_webhook is answered later (`WebhookContext.defer`); after `within`, with `otherwise`: changes to its context (JSON)."""

    within: timedelta
    otherwise: str = field(default="", repr=False)


class Sent:
    """A call that was asked for. In a handler it is made when the handler has returned; elsewhere it is on disk by now.

    It can be awaited, and may be returned by a handler. On an event loop, awaiting it is what waits for the disk.
    """

    __slots__ = ("_written",)

    def __init__(self, written: Future[None] | None = None) -> None:
        self._written = written

    def result(self, timeout: float | None = None) -> None:
        """Wait until it is on disk.

        Raises:
            LedgerError: it could not be written.
            NothingToAnswer: what it would have answered does not wait for an answer (any more).
        """
        if self._written is not None:
            self._written.result(timeout)

    def __await__(self) -> Generator[Any, None, None]:
        if self._written is not None:
            yield from asyncio.wrap_future(self._written).__await__()


Verdict = Next | Stop | Sent | None
"""What handlers of every hook but on_webhook may return."""
WebhookVerdict = Answer | Defer | Next | Stop | Sent | None
