"""Retries: a failed call is sent again if that may succeed and causes no duplicate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from botkit.errors import CallError, NotAuthorized, Unreachable
from botkit.http import Request, Response
from botkit.http.retry import Backoff
from botkit.kore import check_reply

_BACKOFF = Backoff(first=0.25, slowest=10.0)
"""`slowest` is also the longest wait: if a server asks for more, the caller gets the error with its `retry_after`."""


@dataclass(frozen=True, slots=True)
class Attempts:
    """Sends requests, several times if needed. `build` makes the request for each attempt, so each gets its own signature.

    `sign_anew` is called when the platform refused a signature. `clock` returns epoch seconds; `chance` draws the jitter from
    [0, 1).
    """

    send: Callable[[Request], Response]
    sign_anew: Callable[[], None]
    max_attempts: int
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    chance: Callable[[], float]

    def read(self, build: Callable[[], Request]) -> Response:
        """Make a call that changes nothing: it is repeated after every retryable error."""
        return self._made(build, lambda error: error.retryable)

    def post(self, build: Callable[[], Request]) -> Response:
        """Make a call that has effects: it is repeated only if it cannot have arrived."""
        return self._made(
            build, lambda error: isinstance(error, Unreachable) and not error.possible_duplicate
        )

    def _made(self, build: Callable[[], Request], may_repeat: Callable[[CallError], bool]) -> Response:
        failures = 0
        while True:
            request = build()
            try:
                return check_reply(request.what, self.send(request), now=self.clock())
            except CallError as error:
                failures += 1
                if isinstance(error, NotAuthorized):
                    self.sign_anew()
                wait = max(error.retry_after or 0.0, _BACKOFF.delay(failures, chance=self.chance()))
                if failures >= self.max_attempts or not may_repeat(error) or wait > _BACKOFF.slowest:
                    raise
            self.sleep(wait)
