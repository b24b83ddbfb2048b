"""The follower's side of a shared store: submits inputs to the leader."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from pathlib import Path
from typing import Any

from botkit.errors import LeaderLost, LedgerBusy, LedgerError
from botkit.handoff.conversation import Conversation, ConversationId
from botkit.ledger.interface import Committed, HookBody, Input
from botkit.ledger.receipts import FutureReceipt, Receipt
from botkit.ledger.sharing import address, messages
from botkit.observability.events import get_logger

_log = get_logger("botkit.ledger")

_REPLY_SECONDS = 10.0
"""The time limit of the leader's reply to a read."""
_Read = Callable[[Any], Any]
"""Takes the result out of the leader's reply."""


class Follower:
    """One connection to the leader.

    Args:
        path: the leader's socket.
        fingerprint: of the configuration, which has to be the leader's.
        lost: called once, from any thread, when the leader is gone.
    """

    def __init__(self, path: Path, *, fingerprint: str, lost: Callable[[Follower], None]) -> None:
        """Raises: OSError if no leader listens there; LedgerBusy if the leader refuses this process."""
        self._lost = lost
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._pending: dict[int, tuple[Receipt[Any], _Read]] = {}
        self._alive = True
        self._connection = address.connect(path, seconds=_REPLY_SECONDS)
        try:
            self._introduce(fingerprint)
        except BaseException:
            self._connection.close()
            raise
        threading.Thread(target=self._listen, name="botkit-ledger-follower", daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether the leader is connected."""
        return self._alive

    def submit(self, input: Input) -> Future[Committed]:
        """See `interface.Ledger.submit`. The leader acts on the consequences: the returned conversation is empty.

        The future fails with LeaderLost if the leader is gone before it has replied.
        """
        future: Future[Committed] = Future()
        self._submit(input, FutureReceipt(future))
        return future

    def submit_then(self, input: Input, then: Callable[[Committed | Exception], None]) -> Callable[[], None]:
        """See `interface.Ledger.submit_then`, and `submit`. `then` is called in any thread."""
        receipt: Receipt[Committed] = Receipt(then)
        self._submit(input, receipt)
        return receipt.drop

    def _submit(self, input: Input, receipt: Receipt[Committed]) -> None:
        conversation = Conversation(input.conversation_id)

        def committed(reply: messages.Done) -> Committed:
            return Committed(conversation, (), (), duplicate=reply.duplicate, refused=reply.refused)

        self._request(messages.submit_message(next(self._numbers), input), committed, receipt)

    def newest_hook(self, conversation_id: ConversationId) -> HookBody | None:
        """See `interface.Ledger.newest_hook`. Raises: LedgerError if the leader does not reply."""
        request = messages.ReadNewestHook(next(self._numbers), conversation_id)
        hook: HookBody | None = self._ask(request, lambda reply: reply.hook)
        return hook

    def newest_hook_of(self, bot_id: str, user_id: str) -> tuple[ConversationId, HookBody] | None:
        """See `interface.Ledger.newest_hook_of`. Raises: LedgerError if the leader does not reply."""
        request = messages.ReadNewestHookOf(next(self._numbers), bot_id, user_id)
        found: messages.NewestHook = self._ask(request, lambda reply: reply)
        if found.conversation_id is None or found.hook is None:
            return None
        return found.conversation_id, found.hook

    def exposition(self, *, openmetrics: bool = False) -> bytes:
        """The metrics of all processes; see `Telemetry.exposition`. Raises: LedgerError if the leader does not reply."""
        request = messages.ReadMetrics(next(self._numbers), openmetrics)
        text: bytes = self._ask(request, lambda reply: reply.text)
        return text

    def hook(self, event: str, status: int, seconds: float) -> None:
        """Count an answered hook in the leader's metrics. Counts are lost if the leader is gone."""
        self._count(messages.CountHook(event, status, seconds))

    def duplicate(self) -> None:
        """Count a duplicate hook."""
        self._count(messages.CountDuplicate())

    def handled(self, event: str, handler: str, outcome: str) -> None:
        """Count a handler that was called or skipped."""
        self._count(messages.CountHandler(event, handler, outcome))

    def _count(self, message: messages.Count) -> None:
        try:
            with self._lock:
                self._send(message)
        except OSError:
            self._break()

    def close(self) -> None:
        """Disconnect."""
        self._break(tell=False)

    def _introduce(self, fingerprint: str) -> None:
        self._send(messages.Hello(messages.VERSION, fingerprint))
        if messages.receive(self._connection) is None:
            raise LedgerBusy(
                "another process holds the store and does not share it: it has another configuration, is of another "
                "version, or is just stopping; give this one its own store.url"
            )
        messages.limit_sending(self._connection)

    def _ask(self, request: messages.Request, read: _Read) -> Any:
        future: Future[Any] = Future()
        self._request(request, read, FutureReceipt(future))
        try:
            return future.result(_REPLY_SECONDS)
        except FutureTimeout as error:
            raise LedgerError("the process that holds the store does not reply") from error

    def _request(self, request: messages.Request, read: _Read, receipt: Receipt[Any]) -> None:
        frame = messages.encode(request)
        if len(frame) > messages.MAX_BYTES:
            # The leader would disconnect, and so would the next one.
            receipt.settle(
                LedgerError("the input is too large for one commit: let handlers send less at once")
            )
            return
        sent = True
        with self._lock:
            alive = self._alive
            if alive:
                self._pending[request.id] = receipt, read
                try:
                    messages.send(self._connection, frame)
                except OSError:
                    sent = False
        if not alive:
            receipt.settle(_leader_lost())
        elif not sent:
            self._break()  # Fails all pending requests.

    def _send(self, message: messages.FromFollower) -> None:
        messages.send(self._connection, messages.encode(message))

    def _listen(self) -> None:
        try:
            while (frame := messages.receive(self._connection)) is not None:
                self._receive(messages.from_leader(frame))
        except ValueError as error:
            _log.error("leader_not_understood", error=type(error).__name__)
        self._break()

    def _receive(self, message: messages.FromLeader) -> None:
        if isinstance(message, messages.Welcome):
            return
        with self._lock:
            receipt, read = self._pending.pop(message.id, (None, None))
        if receipt is None or read is None or not receipt.begins():
            return
        receipt.settle(messages.error_of(message) if isinstance(message, messages.Failed) else read(message))

    def _break(self, *, tell: bool = True) -> None:
        with self._lock:
            was_alive, self._alive = self._alive, False
            pending, self._pending = self._pending, {}
        if not was_alive:
            return
        with suppress(OSError):  # The leader had closed it.
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()
        if tell:
            self._lost(self)
        for receipt, _ in pending.values():
            if receipt.begins():
                receipt.settle(_leader_lost())


def _leader_lost() -> LeaderLost:
    return LeaderLost("the process that held the store is gone; another takes its place")
