from __future__ import annotations

import pytest
from msgspec.structs import replace

from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.events import ApiCall, BotMessage, Event, HookHandled, UserMessage
from botkit.ledger.batch import in_order
from botkit.ledger.interface import Input


def said(text: str, number: int | None, user: str = "u-1") -> tuple[Input, str]:
    event = UserMessage(key=text, at=Instant(1.0), text=text, agent_transfer=None, request_number=number)
    return Input(ConversationId("bot", user), event), text


def other(name: str, user: str = "u-1") -> tuple[Input, str]:
    event: Event = BotMessage(key=name, at=Instant(1.0), text=name, agent_transfer=None)
    return Input(ConversationId("bot", user), event), name


def handled(text: str, number: int) -> tuple[Input, str]:
    input, _ = said(text, number)
    assert isinstance(input.event, UserMessage)
    api_calls = (ApiCall("send_bot_message", '{"message":"x"}'),)
    event = HookHandled(key=text, at=Instant(1.0), api_calls=api_calls, original=input.event, proceed=False)
    return replace(input, event=event), text


def order(*queued: tuple[Input, str]) -> list[str]:
    return [text for _, text in in_order(queued)]


def test_the_messages_of_a_user_are_in_the_order_of_their_numbers() -> None:
    assert order(said("c", 3), said("a", 1), said("b", 2)) == ["a", "b", "c"]


def test_messages_of_different_users_are_not_reordered() -> None:
    queued = [said("2", 2), said("9", 9, "u-2"), said("1", 1), said("8", 8, "u-2")]
    assert order(*queued) == ["1", "8", "2", "9"]


def test_bot_messages_and_other_conversations_stay_in_place() -> None:
    assert order(said("b", 2), other("bot"), said("x", 1, "u-2"), said("a", 1)) == ["a", "bot", "x", "b"]


def test_a_message_changed_by_handlers_keeps_its_number() -> None:
    assert order(handled("b", 2), said("c", 3), handled("a", 1)) == ["a", "b", "c"]


def test_equal_numbers_keep_their_order() -> None:
    assert order(said("first", 5), said("second", 5), said("before", 4)) == ["before", "first", "second"]


def test_a_message_without_a_number_stays_in_place() -> None:
    assert order(said("b", 2), said("?", None), said("a", 1)) == ["a", "?", "b"]


def test_an_input_without_an_event_stays_in_place() -> None:
    completes = (replace(said("x", 1)[0], event=None, completes=(7,)), "settles")
    assert order(said("b", 2), completes, said("a", 1)) == ["a", "settles", "b"]


@pytest.mark.parametrize("queued", [[], [said("a", 1)], [said("a", 1), said("b", 2), said("c", 0, "u-2")]])
def test_inputs_in_order_are_not_copied(queued: list[tuple[Input, str]]) -> None:
    assert in_order(queued) is queued
