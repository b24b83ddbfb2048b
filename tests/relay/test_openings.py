"""Many conversations come at once: their streams are opened first, and their lists are read after that."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager

import pytest

from botkit.errors import AccessExpired, CallError, ConversationClosed, ServerTrouble
from botkit.handoff.conversation import Conversation
from botkit.handoff.events import AgentSaid, AgentsLost, LossReason
from botkit.relay import engine
from botkit.relay.inbound.openings import STREAMS_BETWEEN, Openings
from botkit.testing.clock import settle
from botkit.testing.waiting import async_until
from tests.relay.relay_doubles import OTHER, World, conversation, ended, said, texts


@pytest.fixture(autouse=True)
def _one_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MAX_CONNECTING", 1)


async def two_come(world: World) -> None:
    """Both streams are open; both lists are being read: the second's, and after it that of the first, which came later."""
    world.system.gates["fetch"] = asyncio.Event()
    async with world.engine._openings.stream():  # Both wait for this turn to end.
        for one in (conversation(), conversation(id=OTHER)):
            world.ledger.decided(one)
        await settle()
    await async_until(lambda: len(world.system.connections) == 2)
    await settle()


# --- streams, and their lists ----------------------------------------------------------------------------------------


async def test_a_stream_does_not_wait_for_the_list_of_another(world: World) -> None:
    await two_come(world)
    assert (len(world.system.connections), len(world.system.fetches)) == (2, 1)
    world.system.gates["fetch"].set()
    await async_until(lambda: len(world.system.fetches) == 2)


async def test_the_relay_is_catching_up_until_the_last_list_has_its_turn(world: World) -> None:
    assert not world.engine.is_catching_up()
    await two_come(world)
    assert world.engine.is_catching_up()
    world.system.gates["fetch"].set()
    await async_until(lambda: not world.engine.is_catching_up())


async def test_what_a_stream_brings_before_the_list_comes_after_what_the_list_has(world: World) -> None:
    await two_come(world)
    world.system.listed = [said("e1", "missed")]
    world.system.connections[0].say(said("e2", "newer"))
    await settle()
    assert texts(world) == []
    world.system.gates["fetch"].set()
    await async_until(lambda: "newer" in texts(world))
    # The other conversation has the same session here.
    of_first = [one.event for one in world.ledger.inputs if one.conversation_id != OTHER]
    assert [one.content.text for one in of_first if isinstance(one, AgentSaid)] == ["missed", "newer"]


async def test_a_list_that_was_read_for_an_event_is_not_read_again(world: World) -> None:
    await two_come(world)
    world.system.connections[0].say(said("e2", "newer"))
    await settle()
    world.system.gates["fetch"].set()
    await async_until(lambda: texts(world) == ["newer"])
    await async_until(lambda: not world.engine.is_catching_up())
    assert len(world.system.fetches) == 2


async def test_events_in_doubt_wait_for_the_first_list_however_long_it_takes(world: World) -> None:
    await two_come(world)
    second_list = world.system.gates["fetch"]
    world.system.gates["fetch"] = first_list = asyncio.Event()
    world.system.listed = [said("e1", "missed")]
    world.system.connections[0].say(said("e2", "newer"), doubt="gap")
    await settle()
    world.system.fails("fetch", ServerTrouble("list entries", status=500))  # the second's
    second_list.set()
    await world.clock.advance(3)
    assert texts(world) == []
    first_list.set()
    await async_until(lambda: texts(world) == ["missed", "newer"])


async def test_an_event_in_hand_is_written_although_the_list_is_refused(world: World) -> None:
    await two_come(world)
    second_list = world.system.gates["fetch"]
    world.system.gates["fetch"] = first_list = asyncio.Event()
    second_list.set()
    await async_until(lambda: len(world.system.fetches) == 2)
    world.system.connections[0].say(said("e2", "newer"))
    await settle()
    expired = AccessExpired("list entries")
    world.system.fails("fetch", expired, expired)
    world.system.gates["fetch"] = list_of_event = asyncio.Event()
    first_list.set()
    await settle()
    list_of_event.set()
    await async_until(lambda: any(isinstance(event, AgentsLost) for event in world.ledger.events))
    assert texts(world) == ["newer"]


async def test_a_keep_alive_does_not_take_the_list_out_of_turn(world: World) -> None:
    await two_come(world)
    world.system.connections[0].say()
    await settle()
    assert len(world.system.fetches) == 1
    world.system.gates["fetch"].set()
    await async_until(lambda: len(world.system.fetches) == 2)


async def test_a_silent_stream_is_suspected_while_its_list_waits(world: World) -> None:
    """Behind a proxy that holds streams back, all lists wait as long as streams break and are opened again."""
    openings = world.engine._openings
    others = [Turn(openings.stream()) for _ in range(2)]
    await settle()
    world.ledger.decided(conversation())
    await settle()
    others.append(Turn(openings.stream()))
    for one in others[:2]:
        await one.ends()
    others += [Turn(openings.stream()), Turn(openings.stream())]
    await async_until(lambda: len(world.system.connections) == 1)
    world.system.listed = [said("e1", "unheard")]
    await world.clock.advance(10)
    assert texts(world) == ["unheard"]
    for one in others[2:]:
        await one.ends()


async def test_what_only_the_later_list_has_does_not_speak_against_the_stream(world: World) -> None:
    await two_come(world)
    world.system.listed = [said("e1", "missed")]
    await world.clock.advance(5)
    world.system.gates["fetch"].set()
    await async_until(lambda: texts(world) == ["missed", "missed"])
    await world.clock.advance(20)
    assert world.metrics.held == 0


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (AccessExpired("list entries"), LossReason.EXPIRED),
        (ConversationClosed("list entries"), LossReason.CLOSED),
    ],
)
async def test_a_session_whose_later_list_is_refused_is_lost(
    world: World, error: CallError, why: str
) -> None:
    await two_come(world)
    world.system.fails("fetch", None, error)
    world.system.gates["fetch"].set()
    await async_until(lambda: any(isinstance(event, AgentsLost) for event in world.ledger.events))
    (lost,) = [one for one in world.ledger.inputs if isinstance(one.event, AgentsLost)]
    assert lost.conversation_id != OTHER
    assert isinstance(lost.event, AgentsLost)
    assert lost.event.why == why


async def test_an_end_in_the_later_list_closes_the_stream(world: World) -> None:
    world.ledger.rule = lambda one, _: (Conversation(one.id), ())
    await two_come(world)
    world.system.fails("fetch", ServerTrouble("list entries", status=500))  # the second's list
    world.system.listed = [ended("e1")]
    world.system.gates["fetch"].set()
    await world.clock.advance(2)
    await async_until(lambda: world.system.closed_streams == 1)


@pytest.mark.parametrize("error", [ServerTrouble("list entries", status=500), RuntimeError("a defect")])
async def test_a_later_list_that_fails_is_read_with_the_next_keep_alive(
    world: World, error: Exception
) -> None:
    await two_come(world)
    world.system.fails("fetch", None, error)
    world.system.gates["fetch"].set()
    await async_until(lambda: len(world.system.fetches) == 2)
    world.system.listed = [said("e1", "missed")]
    world.system.connections[0].say()
    await async_until(lambda: texts(world) == ["missed"])


# --- turns -----------------------------------------------------------------------------------------------------------


class Turn:
    """Somebody who waits for a turn, and keeps it until told."""

    def __init__(self, turn: AbstractAsyncContextManager[None]) -> None:
        self.has_it = False
        self._over = asyncio.Event()
        self.task = asyncio.create_task(self._run(turn))

    async def _run(self, turn: AbstractAsyncContextManager[None]) -> None:
        async with turn:
            self.has_it = True
            await self._over.wait()
        self.has_it = False

    async def ends(self) -> None:
        self._over.set()
        await settle()


async def test_streams_have_their_turns_before_lists_and_each_in_order() -> None:
    openings = Openings(1)
    first, early_list, stream, later_list, later_stream = turns = [
        Turn(one())
        for one in (openings.stream, openings.list, openings.stream, openings.list, openings.stream)
    ]
    await settle()
    for one in (first, stream, later_stream, early_list, later_list):
        assert [turn for turn in turns if turn.has_it] == [one]
        await one.ends()
    assert not openings.is_busy


async def test_a_list_waits_for_so_many_streams_only() -> None:
    openings = Openings(1)
    streams = [Turn(openings.stream()) for _ in range(STREAMS_BETWEEN + 2)]
    list_ = Turn(openings.list())
    await settle()
    for one in streams[:-1]:
        assert one.has_it
        await one.ends()
    assert (list_.has_it, streams[-1].has_it) == (True, False)
    await list_.ends()
    await streams[-1].ends()


async def test_a_list_for_which_an_event_waits_comes_before_streams() -> None:
    openings = Openings(1)
    first, stream, hurried = (
        Turn(openings.stream()),
        Turn(openings.stream()),
        Turn(openings.list(hurried=True)),
    )
    await settle()
    for one in (first, hurried, stream):
        assert one.has_it
        await one.ends()


async def test_as_many_as_allowed_have_their_turns_at_once() -> None:
    openings = Openings(2)
    turns = [Turn(openings.stream()), Turn(openings.list()), Turn(openings.stream())]
    await settle()
    assert [turn.has_it for turn in turns] == [True, True, False]
    assert openings.has_waiting_streams
    await turns[1].ends()
    assert [turn.has_it for turn in turns] == [True, False, True]
    for turn in turns:
        await turn.ends()


@pytest.mark.parametrize("got_it", [False, True], ids=["while it waited", "as it got its turn"])
async def test_who_was_cancelled_takes_no_turn(got_it: bool) -> None:
    openings = Openings(1)
    first = openings.stream()
    await first.__aenter__()
    cancelled, last = Turn(openings.stream()), Turn(openings.stream())
    await settle()
    if got_it:
        await first.__aexit__(None, None, None)
    cancelled.task.cancel()
    await settle()
    if not got_it:
        await first.__aexit__(None, None, None)
        await settle()
    assert (cancelled.has_it, last.has_it) == (False, True)
    await last.ends()
    assert openings._free == 1


async def test_a_turn_that_fails_ends() -> None:
    openings = Openings(1)
    with pytest.raises(ValueError, match="broken"):
        async with openings.stream():
            raise ValueError("broken")
    async with openings.list():
        assert not openings.is_busy
