"""The forms of a template for different channels."""

from __future__ import annotations

import json

import pytest

from botkit.errors import TemplateInvalid
from botkit.templates import Rendering, Template, button_template

YES_OR_NO = button_template("Sure?", ["Yes", "No"])
OF_FACEBOOK = {"attachment": {"type": "template", "payload": {"template_type": "generic"}}}


@pytest.mark.parametrize("channel", ["rtm", ""])
def test_the_web_channel_gets_the_template_and_its_text(channel: str) -> None:
    assert YES_OR_NO.for_channel(channel) == Rendering("Sure?\n- Yes\n- No", YES_OR_NO.as_override())


@pytest.mark.parametrize("channel", ["facebook", "sms", "ivr", "RTM"])
def test_other_channels_get_the_text(channel: str) -> None:
    assert YES_OR_NO.for_channel(channel) == Rendering("Sure?\n- Yes\n- No", None)


def test_a_channel_can_have_json_of_its_own() -> None:
    template = YES_OR_NO.with_channels({"facebook": OF_FACEBOOK})
    shown = template.for_channel("facebook")
    assert shown.message == "Sure?\n- Yes\n- No"
    assert shown.override is not None
    assert shown.override["isTemplate"] is True
    assert json.loads(str(shown.override["body"])) == OF_FACEBOOK
    assert template.for_channel("sms") == YES_OR_NO.for_channel("sms")


def test_a_channel_can_have_a_text_of_its_own_even_the_web() -> None:
    template = YES_OR_NO.with_channels({"sms": "Sure? Y/N"}).with_channels({"rtm": "Sure?"})
    assert template.for_channel("sms") == Rendering("Sure? Y/N")
    assert template.for_channel("rtm") == Rendering("Sure?")


def test_the_default_is_for_unnamed_channels_without_templates() -> None:
    template = YES_OR_NO.with_channels({"default": "Say yes or no.", "sms": "Y/N?"})
    assert template.for_channel("email") == Rendering("Say yes or no.")
    assert template.for_channel("sms") == Rendering("Y/N?")
    assert template.for_channel("rtm") == YES_OR_NO.for_channel("rtm")


def test_changing_a_message_leaves_no_other_override_behind() -> None:
    assert YES_OR_NO.for_channel("sms").as_changes() == {
        "message": "Sure?\n- Yes\n- No",
        "overrideMessagePayload": None,
    }
    assert YES_OR_NO.for_channel("rtm").as_changes()["overrideMessagePayload"] == YES_OR_NO.as_override()


def test_a_custom_template_is_sent_as_it_is() -> None:
    template = Template("Pay 5", {"type": "template", "payload": {"template_type": "custom", "sum": 5}})
    assert json.loads(template.to_json())["payload"]["sum"] == 5


def test_a_channels_own_json_is_bounded_too() -> None:
    with pytest.raises(TemplateInvalid, match="bytes"):
        YES_OR_NO.with_channels({"facebook": {"a": "x" * 100_000}})
