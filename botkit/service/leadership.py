"""What this process is to the store: its host, with the relay, or the guest of the process that is; and how that changes."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Protocol

from botkit.config.settings import Secret, Settings
from botkit.errors import LeaderLost, LedgerBusy, LedgerClosed, LedgerError
from botkit.handoff.conversation import ConversationId
from botkit.ledger.interface import Committed, Decide, HookBody, Input, Ledger
from botkit.ledger.sharing import messages
from botkit.ledger.sharing.follower import Follower
from botkit.ledger.sharing.leader import Leader
from botkit.ledger.sqlite import SqliteLedger
from botkit.ledger.store import file_of
from botkit.observability.metrics import Telemetry
from botkit.observability.tracebacks import where

log = logging.getLogger(__name__)

LOCK_TIMEOUT_SECONDS = 5.0
"""So long a process that is just going away, or just coming up, is waited for."""
MAX_PARKED = 10_000
"""Inputs that wait for the next host; more are refused."""
_RETRY_SECONDS = 0.05
_TROUBLE_SECONDS = 1.0


class RunningRelay(Protocol):
    """What a host needs of a relay; `relay.Relay` is one."""

    def on_commit(self, batch: Sequence[Committed], /) -> None: ...

    def start(self) -> None: ...

    def ready(self) -> bool: ...

    def close(self) -> None: ...


RelayFactory = Callable[[Settings, Ledger, Telemetry], RunningRelay]


class Leadership:
    """One process' part in a store. Any thread.

    Args:
        settings: the configuration; all that share a store have the same.
        decide: the rules, for the host.
        relay_factory: makes the host's relay.
        telemetry: the host's numbers are everybody's.
        share: let other processes in, and be a guest where another is the host. Else a second process is refused.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        decide: Decide,
        relay_factory: RelayFactory,
        telemetry: Telemetry,
        share: bool,
    ) -> None:
        self._settings = settings
        self._decide = decide
        self._relay_factory = relay_factory
        self._telemetry = telemetry
        self._share = share
        self._fingerprint = fingerprint(settings)
        self._lock = threading.Lock()
        self._leading: _Leading | None = None
        self._follower: Follower | None = None
        self._parked: list[tuple[Input, Future[Committed]]] = []
        self._left = False

    # --- joining and leaving ---------------------------------------------------------------------------------------

    def join(self) -> None:
        """Become the host, or a guest of whoever is.

        Raises:
            LedgerBusy: another process has the store and does not share it, or has another configuration.
            LedgerError: the store cannot be used.
        """
        deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
        while True:
            try:
                self._join()
                return
            except (LedgerBusy, OSError) as error:
                if time.monotonic() >= deadline:
                    raise error if isinstance(error, LedgerBusy) else _busy() from error
            time.sleep(_RETRY_SECONDS)

    def leave(self) -> None:
        """Finish what has been begun, and leave the rest to the next host."""
        with self._lock:
            self._left = True
            leading, self._leading = self._leading, None
            follower, self._follower = self._follower, None
            parked, self._parked = self._parked, []
        if follower is not None:
            follower.close()
        if leading is not None:
            leading.close()
        for _, future in parked:
            _fail(future, LedgerClosed("the kit has been closed"))

    def _join(self) -> None:
        """Try once. Raises: LedgerBusy, or OSError if nobody lets this process in at present."""
        try:
            leading: _Leading | None = _Leading(
                self._settings,
                self._decide,
                self._relay_factory,
                self._telemetry,
                self._fingerprint,
                listens=self._share,
                lock_timeout_seconds=0.0 if self._share else LOCK_TIMEOUT_SECONDS,
            )
            follower = None
        except LedgerBusy:
            if not self._share:
                raise
            leading = None
            follower = Follower(
                _socket_of(self._settings), fingerprint=self._fingerprint, lost=self._fail_over
            )
        with self._lock:
            if follower is not None and not follower.alive:
                raise ConnectionError("the host went at once")
            self._leading, self._follower = leading, follower
            left = self._left
            parked, self._parked = self._parked, []
        if left:
            self.leave()
        for given, future in parked:
            self._hand_in(given, future)

    def _fail_over(self, lost: Follower) -> None:
        with self._lock:
            if self._follower is not lost:
                return  # It never was this process' host, or is not any more.
            self._follower = None
        threading.Thread(target=self._try_until_joined, name="botkit-succession", daemon=True).start()

    def _try_until_joined(self) -> None:
        while not self._left:
            rest = _RETRY_SECONDS
            try:
                self._join()
            except (LedgerBusy, OSError) as error:
                log.debug("no host yet: %s", type(error).__name__)
            except LedgerError as error:
                log.error("the store could not be taken over: %s %s", error.code, error)
                rest = _TROUBLE_SECONDS
            except Exception as error:  # noqa: BLE001 - hooks wait for a host: whatever it was is said, and tried again
                log.error("the store could not be taken over: %s", where(error))
                rest = _TROUBLE_SECONDS
            else:
                log.info("this process is %s", "the store's host now" if self._leading else "a guest again")
                return
            time.sleep(rest)

    # --- what a service wants of it --------------------------------------------------------------------------------

    def submit(self, given: Input) -> Future[Committed]:
        """See `ledger.interface.Ledger.submit`."""
        leading = self._leading
        if leading is not None:
            return leading.ledger.submit(given)
        future: Future[Committed] = Future()
        self._hand_in(given, future)
        return future

    def newest_hook(self, conversation_id: ConversationId) -> HookBody | None:
        """See `ledger.interface.Ledger.newest_hook`."""
        leading, follower = self._leading, self._follower
        if leading is not None:
            return leading.ledger.newest_hook(conversation_id)
        if follower is not None:
            return follower.newest_hook(conversation_id)
        raise LeaderLost("nobody holds the store at present; try again in a moment")

    def ready(self) -> dict[str, bool]:
        """Whether inputs are committed, and acted on."""
        leading, follower = self._leading, self._follower
        if leading is not None:
            return {"store": leading.ledger.healthy(), "relay": leading.relay.ready()}
        there = follower is not None and follower.alive
        return {"store": there, "relay": there}

    def exposition(self) -> bytes:
        """The numbers of all processes, as Prometheus reads them.

        Raises:
            LedgerError: the host does not answer.
        """
        follower = self._follower
        return self._telemetry.exposition() if follower is None else follower.exposition()

    @property
    def outbox_depth(self) -> int:
        """How many effects are not done; only the host knows."""
        leading = self._leading
        return leading.ledger.depth if leading is not None else 0

    @property
    def open_sessions(self) -> int:
        """How many agent sessions are under way; only the host knows."""
        leading = self._leading
        if leading is None:
            return 0
        return sum(1 for one in leading.ledger.open_conversations() if one.session is not None)

    # --- counting (middleware.HookMetrics, sdk.running.HandlerMetrics) ---------------------------------------------

    def hook(self, event: str, status: int, seconds: float) -> None:
        """A hook was answered."""
        follower = self._follower
        if follower is None:
            self._telemetry.hook(event, status, seconds)
        else:
            follower.tell(messages.Count(event, status, seconds))

    def duplicate(self) -> None:
        """A hook had been taken before."""
        follower = self._follower
        if follower is None:
            self._telemetry.duplicate()
        else:
            follower.tell(messages.CountDuplicate())

    def handled(self, event: str, handler: str, outcome: str) -> None:
        """A handler was called, or left out."""
        follower = self._follower
        if follower is None:
            self._telemetry.handled(event, handler, outcome)
        else:
            follower.tell(messages.CountHandler(event, handler, outcome))

    # --- inside ----------------------------------------------------------------------------------------------------

    def _hand_in(self, given: Input, future: Future[Committed]) -> None:
        """Have whoever is the host take an input now; else it waits for the next one."""
        with self._lock:
            leading, follower = self._leading, self._follower
            waits = leading is None and follower is None and not self._left
            if waits and len(self._parked) < MAX_PARKED:
                self._parked.append((given, future))
                return
        if leading is None and follower is None:
            _fail(future, LedgerClosed("the kit has been closed") if not waits else _busy())
            return
        if not future.running() and not future.set_running_or_notify_cancel():
            return  # Nobody waits for it any more.
        if leading is not None:
            inner = leading.ledger.submit(given)
        elif follower is not None:
            inner = follower.submit(given)
        inner.add_done_callback(lambda done: self._settle(given, future, done, follower))

    def _settle(
        self, given: Input, future: Future[Committed], done: Future[Committed], asked: Follower | None
    ) -> None:
        error = done.exception()
        if isinstance(error, LeaderLost | LedgerClosed) and asked is not None and not self._left:
            # The host has gone, or is going. Where the next one is there already, it is asked at once.
            with self._lock:
                waits = self._leading is None and self._follower in (None, asked)
                if waits:
                    self._parked.append((given, future))
            if not waits:
                self._hand_in(given, future)
        elif error is not None:
            future.set_exception(error)
        else:
            future.set_result(done.result())


class _Leading:
    """The ledger, the relay and the socket of a host."""

    def __init__(
        self,
        settings: Settings,
        decide: Decide,
        relay_factory: RelayFactory,
        telemetry: Telemetry,
        mark: str,
        *,
        listens: bool,
        lock_timeout_seconds: float,
    ) -> None:
        """Raises: LedgerBusy if another process holds the store; LedgerError if it cannot be used."""
        self.ledger = SqliteLedger(settings.store.url, decide, lock_timeout_seconds=lock_timeout_seconds)
        self._server = Leader(
            _socket_beside(self.ledger.file), self.ledger, fingerprint=mark, counts=telemetry
        )
        self.ledger.start(lambda batch: self.relay.on_commit(batch))
        try:
            self.relay = relay_factory(settings, self.ledger, telemetry)
            self.relay.start()
            try:
                if listens:
                    self._server.start()
            except BaseException:
                self.relay.close()  # Or it would go on delivering what the next host delivers as well.
                raise
        except BaseException:
            self.ledger.close()
            raise
        if self.ledger.possible_duplicates:
            telemetry.possible_duplicates(self.ledger.possible_duplicates)

    def close(self) -> None:
        self._server.stop_listening()
        self.relay.close()
        self.ledger.close()
        self._server.close()


def fingerprint(settings: Settings) -> str:
    """Stands for what all processes that share a store have to agree on: the bots, to the last secret."""
    mark = hashlib.sha256()
    # Not the name of the file each was read from: one process may be started in another folder than the next.
    _add(mark, {bot_id: replace(bot, file=None) for bot_id, bot in settings.bots.items()})
    _add(mark, settings.security)
    return mark.hexdigest()


def _add(mark: hashlib._Hash, value: object) -> None:
    mark.update(type(value).__name__.encode())
    match value:
        case Secret():
            mark.update(hashlib.sha256(value.reveal().encode()).digest())
        case Mapping():
            for name in sorted(value, key=str):
                _add(mark, name)
                _add(mark, value[name])
        case list() | tuple():
            for one in value:
                _add(mark, one)
        case set() | frozenset():  # Each process has them in an order of its own.
            for one in sorted(value, key=repr):
                _add(mark, one)
        case _ if is_dataclass(value):
            for field in fields(value):
                _add(mark, field.name)
                _add(mark, getattr(value, field.name))
        case _:
            mark.update(repr(value).encode())
    mark.update(b"\0")


def _socket_of(settings: Settings) -> Path:
    return _socket_beside(file_of(settings.store.url))


def _socket_beside(store: Path) -> Path:
    return store.with_name(store.name + ".sock")


def _busy() -> LedgerBusy:
    return LedgerBusy(
        "another process holds the store and lets nobody in: it does not share (`botkit serve` does not), is just coming up, "
        "or hangs"
    )


def _fail(future: Future[Committed], error: LedgerError) -> None:
    if future.running() or future.set_running_or_notify_cancel():
        future.set_exception(error)
