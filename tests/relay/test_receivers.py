"""Listening to the agents' side: streams that break, lists that know better, and ends that are believed last."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from botkit.agents import Batch
from botkit.errors import (
    AccessExpired,
    CallRefused,
    ConversationClosed,
    LedgerError,
    RateLimited,
    ServerTrouble,
    Unreachable,
)
from botkit.handoff.conversation import Access, Conversation, Phase
from botkit.handoff.events import AgentJoined, AgentSaid, AgentsLost, StatusReported
from botkit.relay.inbound.receivers import RESTART_SECONDS
from botkit.testing.clock import settle
from botkit.testing.waiting import async_until
from tests.relay.relay_doubles import (
    ACCESS,
    SESSION,
    START,
    USER,
    Connection,
    FakeSystem,
    World,
    conversation,
    ended,
    losses,
    noticed,
    said,
    texts,
)


async def listening(world: World) -> Connection:
    """A session that is being listened to, its first reconciliation done."""
    world.ledger.decided(conversation())
    return await connection(world, 1)


async def connection(world: World, number: int) -> Connection:
    await async_until(lambda: len(world.system.connections) >= number)
    await settle()
    return world.system.connections[number - 1]


# --- when to listen ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", [Phase.WAITING, Phase.ACTIVE, Phase.ABSENT])
async def test_an_open_session_has_a_receiver(world: World, phase: Phase) -> None:
    world.ledger.decided(conversation(phase=phase))
    await async_until(lambda: len(world.system.connections) == 1)
    assert world.metrics.open == 1


async def test_a_session_that_is_still_opening_has_none(world: World) -> None:
    world.ledger.decided(conversation(phase=Phase.OPENING))
    await settle()
    assert world.system.connects == []


async def test_a_session_has_one_receiver_however_often_it_changes(world: World) -> None:
    for _ in range(5):
        world.ledger.decided(conversation())
    await connection(world, 1)
    assert len(world.system.connects) == 1


async def test_when_the_session_is_gone_its_stream_is_closed(world: World) -> None:
    await listening(world)
    world.ledger.decided(Conversation(USER))
    await async_until(lambda: world.system.closed_streams == 1)
    assert world.metrics.open == 0


async def test_a_second_session_of_the_same_user_gets_a_stream_of_its_own(world: World) -> None:
    await listening(world)
    before = conversation()
    assert before.session is not None
    world.ledger.decided(replace(before, session=replace(before.session, id="another")))
    await async_until(lambda: len(world.system.connections) == 2 and world.system.closed_streams == 1)


async def test_the_stream_begins_where_the_committed_position_is(world: World) -> None:
    await listening(world)
    assert world.system.connects[0].position == "10"


# --- events -----------------------------------------------------------------------------------------------------


async def test_events_are_submitted_in_the_order_the_stream_brings_them(world: World) -> None:
    stream = await listening(world)
    stream.say(said("e1", "one"), said("e2", "two"))
    stream.say(said("e3", "three"))
    await async_until(lambda: len(texts(world)) == 3)
    assert texts(world) == ["one", "two", "three"]


async def test_an_event_waits_until_the_one_before_it_is_durable(world: World) -> None:
    stream = await listening(world)
    world.ledger.holding = True
    stream.say(said("e1"), said("e2"))
    await async_until(lambda: len(world.ledger.held) == 1)
    await settle()
    assert len(world.ledger.held) == 1


async def test_the_stream_is_read_on_while_an_event_is_committed(world: World) -> None:
    stream = await listening(world)
    world.ledger.holding = True
    for entry in ("e1", "e2", "e3"):
        stream.say(said(entry, entry))
    await async_until(lambda: stream.queue.qsize() == 1)
    for _ in range(3):
        await async_until(lambda: len(world.ledger.held) == 1)
        world.ledger.release()
        await settle()
    assert texts(world) == ["e1", "e2", "e3"]


async def test_a_stream_without_a_list_is_not_read_on_before_its_events_are_durable(world: World) -> None:
    """Its next read may tell the agents' side to forget them."""
    world.system.capabilities = dataclasses.replace(world.system.capabilities, lists_events=False)
    stream = await listening(world)
    world.ledger.holding = True
    for entry in ("e1", "e2"):
        stream.say(said(entry, entry))
    await async_until(lambda: len(world.ledger.held) == 1)
    await settle()
    assert stream.queue.qsize() == 1
    world.ledger.release()
    await async_until(lambda: len(world.ledger.held) == 1)
    assert stream.queue.qsize() == 0


async def test_a_loss_is_reported_after_an_event_that_the_store_could_not_commit_at_once(
    world: World,
) -> None:
    stream = await listening(world)
    world.ledger.failures.append(LedgerError("disk full"))
    stream.say(said("e1", "one"))
    stream.error(AccessExpired("listen", status=401))
    await settle()
    await world.clock.advance(1)
    assert [type(event) for event in world.ledger.events] == [AgentSaid, AgentsLost]


async def test_an_event_that_the_store_could_not_commit_is_submitted_again_before_the_next(
    world: World,
) -> None:
    stream = await listening(world)
    world.ledger.failures.extend([LedgerError("disk full")] * 2)
    stream.say(said("e1", "one"), said("e2", "two"))
    await world.clock.advance(1)
    assert texts(world) == ["one", "two"]


async def test_an_event_on_which_the_rules_fail_does_not_hold_up_the_others(world: World) -> None:
    stream = await listening(world)
    world.ledger.failures.append(KeyError("a defect"))
    stream.say(said("e1", "one"), said("e2", "two"))
    await async_until(lambda: texts(world) == ["two"])


async def test_an_event_the_stream_repeats_is_submitted_once(world: World) -> None:
    stream = await listening(world)
    stream.say(said("e1", "one"))
    stream.say(said("e1", "one"), said("e2", "two"))
    await async_until(lambda: texts(world) == ["one", "two"])
    assert len(world.ledger.inputs) == 2


async def test_not_every_position_is_committed(world: World) -> None:
    stream = await listening(world)
    stream.say(*(noticed(f"n{n}", position=str(20 + n)) for n in range(20)))
    stream.say(said("e30", "one"))
    await async_until(lambda: texts(world) == ["one"])
    assert len(world.ledger.inputs) == 1


async def test_a_wait_that_is_over_already_is_no_commit_of_its_own(world: World) -> None:
    stream = await listening(world)
    waits = StatusReported(key=f"{SESSION}/w", at=START, session_id=SESSION, status="waiting", record="0Mw1")
    joins = AgentJoined(key=f"{SESSION}/j", at=START, session_id=SESSION, subject="a", name="Jane")
    stream.say(waits, joins)
    await async_until(lambda: bool(world.ledger.events))
    assert world.ledger.events == [replace(joins, record="0Mw1")]
    stream.say(replace(waits, key=f"{SESSION}/w2"), said("e3"))
    await async_until(lambda: len(world.ledger.events) == 3)
    assert isinstance(world.ledger.events[1], StatusReported)


async def test_a_search_for_an_agent_is_committed_only_when_one_has_left(world: World) -> None:
    stream = await listening(world)
    searching = StatusReported(key=f"{SESSION}/s1", at=START, session_id=SESSION, status="searching")
    stream.say(said("e1"), searching, said("e2"))
    await async_until(lambda: len(world.ledger.events) == 2)
    assert texts(world) == ["hello", "hello"]
    world.ledger.conversations[USER] = conversation(phase=Phase.ABSENT)
    stream.say(said("e3"), replace(searching, key=f"{SESSION}/s2"))
    await async_until(lambda: len(world.ledger.events) == 4)
    assert isinstance(world.ledger.events[3], StatusReported)


async def test_many_positions_advance_the_durable_position_now_and_then(
    world: World,
) -> None:
    stream = await listening(world)
    stream.say(*(noticed(f"n{n}") for n in range(60)))
    await async_until(lambda: len(world.ledger.inputs) == 2)


# --- reconciling ------------------------------------------------------------------------------------------------


async def test_after_connecting_the_list_is_read(world: World) -> None:
    world.system.listed = [said("e1", "missed"), said("e2", "missed too")]
    await listening(world)
    assert texts(world) == ["missed", "missed too"]


async def test_the_first_list_reaches_back_before_the_committed_position(world: World) -> None:
    await listening(world)
    assert world.system.fetches[0].high_water_ms < ACCESS.high_water_ms


async def test_what_a_former_process_has_written_costs_one_look_and_no_commits(world: World) -> None:
    world.system.listed = [said(f"e{n}", f"old {n}") for n in range(1, 41)]
    world.ledger.seen = {event.key for event in world.system.listed}
    world.system.listed.append(said("e41", "new"))
    await listening(world)
    await async_until(lambda: texts(world) == ["new"])
    newer = said("e42", "newer")
    world.system.connections[0].say(*world.system.listed[-5:], newer)  # The stream repeats some of them.
    await async_until(lambda: texts(world) == ["new", "newer"])
    assert [input.event for input in world.ledger.inputs] == [world.system.listed[-1], newer]
    assert world.ledger.lookups == 1


async def test_what_it_has_not_written_is_found_between_what_it_has(world: World) -> None:
    world.system.listed = [said(f"e{n}", f"text {n}") for n in range(1, 10)]
    world.ledger.seen = {event.key for event in world.system.listed[::2]}
    await listening(world)
    await async_until(lambda: texts(world) == ["text 2", "text 4", "text 6", "text 8"])


async def test_a_store_in_trouble_when_they_are_looked_up_loses_none(world: World) -> None:
    world.system.listed = [said(f"e{n}", f"text {n}") for n in range(1, 6)]
    world.ledger.seen = {world.system.listed[0].key}
    world.ledger.read_failures.append(LedgerError("the store is gone for a moment"))
    await listening(world)
    await world.clock.advance(5)
    await async_until(lambda: texts(world) == ["text 2", "text 3", "text 4", "text 5"])


async def test_an_event_that_came_early_does_not_hide_an_older_one_the_stream_missed(world: World) -> None:
    stream = await listening(world)
    stream.say(said("e9", "newer"))
    await async_until(lambda: texts(world) == ["newer"])
    world.system.listed = [said("e5", "older, missed"), said("e9", "newer")]
    stream.error(Unreachable("listen"))
    await world.clock.advance(1)
    await connection(world, 2)
    assert texts(world) == ["newer", "older, missed"]


async def test_the_list_is_not_read_again_from_the_beginning(world: World) -> None:
    world.system.listed = [said("e5", "old")]
    stream = await listening(world)
    stream.end()
    await world.clock.advance(1)
    await connection(world, 2)
    assert world.system.fetches[1].high_water_ms == ACCESS.high_water_ms + 5


async def test_a_keep_alive_after_a_minute_reads_the_list(world: World) -> None:
    stream = await listening(world)
    stream.say()
    await settle()
    assert len(world.system.fetches) == 1
    world.system.listed = [said("e1", "the stream missed this")]
    await world.clock.advance(85)
    stream.say()
    await async_until(lambda: texts(world) == ["the stream missed this"])


async def test_before_an_end_is_submitted_the_list_is_read(world: World) -> None:
    stream = await listening(world)
    world.system.listed = [said("e1", "last words"), ended("e2")]
    stream.say(ended("e2"))
    await world.clock.advance(1)
    await async_until(lambda: len(world.ledger.events) == 2)
    assert [type(event).__name__ for event in world.ledger.events] == ["AgentSaid", "AgentSessionEnded"]


async def test_an_end_that_the_list_does_not_have_comes_after_the_lists_events(world: World) -> None:
    stream = await listening(world)
    world.system.listed = [said("e1", "last words")]
    stream.say(ended("e2"))
    await world.clock.advance(1)
    await async_until(lambda: len(world.ledger.events) == 2)
    assert [type(event).__name__ for event in world.ledger.events] == ["AgentSaid", "AgentSessionEnded"]


async def test_messages_recorded_just_after_the_end_are_written_before_it(world: World) -> None:
    stream = await listening(world)
    stream.say(ended("e2"))
    await settle()
    world.system.listed = [said("e1", "last words"), ended("e2"), said("e3", "goodbye")]
    await world.clock.advance(1)
    assert texts(world) == ["last words", "goodbye"]
    assert type(world.ledger.events[-1]).__name__ == "AgentSessionEnded"


async def test_an_end_in_the_list_waits_for_the_last_messages_too(world: World) -> None:
    world.system.listed = [ended("e2")]
    world.ledger.decided(conversation())
    await async_until(lambda: len(world.system.fetches) == 1)
    await settle()
    world.system.listed.append(said("e3", "goodbye"))
    await world.clock.advance(1)
    assert [type(event).__name__ for event in world.ledger.events] == ["AgentSaid", "AgentSessionEnded"]


async def test_an_end_is_believed_when_the_list_cannot_be_read_several_times(world: World) -> None:
    stream = await listening(world)
    world.system.fails("fetch", *[ServerTrouble("entries", status=500)] * 3)
    stream.say(ended("e2"))
    await world.clock.advance(0.4)
    assert world.ledger.events == []
    await world.clock.advance(5)
    assert [type(event).__name__ for event in world.ledger.events] == ["AgentSessionEnded"]


async def test_an_end_is_submitted_even_if_the_list_may_not_be_read(world: World) -> None:
    stream = await listening(world)
    world.system.fails("fetch", *[ConversationClosed("entries", status=403)] * 5)
    stream.say(ended("e2"))
    await world.clock.advance(1)
    await async_until(lambda: len(world.ledger.events) >= 1)
    assert type(world.ledger.events[0]).__name__ == "AgentSessionEnded"


async def test_after_an_end_no_lost_agents_are_reported_although_the_commit_is_reported_late(
    world: World,
) -> None:
    stream = await listening(world)
    world.ledger.rule = lambda before, _: (replace(before, session=None), ())
    world.ledger.on_commit = lambda _: None
    stream.say(ended("e2"))
    stream.error(ConversationClosed("poll", detail="the chat has ended"))
    await world.clock.advance(30)
    assert world.system.closed_streams == 1
    assert losses(world) == []
    assert len(world.system.connects) == 1


async def test_a_list_that_fails_once_is_read_again_with_the_next_keep_alive(world: World) -> None:
    world.system.fails("fetch", ServerTrouble("entries", status=500))
    world.system.listed = [said("e1", "missed")]
    stream = await listening(world)
    assert texts(world) == []
    stream.say()
    await async_until(lambda: texts(world) == ["missed"])


# --- breaking and reconnecting -----------------------------------------------------------------------------------


async def test_a_broken_stream_is_opened_again_where_it_broke(world: World) -> None:
    stream = await listening(world)
    stream.say(said("e1", position="17"))
    await async_until(lambda: len(world.ledger.inputs) == 1)
    stream.error(Unreachable("listen", detail="reset"))
    await world.clock.advance(1)
    await connection(world, 2)
    assert world.system.connects[1].position == "17"
    assert world.metrics.reconnects == 1


async def test_a_stream_the_server_ends_is_opened_again(world: World) -> None:
    (await listening(world)).end()
    await world.clock.advance(1)
    await connection(world, 2)


async def test_reconnects_slow_down_while_they_fail(world: World) -> None:
    stream = await listening(world)
    world.system.connect_errors.extend([ServerTrouble("listen", status=503)] * 1000)
    world.system.fails("fetch", *[ServerTrouble("entries", status=503)] * 1000)
    stream.error(Unreachable("listen"))
    await world.clock.advance(60)
    assert 5 < len(world.system.connects) < 20


async def test_a_connection_that_lasted_resets_the_backoff(world: World) -> None:
    stream = await listening(world)
    world.system.connect_errors.extend([ServerTrouble("listen", status=503)] * 8)
    stream.error(Unreachable("listen"))
    await world.clock.advance(60)
    stream = await connection(world, 2)
    await world.clock.advance(20)
    stream.error(Unreachable("listen"))
    await world.clock.advance(0.2)
    await connection(world, 3)


async def test_streams_that_are_cut_repeatedly_never_delay_a_message_longer_than_a_poll(
    world: World,
) -> None:
    stream = await listening(world)
    for number in range(2, 22):
        stream.error(Unreachable("listen", detail="reset"))
        await world.clock.advance(2)
        stream = await connection(world, number)
    assert len(world.system.connects) == 21


async def test_without_a_stream_the_list_keeps_the_conversation_going(world: World) -> None:
    world.system.connect_errors.extend([CallRefused("listen", status=400)] * 1000)
    world.ledger.decided(conversation())
    await settle()
    world.system.listed = [said("e1", "heard all the same")]
    await world.clock.advance(20)
    assert texts(world) == ["heard all the same"]
    await world.clock.advance(1000)
    assert losses(world) == []


async def test_an_expired_token_loses_the_agents_and_is_not_tried_again(world: World) -> None:
    stream = await listening(world)
    stream.error(AccessExpired("listen", status=401))
    await async_until(lambda: losses(world) == ["expired"])
    await world.clock.advance(60)
    assert len(world.system.connects) == 1


async def test_a_closed_conversation_is_reconciled_before_it_is_lost(world: World) -> None:
    stream = await listening(world)
    world.system.listed = [said("e1", "last words")]
    stream.error(ConversationClosed("listen", status=404))
    await async_until(lambda: losses(world) == ["closed"])
    assert texts(world) == ["last words"]


async def test_agents_out_of_reach_for_too_long_are_lost(world: World) -> None:
    stream = await listening(world)
    world.system.connect_errors.extend([Unreachable("listen")] * 1000)
    world.system.fails("fetch", *[Unreachable("entries")] * 1000)
    stream.error(Unreachable("listen"))
    await world.clock.advance(290)
    assert losses(world) == []
    await world.clock.advance(40)
    assert losses(world) == ["unreachable"]


async def test_agents_that_come_back_in_time_are_not_lost(world: World) -> None:
    stream = await listening(world)
    world.system.connect_errors.extend([Unreachable("listen")] * 1000)
    world.system.fails("fetch", *[Unreachable("entries")] * 1000)
    stream.error(Unreachable("listen"))
    await world.clock.advance(200)
    world.system.connect_errors.clear()
    world.system.answers.clear()
    world.system.listed = [said("e1", "back")]
    await world.clock.advance(20)
    assert texts(world) == ["back"]
    await world.clock.advance(400)
    assert losses(world) == []


async def test_a_defect_in_an_agent_system_is_survived(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(session_id: str, access: Access) -> AsyncIterator[Batch]:
        raise ZeroDivisionError("a plug-in's mistake")

    monkeypatch.setattr(world.system, "listen", broken)
    world.ledger.decided(conversation())
    await settle()
    monkeypatch.setattr(world.system, "listen", FakeSystem.listen.__get__(world.system))
    await world.clock.advance(RESTART_SECONDS)
    await connection(world, 1)


# --- polling ----------------------------------------------------------------------------------------------------


async def test_polling_writes_each_event_of_the_list_once(polled: World) -> None:
    polled.ledger.decided(conversation())
    polled.system.listed.append(said("e1", "one"))
    await async_until(lambda: texts(polled) == ["one"])
    polled.system.listed.append(said("e2", "two"))
    await async_until(lambda: texts(polled) == ["one", "two"])
    assert polled.system.connects == []
    assert len(polled.ledger.inputs) == 2


async def test_two_polls_of_one_conversation_never_overlap(polled: World) -> None:
    polled.ledger.decided(conversation())
    await async_until(lambda: len(polled.system.fetches) >= 1)
    gate = polled.system.gates["fetch"] = asyncio.Event()
    started = len(polled.system.fetches)
    await async_until(lambda: len(polled.system.fetches) > started)
    await asyncio.sleep(0.1)
    assert polled.system.fetching == 1
    gate.set()
    await async_until(lambda: len(polled.system.fetches) > started + 2)
    assert polled.system.max_fetching == 1


async def test_polling_stops_with_the_session(polled: World) -> None:
    polled.ledger.decided(conversation())
    await async_until(lambda: len(polled.system.fetches) >= 2)
    polled.ledger.decided(Conversation(USER))
    await settle()
    assert [job.id for job in polled.engine.schedule.get_jobs()] == ["lines", "sweep"]


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (AccessExpired("entries", status=401), "expired"),
        (ConversationClosed("entries", status=404), "closed"),
    ],
)
async def test_a_poll_that_finds_the_session_over_loses_the_agents(
    polled: World, error: Exception, why: str
) -> None:
    polled.system.fails("fetch", error)
    polled.ledger.decided(conversation())
    await async_until(lambda: losses(polled) == [why])


async def test_polling_stops_at_an_end_although_the_commit_is_reported_late(polled: World) -> None:
    polled.system.listed = [ended("e1")]
    polled.ledger.rule = lambda before, _: (replace(before, session=None), ())
    polled.ledger.decided(conversation())
    polled.ledger.on_commit = lambda _: None
    await async_until(lambda: len(polled.system.fetches) == 1)
    await polled.clock.advance(1)
    await async_until(lambda: [job.id for job in polled.engine.schedule.get_jobs()] == ["lines", "sweep"])
    assert len(polled.system.fetches) == 2
    assert losses(polled) == []


async def test_a_failing_poll_waits_longer_each_time(polled: World) -> None:
    polled.system.fails("fetch", RateLimited("entries", status=429, retry_after=30.0))
    polled.system.listed.append(said("e1", "one"))
    polled.ledger.decided(conversation())
    await async_until(lambda: len(polled.system.fetches) == 1)
    await polled.clock.advance(29)
    await asyncio.sleep(0.06)  # Several polls are due in this time.
    assert len(polled.system.fetches) == 1
    await polled.clock.advance(2)
    await async_until(lambda: texts(polled) == ["one"])


async def test_polls_that_fail_for_too_long_lose_the_agents(polled: World) -> None:
    polled.system.fails("fetch", *[Unreachable("entries")] * 1000)
    polled.ledger.decided(conversation())
    await async_until(lambda: len(polled.system.fetches) >= 1)
    await polled.clock.advance(301)
    await async_until(lambda: losses(polled) == ["unreachable"])
