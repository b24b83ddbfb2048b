"""The WSGI middleware: it answers the hook paths and passes every other request to the wrapped application."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from botkit.handlers.endpoint import BODY_UNREAD, HookEndpoint, prefix_taken
from botkit.hooks.bodies import Bodies, socket_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

UNREAD_SECONDS: Final = 15.0
"""How long answers to hooks may wait in the system because the client reads none."""
_USER_TIMEOUT: Final = getattr(socket, "TCP_USER_TIMEOUT", None)
"""Linux has it."""


class BotKitMiddleware:
    """Answers hooks and passes on every other request.

    Args:
        wrapped: the application that gets every other request.
        endpoint: answers hooks.

    Raises:
        NotConfigured: the application is or has a kit with the same prefix.
    """

    def __init__(self, wrapped: WSGIApplication, endpoint: HookEndpoint) -> None:
        if endpoint.prefix in _prefixes_in(wrapped):
            raise prefix_taken(endpoint.prefix)
        self._wrapped = wrapped
        self._endpoint = endpoint
        self._bodies = Bodies(monotonic=endpoint.monotonic)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = self._endpoint.path_of(environ.get("PATH_INFO", ""))
        if path is None:
            return self._wrapped(environ, start_response)
        _limit_unread_answers(environ)
        method = environ["REQUEST_METHOD"]
        response = self._endpoint.respond(
            path,
            method=method,
            token=environ.get("HTTP_TOKEN"),
            apikey=environ.get("HTTP_APIKEY"),
            read_body=lambda: self._bodies.read(environ),
        )
        status, headers = response.status, list(response.headers)
        # PEP 3333 forbids applications to send this header, but granian relies on them.
        if status in BODY_UNREAD and environ.get("SERVER_SOFTWARE") == "Granian":
            headers.append(("Connection", "close"))
        start_response(f"{status} {HTTPStatus(status).phrase}", headers)
        # A server may send a body here that its client takes for the next answer (RFC 9110, 9.3.2).
        return [] if method == "HEAD" else [response.body]


def _limit_unread_answers(environ: WSGIEnvironment) -> None:
    """Have the kernel close a connection whose answers nobody reads: writing one would hold a thread of the server for ever."""
    connection = socket_of(environ)
    if connection is not None and _USER_TIMEOUT is not None:
        with suppress(OSError):  # No TCP, or the client has gone.
            connection.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, int(UNREAD_SECONDS * 1_000))


def _prefixes_in(application: WSGIApplication) -> Iterator[str]:
    """The prefixes of the kits around an application. A kit behind another middleware is not found."""
    application = getattr(application, "wsgi_app", application)  # Flask's way for middleware.
    while isinstance(application, BotKitMiddleware):
        yield application._endpoint.prefix
        application = application._wrapped
