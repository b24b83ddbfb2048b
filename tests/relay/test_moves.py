"""Conversations that come to a running relay, and leave it for another process."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from typing import Literal

import pytest
from msgspec import structs

from botkit.errors import LedgerClosed, ServerTrouble
from botkit.handoff.conversation import AgentSession, Conversation, ConversationId, Instant, Phase, Timer
from botkit.handoff.effects import (
    ArmTimer,
    PassToBot,
    SendToAgent,
    SendToUser,
    StartSession,
)
from botkit.handoff.events import Content, TimerFired
from botkit.http import permits
from botkit.ledger.interface import HookBody, OutboxItem
from botkit.relay.inbound import receipts
from botkit.relay.outbound import short_way
from botkit.relay.outbound.delivery import MAY_ACT_SECONDS
from botkit.relay.timers import EXTENDED_PER_SECOND
from botkit.testing.clock import settle
from botkit.testing.waiting import async_until
from tests.relay.relay_doubles import (
    ACCESS,
    HOOK,
    OTHER,
    SESSION,
    START,
    SYSTEM,
    USER,
    HeldPlatform,
    World,
    conversation,
    said,
)

LATER = Instant(START + 1e9)


class Gate(asyncio.Event):
    """A gate that stays closed, and notes that who waited was cancelled."""

    cancelled = False

    async def wait(self) -> Literal[True]:
        try:
            return await super().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


def the_user(conversation_id: ConversationId) -> bool:
    return conversation_id == USER


def of_another_user(number: int, timer: Timer) -> Conversation:
    """One of many conversations, with a session that has this timer."""
    session = conversation(timers=(timer,)).session
    assert session is not None
    own = structs.replace(session, id=f"{SESSION[:-4]}{number:04}")
    return Conversation(ConversationId(USER.bot_id, f"user-{number}"), own)


def passes(world: World, *texts: str, user: ConversationId = USER) -> None:
    """The user writes this to the bot."""
    for text in texts:
        world.ledger.decided(Conversation(user), PassToBot(), hook=HookBody(text.encode()))


def comes_back(world: World, user: ConversationId = USER) -> None:
    """The ledger has the conversation again, with everything that is not done."""
    undelivered = [item for item in world.ledger.undelivered() if item.conversation_id == user]
    world.engine.gain(undelivered, [one for one in world.ledger.open_conversations() if one.id == user])


def item(number: int, text: str, *, at: Instant = START, user: ConversationId = USER) -> OutboxItem:
    return OutboxItem(number, user, "user", PassToBot(), at, HookBody(text.encode()))


# --- conversations that come ------------------------------------------------------------------------------------


async def test_what_comes_is_carried_on_in_order(held: World, platform: HeldPlatform) -> None:
    passes(held, "own", user=OTHER)
    held.engine.gain([item(101, "one"), item(103, "two")], [])
    assert platform.in_progress == ["own", "one"]
    platform.answer()
    await settle()
    assert platform.in_progress == ["two"]


async def test_older_numbers_than_the_newest_commit_are_carried_on(
    held: World, platform: HeldPlatform
) -> None:
    held.ledger.rows[7] = item(7, "left by a former process", user=OTHER)
    await held.engine.resume()
    held.engine.gain([item(3, "came")], [])
    held.ledger.number_from(5)
    passes(held, "after it")
    platform.answer()
    await settle()
    assert held.ledger.completed == [7, 3]


async def test_a_session_that_comes_is_received_and_its_timers_fire(world: World) -> None:
    world.engine.gain([], [conversation(timers=(Timer("search", START),))])
    await async_until(lambda: len(world.system.connections) == 1)
    await async_until(lambda: any(isinstance(event, TimerFired) for event in world.ledger.events))


async def test_request_ids_of_many_sessions_that_come_are_extended_little_by_little(world: World) -> None:
    many = [
        of_another_user(number, Timer("extend", LATER, 240.0)) for number in range(4 * EXTENDED_PER_SECOND)
    ]
    world.engine.gain([], many)
    fired = [0]
    for _ in range(4):
        await world.clock.advance(1)
        fired.append(sum(isinstance(event, TimerFired) for event in world.ledger.events))
    assert all(0 < later - earlier <= 1.2 * EXTENDED_PER_SECOND for earlier, later in pairwise(fired))
    await world.clock.advance(1)
    assert sum(isinstance(event, TimerFired) for event in world.ledger.events) == len(many)


async def test_request_ids_that_are_due_are_extended_at_once_however_many_come(world: World) -> None:
    many = [
        of_another_user(number, Timer("extend", START, 240.0)) for number in range(4 * EXTENDED_PER_SECOND)
    ]
    world.engine.gain([], many)
    await world.clock.advance(1)
    assert sum(isinstance(event, TimerFired) for event in world.ledger.events) == len(many)


async def test_the_time_before_it_came_is_not_of_an_effects_retry_deadline(
    held: World, platform: HeldPlatform
) -> None:
    await held.clock.advance(10_000)
    held.engine.gain([item(1, "one")], [])
    platform.answer(ServerTrouble("send", status=503))
    await held.clock.advance(30)
    assert platform.in_progress == ["one"]


# --- conversations that leave in good order -----------------------------------------------------------------------


async def test_an_attempt_in_progress_ends_and_its_result_is_committed(
    held: World, platform: HeldPlatform
) -> None:
    passes(held, "one", "two")
    passes(held, "stays", "follows", user=OTHER)
    losing = held.engine.lose(the_user, 5)
    await settle()
    assert not losing.done()
    platform.answer()
    assert await losing == {}
    assert held.ledger.completed == [1, 3]
    assert platform.in_progress == ["follows"]
    assert list(held.ledger.rows) == [2, 4]


async def test_what_does_not_end_in_time_is_cut_off(held: World, platform: HeldPlatform) -> None:
    passes(held, "one", "two")
    assert await held.engine.lose(the_user, 0.01) == {1: USER}
    assert [one.cancelled for one in platform.begun] == [True]
    assert list(held.ledger.rows) == [1, 2]


async def test_an_agents_message_that_is_cut_off_is_shown_to_no_user(world: World) -> None:
    world.system.gates["send"] = asyncio.Event()
    world.ledger.decided(conversation(), SendToAgent(SESSION, SYSTEM, ACCESS, "m-1", "text"))
    await async_until(lambda: world.system.said("send"))
    assert await world.engine.lose(the_user, 0.01) == {}


async def test_an_attempt_that_fails_meanwhile_is_left_to_the_next_process(
    held: World, platform: HeldPlatform
) -> None:
    passes(held, "one", "two")
    losing = held.engine.lose(the_user, 5)
    platform.answer(ServerTrouble("send", status=503))
    await losing
    await held.clock.advance(100)
    assert platform.in_progress == []
    assert list(held.ledger.rows) == [1, 2]


async def test_what_waits_for_its_next_attempt_is_not_tried_again(
    held: World, platform: HeldPlatform
) -> None:
    passes(held, "one")
    passes(held, "stays", user=OTHER)
    platform.answer(ServerTrouble("send", status=503))
    await settle()
    await held.engine.lose(the_user, 5)
    await held.clock.advance(100)
    assert platform.in_progress == ["stays"]


async def test_what_waits_for_its_turn_is_not_begun(
    held: World, platform: HeldPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(short_way, "MAX_CALLING", 1)
    passes(held, "stays", user=OTHER)
    passes(held, "one")
    await held.engine.lose(the_user, 5)
    platform.answer()
    await settle()
    assert platform.in_progress == []
    assert list(held.ledger.rows) == [2]


async def test_only_the_sessions_that_leave_are_received_no_longer(world: World) -> None:
    other = structs.replace(conversation(), id=OTHER, session=_other_session())
    world.ledger.decided(conversation())
    world.ledger.decided(other)
    await async_until(lambda: len(world.system.connections) == 2)
    await world.engine.lose(the_user, 5)
    assert world.system.closed_streams == 1
    assert world.metrics.open == 1
    assert not world.system.said("end")


async def test_the_timers_that_leave_do_not_fire(world: World) -> None:
    due = Instant(START - 1)
    other = structs.replace(conversation(), id=OTHER, session=_other_session())
    world.ledger.decided(conversation(), ArmTimer(SESSION, "search", due, -1.0))
    world.ledger.decided(other, ArmTimer("s-2", "search", due, -1.0))
    await world.engine.lose(the_user, 5)
    await async_until(lambda: world.ledger.events)
    assert [event.session_id for event in world.ledger.events if isinstance(event, TimerFired)] == ["s-2"]


async def test_what_follows_from_a_result_is_left_to_the_next_process(
    held: World, platform: HeldPlatform
) -> None:
    passes(held, "one")
    losing = held.engine.lose(the_user, 5)
    held.ledger.decided(
        conversation(), SendToUser(Content(text="two")), ArmTimer(SESSION, "search", LATER, LATER - START)
    )
    platform.answer()
    await losing
    await settle()
    assert platform.in_progress == []
    assert len(held.system.connections) == 0
    assert held.engine.timers.at(session_id=SESSION, name="search") is None


async def test_receipts_are_sent_before_a_conversation_leaves(world: World) -> None:
    await _shown(world)
    await world.engine.lose(the_user, 5)
    assert world.system.said("acknowledge") == [("e1",)]


# --- conversations that are lost at once --------------------------------------------------------------------------


async def test_what_is_lost_at_once_is_cut_off_at_once(held: World, platform: HeldPlatform) -> None:
    passes(held, "one", "two")
    passes(held, "stays", user=OTHER)
    await held.engine.lose(the_user, 0)
    assert [one.text for one in platform.begun if one.cancelled] == ["one"]
    assert len(held.engine.lanes) == 1


async def test_the_creation_of_a_conversation_is_cut_off_too(world: World) -> None:
    gate = world.system.gates["start"] = Gate()
    world.ledger.decided(conversation(phase=Phase.OPENING), StartSession(SESSION, SYSTEM, ACCESS, (), "en"))
    await async_until(lambda: world.system.said("start"))
    await world.engine.lose(the_user, 0)
    assert gate.cancelled
    assert list(world.ledger.rows) == [1]


async def test_no_receipts_are_sent_for_what_is_lost_at_once(world: World) -> None:
    await _shown(world)
    await world.engine.lose(the_user, 0)
    await world.clock.advance(10)
    assert not world.system.said("acknowledge")


async def test_an_effect_whose_ledger_has_lost_its_conversation_is_left(
    held: World, platform: HeldPlatform
) -> None:
    passes(held, "one", "two")
    held.ledger.failures.append(LedgerClosed("it has left"))
    platform.answer()
    await settle()
    assert platform.in_progress == []
    assert list(held.ledger.rows) == [1, 2]


async def test_results_of_one_commit_are_settled_apart_if_one_conversation_has_left(
    held: World, platform: HeldPlatform
) -> None:
    passes(held, "lost", "after it")
    passes(held, "stays", "follows", user=OTHER)
    held.ledger.failures.extend([LedgerClosed("one of them has left"), LedgerClosed("it has left")])
    platform.answer()
    await settle()
    assert platform.in_progress == ["follows"]
    assert list(held.ledger.rows) == [1, 2, 4]


# --- when they are another process' ---------------------------------------------------------------------------------


async def test_what_is_gone_is_not_looked_for_among_what_comes(held: World) -> None:
    asked: list[ConversationId] = []

    def leaves(conversation_id: ConversationId) -> bool:
        asked.append(conversation_id)
        return False

    await held.engine.lose(leaves, 5)
    passes(held, "before")
    assert asked
    held.engine.gone()
    asked.clear()
    passes(held, "after")
    assert not asked


async def test_what_is_still_in_progress_when_it_is_gone_is_told_apart(
    held: World, platform: HeldPlatform
) -> None:
    passes(held, "one", "two")
    losing = held.engine.lose(the_user, 5)
    held.engine.gone()
    passes(held, "three")
    platform.answer()
    await losing
    assert platform.in_progress == []


# --- while the loop is busy with other things ---------------------------------------------------------------------


async def test_nothing_is_begun_for_what_leaves_before_the_loop_turns_to_it(
    held: World, platform: HeldPlatform
) -> None:
    passes(held, "one", "two")
    passes(held, "stays", "follows", user=OTHER)
    loss = held.engine.announce_loss(the_user, 5)
    platform.answer()
    await settle()
    passes(held, "three")
    assert platform.in_progress == ["follows"]
    await held.engine.let_go(loss)
    comes_back(held)
    assert platform.in_progress == ["follows", "two"]


async def test_what_was_to_leave_long_ago_is_cut_off_at_once(held: World, platform: HeldPlatform) -> None:
    passes(held, "one", "two")
    loss = held.engine.announce_loss(the_user, 5)
    loss.until = time.monotonic()
    assert await held.engine.let_go(loss)
    assert [one.text for one in platform.begun if one.cancelled] == ["one"]


async def test_receipts_on_their_way_are_given_little_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipts, "FLUSH_SECONDS", 0.0)
    gate = world.system.gates["acknowledge"] = Gate()
    await _shown(world)
    await world.clock.advance(1)
    await async_until(lambda: world.system.said("acknowledge"))
    await world.engine.lose(the_user, 5)
    assert gate.cancelled


# --- conversations that come back ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0, 0.01])
async def test_a_conversation_that_comes_back_goes_on_with_the_same_ids(
    held: World, platform: HeldPlatform, seconds: float
) -> None:
    passes(held, "one", "two")
    (first,) = platform.begun
    await held.engine.lose(the_user, seconds)
    platform.begun.clear()
    comes_back(held)
    assert platform.in_progress == ["one"]
    assert platform.begun[0].idempotency_key == first.idempotency_key
    platform.answer()
    await settle()
    assert platform.in_progress == ["two"]


async def test_what_was_lost_may_come_back_at_once(held: World, platform: HeldPlatform) -> None:
    """A loop that stood still gets both calls in one turn."""
    passes(held, "one", "two")
    losing = held.engine.lose(the_user, 0)
    comes_back(held)
    await losing
    assert [one.cancelled for one in platform.begun] == [True, False]
    del platform.begun[0]
    platform.answer()
    await settle()
    assert platform.in_progress == ["two"]


async def test_an_attempt_that_was_cut_off_does_not_touch_what_came_back(world: World) -> None:
    world.system.gates["send"] = Gate()
    world.ledger.decided(conversation(), SendToAgent(SESSION, SYSTEM, ACCESS, "m-1", "text"))
    await async_until(lambda: world.system.said("send"))
    losing = world.engine.lose(the_user, 0)
    comes_back(world)
    await losing
    await async_until(lambda: len(world.system.said("send")) == 2)
    assert len(world.engine.lanes) == 1
    world.system.gates["send"].set()
    await async_until(lambda: world.ledger.completed == [1])


async def test_what_was_leaving_in_good_order_may_be_lost_at_once_and_come_back(
    held: World, platform: HeldPlatform
) -> None:
    passes(held, "one", "two")
    leaving = held.engine.lose(the_user, 5)
    held.engine.lose(the_user, 0)
    comes_back(held)
    await leaving
    assert [one.text for one in platform.begun if not one.cancelled] == ["one"]


async def test_what_comes_is_none_of_what_is_just_leaving(held: World, platform: HeldPlatform) -> None:
    passes(held, "one", "two")
    held.engine.lose(the_user, 5)
    held.engine.gain([item(11, "other", user=OTHER)], [])
    platform.answer(ServerTrouble("send", status=503), first=1)
    await held.clock.advance(100)
    assert platform.in_progress == ["other"]


async def test_a_commit_that_is_told_after_a_loss_changes_nothing(
    held: World, platform: HeldPlatform
) -> None:
    await held.engine.lose(the_user, 5)
    passes(held, "one")
    held.engine.gain([item(11, "other", user=OTHER)], [])
    comes_back(held)
    assert platform.in_progress == ["other", "one"]
    await settle()


async def test_a_result_that_is_committed_late_does_not_touch_what_came_back(
    held: World, platform: HeldPlatform
) -> None:
    passes(held, "one", "two")
    held.ledger.holding = True
    platform.answer()
    await settle()
    await held.engine.lose(the_user, 0)
    comes_back(held)
    held.ledger.release()
    await settle()
    assert platform.in_progress == ["one"]
    assert held.engine.lanes.held_bytes == len("one") + len("two")


async def test_the_number_of_calls_in_progress_is_right_after_a_loss(
    held: World, platform: HeldPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(short_way, "MAX_CALLING", 1)
    for _ in range(3):
        passes(held, "one")
        await held.engine.lose(the_user, 0)
        platform.begun.clear()
    passes(held, "stays", user=OTHER)
    assert platform.in_progress == ["stays"]


async def test_a_session_that_comes_back_is_received_again(polled: World) -> None:
    polled.ledger.decided(conversation())
    await async_until(lambda: len(polled.system.fetches) == 1)
    polled.engine.lose(the_user, 0)
    comes_back(polled)
    await async_until(lambda: len(polled.system.fetches) > 3)


# --- while the ledger cannot tell whether they are still here -------------------------------------------------------


async def test_no_attempt_starts_while_the_process_may_not_act(held: World, platform: HeldPlatform) -> None:
    held.ledger.acts = False
    passes(held, "one")
    passes(held, "other", user=OTHER)
    await held.clock.advance(10)
    assert platform.in_progress == []
    held.ledger.acts = True
    await held.clock.advance(MAY_ACT_SECONDS)
    assert platform.in_progress == ["one", "other"]


async def test_an_attempt_in_a_task_waits_until_the_process_may_act(world: World) -> None:
    world.ledger.acts = False
    world.ledger.decided(conversation(), SendToAgent(SESSION, SYSTEM, ACCESS, "m-1", "text"))
    await world.clock.advance(10)
    assert not world.system.said("send")
    world.ledger.acts = True
    await world.clock.advance(MAY_ACT_SECONDS)
    assert world.system.said("send") == [("m-1", "text")]


async def test_the_next_call_of_an_attempt_waits_until_the_process_may_act(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    async def send(*_: object, **__: object) -> None:
        for call in ("first", "second"):
            await permits.until_permitted()
            calls.append(call)
            world.ledger.acts = False

    monkeypatch.setattr(permits, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(world.system, "send", send)
    world.ledger.decided(conversation(), SendToAgent(SESSION, SYSTEM, ACCESS, "m-1", "text"))
    await settle()
    assert calls == ["first"]
    world.ledger.acts = True
    await async_until(lambda: world.ledger.completed)
    assert calls == ["first", "second"]


async def test_what_waits_to_act_can_be_lost(world: World) -> None:
    world.ledger.acts = False
    world.ledger.decided(
        conversation(), SendToAgent(SESSION, SYSTEM, ACCESS, "m-1", "text"), SendToUser(Content(text="hi"))
    )
    await settle()
    losing = world.engine.lose(the_user, 5)
    await settle()
    assert losing.done()
    world.ledger.acts = True
    await world.clock.advance(10)
    assert not world.system.said("send")
    assert world.sent == []
    assert list(world.ledger.rows) == [1, 2]


async def test_what_is_lost_before_its_first_attempt_is_not_left_in_doubt(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(_: ConversationId) -> HookBody:
        world.ledger.acts = False
        return HOOK

    monkeypatch.setattr(world.ledger, "at_hand", False)
    monkeypatch.setattr(world.ledger, "newest_hook", read)
    world.ledger.decided(conversation(), SendToUser(Content(text="hi")))
    await async_until(lambda: not world.ledger.acts)
    await settle()
    assert await world.engine.lose(the_user, 5) == {}
    assert world.sent == []
    assert list(world.ledger.rows) == [1]


# --- inside -------------------------------------------------------------------------------------------------------


def _other_session() -> AgentSession:
    session = conversation().session
    assert session is not None
    return structs.replace(session, id="s-2")


async def _shown(world: World) -> None:
    """An agent's message was shown to the user, and its receipt waits."""
    world.ledger.rule = lambda before, _: (before, (SendToUser(Content(text="hello")),))
    world.ledger.decided(conversation())
    await async_until(lambda: world.system.connections)
    world.system.connections[0].say(said("e1"))
    await async_until(lambda: world.ledger.completed)
