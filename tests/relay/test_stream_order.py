"""The list decides the order of events that a stream may have missed or swapped, and finds what nothing else reveals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import structlog
from msgspec import structs

from botkit.boottime import BootTime
from botkit.errors import CallRefused, ServerTrouble, Unreachable
from botkit.handoff.conversation import Conversation, ConversationId
from botkit.handoff.events import AgentTyping
from botkit.relay.inbound import stream_trust
from botkit.relay.inbound.stream_order import StreamOrder
from botkit.testing.clock import settle
from tests.relay.relay_doubles import (
    BOT,
    SESSION,
    START,
    SYSTEM,
    Connection,
    FakeSystem,
    World,
    conversation,
    noticed,
    said,
    texts,
)

GAP = "gap"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World(system=FakeSystem(interval=2.0))
    yield world
    await world.close()


async def listening(world: World) -> Connection:
    """A conversation whose stream has shown that it works."""
    world.ledger.decided(conversation())
    await settle()
    stream = world.system.connections[-1]
    stream.say()
    await settle()
    return stream


def lists(world: World, *entries: str) -> None:
    """The list has these messages; each is its own text."""
    world.system.listed = [said(entry, entry) for entry in entries]


def brings(stream: Connection, *entries: str, doubt: str = "") -> None:
    stream.say(*(said(entry, entry) for entry in entries), doubt=doubt)


def reads(world: World) -> int:
    return len(world.system.fetches)


# --- doubts ------------------------------------------------------------------------------------------------------


async def test_after_a_gap_the_list_decides_the_order(world: World) -> None:
    stream = await listening(world)
    lists(world, "e1", "e2")
    brings(stream, "e2", doubt=GAP)
    await settle()
    assert texts(world) == ["e1", "e2"]


async def test_a_late_event_is_shown_once_and_at_its_place(world: World) -> None:
    stream = await listening(world)
    lists(world, "e1", "e2")
    brings(stream, "e2", doubt=GAP)
    brings(stream, "e1")
    brings(stream, "e3")
    await settle()
    assert texts(world) == ["e1", "e2", "e3"]
    assert reads(world) == 2


async def test_a_gap_is_seen_although_what_comes_after_it_has_no_effect(world: World) -> None:
    stream = await listening(world)
    lists(world, "e1")
    stream.say(doubt=GAP)
    await settle()
    assert texts(world) == ["e1"]


async def test_events_that_come_together_in_the_wrong_order_are_put_right(world: World) -> None:
    stream = await listening(world)
    lists(world, "e1", "e2", "e3")
    brings(stream, "e3", "e1", "e2")
    await settle()
    assert texts(world) == ["e1", "e2", "e3"]


async def test_a_list_that_lags_behind_the_stream_is_read_again(world: World) -> None:
    stream = await listening(world)
    brings(stream, "e2", doubt=GAP)
    await settle()
    assert texts(world) == []
    lists(world, "e1", "e2")
    await world.clock.advance(1)
    assert texts(world) == ["e1", "e2"]


async def test_a_message_that_the_list_never_has_is_shown_within_two_seconds(world: World) -> None:
    stream = await listening(world)
    brings(stream, "e2", doubt=GAP)
    await world.clock.advance(2)
    assert texts(world) == ["e2"]


async def test_a_list_that_never_has_them_is_not_waited_for_each_time(world: World) -> None:
    stream = await listening(world)
    for number in range(1, 5):
        brings(stream, f"e{number}", doubt=GAP)
        if number < 4:
            await world.clock.advance(2)
    await settle()
    assert texts(world) == ["e1", "e2", "e3", "e4"]


async def test_a_message_in_doubt_is_shown_within_two_seconds_although_the_list_fails(world: World) -> None:
    stream = await listening(world)
    world.system.fails("fetch", *[ServerTrouble("entries", status=500)] * 50)
    brings(stream, "e2", doubt=GAP)
    await world.clock.advance(2)
    assert texts(world) == ["e2"]


async def test_a_list_that_fails_once_still_decides_the_order(world: World) -> None:
    stream = await listening(world)
    lists(world, "e1", "e2")
    world.system.fails("fetch", ServerTrouble("entries", status=500))
    brings(stream, "e2", doubt=GAP)
    await world.clock.advance(2)
    assert texts(world) == ["e1", "e2"]


async def test_what_cannot_be_read_now_is_read_with_the_next_event(world: World) -> None:
    stream = await listening(world)
    lists(world, "e1", "e2", "e3")
    world.system.fails("fetch", CallRefused("entries", status=400))
    brings(stream, "e3", doubt=GAP)
    await settle()
    assert texts(world) == ["e3"]
    stream.say(noticed("n4"))
    await settle()
    assert sorted(texts(world)) == ["e1", "e2", "e3"]


async def test_a_system_without_a_list_is_believed(world: World) -> None:
    world.system.capabilities = replace(world.system.capabilities, lists_events=False)
    stream = await listening(world)
    before = reads(world)
    brings(stream, "e2", doubt=GAP)
    await world.clock.advance(60)
    assert texts(world) == ["e2"]
    assert reads(world) == before


async def test_a_repeated_event_is_no_reason_to_read_the_list(world: World) -> None:
    stream = await listening(world)
    brings(stream, "e1")
    brings(stream, "e2")
    brings(stream, "e1")
    await settle()
    assert reads(world) == 1


async def test_a_doubt_that_is_never_right_is_ignored_after_a_while(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_trust, "WASTED_READS", 3)
    stream = await listening(world)
    for number in range(1, 10):
        world.system.listed.append(said(f"e{number}", f"e{number}"))
        brings(stream, f"e{number}", doubt=GAP)
        await settle()
    assert reads(world) == 1 + 3


async def test_a_doubt_that_was_right_is_heeded_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_trust, "WASTED_READS", 3)
    stream = await listening(world)
    for number in range(1, 10):
        world.system.listed += [said(f"e{2 * number - 1}"), said(f"e{2 * number}")]
        brings(stream, f"e{2 * number}", doubt=GAP)
        await settle()
    assert reads(world) == 1 + 9


# --- streams that are not trusted ----------------------------------------------------------------------------------


async def shown_too_late(world: World, stream: Connection) -> None:
    """The stream swaps two messages, and nothing tells of it in time."""
    brings(stream, "e2")
    await settle()
    lists(world, "e1", "e2")
    brings(stream, "e1")
    await settle()
    assert texts(world) == ["e2", "e1"]


async def test_after_a_message_came_too_late_the_list_is_read_before_each(world: World) -> None:
    stream = await listening(world)
    with structlog.testing.capture_logs() as logs:
        await shown_too_late(world, stream)
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == ["stream_missed_messages"]
    lists(world, "e1", "e2", "e3", "e4")
    brings(stream, "e4")
    await settle()
    assert texts(world) == ["e2", "e1", "e3", "e4"]


async def test_the_other_streams_of_the_system_are_not_trusted_either(world: World) -> None:
    stream = await listening(world)
    world.ledger.decided(_other_conversation())
    await settle()
    other = world.system.connections[-1]
    await shown_too_late(world, stream)
    before = reads(world)
    brings(other, "e9")
    await settle()
    assert reads(world) > before


def _other_conversation() -> Conversation:
    session = conversation().session
    assert session is not None
    own = structs.replace(session, id=f"{SESSION[:-4]}0002")
    return structs.replace(conversation(), id=ConversationId(BOT, "user-2"), session=own)


async def test_ten_minutes_later_the_streams_are_trusted_again(world: World) -> None:
    stream = await listening(world)
    await shown_too_late(world, stream)
    await _quiet(world, stream, stream_trust.DOUBT_SECONDS)
    before = reads(world)
    brings(stream, "e9")
    await settle()
    assert reads(world) == before


async def _quiet(world: World, stream: Connection, seconds: float) -> None:
    """Only pings come for so long."""
    for _ in range(round(seconds / 10)):
        await world.clock.advance(10)
        stream.say()
    await settle()


# --- what nothing reveals --------------------------------------------------------------------------------------------


async def test_a_last_message_that_the_stream_missed_is_found_within_six_seconds(world: World) -> None:
    stream = await listening(world)
    lists(world, "e1", "e2")
    brings(stream, "e1")
    await world.clock.advance(6)
    assert texts(world) == ["e1", "e2"]


async def test_a_message_is_found_whose_typing_was_all_that_the_stream_brought(world: World) -> None:
    stream = await listening(world)
    stream.say(AgentTyping(key="", at=START, session_id=SESSION, started=True, holds_seconds=8.0))
    await settle()
    lists(world, "e1")
    await world.clock.advance(6)
    assert texts(world) == ["e1"]


async def test_a_message_that_comes_out_of_a_long_silence_is_found_within_forty_seconds(world: World) -> None:
    stream = await listening(world)
    await _quiet(world, stream, 300)
    lists(world, "e1")
    await _quiet(world, stream, 40)
    assert texts(world) == ["e1"]


async def test_the_list_of_a_quiet_conversation_is_read_ever_more_seldom(world: World) -> None:
    stream = await listening(world)
    brings(stream, "e1")
    before = reads(world)
    await _quiet(world, stream, 60)
    assert reads(world) - before == 4  # after 4, 8, 16 and 32 s
    await _quiet(world, stream, 320)
    assert reads(world) - before == 14


async def test_lists_are_not_read_in_the_time_that_events_need(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_trust, "READS_PER_SECOND", 2)
    stream = await listening(world)
    before = reads(world)
    for number in range(1, 40):
        brings(stream, f"e{number}")
        await world.clock.advance(0.4)
    assert reads(world) == before


def test_quiet_conversations_are_checked_seldom_unless_messages_have_been_missed() -> None:
    trust = stream_trust.StreamTrust(bot_id=BOT, system=SYSTEM)
    quiet = [StreamOrder(trust, has_written=lambda _: False, chance=lambda: 0.5) for _ in range(1000)]
    for order in quiet:
        order.check_at = 0.0
    lively = StreamOrder(trust, has_written=lambda _: False, chance=lambda: 0.5)
    lively.arrived(BootTime(0.0), [said("e1", "e1")])
    assert sum(order.may_check(BootTime(4.0)) for order in quiet) == 3
    assert lively.may_check(BootTime(4.0))  # while there are no reads left for the quiet ones
    trust.missed(BootTime(41.0), "of a test")
    assert sum(order.may_check(BootTime(45.0)) for order in quiet) == 250


def test_checks_that_are_left_out_come_ever_more_seldom_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_trust, "READS_PER_SECOND", 0)
    trust = stream_trust.StreamTrust(bot_id=BOT, system=SYSTEM)
    order = StreamOrder(trust, has_written=lambda _: False, chance=lambda: 0.5)
    order.arrived(BootTime(0.0), [said("e1", "e1")])
    due = []
    for now in map(BootTime, range(70)):
        if now >= order.check_at:
            due.append(now)
        assert not order.may_check(now)
    assert [*map(float, due)] == [4.0, 8.0, 16.0, 32.0, 64.0]


async def test_a_missed_message_costs_the_streams_their_trust(world: World) -> None:
    stream = await listening(world)
    await _quiet(world, stream, 10)
    now = round(world.clock.now() * 1000)
    stream.say(said("e1", "e1", ms=now))
    await settle()
    world.system.listed = [said("e1", "e1", ms=now), said("e2", "e2", ms=now + 500)]
    await world.clock.advance(6)
    assert texts(world) == ["e1", "e2"]
    before = reads(world)
    stream.say(said("e3", "e3", ms=now + 6_000))
    await settle()
    assert reads(world) > before


async def test_a_message_that_the_list_has_a_moment_before_the_stream_costs_no_trust(world: World) -> None:
    stream = await listening(world)
    await _quiet(world, stream, 10)
    now = round(world.clock.now() * 1000)
    stream.say(said("e1", "e1", ms=now))
    await world.clock.advance(3.9)
    world.system.listed = [said("e1", "e1", ms=now), said("e2", "e2", ms=now + 3_900)]
    await world.clock.advance(0.2)
    assert texts(world) == ["e1", "e2"]
    stream.say(said("e2", "e2", ms=now + 3_900))
    await settle()
    before = reads(world)
    stream.say(said("e3", "e3", ms=now + 4_500))
    await settle()
    assert reads(world) == before
    assert texts(world) == ["e1", "e2", "e3"]


async def test_a_list_that_is_out_of_reach_at_a_check_is_asked_again(world: World) -> None:
    stream = await listening(world)
    brings(stream, "e1")
    lists(world, "e1", "e2")
    world.system.fails("fetch", Unreachable("entries"))
    await world.clock.advance(20)
    assert texts(world) == ["e1", "e2"]
