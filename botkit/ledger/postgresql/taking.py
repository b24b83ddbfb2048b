"""What an owner takes next of the inputs that doors have written down.

It takes them in the order of the notifications, its own process' too: a hook that was acknowledged before another was sent is
notified before it. Inputs that were missed are found by looking, every few seconds and whenever there is doubt.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence, Set

from botkit.errors import LedgerError
from botkit.handoff.events import HookAnswered
from botkit.ledger.interface import Input
from botkit.ledger.postgresql.database import Connection
from botkit.ledger.postgresql.deciding import Taken
from botkit.ledger.postgresql.queries import SQL
from botkit.ledger.rows import input_from_row
from botkit.observability.events import get_logger

_log = get_logger("botkit.ledger")

MAX_UNHEARD = 10_000
"""Max rows that were found by looking and are remembered until their notifications come."""
_LOOK = (0, -1)
"""Among the hints: look for inputs before the next ones are taken."""
_FOUND = -1
"""Instead of a shard, among the hints: found by looking, not by a notification."""


class Taking:
    """The hints of inputs to come, and where each is read.

    Args:
        local: the inputs that the door of this process has taken for its own shards, by id, each with its shard.
    """

    def __init__(self, local: dict[int, tuple[int, Input]]) -> None:
        self._local = local
        self._hints: deque[tuple[int, int]] = deque()
        self._unheard: dict[int, None] = {}
        """Inputs that were found by looking, perhaps before the door of this process has handed them over and notified."""
        self.unreadable: set[int] = set()
        """Inputs of a newer version. They stay for a process of that version, and delay nobody else's."""
        self._new: set[int] = set()
        """Shards that were taken on since it looked last."""
        self._inherited: set[int] = set()
        """Inputs that were there when their shards were taken on."""
        self.has_to_look = True

    def __bool__(self) -> bool:
        """Whether there are hints."""
        return bool(self._hints)

    def told(self, text: str, shards: Set[int]) -> bool:
        """A notification ``id:shard,…``; whether it has inputs of these shards. Any thread."""
        try:
            pairs = [one.split(":") for one in text.split(",")]
            hints = [(int(item_id), int(shard)) for item_id, shard in pairs]
        except ValueError:
            _log.warning("notification_not_understood")
            return False
        mine = [hint for hint in hints if hint[1] in shards]
        self._hints += mine
        return bool(mine)

    def look_first(self) -> None:
        """Some notifications may have been missed: those that come from now on are not taken before it has looked. Any thread."""
        self._hints.append(_LOOK)

    def gained(self, shards: Iterable[int]) -> None:
        """These shards were taken on: it looks for what is there."""
        self._new.update(shards)
        self.has_to_look = True

    def find_missed(self, connection: Connection, shards: Set[int], known: Set[int]) -> None:
        """Look for inputs without notification, except the known ones.

        Everything is taken by number from here: a hook that was acknowledged before another was sent has the lower one, and its
        notification may be the one that was missed.
        """
        self.has_to_look = False
        self._hints.clear()
        if shards:
            found = connection.execute(SQL["undecided"], (sorted(shards),)).fetchall()
            known = known | self.unreadable
            new = [(row, shard) for row, shard in found if row not in known]
            self._inherited.intersection_update([row for row, _ in new])
            self._inherited.update([row for row, shard in new if shard in self._new])
            self._new.clear()
            self._hints.extendleft([(row, _FOUND) for row, _ in reversed(new)])

    def next(
        self, connection: Connection, shards: Set[int], known: Set[int], *, at_most: int
    ) -> Sequence[Taken]:
        """The next inputs of these shards, except the known ones; none if it has to look first."""
        hinted, found = self._next_hints(at_most)
        rows = [row for row in dict.fromkeys(hinted) if row not in known]
        foreign = [row for row in rows if row not in self._local]
        read = self._read(connection, shards, foreign, found) if foreign else {}
        taken = []
        for row in rows:
            shard, local = self._local.pop(row, (-1, None))
            if local is None:
                if row in read:
                    taken.append(read[row])
            elif shard in shards:
                awaited = isinstance(local.event, HookAnswered)
                taken.append(Taken(local, row=row, shard=shard, awaited=awaited))
        return taken

    def forget(self, shards: Set[int]) -> None:
        """Forget what the door has taken for shards that leave."""
        for row, (shard, _) in list(self._local.items()):
            if shard in shards:
                self._local.pop(row, None)

    def _next_hints(self, at_most: int) -> tuple[Sequence[int], Set[int]]:
        """The next rows, and which of them were found by looking."""
        hinted: list[int] = []
        found: set[int] = set()
        while self._hints and len(hinted) < at_most:
            hint = self._hints.popleft()
            if hint == _LOOK:
                self.has_to_look = True
                break
            row, shard = hint
            if shard == _FOUND:
                found.add(row)
            elif row in self._unheard:  # It was found, and taken, before its notification came.
                del self._unheard[row]
                self._local.pop(row, None)
                continue
            hinted.append(row)
        return hinted, found

    def _read(
        self, connection: Connection, shards: Set[int], rows: Sequence[int], found: Set[int]
    ) -> dict[int, Taken]:
        read: dict[int, Taken] = {}
        for row, shard, data, component_id, body, awaited in connection.execute(
            SQL["inputs"], (rows,)
        ).fetchall():
            if shard not in shards:
                continue
            try:
                read[row] = Taken(
                    input_from_row(data, component_id, body),
                    row=row,
                    shard=shard,
                    awaited=awaited,
                    inherited=row in self._inherited,
                )
            except LedgerError as error:
                self.unreadable.add(row)
                _log.error("input_unreadable", row=row, reason=str(error))
            if row in found:
                self._unheard[row] = None
        while len(self._unheard) > MAX_UNHEARD:
            del self._unheard[next(iter(self._unheard))]
        return read
