"""The leader's side of a shared store: accepts followers on a socket and commits their inputs."""

from __future__ import annotations

import hmac
import socket
import threading
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol

from botkit.errors import LedgerError
from botkit.handoff.conversation import ConversationId
from botkit.ledger.interface import Committed, Ledger
from botkit.ledger.sharing import address, messages
from botkit.observability.events import get_logger

_log = get_logger("botkit.ledger")

MAX_FOLLOWERS = 256
_HELLO_SECONDS = 5.0


class Counts(Protocol):
    """The metrics of all processes; implemented by `botkit.observability.metrics`."""

    def hook(self, event: str, status: int, seconds: float) -> None: ...

    def duplicate(self) -> None: ...

    def handled(self, event: str, handler: str, outcome: str) -> None: ...

    def exposition(self, *, openmetrics: bool = False) -> bytes: ...


class Leader:
    """Serves followers from `start` to `close`.

    Args:
        path: the socket.
        ledger: commits the followers' inputs.
        fingerprint: of the configuration; followers with another one are refused.
        counts: receives the followers' metrics.
    """

    def __init__(self, path: Path, ledger: Ledger, *, fingerprint: str, counts: Counts) -> None:
        self.ledger = ledger
        self.fingerprint = fingerprint
        self.counts = counts
        self._path = path
        self._lock = threading.Lock()
        self._followers: set[_FollowerConnection] = set()
        self._listener: socket.socket | None = None

    def start(self) -> None:
        """Start listening. Raises: LedgerError if the socket cannot be created."""
        self._listener = address.listen(self._path)
        threading.Thread(
            target=self._accept, args=(self._listener,), name="botkit-leader", daemon=True
        ).start()

    def stop_listening(self) -> None:
        """Accept no more followers; connected ones stay until `close`."""
        listener, self._listener = self._listener, None
        if listener is not None:
            self._path.unlink(missing_ok=True)
            _shut(listener)

    def close(self) -> None:
        """Disconnect the followers; they look for the next leader."""
        self.stop_listening()
        with self._lock:
            followers = list(self._followers)
        for follower in followers:
            follower.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # Closed.
            with self._lock:
                full = len(self._followers) >= MAX_FOLLOWERS
            if full:
                _log.error("follower_refused", reason=f"{MAX_FOLLOWERS} processes share this store already")
                connection.close()
                continue
            follower = _FollowerConnection(self, address.not_for_children(connection))
            with self._lock:
                self._followers.add(follower)
            follower.start()

    def disconnected(self, follower: _FollowerConnection) -> None:
        with self._lock:
            self._followers.discard(follower)


class _FollowerConnection:
    """One follower's connection, with a thread that reads and one that writes: a slow reader never blocks the ledger."""

    def __init__(self, leader: Leader, connection: socket.socket) -> None:
        self._leader = leader
        self._connection = connection
        self._replies: SimpleQueue[messages.FromLeader | None] = SimpleQueue()

    def start(self) -> None:
        for work in (self._read, self._write):
            threading.Thread(target=work, name="botkit-follower", daemon=True).start()

    def close(self) -> None:
        """Queued replies are still sent."""
        self._replies.put(None)

    def _read(self) -> None:
        try:
            self._connection.settimeout(_HELLO_SECONDS)
            if self._is_welcome():
                messages.limit_sending(self._connection)
                self._replies.put(messages.Welcome())
                while (frame := messages.receive(self._connection)) is not None:
                    self._handle(messages.from_follower(frame))
        except ValueError as error:
            _log.error("follower_not_understood", error=type(error).__name__)
        finally:
            self.close()
            self._leader.disconnected(self)

    def _is_welcome(self) -> bool:
        frame = messages.receive(self._connection)
        match messages.from_follower(frame) if frame is not None else None:
            case messages.Hello(messages.VERSION, fingerprint) if hmac.compare_digest(
                fingerprint, self._leader.fingerprint
            ):
                return True
            case messages.Hello():
                _log.warning(
                    "follower_refused", reason="it has another configuration, or is of another version"
                )
        return False

    def _handle(self, message: messages.FromFollower) -> None:
        match message:
            case messages.Submit(number):
                try:
                    committing = self._leader.ledger.submit(messages.input_of(message))
                except LedgerError as error:
                    self._replies.put(messages.failed(number, error))
                    return
                committing.add_done_callback(lambda done: self._replies.put(_result(number, done)))
            case messages.ReadNewestHook(number, conversation_id):
                self._replies.put(self._newest_hook(number, conversation_id))
            case messages.ReadNewestHookOf(number, bot_id, user_id):
                self._replies.put(self._newest_hook_of(number, bot_id, user_id))
            case messages.CountHook(event, status, seconds):
                self._leader.counts.hook(event, status, seconds)
            case messages.CountDuplicate():
                self._leader.counts.duplicate()
            case messages.CountHandler(event, handler, outcome):
                self._leader.counts.handled(event, handler, outcome)
            case messages.ReadMetrics(number, openmetrics):
                text = self._leader.counts.exposition(openmetrics=openmetrics)
                self._replies.put(messages.Metrics(number, text))

    def _newest_hook(self, number: int, conversation_id: ConversationId) -> messages.FromLeader:
        try:
            return messages.NewestHook(number, self._leader.ledger.newest_hook(conversation_id))
        except LedgerError as error:
            return messages.failed(number, error)

    def _newest_hook_of(self, number: int, bot_id: str, user_id: str) -> messages.FromLeader:
        try:
            found = self._leader.ledger.newest_hook_of(bot_id, user_id)
        except LedgerError as error:
            return messages.failed(number, error)
        conversation_id, hook = found or (None, None)
        return messages.NewestHook(number, hook, conversation_id)

    def _write(self) -> None:
        try:
            while (reply := self._replies.get()) is not None:
                messages.send(self._connection, messages.encode(reply))
        except OSError as error:
            _log.debug("follower_gone", error=type(error).__name__)
        finally:
            _shut(self._connection)


def _result(number: int, done: Future[Committed]) -> messages.FromLeader:
    error = done.exception()
    if error is not None:
        return messages.failed(number, error)
    committed = done.result()
    return messages.Done(number, committed.duplicate, committed.refused)


def _shut(connection: socket.socket) -> None:
    """Close a socket that other threads may be blocked on."""
    with suppress(OSError):  # Not connected any more.
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
