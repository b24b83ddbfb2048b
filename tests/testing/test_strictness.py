"""A handler's error fails the test with that error, unless the test wants production's behaviour."""

from __future__ import annotations

import threading
import traceback
from typing import Any

import pytest

from botkit.errors import CallRefused, HandlerTimeout, InvalidHandlerResult, MessageTooLong
from botkit.handlers import AlertContext, UserMessageContext
from botkit.kit import BotKit
from botkit.testing import KitTester
from botkit.testing.payloads import ABSENT


def raising(kit: BotKit) -> None:
    @kit.on_user_message
    def broken(ctx: UserMessageContext) -> None:
        raise LookupError("no such order")


def test_what_a_handler_raises_the_test_raises_with_the_handlers_own_traceback(
    kit: BotKit, tester: KitTester
) -> None:
    raising(kit)
    with pytest.raises(LookupError, match="no such order") as caught:
        tester.user_says()
    frames = traceback.extract_tb(caught.tb)
    assert frames[-1].name == "broken"
    assert [frame for frame in frames if "/botkit/handlers/" in frame.filename] == []


def test_so_it_is_with_a_coroutine(kit: BotKit, tester: KitTester) -> None:
    @kit.on_user_message
    async def broken(ctx: UserMessageContext) -> None:
        raise LookupError("no such order")

    with pytest.raises(LookupError) as caught:
        tester.user_says()
    assert traceback.extract_tb(caught.tb)[-1].name == "broken"


def test_a_handler_that_returns_an_invalid_result_fails_the_test(kit: BotKit, tester: KitTester) -> None:
    @kit.on_user_message
    def wrong(ctx: UserMessageContext) -> Any:
        return ["9 to 5"]

    with pytest.raises(InvalidHandlerResult, match="wrong returned a list"):
        tester.user_says()


def test_a_handler_that_does_not_come_back_fails_the_test(kit: BotKit) -> None:
    over = threading.Event()

    @kit.on_user_message
    def slow(ctx: UserMessageContext) -> None:
        over.wait(30)

    with KitTester(kit, handler_seconds=0.5) as tester, pytest.raises(HandlerTimeout, match="slow did not"):
        tester.user_says()
    over.set()


def test_a_call_that_a_bot_would_not_take_fails_where_it_is_made(kit: BotKit, tester: KitTester) -> None:
    @kit.on_user_message
    def long(ctx: UserMessageContext) -> Any:
        return ctx.send_bot_message("x" * 4000)

    with pytest.raises(MessageTooLong) as caught:
        tester.user_says()
    assert "long" in [frame.name for frame in traceback.extract_tb(caught.tb)]


def test_a_call_for_which_the_payload_has_no_address_fails_the_test(kit: BotKit, tester: KitTester) -> None:
    @kit.on_user_message
    def reset(ctx: UserMessageContext) -> Any:
        return ctx.reset_bot()

    with pytest.raises(CallRefused, match="resetBotUrl"):
        tester.user_says(members={"resetBotUrl": ABSENT})


def test_several_failures_are_one_with_notes(kit: BotKit, tester: KitTester) -> None:
    raising(kit)

    @kit.on_user_message
    def wrong(ctx: UserMessageContext) -> Any:
        return 1

    with pytest.raises(LookupError) as caught:
        tester.user_says()
    assert caught.value.__notes__ == [
        "and then: InvalidHandlerResult: "
        + "test_several_failures_are_one_with_notes.<locals>.wrong returned a int, which is not a verdict; "
        + "return the result of a method of ctx, or nothing"
    ]


def test_a_failure_is_of_its_own_step_alone(kit: BotKit, tester: KitTester) -> None:
    raising(kit)

    @kit.on_alert
    def alert(ctx: AlertContext) -> Any:
        return ctx.send_alert_message("fine")

    with pytest.raises(LookupError):
        tester.user_says()
    went = tester.alert("x")
    assert (went.to_user, went.to_bot) == (["fine"], [])


def test_where_the_test_is_not_strict_the_hook_goes_on_as_in_production(
    kit: BotKit, tester: KitTester
) -> None:
    raising(kit)
    tester.strict = False
    assert tester.user_says("hi").to_bot == ["hi"]
