"""The numbers of what we send: one more for each new request, the same for a repeated one (3.8).

With them the server drops duplicates, and refuses what is not next with the last number it accepted. After a restart nobody
knows that number. Guessing too low could make a new message look like an old one and be dropped, so the first guess is far
too high: the refusal tells the right number, and a server that does not check takes it as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

FAR_AHEAD = 1_000_000


@dataclass(frozen=True, slots=True)
class _Open:
    key: str
    number: int
    unsure: bool = False


class Sequence:
    """Numbers of one session's POSTs, which go out one after the other."""

    __slots__ = ("_last", "_off", "_open")

    def __init__(self) -> None:
        self._last: int | None = None
        self._open: _Open | None = None
        self._off = False

    def begin(self) -> None:
        """The session is new, or was reconnected: the next number is 1."""
        self._last = 0
        self._open = None

    def number(self, key: str) -> int | None:
        """The number for the request `key`; None when the server does not want one."""
        if self._off:
            return None
        if self._open is None or self._open.key != key:
            last = self._last
            if self._open is not None:
                # Nobody knows whether the other one was accepted. If it was not, the server will say so.
                last = self._open.number
            self._open = _Open(key, FAR_AHEAD if last is None else last + 1)
        return self._open.number

    def accepted(self) -> None:
        """The server took it."""
        if self._open is not None:
            self._last = self._open.number
            self._open = None

    def unsure(self) -> None:
        """No answer, or one that does not tell whether it was taken."""
        if self._open is not None:
            self._open = replace(self._open, unsure=True)

    def refused(self, actual: int | None) -> bool:
        """It is not the next number; `actual` is the last one the server accepted, where it says so.

        Returns:
            Whether the request was taken by an earlier attempt; otherwise it may be sent again with its new number.
        """
        if self._open is None:
            return False
        if actual is None:
            self._off = True  # The header is optional in practice (1): better without than stuck.
            self._open = None
            return False
        if self._open.unsure and actual >= self._open.number:
            self._last = actual
            self._open = None
            return True
        self._open = _Open(self._open.key, actual + 1)
        return False
