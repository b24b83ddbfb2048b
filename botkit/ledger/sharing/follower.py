"""A process that shares another's store: its inputs go to the host and are answered when they are durable."""

from __future__ import annotations

import itertools
import logging
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
from botkit.ledger.sharing import address, frames, messages

log = logging.getLogger(__name__)

_SECONDS = 10.0
"""How long the host is waited for."""
Read = Callable[[Any], Any]
"""From the host's message to what was asked for."""


class Follower:
    """One connection to the host.

    Args:
        path: the host's socket.
        fingerprint: of the configuration, which has to be the host's.
        lost: called once when the host has gone, in whatever thread notices it.
    """

    def __init__(self, path: Path, *, fingerprint: str, lost: Callable[[Follower], None]) -> None:
        """Raises: OSError if nobody listens there; LedgerBusy if the host turns this process away."""
        self._lost = lost
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._awaited: dict[int, tuple[Future[Any], Read]] = {}
        self._alive = True
        self._connection = address.connect(path, seconds=_SECONDS)
        try:
            self._introduce(fingerprint)
        except BaseException:
            self._connection.close()
            raise
        threading.Thread(target=self._listen, name="botkit-ledger-guest", daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether the host is there."""
        return self._alive

    def submit(self, given: Input) -> Future[Committed]:
        """See `interface.Ledger.submit`. What the input led to is the host's business: the conversation comes back empty.

        It fails with LeaderLost when the host goes before it has answered.
        """
        conversation = Conversation(given.conversation_id)

        def committed(answer: Any) -> Committed:
            return Committed(conversation, (), (), duplicate=answer.duplicate, refused=answer.refused)

        return self._ask(messages.submitting(next(self._numbers), given), committed)

    def newest_hook(self, conversation_id: ConversationId) -> HookBody | None:
        """See `interface.Ledger.newest_hook`. Raises: LedgerError if the host does not answer."""

        def hook(answer: Any) -> HookBody | None:
            return HookBody(answer.body, answer.component_id) if answer.body is not None else None

        asked = messages.AskNewest(next(self._numbers), conversation_id.bot_id, conversation_id.user_id)
        found: HookBody | None = _in_time(self._ask(asked, hook))
        return found

    def exposition(self) -> bytes:
        """What all processes have counted, as Prometheus reads it. Raises: LedgerError if the host does not answer."""
        text: bytes = _in_time(
            self._ask(messages.AskExposition(next(self._numbers)), lambda answer: answer.text)
        )
        return text

    def tell(self, message: messages.Counting) -> None:
        """Have the host count something. Lost with the host, like everything that is counted."""
        try:
            with self._lock:
                self._send(message)
        except OSError:
            self._break()

    def close(self) -> None:
        """Leave."""
        self._break(tell=False)

    def _introduce(self, fingerprint: str) -> None:
        self._send(messages.Hello(messages.VERSION, fingerprint))
        if frames.receive(self._connection) is None:
            raise LedgerBusy(
                "another process holds the store and does not share it: it has another configuration, is of another "
                "version, or is just stopping; give this one its own store.url"
            )
        frames.limit_sending(self._connection)

    def _ask(
        self, question: messages.Submit | messages.AskNewest | messages.AskExposition, read: Read
    ) -> Future[Any]:
        answer: Future[Any] = Future()
        frame = messages.encode(question)
        if len(frame) > frames.MAX_BYTES:
            # The host would take it for another language, and so would the next one.
            answer.set_exception(
                LedgerError("this is too much for one commit: let handlers send less at once")
            )
            return answer
        sent = True
        with self._lock:
            taken = self._alive
            if taken:
                self._awaited[question.id] = answer, read
                try:
                    frames.send(self._connection, frame)
                except OSError:
                    sent = False
        if not taken:
            answer.set_exception(_leader_lost())
        elif not sent:
            self._break()  # Which fails everything that is awaited.
        return answer

    def _send(self, message: messages.FromFollower) -> None:
        frames.send(self._connection, messages.encode(message))

    def _listen(self) -> None:
        try:
            while (frame := frames.receive(self._connection)) is not None:
                self._hear(messages.from_leader(frame))
        except ValueError as error:
            log.error("the process that holds the store speaks another language: %s", type(error).__name__)
        self._break()

    def _hear(self, message: messages.FromLeader) -> None:
        if isinstance(message, messages.Welcome):
            return
        with self._lock:
            answer, read = self._awaited.pop(message.id, (None, None))
        if answer is None or read is None or not answer.set_running_or_notify_cancel():
            return
        if isinstance(message, messages.Failed):
            answer.set_exception(messages.failure(message))
        else:
            answer.set_result(read(message))

    def _break(self, *, tell: bool = True) -> None:
        with self._lock:
            was_alive, self._alive = self._alive, False
            awaited, self._awaited = self._awaited, {}
        if not was_alive:
            return
        with suppress(OSError):  # The host had closed it.
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()
        if tell:
            self._lost(self)
        for answer, _ in awaited.values():
            if answer.set_running_or_notify_cancel():
                answer.set_exception(_leader_lost())


def _leader_lost() -> LeaderLost:
    return LeaderLost("the process that holds the store has gone; another takes its place")


def _in_time(asked: Future[Any]) -> Any:
    try:
        return asked.result(_SECONDS)
    except FutureTimeout as error:
        raise LedgerError("the process that holds the store does not answer") from error
