"""Attempts by callback: what they cost, and how they keep the order when they do not succeed."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from botkit.errors import CallRefused, LedgerClosed, LedgerError, ServerTrouble, Unreachable
from botkit.handoff.conversation import Conversation, ConversationId
from botkit.handoff.effects import (
    ClearAgentSession,
    DropLane,
    EndSession,
    PassToBot,
    SendToAgent,
    SendToUser,
    TypingToUser,
)
from botkit.handoff.events import AgentsLost, Content
from botkit.ledger.interface import HookBody
from botkit.relay.leaving import everything
from botkit.relay.outbound import read_ahead, short_way
from botkit.relay.outbound.circuit_breaker import FAILURES_UNTIL_OPEN
from botkit.testing.clock import settle
from botkit.testing.waiting import async_until
from tests.relay.relay_doubles import (
    ACCESS,
    BOT,
    SESSION,
    SYSTEM,
    USER,
    HeldPlatform,
    World,
    conversation,
)

IDLE = Conversation(USER)
DOWN = Unreachable("pass to bot", detail="refused")


@pytest.fixture
def world(held: World) -> World:
    return held


def passes(world: World, *texts: str, user: str = USER.user_id) -> None:
    """The user writes this to the bot."""
    for text in texts:
        world.ledger.decided(
            Conversation(ConversationId(BOT, user)), PassToBot(), hook=HookBody(text.encode())
        )


def crowd(world: World, number: int) -> list[str]:
    """As many users write to the bot."""
    texts = [f"text {one}" for one in range(number)]
    for text in texts:
        passes(world, text, user=text)
    return texts


def completing(world: World) -> list[tuple[int, ...]]:
    """The effects that each input has completed."""
    return [input.completes for input in world.ledger.inputs if input.completes]


@contextmanager
def counted_tasks() -> Iterator[list[str]]:
    """The names of the coroutines for which tasks are made."""
    loop = asyncio.get_running_loop()
    made: list[str] = []

    def make(loop: asyncio.AbstractEventLoop, work: Any, **more: Any) -> asyncio.Task[Any]:
        made.append(work.__qualname__)
        return asyncio.Task(work, loop=loop, **more)

    loop.set_task_factory(make)
    try:
        yield made
    finally:
        loop.set_task_factory(None)


# --- what it costs ----------------------------------------------------------------------------------------------


async def test_a_message_is_passed_on_without_a_task(world: World, platform: HeldPlatform) -> None:
    with counted_tasks() as tasks:
        texts = crowd(world, 100)
        assert platform.in_progress == texts
        platform.answer()
        await settle()
    assert not world.ledger.rows
    assert tasks == []


async def test_all_results_of_one_turn_are_committed_in_one_input(
    world: World, platform: HeldPlatform
) -> None:
    crowd(world, 100)
    platform.answer(first=60)
    await settle()
    platform.answer()
    await settle()
    assert [len(ids) for ids in completing(world)] == [60, 40]
    assert world.metrics.done == [("PassToBot", "delivered")] * 100


async def test_the_number_of_calls_in_progress_is_limited_and_the_rest_waits_in_order(
    world: World, platform: HeldPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(short_way, "MAX_CALLING", 3)
    with counted_tasks() as tasks:
        texts = crowd(world, 6)
        assert platform.in_progress == texts[:3]
        platform.answer(first=2)
        assert platform.in_progress == texts[2:5]
        platform.answer()
        platform.answer()
        await settle()
    assert tasks == []
    assert not world.ledger.rows


async def test_a_user_who_writes_much_takes_turns_with_the_others(
    world: World, platform: HeldPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(short_way, "MAX_CALLING", 1)
    passes(world, "one", "two", "three")
    passes(world, "other", user="u-2")
    seen = []
    while platform.begun:
        seen += platform.in_progress
        platform.answer()
        await settle()
    assert seen == ["one", "other", "two", "three"]


# --- order ------------------------------------------------------------------------------------------------------


async def test_a_first_attempt_that_fails_keeps_its_place(world: World, platform: HeldPlatform) -> None:
    passes(world, "one", "two")
    seen = []
    for error in (DOWN, ServerTrouble("pass to bot", status=503), None, DOWN, None):
        seen += platform.in_progress
        platform.answer(error)
        await world.clock.advance(20)
    assert seen == ["one", "one", "one", "two", "two"]
    assert world.ledger.completed == [1, 2]
    assert world.metrics.retried == ["PassToBot"] * 3


async def test_a_failed_attempt_is_repeated_with_its_id_and_without_a_task_of_its_own(
    world: World, platform: HeldPlatform
) -> None:
    crowd(world, 50)
    ids = [one.idempotency_key for one in platform.begun]
    with counted_tasks() as tasks:
        platform.answer(ServerTrouble("pass to bot", status=503))
        await world.clock.advance(1)
    assert [one.idempotency_key for one in platform.begun] == ids
    assert len(tasks) < 5


async def test_the_next_message_goes_when_the_result_is_committed(
    world: World, platform: HeldPlatform
) -> None:
    world.ledger.holding = True
    passes(world, "one", "two")
    platform.answer()
    await settle()
    assert platform.in_progress == []
    world.ledger.release()
    await settle()
    assert platform.in_progress == ["two"]


async def test_a_message_that_needs_a_task_is_not_overtaken(world: World, platform: HeldPlatform) -> None:
    expired = CallRefused("send to user", status=404)
    world.ledger.decided(conversation(), SendToUser(Content(text="one")), SendToUser(Content(text="two")))
    platform.answer(expired)
    await settle()
    passes(world, "three")
    await world.clock.advance(100)
    assert platform.in_progress == []
    world.ledger.hooks[USER] = HookBody(b"newer")
    world.ledger.decided(conversation())
    await async_until(lambda: platform.calls)  # The second attempt is a task's.
    await async_until(lambda: platform.begun)
    assert [call.argument for call in platform.calls] == ["one"]
    assert platform.in_progress == ["two"]
    platform.answer()
    await settle()
    assert platform.in_progress == ["three"]


async def test_a_refused_message_frees_the_lane(world: World, platform: HeldPlatform) -> None:
    passes(world, "one", "two")
    platform.answer(CallRefused("pass to bot", status=400))
    await async_until(lambda: platform.begun)
    assert platform.in_progress == ["two"]
    assert world.metrics.done == [("PassToBot", "refused")]


# --- what may go wrong --------------------------------------------------------------------------------------------


async def test_a_call_that_cannot_be_made_is_an_attempt_that_failed(
    world: World, platform: HeldPlatform
) -> None:
    platform.refusing = CallRefused("pass to bot", detail="no URL")
    passes(world, "one", "two")
    await async_until(lambda: not world.ledger.rows and len(world.metrics.done) == 2)
    assert world.metrics.done == [("PassToBot", "refused")] * 2


@pytest.mark.parametrize("where", ["begin", "done"])
async def test_a_defect_affects_only_its_message_and_is_counted(
    world: World, platform: HeldPlatform, where: str
) -> None:
    if where == "begin":
        platform.refusing = ZeroDivisionError()
    passes(world, "one", "two")
    platform.refusing = None
    if where == "done":
        platform.answer(ZeroDivisionError())
    await async_until(lambda: platform.begun)
    assert platform.in_progress == ["two"]
    assert world.metrics.done == [("PassToBot", "broken")]
    assert world.ledger.completed == [1]


async def test_a_defect_while_a_result_is_noted_affects_only_its_message(
    world: World, platform: HeldPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = iter([ZeroDivisionError(), ()])

    def delivered(*_: Any, **__: Any) -> Any:
        found = next(steps)
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr("botkit.relay.journal.Journal.delivered", delivered)
    passes(world, "one", "two")
    platform.answer()
    await async_until(lambda: platform.begun)
    assert platform.in_progress == ["two"]
    assert world.metrics.done == [("PassToBot", "broken")]
    platform.answer()
    await settle()
    assert not world.ledger.rows


async def test_a_defect_while_a_result_is_counted_stops_no_lane(
    world: World, platform: HeldPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = world.metrics.effect_done
    failures = iter([ZeroDivisionError()])

    def effect_done(*args: Any) -> None:
        for failure in failures:
            raise failure
        counts(*args)

    monkeypatch.setattr(world.metrics, "effect_done", effect_done)
    for user in ("u-1", "u-2"):
        passes(world, f"{user} one", f"{user} two", user=user)
    with capture_logs() as lines:
        platform.answer()
        await settle()
    assert platform.in_progress == ["u-1 two", "u-2 two"]
    assert [line["event"] for line in lines] == ["result_not_counted"]


async def test_a_defect_when_the_turn_of_a_waiting_message_comes_affects_only_its_lane(
    world: World, platform: HeldPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    await down(world, platform)
    world.ledger.decided(conversation(), SendToUser(Content(text="broken")))
    crowd(world, 3)
    failures = iter([ZeroDivisionError()])
    at_hand = world.ledger.cached_newest_hook

    def cached_newest_hook(conversation_id: ConversationId) -> HookBody | None:
        for failure in failures:
            raise failure
        return at_hand(conversation_id)

    monkeypatch.setattr(world.ledger, "cached_newest_hook", cached_newest_hook)
    for _ in range(40):
        await world.clock.advance(1)
        platform.answer()
    await async_until(lambda: not world.ledger.rows)
    assert ("SendToUser", "broken") in world.metrics.done
    assert world.metrics.done.count(("PassToBot", "delivered")) == 3 + FAILURES_UNTIL_OPEN


async def test_a_store_in_trouble_is_given_the_results_again(world: World, platform: HeldPlatform) -> None:
    world.ledger.failures.extend([LedgerError("disk full")] * 2)
    crowd(world, 3)
    passes(world, "next", user="text 0")
    platform.answer()
    await settle()
    assert platform.in_progress == []
    await world.clock.advance(5)
    assert platform.in_progress == ["next"]
    assert completing(world) == [(1, 2, 3)]


async def test_results_go_without_a_step_that_cannot_be_stored(world: World, platform: HeldPlatform) -> None:
    world.ledger.failures.append(ValueError("half a surrogate pair"))
    world.ledger.decided(conversation(), ClearAgentSession(SESSION))
    crowd(world, 2)
    platform.answer()
    await settle()
    assert not world.ledger.rows
    assert [(input.completes, input.steps) for input in world.ledger.inputs] == [((1, 2, 3), ())]


async def test_a_ledger_that_has_closed_ends_the_lanes(world: World, platform: HeldPlatform) -> None:
    world.ledger.failures.extend([LedgerClosed("stopping")] * 3)
    crowd(world, 2)
    passes(world, "next", user="text 0")
    platform.answer()
    await settle()
    assert platform.in_progress == []
    assert len(world.engine.lanes) == 0
    assert len(world.ledger.rows) == 3


# --- a remote that is down ----------------------------------------------------------------------------------------


async def down(world: World, platform: HeldPlatform) -> None:
    """The platform has not answered several times in a row."""
    for number in range(FAILURES_UNTIL_OPEN):
        passes(world, f"first {number}", user=f"first {number}")
    platform.answer(DOWN)
    await settle()


async def test_lanes_wait_for_a_remote_that_is_down_without_tasks_and_calls(
    world: World, platform: HeldPlatform
) -> None:
    await down(world, platform)
    with counted_tasks() as tasks:
        crowd(world, 500)
        await settle()
    assert platform.in_progress == []
    assert len(tasks) <= 1


async def test_one_attempt_per_pause_goes_out_and_the_first_answer_lets_all_go(
    world: World, platform: HeldPlatform
) -> None:
    await down(world, platform)
    crowd(world, 50)
    attempts = 0
    for _ in range(20):
        await world.clock.advance(1)
        attempts += len(platform.begun)
        assert len(platform.begun) <= 1
        platform.answer(DOWN)
    assert 5 < attempts <= 20
    await async_until(lambda: platform.begun or world.clock.sleeping)
    await world.clock.advance(2)
    platform.answer()
    assert len(platform.begun) > 40
    for _ in range(3):
        platform.answer()
        await world.clock.advance(20)
    assert not world.ledger.rows
    assert world.metrics.done == [("PassToBot", "delivered")] * (50 + FAILURES_UNTIL_OPEN)


async def test_the_attempt_of_a_pause_is_that_of_the_first_lane(world: World, platform: HeldPlatform) -> None:
    await down(world, platform)
    crowd(world, 3)
    await settle()
    world.clock.pass_seconds(5)
    passes(world, "late", user="late")
    assert platform.in_progress == ["text 0"]


async def test_after_the_first_success_nobody_waits_for_another_attempt_any_more(
    world: World, platform: HeldPlatform
) -> None:
    chances = itertools.cycle([0.1, 0.9])
    world.engine._delivery.failing.chance = lambda: next(chances)
    crowd(world, 50)
    for _ in range(8):  # The waits grow to many seconds, and differ.
        platform.answer(ServerTrouble("pass to bot", status=503))
        await world.clock.advance(15)
    platform.answer(ServerTrouble("pass to bot", status=503))
    while not platform.begun:
        await world.clock.advance(0.01)
    platform.answer(first=1)
    assert len(platform.begun) == 49
    platform.answer()


async def test_a_time_for_which_the_remote_has_asked_is_kept(world: World, platform: HeldPlatform) -> None:
    texts = crowd(world, 5)
    platform.answer(ServerTrouble("pass to bot", status=503, retry_after=60.0))
    passes(world, "meanwhile", user="u-2")
    platform.answer()
    assert platform.in_progress == []
    await world.clock.advance(61)
    assert platform.in_progress == texts


async def test_what_waited_until_its_deadline_is_tried_once_before_it_is_given_up(
    world: World, platform: HeldPlatform
) -> None:
    await down(world, platform)
    texts = crowd(world, 300)  # More than there are pauses until the deadline.
    seen: set[str] = set()
    for _ in range(400):
        await world.clock.advance(1)
        seen.update(platform.in_progress)
        platform.answer(DOWN)
    await async_until(lambda: not world.ledger.rows)
    assert seen >= set(texts)
    assert set(world.metrics.done) == {("PassToBot", "gave_up")}


async def test_the_story_of_a_hand_off_says_that_its_message_was_held_back(
    world: World, platform: HeldPlatform
) -> None:
    await down(world, platform)
    world.ledger.decided(conversation(), SendToUser(Content(text="one")))
    world.ledger.decided(conversation(), SendToUser(Content(text="two")))
    for _ in range(30):
        await world.clock.advance(1)
        platform.answer(DOWN)
    (held,) = [step for step in world.ledger.notes if "held back" in step.detail]
    assert held.session_id == SESSION


async def test_a_message_that_waits_for_its_turn_is_not_held_back(
    world: World, platform: HeldPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The platform answers; others are before it."""
    monkeypatch.setattr(short_way, "MAX_CALLING", 1)
    passes(world, "hello", user="somebody")
    world.ledger.decided(conversation(), SendToUser(Content(text="one")))
    await settle()
    platform.answer()
    platform.answer()
    await settle()
    assert not world.ledger.rows
    assert not [step for step in world.ledger.notes if "held back" in step.detail]


async def test_a_sign_of_typing_does_not_wait_for_a_remote_that_is_down(
    world: World, platform: HeldPlatform
) -> None:
    """It would be shown when nobody types any more."""
    await down(world, platform)
    calls = len(platform.calls)
    world.ledger.decided(conversation(), TypingToUser("https://bots.kore.example/x", started=True))
    await settle()
    (done,) = [outcome for kind, outcome in world.metrics.done if kind == "TypingToUser"]
    assert done != "delivered"
    assert len(platform.calls) == calls


# --- hooks that are not in memory -----------------------------------------------------------------------------------


async def test_hooks_of_a_backlog_are_read_in_groups_shortly_before_their_turn(
    world: World, platform: HeldPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(short_way, "MAX_CALLING", 4)
    monkeypatch.setattr(read_ahead, "READ_AT_ONCE", 8)
    monkeypatch.setattr("botkit.relay.outbound.lanes.MAX_HELD_BYTES", 100)
    groups: list[int] = []
    read = world.ledger.hooks_of
    monkeypatch.setattr(
        world.ledger,
        "hooks_of",
        lambda ids, most: groups.append(len(ids)) or read(ids, most),  # type: ignore[func-returns-value]
    )
    texts = crowd(world, 60)
    seen: list[str] = []
    most = 0
    while len(seen) < 60:
        await async_until(lambda: platform.begun)
        most = max(most, world.engine.lanes.held_bytes)
        seen += platform.in_progress
        platform.answer()
    await async_until(lambda: not world.ledger.rows)
    assert seen == texts
    assert max(groups) == 8
    assert len(groups) < 12
    assert most < 250
    assert world.engine.lanes.held_bytes == 0


async def test_long_hooks_of_a_backlog_are_read_in_smaller_groups(
    world: World, platform: HeldPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(short_way, "MAX_CALLING", 2)
    monkeypatch.setattr(read_ahead, "READ_BYTES", 2_500)
    monkeypatch.setattr("botkit.relay.outbound.lanes.MAX_HELD_BYTES", 0)
    texts = [f"{number:0>1000}" for number in range(9)] + ["9" * 5_000, "last"]
    for text in texts:
        passes(world, text, user=text)
    seen: list[str] = []
    most = 0
    while len(seen) < len(texts):
        await async_until(lambda: platform.begun)
        most = max(most, world.engine.lanes.held_bytes)
        seen += platform.in_progress
        platform.answer()
    await async_until(lambda: not world.ledger.rows)
    assert seen == texts
    assert most < 10_000


async def test_a_defect_while_hooks_are_read_together_stops_no_lane(
    world: World, platform: HeldPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botkit.relay.outbound.lanes.MAX_HELD_BYTES", 0)
    failures = iter([ZeroDivisionError()])
    read = world.ledger.hooks_of

    def hooks_of(ids: Any, max_bytes: int) -> Any:
        for failure in failures:
            raise failure
        return read(ids, max_bytes)

    monkeypatch.setattr(world.ledger, "hooks_of", hooks_of)
    crowd(world, 3)
    await async_until(lambda: not world.ledger.rows)  # Each is delivered in a task of its own.
    assert [call.what for call in platform.calls] == ["pass_to_bot"] * 3
    crowd(world, 1)
    await async_until(lambda: platform.begun)


async def test_hooks_that_were_read_for_an_attempt_that_failed_are_not_kept(
    world: World, platform: HeldPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botkit.relay.outbound.lanes.MAX_HELD_BYTES", 20)
    texts = crowd(world, 30)
    await async_until(lambda: len(platform.begun) == 30)
    platform.answer(ServerTrouble("pass to bot", status=503))
    assert world.engine.lanes.held_bytes <= 20
    await world.clock.advance(1)
    await async_until(lambda: len(platform.begun) == 30)
    assert sorted(platform.in_progress) == sorted(texts)


# --- stopping and dropping ------------------------------------------------------------------------------------------


async def test_closing_waits_for_attempts_in_progress_and_their_results(
    world: World, platform: HeldPlatform
) -> None:
    passes(world, "one", "two")
    closing = world.engine.lose(everything, 5)
    await settle()
    assert not closing.done()
    platform.answer()
    await closing
    assert world.ledger.completed == [1]
    assert world.ledger.left_in_doubt == set()
    assert platform.in_progress == []


async def test_closing_cuts_off_what_takes_too_long(platform: HeldPlatform) -> None:
    world = World(platform=platform)
    passes(world, "one")
    await world.close()
    assert [one.cancelled for one in platform.begun] == [True]
    assert world.ledger.left_in_doubt == {1}
    assert list(world.ledger.rows) == [1]
    assert len(world.engine.lanes) == 0


async def test_closing_makes_no_more_attempts(world: World, platform: HeldPlatform) -> None:
    await down(world, platform)
    crowd(world, 5)
    await world.engine.lose(everything, 5)
    await world.clock.advance(1000)
    assert platform.in_progress == []
    assert len(world.ledger.rows) == 5 + FAILURES_UNTIL_OPEN


async def test_an_attempt_that_fails_while_closing_is_left_to_the_next_start(
    world: World, platform: HeldPlatform
) -> None:
    passes(world, "one", "two")
    closing = world.engine.lose(everything, 5)
    await settle()
    platform.answer(DOWN)
    await closing
    assert list(world.ledger.rows) == [1, 2]
    assert len(world.engine.lanes) == 0


async def test_the_end_of_a_session_follows_an_unforeseen_exception(world: World) -> None:
    lost = conversation(session=None)
    world.ledger.rule = lambda before, event: (
        (lost, (DropLane(SESSION), EndSession(SESSION, SYSTEM, ACCESS)))
        if isinstance(event, AgentsLost)
        else (before, ())
    )
    world.system.fails("send", ZeroDivisionError())
    world.ledger.decided(conversation(), SendToAgent(SESSION, SYSTEM, ACCESS, "m-1", "text"))
    await async_until(lambda: world.system.said("end"))
    await async_until(lambda: not world.ledger.rows and len(world.metrics.done) == 2)
    assert world.metrics.done == [("SendToAgent", "broken"), ("EndSession", "delivered")]
