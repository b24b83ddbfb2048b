"""Free ports in a row, for programs that are told where to listen.

They are below the range from which the kernel takes ports for outgoing connections, so that no other test's connection can
come in between; each test process begins somewhere else, and none gives out a port twice.
"""

from __future__ import annotations

import itertools
import os
import socket

_FIRST, _LAST = 10_000, 32_000
_starts = itertools.count(os.getpid() * 97 % 20_000, 5)


def free_ports(count: int) -> int:
    """The first of `count` free ports in a row."""
    for start in itertools.islice(_starts, 5_000):
        port = _FIRST + start % (_LAST - _FIRST - count)
        if all(_is_free(port + number) for number in range(count)):
            return port
    raise RuntimeError(f"no {count} free ports in a row on this machine")


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
