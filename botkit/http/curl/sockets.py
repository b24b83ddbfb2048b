"""The sockets that libcurl waits for, behind one descriptor.

On Linux by epoll itself: through Python's `selectors`, each change costs eight times as much. Elsewhere by a selector with a
descriptor (kqueue), so on macOS and the BSDs.
"""

from __future__ import annotations

import select
import sys
from collections.abc import Iterable
from selectors import DefaultSelector

READ, WRITE = 1, 2
"""As libcurl's POLL_IN and POLL_OUT, its CSELECT_IN and CSELECT_OUT, and the events of `selectors`."""

if sys.platform == "linux":
    _IN, _OUT = select.EPOLLIN, select.EPOLLOUT
    _MASKS = (0, _IN, _OUT, _IN | _OUT)
    _MAX_READY = 64
    """Max sockets that one call of `ready` returns; the next call returns the others. `poll` makes room for as many events, at
    each call."""

    class Sockets:
        """What is watched, and what of it is ready."""

        def __init__(self) -> None:
            self._epoll = select.epoll()
            self._watched: dict[int, int] = {}
            self.fileno = self._epoll.fileno
            self.close = self._epoll.close

        def watch(self, descriptor: int, events: int) -> None:
            """Watch a socket for reading and writing (READ, WRITE or both), from now on or differently than before."""
            before = self._watched.get(descriptor)
            if before == events:
                return
            try:
                if before is not None:
                    self._epoll.modify(descriptor, _MASKS[events])
                else:
                    self._epoll.register(descriptor, _MASKS[events])
            except FileNotFoundError:  # Another socket has got the number of one that was closed.
                self._epoll.register(descriptor, _MASKS[events])
            self._watched[descriptor] = events

        def forget(self, descriptor: int) -> None:
            """Watch a socket no longer. Has no effect on one that is not watched."""
            if self._watched.pop(descriptor, None) is None:
                return
            try:
                self._epoll.unregister(descriptor)
            except OSError:
                return  # It is closed already.

        def ready(self) -> Iterable[tuple[int, int]]:
            """Each socket that is ready now, with its events. An error makes it ready for both."""
            for descriptor, mask in self._epoll.poll(0, _MAX_READY):
                events = (READ if mask & ~_OUT else 0) | (WRITE if mask & ~_IN else 0)
                yield descriptor, events & self._watched.get(descriptor, 0)

else:

    class Sockets:
        """What is watched, and what of it is ready; see the class for Linux."""

        def __init__(self) -> None:
            self._selector = DefaultSelector()
            self.fileno = self._selector.fileno
            self.close = self._selector.close

        def watch(self, descriptor: int, events: int) -> None:
            if descriptor in self._selector.get_map():
                self._selector.modify(descriptor, events)
            else:
                self._selector.register(descriptor, events)

        def forget(self, descriptor: int) -> None:
            if descriptor in self._selector.get_map():
                self._selector.unregister(descriptor)

        def ready(self) -> Iterable[tuple[int, int]]:
            for key, events in self._selector.select(0):
                yield key.fd, events
