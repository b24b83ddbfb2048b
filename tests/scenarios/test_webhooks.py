"""Webhook nodes over real sockets: answered at once, later, in time or not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from botkit import BotKit
from botkit.errors import NothingToAnswer
from botkit.handlers.contexts import WebhookContext
from botkit.handlers.verdicts import Answer, Defer
from botkit.testing.waiting import until
from tests.scenarios.conftest import Stages
from tests.scenarios.stage import Stage

WAITING: list[str] = []
"""The requestIds of webhooks that were deferred."""


def register(kit: BotKit) -> None:
    @kit.on_webhook("Price")
    def price(ctx: WebhookContext) -> Answer:
        return ctx.respond({"price": "12 Euro", "session": {"BotUserSession": {"asked": True}}})

    @kit.on_webhook("StockAtOnce")
    def stock_at_once(ctx: WebhookContext) -> Defer:
        job = threading.Thread(target=kit.respond_to_hook, args=(ctx.request_id, {"stock": "some at once"}))
        job.start()
        job.join(0.2)
        return ctx.defer()

    @kit.on_webhook("Stock")
    def stock(ctx: WebhookContext) -> Defer:
        if ctx.user.first_name == "Hasty":
            return ctx.defer(within=timedelta(milliseconds=50), otherwise={"stock": "no idea"})
        WAITING.append(ctx.request_id)
        ctx.send_user_message("Let me look.")
        return ctx.defer(within=timedelta(minutes=1))


@pytest.fixture
def stage(stages: Stages, logged: list[Any]) -> Iterator[Stage]:
    stage = stages("webhooks", handlers=register)
    WAITING.clear()
    yield stage
    stage.everybody_leaves()
    assert [line for line in logged if line["log_level"] in ("error", "critical")] == []


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that no deferred webhook waits for fails at once."""
    monkeypatch.setattr("botkit.handlers.conversation.ANSWER_SECONDS", 0.0)


def test_a_webhook_is_answered_with_a_changed_context(stage: Stage) -> None:
    ada = stage.person()
    ada.says("price please")
    ada.hears("It is 12 Euro.")
    (hook,) = stage.wire("on_webhook", about=ada.id)
    assert hook.status == 200


def test_a_deferred_webhook_is_answered_from_another_thread(stage: Stage) -> None:
    ada = stage.person()
    ada.says("stock please")
    ada.hears("Let me look.")
    until(lambda: stage.wire("on_webhook", about=ada.id), "for the webhook to be answered")
    (hook,) = stage.wire("on_webhook", about=ada.id)
    assert hook.status == 202
    assert '"customCode":"ASYNC_RESPONSE"' in hook.response_body
    answer = threading.Thread(
        target=lambda: stage.service.kit.respond_to_hook(WAITING[0], {"stock": "three of them"})
    )
    answer.start()
    answer.join(10)
    ada.hears("We have three of them.")


def test_an_answer_that_is_quicker_than_the_deferral_waits_for_it(stage: Stage) -> None:
    ada = stage.person()
    ada.says("stock at once please")
    ada.hears("We have some at once.")


def test_a_webhook_is_answered_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, kit = stage.person(), stage.service.kit
    ada.says("stock please")
    until(lambda: WAITING, "for the webhook")
    kit.respond_to_hook(WAITING[0], {"stock": "one"})
    monkeypatch.setattr("botkit.handlers.conversation.ANSWER_SECONDS", 0.0)
    with pytest.raises(NothingToAnswer, match="has been answered"):
        kit.respond_to_hook(WAITING[0], {"stock": "two"})
    ada.hears("We have one.")


def test_a_webhook_that_nobody_deferred_cannot_be_answered(stage: Stage, impatient: None) -> None:
    with pytest.raises(NothingToAnswer, match="no such webhook"):
        stage.service.kit.respond_to_hook("1700000000000", {"stock": "many"})


def test_a_webhook_that_nobody_answers_in_time_gets_what_was_agreed_on(stage: Stage) -> None:
    hasty = stage.person("Hasty Harry")
    hasty.says("stock please")
    hasty.hears("We have no idea.")


def test_a_user_may_go_on_writing_while_a_webhook_waits_for_its_answer(stage: Stage) -> None:
    ada, bob = stage.person(), stage.person("Bob Builder")
    ada.says("stock please")
    until(lambda: WAITING, "for the webhook")
    bob.says("price please")
    bob.hears("It is 12 Euro.")
    stage.service.kit.respond_to_hook(WAITING[0], {"stock": "five"}, bot_id=stage.clouds.kore.bot_id)
    ada.hears("We have five.")
