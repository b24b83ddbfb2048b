"""The owner: decides on the inputs of its shards, and commits the consequences.

What it takes next is in `taking.py`, how it decides in `deciding.py`, what it has in memory in `holdings.py`, and its commits are
in `committing.py`. Here are its thread, its connection, and when shards come and go.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Iterable, Mapping, Sequence, Set
from concurrent.futures import Future
from contextlib import suppress

from botkit.boottime import BootTime, boottime
from botkit.errors import LedgerClosed, LedgerError, LedgerUnusable
from botkit.handoff.conversation import ConversationId, Instant
from botkit.ledger.interface import Committed, Decide, Input, Moves
from botkit.ledger.memory import PayloadCache, Remembered
from botkit.ledger.postgresql import ownership
from botkit.ledger.postgresql.awaited import ANSWERS_CHANNEL, Awaited
from botkit.ledger.postgresql.committing import Committing, OnCommit
from botkit.ledger.postgresql.database import LOST, Connection, connect
from botkit.ledger.postgresql.deciding import Taken
from botkit.ledger.postgresql.door import INPUTS_CHANNEL, LOOK
from botkit.ledger.postgresql.ended import noticing_its_end
from botkit.ledger.postgresql.hearing import Hearing
from botkit.ledger.postgresql.holdings import Holdings
from botkit.ledger.postgresql.ownership import Ownership
from botkit.ledger.postgresql.queries import SQL
from botkit.ledger.postgresql.queued import Queued, Sweep, refuse, refuse_for_now
from botkit.ledger.postgresql.resting import rest_after
from botkit.ledger.postgresql.shards import shard_of
from botkit.ledger.receipts import Receipt
from botkit.observability.events import get_logger
from botkit.observability.tracebacks import where

_log = get_logger("botkit.ledger")

MAX_IN_BATCH = 256
MAX_QUEUED = 20_000
LOOK_SECONDS = 3.0
"""How often it looks for inputs whose notification was missed."""
TURN_SECONDS = 0.5
"""How often it shows that it lives, and looks how many processes there are."""
LEAVE_SECONDS = 10.0
"""Max wait for the relay to stop working on conversations."""
LEAVING_LOOK_SECONDS = 0.05
"""How often it looks whether the relay has stopped, if nothing else happens."""
CATCHES_UP_SECONDS = 15.0
"""Max time for which it keeps what it should give up, while any process still opens the streams of what it has taken on: after
the end of a process, all the others open them together, faster than the one that is back could alone; and that one gets no more
than it can open soon."""
MAX_CLAIMED = 16
"""Max shards taken on at once: while it reads thousands of effects, the session is silent."""
KEPT_SECONDS = 10.0
"""How long conversations stay here while PostgreSQL cannot be reached: after a restart, thousands of streams need not move."""
_RETRY_SECONDS = 0.2
START_SECONDS = 10.0
"""Max wait of a start for its first session."""
BLOCK = 1 << 20
"""Ids of effects in a block."""


_sleep = time.sleep


class Owner:
    """One thread and one connection, which holds the locks of its shards.

    Args:
        url: of the database, without a pooler in between.
        member: the name of this process among all.
        decide: the rules.
        local: the inputs that the door of this process has taken for its own shards, by id, each with its shard.
        payloads: the newest payloads.
        awaited: is told the outcomes that somebody waits for.
    """

    def __init__(
        self,
        url: str,
        *,
        member: str,
        decide: Decide,
        local: dict[int, tuple[int, Input]],
        payloads: PayloadCache,
        awaited: Awaited,
    ) -> None:
        self._url = url
        self._member = member
        self._awaited = awaited
        self._own = Ownership(member)
        self._held = Holdings(self._own, decide, local, payloads)
        self._taking = self._held.taking
        self._commits = Committing(self._held, awaited)
        self._rest = 0.0
        """For so long it lets the next inputs come together."""
        self.working = False
        """Whether it is connected, and the last commit succeeded."""
        self.refused: LedgerUnusable | None = None
        """Why it may own nothing, although the server can be reached."""
        self._has_tried = threading.Event()
        self._waiting: Hearing[Queued] = Hearing(check="PostgreSQL")
        self._leaving: Set[int] = frozenset()
        """Shards that are given up just now: their inputs are left to the next owner."""
        self._too_many_since: BootTime | None = None
        """Since when it has had shards to give up, and gave up none."""
        self._lost_at: BootTime | None = None
        self._said: set[str] = set()
        """Why there is no connection, as the log has said."""
        self._on_commit: OnCommit = lambda _: None
        self._moves: Moves | None = None
        self._thread = threading.Thread(target=self._run, name="botkit-owner", daemon=True)

    # --- from any thread ---------------------------------------------------------------------------------------------

    def start(self, on_commit: OnCommit, moves: Moves | None) -> None:
        """See `interface.Ledger.start`.

        Raises:
            LedgerUnusable: this process may own nothing. The thread has ended.
        """
        self._on_commit, self._moves = on_commit, moves
        self._thread.start()
        self._has_tried.wait(START_SECONDS)
        if self.refused is not None:
            self.close()
            raise self.refused

    def submit(
        self, input: Input, receipt: Receipt[Committed], loop: asyncio.AbstractEventLoop | None
    ) -> LedgerError | None:
        """Queue an input of the relay, or return why it is not accepted."""
        return self._waiting.admit((input, receipt), loop, at_most=MAX_QUEUED, may_wait=input.may_wait)

    def hurry(self) -> None:
        """See `interface.Ledger.hurry`."""
        self._waiting.hurry()

    def sweep(self, before: Instant) -> Future[int]:
        """Delete some conversations of these shards that ended before this; the number deleted."""
        done: Future[int] = Future()
        if not self._waiting.put(Sweep(before, done)):
            done.set_exception(LedgerClosed("the service is stopping"))
        return done

    def told(self, text: str) -> None:
        """A notification of new inputs, or to look for some."""
        if text == LOOK:
            self.look()
            return
        if self._taking.told(text, self._active):
            self._waiting.ring()

    def look(self) -> None:
        """Some notifications may have been missed: those that come now are not taken before it has looked."""
        self._taking.look_first()
        self._waiting.ring()

    @property
    def remembered(self) -> Remembered:
        """The conversations of this process."""
        return self._held.remembered

    @property
    def depth(self) -> int:
        """The number of effects that are not done."""
        return self._held.depth

    @property
    def shards(self) -> Set[int]:
        """The shards of this process."""
        return self._own.shards

    def owns(self, conversation_id: ConversationId) -> bool:
        """Whether the conversation is this process'."""
        return self._held.owns(conversation_id)

    def may_act(self) -> bool:
        """Whether no other process can own the shards by now."""
        return self._own.is_sure()

    @property
    def is_durable(self) -> bool:
        """Whether the server waited for its disk when it was asked last: a second ago, unless shards are being left."""
        return self._own.waits_for_disk

    def healthy(self) -> bool:
        """Whether commits succeed, and are durable."""
        return self._thread.is_alive() and self.working and self._commits.works and self.is_durable

    def leave_in_doubt(self, effects: Mapping[int, ConversationId] | None) -> None:
        """See `interface.Ledger.leave_in_doubt`."""
        if effects is None:
            self._own.leave_unclean(self._own.shards)
        else:
            self._own.leave_attempted([(item_id, shard_of(one)) for item_id, one in effects.items()])

    def close(self) -> None:
        """Commit what is queued, give up the shards, and stop."""
        self._waiting.close()
        self._thread.join()

    # --- the thread --------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._waiting.closed:
                try:
                    self._serve()
                except (LOST, LedgerError) as error:
                    reason = str(error) if isinstance(error, LedgerError) else type(error).__name__
                    if reason not in self._said:
                        _log.error("store_lost", reason=reason)
                        self._said.add(reason)
                except Exception as error:  # noqa: BLE001 - a defect must not end the thread
                    _log.critical("owner_failed", error=where(error))
                self._disconnected()
                self._has_tried.set()
                if not self._waiting.closed:
                    time.sleep(_RETRY_SECONDS)
        finally:
            self._waiting.close()
            self._waiting.drop_all(refuse)

    def _serve(self) -> None:
        """Own shards until the service stops.

        Raises:
            LedgerUnusable: the database belongs to the owners of another schema's tables.
            Exception: an error of `LOST`: the connection is lost.
        """
        session = connect(self._url, "start", settings=ownership.SESSION)
        hears = {INPUTS_CHANNEL: self.told, ANSWERS_CHANNEL: self._awaited.told}
        with (
            session as connection,
            noticing_its_end(connection, self._session_ended),
            self._waiting.listening(connection, hears),
        ):
            self._become_owner(connection)
            (block,) = connection.execute(SQL["block"]).fetchone() or (0,)
            self._held.deciding.ids = itertools.count(block * BLOCK * 2 + 1, 2)
            self._connected(connection)
            next_turn, next_look = 0.0, 0.0
            while True:
                now = time.monotonic()
                if now >= next_turn:
                    self._turn(connection)
                    next_turn = time.monotonic() + TURN_SECONDS
                if now >= next_look:
                    self._taking.has_to_look = True
                    next_look = now + LOOK_SECONDS
                self._wait(connection, min(next_turn, next_look))
                nothing_more_comes = self._waiting.closed
                if not self._take(connection) and nothing_more_comes:
                    self._leave(connection, set(self._own.shards), told=False)
                    return

    def _become_owner(self, connection: Connection) -> None:
        try:
            ownership.become_owner(connection, self._member)
        except LedgerUnusable as error:
            self.refused = error
            raise
        self.refused = None
        self._has_tried.set()

    def _wait(self, connection: Connection, until: float) -> None:
        """Wait until something has come, or until then by the monotonic clock."""
        if self._rest:
            _sleep(self._rest)
            self._rest = 0.0
        if not self._taking:
            self._waiting.wait(connection, max(0.0, until - time.monotonic()))

    def _take(self, connection: Connection) -> int:
        """Commit what has come; the number of inputs of the relay among it. Each of them is told of its outcome in any case."""
        began = time.monotonic()
        if self._taking.has_to_look:
            self._taking.find_missed(connection, self._active, self._held.passed_on.rows)
        queued = self._waiting.take(MAX_IN_BATCH, 0.0)
        try:
            hooks = self._from_doors(connection)
            taken = [*hooks, *self._from_relay(connection, queued)]
            self._commits.commit(connection, taken, self._active, self._on_commit)
        except Exception:
            for one in queued:
                refuse_for_now(one)
            raise
        self._rest = rest_after(len(hooks), time.monotonic() - began)
        return len(queued)

    def _connected(self, connection: Connection) -> None:
        """Carry on with the shards that nobody else has had meanwhile; their effects, streams and timers have stayed here."""
        gone = self._own.connected(connection, in_doubt=self._commits.in_doubt)
        self._commits.in_doubt.clear()
        self._lose(gone)
        self._own.go_on(connection)
        self._held.recount(connection)
        self._lost_at = None
        self._said.clear()
        self.look()
        self._awaited.look()
        self.working = True

    def _session_ended(self) -> None:
        """The server has ended the session while the thread was not reading it."""
        self._own.disconnected()
        self.look()

    def _disconnected(self) -> None:
        """The connection is gone, and with it the locks: nothing is attempted until it is clear what is still this process'."""
        if self.working:
            self._lost_at = boottime()
        self.working = False
        self._own.disconnected()
        if self._lost_at is not None and boottime() - self._lost_at > KEPT_SECONDS:
            shards = self._own.shards
            self._own.lost()
            self._lose(shards)
            self._waiting.drop_all(refuse_for_now)

    def _lose(self, shards: Set[int]) -> None:
        """Forget shards that another process may have already."""
        self._held.forget(shards)
        if shards and self._moves is not None and not self._waiting.closed:
            stopped = self._moves.lose(lambda one: shard_of(one) in shards, orderly=False)
            with suppress(TimeoutError):
                stopped.result(LEAVE_SECONDS)
            self._moves.gone()
        if shards:
            _log.warning("shards_lost", shards=len(shards), owned=len(self._own.shards))

    # --- shards that come and go ---------------------------------------------------------------------------------------

    def _turn(self, connection: Connection) -> None:
        gives_up, may_claim = self._own.turn(connection)
        catches_up = self._moves is not None and self._moves.is_catching_up()
        self._own.say_catching_up(connection, catches_up)
        if self._may_give_up(gives_up, waits=catches_up or self._own.others_catch_up):
            self._leave(connection, self._held.some_of(gives_up), told=True)
        before, effects = len(self._own.shards), 0
        for first in range(0, len(may_claim), MAX_CLAIMED):
            if self._waiting.closed:
                break
            claimed = self._own.claim(connection, may_claim[first : first + MAX_CLAIMED])
            if claimed:  # At once: the others must not give up more before the relay has begun with these.
                self._own.say_catching_up(connection, True)
            effects += self._held.gain(connection, claimed, self._moves)
            self._own.ping(connection)
        if self._held.ended_names:
            self._held.ended_names.forget(connection, self._held.passed_on.rows | self._taking.unreadable)
        if owned := len(self._own.shards) - before:
            _log.info("shards_gained", shards=owned, effects=effects, owned=len(self._own.shards))

    def _may_give_up(self, shards: Set[int], *, waits: bool) -> bool:
        """Whether to give some of these up now. `waits`: it would be too soon, but not for ever."""
        if not shards or self._waiting.closed:
            self._too_many_since = None
            return False
        self._too_many_since = self._too_many_since or boottime()
        if waits and boottime() - self._too_many_since < CATCHES_UP_SECONDS:
            return False
        self._too_many_since = None
        return True

    def _leave(self, connection: Connection, shards: set[int], *, told: bool) -> None:
        """Give up shards: first the relay stops working on them, then the locks are released."""
        if told and self._moves is not None:
            self._leaving = shards
            stopped = self._moves.lose(lambda one: shard_of(one) in shards, orderly=True)
            deadline = time.monotonic() + LEAVE_SECONDS
            try:
                while not stopped.done() and time.monotonic() < deadline:
                    # Results of what was in progress are committed meanwhile, and what concerns other shards.
                    self._wait(connection, time.monotonic() + LEAVING_LOOK_SECONDS)
                    self._take(connection)
                    self._own.ping(connection)
            except Exception:
                # The relay has stopped working on them: the next connection must not carry on with them.
                self._commits.in_doubt |= shards
                raise
            finally:
                self._leaving = frozenset()
            if not stopped.done():
                self._own.leave_unclean(shards)
        self._own.release(connection, shards)
        self._held.forget(shards)
        if told and self._moves is not None:
            self._moves.gone()
        self._held.recount(connection)
        _log.info("shards_left", shards=len(shards), owned=len(self._own.shards))

    @property
    def _active(self) -> Set[int]:
        """The shards whose inputs are decided here."""
        return self._own.shards - self._leaving if self._leaving else self._own.shards

    # --- inputs ----------------------------------------------------------------------------------------------------------

    def _from_relay(self, connection: Connection, queued: Sequence[Queued]) -> Iterable[Taken]:
        for one in queued:
            if isinstance(one, Sweep):
                self._sweep(connection, one)
                continue
            input, receipt = one
            if not receipt.begins():
                continue
            if self.owns(input.conversation_id):
                yield Taken(input, receipt)
            else:
                receipt.settle(LedgerClosed("another process has the conversation now"))

    def _sweep(self, connection: Connection, sweep: Sweep) -> None:
        try:
            deleted = self._commits.sweep(connection, sweep.before)
        except LOST:
            sweep.done.set_exception(LedgerError("the store could not be swept; check PostgreSQL"))
            raise
        sweep.done.set_result(deleted)

    def _from_doors(self, connection: Connection) -> Sequence[Taken]:
        """The next inputs that doors have written down."""
        return self._taking.next(connection, self._active, self._held.passed_on.rows, at_most=MAX_IN_BATCH)
