"""The examples' handlers, tested as a user would test them: with `kit_tester`, without a network."""

from __future__ import annotations

import pytest

from botkit.testing import KitTester
from examples import alert, plain, webhook_node


class Noted:
    """Replaces `threading.Timer`: nothing runs later by itself."""

    def __init__(self, seconds: float, job: object, arguments: list[str]) -> None: ...

    def start(self) -> None: ...


def test_opening_hours_are_answered_without_the_bot(kit_tester: KitTester) -> None:
    went = kit_tester(plain.kit).user_says("When do you open?")
    assert went.to_user == ["We are open from 9 to 5, and never on Sundays."]
    assert went.to_bot == []


def test_the_bot_gets_a_wave_in_words(kit_tester: KitTester) -> None:
    assert kit_tester(plain.kit).user_says("👋 there").to_bot == ["hello there"]


def test_a_complaint_goes_to_an_agent_until_the_user_says_goodbye(kit_tester: KitTester) -> None:
    tester = kit_tester(plain.kit)
    went = tester.user_says("I want to complain")
    assert went.agent_calls[-1].details["attributes"]["Reason"] == "complaint"
    tester.agent_joins("Jane")
    assert tester.user_says("When do you open?").to_agent == ["When do you open?"]
    assert "clear_agent_session" in tester.user_says("goodbye").names


def test_the_bot_is_honest(kit_tester: KitTester) -> None:
    went = kit_tester(plain.kit).bot_says("I am the Acme Assistant.")
    assert went.to_user == ["I am a robot."]


def test_a_webhook_is_answered_at_once(kit_tester: KitTester) -> None:
    went = kit_tester(webhook_node.kit, app=webhook_node.app).webhook("OpeningHours")
    assert went.context is not None
    assert went.context["openingHours"] == "from 9 to 5"


def test_a_visit_is_booked_later(kit_tester: KitTester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_node, "Timer", Noted)
    tester = kit_tester(webhook_node.kit)
    hook = tester.webhook("BookRepair")
    assert hook.deferred
    went = tester.runs(webhook_node.booked, hook.request_id)
    assert went.context is not None
    assert went.context["visit"] == "on Tuesday at 10"


def test_a_visit_that_is_not_booked_in_time_is_owed(
    kit_tester: KitTester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_node, "Timer", Noted)
    tester = kit_tester(webhook_node.kit)
    tester.webhook("BookRepair")
    went = tester.passes(120)
    assert went.context is not None
    assert went.context["visit"] == "as soon as we know more"


def test_an_offer_has_buttons_where_there_are_any(kit_tester: KitTester) -> None:
    tester = kit_tester(alert.kit)
    assert tester.alert("A special offer!").calls[0].template is not None
    assert tester.alert("A special offer!", channel="sms").to_user == ["A special offer! Answer SHOW or NO."]


def test_a_parcel_is_told_of_once(kit_tester: KitTester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert, "Timer", Noted)
    tester = kit_tester(alert.kit, user="u-17", channel="sms")
    bot_id = next(iter(tester.settings.bots))
    assert tester.user_says("Tell me when it is here").to_user == ["I will."]
    told = [tester.runs(alert.delivered, bot_id, "u-17").to_user for _ in range(2)]
    assert told == [["Your parcel is here. Answer SHOW or NO."], []]
