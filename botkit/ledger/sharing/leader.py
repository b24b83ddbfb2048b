"""The process that holds the store, as its guests see it: a socket that takes inputs and answers when they are durable."""

from __future__ import annotations

import hmac
import logging
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol

from botkit.errors import LedgerError
from botkit.handoff.conversation import ConversationId
from botkit.ledger.interface import Committed, Ledger
from botkit.ledger.sharing import address, frames, messages

log = logging.getLogger(__name__)

MAX_FOLLOWERS = 256
_HELLO_SECONDS = 5.0


class Counts(Protocol):
    """Where the numbers of all processes are; implemented by `botkit.observability.metrics`."""

    def hook(self, event: str, status: int, seconds: float) -> None: ...

    def duplicate(self) -> None: ...

    def handled(self, event: str, handler: str, outcome: str) -> None: ...

    def exposition(self) -> bytes: ...


class Leader:
    """Listens from `start` to `close`.

    Args:
        path: the socket.
        ledger: where guests' inputs go.
        fingerprint: of the configuration; guests with another are turned away.
        counts: where the guests' numbers go.
    """

    def __init__(self, path: Path, ledger: Ledger, *, fingerprint: str, counts: Counts) -> None:
        self._path = path
        self._ledger = ledger
        self._fingerprint = fingerprint
        self._counts = counts
        self._lock = threading.Lock()
        self._followers: set[_FollowerConnection] = set()
        self._listener: socket.socket | None = None

    def start(self) -> None:
        """Begin to listen.

        Raises:
            LedgerError: the socket cannot be made.
        """
        self._listener = address.listen(self._path)
        threading.Thread(
            target=self._welcome, args=(self._listener,), name="botkit-host", daemon=True
        ).start()

    def stop_listening(self) -> None:
        """No more guests; those that are there stay until `close`."""
        listener, self._listener = self._listener, None
        if listener is not None:
            self._path.unlink(missing_ok=True)
            _shut(listener)

    def close(self) -> None:
        """Send the guests away: they look for the next host."""
        self.stop_listening()
        with self._lock:
            followers = list(self._followers)
        for follower in followers:
            follower.close()

    def _welcome(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # Closed.
            with self._lock:
                full = len(self._followers) >= MAX_FOLLOWERS
            if full:
                log.error("a process was turned away: %d share this store already", MAX_FOLLOWERS)
                connection.close()
                continue
            follower = _FollowerConnection(
                address.not_for_children(connection),
                self._ledger,
                self._counts,
                self._fingerprint,
                self._gone,
            )
            with self._lock:
                self._followers.add(follower)
            follower.start()

    def _gone(self, follower: _FollowerConnection) -> None:
        with self._lock:
            self._followers.discard(follower)


class _FollowerConnection:
    """One guest's connection: a thread that reads, and one that writes, so that no reader ever holds up the ledger."""

    def __init__(
        self,
        connection: socket.socket,
        ledger: Ledger,
        counts: Counts,
        fingerprint: str,
        gone: Callable[[_FollowerConnection], None],
    ) -> None:
        self._connection = connection
        self._ledger = ledger
        self._counts = counts
        self._fingerprint = fingerprint
        self._gone = gone
        self._answers: SimpleQueue[messages.FromLeader | None] = SimpleQueue()

    def start(self) -> None:
        for work in (self._read, self._write):
            threading.Thread(target=work, name="botkit-guest", daemon=True).start()

    def close(self) -> None:
        """What has been answered still goes out."""
        self._answers.put(None)

    def _read(self) -> None:
        try:
            self._connection.settimeout(_HELLO_SECONDS)
            if self._is_welcome():
                frames.limit_sending(self._connection)
                self._answers.put(messages.Welcome())
                while (frame := frames.receive(self._connection)) is not None:
                    self._take(messages.from_follower(frame))
        except ValueError as error:
            log.error("a process that shares the store speaks another language: %s", type(error).__name__)
        finally:
            self.close()
            self._gone(self)

    def _is_welcome(self) -> bool:
        frame = frames.receive(self._connection)
        match messages.from_follower(frame) if frame is not None else None:
            case messages.Hello(messages.VERSION, fingerprint) if hmac.compare_digest(
                fingerprint, self._fingerprint
            ):
                return True
            case messages.Hello():
                log.warning(
                    "a process with another configuration, or of another version, may not share the store"
                )
        return False

    def _take(self, message: messages.FromFollower) -> None:
        match message:
            case messages.Submit(number):
                try:
                    committing = self._ledger.submit(messages.submitted(message))
                except LedgerError as error:
                    self._answers.put(messages.failed(number, error))
                    return
                committing.add_done_callback(lambda done: self._answers.put(_result(number, done)))
            case messages.AskNewest(number, bot_id, user_id):
                self._answers.put(self._newest(number, ConversationId(bot_id, user_id)))
            case messages.Count(event, status, seconds):
                self._counts.hook(event, status, seconds)
            case messages.CountDuplicate():
                self._counts.duplicate()
            case messages.CountHandler(event, handler, outcome):
                self._counts.handled(event, handler, outcome)
            case messages.AskExposition(number):
                self._answers.put(messages.Exposition(number, self._counts.exposition()))

    def _newest(self, number: int, conversation_id: ConversationId) -> messages.FromLeader:
        try:
            hook = self._ledger.newest_hook(conversation_id)
        except LedgerError as error:
            return messages.failed(number, error)
        if hook is None:
            return messages.Newest(number, None, "")
        return messages.Newest(number, hook.body, hook.component_id)

    def _write(self) -> None:
        try:
            while (answer := self._answers.get()) is not None:
                frames.send(self._connection, messages.encode(answer))
        except OSError as error:
            log.debug("a process that shared the store has gone: %s", type(error).__name__)
        finally:
            _shut(self._connection)


def _result(number: int, done: Future[Committed]) -> messages.FromLeader:
    error = done.exception()
    if error is not None:
        return messages.failed(number, error)
    committed = done.result()
    return messages.Done(number, committed.duplicate, committed.refused)


def _shut(connection: socket.socket) -> None:
    """Close a socket that other threads are waiting at."""
    with suppress(OSError):  # It was not connected any more.
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
