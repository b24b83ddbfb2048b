"""What a test can say to `kit_tester`, and what it gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_type

from botkit import BotKit
from botkit.testing import (
    Call,
    File,
    KitStage,
    KitTester,
    Payloads,
    StepResult,
    User,
    made_up_settings,
    payloads,
)
from botkit.testing.actors import Case, Person


def played(kit_tester: KitTester, kit: BotKit) -> None:
    other = kit_tester(kit, settings=made_up_settings(bots=["st-1"]), user=User(id="u-2"), strict=False)
    assert_type(other, KitTester)
    went = other.user_says(
        "hi", user="u-1", channel="sms", attachments=["a.png", File("b.pdf")], session={"a": 1}
    )
    assert_type(went, StepResult)
    assert_type(went.to_user, list[str])
    assert_type(went.context, Mapping[str, Any] | None)
    assert_type(went.call("send_user_message"), Call)
    assert_type(other.agent_joins("Jane", user="u-1"), StepResult)
    other.answers(get_messages=[("user", "hi")], bot_variables={"en": {"a": 1}}, dialog=404)
    assert_type(other.runs(print, "later"), StepResult)


def made(botkit_payloads: Payloads) -> None:
    assert_type(botkit_payloads.user_message("hi", nested=True), dict[str, Any])
    assert_type(payloads.webhook("CheckOrder", context={"order": 17}), dict[str, Any])


def on_stage(botkit_sandbox: KitStage) -> None:
    ada = botkit_sandbox.person("Ada Lovelace", channel="facebook")
    assert_type(ada, Person)
    assert_type(ada.asks_for_an_agent(), Case)


def refused(kit_tester: KitTester, kit: BotKit) -> None:
    kit_tester.user_says("hi", chanel="sms")  # type: ignore[call-arg]
    kit_tester.agent_joins("Jane", chanel="sms")  # type: ignore[call-arg]
    kit_tester(kit, setting=None)  # type: ignore[call-arg]
    kit_tester.passes("10m")  # type: ignore[arg-type]
    payloads.event(17)  # type: ignore[arg-type]
