"""Rules for API calls that handlers request."""

from __future__ import annotations

from typing import Any

from botkit.handoff.conversation import Instant
from botkit.handoff.effects import CallWithHook
from botkit.handoff.events import AgentTransfer, ApiCall, HookHandled, UserMessage, UserProfile
from tests.handoff.story import SECOND_SESSION, Story


def said(text: str, **more: Any) -> UserMessage:
    return UserMessage(key="m", at=Instant(1_000.0), text=text, agent_transfer=True, **more)


def handled(*api_calls: ApiCall, about: UserMessage, proceed: bool = False) -> HookHandled:
    return HookHandled(key="m", at=Instant(1_000.0), api_calls=api_calls, original=about, proceed=proceed)


def agents_wanted() -> ApiCall:
    transfer = AgentTransfer(key="t", at=Instant(1_000.0), session_id=SECOND_SESSION, profile=UserProfile())
    return ApiCall("start_agent_session", transfer=transfer)


def test_a_message_that_a_handler_answered_is_not_passed_on() -> None:
    story = Story().with_agent()
    story.happens(handled(ApiCall("skip_bot_message"), about=said("never mind")))
    assert story.effects == (CallWithHook("skip_bot_message"),)


def test_opening_a_session_while_one_lives_sends_the_message_to_its_agent() -> None:
    story = Story().with_agent()
    story.happens(handled(agents_wanted(), about=said("I want a person")))
    assert story.sent == ["I want a person"]


def test_opening_a_session_without_one_opens_it() -> None:
    story = Story().happens(handled(agents_wanted(), about=said("I want a person")))
    assert story.session.id == SECOND_SESSION
    assert story.kinds[0] == "CallWithHook"


def test_a_message_that_a_handler_answered_updates_the_address_for_events() -> None:
    story = Story().with_agent()
    story.happens(handled(ApiCall("skip_bot_message"), about=said("x", events_url="https://new.example/e")))
    assert story.session.events_url == "https://new.example/e"
