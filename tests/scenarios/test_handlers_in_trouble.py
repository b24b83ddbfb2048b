"""Handlers that misbehave: messages still flow, and nothing is lost."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
from structlog.testing import capture_logs

from botkit import BotKit
from botkit.handlers import UserMessageContext
from botkit.handlers.running import MAX_OVERDUE
from botkit.testing.waiting import until
from tests.scenarios.conftest import Stages
from tests.scenarios.stage import JANE, Stage

SECRET_WORDS = "my account number is 4711"


class Behaviour:
    """The behaviour of the stage's handler, chosen by each test."""

    def __init__(self) -> None:
        self.do: Any = lambda ctx: None
        self.calls = 0
        self.let_go = threading.Event()

    def __call__(self, ctx: UserMessageContext) -> Any:
        self.calls += 1
        return self.do(ctx)


BEHAVIOUR = Behaviour()


def register(kit: BotKit) -> None:
    @kit.on_user_message(seconds=1.0)
    def behave(ctx: UserMessageContext) -> Any:
        return BEHAVIOUR(ctx)

    @kit.on_user_message
    def second(ctx: UserMessageContext) -> Any:
        return ctx.send_user_message("the second was asked") if ctx.message == "second?" else None


@pytest.fixture
def stage(stages: Stages) -> Iterator[Stage]:
    stage = stages("misbehaving", handlers=register)
    BEHAVIOUR.do, BEHAVIOUR.calls = (lambda ctx: None), 0
    BEHAVIOUR.let_go = threading.Event()
    yield stage
    BEHAVIOUR.do = lambda ctx: None
    BEHAVIOUR.let_go.set()
    stage.everybody_leaves()


def counted(stage: Stage, outcome: str) -> float:
    lines = stage.service.kit.telemetry.exposition().decode().splitlines()
    mine = [line for line in lines if line.startswith("botkit_handlers_total{") and f'"{outcome}"' in line]
    return sum(float(line.rpartition(" ")[2]) for line in mine)


@contextmanager
def one_more(stage: Stage, outcome: str, *, times: int = 1) -> Iterator[None]:
    before = counted(stage, outcome)
    yield
    assert counted(stage, outcome) == before + times


def raises(_: UserMessageContext) -> None:
    raise KeyError(SECRET_WORDS)


def exits(_: UserMessageContext) -> None:
    sys.exit(SECRET_WORDS)


async def raises_later(_: UserMessageContext) -> None:
    raise KeyError(SECRET_WORDS)


def says_and_raises(ctx: UserMessageContext) -> None:
    ctx.send_user_message("half done")
    raise KeyError(SECRET_WORDS)


@pytest.mark.parametrize("behaviour", [raises, exits, raises_later, says_and_raises])
def test_a_handler_that_raises_is_passed_over_counted_and_logged_without_what_people_wrote(
    stage: Stage, behaviour: Any
) -> None:
    ada = stage.person()
    BEHAVIOUR.do = behaviour
    with capture_logs() as lines, one_more(stage, "raised"):
        ada.says("hi")
        ada.hears("Acme Assistant")
    assert "half done" not in ada.told()
    (line,) = [line for line in lines if line["event"] == "handler_failed"]
    assert (line["handler"].rpartition(".")[2], line["outcome"]) == ("behave", "raised")
    assert SECRET_WORDS not in str(lines)


@pytest.mark.parametrize("invalid", [17, "a text", ["list"], {"message": "x"}, object(), True, nullcontext()])
def test_a_handler_that_returns_an_invalid_result_is_passed_over(stage: Stage, invalid: Any) -> None:
    ada = stage.person()
    BEHAVIOUR.do = lambda ctx: invalid
    with one_more(stage, "invalid_result"):
        ada.says("hi")
        ada.hears("Acme Assistant")


def test_a_message_that_is_no_text_is_an_invalid_result(stage: Stage) -> None:
    ada = stage.person()
    BEHAVIOUR.do = lambda ctx: ctx.next(message=17)
    with one_more(stage, "invalid_result"):
        ada.says("hi")
        ada.hears("Acme Assistant")


def test_the_next_handler_is_asked_after_one_that_failed(stage: Stage) -> None:
    ada = stage.person()
    BEHAVIOUR.do = raises
    ada.says("second?")
    ada.hears("the second was asked")


def test_a_handler_that_blocks_is_overtaken_and_what_it_says_later_does_not_count(stage: Stage) -> None:
    ada, let_go = stage.person(), BEHAVIOUR.let_go
    said: list[str] = []

    def blocks(ctx: UserMessageContext) -> None:
        assert let_go.wait(60)
        try:
            ctx.send_user_message("too late")
        finally:
            said.append("tried")

    BEHAVIOUR.do = blocks
    with one_more(stage, "timeout"):
        ada.says("hi")
        ada.hears("Acme Assistant")
    BEHAVIOUR.do = lambda ctx: None
    let_go.set()
    until(lambda: said, "for the handler to come back")
    ada.says("hi")
    ada.hears("Acme Assistant", times=2)
    assert "too late" not in ada.told()


def test_a_coroutine_that_never_ends_is_overtaken_and_cancelled(stage: Stage) -> None:
    ada = stage.person()
    cancelled: list[bool] = []

    async def hangs(_: UserMessageContext) -> None:
        import asyncio

        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    BEHAVIOUR.do = hangs
    with one_more(stage, "timeout"):
        ada.says("hi")
        ada.hears("Acme Assistant")
    until(lambda: cancelled, "for the coroutine to be cancelled")


def test_a_handler_that_always_blocks_is_left_out_so_that_traffic_flows(stage: Stage) -> None:
    people = [stage.person(f"User {number}") for number in range(MAX_OVERDUE + 6)]
    let_go = BEHAVIOUR.let_go
    BEHAVIOUR.do = lambda ctx: let_go.wait(60) and None
    before = counted(stage, "timeout") + counted(stage, "skipped")
    for person in people[:MAX_OVERDUE]:
        person.says("hi")
    for person in people[:MAX_OVERDUE]:
        person.hears("Acme Assistant")
    calls = BEHAVIOUR.calls
    for person in people[MAX_OVERDUE:]:
        person.says("hi")
        person.hears("Acme Assistant")
    assert BEHAVIOUR.calls == calls
    assert counted(stage, "timeout") + counted(stage, "skipped") == before + len(people)
    let_go.set()
    BEHAVIOUR.do = lambda ctx: ctx.send_user_message("back again")
    ada = stage.person()

    def asked_again() -> bool:
        ada.says("hello?")
        ada.hears("")
        return "back again" in ada.told()

    until(asked_again, "for the handler to be asked again")


def test_a_handler_that_is_not_thread_safe_loses_nothing(stage: Stage) -> None:
    """A handler's error affects only its message, which goes to the bot unchanged."""
    inside: list[int] = []

    def not_thread_safe(ctx: UserMessageContext) -> Any:
        inside.append(1)
        try:
            if len(inside) != 1:
                raise RuntimeError("two at once")
            return ctx.next(message="hi") if ctx.message == "HI" else None
        finally:
            inside.pop()

    BEHAVIOUR.do = not_thread_safe
    people = [stage.person(f"User {number}") for number in range(12)]
    for _ in range(3):
        for person in people:
            person.says("hi")
    for person in people:
        person.hears("I am the Acme Assistant", times=3)


def test_messages_keep_their_order_however_long_their_handlers_take(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    first_may_go = threading.Event()

    def slow_for_the_first(ctx: UserMessageContext) -> Any:
        if ctx.message == "message 0":
            first_may_go.wait(0.1)
        return None

    BEHAVIOUR.do = slow_for_the_first
    for number in range(6):
        ada.says(f"message {number}")
    case.gets("message 5")
    assert case.typed() == [f"message {number}" for number in range(6)]


def test_a_bot_whose_every_handler_fails_still_hands_over(stage: Stage) -> None:
    BEHAVIOUR.do = raises
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    ada.says("can you hear me?")
    case.gets("can you hear me?")
    case.told_by(JANE, "Loud and clear.")
    ada.hears("Loud and clear.")
