"""This process' role in an SQLite store: its leader, with the ledger and the relay, or a follower of the leader; and failover."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec

from botkit.config.settings import Secret, Settings
from botkit.errors import LedgerBusy, LedgerClosed, LedgerError
from botkit.ledger.interface import Decide
from botkit.ledger.sqlite import SqliteLedger, file_of
from botkit.ledger.sqlite.sharing.follower import Follower
from botkit.ledger.sqlite.sharing.messages import shared_by
from botkit.observability.events import get_logger
from botkit.observability.metrics import Telemetry
from botkit.observability.tracebacks import where
from botkit.service.role import RelayFactory, Running, Store

_log = get_logger("botkit.service")

LOCK_TIMEOUT_SECONDS = 5.0
"""Max wait for a leader that is just starting or stopping."""
_RETRY_SECONDS = 0.05
STANDBY_SECONDS = 0.2
"""How often a follower tries to become the leader. Hooks do not wait for one."""
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
    _shared: str = field(init=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _leading: Running | None = field(init=False, default=None)
    _follower: Follower | None = field(init=False, default=None)
    """Kept when this process becomes the leader: inputs may be on their way."""
    _left: threading.Event = field(init=False, default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._shared = shared_by(fingerprint(self.settings)) if self.share else ""

    # --- joining, leaving, failover --------------------------------------------------------------------------------

    def join(self) -> None:
        """Become the leader, or a follower of the leader.

        Raises:
            LedgerBusy: another process holds the store and does not share it, or has another configuration.
            LedgerError: the store cannot be used.
        """
        deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
        while self._leading is None and self._follower is None:
            try:
                self._join()
            except LedgerBusy:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_RETRY_SECONDS)

    def leave(self) -> None:
        """Finish the deliveries in progress, and leave the others in the store for the next leader."""
        with self._lock:
            self._left.set()
            leading, self._leading = self._leading, None
        if self._follower is not None:
            self._follower.close()
        if leading is not None:
            leading.close()

    def _join(self) -> None:
        """Try once. Raises: LedgerBusy."""
        try:
            self._leading = self._lead()
        except LedgerBusy:
            if not self.share:
                raise
            self._follower = Follower(file_of(self.settings.store.url), shared=self._shared)
            threading.Thread(target=self._stand_by, name="botkit-failover", daemon=True).start()

    def _stand_by(self) -> None:
        """Become the next leader when this one goes."""
        pause = STANDBY_SECONDS
        while not self._left.wait(pause):
            pause = STANDBY_SECONDS
            try:
                leading = self._lead()
            except LedgerBusy:
                continue
            except Exception as error:  # noqa: BLE001 - inputs wait for a leader: any error is logged, and the attempt repeated
                _log.error(
                    "takeover_failed", reason=str(error) if isinstance(error, LedgerError) else where(error)
                )
                pause = _TROUBLE_SECONDS
            else:
                with self._lock:
                    left = self._left.is_set()
                    if not left:
                        self._leading = leading
                if left:
                    leading.close()
                else:
                    _log.info("took_over")
                return

    @property
    def store(self) -> Store:
        """See `Role.store`."""
        store = self._leading or self._follower
        if store is None:
            raise LedgerClosed("the kit has been closed")
        return store

    def _lead(self) -> Running:
        """Become the leader. Raises: LedgerBusy if another process holds the store; LedgerError if it cannot be used."""
        ledger = SqliteLedger(
            self.settings.store.url,
            self.decide,
            # A process that can follow looks for the leader at once.
            lock_timeout_seconds=0.0 if self.share else LOCK_TIMEOUT_SECONDS,
            shared=self._shared,
        )
        ledger.start(lambda batch: relay.on_commit(batch))
        try:
            relay = self.relay_factory(self.settings, ledger, self.telemetry)
            relay.start()
            try:
                ledger.take_from_followers(self.telemetry)
            except BaseException:
                relay.close()  # Otherwise it and the next leader would both deliver.
                raise
        except BaseException:
            ledger.close()
            raise
        return Running(ledger, relay, self.telemetry)


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
