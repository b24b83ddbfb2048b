"""The result of an agent's message waits a moment for another commit: when it may, and what it never delays."""

from __future__ import annotations

import asyncio

import pytest

from botkit.errors import CallRefused, Unreachable
from botkit.handoff.conversation import Conversation
from botkit.handoff.effects import ClearAgentSession, Effect, PassToBot, PassToUser, SendToUser
from botkit.handoff.events import Content
from botkit.relay.inbound.receipts import GATHER_SECONDS
from botkit.relay.leaving import everything
from botkit.testing.clock import settle
from botkit.testing.waiting import async_until
from tests.relay.relay_doubles import OTHER, HeldPlatform, World, conversation, said

SAID = SendToUser(Content(text="hello"), agent_name="Ada")
RESET = Unreachable("send", detail="reset", possible_duplicate=True, cause="closed")
FORBIDDEN = CallRefused("get messages", status=403)


@pytest.fixture
def world(held: World) -> World:
    return held


def waited(world: World) -> list[tuple[int, bool]]:
    """The results so far: how many effects each has completed, and whether it might wait."""
    inputs = world.ledger.inputs
    return [(len(input.completes), input.may_wait) for input in inputs if input.completes]


async def delivers(world: World, *effects: Effect) -> list[tuple[int, bool]]:
    """Deliver these, one after the other; the results."""
    assert isinstance(world.platform, HeldPlatform)
    world.ledger.decided(conversation(), *effects)
    for _ in effects:
        world.platform.answer()
        await settle()
    return waited(world)


async def test_a_message_with_nothing_behind_it_may_wait(world: World) -> None:
    assert await delivers(world, SAID) == [(1, True)]


async def test_a_message_with_something_behind_it_may_not(world: World) -> None:
    assert await delivers(world, SAID, ClearAgentSession()) == [(1, False), (1, False)]


@pytest.mark.parametrize(
    "effect",
    [PassToBot(), PassToUser(), SendToUser(Content(text="hello"), again=True)],
    ids=["for the bot", "of the bot", "the same words again"],
)
async def test_what_the_history_cannot_tell_for_sure_may_not(world: World, effect: Effect) -> None:
    assert await delivers(world, effect) == [(1, False)]


async def test_no_message_of_a_bot_may_wait_whose_history_is_refused(
    world: World, platform: HeldPlatform
) -> None:
    platform.history += [FORBIDDEN, 0]
    world.ledger.decided(conversation(), SAID)
    platform.answer(RESET)
    await world.clock.advance(100)
    assert await delivers(world, SAID) == [(1, False), (1, False)]
    world.ledger.decided(conversation(), SAID)
    platform.answer(RESET)  # It is asked again, and tells.
    await world.clock.advance(100)
    assert (await delivers(world, SAID))[-1] == (1, True)


async def test_a_result_waits_only_if_all_of_its_turn_may(world: World, platform: HeldPlatform) -> None:
    world.ledger.decided(conversation(), SAID)
    world.ledger.decided(Conversation(OTHER), PassToBot())
    platform.answer()
    await settle()
    assert waited(world) == [(2, False)]


async def test_a_message_that_comes_in_the_turn_of_the_result_does_not_wait_for_it(
    world: World, platform: HeldPlatform
) -> None:
    world.ledger.decided(conversation(), SAID)
    platform.answer()
    world.ledger.decided(conversation(), SAID)
    await settle()
    assert waited(world) == [(1, False)]
    assert platform.in_progress == ["hello"]


async def test_a_message_that_comes_while_a_result_waits_has_it_committed(
    world: World, platform: HeldPlatform
) -> None:
    world.ledger.holding = True
    await delivers(world, SAID)
    hurried = world.ledger.hurried
    world.ledger.decided(conversation(), SAID)
    assert world.ledger.hurried == hurried + 1
    assert platform.in_progress == []
    world.ledger.release()
    await settle()
    assert platform.in_progress == ["hello"]


async def test_a_conversation_that_leaves_has_its_result_committed(world: World) -> None:
    world.ledger.holding = True
    await delivers(world, SAID)
    hurried = world.ledger.hurried
    left = world.engine.lose(everything, 5.0)
    assert world.ledger.hurried > hurried
    world.ledger.release()
    assert await left == {}


async def test_a_message_counts_when_its_result_is_committed(world: World) -> None:
    world.ledger.holding = True
    await delivers(world, SAID)
    assert world.metrics.done == []
    world.ledger.release()
    await settle()
    assert world.metrics.done == [("SendToUser", "delivered")]


async def test_the_receipt_is_sent_no_later_than_without_the_wait(
    world: World, platform: HeldPlatform
) -> None:
    world.ledger.rule = lambda before, event: (
        (before, (SendToUser(event.content),)) if hasattr(event, "content") else (before, ())
    )
    world.ledger.decided(conversation())
    await async_until(lambda: len(world.system.connections) == 1)
    world.system.connections[0].say(said("e1"))
    await async_until(lambda: bool(platform.begun))
    await settle()
    world.ledger.holding = True
    platform.answer()
    await world.clock.advance(GATHER_SECONDS / 2)
    world.ledger.release()
    await asyncio.sleep(0)
    await world.clock.advance(GATHER_SECONDS / 2)
    assert world.system.said("acknowledge") == [("e1",)]
