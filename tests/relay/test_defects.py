"""Defects, ours or a plug-in's: the session on the agents' side is ended in any case, and nobody else waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from structlog.testing import capture_logs

from botkit.agents import Batch
from botkit.errors import RateLimited, ServerTrouble, Unreachable
from botkit.handoff.conversation import Access, Conversation, Phase
from botkit.handoff.effects import (
    AskRouting,
    DropLane,
    Effect,
    EndSession,
    OpenAccess,
    SendToAgent,
    StartSession,
)
from botkit.handoff.events import AgentsLost, Event
from botkit.relay.inbound.receivers import Receivers
from botkit.relay.inbound.stream import StreamReceiver
from botkit.relay.outbound.lanes import DROP_SECONDS, DROP_START_SECONDS
from botkit.testing.clock import settle
from botkit.testing.waiting import async_until
from tests.relay.relay_doubles import ACCESS, SESSION, SYSTEM, World, conversation, said

OVER = conversation(session=None)
END = EndSession(SESSION, SYSTEM, ACCESS)
CALLS: dict[str, Effect] = {
    "open": OpenAccess(SESSION, SYSTEM),
    "start": StartSession(SESSION, SYSTEM, ACCESS, (), "en"),
    "send": SendToAgent(SESSION, SYSTEM, ACCESS, "m-1", "text"),
    "routing": AskRouting(SESSION, SYSTEM, ACCESS),
}
DEFECTS = [OverflowError("a year of 20 digits"), asyncio.CancelledError(), LookupError()]


def ends_when_lost(world: World) -> None:
    """The rules end the session when the agents' side is lost."""

    def rule(before: Conversation, event: Event) -> tuple[Conversation, tuple[Effect, ...]]:
        return (OVER, (DropLane(SESSION), END)) if isinstance(event, AgentsLost) else (before, ())

    world.ledger.rule = rule


def lost(world: World) -> list[str]:
    return [event.why for event in world.ledger.events if isinstance(event, AgentsLost)]


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("call", sorted(CALLS))
async def test_a_call_that_breaks_ends_the_session(world: World, call: str, defect: BaseException) -> None:
    ends_when_lost(world)
    world.system.fails(call, defect)  # type: ignore[arg-type]
    effect = CALLS[call]
    with capture_logs() as lines:
        world.ledger.decided(conversation(), effect)
        await async_until(lambda: not world.ledger.rows and len(world.metrics.done) == 2)
    assert lost(world) == ["broken"]
    assert world.system.said("end") == [ACCESS]
    assert world.metrics.done == [(type(effect).__name__, "broken"), ("EndSession", "delivered")]
    (line,) = [line for line in lines if line["event"] == "effect_broken"]
    assert type(defect).__name__ in line["error"]


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("call", ["fetch", "end"])
async def test_an_end_goes_out_although_something_breaks(
    world: World, call: str, defect: BaseException
) -> None:
    world.system.fails(call, *[defect] * 3)  # type: ignore[arg-type]
    world.ledger.decided(OVER, END)
    await world.clock.advance(60)
    assert world.metrics.done == [("EndSession", "delivered")]
    assert len(world.system.said("end")) == (4 if call == "end" else 1)


async def test_an_end_that_breaks_until_its_deadline_is_given_up_and_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "botkit.relay.outbound.retry_policy._END_SECONDS", 0.0
    )  # the usual one, instead of a day
    world.system.fails("end", *[OverflowError()] * 200)
    with capture_logs() as lines:
        world.ledger.decided(OVER, END)
        await world.clock.advance(400)
    assert world.metrics.done == [("EndSession", "broken")]
    assert len([line for line in lines if line["event"] == "effect_broken"]) == 1


async def test_messages_that_come_with_the_end_and_cannot_be_read_do_not_repeat_it(world: World) -> None:
    world.system.last_events = (object(), said("e1"))
    world.ledger.decided(OVER, END)
    await async_until(lambda: not world.ledger.rows and bool(world.metrics.done))
    assert world.metrics.done == [("EndSession", "delivered")]
    assert len(world.system.said("end")) == 1


async def test_a_history_that_breaks_costs_the_transcript_and_nothing_else(world: World) -> None:
    world.platform.transcript_answer = RecursionError()
    with capture_logs() as lines:
        world.ledger.decided(conversation(access=None, phase=Phase.OPENING), CALLS["open"])
        await async_until(lambda: not world.ledger.rows and bool(world.metrics.done))
    assert world.metrics.done == [("OpenAccess", "delivered")]
    assert "transcript_missing" in [line["event"] for line in lines]


# --- an attempt that does not let itself be cancelled -------------------------------------------------------------------


@pytest.mark.parametrize("call", ["send", "start"])
async def test_an_attempt_that_does_not_end_holds_up_the_end_for_a_limited_time(
    world: World, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    forever = asyncio.Event()

    async def stays(*_: Any, **__: Any) -> None:
        while not forever.is_set():
            try:
                await forever.wait()
            except asyncio.CancelledError:
                continue

    monkeypatch.setattr(world.system, call, stays)
    world.ledger.decided(conversation(), CALLS[call])
    await settle()
    world.ledger.decided(OVER, DropLane(SESSION), END)
    seconds = DROP_START_SECONDS if call == "start" else DROP_SECONDS
    await world.clock.advance(seconds - 0.5)
    assert world.system.said("end") == []
    await world.clock.advance(1)
    assert world.system.said("end") == [ACCESS]
    forever.set()
    await settle()
    assert ("EndSession", "delivered") in world.metrics.done
    assert len(world.engine.lanes) == 0


async def test_an_end_that_waits_in_the_lane_outlives_a_second_drop(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_over = asyncio.Event()

    async def ends_late(*_: Any, **__: Any) -> None:
        with suppress(asyncio.CancelledError):
            await is_over.wait()
        await is_over.wait()

    monkeypatch.setattr(world.system, "send", ends_late)
    world.ledger.decided(conversation(), CALLS["send"])
    await settle()
    world.ledger.decided(OVER, DropLane(SESSION), END)
    await settle()
    world.ledger.decided(OVER, DropLane(SESSION))
    is_over.set()
    await async_until(lambda: len(world.engine.lanes) == 0)
    assert world.system.said("end") == [ACCESS]


async def test_a_cancelled_attempt_that_fails_in_another_way_is_not_repeated(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = []

    async def fails_when_cancelled(*_: Any, **__: Any) -> None:
        attempts.append(1)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise Unreachable("send") from None

    monkeypatch.setattr(world.system, "send", fails_when_cancelled)
    world.ledger.decided(conversation(), CALLS["send"])
    await settle()
    world.ledger.decided(OVER, DropLane(SESSION), END)
    await settle()
    assert world.system.said("end") == [ACCESS]
    await world.clock.advance(60)
    assert len(attempts) == 1


async def test_a_defect_of_the_delivery_itself_does_not_keep_a_session_from_its_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.system.fails("end", ServerTrouble("end", status=500))

    def retried(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("botkit.relay.journal.Journal.retried", retried)
    world.ledger.decided(OVER, END)
    await async_until(lambda: not world.ledger.rows and bool(world.metrics.done))
    assert len(world.system.said("end")) == 2


# --- receivers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda one: type(one).__name__)
async def test_a_receiver_that_keeps_breaking_loses_its_session(
    world: World, monkeypatch: pytest.MonkeyPatch, defect: BaseException
) -> None:
    ends_when_lost(world)

    async def broken(session_id: str, access: Access) -> AsyncIterator[Batch]:
        yield Batch(())
        raise defect

    monkeypatch.setattr(world.system, "listen", broken)
    world.ledger.decided(conversation())
    await world.clock.advance(280)
    assert lost(world) == []
    await world.clock.advance(40)
    assert lost(world) == ["broken"]
    await async_until(lambda: world.system.said("end") == [ACCESS])


async def test_a_receiver_that_breaks_now_and_then_keeps_its_session(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends_when_lost(world)

    async def breaks(session_id: str, access: Access) -> AsyncIterator[Batch]:
        yield Batch(())
        await world.clock.sleep(90)
        raise LookupError

    monkeypatch.setattr(world.system, "listen", breaks)
    world.ledger.decided(conversation())
    await world.clock.advance(1_000)
    assert lost(world) == []


async def test_a_defect_while_one_stream_is_watched_leaves_the_others_watched(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched: list[float] = []

    def watch(self: StreamReceiver, now: float) -> None:
        watched.append(now)
        raise ZeroDivisionError

    monkeypatch.setattr(StreamReceiver, "watch", watch)
    world.ledger.decided(conversation())
    await world.clock.advance(3)
    assert len(watched) == 3


async def test_a_wait_that_the_list_asks_for_is_not_longer_than_ours(polled: World) -> None:
    polled.system.fails("fetch", *[RateLimited("list", status=429, retry_after=3_600.0)] * 9)
    polled.ledger.decided(conversation())
    await async_until(lambda: len(polled.system.fetches) == 1)
    await polled.clock.advance(301)
    await async_until(lambda: lost(polled) == ["unreachable"])
    assert len(polled.system.fetches) < 9


# --- a commit ------------------------------------------------------------------------------------------------------------


async def test_a_lane_is_dropped_although_a_receiver_breaks(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.system.gates["send"] = asyncio.Event()
    world.ledger.decided(conversation(), CALLS["send"])
    await settle()

    def follow(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Receivers, "follow", follow)
    world.ledger.decided(OVER, DropLane(SESSION), END)
    await async_until(lambda: world.system.said("end") == [ACCESS])
