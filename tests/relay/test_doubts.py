"""Messages that may have reached the user although nobody answered: the history decides, and what it cannot decide is counted."""

from __future__ import annotations

import pytest
from msgspec import structs
from structlog.testing import capture_logs

from botkit.errors import CallRefused, NotAuthorized, ServerTrouble, Unreachable
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.effects import CallUser, PassToBot, PassToUser, PlatformEffect, SendToUser
from botkit.handoff.events import Content
from botkit.ledger.interface import Committed, OutboxItem
from botkit.relay.leaving import everything
from botkit.relay.outbound.doubts import READABLE_SECONDS
from botkit.relay.outbound.short_way import MAX_IN_TASKS
from botkit.testing.clock import settle
from botkit.testing.waiting import async_until
from tests.relay.relay_doubles import BOT, HOOK, START, USER, World, conversation

RESET = Unreachable("send", detail="reset", possible_duplicate=True, cause="closed")
LATE = Unreachable("send", detail="timed out", possible_duplicate=True, cause="timeout")
NOBODY = Unreachable("send", detail="refused", cause="refused")
HOUR = 3_600.0
SAID = SendToUser(Content(text="hello"), agent_name="Ada")


async def sends(world: World, effect: PlatformEffect = SAID, *, seconds: float = HOUR) -> None:
    world.ledger.decided(conversation(), effect)
    await settle()
    await world.clock.advance(seconds)


def is_done(world: World) -> bool:
    return not world.ledger.rows


async def test_what_stands_in_the_history_is_not_sent_again(world: World) -> None:
    world.platform.answers.append(RESET)
    world.platform.history.append(1)
    await sends(world)
    assert is_done(world)
    assert world.sent == ["send_to_user"]
    assert world.metrics.duplicates == 0
    assert world.metrics.done == [("SendToUser", "delivered")]


async def test_what_does_not_stand_there_is_sent_again_and_counts_for_nothing(world: World) -> None:
    world.platform.answers.append(RESET)
    world.platform.history += [0, 0, 1]
    await sends(world)
    assert is_done(world)
    assert world.sent == ["send_to_user"] * 2
    assert world.metrics.duplicates == 0


async def test_a_message_that_comes_twice_after_all_is_counted(world: World) -> None:
    world.platform.answers.append(RESET)
    world.platform.history += [0, 0, 2]
    await sends(world)
    assert world.sent == ["send_to_user"] * 2
    assert world.metrics.duplicates == 1


async def test_a_history_that_never_shows_the_message_cannot_tell(world: World) -> None:
    world.platform.answers.append(RESET)
    world.platform.history.append(0)
    await sends(world)
    assert world.sent == ["send_to_user"] * 2
    assert world.metrics.duplicates == 1


async def test_a_history_that_cannot_tell_lets_every_repetition_count(world: World) -> None:
    world.platform.answers += [RESET, RESET, NOBODY, RESET]
    await sends(world)
    assert is_done(world)
    assert world.sent == ["send_to_user"] * 5
    assert world.metrics.duplicates == 3  # Nobody took the one before the last but one.


async def test_a_slow_platform_gets_more_time_and_the_message_is_not_repeated(world: World) -> None:
    world.platform.answers.append(LATE)
    world.platform.history += [0, 0, 1]
    await sends(world)
    assert is_done(world)
    assert world.sent == ["send_to_user"]
    assert world.metrics.duplicates == 0


async def test_each_time_out_gives_the_platform_twice_the_time_for_the_next_attempt(world: World) -> None:
    world.platform.answers += [LATE, LATE]
    await sends(world)
    assert world.platform.patience == [1.0, 2.0, 4.0]


async def test_what_two_slow_attempts_have_brought_is_counted_once(world: World) -> None:
    world.platform.answers += [LATE, LATE]
    world.platform.history += [*[0] * 7, 1]
    await sends(world, seconds=11)
    assert world.sent == ["send_to_user"]
    await world.clock.advance(HOUR)
    assert is_done(world)
    assert world.sent == ["send_to_user"] * 2
    assert world.metrics.duplicates == 1


@pytest.mark.parametrize("effect", [PassToUser(), CallUser("send_user_message")], ids=["bot", "job"])
async def test_what_might_stand_there_without_us_is_sent_again_and_counted(
    world: World, effect: PlatformEffect
) -> None:
    world.platform.answers.append(RESET)
    world.platform.history.append(1)
    await sends(world, effect)
    assert is_done(world)
    assert len(world.sent) == 2
    assert world.metrics.duplicates == 1


async def test_a_bots_message_that_appears_after_the_attempt_has_arrived(world: World) -> None:
    world.platform.answers.append(LATE)
    world.platform.history += [0, 1]
    await sends(world, PassToUser())
    assert is_done(world)
    assert world.sent == ["pass_to_user"]
    assert world.metrics.duplicates == 0


async def test_a_second_message_of_the_same_words_is_not_taken_for_the_first(world: World) -> None:
    world.platform.answers.append(RESET)
    world.platform.history.append(1)
    await sends(world, structs.replace(SAID, again=True))
    assert world.sent == ["send_to_user"] * 2
    assert world.metrics.duplicates == 1


async def test_a_message_to_the_bot_is_not_looked_for_and_each_repetition_counts(world: World) -> None:
    world.platform.answers += [LATE, RESET]
    await sends(world, PassToBot())
    assert is_done(world)
    assert world.sent == ["pass_to_bot"] * 3
    assert world.platform.patience == [1.0, 2.0, 2.0]
    assert (world.metrics.duplicates, world.platform.looks) == (2, 0)


async def test_an_attempt_that_nobody_took_needs_no_history(world: World) -> None:
    world.platform.answers.append(ServerTrouble("send", status=503))
    await sends(world)
    assert world.sent == ["send_to_user"] * 2
    assert (world.metrics.duplicates, world.platform.looks) == (0, 0)


async def test_a_history_that_cannot_be_read_for_the_moment_is_asked_again(world: World) -> None:
    world.platform.answers.append(RESET)
    world.platform.history += [ServerTrouble("get messages", status=500), NOBODY, 1]
    await sends(world)
    assert is_done(world)
    assert world.sent == ["send_to_user"]


async def test_a_history_that_stays_unreadable_holds_a_message_up_for_seconds_only(world: World) -> None:
    world.platform.answers.append(RESET)
    world.platform.history.append(ServerTrouble("get messages", status=500))
    await sends(world, seconds=READABLE_SECONDS + 5)
    assert is_done(world)
    assert world.sent == ["send_to_user"] * 2
    assert world.metrics.duplicates == 1


async def test_an_app_that_may_not_read_the_history_is_asked_once_a_minute(world: World) -> None:
    world.platform.history.append(NotAuthorized("get messages", status=403))
    for _ in range(3):
        world.platform.answers.append(RESET)
        await sends(world, seconds=10)
    assert is_done(world)
    assert world.platform.looks == 1
    assert world.metrics.duplicates == 3


async def test_the_log_names_the_call_that_may_be_a_repetition(world: World) -> None:
    world.platform.answers.append(RESET)
    with capture_logs() as lines:
        await sends(world)
    (line,) = [line for line in lines if line["event"] == "possible_duplicate"]
    assert (line["request_id"], line["count"]) == (world.platform.calls[0].idempotency_key, 1)


async def test_what_is_given_up_may_have_been_shown_by_each_attempt(world: World) -> None:
    world.platform.answers += [RESET] * 5 + [CallRefused("send", status=400)] * 2
    world.platform.history.append(0)
    await sends(world, PassToUser())
    assert is_done(world)
    assert ("PassToUser", "refused") in world.metrics.done
    assert len(world.sent) == 6
    assert world.metrics.duplicates == 4


# --- what a former process left -------------------------------------------------------------------------------------


def left(number: int, effect: PlatformEffect = SAID, *, user: ConversationId = USER) -> OutboxItem:
    hook = HOOK if isinstance(effect, PassToUser | PassToBot) else None
    return OutboxItem(number, user, "user", effect, START, hook, in_doubt="perhaps")


async def resumes(world: World, *items: OutboxItem) -> None:
    world.ledger.rows |= {item.id: item for item in items}
    await world.engine.resume()
    await world.clock.advance(HOUR)


async def test_what_a_killed_process_has_shown_is_not_shown_again(world: World) -> None:
    world.platform.history.append(1)
    await resumes(world, left(1))
    assert is_done(world)
    assert world.sent == []
    assert world.metrics.duplicates == 0


async def test_what_this_process_decides_anew_is_looked_for_since_it_was_made(world: World) -> None:
    """The row of a message that a killed process was passing on has no decision of its own."""
    world.platform.history.append(1)
    await world.clock.advance(8.0)
    item = structs.replace(left(1, PassToUser()), decided_at=world.clock.boottime())
    world.ledger.rows[1] = item
    world.engine.accept([Committed(conversation(), (item,), ())])
    await world.clock.advance(HOUR)
    assert is_done(world)
    assert set(world.platform.looked_since) == {START}


@pytest.mark.parametrize(
    ("effect", "ahead", "since"),
    [
        (SAID, -HOUR, 5.0),
        (SAID, HOUR, 5.0),
        (PassToUser(), HOUR, 5.0),
        (PassToUser(), -HOUR, -HOUR),  # It may stand in the history for long before it was stored.
    ],
)
async def test_what_a_machine_with_another_clock_left_is_looked_for_since_it_was_stored(
    world: World, effect: PlatformEffect, ahead: float, since: float
) -> None:
    world.platform.history.append(1)
    await world.clock.advance(5.0)
    stored = world.clock.boottime()
    await world.clock.advance(8.0)
    await resumes(
        world, structs.replace(left(1, effect), created_at=Instant(START + ahead), stored_at=stored)
    )
    assert set(world.platform.looked_since) == {START + since}


async def test_what_a_stop_has_cut_off_may_still_appear(world: World) -> None:
    world.platform.history += [0, 0, 1]
    await resumes(world, structs.replace(left(1), in_doubt="attempted"))
    assert is_done(world)
    assert world.sent == []


async def test_what_a_stop_has_cut_off_and_does_not_appear_is_counted_when_it_is_sent_again(
    world: World,
) -> None:
    world.platform.history.append(0)
    await resumes(world, structs.replace(left(1), in_doubt="attempted"))
    assert world.sent == ["send_to_user"]
    assert world.metrics.duplicates == 1


@pytest.mark.parametrize("effect", [SAID, PassToUser()], ids=["agent", "bot"])
async def test_what_a_killed_process_has_not_shown_is_shown_and_counts_for_nothing(
    world: World, effect: PlatformEffect
) -> None:
    world.platform.history += [0, 1]
    await resumes(world, left(1, effect))
    assert is_done(world)
    assert len(world.sent) == 1
    assert world.metrics.duplicates == 0


async def test_a_message_that_a_killed_process_may_have_given_the_bot_is_counted(world: World) -> None:
    await resumes(world, left(1, PassToBot()))
    assert world.sent == ["pass_to_bot"]
    assert world.metrics.duplicates == 1


async def test_only_the_head_of_a_lane_is_looked_for(world: World) -> None:
    world.platform.history += [0, 1]
    await resumes(world, left(1), structs.replace(left(2), in_doubt=""))
    assert world.sent == ["send_to_user"] * 2
    assert world.platform.looks == 2  # Before it was sent, and after.


async def test_few_messages_at_a_time_are_looked_for(world: World) -> None:
    users = [ConversationId(BOT, f"u-{number}") for number in range(3 * MAX_IN_TASKS)]
    world.ledger.hooks |= dict.fromkeys(users, HOOK)
    world.platform.history.append(1)
    items = [left(number, user=user) for number, user in enumerate(users, 1)]
    world.ledger.rows |= {item.id: item for item in items}
    await world.engine.resume()
    tasks = sum(lane.task is not None for lane in world.engine.lanes._lanes.values())
    assert tasks == MAX_IN_TASKS
    await async_until(lambda: is_done(world))
    assert world.sent == []


# --- what is left to the next process -----------------------------------------------------------------------------------


async def test_what_waits_for_its_repetition_is_left_in_doubt(world: World) -> None:
    world.platform.answers.append(RESET)
    world.ledger.decided(conversation(), SAID)
    world.ledger.decided(conversation(), SAID)
    await settle()
    assert await world.engine.lose(everything, 1) == {1: USER}


async def test_what_certainly_failed_is_not_in_doubt(world: World) -> None:
    world.platform.answers.append(NOBODY)
    world.ledger.decided(conversation(), SAID)
    await settle()
    assert await world.engine.lose(everything, 1) == {}


async def test_what_could_not_be_looked_for_yet_stays_in_doubt(world: World) -> None:
    world.platform.history.append(NOBODY)
    world.ledger.rows[1] = left(1)
    await world.engine.resume()
    await settle()
    assert await world.engine.lose(everything, 1) == {1: USER}


async def test_a_job_that_waits_for_its_user_after_an_attempt_without_an_answer_is_left_in_doubt(
    world: World,
) -> None:
    world.platform.answers += [RESET, CallRefused("send", status=404)]
    world.ledger.decided(conversation(), CallUser("send_user_message"))
    await world.clock.advance(5)
    assert await world.engine.lose(everything, 1) == {1: USER}
