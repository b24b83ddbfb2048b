"""Streams that a proxy may hold back: when they are suspected, what proves it, and how the conversations go on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
import structlog
from msgspec import structs

from botkit.errors import AccessExpired, Unreachable
from botkit.handoff.conversation import Conversation, ConversationId
from botkit.handoff.effects import SendToAgent
from botkit.handoff.events import AgentSaid, AgentsLost
from botkit.relay.engine import MAX_CONNECTING
from botkit.relay.inbound.stream_health import Proof
from botkit.relay.inbound.stream_path import FIRST_PAUSE_SECONDS
from botkit.testing.clock import settle
from tests.relay.relay_doubles import (
    ACCESS,
    BOT,
    SESSION,
    SYSTEM,
    Connection,
    FakeSystem,
    World,
    conversation,
    ended,
    said,
    texts,
)

POLL_SECONDS = 2.0


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World(system=FakeSystem(interval=POLL_SECONDS))
    yield world
    await world.close()


async def listening(world: World) -> None:
    """A conversation whose stream has shown that it works."""
    world.ledger.decided(conversation())
    await settle()
    world.system.connections[-1].say()
    await settle()


def numbered(number: int) -> Conversation:
    """One of many conversations."""
    session = conversation().session
    assert session is not None
    own = structs.replace(session, id=f"{SESSION[:-4]}{number:04}")
    return structs.replace(conversation(), id=ConversationId(BOT, f"user-{number}"), session=own)


async def held(world: World, seconds: float = 10.0) -> None:
    """A conversation whose stream turns out to be held."""
    world.ledger.decided(conversation())
    await settle()
    world.system.listed = [said("e1", "proof")]
    await world.clock.advance(seconds)
    assert world.metrics.held == 1


# --- suspicion ---------------------------------------------------------------------------------------------------


async def test_a_message_that_only_the_list_has_is_found_within_ten_seconds(world: World) -> None:
    world.ledger.decided(conversation())
    await settle()
    world.system.listed = [said("e1", "held back")]
    await world.clock.advance(10)
    assert texts(world) == ["held back"]


async def test_headers_that_do_not_come_hold_up_no_message(world: World) -> None:
    world.system.holds_headers = True
    world.ledger.decided(conversation())
    await settle()
    world.system.listed = [said("e1", "held back")]
    await world.clock.advance(9)
    assert texts(world) == ["held back"]


async def test_a_later_message_is_found_as_soon_although_the_stream_seems_only_quiet(world: World) -> None:
    world.ledger.decided(conversation())
    await world.clock.advance(60)
    world.system.listed = [said("e1", "held back")]
    await world.clock.advance(10)
    assert texts(world) == ["held back"]


async def test_a_stream_that_works_is_not_polled(world: World) -> None:
    await listening(world)
    for _ in range(2):
        await world.clock.advance(15)
        world.system.connections[-1].say()
    assert len(world.system.fetches) == 1


async def test_polling_beside_a_stream_ends_with_its_first_bytes(world: World) -> None:
    world.ledger.decided(conversation())
    await world.clock.advance(8)
    world.system.connections[-1].say()
    await world.clock.advance(5)
    polls = len(world.system.fetches)
    assert polls > 1
    await world.clock.advance(10)
    assert len(world.system.fetches) == polls
    assert len(world.system.connects) == 1


async def lists_read_beside(world: World, *events: AgentSaid) -> int:
    """How many lists are read within 12 s of two new streams, of which one brings these events at once, the other nothing."""
    for number in (1, 2):
        world.ledger.decided(numbered(number))
        await settle()
    await world.clock.advance(1)
    for event in events:
        world.system.connections[0].say(event)
    await world.clock.advance(11)
    return len(world.system.fetches)


async def test_a_new_stream_without_bytes_is_not_polled_while_another_one_delivers(world: World) -> None:
    first_ones, checks_after_an_event = 2, 2
    read = await lists_read_beside(world, said("e1", ms=now_ms(world)))
    assert read == first_ones + checks_after_an_event


async def test_a_new_stream_without_bytes_is_polled_if_no_other_delivers(world: World) -> None:
    first_ones = 2
    assert await lists_read_beside(world) >= first_ones + 4


async def test_a_new_stream_without_an_echo_is_polled_although_another_one_delivers(world: World) -> None:
    for number in (1, 2):
        world.ledger.decided(numbered(number))
        await settle()
    await world.clock.advance(1)
    world.system.connections[0].say(said("e1", ms=now_ms(world)))
    await settle()
    session = numbered(2).session
    assert session is not None
    message = SendToAgent(session.id, SYSTEM, ACCESS, message_id="m-1", text="are you there?")
    world.ledger.decided(numbered(2), message)
    await settle()
    before = len(world.system.fetches)
    await world.clock.advance(4)
    read_without_polling = len(world.system.fetches) - before
    await world.clock.advance(4)
    assert len(world.system.fetches) - before > read_without_polling + 1


async def test_a_message_to_the_agents_without_an_echo_makes_the_stream_suspect(world: World) -> None:
    await listening(world)
    await world.clock.advance(1)
    message = SendToAgent(SESSION, SYSTEM, ACCESS, message_id="m-1", text="are you there?")
    world.ledger.decided(conversation(), message)
    await settle()
    world.system.listed = [said("e1", "yes")]
    await world.clock.advance(10)
    assert texts(world) == ["yes"]


async def test_a_stream_that_falls_silent_is_suspect_before_it_is_given_up(world: World) -> None:
    await listening(world)
    world.system.listed = [said("e1", "nobody asked")]
    await world.clock.advance(35)
    assert texts(world) == ["nobody asked"]


async def pings(world: World, times: int, seconds: float) -> None:
    for _ in range(times):
        await world.clock.advance(seconds)
        world.system.connections[-1].say()
    await settle()


@pytest.mark.parametrize(("every", "found_within"), [(5, 11), (15, 21)])
async def test_a_stream_whose_ping_is_late_is_suspect(
    world: World, every: float, found_within: float
) -> None:
    await listening(world)
    await pings(world, 2, every)
    world.system.listed = [said("e1", "nobody asked")]
    await world.clock.advance(found_within)
    assert texts(world) == ["nobody asked"]


async def test_until_its_pings_have_a_rhythm_a_stream_may_be_quiet_for_longer(world: World) -> None:
    await listening(world)
    await pings(world, 1, 5)
    await world.clock.advance(25)
    assert len(world.system.fetches) == 1


async def test_bytes_without_effect_in_a_row_are_no_rhythm(world: World) -> None:
    await listening(world)
    await pings(world, 10, 0.5)
    await world.clock.advance(25)
    assert len(world.system.fetches) == 1


async def test_a_system_without_a_list_is_not_polled_beside_its_stream(world: World) -> None:
    world.system.capabilities = replace(world.system.capabilities, lists_events=False)
    world.system.holds_headers = True
    world.ledger.decided(conversation())
    await world.clock.advance(60)
    assert len(world.system.connects) == 1
    assert world.system.fetches == []


# --- proof -------------------------------------------------------------------------------------------------------


async def test_a_held_stream_is_left_and_the_conversation_polled(world: World) -> None:
    await held(world)
    assert world.system.closed_streams == 1
    world.system.listed.append(said("e2", "and now quickly"))
    await world.clock.advance(POLL_SECONDS * 1.25)
    assert texts(world) == ["proof", "and now quickly"]
    assert len(world.system.connects) == 1


async def test_headers_that_never_come_prove_it_if_the_list_answers(world: World) -> None:
    world.system.holds_headers = True
    world.ledger.decided(conversation())
    await world.clock.advance(11)
    assert world.metrics.held == 1


async def test_headers_that_never_come_prove_nothing_while_nothing_else_answers(world: World) -> None:
    world.system.holds_headers = True
    world.system.fails("fetch", *[Unreachable("entries")] * 100)
    world.ledger.decided(conversation())
    await world.clock.advance(40)
    assert world.metrics.held == 0


async def test_an_event_that_the_list_has_first_proves_nothing_if_the_stream_brings_it(world: World) -> None:
    world.ledger.decided(conversation())
    await settle()
    world.system.listed = [said("e1", "once")]
    await world.clock.advance(6)
    world.system.connections[-1].say(said("e1", "once"))
    await world.clock.advance(20)
    assert world.metrics.held == 0
    assert texts(world) == ["once"]


async def test_what_happened_before_the_stream_was_open_proves_nothing(world: World) -> None:
    world.system.listed = [said("e1", "earlier")]
    world.ledger.decided(conversation())
    await world.clock.advance(14)
    world.system.connections[-1].say()
    await world.clock.advance(1)
    assert texts(world) == ["earlier"]
    assert world.metrics.held == 0


async def test_a_stream_that_waits_for_its_turn_is_polled_and_proves_nothing(world: World) -> None:
    async with AsyncExitStack() as others:
        for _ in range(MAX_CONNECTING):
            await others.enter_async_context(world.engine._openings.stream())
        world.system.listed = [said("e1", "meanwhile")]
        world.ledger.decided(conversation())
        await world.clock.advance(30)
        assert texts(world) == ["meanwhile"]
        assert (world.metrics.held, world.system.connects) == (0, [])


async def arrive(world: World, *lateness: float) -> None:
    """Events come 20 s apart, so late."""
    for number, late in enumerate(lateness):
        await world.clock.advance(20)
        # The server's clock is an hour ahead of ours.
        ms = round((world.clock.now() - late + 3600) * 1000)
        world.system.connections[-1].say(said(f"late{number}", "hello", ms=ms))
        await settle()
    await world.clock.advance(1)


async def test_two_events_that_come_late_prove_it(world: World) -> None:
    await listening(world)
    await arrive(world, 0, 0, 12, 12)
    assert world.metrics.held == 1
    assert len(texts(world)) == 4


async def test_a_single_event_that_comes_late_makes_the_stream_suspect(world: World) -> None:
    await listening(world)
    await arrive(world, 0, 12)
    world.system.listed = [said("e9", "the next one", ms=round((world.clock.now() + 3600) * 1000))]
    await world.clock.advance(8)
    assert texts(world) == ["hello", "hello", "the next one"]


async def test_events_that_come_late_now_and_then_prove_nothing(world: World) -> None:
    await listening(world)
    await arrive(world, 0, 12, 0, 12, 0)
    assert world.metrics.held == 0


async def test_events_that_come_late_together_prove_nothing(world: World) -> None:
    await listening(world)
    await arrive(world, 0)
    for number in range(3):
        ms = round((world.clock.now() - 12 + 3600) * 1000) + number
        world.system.connections[-1].say(said(f"after a pause {number}", ms=ms))
    await arrive(world, 0)
    assert world.metrics.held == 0


async def test_an_event_that_the_stream_lost_once_does_not_prove_it(world: World) -> None:
    await listening(world)
    await world.clock.advance(85)
    world.system.listed = [said("e1", "lost")]
    stream = world.system.connections[-1]
    for _ in range(4):
        stream.say()
        await world.clock.advance(15)
    assert texts(world) == ["lost"]
    assert world.metrics.held == 0
    assert len(world.system.connects) == 1


async def test_what_a_new_stream_repeats_is_not_late(world: World) -> None:
    await listening(world)
    stream = world.system.connections[-1]
    now = world.clock.now()
    stream.say(said("e1", "new", ms=round(now * 1000)))
    stream.say(said("e2", "old", ms=round((now - 300) * 1000)))
    await world.clock.advance(1)
    assert world.metrics.held == 0


async def test_an_end_that_only_the_list_has_ends_the_session_once(world: World) -> None:
    world.ledger.rule = lambda before, event: (
        (before, ()) if isinstance(event, AgentSaid) else (structs.replace(before, session=None), ())
    )
    world.ledger.decided(conversation())
    await settle()
    world.system.listed = [said("e1", "goodbye"), ended("e2")]
    await world.clock.advance(10)
    assert [type(event).__name__ for event in world.ledger.events] == ["AgentSaid", "AgentSessionEnded"]
    assert world.system.closed_streams == 1
    await world.clock.advance(60)
    assert len(world.system.connects) == 1


async def test_access_that_expires_while_the_stream_is_held_loses_the_agents(world: World) -> None:
    world.ledger.decided(conversation())
    await world.clock.advance(2)
    world.system.fails("fetch", *[AccessExpired("entries", status=401)] * 10)
    await world.clock.advance(10)
    assert [event.why for event in world.ledger.events if isinstance(event, AgentsLost)] == ["expired"]
    assert world.system.closed_streams == 1


# --- what proves nothing: this process stood still, or other streams deliver -----------------------------------------


async def stall(world: World, seconds: float = 11.0) -> None:
    """This process stands still, and then runs again."""
    world.clock.pass_seconds(seconds)
    await settle()


async def test_headers_that_were_awaited_during_a_stall_are_awaited_anew(world: World) -> None:
    world.system.holds_headers = True
    world.ledger.decided(conversation())
    await world.clock.advance(2)
    await stall(world)
    await world.clock.advance(9)
    assert world.metrics.held == 0
    await world.clock.advance(3)
    assert world.metrics.held == 1


async def test_an_event_that_the_list_had_during_a_stall_proves_nothing_yet(world: World) -> None:
    world.ledger.decided(conversation())
    await settle()
    world.system.listed = [said("e1", "hello")]
    await world.clock.advance(5)
    assert texts(world) == ["hello"]
    await stall(world)
    await world.clock.advance(4)
    assert world.metrics.held == 0
    await world.clock.advance(4)
    assert world.metrics.held == 1


async def test_events_that_were_under_way_during_stalls_are_not_late(world: World) -> None:
    await listening(world)
    await arrive(world, 0)
    for number in range(3):
        await world.clock.advance(20)
        ms = round((world.clock.now() + 3600) * 1000)
        world.clock.pass_seconds(11)
        world.system.connections[-1].say(said(f"stalled{number}", "hello", ms=ms))
        await settle()
    await world.clock.advance(1)
    assert len(texts(world)) == 4
    assert world.metrics.held == 0


async def test_a_clock_that_is_set_makes_no_event_late(world: World) -> None:
    await listening(world)
    await arrive(world, 0)
    await stall(world, 30)
    await arrive(world, 30, 30, 30)
    assert world.metrics.held == 0


async def test_events_that_waited_for_a_slow_store_are_not_late(world: World) -> None:
    await listening(world)
    await arrive(world, 0)
    world.ledger.holding = True
    for number in range(3):
        ms = round((world.clock.now() + 3600) * 1000)
        world.system.connections[-1].say(said(f"slow{number}", "hello", ms=ms))
    for _ in range(3):
        await world.clock.advance(8)
        world.ledger.release()
    world.ledger.holding = False
    await world.clock.advance(1)
    assert len(texts(world)) == 4
    assert world.metrics.held == 0


async def two_listening(world: World) -> tuple[Connection, Connection]:
    """Two conversations whose streams have each brought an event."""
    for number in (1, 2):
        world.ledger.decided(numbered(number))
        await settle()
    first, second = world.system.connections
    await world.clock.advance(15)
    for stream, name in ((first, "a"), (second, "b")):
        stream.say(said(f"{name}1", ms=now_ms(world)))
    await world.clock.advance(1)
    return first, second


def now_ms(world: World) -> int:
    return round(world.clock.now() * 1000)


async def late_while_the_other_delivers(world: World, late: Connection, other: Connection, name: str) -> None:
    """Two events in a row come late on one stream, while the other brings its own in time."""
    for number in range(2):
        await world.clock.advance(20)
        late.say(said(f"{name}late{number}", ms=now_ms(world) - 12_000))
        await settle()
        await world.clock.advance(1)
        other.say(said(f"{name}intime{number}", ms=now_ms(world)))
        await settle()
    await world.clock.advance(1)


async def test_one_late_stream_does_not_condemn_the_others_that_deliver(world: World) -> None:
    first, second = await two_listening(world)
    await late_while_the_other_delivers(world, first, second, "x")
    await world.clock.advance(POLL_SECONDS)
    assert world.metrics.held == 0
    assert len(world.system.connections) == 3


async def test_the_stream_that_is_opened_anew_after_that_is_polled_although_bytes_arrive(
    world: World,
) -> None:
    first, second = await two_listening(world)
    await late_while_the_other_delivers(world, first, second, "x")
    await world.clock.advance(POLL_SECONDS)
    await pings(world, 3, 2)
    before = len(world.system.fetches)
    await pings(world, 5, 2)
    assert len(world.system.fetches) > before


async def test_proofs_of_several_streams_with_one_cause_are_one(world: World) -> None:
    first, second = await two_listening(world)
    world.ledger.decided(numbered(3))
    await settle()
    third = world.system.connections[-1]
    await world.clock.advance(20)
    for number in range(2):
        for stream, name in ((first, "x"), (second, "y")):
            stream.say(said(f"{name}late{number}", ms=now_ms(world) - 12_000))
        await settle()
        await world.clock.advance(1)
        third.say(said(f"intime{number}", ms=now_ms(world)))
        await world.clock.advance(19)
    await world.clock.advance(POLL_SECONDS)
    assert len(world.system.connections) == 5
    assert world.metrics.held == 0


async def test_a_second_late_stream_proves_it_although_others_deliver(world: World) -> None:
    first, second = await two_listening(world)
    await late_while_the_other_delivers(world, first, second, "x")
    await world.clock.advance(20)
    await late_while_the_other_delivers(world, second, world.system.connections[-1], "y")
    await world.clock.advance(POLL_SECONDS)
    assert world.metrics.held > 0


async def test_headers_of_another_stream_speak_against_it(world: World) -> None:
    world.system.holds_headers = True
    world.ledger.decided(numbered(1))
    await world.clock.advance(5)
    world.system.holds_headers = False
    world.ledger.decided(numbered(2))
    await world.clock.advance(10)
    assert world.metrics.held == 0
    assert len(world.system.connects) == 3


async def test_without_headers_the_list_proves_nothing_once_another_stream_has_its_headers() -> None:
    world = World(system=FakeSystem(interval=POLL_SECONDS), chance=0.0)
    world.system.holds_headers = True
    world.system.listed = [said("e1", "hello")]
    world.ledger.decided(numbered(1))
    await world.clock.advance(7)
    world.system.holds_headers = False
    world.ledger.decided(numbered(2))
    await world.clock.advance(2.5)
    # The first one still waits for its headers.
    assert (world.metrics.held, len(world.system.connects)) == (0, 2)
    await world.close()


async def test_headers_that_never_come_again_prove_it_although_older_streams_deliver(world: World) -> None:
    old, _ = await two_listening(world)
    world.system.holds_headers = True
    world.ledger.decided(numbered(3))
    for number in range(30):
        await world.clock.advance(1)
        old.say(said(f"old{number}", ms=now_ms(world)))
        await settle()
        if number == 15:
            assert world.metrics.held == 0
    assert world.metrics.held > 0


async def test_a_stall_of_this_process_loses_no_agents(world: World) -> None:
    await listening(world)
    await world.clock.advance(5)
    world.clock.pass_seconds(3600)
    world.system.connections[-1].error(Unreachable("the network is not back yet"))
    world.system.fails("fetch", Unreachable("entries"))
    await world.clock.advance(30)
    assert [event for event in world.ledger.events if isinstance(event, AgentsLost)] == []


# --- what one finds out, all know ----------------------------------------------------------------------------------


async def test_a_stream_that_is_only_quiet_is_polled_soon_after_others_turn_out_to_be_held(
    world: World,
) -> None:
    await listening(world)
    await world.clock.advance(5)
    path, now = world.engine._paths.get(BOT, SYSTEM), world.clock.boottime()
    path.held(now, opened_at=now, proof=Proof(now, "the test says so"))
    before = len(world.system.fetches)
    await world.clock.advance(7)
    assert len(world.system.fetches) > before


async def test_while_streams_are_held_new_conversations_are_polled_at_once(world: World) -> None:
    await held(world)
    world.ledger.decided(numbered(7))
    await world.clock.advance(POLL_SECONDS * 1.25)
    assert len(world.system.connects) == 1
    assert world.metrics.held == 2


async def test_one_conversation_at_a_time_tries_the_stream_again_less_and_less_often(world: World) -> None:
    await held(world)
    for number in range(1, 20):
        world.ledger.decided(numbered(number))
    await world.clock.advance(FIRST_PAUSE_SECONDS)
    assert len(world.system.connects) == 2
    await world.clock.advance(1800)
    assert 4 <= len(world.system.connects) <= 7
    assert world.metrics.held >= 19


async def test_when_one_stream_passes_all_are_opened_again(world: World) -> None:
    await held(world)
    for number in range(1, 5):
        world.ledger.decided(numbered(number))
    await world.clock.advance(FIRST_PAUSE_SECONDS)
    world.system.connections[-1].say()
    await world.clock.advance(POLL_SECONDS * 1.25)
    assert world.metrics.held == 0
    assert len(world.system.connects) == 2 + 4


async def test_the_log_says_once_that_streams_are_held_and_once_that_they_pass(world: World) -> None:
    lines: list[Any]
    with structlog.testing.capture_logs() as lines:
        await held(world)
        for number in range(1, 20):
            world.ledger.decided(numbered(number))
        await world.clock.advance(FIRST_PAUSE_SECONDS)
        world.system.connections[-1].say()
        await world.clock.advance(5)
    assert [(line["event"], line["log_level"]) for line in lines if line["event"] != "stream_broken"] == [
        ("streams_held", "warning"),
        ("streams_pass_again", "warning"),
    ]


async def test_headers_that_do_not_come_take_no_slot_of_others_and_open_no_breaker(world: World) -> None:
    world.system.holds_headers = True
    for number in range(500):
        world.ledger.decided(numbered(number))
    await settle()
    world.system.listed = [said("e1", "everybody")]
    await world.clock.advance(10)
    # Only those that got a slot before the first one found out have tried their stream.
    assert len(world.system.connects) <= 64
    assert len(world.system.fetches) >= 500
    await world.clock.advance(2)
    assert world.metrics.held == 500
    breaker = world.breaker(SYSTEM)
    assert not breaker.is_open


async def test_very_many_conversations_are_polled_less_often_instead_of_all_at_once(world: World) -> None:
    await held(world)
    for number in range(1, 2_000):
        world.ledger.decided(numbered(number))
    await world.clock.advance(10)
    before = len(world.system.fetches)
    await world.clock.advance(10)
    assert 2_000 <= len(world.system.fetches) - before <= 3_000
