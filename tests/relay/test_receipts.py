"""Delivery receipts: gathered by conversation, and only for what the user has seen."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from botkit.errors import ConversationClosed, ServerTrouble, Unreachable
from botkit.handoff.conversation import Conversation
from botkit.handoff.effects import EndSession, SendToUser
from botkit.http import permits
from botkit.relay.inbound import receipts
from botkit.relay.leaving import everything
from botkit.testing.clock import settle
from botkit.testing.waiting import async_until
from tests.relay.relay_doubles import ACCESS, SESSION, SYSTEM, USER, World, conversation, said

QUARTER = receipts.GATHER_SECONDS


@pytest.fixture
async def talking(world: World) -> World:
    """A conversation whose stream is open; the rules show every message to the user."""
    return await opened(world)


async def opened(world: World) -> World:
    world.ledger.rule = lambda before, event: (
        (before, (SendToUser(event.content),)) if hasattr(event, "content") else (before, ())
    )
    world.ledger.decided(conversation())
    await async_until(lambda: len(world.system.connections) == 1)
    await settle()
    return world


async def say(world: World, *entries: str) -> None:
    """The agent says these; returns when the user has seen them."""
    world.system.connections[0].say(*(said(entry) for entry in entries))
    await async_until(lambda: not world.ledger.rows)
    await settle()


async def test_messages_shown_to_the_user_are_acknowledged_in_one_call(talking: World) -> None:
    await say(talking, "e1", "e2")
    await talking.clock.advance(QUARTER / 2)
    await say(talking, "e3")
    assert talking.system.said("acknowledge") == []
    await talking.clock.advance(QUARTER / 2)
    assert talking.system.said("acknowledge") == [("e1", "e2", "e3")]


async def test_an_agents_message_costs_two_inputs_one_call_to_the_user_and_one_receipt(
    talking: World,
) -> None:
    await say(talking, "e1")
    await talking.clock.advance(QUARTER)
    for noted in (talking.ledger.inputs, talking.platform.calls, talking.system.calls):
        noted.clear()
    started = []

    def start(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        started.append(coroutine.__qualname__)
        return asyncio.Task(coroutine, loop=loop, **options)

    asyncio.get_running_loop().set_task_factory(start)
    await say(talking, "e2")
    await talking.clock.advance(QUARTER)
    asyncio.get_running_loop().set_task_factory(None)
    inputs = [(input.event is not None, len(input.completes)) for input in talking.ledger.inputs]
    assert inputs == [(True, 0), (False, 1)]
    assert talking.sent == ["send_to_user"]
    assert [call.what for call in talking.system.calls] == ["acknowledge"]
    ours = [name for name in started if not name.startswith("begun.")]  # the double's own
    assert ours == ["Receipts._send_gathered", "Receipts._acknowledge"]


async def test_receipts_wait_until_the_process_may_act(talking: World) -> None:
    await say(talking, "e1")
    talking.ledger.acts = False
    await talking.clock.advance(10 * QUARTER)
    assert talking.system.said("acknowledge") == []
    talking.ledger.acts = True
    await talking.clock.advance(QUARTER)
    assert talking.system.said("acknowledge") == [("e1",)]


async def test_receipts_that_waited_for_others_go_only_if_the_process_still_may_act(
    talking: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipts, "MAX_CALLS", 1)
    gate = talking.system.gates["acknowledge"] = asyncio.Event()
    for entry in ("e1", "e2"):
        await say(talking, entry)
        await talking.clock.advance(QUARTER)
    talking.ledger.acts = False  # It stood still.
    gate.set()
    await settle()
    await talking.clock.advance(10 * QUARTER)
    assert talking.system.said("acknowledge") == [("e1",)]
    talking.ledger.acts = True
    await talking.clock.advance(QUARTER)
    assert talking.system.said("acknowledge") == [("e1",), ("e2",)]


async def test_a_receipt_that_has_begun_makes_no_call_while_the_process_may_not_act(
    talking: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    acknowledge, calls = talking.system.acknowledge, []

    async def slowly(*arguments: Any, **options: Any) -> None:
        talking.ledger.acts = False  # It stands still before its request is made.
        await permits.until_permitted()
        calls.append(options["entry_ids"])
        await acknowledge(*arguments, **options)

    monkeypatch.setattr(talking.system, "acknowledge", slowly)
    await say(talking, "e1")
    await talking.clock.advance(QUARTER)
    assert not calls
    losing = talking.engine.lose(everything, 0)
    await asyncio.wait_for(losing, 5)
    assert not calls


async def test_later_messages_are_acknowledged_in_a_call_of_their_own(talking: World) -> None:
    for entry in ("e1", "e2"):
        await say(talking, entry)
        await talking.clock.advance(QUARTER)
    assert talking.system.said("acknowledge") == [("e1",), ("e2",)]


async def test_a_message_is_not_acknowledged_before_the_users_call_has_succeeded(talking: World) -> None:
    talking.platform.gate = asyncio.Event()
    talking.system.connections[0].say(said("e1"))
    await async_until(lambda: len(talking.sent) == 1)
    await talking.clock.advance(10)
    assert talking.system.said("acknowledge") == []
    talking.platform.gate.set()
    await async_until(lambda: not talking.ledger.rows)
    await talking.clock.advance(QUARTER)
    assert talking.system.said("acknowledge") == [("e1",)]


async def test_a_message_is_not_acknowledged_before_its_delivery_is_committed(talking: World) -> None:
    talking.system.connections[0].say(said("e1"))
    talking.platform.gate = asyncio.Event()
    await async_until(lambda: len(talking.sent) == 1)
    talking.ledger.holding = True
    talking.platform.gate.set()
    await async_until(lambda: len(talking.ledger.held) == 1)
    await talking.clock.advance(10)
    assert talking.system.said("acknowledge") == []
    talking.ledger.release()
    await settle()
    await talking.clock.advance(QUARTER)
    assert talking.system.said("acknowledge") == [("e1",)]


async def test_a_message_that_was_not_shown_is_not_acknowledged(talking: World) -> None:
    talking.ledger.hooks.clear()
    await say(talking, "e1")
    await talking.clock.advance(5)
    assert talking.system.said("acknowledge") == []


async def test_the_receipts_go_out_before_the_session_ends(talking: World) -> None:
    await say(talking, "e1")
    talking.ledger.decided(Conversation(USER), EndSession(SESSION, SYSTEM, ACCESS))
    await async_until(lambda: "end" in [call.what for call in talking.system.calls])
    calls = [call.what for call in talking.system.calls if call.what in ("acknowledge", "end")]
    assert calls == ["acknowledge", "end"]
    await talking.clock.advance(5)
    assert talking.system.said("acknowledge") == [("e1",)]


@pytest.mark.parametrize("failure", [ConversationClosed("x"), ServerTrouble("x"), None])
async def test_a_failing_or_hanging_receipt_does_not_hinder_the_end(
    talking: World, failure: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipts, "FLUSH_SECONDS", 0.01)
    if failure is None:
        talking.system.gates["acknowledge"] = asyncio.Event()
    else:
        talking.system.fails("acknowledge", failure)
    await say(talking, "e1")
    talking.ledger.decided(Conversation(USER), EndSession(SESSION, SYSTEM, ACCESS))
    await async_until(lambda: "end" in [call.what for call in talking.system.calls])


async def test_after_a_failed_call_later_receipts_still_go(talking: World) -> None:
    talking.system.fails("acknowledge", Unreachable("acknowledge entries", cause="timeout"))
    for entry in ("e1", "e2"):
        await say(talking, entry)
        await talking.clock.advance(QUARTER)
    assert talking.system.said("acknowledge") == [("e1",), ("e2",)]


async def test_the_receipts_that_wait_are_sent_when_the_service_stops() -> None:
    world = await opened(World())
    await say(world, "e1")
    await world.close()
    assert world.system.said("acknowledge") == [("e1",)]


async def test_receipts_gather_while_a_call_is_slow(talking: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "MAX_CALLS", 1)
    gate = talking.system.gates["acknowledge"] = asyncio.Event()
    for entry in ("e1", "e2", "e3"):
        await say(talking, entry)
        await talking.clock.advance(QUARTER)
    assert talking.system.said("acknowledge") == [("e1",)]
    gate.set()
    await settle()
    await talking.clock.advance(QUARTER)
    assert talking.system.said("acknowledge") == [("e1",), ("e2", "e3")]


async def test_receipts_in_memory_are_bounded(talking: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "MAX_PROMISED", 2)
    await say(talking, "e1", "e2", "e3")
    await talking.clock.advance(QUARTER)
    assert talking.system.said("acknowledge") == [("e1", "e2")]
