"""Cutting off connections whose request never comes to its end, so that they do not hold the service's threads for ever.

Granian bounds the time for a request's headers, but not for its body, and a thread that waits for a body cannot be woken from
Python; closing its connection wakes it. WSGI does not say which connection a request came by, so the kernel is asked what each
one has been doing (TCP_INFO). All of this happens only while a body is overdue: usually the watch does nothing.

A token has to be right before a body is waited for, so this needs a stolen one, or a proxy that hands on half a request.
"""

from __future__ import annotations

import logging
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

log = logging.getLogger(__name__)

BODY_SECONDS = 15.0
"""A body that takes longer is not coming. Longer than a hook may wait for its commit (`middleware.COMMIT_SECONDS`)."""
HURRIED_SECONDS = 2.0
"""The same, while a quarter of those that may be waited for are."""
_LOOK_SECONDS = 0.5

_LAST_DATA_SENT_AND_RECEIVED = (44, struct.Struct("=I4xI"))
_BYTES_ACKNOWLEDGED_AND_RECEIVED = (120, struct.Struct("=QQ"))
"""Where they stand in Linux's struct tcp_info (include/uapi/linux/tcp.h); times are in milliseconds."""
_TCP_INFO_BYTES = 136


@dataclass(frozen=True, slots=True)
class Activity:
    """What a connection has been doing. Times are seconds since the last data."""

    sent_ago: float
    received_ago: float
    answered: int
    received: int


@dataclass(slots=True)
class _Seen:
    """A connection as it was when something was last answered on it (or when it was first looked at)."""

    answered: int
    received: int
    pending_since: float | None = None


class StalledConnections:
    """Decides which connections are to be cut off, look by look."""

    def __init__(self) -> None:
        self._seen: dict[object, _Seen] = {}

    def look(
        self, connections: dict[object, Activity], *, now: float, lock_timeout_seconds: float
    ) -> set[object]:
        """Those on which nothing has been answered for so long.

        A silent connection may also be an idle one, kept alive: it is cut off as well, as any server does some time, since
        the two cannot be told apart. One that still receives is cut off when a request on it stays unanswered.
        """
        self._seen = {key: seen for key, seen in self._seen.items() if key in connections}
        stalled = set()
        for key, activity in connections.items():
            seen = self._seen.get(key)
            if seen is None or seen.answered != activity.answered:
                received = activity.received if activity.answered else 0
                seen = self._seen[key] = _Seen(activity.answered, received)
            if activity.received > seen.received and seen.pending_since is None:
                seen.pending_since = now
            silent = min(activity.sent_ago, activity.received_ago) > lock_timeout_seconds
            pending = seen.pending_since is not None and now - seen.pending_since > lock_timeout_seconds
            if silent or pending:
                stalled.add(key)
        return stalled

    def forget(self) -> None:
        """Nothing is overdue any more."""
        self._seen.clear()


def watch(port: int, waiting: Callable[[], tuple[int, float]], *, max_concurrent: int) -> None:
    """Cut off what stalls on this port of this process, from now on, in a thread of its own. Linux only.

    Args:
        port: the port the service listens on.
        waiting: how many bodies are being waited for, and how long the slowest (`hooks.bodies.Bodies.waiting`).
        max_concurrent: how many may be.
    """
    if not os.path.isdir("/proc/self/fd") or not hasattr(socket, "TCP_INFO"):
        return

    def run() -> None:
        stalled = StalledConnections()
        while True:
            time.sleep(_LOOK_SECONDS)
            count, slowest = waiting()
            patience = HURRIED_SECONDS if count >= max_concurrent / 4 else BODY_SECONDS
            if slowest <= min(patience, HURRIED_SECONDS):
                stalled.forget()
                continue
            _cut(port, stalled, patience)

    threading.Thread(target=run, name="botkit-stalled", daemon=True).start()


def _cut(port: int, stalled: StalledConnections, lock_timeout_seconds: float) -> None:
    connections = dict(_connections(port))
    try:
        activities: dict[object, Activity] = {peer: activity for peer, (_, activity) in connections.items()}
        chosen = stalled.look(activities, now=time.monotonic(), lock_timeout_seconds=lock_timeout_seconds)
        for peer, (connection, _) in connections.items():
            if peer in chosen:
                _shut(connection)
    finally:
        for connection, _ in connections.values():
            connection.close()
    if chosen:
        log.warning("%d connections cut off: silent, or sending a body for too long", len(chosen))


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError as error:
        log.debug("a stalled connection went by itself: %s", error.strerror)


def _connections(port: int) -> Iterator[tuple[object, tuple[socket.socket, Activity]]]:
    """This process's accepted connections, as duplicates that the caller closes."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if not os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                continue
            connection = socket.socket(fileno=os.dup(int(name)))
        except OSError:
            continue  # it was closed meanwhile
        try:
            mine = connection.family in (socket.AF_INET, socket.AF_INET6)
            if not mine or connection.getsockname()[1] != port:
                connection.close()
                continue
            peer = connection.getpeername()
            info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
        except OSError:  # the listening socket has no peer, and others may have gone meanwhile
            connection.close()
            continue
        if len(info) < _TCP_INFO_BYTES:  # an older kernel does not say enough
            connection.close()
            continue
        offset, times = _LAST_DATA_SENT_AND_RECEIVED
        sent_ms, received_ms = times.unpack_from(info, offset)
        offset, counts = _BYTES_ACKNOWLEDGED_AND_RECEIVED
        yield (
            peer,
            (connection, Activity(sent_ms / 1000, received_ms / 1000, *counts.unpack_from(info, offset))),
        )
