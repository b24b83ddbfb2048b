"""A WSGI application on a free port of this machine, as a web server would serve it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Server:
    """Serves from the beginning until `close`; `port` 0 takes a free one."""

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
    """No line per request on stderr."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None: ...


def nothing_here(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """An application that has no pages: what is behind the door in a test."""
    start_response("404 Not Found", [("Content-Length", "0")])
    return []
