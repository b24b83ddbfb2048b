from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from flask import Flask

from botkit import BotKit
from botkit.errors import NotConfigured
from botkit.handlers.registry import MAX_HANDLERS, Handler, Registry
from tests.hooks.hook_payloads import BOT_ID, settings


def nothing(_: Any) -> None:
    """A handler."""


def test_handlers_are_found_by_bot_and_event_in_the_order_of_registration() -> None:
    registry = Registry()
    one, other_bot, two, other_event = (
        Handler(nothing, "on_alert"),
        Handler(nothing, "on_alert", bot="st-2"),
        Handler(nothing, "on_alert", bot="st-1"),
        Handler(nothing, "on_event"),
    )
    for handler in (one, other_bot, two, other_event):
        registry.add(handler)
    assert registry.matching("st-1", "on_alert").handlers == (one, two)
    assert registry.matching("st-1", "on_webhook").handlers == ()


def test_a_handler_that_is_added_later_is_found_as_well() -> None:
    registry = Registry()
    assert registry.matching("st-1", "on_alert").handlers == ()
    late = Handler(nothing, "on_alert")
    registry.add(late)
    assert registry.matching("st-1", "on_alert").handlers == (late,)


def test_an_object_that_is_not_callable_is_no_handler() -> None:
    with pytest.raises(ValueError, match="a handler is a function"):
        Registry().add(Handler("hours", "on_alert"))  # type: ignore[arg-type]


def test_a_text_is_no_handler_where_the_event_has_no_details() -> None:
    register: Any = BotKit().on_alert
    with pytest.raises(ValueError, match="a handler is a function"):
        register("endDialog")


def test_registering_handlers_with_every_call_is_an_error() -> None:
    registry = Registry()
    for _ in range(MAX_HANDLERS):
        registry.add(Handler(nothing, "on_alert"))
    with pytest.raises(ValueError, match="registered again"):
        registry.add(Handler(nothing, "on_alert"))


def test_a_partial_and_an_object_are_handlers_too() -> None:
    class Answers:
        def __call__(self, _: Any) -> None:
            """Nothing."""

    assert Handler(partial(nothing), "on_alert").name
    assert Handler(Answers(), "on_alert").name == "Answers"


def test_a_handler_for_a_bot_that_is_not_configured_is_refused_and_the_others_are_named() -> None:
    kit = BotKit(settings())
    with pytest.raises(NotConfigured, match=BOT_ID):
        kit.on_alert(bot="st-nobody")(nothing)
    assert kit.handlers == ()


def test_a_handler_registered_before_there_is_a_configuration_is_checked_when_there_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kit = BotKit()
    kit.on_alert(bot="st-nobody")(nothing)
    monkeypatch.setattr("botkit.kit.load", lambda path: settings())
    with pytest.raises(NotConfigured, match="st-nobody"):
        kit.init_app(Flask("test"), "botkit.yaml")
    assert not kit.is_configured


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_time_limit_must_be_more_than_zero(seconds: float) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        BotKit().on_alert(seconds=seconds)
