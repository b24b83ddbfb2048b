"""Bare applications, the floors of every service: WSGI on granian, ASGI on uvicorn. And the middleware as users mount it.

``python -m benchmarks.servers wsgi`` serves an application that reads a request and answers; ``asgi`` likewise.
``python -m benchmarks.servers kit-wsgi CONFIGURATION`` serves the same application under ``kit.middleware``; ``kit-asgi`` under
``kit.asgi``.

Each prints its address as the last word of a line.
"""

from __future__ import annotations

import functools
import socket
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from botkit import BotKit
from botkit.asgi.interface import Application, Receive, Scope, Send
from botkit.testing.serving import free_ports

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_THREADS = 64
"""More than the load has connections: a hook occupies its thread until it is committed."""


def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Reads the body and answers."""
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", "2")])
    return [b"{}"]


def _bare() -> WSGIApplication:
    return echo


def _kit(configuration: str) -> WSGIApplication:
    kit = BotKit.from_config(configuration)
    kit.start()
    return kit.middleware(echo)


async def echo_async(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the body and answers."""
    if scope["type"] != "http":
        raise ValueError("this application only answers requests")
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


def serve_asgi(application: Application) -> None:
    """Serve the application on uvicorn; on uvloop if it is installed, like ``botkit serve``."""
    import uvicorn

    # With the protocol named, because asyncio sets TCP_NODELAY only then: an answer in two parts would wait 40 ms in between.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(
        application, http="httptools", lifespan="auto", access_log=False, log_level="warning"
    )
    uvicorn.Server(config).run(sockets=[listener])


def serve_wsgi(make: Callable[[], WSGIApplication]) -> None:
    """Serve the application that `make` returns in granian's worker process."""
    from granian.constants import Interfaces
    from granian.server import Server

    port = free_ports(1)
    print(f"http://127.0.0.1:{port}", flush=True)
    server = Server(
        "benchmark",
        port=port,
        interface=Interfaces.WSGI,
        blocking_threads=_THREADS,
        websockets=False,
        log_enabled=False,
    )
    server.serve(target_loader=lambda: make(), wrap_loader=False)


SERVERS: Mapping[str, Callable[..., None]] = {
    "wsgi": lambda: serve_wsgi(_bare),
    "asgi": lambda: serve_asgi(echo_async),
    "kit-asgi": lambda configuration: serve_asgi(BotKit.from_config(configuration).asgi(echo_async)),
    "kit-wsgi": lambda configuration: serve_wsgi(functools.partial(_kit, configuration)),
}


if __name__ == "__main__":
    SERVERS[sys.argv[1]](*sys.argv[2:])
