"""The clock is set while everything goes on, and the process stands still: nothing is given up without an attempt, or silent."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from botkit.errors import CallRefused, ServerTrouble, Unreachable
from botkit.handoff.conversation import Conversation, ConversationId
from botkit.handoff.effects import PassToBot, SendToUser
from botkit.handoff.events import AgentSaid, Content, MessageAccepted
from botkit.relay import clock as relay_clock
from botkit.relay.clock import SystemClock
from botkit.relay.schedule import keep_up, new_schedule
from botkit.testing.clock import settle
from botkit.testing.waiting import async_until
from tests.relay.relay_doubles import OTHER, USER, Connection, World, conversation, losses, said, writes
from tests.relay.test_delivery import to_agent

STEPS = pytest.mark.parametrize("step", [-600.0, -400.0, -60.0, 60.0, 400.0, 600.0])
DOWN = Unreachable("send")


async def listening(world: World) -> Connection:
    world.ledger.decided(conversation())
    await async_until(lambda: bool(world.system.connections))
    await settle()
    return world.system.connections[0]


# --- hooks and messages -----------------------------------------------------------------------------------------


@STEPS
async def test_a_hook_is_tried_for_as_long_as_ever_when_the_clock_is_set(world: World, step: float) -> None:
    world.platform.answers.extend([ServerTrouble("send", status=503)] * 1000)
    world.ledger.decided(Conversation(USER), PassToBot())
    await world.clock.advance(5)
    world.clock.set_by(step)
    await world.clock.advance(280)
    assert world.ledger.rows
    world.platform.answers.clear()
    await world.clock.advance(14)
    assert not world.ledger.rows
    assert world.metrics.done == [("PassToBot", "delivered")]


@STEPS
async def test_a_message_is_given_up_in_time_when_the_clock_is_set(world: World, step: float) -> None:
    world.system.fails("send", *[ServerTrouble("send", status=503)] * 1000)
    world.ledger.decided(conversation(), to_agent(1))
    await world.clock.advance(5)
    world.clock.set_by(step)
    await world.clock.advance(290)
    assert losses(world) == []
    await world.clock.advance(20)
    assert losses(world) == ["unreachable"]


@STEPS
async def test_the_circuit_breaker_closes_in_time_when_the_clock_is_set(world: World, step: float) -> None:
    world.platform.answers.extend([DOWN] * 1000)
    for number in range(5):
        world.ledger.decided(Conversation(ConversationId("st-1", f"u-{number}")), PassToBot())
    await world.clock.advance(20)
    world.ledger.decided(Conversation(OTHER), PassToBot())
    world.clock.set_by(step)
    world.platform.answers.clear()
    await world.clock.advance(3)
    assert OTHER not in {item.conversation_id for item in world.ledger.rows.values()}


@STEPS
async def test_a_message_waits_an_hour_for_the_users_payload_when_the_clock_is_set(
    world: World, step: float
) -> None:
    world.platform.answers.append(CallRefused("send", status=400))
    world.ledger.decided(conversation(), SendToUser(Content(text="hello")))
    await world.clock.advance(3_300)
    world.clock.set_by(step)
    await world.clock.advance(100)
    writes(world)
    await world.clock.advance(1)
    assert not world.ledger.rows
    assert [call.argument for call in world.platform.calls] == ["hello"] * 2


async def test_without_a_hand_off_a_hook_is_tried_again_too_after_the_process_stood_still(
    world: World,
) -> None:
    world.platform.gate = asyncio.Event()
    world.platform.answers.append(DOWN)
    world.ledger.decided(Conversation(USER), PassToBot())
    await settle()
    world.clock.pass_seconds(3_600)
    world.platform.gate.set()
    await world.clock.advance(10)
    assert not world.ledger.rows
    assert world.metrics.done == [("PassToBot", "delivered")]


async def test_an_attempt_that_failed_at_its_deadline_is_made_again_after_a_stall(world: World) -> None:
    world.platform.answers.extend([ServerTrouble("send", status=503)] * 1000)
    world.ledger.decided(Conversation(USER), PassToBot())
    await world.clock.advance(299)
    world.platform.gate = asyncio.Event()
    await world.clock.advance(0.9)
    world.clock.pass_seconds(25)
    world.platform.answers.clear()
    world.platform.answers.append(DOWN)
    world.platform.gate.set()
    await world.clock.advance(10)
    assert world.metrics.done == [("PassToBot", "delivered")]


# --- receivers --------------------------------------------------------------------------------------------------


@STEPS
async def test_a_session_lives_as_long_as_ever_when_the_clock_is_set(world: World, step: float) -> None:
    stream = await listening(world)
    world.system.fails("fetch", *[DOWN] * 10_000)
    world.system.connect_errors.extend([DOWN] * 10_000)
    stream.error(DOWN)
    await world.clock.advance(10)
    world.clock.set_by(step)
    await world.clock.advance(280)
    assert losses(world) == []
    await world.clock.advance(30)
    assert losses(world) == ["unreachable"]


@STEPS
async def test_a_stream_is_watched_as_ever_when_the_clock_is_set(world: World, step: float) -> None:
    stream = await listening(world)
    stream.say(said("e1", "one"))
    await settle()
    world.clock.set_by(step)
    world.system.listed = [said("e1", "one"), said("e2", "missed by the stream")]
    await world.clock.advance(40)
    assert [event.content.text for event in world.ledger.events if isinstance(event, AgentSaid)] == [
        "one",
        "missed by the stream",
    ]


@STEPS
async def test_no_event_is_late_because_the_clock_is_set(world: World, step: float) -> None:
    stream = await listening(world)
    begun = world.clock.boottime()
    for number in range(1, 6):
        await world.clock.advance(12)
        world.clock.set_by(step)
        ms = 2_000_000 + round((world.clock.boottime() - begun) * 1000)
        stream.say(said(f"e{number}", str(number), ms=ms))
        await settle()
    assert world.metrics.held == 0
    assert len(world.system.connects) == 1


async def test_a_quiet_stream_that_breaks_is_opened_again_before_the_session_is_lost(world: World) -> None:
    await listening(world)
    world.system.capabilities = type(world.system.capabilities)(lists_events=False)
    await world.clock.advance(3_600)
    world.system.fails("fetch", DOWN)
    world.system.connect_errors.append(DOWN)
    world.system.connections[0].error(DOWN)
    await world.clock.advance(30)
    assert losses(world) == []
    assert len(world.system.connections) == 2


async def test_when_a_remote_goes_down_no_quiet_session_is_lost_without_its_patience(world: World) -> None:
    stream = await listening(world)
    world.system.capabilities = type(world.system.capabilities)(lists_events=False)
    await world.clock.advance(3_600)
    breaker = world.breaker("salesforce")
    for _ in range(3):
        breaker.unreachable(world.clock.boottime())
    stream.error(DOWN)
    await world.clock.advance(30)
    assert losses(world) == []


# --- the scheduler ----------------------------------------------------------------------------------------------


@pytest.fixture
async def schedule() -> AsyncIOScheduler:
    return new_schedule()


async def test_no_job_waits_for_longer_than_its_interval_after_the_clock_was_set_back(
    schedule: AsyncIOScheduler,
) -> None:
    ran = asyncio.Event()

    async def work() -> None:
        ran.set()

    schedule.start()
    # As it is when the clock has just been set back by ten minutes.
    later = datetime.now(UTC) + timedelta(seconds=600)
    schedule.add_job(work, "interval", seconds=5, next_run_time=later)
    keep_up(schedule, lambda: 0.0)
    await async_until(ran.is_set)
    schedule.shutdown(wait=False)


async def test_a_job_that_is_due_within_its_interval_stays(schedule: AsyncIOScheduler) -> None:
    async def work() -> None:
        """Nothing."""

    schedule.start()
    soon = datetime.now(UTC) + timedelta(seconds=500)
    job = schedule.add_job(work, "interval", seconds=600, next_run_time=soon)
    keep_up(schedule, lambda: 0.0)
    assert job.next_run_time == soon
    schedule.shutdown(wait=False)


async def test_the_schedule_keeps_up_when_the_clock_is_set(world: World) -> None:
    job = world.engine.schedule.get_job("lines")
    job.modify(next_run_time=datetime.now(UTC) + timedelta(seconds=600))
    world.clock.set_by(-600)
    await world.clock.advance(2)
    assert world.engine.schedule.get_job("lines").next_run_time <= datetime.now(UTC) + timedelta(seconds=60)


# --- the machine's clock ----------------------------------------------------------------------------------------


async def test_a_long_sleep_ends_soon_after_the_machine_has_slept(monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = [1_000.0], []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds + (3_000 if len(slept) == 2 else 0)

    monkeypatch.setattr(relay_clock, "boottime", lambda: now[0])
    monkeypatch.setattr(asyncio, "sleep", sleep)
    await SystemClock().sleep(3_600)
    assert sum(slept) == pytest.approx(600)


@STEPS
async def test_a_users_messages_are_sent_when_the_clock_is_set(world: World, step: float) -> None:
    await listening(world)
    world.clock.set_by(step)
    world.ledger.decided(conversation(), to_agent(1), to_agent(2))
    await world.clock.advance(1)
    assert [type(event) for event in world.ledger.events] == [MessageAccepted] * 2


@STEPS
async def test_the_history_is_searched_from_when_the_message_was_made(
    world: World, monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    searched: list[float] = []

    async def times_shown(effect: object, hook: object, *, since: float) -> int:
        searched.append(since)
        return 0

    monkeypatch.setattr(world.platform, "times_shown", times_shown)
    world.platform.answers.append(Unreachable("send", possible_duplicate=True))
    world.ledger.decided(conversation(), SendToUser(Content(text="hello")))
    await settle()
    made = world.clock.now()
    world.clock.set_by(step)
    await world.clock.advance(60)
    assert searched
    assert searched == pytest.approx([made + step] * len(searched))
    assert not world.ledger.rows
