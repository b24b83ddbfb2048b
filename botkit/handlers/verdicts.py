"""The verdicts that a handler may return. The methods of its context create them; None is a verdict too."""

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
    """Continue with the next handler, then with the built-in hand-off. Both see the hook with these changes.

    Attributes:
        message: the new text, for on_user_message and on_bot_message.
        choice: the choices for the hand-off of on_agent_transfer.
    """

    message: str | None = field(default=None, repr=False)
    choice: Choice = field(default_factory=Choice, repr=False)


@dataclass(frozen=True, slots=True)
class Stop:
    """Finish the hook: no other handler is called, and the default does not happen."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer on_webhook now, with this body: the payload with its context changed (`WebhookContext.respond`)."""

    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Defer:
    """Answer on_webhook later (`WebhookContext.defer`).

    Attributes:
        within: the time limit of the answer.
        otherwise: the answer after that: changes to the context, as JSON text.
    """

    within: timedelta
    otherwise: str = field(default="", repr=False)


class Sent:
    """A requested call. In a handler it is made when the handler has returned; elsewhere it is on disk already.

    A handler may return it. On an event loop, await it to wait until it is on disk.
    """

    __slots__ = ("_written",)

    def __init__(self, written: Future[None] | None = None) -> None:
        self._written = written

    def result(self, timeout: float | None = None) -> None:
        """Wait until it is on disk.

        Raises:
            LedgerError: it could not be written.
            NothingToAnswer: the webhook does not wait for an answer (any more).
        """
        if self._written is not None:
            self._written.result(timeout)

    def __await__(self) -> Generator[Any, None, None]:
        if self._written is not None:
            yield from asyncio.wrap_future(self._written).__await__()


Verdict = Next | Stop | Sent | None
"""The return value of handlers, except those of on_webhook."""
WebhookVerdict = Answer | Defer | Next | Stop | Sent | None
