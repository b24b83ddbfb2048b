"""Names whose agent session has ended: when an owner may forget that hooks under them come to it.

Doors write hooks down in the shard to which a name of their user leads (`live_names`), and everybody's order is that of one
shard. So a name of an ended session goes on leading there until its owner has decided on all that has come; what belongs to
another shard is sent on from there, in order. A name goes when nothing waits, while doors that have just read it make it wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set

from botkit.handoff.conversation import ConversationId
from botkit.ledger.memory import Remembered
from botkit.ledger.postgresql.database import Connection, columns_of
from botkit.ledger.postgresql.queries import SQL
from botkit.ledger.postgresql.shards import shard_of

Name = tuple[ConversationId, str]


class EndedNames:
    """The names of this process' ended sessions that are still stored."""

    def __init__(self) -> None:
        self._ended: set[Name] = set()

    def __len__(self) -> int:
        return len(self._ended)

    def changed(self, *, named: Iterable[Name], forgotten: Iterable[Name]) -> None:
        """A commit has begun or ended sessions."""
        self._ended.update(forgotten)
        self._ended.difference_update(named)

    def gained(self, connection: Connection, shards: Sequence[int], remembered: Remembered) -> None:
        """Find those that an earlier owner of these shards has left."""
        for bot_id, name, user_id, channel in connection.execute(SQL["names"], (shards,)):
            one = ConversationId(bot_id, user_id, channel)
            stored = remembered.get(one)
            if stored is None or stored.conversation.session is None or name not in {user_id, *stored.names}:
                self._ended.add((one, name))

    def lose(self, shards: Set[int]) -> None:
        """These shards are another process'."""
        self._ended = {one for one in self._ended if shard_of(one[0]) not in shards}

    def forget(self, connection: Connection, decided: Set[int]) -> None:
        """Delete those in whose shards nothing waits for a decision.

        Args:
            connection: the owner's.
            decided: rows of `inputs` that wait for something else, such as their delivery.
        """
        if not self._ended:
            return
        ended = [(one.bot_id, name, one.user_id, one.channel) for one, name in sorted(self._ended)]
        with connection.transaction():
            # A name is not to be had while a door writes a hook down because of it. Later ones wait, and find it gone.
            locked = connection.execute(SQL["lock_names"], columns_of(ended)).fetchall()
            shards = sorted({shard for *_, shard in locked})
            found = connection.execute(SQL["undecided"], (shards,)).fetchall() if shards else ()
            waiting = {shard for row, shard in found if row not in decided}
            gone = [tuple(name) for *name, shard in locked if shard not in waiting]
            if gone:
                connection.execute(SQL["forget_names"], columns_of(gone))
        self._ended -= {(ConversationId(bot, user, channel), name) for bot, name, user, channel in gone}
