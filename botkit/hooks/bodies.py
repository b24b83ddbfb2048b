"""Reads the body of a hook in a WSGI application, with limits on size, number and time.

Reading blocks a thread of the server until the body has arrived, and WSGI has no deadline for that. So the number of threads
that read is limited, and a watch ends the reading of bodies that take too long. It needs the sockets, which gunicorn and Werkzeug
show to applications. Elsewhere the server or its proxy has to limit the time, and one HTTP/2 connection has only a share of the
bodies. `botkit.asgi.bodies` is for servers with an event loop.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from botkit.errors import BodyIncomplete, HookTooLarge, TooManyBodies
from botkit.http.parts import joined

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

MAX_BYTES = 2 * 1024 * 1024
"""The platform's context alone may be 1 MB (docs/protocols/kore-xo-botkit.md, 2.7)."""
MAX_CONCURRENT = 64
"""Max bodies that are read at the same time. A body follows its headers at once, so even a busy service reads only a few."""
MAX_OF_CONNECTION: Final = 32
"""How many of these may come on one HTTP/2 connection whose server has no time limit that we could set."""
BODY_SECONDS: Final = 15.0
"""Time limit of a body. It is longer than a hook may wait for its commit (`endpoint.COMMIT_SECONDS`)."""
HURRIED_SECONDS: Final = 2.0
"""The time limit while many bodies are pending."""
MANY_PENDING: Final = 4
"""From this number on, bodies are hurried: each holds a thread of the server, which may have few."""
CROWDED_SECONDS: Final = 0.25
"""While all allowed bodies are pending, the oldest that has had this time makes room for the next one."""
LOOK_SECONDS: Final = 0.5
"""How often to look for bodies that take too long."""


class Bodies:
    """Reads the bodies of one application's hooks. Thread-safe.

    Args:
        monotonic: seconds for durations.
    """

    def __init__(self, *, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._pending: dict[_Pending, None] = {}
        """The oldest first."""
        self._some = threading.Event()
        """Whether the watch has something to look at."""
        self._watch: threading.Thread | None = None

    def read(self, environ: WSGIEnvironment) -> bytes:
        """The body of a request.

        Raises:
            HookTooLarge: the body is over the limit, with or without a Content-Length.
            BodyIncomplete: the body ended early, or took too long.
            TooManyBodies: too many others are being read.
        """
        size = _length(environ)
        if size == 0:
            return b""
        pending = self._begin(environ)
        try:
            # One byte more than the limit, to notice a chunked body that is too long.
            body = _read(environ["wsgi.input"], MAX_BYTES + 1 if size is None else size)
        except Exception as error:  # Of each server's own kind: the client has gone, or sends something else.
            raise BodyIncomplete from error
        finally:
            with self._lock:
                self._pending.pop(pending, None)
        if size is None and len(body) > MAX_BYTES:
            raise HookTooLarge
        if (size is not None and len(body) < size) or pending.is_stopped:
            raise BodyIncomplete
        return body

    def _begin(self, environ: WSGIEnvironment) -> _Pending:
        pending = _Pending(environ, self._monotonic())
        with self._lock:
            if len(self._pending) >= MAX_CONCURRENT:
                self._make_room(pending.since)
            if pending.connection is not None:
                of_connection = sum(one.connection == pending.connection for one in self._pending)
                if of_connection >= MAX_OF_CONNECTION:
                    raise TooManyBodies
            self._pending[pending] = None
            if pending.socket is not None and not self._some.is_set():
                self._some.set()
                if self._watch is None or not self._watch.is_alive():  # Threads do not survive a fork.
                    self._watch = threading.Thread(target=self._look, name="botkit-bodies", daemon=True)
                    self._watch.start()
        return pending

    def _make_room(self, now: float) -> None:
        for one in self._pending:
            if one.socket is not None and now - one.since >= CROWDED_SECONDS:
                one.stop()
                del self._pending[one]
                return
        raise TooManyBodies

    def _look(self) -> None:
        """In the watch's thread."""
        pause = threading.Event()
        while True:
            self._some.wait()
            pause.wait(LOOK_SECONDS)
            with self._lock:
                hurried = len(self._pending) >= MANY_PENDING
                oldest = self._monotonic() - (HURRIED_SECONDS if hurried else BODY_SECONDS)
                for one in self._pending:
                    if one.since <= oldest:
                        one.stop()
                if not self._pending:
                    self._some.clear()


class _Pending:
    """A body that is being read.

    Attributes:
        socket: that of the connection, if the server shows it.
        connection: an HTTP/2 connection whose socket is not shown; several bodies may come on it at once.
        since: when the reading began.
        is_stopped: whether it took too long.
    """

    __slots__ = ("connection", "is_stopped", "since", "socket")

    def __init__(self, environ: WSGIEnvironment, since: float) -> None:
        self.socket = socket_of(environ)
        self.connection: tuple[object, object] | None = None
        if self.socket is None and environ.get("SERVER_PROTOCOL", "").startswith("HTTP/2"):
            self.connection = environ.get("REMOTE_ADDR"), environ.get("REMOTE_PORT")
        self.since = since
        self.is_stopped = False

    def stop(self) -> None:
        """Let the reading end as if the client had hung up. The answer can still be written, but not with TLS."""
        if self.socket is None or self.is_stopped:
            return
        self.is_stopped = True
        try:
            # By a copy: sockets of TLS and of gevent have methods of their own.
            with socket.socket(fileno=os.dup(self.socket.fileno())) as copy:
                copy.shutdown(socket.SHUT_RD)
        except OSError:
            return  # The client has gone meanwhile.


def socket_of(environ: WSGIEnvironment) -> socket.socket | None:
    """The socket of a request's connection, if the server shows it."""
    found: socket.socket | None = environ.get("gunicorn.socket") or environ.get("werkzeug.socket")
    return found


def checked_length(length: str | bytes) -> int:
    """A Content-Length as a number. Raises: HookTooLarge if it is over the limit, or no number."""
    size = int(length) if length.isdigit() and length.isascii() and len(length) < 20 else MAX_BYTES + 1
    if size > MAX_BYTES:
        raise HookTooLarge
    return size


def _length(environ: WSGIEnvironment) -> int | None:
    """The length of the body; None for a chunked one. Raises: HookTooLarge if it is over the limit, or no number."""
    length = environ.get("CONTENT_LENGTH")
    if length:
        return checked_length(length)
    # Without a length or an end mark, reading could block forever (PEP 3333).
    return None if environ.get("wsgi.input_terminated") else 0


def _read(stream: Any, size: int) -> bytes:
    body: bytes = stream.read(size)
    if len(body) == size or not body:
        return body
    whole: bytes | bytearray = body
    while (missing := size - len(whole)) and (part := stream.read(missing)):
        whole = joined(whole, part)
    return bytes(whole)
