"""Messages that are being passed on unchanged: the row of each in `inputs` is its effect too, and does not say so.

A later owner would decide on such a row anew, and the same as long as its user has no state. So when the conversation gets
another effect or a state, or a hand-off begins under one of the user's names, the decision is written to the row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass

from botkit.handoff.conversation import ConversationId
from botkit.handoff.effects import USER_LANE
from botkit.ledger.interface import InDoubt, OutboxItem

MAX_TRIED = 1_000
"""Max users of a bot to whom a process may have been passing messages on. Thousands that wait were never tried."""


@dataclass(slots=True)
class PassedOn:
    """One message that is being passed on.

    Attributes:
        item: its effect.
        names: every name of its user in the hook.
        rank: its place among the effects of its shard.
    """

    item: OutboxItem
    names: tuple[str, ...]
    rank: int = 0


class AllPassedOn:
    """The messages that this process passes on, by their rows."""

    def __init__(self) -> None:
        self._by_row: dict[int, PassedOn] = {}
        self._unwritten: dict[ConversationId, set[int]] = {}

    def __len__(self) -> int:
        return len(self._by_row)

    def __contains__(self, row: object) -> bool:
        return row in self._by_row

    @property
    def rows(self) -> Set[int]:
        """All of them."""
        return self._by_row.keys()

    @property
    def without_decision(self) -> int:
        """How many have no decision in their rows."""
        return sum(map(len, self._unwritten.values()))

    def any_of(self, conversation_id: ConversationId) -> bool:
        """Whether the conversation has one without a decision in its row."""
        return conversation_id in self._unwritten

    def beside(
        self, changed: Set[ConversationId], named: Set[tuple[str, str]]
    ) -> Iterator[tuple[int, PassedOn]]:
        """Those without a decision in their rows that may be decided differently from now on.

        Args:
            changed: conversations with another effect or state.
            named: bots and names under which hand-offs begin.
        """
        for conversation_id in changed:
            for row in self._unwritten.get(conversation_id, ()):
                yield row, self._by_row[row]
        if named:  # Rarely: this looks at all of them.
            for conversation_id, rows in self._unwritten.items():
                for row in rows if conversation_id not in changed else ():
                    one = self._by_row[row]
                    if is_named(one, named):
                        yield row, one

    def add(self, row: int, one: PassedOn) -> None:
        """A message is being passed on, without a decision in its row."""
        self._by_row[row] = one
        self._unwritten.setdefault(one.item.conversation_id, set()).add(row)

    def written(self, row: int) -> None:
        """The decision is in the row now."""
        self._forget_unwritten(row)

    def remove(self, row: int) -> None:
        """It is done. Has no effect on a row that is not among them."""
        self._forget_unwritten(row)
        self._by_row.pop(row, None)

    def forget(self, leaves: Callable[[ConversationId], bool]) -> None:
        """Forget those of conversations that leave."""
        for row, one in list(self._by_row.items()):
            if leaves(one.item.conversation_id):
                self.remove(row)

    def _forget_unwritten(self, row: int) -> None:
        one = self._by_row.get(row)
        rows = self._unwritten.get(one.item.conversation_id) if one is not None else None
        if rows is not None and one is not None:
            rows.discard(row)
            if not rows:
                del self._unwritten[one.item.conversation_id]


class PerhapsTried:
    """Rows that nobody has decided on durably. A process that was killed may have passed on the first of each user."""

    def __init__(self) -> None:
        self._rows: set[int] = set()
        self._attempted: set[int] = set()
        self._past: set[ConversationId] = set()
        """Conversations whose first one is known."""
        self._of_bots: Counter[str] = Counter()

    def __bool__(self) -> bool:
        return bool(self._rows)

    def were_attempted(self, rows: Set[int]) -> None:
        """A process that stopped in good order had attempted these, and had no answer."""
        self._rows |= rows
        self._attempted |= rows

    def doubt_of(self, row: int, conversation_id: ConversationId, before: Iterable[PassedOn]) -> InDoubt:
        """Whether a row may have been passed on. `before`: of the same commit."""
        if row in self._attempted:
            return "attempted"
        return "perhaps" if row in self._rows and self.is_first(conversation_id, before) else ""

    def may_be(self, rows: Set[int], *, behind: Iterable[OutboxItem]) -> None:
        """A killed process had these rows, behind these effects."""
        self._rows |= rows
        self._past |= {item.conversation_id for item in behind if item.lane == USER_LANE}

    def is_first(self, conversation_id: ConversationId, before: Iterable[PassedOn]) -> bool:
        """Whether the conversation's next row is its first. `before`: of the same commit."""
        return (
            conversation_id not in self._past
            and self._of_bots[conversation_id.bot_id] < MAX_TRIED
            and all(one.item.conversation_id != conversation_id for one in before)
        )

    def decided(self, rows: Iterable[int], passed_on: Mapping[int, PassedOn]) -> None:
        """It is decided on these rows, and these messages are being passed on."""
        for row in rows:
            if row in self._rows and row in passed_on:
                one = passed_on[row].item.conversation_id
                self._of_bots[one.bot_id] += one not in self._past
                self._past.add(one)
            self._rows.discard(row)
            self._attempted.discard(row)
        if not self._rows:
            self._past.clear()
            self._of_bots.clear()


def is_named(one: PassedOn, named: Set[tuple[str, str]]) -> bool:
    """Whether the message's user has one of these names with its bot."""
    return any((one.item.conversation_id.bot_id, name) in named for name in one.names)
