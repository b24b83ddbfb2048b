"""Servers on this machine: a WSGI application on a free port, and free ports for programs that are told where to listen."""

from __future__ import annotations

import itertools
import os
import socket
import threading
from typing import TYPE_CHECKING

from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_FIRST_PORT, _LAST_PORT = 10_000, 32_000
_starts = itertools.count(os.getpid() * 97 % 20_000, 5)


class Server:
    """Serves an application until `close`; `port` 0 takes a free one."""

    def __init__(self, app: WSGIApplication, *, port: int = 0) -> None:
        self._server = make_server("127.0.0.1", port, app, threaded=True, request_handler=_Quiet)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.port}"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join(30)
        self._server.server_close()


class _Quiet(WSGIRequestHandler):
    """Logs no requests."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None: ...


def nothing_here(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """An application without pages, for tests to wrap BotKit's middleware around."""
    start_response("404 Not Found", [("Content-Length", "0")])
    return []


def free_ports(count: int) -> int:
    """The first of `count` free ports in a row.

    The ports lie below the range that the kernel gives to outgoing connections, so no connection of another test can take one
    first. Each test process starts at another number, and no port is returned twice.

    Raises:
        RuntimeError: there are none.
    """
    for start in itertools.islice(_starts, 5_000):
        port = _FIRST_PORT + start % (_LAST_PORT - _FIRST_PORT - count)
        if all(is_free(port + number) for number in range(count)):
            return port
    raise RuntimeError(f"no {count} free ports in a row on this machine")


def is_free(port: int) -> bool:
    """Whether nothing listens on this port."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
