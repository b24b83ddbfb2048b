"""The owner: decides on the inputs of its shards, and commits the consequences.

It takes inputs in the order of the notifications, its own process' too: a hook that was acknowledged before another was sent is
notified before it. Inputs that were missed are found by looking, every few seconds and whenever there is doubt.

A message that is passed on unchanged writes nothing here: its row in `inputs` is its effect (an even id of an item; an odd one
is of `outbox`). Should its conversation get another effect or a state before it is delivered, the decision is written to the row,
so that a later owner does not decide anew.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field

from msgspec.structs import replace

from botkit.errors import LedgerClosed, LedgerError
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.effects import PassToBot, PassToUser
from botkit.handoff.events import HookAnswered
from botkit.ledger.batch import Batch, in_order, unique_key
from botkit.ledger.interface import Committed, Decide, Input, Moves, OutboxItem
from botkit.ledger.memory import PayloadCache, Remembered
from botkit.ledger.postgresql import ownership, reading, writing
from botkit.ledger.postgresql.awaited import ANSWERS_CHANNEL
from botkit.ledger.postgresql.database import INPUTS_FAULT, LOST, Connection, connect
from botkit.ledger.postgresql.door import INPUTS_CHANNEL, LOOK
from botkit.ledger.postgresql.ownership import Ownership
from botkit.ledger.postgresql.queries import SQL
from botkit.ledger.postgresql.rows import decision_to_bytes, input_from_row
from botkit.ledger.postgresql.shards import shard_of
from botkit.ledger.postgresql.writing import KeysSeen, Rows
from botkit.ledger.receipts import Receipt
from botkit.ledger.waiting import Waiting
from botkit.observability.events import get_logger
from botkit.observability.tracebacks import where

_log = get_logger("botkit.ledger")

MAX_IN_BATCH = 256
MAX_QUEUED = 20_000
MAX_UNHEARD = 10_000
LOOK_SECONDS = 3.0
"""How often it looks for inputs whose notification was missed."""
TURN_SECONDS = 1.0
"""How often it shows that it lives, and looks how many processes there are."""
LEAVE_SECONDS = 10.0
"""Max wait for the relay to let go of conversations."""
MAX_CLAIMED = 16
"""Max shards taken on at once: while it reads thousands of effects, the session is silent."""
KEPT_SECONDS = 10.0
"""How long conversations stay here while PostgreSQL cannot be reached: after a restart, thousands of streams need not move."""
_RETRY_SECONDS = 0.2
BLOCK = 1 << 20
"""Ids of effects in a block."""
_LIGHT = (PassToBot, PassToUser)
_LOOK = (0, -1)
"""Among the hints: look for inputs before the next ones are taken."""
_FOUND = -1
"""Instead of a shard, among the hints: found by looking, not by a notification."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """An input to decide on: of the relay, with a receipt, or of a door, with the id of its row."""

    input: Input
    receipt: Receipt[Committed] | None = None
    row: int | None = None
    awaited: bool = False


@dataclass(slots=True)
class _Light:
    """A message that is being passed on, whose decision is in no row."""

    item: OutboxItem
    rank: int


@dataclass(slots=True)
class _Decided:
    """One commit: what was decided, and the rows that follow from it."""

    batch: Batch
    rows: Rows = field(default_factory=Rows)
    outcomes: list[tuple[_Taken, tuple[Committed, ...] | Exception]] = field(default_factory=list)
    light: dict[int, _Light] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Sweep:
    before: Instant
    done: Future[int]


_Queued = tuple[Input, Receipt[Committed]] | _Sweep


class Owner:
    """One thread and one connection, which holds the locks of its shards.

    Args:
        url: of the database, without a pooler in between.
        member: the name of this process among all.
        decide: the rules.
        local: the inputs that the door of this process has taken for its own shards, by id, each with its shard.
        payloads: the newest payloads.
    """

    def __init__(
        self,
        url: str,
        *,
        member: str,
        decide: Decide,
        local: dict[int, tuple[int, Input]],
        payloads: PayloadCache,
    ) -> None:
        self._url = url
        self._member = member
        self._decide = decide
        self._local = local
        self._payloads = payloads
        self.remembered = Remembered()
        self.depth = 0
        """The number of effects that are not done."""
        self.working = False
        """Whether it is connected, and the last commit succeeded."""
        self._waiting: Waiting[_Queued] = Waiting(check="PostgreSQL")
        self._hints: deque[tuple[int, int]] = deque()
        self._unheard: dict[int, None] = {}
        """Inputs that were found by looking, perhaps before the door of this process has handed them over and notified."""
        self._look = True
        self._closed = False
        self._own = Ownership(member)
        self._leaving: Set[int] = frozenset()
        """Shards that are given up just now: their inputs are left to the next owner."""
        self._in_doubt: set[int] = set()
        """Shards of the commit during which the connection was lost."""
        self._lost_at: float | None = None
        self._said = ""
        """Why there is no connection, as the log says."""
        self._light: dict[int, _Light] = {}
        self._light_of: dict[ConversationId, set[int]] = {}
        self._unreadable: set[int] = set()
        """Rows of `inputs` that a newer version has written. They stay for it, and nothing waits for them."""
        self._rank = 0
        self._ids: Iterator[int] = iter(())
        self._on_commit: Callable[[Sequence[Committed]], None] = lambda _: None
        self._answered: Callable[[Sequence[tuple[int, str]]], None] = lambda _: None
        self._moves: Moves | None = None
        self._listener_works = True
        self._thread = threading.Thread(target=self._run, name="botkit-owner", daemon=True)

    # --- from any thread ---------------------------------------------------------------------------------------------

    def start(
        self,
        on_commit: Callable[[Sequence[Committed]], None],
        moves: Moves | None,
        answered: Callable[[Sequence[tuple[int, str]]], None],
    ) -> None:
        """Start; see `interface.Ledger.start`. `answered`: called with the outcomes that somebody waits for."""
        self._on_commit, self._moves, self._answered = on_commit, moves, answered
        self._thread.start()

    def submit(
        self, input: Input, receipt: Receipt[Committed], loop: asyncio.AbstractEventLoop | None
    ) -> LedgerError | None:
        """Queue an input of the relay, or return why it is not accepted."""
        return self._waiting.admit((input, receipt), loop, at_most=MAX_QUEUED)

    def sweep(self, before: Instant) -> Future[int]:
        """Delete some conversations of these shards that ended before this; the number deleted."""
        done: Future[int] = Future()
        if not self._waiting.put(_Sweep(before, done)):
            done.set_exception(LedgerClosed("the service is stopping"))
        return done

    def told(self, text: str) -> None:
        """A notification of new inputs, or to look for some."""
        if text == LOOK:
            self.look()
            return
        own = self._active
        try:
            pairs = [one.split(":") for one in text.split(",")]
            hints = [(int(item_id), int(shard)) for item_id, shard in pairs]
        except ValueError:
            _log.warning("notification_not_understood")
            return
        if mine := [hint for hint in hints if hint[1] in own]:
            self._hints += mine
            self._waiting.ring()

    def look(self) -> None:
        """Some notifications may have been missed: those that come now are not taken before it has looked."""
        self._hints.append(_LOOK)
        self._waiting.ring()

    @property
    def shards(self) -> Set[int]:
        """The shards of this process."""
        return self._own.shards

    def owns(self, conversation_id: ConversationId) -> bool:
        """Whether the conversation is this process'."""
        return shard_of(conversation_id) in self._own.shards

    def may_act(self) -> bool:
        """Whether no other process can own the shards by now."""
        return self._own.is_sure()

    def healthy(self) -> bool:
        """Whether commits succeed."""
        return self._thread.is_alive() and self.working and self._listener_works

    def expect_repeats(self) -> None:
        """See `interface.Ledger.expect_repeats`: the shards that are left next are not left in good order."""
        self._own.clean = False

    def close(self) -> None:
        """Commit what is queued, let go of the shards, and stop."""
        self._closed = True
        self._waiting.close()
        self._thread.join()

    # --- the thread --------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._closed:
                try:
                    self._serve()
                except (LOST, LedgerError) as error:
                    reason = str(error) if isinstance(error, LedgerError) else type(error).__name__
                    if reason != self._said:
                        _log.error("store_lost", reason=reason)
                        self._said = reason
                except Exception as error:  # noqa: BLE001 - a defect must not end the thread
                    _log.critical("owner_failed", error=where(error))
                self._disconnected()
                if not self._closed:
                    time.sleep(_RETRY_SECONDS)
        finally:
            self._waiting.close()
            self._waiting.drop_all(_refuse)

    def _serve(self) -> None:
        """Own shards until the service stops. Raises: an error of `LOST` when the connection is lost."""
        with connect(self._url, ownership.session_of(self._member), settings=ownership.SESSION) as connection:
            (block,) = connection.execute(SQL["block"]).fetchone() or (0,)
            self._ids = itertools.count(block * BLOCK * 2 + 1, 2)
            self._connected(connection)
            next_turn, next_look = 0.0, 0.0
            while True:
                now = time.monotonic()
                if now >= next_turn:
                    self._turn(connection)
                    next_turn = time.monotonic() + TURN_SECONDS
                if now >= next_look:
                    self._look = True
                    next_look = now + LOOK_SECONDS
                wait = max(0.0, min(next_turn, next_look) - time.monotonic())
                if not self._take(connection, wait) and self._closed:
                    self._leave(connection, set(self._own.shards), told=False)
                    return

    def _take(self, connection: Connection, wait: float) -> int:
        """Commit what has come; the number of inputs of the relay among it. Each of them is told of its outcome in any case."""
        if self._look:
            self._find_missed(connection)
        queued = self._waiting.take(MAX_IN_BATCH, 0.0 if self._hints else wait)
        try:
            self._commit(connection, [*self._from_doors(connection), *self._from_relay(connection, queued)])
        except Exception:
            for one in queued:
                _refuse_for_now(one)
            raise
        return len(queued)

    def _connected(self, connection: Connection) -> None:
        """Carry on with the shards that nobody else has had meanwhile; their effects, streams and timers have stayed here."""
        gone = self._own.connected(connection, in_doubt=self._in_doubt)
        self._in_doubt.clear()
        self._lose(gone)
        self._recount(connection)
        self._lost_at, self._said = None, ""
        self.look()
        self.working = True

    def _disconnected(self) -> None:
        """The connection is gone, and with it the locks: nothing is attempted until it is clear what is still this process'."""
        if self.working:
            self._lost_at = time.monotonic()
        self.working = False
        self._own.disconnected()
        if self._lost_at is not None and time.monotonic() - self._lost_at > KEPT_SECONDS:
            shards = self._own.shards
            self._own.lost()
            self._lose(shards)
            self._waiting.drop_all(_refuse_for_now)

    def _lose(self, shards: Set[int]) -> None:
        """Let go of shards that another process may have already."""
        self._forget(shards)
        if shards and self._moves is not None and not self._closed:
            let_go = self._moves.lose(lambda one: shard_of(one) in shards, orderly=False)
            with suppress(TimeoutError):
                let_go.result(LEAVE_SECONDS)
        if shards:
            _log.warning("shards_lost", shards=len(shards), owned=len(self._own.shards))

    # --- shards that come and go ---------------------------------------------------------------------------------------

    def _turn(self, connection: Connection) -> None:
        gives_up, may_claim = self._own.turn(connection)
        if gives_up and not self._closed:
            self._leave(connection, gives_up, told=True)
        before, effects = len(self._own.shards), 0
        for first in range(0, len(may_claim), MAX_CLAIMED):
            if self._closed:
                break
            effects += self._gain(
                connection, self._own.claim(connection, may_claim[first : first + MAX_CLAIMED])
            )
            self._own.ping(connection)
        if owned := len(self._own.shards) - before:
            _log.info("shards_gained", shards=owned, effects=effects, owned=len(self._own.shards))

    def _gain(self, connection: Connection, shards: Mapping[int, bool]) -> int:
        """Take shards on; each with whether its last owner left it in good order. The number of their effects."""
        if not shards:
            return 0
        numbers = sorted(shards)
        gained = reading.of_shards(connection, numbers)
        for stored in gained.stored:
            self.remembered.put(stored.conversation.id, stored)
        self._rank = max(self._rank, gained.last_rank)
        self.depth += len(gained.items)
        left_behind = [number for number, clean in shards.items() if not clean]
        repeats = reading.possible_repeats(connection, left_behind) if left_behind else 0
        self._own.add(numbers)
        if self._moves is not None:
            conversations = [stored.conversation for stored in gained.stored if stored.conversation.open]
            self._moves.gain(gained.items, conversations, possible_duplicates=repeats)
        self._look = True
        return len(gained.items)

    def _leave(self, connection: Connection, shards: set[int], *, told: bool) -> None:
        """Let go of shards: first the relay, then the locks."""
        if told and self._moves is not None:
            self._leaving = shards
            let_go = self._moves.lose(lambda one: shard_of(one) in shards, orderly=True)
            deadline = time.monotonic() + LEAVE_SECONDS
            try:
                while not let_go.done() and time.monotonic() < deadline:
                    # Results of what was in progress are committed meanwhile, and what concerns other shards.
                    self._take(connection, 0.05)
                    self._own.ping(connection)
            except Exception:
                # The relay has let go of them: the next connection must not carry on with them.
                self._in_doubt |= shards
                raise
            finally:
                self._leaving = frozenset()
            if not let_go.done():
                self._own.clean = False
        self._own.release(connection, shards)
        self._forget(shards)
        self._recount(connection)
        _log.info("shards_left", shards=len(shards), owned=len(self._own.shards))

    def _recount(self, connection: Connection) -> None:
        """Count the effects of the shards that are left."""
        if self._own.shards:
            stored = reading.depth_of(connection, sorted(self._own.shards))
            self.depth = stored + sum(map(len, self._light_of.values()))

    def _forget(self, shards: Set[int]) -> None:
        for stored in self.remembered.all():
            one = stored.conversation.id
            if shard_of(one) in shards:
                self.remembered.put(one, None)
                self._payloads.drop(one)
        for row, light in list(self._light.items()):
            if shard_of(light.item.conversation_id) in shards:
                self._put_out(row)
        for row, (shard, _) in list(self._local.items()):
            if shard in shards:
                self._local.pop(row, None)
        if not self._own.shards:
            self.depth = 0

    @property
    def _active(self) -> Set[int]:
        """The shards whose inputs are decided here."""
        return self._own.shards - self._leaving if self._leaving else self._own.shards

    # --- inputs ----------------------------------------------------------------------------------------------------------

    def _from_relay(self, connection: Connection, queued: Sequence[_Queued]) -> Iterable[_Taken]:
        for one in queued:
            if isinstance(one, _Sweep):
                self._sweep(connection, one)
                continue
            input, receipt = one
            if not receipt.begins():
                continue
            if self.owns(input.conversation_id):
                yield _Taken(input, receipt)
            else:
                receipt.settle(LedgerClosed("another process has the conversation now"))

    def _sweep(self, connection: Connection, sweep: _Sweep) -> None:
        try:
            ended = reading.ended_before(connection, sorted(self._own.shards), sweep.before)
            ended = [one for one in ended if one not in self._light_of]
            if ended:
                keys = [(one.bot_id, one.user_id, one.channel) for one in ended]
                connection.execute(
                    SQL["delete_conversations"], [list(column) for column in zip(*keys, strict=True)]
                )
        except LOST:
            sweep.done.set_exception(LedgerError("the store could not be swept; check PostgreSQL"))
            raise
        for one in ended:
            self.remembered.put(one, None)
            self._payloads.drop(one)
        sweep.done.set_result(len(ended))

    def _find_missed(self, connection: Connection) -> None:
        """Look for inputs without notification.

        Everything is taken by number from here: a hook that was acknowledged before another was sent has the lower one, and its
        notification may be the one that was missed.
        """
        self._look = False
        self._hints.clear()
        if self._active:
            found = connection.execute(SQL["undecided"], (sorted(self._active),)).fetchall()
            known = self._light.keys() | self._unreadable
            self._hints.extendleft([(row, _FOUND) for (row,) in reversed(found) if row not in known])

    def _from_doors(self, connection: Connection) -> Sequence[_Taken]:
        """The next inputs that doors have written down, in the order of their notifications."""
        hinted: list[int] = []
        looked_up: set[int] = set()
        while self._hints and len(hinted) < MAX_IN_BATCH:
            hint = self._hints.popleft()
            if hint == _LOOK:
                self._look = True
                break
            if hint[1] == _FOUND:
                looked_up.add(hint[0])
            elif hint[0] in self._unheard:
                del self._unheard[hint[0]]
                self._local.pop(hint[0], None)
                continue
            hinted.append(hint[0])
        rows = [row for row in dict.fromkeys(hinted) if row not in self._light]
        if not rows:
            return ()
        foreign = [row for row in rows if row not in self._local]
        read: dict[int, _Taken] = {}
        if foreign:
            for row, data, component_id, body, awaited in connection.execute(
                SQL["inputs"], (foreign, sorted(self._active))
            ):
                try:
                    read[row] = _Taken(input_from_row(data, component_id, body), row=row, awaited=awaited)
                except LedgerError as error:
                    self._unreadable.add(row)
                    _log.error("input_unreadable", row=row, reason=str(error))
                if row in looked_up:
                    self._unheard[row] = None
            while len(self._unheard) > MAX_UNHEARD:
                del self._unheard[next(iter(self._unheard))]
        found = []
        for row in rows:
            shard, local = self._local.pop(row, (None, None))
            if local is None:
                if row in read:
                    found.append(read[row])
            elif shard in self._active:
                found.append(_Taken(local, row=row, awaited=isinstance(local.event, HookAnswered)))
        return found

    # --- a commit ----------------------------------------------------------------------------------------------------------

    def _commit(self, connection: Connection, taken: Sequence[_Taken]) -> None:
        if not taken:
            return
        wanted = [one for _, one in in_order([(one.input, one) for one in taken])]
        try:
            self._commit_together(connection, wanted)
        except INPUTS_FAULT as error:
            # One input cannot be stored and must not fail the others.
            connection.rollback()
            _log.error("commit_not_writable", inputs=len(wanted), error=where(error))
            for one in wanted:
                self._commit_alone(connection, one)

    def _commit_alone(self, connection: Connection, one: _Taken) -> None:
        try:
            self._commit_together(connection, [one])
        except INPUTS_FAULT as error:
            connection.rollback()
            if one.receipt is not None:
                one.receipt.settle(error)
            if one.row is not None:
                connection.execute(SQL["fail_inputs"], ([one.row],))

    def _commit_together(self, connection: Connection, wanted: Sequence[_Taken]) -> None:
        keys = [unique_key(one.input) if one.row is None else "" for one in wanted]
        decided = self._decided(wanted, keys, {})
        try:
            try:
                # Keys are rarely repeated: storing them tells.
                deleted = writing.write(connection, decided.batch, decided.rows)
            except KeysSeen:
                seen = connection.execute(SQL["seen_keys"], ([key for key in keys if key],)).fetchall()
                decided = self._decided(wanted, keys, dict(seen))
                deleted = writing.write(connection, decided.batch, decided.rows)
        except INPUTS_FAULT:
            raise
        except LOST:
            self._in_doubt |= {
                shard_of(target) for one in wanted for target in decided.batch.targets(one.input)
            }
            for one in wanted:
                if one.receipt is not None:
                    one.receipt.settle(LedgerError("the store did not commit; check PostgreSQL"))
            raise
        self._apply(decided, deleted)
        self._tell(decided)
        self._notify(connection, decided.rows)

    def _decided(
        self, wanted: Sequence[_Taken], keys: Sequence[str], seen: Mapping[str, str | None]
    ) -> _Decided:
        """Decide on all inputs. `seen`: those of their keys that were committed before, each with what it was committed with."""
        decided = _Decided(Batch(self._decide, self.remembered, self._ids))
        for one, key in zip(wanted, keys, strict=True):
            if one.row is not None and (shard := self._elsewhere(decided.batch, one)) is not None:
                decided.rows.moved.append((one.row, shard))
                continue
            try:
                outcome = decided.batch.decide(one.input, key, seen=key in seen, seen_with=seen.get(key))
            except Exception as error:  # noqa: BLE001 - a defect in the rules: only this input fails
                decided.outcomes.append((one, error))
                if one.row is not None:
                    decided.rows.failed.append(one.row)
                continue
            if one.row is not None:
                outcome = self._of_row(decided, one, outcome)
            decided.outcomes.append((one, outcome))
        self._rank_effects(decided)
        return decided

    def _elsewhere(self, batch: Batch, one: _Taken) -> int | None:
        """The shard that the input belongs to, if that is not this process'."""
        target = shard_of(batch.targets(one.input)[0])
        return target if target not in self._active else None

    def _of_row(
        self, decided: _Decided, one: _Taken, outcome: tuple[Committed, ...]
    ) -> tuple[Committed, ...]:
        """What follows for an input's row: it stays as the effect of a message that is only passed on, and else it is done."""
        row, first = one.row, outcome[0]
        assert row is not None  # noqa: S101 - asked for rows only
        if one.awaited:
            decided.rows.answered.append(
                (row, first.refused, float(one.input.event.at if one.input.event else 0.0))
            )
        batch = decided.batch
        item = first.items[0] if len(outcome) == 1 and len(first.items) == 1 else None
        if (
            item is not None
            and isinstance(item.effect, _LIGHT)
            and item.hook is not None
            and not first.local_effects
            and first.conversation.id not in batch.changes
        ):
            del batch.outbox[item.id]
            item = replace(item, id=row * 2)
            decided.light[row] = _Light(item, 0)
            return (replace(first, items=(item,)),)
        decided.rows.done.append(row)
        return outcome

    def _rank_effects(self, decided: _Decided) -> None:
        """Number the effects in the order of the decisions, and write down what is being passed on beside them."""
        batch, rows = decided.batch, decided.rows
        busy = set(batch.changes)
        for _, outcome in decided.outcomes:
            if isinstance(outcome, Exception):
                continue
            for committed in outcome:
                for item in committed.items:
                    self._rank += 1
                    if item.id % 2:
                        rows.ranks[item.id] = self._rank
                        busy.add(item.conversation_id)
                    else:
                        decided.light[item.id // 2].rank = self._rank
        for item_id in batch.outbox:
            if item_id not in rows.ranks:  # Of an input that only completes others: there is none.
                self._rank += 1
                rows.ranks[item_id] = self._rank
        for conversation_id in busy:
            for row in self._light_of.get(conversation_id, ()):
                if row * 2 not in batch.completed:
                    light = self._light[row]
                    rows.kept.append((row, light.rank, decision_to_bytes(light.item)))
            for row, light in decided.light.items():
                if light.item.conversation_id == conversation_id:
                    rows.kept.append((row, light.rank, decision_to_bytes(light.item)))

    def _apply(self, decided: _Decided, deleted: int) -> None:
        """The transaction is durable: update the memory."""
        batch, rows = decided.batch, decided.rows
        batch.apply()
        for conversation_id, (hook, _) in batch.payloads.items():
            self._payloads.put(conversation_id, hook)
        for row, light in decided.light.items():
            self._light[row] = light
            self._light_of.setdefault(light.item.conversation_id, set()).add(row)
        for item_id in batch.completed:
            if not item_id % 2:
                self._put_out(item_id // 2)
        for row, _, _ in rows.kept:
            self._forget_light_of(row)
        self.depth += len(batch.outbox) + len(decided.light) - deleted

    def _put_out(self, row: int) -> None:
        self._forget_light_of(row)
        self._light.pop(row, None)

    def _forget_light_of(self, row: int) -> None:
        light = self._light.get(row)
        if light is None:
            return
        others = self._light_of.get(light.item.conversation_id)
        if others is not None:
            others.discard(row)
            if not others:
                del self._light_of[light.item.conversation_id]

    def _tell(self, decided: _Decided) -> None:
        news: list[Committed] = []
        own: list[tuple[Receipt[Committed], Committed]] = []
        for one, outcome in decided.outcomes:
            if isinstance(outcome, Exception):
                _log.error("rules_failed", event_kind=type(one.input.event).__name__, error=where(outcome))
                if one.receipt is not None:
                    one.receipt.settle(outcome)
                continue
            if one.receipt is not None:
                own.append((one.receipt, outcome[0]))
            if one.input.event is not None and not outcome[0].duplicate:
                news += outcome
        if news:
            try:
                self._on_commit(news)
            except Exception as error:  # noqa: BLE001 - the inputs are durable: a defect in the listener must not stop the hooks
                self._listener_works = False
                _log.critical("relay_did_not_take_commits", error=where(error))
        for receipt, committed in own:
            receipt.settle(committed)
        if decided.rows.answered:
            self._answered([(row, refused) for row, refused, _ in decided.rows.answered])

    def _notify(self, connection: Connection, rows: Rows) -> None:
        """Tell other processes what is theirs."""
        if rows.moved:
            text = ",".join([f"{row}:{shard}" for row, shard in rows.moved])
            connection.execute(SQL["tell"], (INPUTS_CHANNEL, text))
        if rows.answered:
            text = ",".join([str(row) for row, _, _ in rows.answered])
            connection.execute(SQL["tell"], (ANSWERS_CHANNEL, text))


def _refuse(one: _Queued) -> None:
    _fail(one, LedgerClosed("the ledger has stopped"))


def _refuse_for_now(one: _Queued) -> None:
    _fail(one, LedgerError("the store cannot be reached; check PostgreSQL"))


def _fail(one: _Queued, error: LedgerError) -> None:
    if isinstance(one, _Sweep):
        if not one.done.done():
            one.done.set_exception(error)
    elif not one[1].settled and one[1].begins():
        one[1].settle(error)
