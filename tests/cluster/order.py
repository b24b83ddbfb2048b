"""Hooks of the same users at two doors: the owners decide each user's hooks in the order in which they were sent.

Each user's next hook is sent when the one before is acknowledged, to either door.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from unittest.mock import patch

from botkit.handoff.conversation import Conversation, ConversationId, Instant
from botkit.handoff.decision import Decision
from botkit.handoff.effects import PassToBot
from botkit.handoff.events import Event, UserMessage
from botkit.ledger.interface import Committed, HookBody, Input
from botkit.ledger.postgresql.ledger import PostgresLedger
from botkit.ledger.postgresql.shards import SHARDS
from botkit.testing.waiting import until

BOT = "st-0a1b2c3d-1111-5222-8333-444455556666"
DEADLINE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Order:
    """How the decisions compare with what was sent."""

    hooks: int
    out_of_order: int
    missing: int
    twice: int


class _Users:
    """Users, each of whom sends one hook after the other, and what was decided of theirs."""

    def __init__(self, users: int, hooks: int, *, chance: random.Random) -> None:
        self.doors: Sequence[PostgresLedger] = ()
        self.sent = [0] * users
        self.decided: list[list[int]] = [[] for _ in range(users)]
        self.refused: list[Exception] = []
        self.done = threading.Event()
        self.guests_come = False
        """Whether to go on when so many hooks are sent."""
        self._most = hooks // users
        self._chatting = users
        self._chance = chance
        self._lock = threading.Lock()

    def start(self) -> None:
        for user in range(len(self.sent)):
            self._send(user)

    def _send(self, user: int) -> None:
        with self._lock:
            if self.sent[user] >= self._most and not self.guests_come:
                self._chatting -= 1
                if not self._chatting:
                    self.done.set()
                return
            self.sent[user] += 1
            door = self._chance.choice(self.doors)
        number = self.sent[user]
        event = UserMessage(
            key=f"{number}/{user}", at=Instant(float(number)), text=str(number), agent_transfer=None
        )
        hook = HookBody(b"%d %d" % (user, number))

        def answered(outcome: Committed | Exception) -> None:
            if isinstance(outcome, Exception):
                self.refused.append(outcome)
                self.done.set()
            else:
                self._send(user)

        door.submit_then(Input(ConversationId(BOT, f"u-{user}"), event, hook), answered)

    def listener(self, ledger: PostgresLedger) -> Callable[[Sequence[Committed]], None]:
        """Notes the decisions of this owner, and reports each as delivered."""

        def on_commit(news: Sequence[Committed]) -> None:
            for one in news:
                for item in one.items:
                    assert item.hook is not None
                    user, number = map(int, item.hook.body.split())
                    self.decided[user].append(number)
                    delivered = Input(item.conversation_id, None, completes=(item.id,))
                    ledger.submit_then(delivered, lambda _: None)

        return on_commit

    def missing(self) -> int:
        pairs = zip(self.sent, self.decided, strict=True)
        return sum(len(set(range(1, sent + 1)) - set(decided)) for sent, decided in pairs)


def play(url: str, *, users: int, hooks: int, guests: int = 0, seed: int = 1) -> Order:
    """Send hooks of many users to two ledgers on this database, and wait until all are decided.

    Args:
        url: of the database.
        users: how many chat at the same time.
        hooks: of all users together; more if guests take longer to come and go.
        guests: how often a third process comes meanwhile, takes its share of the shards, and leaves. What was on its way when
            shards move is decided twice, as nobody waits for its delivery here.
        seed: of the choice of doors.
    """
    with ExitStack() as stack:
        crowd = _Users(users, hooks, chance=random.Random(seed))
        crowd.doors = [stack.enter_context(_ledger(url, crowd)) for _ in range(2)]
        until(
            lambda: [_owned(one) for one in crowd.doors] == [SHARDS // 2, SHARDS // 2],
            "until both own half of the shards",
        )
        crowd.guests_come = guests > 0
        crowd.start()
        for _ in range(guests):
            with _ledger(url, crowd) as guest:
                until(lambda: _owned(guest) >= SHARDS // 4, "until the third has shards")
            until(lambda: sum(map(_owned, crowd.doors)) == SHARDS, "until the two have all shards again")
        crowd.guests_come = False
        assert crowd.done.wait(DEADLINE_SECONDS), "the hooks are not acknowledged"
        if crowd.refused:
            raise crowd.refused[0]
        # What is decided twice comes after what is decided late.
        until(lambda: not crowd.missing() and not any(one.depth for one in crowd.doors), "for the decisions")
        return Order(
            hooks=sum(crowd.sent),
            out_of_order=sum(_inversions(one) for one in crowd.decided),
            missing=crowd.missing(),
            twice=sum(len(one) - len(set(one)) for one in crowd.decided),
        )


@contextmanager
def own_hooks_handed_over_directly() -> Iterator[None]:
    """A defect: a door hands the hooks of its own process' shards to the owner at commit, not by notification."""
    honest = PostgresLedger._taken

    def hasty(self: PostgresLedger, inputs: dict[int, tuple[int, Input]]) -> None:
        honest(self, inputs)
        self._owner.told(",".join(f"{row}:{shard}" for row, (shard, _) in inputs.items()))

    with patch.object(PostgresLedger, "_taken", hasty):
        yield


@contextmanager
def _ledger(url: str, crowd: _Users) -> Iterator[PostgresLedger]:
    def decide(conversation: Conversation, event: Event) -> Decision:
        return Decision(conversation, (PassToBot(),))

    ledger = PostgresLedger(url, decide)
    ledger.start(crowd.listener(ledger))
    try:
        yield ledger
    finally:
        ledger.close()


def _owned(ledger: PostgresLedger) -> int:
    return len(ledger._owner._own.shards)


def _inversions(numbers: Iterable[int]) -> int:
    found, highest = 0, 0
    for number in dict.fromkeys(numbers):
        found += number < highest
        highest = max(highest, number)
    return found
