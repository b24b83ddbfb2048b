"""`Idle`: connections for reading that are kept for the next reader."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar


class _Closable(Protocol):
    def close(self) -> None: ...


C = TypeVar("C", bound=_Closable)


class Idle(Generic[C]):
    """Lends each thread a connection of its own.

    Args:
        connect: opens one.
        at_most: max connections that are kept while nobody reads.
        usable: whether one that was kept can still be used; it is closed otherwise.
    """

    def __init__(
        self, connect: Callable[[], C], *, at_most: int, usable: Callable[[C], bool] = lambda _: True
    ) -> None:
        self._connect = connect
        self._usable = usable
        self._at_most = at_most
        self._kept: deque[C] = deque()
        self._closed = False

    @contextmanager
    def lent(self) -> Iterator[C]:
        """A connection for this block. It is closed if the block raises."""
        connection = self._next()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        if self._closed or len(self._kept) >= self._at_most:
            connection.close()
        else:
            self._kept.append(connection)

    def _next(self) -> C:
        while True:
            try:
                connection = self._kept.pop()
            except IndexError:
                return self._connect()
            if self._usable(connection):
                return connection
            connection.close()

    def close(self) -> None:
        """Close those that are kept, and keep no more."""
        self._closed = True
        while self._kept:
            self._kept.pop().close()
