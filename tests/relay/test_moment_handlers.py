"""The relay calls the handlers of a hand-off's moments: in order, durably, and without delaying messages."""

from __future__ import annotations

import asyncio

from botkit.errors import Unreachable
from botkit.handoff.conversation import ConversationId
from botkit.handoff.effects import CallHandlers, SendToUser
from botkit.handoff.events import ApiCall, CallsRequested, Content
from botkit.testing.clock import settle
from botkit.testing.waiting import async_until
from tests.relay.relay_doubles import BOT, HOOK, SESSION, START, SYSTEM, World, conversation

ASKED = (ApiCall("send_user_message", '{"message":"How was it?"}'),)


class Handlers:
    """The bot's handlers: they return when the test lets them."""

    def __init__(self) -> None:
        self.called: list[str] = []
        self.go_on = asyncio.Event()

    async def call(self, _: ConversationId, effect: CallHandlers) -> tuple[ApiCall, ...]:
        self.called.append(effect.event)
        await self.go_on.wait()
        return ASKED if effect.event == "on_handoff_ended" else ()


def told(event: str) -> CallHandlers:
    return CallHandlers(
        event=event, at=START, session_id=SESSION, system=SYSTEM, language="en", opened_at=START
    )


async def test_no_message_waits_for_a_handler_and_handlers_keep_their_order() -> None:
    handlers = Handlers()
    world = World(call_handlers=handlers.call)
    ended = told("on_handoff_ended")
    world.ledger.decided(
        conversation(), told("on_handoff_started"), ended, SendToUser(Content(text="Goodbye"))
    )
    await async_until(lambda: bool(world.sent))
    assert handlers.called == ["on_handoff_started"]
    handlers.go_on.set()
    await async_until(lambda: not world.ledger.rows)
    assert handlers.called == ["on_handoff_started", "on_handoff_ended"]
    await world.close()


async def test_what_a_handler_asks_for_is_committed_together_with_its_completion() -> None:
    handlers = Handlers()
    handlers.go_on.set()
    world = World(call_handlers=handlers.call)
    world.ledger.decided(conversation(), told("on_handoff_ended"))
    await async_until(lambda: not world.ledger.rows)
    (input,) = world.ledger.inputs
    assert isinstance(input.event, CallsRequested)
    assert input.event.api_calls == ASKED
    assert input.completes == (1,)
    await world.close()


async def test_the_next_start_calls_the_handlers_that_a_dead_process_left() -> None:
    handlers = Handlers()
    first = World(call_handlers=handlers.call)
    first.ledger.decided(conversation(), told("on_handoff_ended"))
    await async_until(lambda: len(handlers.called) == 1)
    left = dict(first.ledger.rows)
    assert list(left) == [1]
    again = World(call_handlers=handlers.call)
    again.ledger.rows = left
    await again.engine.resume()
    handlers.go_on.set()
    await async_until(lambda: not again.ledger.rows)
    assert handlers.called == ["on_handoff_ended"] * 2
    await first.close()
    await again.close()


async def test_handlers_are_called_while_the_platform_is_out_of_reach() -> None:
    handlers = Handlers()
    handlers.go_on.set()
    world = World(call_handlers=handlers.call)
    world.platform.answers.extend(Unreachable("send") for _ in range(50))

    def says_hello(*numbers: int) -> None:
        for number in numbers:
            other = ConversationId(BOT, f"u-{number}")
            world.ledger.hooks[other] = HOOK
            world.ledger.decided(conversation(id=other, session=None), SendToUser(Content(text="hello")))

    says_hello(1, 2, 3)
    await async_until(lambda: len(world.metrics.retried) == 3)
    says_hello(4)
    await settle()
    assert len(world.platform.calls) == 3  # The circuit breaker is open.
    world.ledger.decided(conversation(), told("on_handoff_started"))
    await async_until(lambda: ("CallHandlers", "delivered") in world.metrics.done)
    await world.close()
