"""Calls that are made again, where that may help and can do no harm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from botkit.errors import CallError, NotAuthorized, Unreachable
from botkit.http import Request, Response
from botkit.kore.replies import check_reply

_FIRST_WAIT_SECONDS = 0.25
_MAX_WAIT_SECONDS = 10.0
"""A server that wants to be left alone for longer is: the caller is told, with how long."""


@dataclass(frozen=True, slots=True)
class Attempts:
    """Sends requests, several times if need be, each time as `build` makes them then: signed anew.

    Args:
        send: carries one request.
        sign_anew: what to do when the platform did not take a signature.
        most: attempts for one call.
        clock: epoch seconds.
        sleep: waits.
        chance: jitter, drawn from [0, 1).
    """

    send: Callable[[Request], Response]
    sign_anew: Callable[[], None]
    most: int
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    chance: Callable[[], float]

    def ask(self, build: Callable[[], Request]) -> Response:
        """A question: it changes nothing, so it is asked again whenever that may help."""
        return self._made(build, lambda error: error.retryable)

    def tell(self, build: Callable[[], Request]) -> Response:
        """Something that has effects: again only when it certainly did not arrive."""
        return self._made(
            build, lambda error: isinstance(error, Unreachable) and not error.possible_duplicate
        )

    def _made(self, build: Callable[[], Request], again: Callable[[CallError], bool]) -> Response:
        failures = 0
        while True:
            request = build()
            try:
                return check_reply(request.what, self.send(request), now=self.clock())
            except CallError as error:
                failures += 1
                if isinstance(error, NotAuthorized):
                    self.sign_anew()
                wait = max(error.retry_after or 0.0, self.chance() * _FIRST_WAIT_SECONDS * 2**failures)
                if failures >= self.most or not again(error) or wait > _MAX_WAIT_SECONDS:
                    raise
            self.sleep(wait)
