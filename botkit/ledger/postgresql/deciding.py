"""Decides on what an owner has taken: the batch, and what follows for the rows of `inputs`.

A message that is passed on unchanged writes nothing: its row is its effect (an even id of an item; an odd one is of `outbox`).
See `passed_on.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

from msgspec.structs import replace

from botkit.handoff.conversation import ConversationId
from botkit.handoff.effects import PassToBot, PassToUser
from botkit.ledger.batch import Batch, is_flagged
from botkit.ledger.interface import Committed, Decide, Input
from botkit.ledger.memory import Remembered
from botkit.ledger.postgresql.passed_on import AllPassedOn, PassedOn, PerhapsTried, is_named
from botkit.ledger.postgresql.shards import shard_of
from botkit.ledger.postgresql.writing import Rows, names_changed
from botkit.ledger.receipts import Receipt
from botkit.ledger.rows import decision_to_bytes

_PASSED_ON = (PassToBot, PassToUser)


@dataclass(frozen=True, slots=True)
class Taken:
    """An input to decide on: of the relay, with a receipt, or of a door, with the id of its row."""

    input: Input
    receipt: Receipt[Committed] | None = None
    row: int | None = None
    shard: int = -1
    """Of the row."""
    awaited: bool = False
    inherited: bool = False
    """The row was there when this process came to own its shard, so that an earlier owner may have decided on it already."""


@dataclass(slots=True)
class Decided:
    """One commit: what was decided, and the rows that follow from it."""

    batch: Batch
    rows: Rows = field(default_factory=Rows)
    outcomes: list[tuple[Taken, tuple[Committed, ...] | Exception]] = field(default_factory=list)
    passed_on: dict[int, PassedOn] = field(default_factory=dict)


class Deciding:
    """The rules, over the memory of this process' conversations.

    Args:
        decide: the rules.
        remembered: the conversations.
        passed_on: the messages that are being passed on.
        tried: those that a process which was killed may have passed on.
    """

    def __init__(
        self, decide: Decide, remembered: Remembered, passed_on: AllPassedOn, tried: PerhapsTried
    ) -> None:
        self._decide = decide
        self._remembered = remembered
        self._passed_on = passed_on
        self._tried = tried
        self.ids: Iterator[int] = iter(())
        """Of the next effects."""
        self.last_rank = 0
        self.live_before: set[ConversationId] = set()
        """Conversations that had an agent session when shards were taken on."""

    def together(
        self,
        wanted: Sequence[Taken],
        keys: Sequence[str],
        seen: Mapping[str, str | None],
        shards: Set[int],
    ) -> Decided:
        """Decide on inputs for one commit; the memory is unchanged.

        Args:
            wanted: the inputs.
            keys: their deduplication keys; empty of those of doors, which have stored them.
            seen: those of the keys that were committed before, each with what it was committed with.
            shards: of this process.
        """
        decided = Decided(Batch(self._decide, self._remembered, self.ids))
        for one, key in zip(wanted, keys, strict=True):
            targets = self._targets(decided.batch, one)
            if one.row is not None and (target := shard_of(targets[0])) not in shards:
                decided.rows.moved.append((one.row, target))
                decided.rows.sent_on.append((one.row, target))
                continue
            try:
                outcome = decided.batch.decide(
                    one.input, key, targets=targets, seen=key in seen, seen_with=seen.get(key)
                )
            except Exception as error:  # noqa: BLE001 - a defect in the rules: only this input fails
                decided.outcomes.append((one, error))
                if one.row is not None:
                    decided.rows.failed.append(one.row)
                continue
            if one.row is not None:
                outcome = _of_row(decided, one, one.row, outcome, self._tried)
            decided.outcomes.append((one, outcome))
        self._rank(decided)
        _name(decided)
        self._keep(decided)
        return decided

    def apply(self, decided: Decided) -> None:
        """The commit is durable: update the memory."""
        batch = decided.batch
        batch.apply()
        for row, one in decided.passed_on.items():
            self._passed_on.add(row, one)
        if self._tried:
            self._tried.decided([taken.row for taken, _ in decided.outcomes if taken.row], decided.passed_on)
        for item_id in batch.completed:
            if not item_id % 2:
                self._passed_on.remove(item_id // 2)
        for row, _, _ in decided.rows.kept:
            self._passed_on.written(row)

    def _targets(self, batch: Batch, one: Taken) -> Sequence[ConversationId]:
        """The conversations that an input may mean.

        A hook that was written down in its user's own shard came before any hand-off under their names in another one was
        committed. An earlier owner has decided on it without such a hand-off, and the bot may have the message already.
        """
        targets, own = batch.targets(one.input), one.input.conversation_id
        if (
            one.inherited
            and targets[0] in self.live_before
            and shard_of(targets[0]) != one.shard == shard_of(own)
            and not is_flagged(one.input)
        ):
            return (own,)
        return targets

    def _rank(self, decided: Decided) -> None:
        """Number the effects in the order of the decisions."""
        for _, outcome in decided.outcomes:
            for committed in outcome if not isinstance(outcome, Exception) else ():
                for item in committed.items:
                    self.last_rank += 1
                    if item.id % 2:
                        decided.rows.ranks[item.id] = self.last_rank
                    else:
                        decided.passed_on[item.id // 2].rank = self.last_rank

    def _keep(self, decided: Decided) -> None:
        """Write decisions down that a later owner might make differently because of this commit."""
        batch = decided.batch
        changed = {*batch.changes, *(item.conversation_id for item, *_ in batch.outbox.values())}
        if not changed:
            return
        named = {(one.bot_id, name) for one, name in decided.rows.named}
        beside = dict(self._passed_on.beside(changed, named))
        for row, one in decided.passed_on.items():
            if one.item.conversation_id in changed or is_named(one, named):
                beside[row] = one
        decided.rows.kept += [
            (row, one.rank, decision_to_bytes(one.item))
            for row, one in beside.items()
            if row * 2 not in batch.completed
        ]


def _name(decided: Decided) -> None:
    """Note the names under which live conversations are found from now on, and no longer."""
    batch, rows = decided.batch, decided.rows
    for conversation_id, stored in batch.changes.items():
        more, less = names_changed(batch.durable(conversation_id), stored)
        rows.named += [(conversation_id, name) for name in more]
        rows.forgotten += [(conversation_id, name) for name in less]


def _of_row(
    decided: Decided, one: Taken, row: int, outcome: tuple[Committed, ...], tried: PerhapsTried
) -> tuple[Committed, ...]:
    """What follows for an input's row: it stays as the effect of a message that is only passed on, and else it is done."""
    batch, first = decided.batch, outcome[0]
    if one.awaited:
        decided.rows.answered.append((row, first.refused))
    item = first.items[0] if len(outcome) == 1 and len(first.items) == 1 else None
    if (
        item is None
        or not isinstance(item.effect, _PASSED_ON)
        or item.hook is None
        or first.local_effects
        or first.conversation.id in batch.changes
    ):
        decided.rows.done.append(row)
        return outcome
    del batch.outbox[item.id]
    if (shard := shard_of(item.conversation_id)) != one.shard:
        # The next owner of the conversation has to find the message with it.
        decided.rows.moved.append((row, shard))
    in_doubt = tried.doubt_of(row, item.conversation_id, decided.passed_on.values()) if tried else ""
    item = replace(item, id=row * 2, in_doubt=in_doubt)
    decided.passed_on[row] = PassedOn(item, (one.input.conversation_id.user_id, *one.input.aliases))
    return (replace(first, items=(item,)),)
