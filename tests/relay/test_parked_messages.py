"""What a bot's own job says to a user, where the newest payload of theirs may have expired."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from botkit.errors import CallRefused, RateLimited, ServerTrouble
from botkit.handoff.conversation import Conversation, ConversationId
from botkit.handoff.effects import CallUser, PassToBot, SendToUser
from botkit.handoff.events import Content
from botkit.ledger.interface import HookBody
from botkit.relay.leaving import everything
from botkit.testing.clock import settle
from botkit.testing.waiting import async_until
from tests.relay.relay_doubles import HOOK, NEWER, USER, World, conversation, writes

IDLE = Conversation(USER)
EXPIRED = CallRefused("send", status=400)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A bot of which every user's payload is kept."""
    world = World(keep_payloads=True)
    yield world
    await world.close()
    assert not len(world.engine.lanes)
    assert not world.engine._payloads.awaited


def says(world: World, *texts: str, user: ConversationId = USER) -> None:
    """A job says this."""
    world.ledger.decided(Conversation(user), *(CallUser("send_user_message", text) for text in texts))


async def park(world: World, *texts: str) -> None:
    """A job says this, and the platform refuses it: the user has not written for too long."""
    world.platform.answers.extend([EXPIRED] * len(texts))
    says(world, *texts)
    await settle()


def said(world: World) -> list[str]:
    """What the platform was asked to show of it, in order."""
    return [call.argument for call in world.platform.calls if call.what == "send_user_message"]


def outcomes(world: World) -> list[str]:
    return [outcome for _, outcome in world.metrics.done]


async def test_it_waits_for_the_users_next_message_and_keeps_its_order(world: World) -> None:
    world.platform.answers.extend([EXPIRED] * 3)
    says(world, "shipped", "and paid")
    await world.clock.advance(1000)
    says(world, "and soon there")
    await settle()
    assert said(world) == ["shipped", "and paid", "and soon there"]
    writes(world, after=IDLE)
    await async_until(lambda: not world.ledger.rows)
    assert said(world)[3:] == ["shipped", "and paid", "and soon there"]
    assert world.ledger.events == []


async def test_nothing_else_waits_with_it(world: World) -> None:
    world.platform.answers.append(EXPIRED)
    says(world, "shipped")
    world.ledger.decided(IDLE, CallUser("reset_bot"), PassToBot(), hook=NEWER)
    world.ledger.decided(conversation(), SendToUser(Content("by the agent")))
    await settle()
    assert world.sent == ["send_user_message", "reset_bot", "pass_to_bot", "send_to_user"]


async def test_it_waits_beside_an_agents_message(world: World) -> None:
    world.platform.answers.extend([EXPIRED, EXPIRED])
    world.ledger.decided(
        conversation(), CallUser("send_user_message", "shipped"), SendToUser(Content("by the agent"))
    )
    await settle()
    assert len(world.platform.calls) == 2
    writes(world, after=IDLE)
    await async_until(lambda: not world.ledger.rows)
    assert sorted(call.argument for call in world.platform.calls[2:]) == ["by the agent", "shipped"]


async def test_one_that_is_refused_for_its_content_does_not_affect_others(world: World) -> None:
    world.platform.answers.append(EXPIRED)
    says(world, "bad", "good")
    await async_until(lambda: outcomes(world) == ["delivered"])
    says(world, "good too")
    await async_until(lambda: outcomes(world) == ["delivered"] * 2)
    world.platform.answers.append(EXPIRED)
    writes(world, after=IDLE)
    await async_until(lambda: outcomes(world)[2:] == ["refused"])
    assert said(world) == ["bad", "good", "good too", "bad"]


async def test_a_message_during_the_delivery_of_parked_ones_comes_after_them(world: World) -> None:
    await park(world, "one", "two")
    gate = world.platform.gates["send_user_message"] = asyncio.Event()
    writes(world, after=IDLE)
    await async_until(lambda: said(world)[2:] == ["one"])
    says(world, "three")
    await settle()
    gate.set()
    await async_until(lambda: not world.ledger.rows)
    assert said(world)[2:] == ["one", "two", "three"]


async def test_a_message_in_the_moment_in_which_the_user_writes_comes_after_parked_ones(world: World) -> None:
    await park(world, "one", "two")
    world.ledger.hooks[USER] = NEWER  # In the same commit.
    says(world, "three")
    await async_until(lambda: not world.ledger.rows)
    assert said(world)[2:] == ["one", "two", "three"]


async def test_the_next_message_does_not_overtake_one_that_is_parked_as_the_user_writes(world: World) -> None:
    gate = world.platform.gates["send_user_message"] = asyncio.Event()
    world.platform.answers.append(EXPIRED)
    says(world, "one", "two")
    await settle()
    writes(world, after=IDLE)
    gate.set()
    await async_until(lambda: not world.ledger.rows)
    assert said(world) == ["one", "one", "two"]


async def test_a_message_whose_payload_is_read_as_the_user_writes_comes_after_parked_ones(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await park(world, "one")
    world.ledger.at_hand = False
    newest = world.engine._payloads.newest

    async def written_meanwhile(conversation_id: ConversationId) -> HookBody | None:
        monkeypatch.setattr(world.engine._payloads, "newest", newest)
        writes(world, after=IDLE)
        return await newest(conversation_id)

    monkeypatch.setattr(world.engine._payloads, "newest", written_meanwhile)
    says(world, "two")
    await async_until(lambda: not world.ledger.rows)
    assert said(world) == ["one", "one", "two"]


async def test_a_message_between_two_attempts_does_not_overtake_parked_ones(world: World) -> None:
    world.platform.answers.extend([EXPIRED, EXPIRED, RateLimited("send", status=429, retry_after=10.0)])
    says(world, "one", "two", "three")
    await settle()
    assert said(world) == ["one", "two", "three"]
    world.platform.answers.extend([None, RateLimited("send", status=429, retry_after=30.0)])
    writes(world, after=IDLE)
    await world.clock.advance(100)
    assert said(world)[3:] == ["one", "two", "two", "three"]
    assert outcomes(world) == ["delivered"] * 3


async def test_the_retry_deadline_starts_once_for_each_payload(world: World) -> None:
    await park(world, "one", "two", "three", "four", "five")
    world.platform.answers.extend([ServerTrouble("send", status=503)] * 1000)
    writes(world, PassToBot(), after=IDLE)
    await world.clock.advance(400)  # `give_up_after` is 300.
    assert sorted(outcomes(world)) == ["gave_up"] * 6


async def test_a_platform_in_trouble_when_the_user_writes_is_tried_again(world: World) -> None:
    await park(world, "one", "two")
    await world.clock.advance(1800)  # Far longer than a platform in trouble is waited for.
    trouble = ServerTrouble("send", status=503)
    world.platform.answers.extend([trouble, None, RateLimited("send", status=429, retry_after=1.0)])
    writes(world, after=IDLE)
    await world.clock.advance(20)
    assert said(world)[2:] == ["one", "one", "two", "two"]
    assert outcomes(world) == ["delivered"] * 2


async def test_after_an_hour_it_is_given_up(world: World) -> None:
    await park(world, "one", "two")
    await world.clock.advance(3599)
    assert outcomes(world) == []
    await world.clock.advance(2)
    assert outcomes(world) == ["gave_up"] * 2
    assert world.ledger.events == []
    assert not len(world.engine._delivery.parked)


async def test_where_no_newer_payload_would_be_kept_it_is_refused_at_once() -> None:
    world = World(keep_payloads=False)
    world.platform.answers.append(EXPIRED)
    says(world, "one", "two")
    world.ledger.conversations.clear()  # A user who has and had no agent.
    await async_until(lambda: outcomes(world) == ["refused", "delivered"])
    await world.close()


async def test_the_number_of_parked_messages_is_limited(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botkit.relay.outbound.failed_attempts.MAX_PARKED", 2)
    world.platform.answers.extend([EXPIRED] * 4)
    for number in range(4):
        user = ConversationId(USER.bot_id, f"u-{number}")
        world.ledger.hooks[user] = HOOK
        says(world, "one", user=user)
    await async_until(lambda: len(outcomes(world)) == 2)
    await world.clock.advance(1000)
    assert said(world) == ["one"] * 4
    assert outcomes(world) == ["refused"] * 2
    assert len(world.ledger.rows) == 2


async def test_a_defect_affects_only_one_message(world: World) -> None:
    await park(world, "one", "two")
    world.platform.answers.append(ZeroDivisionError())
    writes(world, after=IDLE)
    await async_until(lambda: outcomes(world) == ["broken", "delivered"])
    assert said(world)[2:] == ["one", "two"]


async def test_the_next_start_resumes_parked_messages(world: World) -> None:
    await park(world, "one", "two")
    await world.engine.lose(everything, 1)
    assert [row.effect for row in world.ledger.undelivered()] == [
        CallUser("send_user_message", "one"),
        CallUser("send_user_message", "two"),
    ]


async def test_parked_messages_of_a_conversation_that_leaves_and_comes_back_are_tried_anew(
    world: World,
) -> None:
    await park(world, "one", "two")
    losing = world.engine.lose(lambda conversation_id: conversation_id == USER, 5)
    await settle()
    assert losing.done()
    assert len(world.engine.lanes) == 0
    world.engine.gain(world.ledger.undelivered(), [])
    await async_until(lambda: outcomes(world) == ["delivered", "delivered"])
    assert said(world)[2:] == ["one", "two"]
