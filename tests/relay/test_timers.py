from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from botkit.boottime import BootTime
from botkit.errors import LedgerError
from botkit.handoff.conversation import Conversation, DeferredHook, Instant, Timer
from botkit.handoff.effects import ArmTimer, CancelTimer
from botkit.handoff.events import TimerFired
from botkit.ledger.clocks import ClockEra, Clocks
from botkit.relay.heartbeat import Heartbeat
from botkit.relay.timers import CATCH_UP_SECONDS, KEEP, sweep
from botkit.testing.clock import settle
from botkit.testing.waiting import async_until
from tests.relay.relay_doubles import SESSION, START, USER, World, conversation

LONG_AGO = START
FAR_AWAY = Instant(4_000_000_000.0)


NAMES = ("accept", "extend", "expiry", "idle_end")


def arm(name: str, due: Instant, *, session: str = SESSION) -> ArmTimer:
    """A timer that is armed at the beginning."""
    return ArmTimer(session, name, due, due - START)


def armed(world: World) -> dict[str, float]:
    """The time of day at which each timer of the session will go off."""
    found = {name: world.engine.timers.at(session_id=SESSION, name=name) for name in NAMES}
    ahead = world.clock.now() - world.clock.boottime()
    return {name: at + ahead for name, at in found.items() if at is not None}


def fired(world: World) -> list[TimerFired]:
    return [event for event in world.ledger.events if isinstance(event, TimerFired)]


async def test_a_timer_that_is_past_due_fires_at_once_with_the_due_time_it_was_armed_with(
    world: World,
) -> None:
    world.ledger.decided(conversation(), arm("accept", LONG_AGO))
    await async_until(lambda: len(fired(world)) == 1)
    (event,) = fired(world)
    assert (event.session_id, event.name, event.due, event.key) == (SESSION, "accept", LONG_AGO, "")


async def test_a_timer_waits_for_its_time(world: World) -> None:
    world.ledger.decided(conversation(), arm("accept", FAR_AWAY))
    await settle()
    assert fired(world) == []
    assert armed(world) == {"accept": FAR_AWAY}


async def test_arming_again_moves_the_timer(world: World) -> None:
    world.ledger.decided(conversation(), arm("accept", FAR_AWAY))
    world.ledger.decided(conversation(), arm("accept", Instant(FAR_AWAY + 60)))
    assert armed(world) == {"accept": FAR_AWAY + 60}


async def test_a_cancelled_timer_is_gone(world: World) -> None:
    world.ledger.decided(conversation(), arm("accept", FAR_AWAY), CancelTimer(SESSION, "accept"))
    assert armed(world) == {}


async def test_cancelling_a_timer_that_is_not_armed_is_harmless(world: World) -> None:
    world.ledger.decided(conversation(), CancelTimer(SESSION, "accept"))
    assert armed(world) == {}


async def test_timers_of_different_names_do_not_move_each_other(world: World) -> None:
    world.ledger.decided(conversation(), arm("accept", FAR_AWAY), arm("extend", FAR_AWAY))
    assert set(armed(world)) == {"accept", "extend"}


async def test_timers_of_an_earlier_process_are_armed_again(world: World) -> None:
    world.ledger.conversations[conversation().id] = conversation(
        timers=(Timer("settle", LONG_AGO), Timer("expiry", FAR_AWAY))
    )
    await world.engine.resume()
    await async_until(lambda: [event.name for event in fired(world)] == ["settle"])
    assert set(armed(world)) == {"expiry"}


@pytest.mark.parametrize("name", ["accept", "expiry", "idle_warning", "idle_end"])
async def test_after_a_start_the_agents_events_are_read_before_a_session_is_given_up(
    world: World, name: str
) -> None:
    world.ledger.conversations[conversation().id] = conversation(timers=(Timer(name, LONG_AGO, 60.0),))
    await world.engine.resume()
    await world.clock.advance(CATCH_UP_SECONDS - 1)
    assert world.system.fetches
    assert fired(world) == []
    await world.clock.advance(2)
    assert [(event.name, event.due) for event in fired(world)] == [(name, LONG_AGO)]


async def test_after_a_stall_the_agents_events_are_read_before_a_session_is_given_up(world: World) -> None:
    world.ledger.decided(conversation(), arm("accept", Instant(START + 600)))
    await world.clock.advance(590)
    world.clock.pass_seconds(25)
    await world.clock.advance(CATCH_UP_SECONDS - 1)
    assert fired(world) == []
    await world.clock.advance(2)
    assert [event.name for event in fired(world)] == ["accept"]


@pytest.mark.parametrize("step", [-600.0, -400.0, -60.0, 60.0, 400.0, 600.0])
async def test_a_clock_that_is_set_moves_no_timer(world: World, step: float) -> None:
    world.ledger.decided(conversation(), arm("accept", Instant(START + 100)))
    await world.clock.advance(50)
    world.clock.set_by(step)
    await world.clock.advance(48)
    await world.engine.timers._fire()
    assert fired(world) == []
    await world.clock.advance(3)
    assert [event.name for event in fired(world)] == ["accept"]


async def test_after_a_start_no_timer_waits_for_longer_than_it_was_armed_for(world: World) -> None:
    due = Instant(START + 600)  # The clock was set back by ten minutes since.
    timers = (Timer("accept", due, 60.0), Timer("expiry", due))
    world.ledger.conversations[conversation().id] = conversation(timers=timers)
    await world.engine.resume()
    assert armed(world) == {"accept": START + 60, "expiry": due}


@pytest.mark.parametrize("step", [-600.0, 600.0])
async def test_after_a_start_no_timer_is_early_because_the_clock_was_set_before_it(
    world: World, step: float
) -> None:
    now, ahead = world.clock.boottime(), world.clock.now() - world.clock.boottime()
    before = ClockEra(BootTime(now - 500), BootTime(now - 30), ahead - step)
    world.ledger.known_clocks = Clocks(former=(before, ClockEra(before.until, now, ahead)))
    armed_at = START - 60 - step
    timers = (Timer("accept", Instant(armed_at + 300), 300.0), Timer("idle_end", Instant(START + 280), 300.0))
    world.ledger.conversations[conversation().id] = conversation(timers=timers)
    await world.engine.resume()
    assert armed(world) == {"accept": pytest.approx(START + 240), "idle_end": pytest.approx(START + 280)}


async def test_how_the_clock_is_set_is_kept_for_the_next_process(world: World) -> None:
    await world.clock.advance(2)
    await async_until(lambda: len(world.ledger.noted_clocks) == 1)
    world.clock.set_by(60.0)
    await world.clock.advance(3)
    await async_until(lambda: len(world.ledger.noted_clocks) == 2)
    first, last = world.ledger.noted_clocks[-1]
    assert last.ahead - first.ahead == pytest.approx(60.0)


async def test_after_a_start_no_webhook_waits_for_longer_than_its_limit(world: World) -> None:
    hook = DeferredHook("request-1", Instant(START + 600), seconds=10.0)
    world.ledger.open_conversations = lambda: [Conversation(USER, deferred=hook)]  # type: ignore[method-assign]
    await world.engine.resume()
    await world.clock.advance(11)
    assert [event.due for event in fired(world)] == [hook.due]


async def test_after_a_start_the_request_id_is_extended_at_once(world: World) -> None:
    world.ledger.conversations[conversation().id] = conversation(timers=(Timer("extend", FAR_AWAY),))
    await world.engine.resume()
    await async_until(lambda: len(fired(world)) == 1)
    assert (fired(world)[0].name, fired(world)[0].due) == ("extend", FAR_AWAY)


async def test_a_timer_is_not_lost_because_the_store_is_in_trouble(world: World) -> None:
    world.ledger.failures.append(LedgerError("disk full"))
    world.ledger.decided(conversation(), arm("accept", LONG_AGO))
    await async_until(lambda: world.clock.sleeping == 2)  # the retry, and the watch over the stream
    await world.clock.advance(1)
    assert len(fired(world)) == 1


async def test_a_timer_armed_again_while_its_last_firing_waits_for_the_store_still_fires(
    world: World,
) -> None:
    world.ledger.holding = True
    world.ledger.decided(conversation(), arm("extend", LONG_AGO))
    await async_until(lambda: len(world.ledger.held) == 1)
    world.ledger.decided(conversation(), arm("extend", Instant(LONG_AGO + 1)))
    await world.clock.advance(1)
    await async_until(lambda: len(world.ledger.held) == 2)


async def test_a_sweep_deletes_rows_that_are_too_old(world: World) -> None:
    await sweep(world.ledger, world.engine._ledger_client, Heartbeat(world.clock), timedelta(days=2))
    assert world.ledger.swept == [START - KEEP.total_seconds()]
    assert world.ledger.stories_swept == [START - 2 * 86_400]


async def test_a_sweep_that_fails_is_left_to_the_next_one(world: World) -> None:
    world.ledger.failures.append(LedgerError("busy"))
    await sweep(world.ledger, world.engine._ledger_client, Heartbeat(world.clock), timedelta(days=2))
    assert len(world.ledger.swept) == 1


async def test_nothing_is_swept_by_this_machines_clock_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy() -> Clocks:
        raise LedgerError("busy")

    monkeypatch.setattr(world.ledger, "clocks", busy)
    await sweep(world.ledger, world.engine._ledger_client, Heartbeat(world.clock), timedelta(days=2))
    assert world.ledger.swept == []


@pytest.mark.parametrize("time", [float("nan"), float("inf"), 1e300, -1e300])
async def test_a_time_that_cannot_be_stops_no_other_timer(world: World, time: float) -> None:
    world.ledger.decided(
        conversation(),
        arm("idle_end", Instant(time)),
        arm("accept", LONG_AGO),
        arm("idle_warning", Instant(time)),
    )
    await async_until(
        lambda: "accept" in [event.name for event in world.ledger.events if isinstance(event, TimerFired)]
    )


async def test_a_timer_beyond_the_calendar_is_set_to_its_end(world: World) -> None:
    world.ledger.decided(conversation(), arm("idle_end", Instant(1e15)))
    assert set(armed(world)) == {"idle_end"}


async def test_all_timers_share_one_job_of_the_scheduler_set_to_the_earliest(world: World) -> None:
    sessions = [f"session-{number}" for number in range(50)]
    for number, session in enumerate(sessions):
        due = Instant(FAR_AWAY - number)
        world.ledger.decided(
            conversation(), *(arm(name, due, session=session) for name in ("accept", "extend"))
        )
    jobs = {job.id: job.next_run_time for job in world.engine.schedule.get_jobs()}
    assert set(jobs) == {"lines", "sweep", "timers"}
    in_seconds = (jobs["timers"] - datetime.now(UTC)).total_seconds()
    assert in_seconds == pytest.approx(FAR_AWAY - 49 - START, abs=60)


async def test_timers_that_are_due_together_all_fire_in_the_order_of_their_times(world: World) -> None:
    names = ["expiry", "accept", "extend"]
    world.ledger.decided(
        conversation(), *(arm(name, Instant(LONG_AGO + at)) for at, name in enumerate(names))
    )
    await world.clock.advance(3)
    await async_until(lambda: len(fired(world)) == 3)
    assert [event.name for event in fired(world)] == names


async def test_no_timer_is_lost_while_others_are_moved_and_cancelled_a_thousand_times(world: World) -> None:
    world.ledger.decided(conversation(), arm("expiry", FAR_AWAY))
    for number in range(1_000):
        moved = arm("idle_end", Instant(FAR_AWAY - number))
        world.ledger.decided(conversation(), moved, arm("accept", Instant(FAR_AWAY - number)))
        world.ledger.decided(conversation(), CancelTimer(SESSION, "accept"))
    world.clock.pass_seconds(FAR_AWAY)
    world.ledger.decided(conversation(), arm("extend", LONG_AGO))
    await world.clock.advance(CATCH_UP_SECONDS + 1)
    await async_until(lambda: [event.name for event in fired(world)] == ["extend", "idle_end", "expiry"])


async def test_a_timer_armed_by_the_one_that_fires_before_it_is_not_lost(world: World) -> None:
    world.ledger.rule = lambda before, event: (
        before,
        (arm("extend", LONG_AGO),) if isinstance(event, TimerFired) and len(fired(world)) < 50 else (),
    )
    world.ledger.decided(conversation(), arm("extend", LONG_AGO))
    await async_until(lambda: len(fired(world)) == 50)
