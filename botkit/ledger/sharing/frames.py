"""Messages on a stream socket: four bytes of length, then so many bytes."""

from __future__ import annotations

import socket
import struct

MAX_BYTES = 16 * 1024 * 1024
"""A hook is at most 2 MB, and comes twice where a handler has changed it."""
SEND_SECONDS = 10


def send(connection: socket.socket, message: bytes) -> None:
    """Raises: OSError if the other side has gone."""
    connection.sendall(len(message).to_bytes(4, "big") + message)


def limit_sending(connection: socket.socket) -> None:
    """Whoever does not read must not hold up the others for ever; waiting for what comes is not limited."""
    connection.settimeout(None)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_SECONDS, 0))


def receive(connection: socket.socket) -> bytes | None:
    """The next message; None when the other side has gone, or does not speak this."""
    head = _exactly(connection, 4)
    if head is None:
        return None
    length = int.from_bytes(head, "big")
    return _exactly(connection, length) if length <= MAX_BYTES else None


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    parts: list[bytes] = []
    while size:
        try:
            part = connection.recv(min(size, 1 << 18))
        except OSError:
            return None
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
