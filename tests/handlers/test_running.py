from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, current_app

from botkit import BotKit
from botkit.handlers import Next, Sent, UserMessageContext, running
from botkit.handlers.registry import Chain
from botkit.handlers.running import MAX_OVERDUE, Runner
from botkit.testing import KitTester
from botkit.testing.configuration import made_up_settings
from botkit.testing.waiting import until
from tests.handlers.taken_down import TakenDown, taken_down
from tests.hooks.hook_payloads import as_body, user_message


def register(kit: BotKit) -> None:
    @kit.on_user_message
    async def leaves(ctx: UserMessageContext) -> Sent | None:
        if ctx.message == "exit":
            sys.exit(1)
        if ctx.message == "interrupt":
            raise KeyboardInterrupt
        return ctx.send_user_message("answered") if ctx.message == "answer" else None

    @kit.on_user_message
    def gives_up(ctx: UserMessageContext) -> None:
        if ctx.message == "cancel":
            raise asyncio.CancelledError


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TakenDown]:
    with taken_down(tmp_path_factory.mktemp("running"), register) as kit:
        yield kit


def said(kit: TakenDown, message: str, request_id: int) -> list[str]:
    _, calls = kit.post("on_user_message", as_body(user_message(message, request_id=request_id)))
    return [call.verb for call in calls]


def threads() -> set[int | None]:
    return {thread.ident for thread in threading.enumerate() if thread.name == "botkit-handlers"}


@pytest.mark.parametrize("message", ["exit", "interrupt"])
def test_a_coroutine_that_exits_does_not_stop_the_event_loop(kit: TakenDown, message: str) -> None:
    late = kit.handled("timeout")
    assert said(kit, message, 1) == ["sendBotMessage"]
    assert said(kit, "answer", 2 if message == "exit" else 3) == ["sendUserMessage"]
    assert kit.handled("timeout") == late


def test_a_thread_is_reused_after_any_exception_of_a_handler(kit: TakenDown) -> None:
    assert said(kit, "answer", 4) == ["sendUserMessage"]
    before = threads()
    assert said(kit, "cancel", 5) == ["sendBotMessage"]
    assert threads() == before
    assert kit.handled("skipped") == 0


def test_an_error_that_is_no_exception_is_counted_as_raised(kit: TakenDown) -> None:
    raised = kit.handled("raised")
    said(kit, "cancel", 6)
    assert kit.handled("raised") == raised + 1


def test_hooks_do_not_wait_for_an_event_loop_that_is_blocked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, called = threading.Event(), list[str]()
    begun: list[Chain] = []
    runners: set[Runner] = set()
    start, give_up = Runner._start, Runner.give_up

    def counted(runner: Runner, progress: Any, chain: Chain, *rest: Any) -> bool:
        begun.append(chain)
        runners.add(runner)
        return start(runner, progress, chain, *rest)

    def not_before_the_first(*given: Any) -> bool:
        until(lambda: called, "for the handler that blocks the loop")
        return give_up(*given)

    monkeypatch.setattr(Runner, "_start", counted)
    monkeypatch.setattr(Runner, "give_up", not_before_the_first)

    def blocking(kit: BotKit) -> None:
        @kit.on_user_message(seconds=0.02)
        async def blocks(ctx: UserMessageContext) -> Sent | None:
            called.append(ctx.message)
            if ctx.message == "1":
                go_on.wait(30)
            return ctx.send_user_message("answered") if ctx.message == "answer" else None

    with taken_down(tmp_path, blocking) as kit:
        try:
            for number in range(1, MAX_OVERDUE + 4):
                assert said(kit, str(number), number) == ["sendBotMessage"]
            assert (len(begun), called) == (MAX_OVERDUE, ["1"])
            assert (kit.handled("timeout"), kit.handled("skipped")) == (1, MAX_OVERDUE + 2)
        finally:
            go_on.set()
        until(
            lambda: said(kit, "answer", 100 + len(begun)) == ["sendUserMessage"], "for the loop to be there"
        )
        assert set(called) == {"1", "answer"}
        (runner,) = runners
        until(lambda: not runner._tasks, "for those that never began to be forgotten")


def test_a_new_text_that_is_too_large_does_not_replace_the_users(tmp_path: Path) -> None:
    def verbose(kit: BotKit) -> None:
        @kit.on_user_message
        def much(ctx: UserMessageContext) -> Next:
            return ctx.next(message="x" * 300_000)

    with taken_down(tmp_path, verbose) as kit:
        (call,) = kit.post("on_user_message", as_body(user_message("hi")))[1]
        assert (call.verb, call.json["message"]) == ("sendBotMessage", "hi")


def test_a_handler_whose_context_cannot_be_made_counts_as_one_that_raised(
    kit: TakenDown, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, raised = running._context, kit.handled("raised")
    defects = [ValueError()]

    def once(*given: Any) -> Any:
        if defects:
            raise defects.pop()
        return made(*given)

    monkeypatch.setattr(running, "_context", once)
    passed = kit.handled("passed")
    assert said(kit, "hi", 7) == ["sendBotMessage"]
    assert (kit.handled("raised"), kit.handled("passed")) == (raised + 1, passed + 1)


def test_the_number_of_calls_of_a_handler_is_bounded(tmp_path: Path) -> None:
    def endless(kit: BotKit) -> None:
        @kit.on_user_message
        def never_enough(ctx: UserMessageContext) -> None:
            while True:
                ctx.send_user_message("and another thing")

    with taken_down(tmp_path, endless) as kit:
        assert said(kit, "hi", 1) == ["sendBotMessage"]
        assert kit.handled("raised") == 1


@pytest.mark.parametrize("plain", [False, True], ids=["alone", "beside a plain function"])
def test_a_coroutine_is_called_within_the_applications_context(plain: bool) -> None:
    kit, app = BotKit(made_up_settings()), Flask("shop")
    kit.init_app(app)
    if plain:
        kit.on_user_message(lambda ctx: None)

    @kit.on_user_message
    async def whose(ctx: UserMessageContext) -> Sent:
        return ctx.send_user_message(current_app.name)

    with KitTester(kit, app=app) as tester:
        assert tester.user_says("hi").to_user == ["shop"]
