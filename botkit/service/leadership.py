"""This process' role in an SQLite store: its leader, with the ledger and the relay, or a follower of the leader; and failover."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from botkit.config.settings import Secret, Settings
from botkit.errors import LeaderLost, LedgerBusy, LedgerClosed, LedgerError
from botkit.handoff.conversation import ConversationId
from botkit.ledger.interface import Committed, Decide, HookBody, Input
from botkit.ledger.receipts import FutureReceipt, Receipt
from botkit.ledger.sharing.follower import Follower
from botkit.ledger.sharing.leader import Counts, Leader
from botkit.ledger.sqlite import SqliteLedger, file_of
from botkit.observability.events import get_logger
from botkit.observability.metrics import Telemetry
from botkit.observability.tracebacks import where
from botkit.service.role import RelayFactory, live_sessions

_log = get_logger("botkit.service")

LOCK_TIMEOUT_SECONDS = 5.0
"""Max wait for a leader that is just starting or stopping."""
MAX_WAITING = 10_000
"""Max inputs that wait for the next leader; further ones are refused."""
_RETRY_SECONDS = 0.05
_TROUBLE_SECONDS = 1.0


@dataclass(kw_only=True, eq=False)
class Leadership:
    """Implements `role.Role`: leader or follower.

    Args:
        settings: the configuration; the same in all processes that share the store.
        decide: the rules, used by the leader.
        relay_factory: creates the leader's relay.
        telemetry: the leader's metrics are those of all processes.
        share: accept followers, and follow if another process is the leader. Otherwise a second process is refused.
    """

    settings: Settings
    decide: Decide
    relay_factory: RelayFactory
    telemetry: Telemetry
    share: bool
    fingerprint: str = field(init=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _leading: _Leading | None = field(init=False, default=None)
    _follower: Follower | None = field(init=False, default=None)
    _waiting: list[tuple[Input, Receipt[Committed]]] = field(init=False, default_factory=list)
    _left: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.fingerprint = fingerprint(self.settings)

    # --- joining, leaving, failover --------------------------------------------------------------------------------

    def join(self) -> None:
        """Become the leader, or a follower of the leader.

        Raises:
            LedgerBusy: another process holds the store and does not share it, or has another configuration.
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
        """Finish the deliveries in progress, and leave the others in the store for the next leader."""
        with self._lock:
            self._left = True
            leading, self._leading = self._leading, None
            follower, self._follower = self._follower, None
            waiting, self._waiting = self._waiting, []
        if follower is not None:
            follower.close()
        if leading is not None:
            leading.close()
        for _, receipt in waiting:
            _fail(receipt, LedgerClosed("the kit has been closed"))

    def _join(self) -> None:
        """Try once. Raises: LedgerBusy, or OSError if no leader listens at present."""
        try:
            leading: _Leading | None = _Leading(self)
            follower = None
        except LedgerBusy:
            if not self.share:
                raise
            leading = None
            follower = Follower(
                _socket_beside(file_of(self.settings.store.url)),
                fingerprint=self.fingerprint,
                lost=self._leader_lost,
            )
        with self._lock:
            if follower is not None and not follower.alive:
                raise ConnectionError("the leader disconnected at once")
            self._leading, self._follower = leading, follower
            left = self._left
            waiting, self._waiting = self._waiting, []
        if left:
            self.leave()
        for input, receipt in waiting:
            self._pass_on(input, receipt)

    def _leader_lost(self, lost: Follower) -> None:
        with self._lock:
            if self._follower is not lost:
                return  # An earlier connection.
            self._follower = None
        threading.Thread(target=self._fail_over, name="botkit-failover", daemon=True).start()

    def _fail_over(self) -> None:
        """Become the next leader, or follow it."""
        while not self._left:
            pause = _RETRY_SECONDS
            try:
                self._join()
            except (LedgerBusy, OSError) as error:
                _log.debug("no_leader_yet", error=type(error).__name__)
            except LedgerError as error:
                _log.error("takeover_failed", code=error.code, reason=str(error))
                pause = _TROUBLE_SECONDS
            except Exception as error:  # noqa: BLE001 - hooks wait for a leader: any error is logged, and the attempt repeated
                _log.error("takeover_failed", error=where(error))
                pause = _TROUBLE_SECONDS
            else:
                role = "leader" if self._leading else "follower"
                _log.info("took_over", role=role)
                return
            time.sleep(pause)

    # --- the store, for the service --------------------------------------------------------------------------------

    def submit(self, input: Input) -> Future[Committed]:
        """See `ledger.interface.Ledger.submit`."""
        leading = self._leading
        if leading is not None:
            return leading.ledger.submit(input)
        future: Future[Committed] = Future()
        self._pass_on(input, FutureReceipt(future))
        return future

    def submit_then(self, input: Input, then: Callable[[Committed | Exception], None]) -> Callable[[], None]:
        """See `ledger.interface.Ledger.submit_then`. In a follower, `then` is called in any thread."""
        leading = self._leading
        if leading is not None:
            return leading.ledger.submit_then(input, then)
        receipt: Receipt[Committed] = Receipt(then)
        self._pass_on(input, receipt)
        return receipt.drop

    def newest_hook(self, conversation_id: ConversationId) -> HookBody | None:
        """See `ledger.interface.Ledger.newest_hook`."""
        leading, follower = self._leading, self._follower
        if leading is not None:
            return leading.ledger.newest_hook(conversation_id)
        if follower is not None:
            return follower.newest_hook(conversation_id)
        raise LeaderLost("no process holds the store at present; try again in a moment")

    def newest_hook_of(self, bot_id: str, user_id: str) -> tuple[ConversationId, HookBody] | None:
        """See `ledger.interface.Ledger.newest_hook_of`."""
        leading, follower = self._leading, self._follower
        if leading is not None:
            return leading.ledger.newest_hook_of(bot_id, user_id)
        if follower is not None:
            return follower.newest_hook_of(bot_id, user_id)
        raise LeaderLost("no process holds the store at present; try again in a moment")

    def ready(self) -> dict[str, bool]:
        """Whether inputs are committed, and effects carried out."""
        leading, follower = self._leading, self._follower
        if leading is not None:
            return {"store": leading.ledger.healthy(), "relay": leading.relay.ready()}
        connected = follower is not None and follower.alive
        return {"store": connected, "relay": connected}

    @property
    def counts(self) -> Counts:
        """The metrics of all processes, which the leader keeps."""
        follower = self._follower
        return self.telemetry if follower is None else follower

    @property
    def outbox_depth(self) -> int:
        """Effects that are not carried out yet; 0 in a follower."""
        leading = self._leading
        return leading.ledger.depth if leading is not None else 0

    @property
    def open_sessions(self) -> int:
        """Live agent sessions; 0 in a follower."""
        leading = self._leading
        return live_sessions(leading.ledger) if leading is not None else 0

    # --- inside ----------------------------------------------------------------------------------------------------

    def _pass_on(self, input: Input, receipt: Receipt[Committed]) -> None:
        """Submit an input to the leader; without a leader it waits for the next one."""
        with self._lock:
            leading, follower = self._leading, self._follower
            waits = leading is None and follower is None and not self._left
            if waits and len(self._waiting) < MAX_WAITING:
                self._waiting.append((input, receipt))
                return
        holder = leading.ledger if leading is not None else follower
        if holder is None:
            _fail(receipt, LedgerClosed("the kit has been closed") if not waits else _busy())
        elif receipt.begins():  # It may have been dropped.
            holder.submit_then(input, lambda outcome: self._complete(input, receipt, outcome, follower))

    def _complete(
        self,
        input: Input,
        receipt: Receipt[Committed],
        outcome: Committed | Exception,
        asked: Follower | None,
    ) -> None:
        if not isinstance(outcome, LeaderLost | LedgerClosed) or asked is None or self._left:
            receipt.settle(outcome)
            return
        # The leader is gone or stopping. If the next one is known already, it gets the input at once.
        with self._lock:
            waits = self._leading is None and self._follower in (None, asked)
            if waits:
                self._waiting.append((input, receipt))
        if not waits:
            self._pass_on(input, receipt)


class _Leading:
    """The leader's ledger, relay and socket."""

    def __init__(self, leadership: Leadership) -> None:
        """Raises: LedgerBusy if another process holds the store; LedgerError if it cannot be used."""
        settings, telemetry = leadership.settings, leadership.telemetry
        self.ledger = SqliteLedger(
            settings.store.url,
            leadership.decide,
            # A process that can follow looks for the leader at once.
            lock_timeout_seconds=0.0 if leadership.share else LOCK_TIMEOUT_SECONDS,
        )
        self._server = Leader(
            _socket_beside(self.ledger.file),
            self.ledger,
            fingerprint=leadership.fingerprint,
            counts=telemetry,
        )
        self.ledger.start(lambda batch: self.relay.on_commit(batch))
        try:
            self.relay = leadership.relay_factory(settings, self.ledger, telemetry)
            self.relay.start()
            try:
                if leadership.share:
                    self._server.start()
            except BaseException:
                self.relay.close()  # Otherwise it and the next leader would both deliver.
                raise
        except BaseException:
            self.ledger.close()
            raise

    def close(self) -> None:
        self._server.stop_listening()
        self.relay.close()
        self.ledger.close()
        self._server.close()


def fingerprint(settings: Settings) -> str:
    """A digest of the settings that all processes sharing a store must have in common: the bots, secrets included."""
    # The names of the bots' files are left out: processes may start in different folders.
    bots = {bot_id: replace(bot, file=None) for bot_id, bot in settings.bots.items()}
    return hashlib.sha256(_encode((bots, settings.security))).hexdigest()


def _plain(value: object) -> object:
    """A value that msgspec does not know, for the fingerprint."""
    match value:
        case Secret():
            return hashlib.sha256(value.reveal().encode()).digest()
        case Mapping():
            return dict(value)
        case _:
            return repr(value)


# In a fixed order: that of sets differs between processes.
_encode = msgspec.msgpack.Encoder(enc_hook=_plain, order="deterministic").encode


def _socket_beside(store: Path) -> Path:
    return store.with_name(store.name + ".sock")


def _busy() -> LedgerBusy:
    return LedgerBusy(
        "another process holds the store and accepts no follower: it does not share (`botkit serve` does not), is just starting, "
        "or hangs"
    )


def _fail(receipt: Receipt[Committed], error: LedgerError) -> None:
    if receipt.begins():
        receipt.settle(error)
