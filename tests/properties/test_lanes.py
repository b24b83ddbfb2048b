"""Lanes under any sequence of messages, answers, waits, moves between processes and failures of the store: order, one at a time,
nothing lost."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from botkit.errors import CallRefused, LedgerError, RateLimited, ServerTrouble, Unreachable
from botkit.handoff.conversation import Conversation, ConversationId
from botkit.handoff.effects import CallUser, OutboundEffect, PassToBot, PlatformEffect, SendToUser
from botkit.handoff.events import Content
from botkit.ledger.interface import HookBody
from botkit.relay.ledger_client import LedgerClient
from botkit.testing.clock import settle
from tests.relay.relay_doubles import BOT, HeldPlatform, World

USERS = [ConversationId(BOT, f"u-{number}") for number in range(3)]
OUTCOMES: dict[str, Callable[[], Exception | None]] = {
    "success": lambda: None,
    "out of reach": lambda: Unreachable("send", detail="reset", possible_duplicate=True),
    "in trouble": lambda: ServerTrouble("send", status=503),
    "too fast": lambda: RateLimited("send", status=429, retry_after=5.0),
    "expired": lambda: CallRefused("send", status=404),
    "defect": ZeroDivisionError,
}
writes = st.tuples(st.just("write"), st.sampled_from(USERS), st.sampled_from(["pass", "show", "job"]))
answers = st.tuples(st.just("answer"), st.integers(0, 5), st.sampled_from(sorted(OUTCOMES)))
waits = st.tuples(st.just("wait"), st.sampled_from([0.1, 1.0, 20.0]), st.none())
failures = st.tuples(st.just("fail"), st.integers(1, 3), st.none())
leaves = st.tuples(st.just("leave"), st.sampled_from(USERS), st.sampled_from(["in good order", "at once"]))
comes = st.tuples(st.just("come"), st.sampled_from(USERS), st.none())
permits = st.tuples(st.just("permit"), st.booleans(), st.none())
usual = st.one_of(writes, writes, answers, answers, waits, failures)
moves = st.lists(st.one_of(usual, usual, leaves, comes, permits), max_size=40)


@dataclass
class Platform(HeldPlatform):
    """Remembers every attempt by its idempotency key, and which ones succeeded. A task's attempts are held like the others."""

    attempts: list[str] = field(default_factory=list)
    of_tasks: set[str] = field(default_factory=set)
    on_attempt: Callable[[str], None] = lambda _: None
    shown: list[str] = field(default_factory=list)

    async def send(
        self, effect: PlatformEffect, hook: HookBody, *, idempotency_key: str, patience: float = 1.0
    ) -> None:
        answer: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

        def done(error: Exception | None) -> None:
            if not answer.done():
                answer.set_result(error)

        self.of_tasks.add(idempotency_key)
        cancel = self.begin(effect, hook, idempotency_key=idempotency_key, done=done)
        try:
            error = await answer
        except asyncio.CancelledError:
            cancel()
            raise
        if error is not None:
            raise error

    def begin(self, effect: PlatformEffect, hook: HookBody, **more: Any) -> Callable[[], None]:
        super().begin(effect, hook, **more)
        begun = self.begun[-1]
        self.attempts.append(begun.idempotency_key)
        self.on_attempt(begun.idempotency_key)
        return lambda: self.begun.remove(begun)

    def answer_one(self, number: int, outcome: str) -> None:
        if self.begun:
            one = self.begun.pop(number % len(self.begun))
            if outcome == "success":
                self.shown.append(one.idempotency_key)
            one.done(OUTCOMES[outcome]())


def id_of(key: str) -> int:
    """The outbox id in an idempotency key."""
    return int(key.split("-")[1])


class Drive:
    """Plays moves, and looks at what must hold after each."""

    def __init__(self) -> None:
        self.platform = Platform()
        self.world = World(platform=self.platform, keep_payloads=True)
        self.lane_of: dict[str, tuple[ConversationId, bool]] = {}
        """The lane of each effect, by its idempotency key; jobs may be parked in one of their own."""
        self.written: dict[tuple[ConversationId, bool], list[str]] = defaultdict(list)
        self.early: list[str] = []
        """Attempts that were made before the result of the one before was committed."""
        self.unwanted: list[str] = []
        """Attempts that were made while that was not permitted, or for a conversation of another process."""
        self.away: dict[ConversationId, asyncio.Task[Mapping[int, ConversationId]]] = {}
        """The conversations that leave or have left, with their loss."""
        self.repeatable: set[str] = set()
        """Effects that were tried when their conversation was lost at once: the next process tries them again."""
        self._texts = itertools.count()
        self._ids = itertools.count(1)
        self.platform.on_attempt = self.attempted

    def attempted(self, key: str) -> None:
        user, is_job = lane = self.lane_of[key]
        if user in self.away or not self.world.ledger.acts:
            self.unwanted.append(key)
        before = self.written[lane][: self.written[lane].index(key)]
        if not is_job and any(id_of(one) in self.world.ledger.rows for one in before):
            self.early.append(key)

    async def play(self, kind: str, what: Any, more: Any) -> None:
        if kind == "write":
            self.write(what, more)
        elif kind == "answer":
            self.platform.answer_one(what, more)
        elif kind == "wait":
            await self.world.clock.advance(what)
        elif kind == "leave":
            self.leave(what, at_once=more == "at once")
        elif kind == "come":
            self.come(what)
        elif kind == "permit":
            self.world.ledger.acts = what
        else:
            self.world.ledger.failures.extend([LedgerError("disk full")] * what)
        await settle()
        self.look()

    def write(self, user: ConversationId, kind: str) -> None:
        hook = HookBody(f"text {next(self._texts)}".encode() * 4)
        effects: dict[str, OutboundEffect] = {
            "pass": PassToBot(),
            "show": SendToUser(Content(text="shown")),
            "job": CallUser("send_user_message", "said"),
        }
        self.world.ledger.hooks[user] = hook
        (number,) = itertools.islice(self._ids, 1)
        key, lane = f"botkit-{number}-{self.world.clock.now()!r}", (user, kind == "job")
        self.lane_of[key] = lane
        self.written[lane].append(key)
        # While a conversation is away, another process writes, and the ledger here tells nothing of it.
        ledger = self.world.ledger
        decided = ledger.decided if user not in self.away else ledger.decided_elsewhere
        (item,) = decided(Conversation(user), effects[kind], hook=hook).items
        assert item.id == number

    def leave(self, user: ConversationId, *, at_once: bool) -> None:
        if user in self.away:
            return
        if at_once:
            tried = [key for key in self.platform.attempts if self.lane_of[key][0] == user]
            self.repeatable.update(key for key in tried if id_of(key) in self.world.ledger.rows)
        self.away[user] = self.world.engine.lose(lambda one: one == user, 0 if at_once else 3600)

    def come(self, user: ConversationId) -> None:
        if user not in self.away or not self.away[user].done():
            return
        del self.away[user]
        undelivered = [item for item in self.world.ledger.undelivered() if item.conversation_id == user]
        self.world.engine.gain(undelivered, [])

    def look(self) -> None:
        under_way = [self.lane_of[one.idempotency_key] for one in self.platform.begun]
        assert len(under_way) == len(set(under_way)), "one attempt at a time in each lane"
        by_callback = [
            one for one in self.platform.begun if one.idempotency_key not in self.platform.of_tasks
        ]
        assert len(by_callback) <= 2, "the number of calls is limited"
        assert not self.early, "the result of the one before is committed"
        assert not self.unwanted, "nothing is tried that another process may try"

    async def finish(self) -> None:
        """The platform answers everything, all users come back, and all is delivered."""
        self.world.ledger.acts = True
        for _ in range(200):
            for user in list(self.away):
                self.come(user)
            while self.platform.begun:
                self.platform.answer_one(0, "success")
            for user in USERS:  # Each user writes, so that nothing waits for a newer payload.
                self.world.ledger.hooks[user] = HookBody(f"newer {next(self._texts)}".encode())
                self.world.engine._payloads.committed(user)
            await self.world.clock.advance(10)
            self.look()
            delivered = not self.world.ledger.rows and not self.platform.begun
            if delivered and not self.away and not len(self.world.engine.lanes):
                break
        assert not self.world.ledger.rows, "nothing stays behind"

    def judge(self) -> None:
        completed = self.world.ledger.completed
        assert set(completed) == {id_of(key) for key in self.lane_of}, "each is completed"
        once = [number for number in completed if number not in {id_of(key) for key in self.repeatable}]
        assert len(once) == len(set(once)), "and once, unless it was lost at once"
        assert len(self.world.metrics.done) == len(completed), "each is counted"
        shown = [key for key in self.platform.shown if key not in self.repeatable]
        assert len(shown) == len(set(shown)), "what was delivered is not repeated"
        for lane, keys in self.written.items():
            first = list(dict.fromkeys(key for key in self.platform.attempts if self.lane_of[key] == lane))
            assert first == [key for key in keys if key in first], "begun in order"
            if not lane[1]:
                runs = [key for key, _ in itertools.groupby(a for a in self.platform.attempts if a in keys)]
                assert runs == first, "each keeps its place until it is done"
        assert self.world.engine.lanes.held_bytes == 0


async def at_once(_: LedgerClient, read: Callable[[], Any]) -> Any:
    """Reads the store without a thread, so that a sequence always takes the same course."""
    await asyncio.sleep(0)
    return read()


@given(moves)
def test_lanes_keep_their_promise(sequence: list[tuple[str, Any, Any]]) -> None:
    async def run() -> None:
        drive = Drive()
        for move in sequence:
            await drive.play(*move)
        await drive.finish()
        drive.judge()
        await drive.world.close()

    with (
        patch.object(LedgerClient, "in_thread", at_once),
        patch("botkit.relay.outbound.short_way.MAX_CALLING", 2),
        patch("botkit.relay.outbound.read_ahead.READ_AT_ONCE", 2),
        patch("botkit.relay.outbound.lanes.MAX_HELD_BYTES", 60),
    ):
        asyncio.run(run())
