"""What a process has in memory of the shards that it owns: it comes and goes with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set
from functools import partial

from botkit.handoff.conversation import ConversationId
from botkit.ledger.doubts import marked, may_have_been_sent
from botkit.ledger.interface import Decide, Input, Moves
from botkit.ledger.memory import PayloadCache, Remembered
from botkit.ledger.postgresql import reading
from botkit.ledger.postgresql.database import Connection
from botkit.ledger.postgresql.deciding import Deciding
from botkit.ledger.postgresql.names import EndedNames
from botkit.ledger.postgresql.ownership import Ownership
from botkit.ledger.postgresql.passed_on import AllPassedOn, PerhapsTried
from botkit.ledger.postgresql.shards import shard_of
from botkit.ledger.postgresql.taking import Taking

MOVED_AT_ONCE = 250
"""Max conversations that are given up at once, unless a single shard has more: their users wait while the next owner opens the
streams, of which a process on a busy machine opens 200 to 400 a second (measured)."""


class Holdings:
    """Changed in the owner's thread only.

    Args:
        own: which shards those are.
        decide: the rules.
        local: the inputs that the door of this process has taken for its own shards, by id, each with its shard.
        payloads: the newest payloads.
    """

    def __init__(
        self, own: Ownership, decide: Decide, local: dict[int, tuple[int, Input]], payloads: PayloadCache
    ) -> None:
        self.own = own
        self.payloads = payloads
        self.remembered = Remembered()
        self.passed_on = AllPassedOn()
        self.taking = Taking(local)
        self.ended_names = EndedNames()
        self._tried = PerhapsTried()
        self.deciding = Deciding(decide, self.remembered, self.passed_on, self._tried)
        self.depth = 0
        """The number of effects that are not done."""

    def owns(self, conversation_id: ConversationId) -> bool:
        """Whether the conversation is this process'."""
        return shard_of(conversation_id) in self.own.shards

    def gain(self, connection: Connection, shards: Mapping[int, bool], moves: Moves | None) -> int:
        """Take shards on.

        Args:
            connection: the owner's.
            shards: each with whether its last owner gave it up cleanly.
            moves: the relay, which carries on what comes with them.

        Returns:
            The number of their effects.
        """
        if not shards:
            return 0
        numbers = sorted(shards)
        keep = partial(self.own.keep, connection)
        gained = reading.of_shards(connection, numbers, keep, self.own.ahead, self.own.server_ahead)
        for stored in gained.stored:
            self.remembered.put(stored.conversation.id, stored)
        self.deciding.live_before.update(
            stored.conversation.id for stored in self.remembered.all() if stored.conversation.session
        )
        self.ended_names.gained(connection, numbers, self.remembered)
        self.deciding.last_rank = max(self.deciding.last_rank, gained.last_rank)
        self.depth += len(gained.items)
        left_behind = {number for number, clean in shards.items() if not clean}
        attempted = self.own.take_attempted(connection, numbers)
        self._tried.were_attempted({item_id // 2 for item_id in attempted if not item_id % 2})
        theirs = [item for item in gained.items if shard_of(item.conversation_id) in left_behind]
        items = marked(gained.items, perhaps=may_have_been_sent(theirs), attempted=attempted)
        if left_behind:
            self._tried.may_be(reading.undecided(connection, sorted(left_behind)), behind=theirs)
            keep()
        self.own.add(numbers)
        if moves is not None:
            conversations = [stored.conversation for stored in gained.stored if stored.conversation.open]
            moves.gain(items, conversations)
        self.taking.gained(numbers)
        return len(gained.items)

    def some_of(self, shards: Set[int]) -> set[int]:
        """Those of these shards that are given up first; see `MOVED_AT_ONCE`."""
        open_ones = Counter(
            shard_of(stored.conversation.id) for stored in self.remembered.all() if stored.conversation.open
        )
        chosen, conversations = set[int](), 0
        for shard in sorted(shards, reverse=True):
            conversations += open_ones[shard]
            if chosen and conversations > MOVED_AT_ONCE:
                break
            chosen.add(shard)
        return chosen

    def forget(self, shards: Set[int]) -> None:
        """These shards are, or may be, another process'."""
        for stored in self.remembered.all():
            one = stored.conversation.id
            if shard_of(one) in shards:
                self.forget_conversation(one)
                self.deciding.live_before.discard(one)
        self.ended_names.lose(shards)
        self.passed_on.forget(lambda one: shard_of(one) in shards)
        self.taking.forget(shards)
        if not self.own.shards:
            self.depth = 0

    def forget_conversation(self, one: ConversationId) -> None:
        """It is another process', or no longer stored."""
        self.remembered.put(one, None)
        self.payloads.drop(one)

    def recount(self, connection: Connection) -> None:
        """Count the effects of the shards that are left."""
        if self.own.shards:
            stored = reading.depth_of(connection, sorted(self.own.shards))
            self.depth = stored + self.passed_on.without_decision
