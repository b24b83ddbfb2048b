"""Close connections whose request body never arrives completely, so that they do not block the service's threads for ever.

Granian limits the time for the headers of a request, but not for its body. Python cannot wake a thread that waits for a body, but
closing its connection does. WSGI does not reveal the connection of a request, so the kernel is asked for the activity of every
connection (TCP_INFO). All of this happens only while a body is overdue; usually the watcher does nothing.

The token is checked before the body is read, so the cause is a stolen token, or a proxy that forwards an incomplete request.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from botkit.observability.events import get_logger

_log = get_logger("botkit.serve")

BODY_SECONDS = 15.0
"""Time limit of a body. It is longer than a hook may wait for its commit (`endpoint.COMMIT_SECONDS`)."""
HURRIED_SECONDS = 2.0
"""The time limit while a quarter of the allowed bodies are pending."""
_LOOK_SECONDS = 0.5

_LAST_DATA_SENT_AND_RECEIVED = (44, struct.Struct("=I4xI"))
_BYTES_ACKNOWLEDGED_AND_RECEIVED = (120, struct.Struct("=QQ"))
"""Offsets and formats in Linux's struct tcp_info (include/uapi/linux/tcp.h); times are in milliseconds."""
_TCP_INFO_BYTES = 136


@dataclass(frozen=True, slots=True)
class Activity:
    """The activity of a connection. Times are seconds since the last data."""

    sent_ago: float
    received_ago: float
    answered: int
    received: int


@dataclass(slots=True)
class _Seen:
    """The counters of a connection at its last answer, or at the first look."""

    answered: int
    received: int
    pending_since: float | None = None


class StalledConnections:
    """Decides which connections to close, in periodic looks."""

    def __init__(self) -> None:
        self._seen: dict[object, _Seen] = {}

    def look(self, connections: dict[object, Activity], *, now: float, timeout_seconds: float) -> set[object]:
        """The connections without an answer for longer than the timeout.

        A silent connection may be an idle kept-alive one. It is closed too, as servers do, since the two cannot be
        distinguished. A connection that still receives data is closed if a request on it stays unanswered.
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
            silent = min(activity.sent_ago, activity.received_ago) > timeout_seconds
            pending = seen.pending_since is not None and now - seen.pending_since > timeout_seconds
            if silent or pending:
                stalled.add(key)
        return stalled

    def forget(self) -> None:
        """Forget all connections, since no body is overdue any more."""
        self._seen.clear()


def watch(port: int, waiting: Callable[[], tuple[int, float]], *, max_concurrent: int) -> None:
    """Start a thread that closes stalled connections on this port of this process. Linux only.

    Args:
        port: the port the service listens on.
        waiting: the number of pending bodies, and the wait of the slowest in seconds (`hooks.bodies.Bodies.waiting`).
        max_concurrent: the maximum number of pending bodies.
    """
    if not os.path.isdir("/proc/self/fd") or not hasattr(socket, "TCP_INFO"):
        return

    def run() -> None:
        stalled = StalledConnections()
        while True:
            time.sleep(_LOOK_SECONDS)
            count, slowest = waiting()
            limit = HURRIED_SECONDS if count >= max_concurrent / 4 else BODY_SECONDS
            if slowest <= min(limit, HURRIED_SECONDS):
                stalled.forget()
                continue
            _close_stalled(port, stalled, limit)

    threading.Thread(target=run, name="botkit-stalled", daemon=True).start()


def _close_stalled(port: int, stalled: StalledConnections, timeout_seconds: float) -> None:
    connections = dict(_connections(port))
    try:
        activities: dict[object, Activity] = {peer: activity for peer, (_, activity) in connections.items()}
        chosen = stalled.look(activities, now=time.monotonic(), timeout_seconds=timeout_seconds)
        for peer, (connection, _) in connections.items():
            if peer in chosen:
                _shut(connection)
    finally:
        for connection, _ in connections.values():
            connection.close()
    if chosen:
        _log.warning("stalled_connections_closed", connections=len(chosen))


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError as error:
        _log.debug("stalled_connection_was_closed", reason=error.strerror)


def _connections(port: int) -> Iterator[tuple[object, tuple[socket.socket, Activity]]]:
    """The accepted connections of this process, as duplicates that the caller must close."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if not os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                continue
            connection = socket.socket(fileno=os.dup(int(name)))
        except OSError:
            continue  # closed meanwhile
        try:
            mine = connection.family in (socket.AF_INET, socket.AF_INET6)
            if not mine or connection.getsockname()[1] != port:
                connection.close()
                continue
            peer = connection.getpeername()
            info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
        except OSError:  # the listening socket has no peer; others may have closed meanwhile
            connection.close()
            continue
        if len(info) < _TCP_INFO_BYTES:  # an older kernel, without the fields
            connection.close()
            continue
        offset, times = _LAST_DATA_SENT_AND_RECEIVED
        sent_ms, received_ms = times.unpack_from(info, offset)
        offset, counts = _BYTES_ACKNOWLEDGED_AND_RECEIVED
        yield (
            peer,
            (connection, Activity(sent_ms / 1000, received_ms / 1000, *counts.unpack_from(info, offset))),
        )
