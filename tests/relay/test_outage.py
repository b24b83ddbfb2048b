"""A remote that was down for a while: what waited for it goes on as soon as it responds, and takes turns until then."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from functools import partial

import pytest

from botkit.errors import ServerTrouble, Unreachable
from botkit.handoff.conversation import Conversation, ConversationId
from botkit.handoff.effects import PassToBot, SendToAgent, SendToUser
from botkit.handoff.events import Content
from botkit.http.retry import Backoff
from botkit.relay.heartbeat import Heartbeat
from botkit.relay.leaving import everything
from botkit.relay.outbound.circuit_breaker import FAILURES_UNTIL_OPEN, CircuitBreaker
from botkit.relay.outbound.short_way import MAX_IN_TASKS
from botkit.testing.clock import ManualClock, settle
from botkit.testing.waiting import async_until
from tests.relay.relay_doubles import (
    ACCESS,
    BOT,
    HOOK,
    SESSION,
    SYSTEM,
    Call,
    FakePlatform,
    FakeSystem,
    World,
    conversation,
)

LATE = Unreachable("send", detail="timed out", possible_duplicate=True, cause="timeout")
DOWN = Unreachable("send", detail="refused", cause="refused")
OVERLOADED = ServerTrouble("send", status=503)
BACKOFF = Backoff(first=0.25, slowest=15.0, give_up_after=300.0)
SOON = 3.0
"""Seconds: more than one pause of an open circuit breaker."""


def user(number: int) -> ConversationId:
    return ConversationId(BOT, f"u-{number}")


def shows(world: World, count: int) -> None:
    """So many users are shown a message each."""
    for number in range(count):
        world.ledger.hooks[user(number)] = HOOK
        world.ledger.decided(Conversation(user(number)), SendToUser(Content(text=f"text {number}")))


def tells_agents(world: World, count: int) -> None:
    """So many users send their agents a message each."""
    for number in range(count):
        to_agent = SendToAgent(SESSION, SYSTEM, ACCESS, f"m-{number}", f"text {number}")
        world.ledger.decided(conversation(id=user(number)), to_agent)


def polled_so_often(world: World, count: int) -> bool:
    breaker = world.breaker(SYSTEM)
    return len(world.system.fetches) == breaker._failures == count


@pytest.mark.parametrize("count", [10, 2 * MAX_IN_TASKS])
async def test_messages_that_may_have_arrived_are_looked_for_as_soon_as_the_platform_responds(
    world: World, count: int
) -> None:
    world.platform.answers += [LATE] * count
    world.platform.history.append(1)
    shows(world, count)
    await settle()
    await world.clock.advance(SOON)
    assert not world.ledger.rows
    assert len(world.platform.calls) == count


async def test_what_may_have_arrived_is_looked_for_also_if_it_waits_for_its_repetition(world: World) -> None:
    world.platform.answers += [LATE] * 10
    world.platform.history.append(1)
    shows(world, 10)
    await settle()
    world.breaker().reached()
    await settle()
    assert not world.ledger.rows
    assert len(world.platform.calls) == world.platform.looks == 10


async def test_the_turn_of_an_open_breaker_is_not_used_up_by_what_makes_no_attempt(world: World) -> None:
    world.platform.answers += [*[LATE] * 10, *[DOWN] * 1_000]
    world.platform.history.append(DOWN)
    shows(world, 10)
    await settle()
    await world.clock.advance(30)

    def made() -> int:
        return world.platform.looks + len(world.platform.calls)

    before = made()
    await world.clock.advance(20)
    assert 16 <= made() - before <= 22  # A look and an attempt in each pause of two seconds.


async def test_messages_to_agents_go_on_as_soon_as_salesforce_responds(world: World) -> None:
    world.system.fails("send", *[DOWN] * 1_000)
    tells_agents(world, 20)
    await world.clock.advance(100)
    world.system.answers["send"].clear()
    await world.clock.advance(SOON)
    assert not world.ledger.rows


async def test_what_waits_in_a_long_line_is_tried_once_and_given_up_in_time(world: World) -> None:
    world.system.fails("send", *[DOWN] * 10_000)
    tells_agents(world, 400)  # More than there are turns until the deadline.
    await world.clock.advance(290)
    assert len(world.ledger.rows) == 400
    await world.clock.advance(20)
    assert not world.ledger.rows
    assert {text for _, text in world.system.said("send")} == {f"text {number}" for number in range(400)}


async def test_what_leaves_this_process_stands_in_no_line(world: World) -> None:
    world.system.fails("send", *[DOWN] * 10_000)
    tells_agents(world, 20)
    await world.clock.advance(30)
    breaker = world.breaker(SYSTEM)
    assert breaker._line
    losing = world.engine.lose(everything, 5)
    await settle()
    assert losing.done()
    assert not breaker._line
    assert breaker._turns is None


async def test_what_failed_goes_on_when_the_remote_has_answered_another_call(world: World) -> None:
    world.platform.answers += [DOWN] * 100
    for number in range(20):
        world.ledger.decided(Conversation(user(number)), PassToBot())
    await world.clock.advance(100)
    world.platform.answers.clear()
    world.breaker().reached()
    await settle()
    assert not world.ledger.rows


async def test_streams_are_opened_again_when_salesforce_has_answered_another_call(world: World) -> None:
    world.system.connect_errors.extend([DOWN] * 1_000)
    world.system.fails("fetch", *[DOWN] * 1_000)
    for number in range(10):
        world.ledger.decided(conversation(id=user(number)))
    await world.clock.advance(60)
    world.system.connect_errors.clear()
    world.system.answers["fetch"].clear()
    world.breaker(SYSTEM).reached()
    await settle()
    assert len(world.system.connections) == 10


async def test_polls_go_on_when_salesforce_has_answered_another_call(polled: World) -> None:
    polled.system.fails("fetch", *[DOWN] * 1_000)
    polled.ledger.decided(conversation())
    breaker = polled.breaker(SYSTEM)
    for polls in range(1, FAILURES_UNTIL_OPEN + 1):
        await async_until(partial(polled_so_often, polled, polls))
        polled.clock.pass_seconds(15)
    (receiver,) = [one.receiver for one in polled.engine._receivers._open.values()]
    receiver._not_before = polled.clock.boottime() + 15
    polled.system.answers["fetch"].clear()
    breaker.reached()
    await async_until(lambda: len(polled.system.fetches) > FAILURES_UNTIL_OPEN)


async def test_time_outs_of_a_process_that_stood_still_say_nothing_of_the_platform(world: World) -> None:
    world.platform.gate = asyncio.Event()
    world.platform.answers += [LATE] * 10
    world.platform.history.append(0)
    shows(world, 10)
    await settle()
    world.clock.pass_seconds(60)
    world.platform.gate.set()
    await settle()
    breaker = world.breaker()
    assert not breaker.is_open
    await world.clock.advance(SOON)
    assert not world.ledger.rows
    assert set(world.platform.patience) == {1.0}


async def test_a_platform_that_was_silent_before_a_short_stall_gets_its_time(world: World) -> None:
    """It may still carry the message out: a repetition right after the stall could be one too many."""
    world.platform.gate = asyncio.Event()
    world.platform.answers.append(LATE)
    world.platform.history.append(0)
    shows(world, 1)
    await world.clock.advance(7)
    world.clock.pass_seconds(3)
    world.platform.gate.set()
    await world.clock.advance(SOON)
    assert len(world.platform.calls) == 1
    await world.clock.advance(10)
    assert world.platform.patience == [1.0, 2.0]
    assert world.metrics.duplicates == 1


async def test_streams_that_alone_fail_are_not_opened_again_with_every_answer() -> None:
    world = World(system=FakeSystem(interval=2.0))
    world.system.connect_errors.extend([DOWN] * 100_000)
    for number in range(50):
        world.ledger.decided(conversation(id=user(number)))
    await world.clock.advance(30)
    tries = len(world.system.connects)
    await world.clock.advance(60)
    assert len(world.system.connects) - tries <= 50 * 60 / 2.0 * 1.1  # Each as often as it would poll.
    await world.close()


async def test_time_outs_count_again_when_the_process_has_caught_up(world: World) -> None:
    world.clock.pass_seconds(60)
    await world.clock.advance(10)
    world.platform.answers += [LATE] * 3
    for number in range(3):
        world.ledger.decided(Conversation(user(number)), PassToBot())
    await settle()
    assert world.breaker().is_open


# --- remotes that fail now and then, and processes that stutter ---------------------------------------------------------


class Overloaded(FakePlatform):
    """Refuses half of the connections, and answers the others that it is overloaded."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = itertools.count()

    async def _call(self, what: str, key: str, argument: object = None) -> None:
        self.calls.append(Call(what, key, argument))
        # Three refusals in a row, then three answers.
        raise DOWN if next(self.numbers) % 6 < FAILURES_UNTIL_OPEN else OVERLOADED


async def test_a_remote_that_only_says_it_is_overloaded_gets_no_storm_of_attempts() -> None:
    world = World(platform=Overloaded())
    for number in range(100):
        world.ledger.decided(Conversation(user(number)), PassToBot())
    await world.clock.advance(60)
    before = len(world.platform.calls)
    await world.clock.advance(60)
    assert len(world.platform.calls) - before < 100 * 60 / 5  # Their pauses have grown to 7.5 s on average.
    await world.close()


async def test_successes_between_failures_wake_those_that_wait_once_in_two_seconds() -> None:
    clock = ManualClock()
    breaker = CircuitBreaker(BACKOFF, Heartbeat(clock))
    woken = 0
    for _ in range(100):
        for _ in range(FAILURES_UNTIL_OPEN):
            breaker.unreachable(clock.boottime())
        closing = breaker.closing()
        breaker.reached()
        woken += closing.done()
        clock.pass_seconds(0.1)
    assert woken == 5


async def test_a_process_that_stutters_still_notices_that_the_platform_is_down(world: World) -> None:
    world.platform.answers += [LATE] * 10_000
    world.clock.pass_seconds(2.5)
    await world.clock.advance(0.01)
    for number in range(20):
        world.ledger.decided(Conversation(user(number)), PassToBot())
    breaker = world.breaker()
    for _ in range(10):
        await world.clock.advance(1.5)
        world.clock.pass_seconds(2.5)
    assert breaker.is_open


@pytest.mark.parametrize("count", [1, 4, 5, 20])
async def test_those_that_stand_in_line_take_turns(count: int) -> None:
    clock = ManualClock()
    breaker = CircuitBreaker(BACKOFF, Heartbeat(clock))
    for _ in range(10):
        breaker.unreachable(clock.boottime())
    tries: Counter[int] = Counter()

    async def try_for_ever(number: int) -> None:
        while True:
            if await breaker.turn(at_most=1_000.0):
                tries[number] += 1
                breaker.unreachable(clock.boottime())

    tasks = [asyncio.create_task(try_for_ever(number)) for number in range(count)]
    await clock.advance(200)
    assert tries.total() == pytest.approx(100, abs=3)
    assert max(tries.values()) - min(tries[number] for number in range(count)) <= 1
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert not breaker._line


async def test_the_line_and_everybody_else_have_every_second_turn() -> None:
    clock = ManualClock()
    breaker = CircuitBreaker(BACKOFF, Heartbeat(clock))
    for _ in range(10):
        breaker.unreachable(clock.boottime())
    turns: Counter[str] = Counter()

    async def others() -> None:
        while True:
            await clock.sleep(max(0.01, breaker.pause_left(clock.boottime())))
            turns["others"] += breaker.may_try(clock.boottime())

    async def in_line() -> None:
        while True:
            mine = await breaker.turn(at_most=1_000.0)
            turns["line"] += mine

    tasks = [asyncio.create_task(work()) for work in (others, in_line, in_line)]
    await clock.advance(200)
    assert turns["line"] == pytest.approx(50, abs=3)
    assert turns["others"] == pytest.approx(50, abs=3)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
