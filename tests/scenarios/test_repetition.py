"""Both sides may repeat a message; people see it once."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from botkit.testing.waiting import until
from tests.scenarios.stage import END_WORD, JANE, Person, Stage


def _again(stage: Stage, event: str, person: Person, **changes: Any) -> list[int | None]:
    """Post the last hook of this event and person again, with a new signature. Returns all statuses."""
    last = stage.wire(event, about=person.id, source="kore")[-1]
    body = {**json.loads(last.request_body), **changes}
    parts = last.path.split("/")
    component = parts[parts.index("components") + 1] if "components" in parts else None
    hooks = stage.clouds.kore.hooks
    loop_task = stage.clouds.do(
        lambda: asyncio.ensure_future(hooks.post(event, body, component_id=component))
    )
    until(loop_task.done)
    return [entry.status for entry in stage.wire(event, about=person.id, source="kore")]


def test_every_hook_twice_makes_one_conversation_and_shows_nothing_twice(either: Stage) -> None:
    either.kore_fails(duplicate_hooks=True)
    ada = either.person()
    ada.says("hi")
    ada.hears("Ask me for your order status")
    case = ada.asks_for_an_agent()
    ada.hears("send: endagentchat")
    case.accepted_by(JANE)
    ada.hears("Jane Doe has joined")
    for number in (1, 2, 3):
        ada.says(f"question {number}")
        case.gets(f"question {number}")
        case.told_by(JANE, f"answer {number}")
        ada.hears(f"answer {number}")
    ada.says(END_WORD)
    ada.hears("has ended")
    case.is_over()
    ada.is_with_the_bot()
    ada.says("hi")
    ada.hears("Ask me for your order status", times=2)
    assert len(ada.cases()) == 1
    assert case.typed() == ["question 1", "question 2", "question 3"]
    greeting = [
        "Hello Ada! I am the Acme Assistant.",
        'Ask me for your order status, or say "talk to an agent" to reach a person.',
    ]
    assert ada.told() == [
        *greeting,
        "I am handing you over to one of my human colleagues.",
        "One moment, please. We are looking for an agent who can help you.",
        "To end the conversation with the agent at any time, send: endagentchat",
        "Jane Doe has joined the conversation.",
        "answer 1",
        "answer 2",
        "answer 3",
        "Your conversation with the agent has ended. Thank you for contacting us.",
        *greeting,
    ]


def test_a_hook_that_is_repeated_is_acknowledged_like_the_first(stage: Stage) -> None:
    stage.kore_fails(duplicate_hooks=True)
    ada = stage.person()
    ada.says("who are you")
    ada.hears("glad to help")
    answers = [
        (entry.status, entry.response_body)
        for entry in stage.wire("on_user_message", about=ada.id, source="kore")
    ]
    assert answers == [(200, '{"headers":{"supportsMessageAck":true}}')] * 2


def test_the_transfer_hook_once_more_opens_no_second_conversation(either: Stage) -> None:
    ada = either.person()
    case = ada.is_helped_by(JANE)
    told = ada.told()
    assert _again(either, "on_agent_transfer", ada) == [200, 200]
    case.told_by(JANE, "still the same")
    ada.hears("still the same")
    assert ada.told() == [*told, "still the same"]
    assert len(ada.cases()) == 1


def test_another_transfer_hook_while_an_agent_is_there_opens_no_second_conversation(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    told = ada.told()
    core = stage.clouds.kore.core
    call = stage.clouds.do(core.calls.issue, ada.id, "on_agent_transfer", now_ms=core.now_ms())
    assert _again(stage, "on_agent_transfer", ada, requestId=int(call.id)) == [200, 200]
    case.told_by(JANE, "still the same")
    ada.hears("still the same")
    assert ada.told() == [*told, "still the same"]
    assert len(ada.cases()) == 1


def test_a_late_copy_of_a_transfer_hook_does_not_open_what_has_ended(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    ada.says(END_WORD)
    case.is_over()
    ada.is_with_the_bot()
    _again(stage, "on_agent_transfer", ada)
    ada.talks_to_the_bot_again()
    assert len(ada.cases()) == 1


def test_a_message_from_before_the_transfer_that_arrives_after_it_goes_to_the_agent(stage: Stage) -> None:
    core = stage.clouds.kore.core
    ada = stage.person()
    earlier = stage.clouds.do(core.calls.issue, ada.id, "on_user_message", now_ms=core.now_ms())
    case = ada.is_helped_by(JANE)
    # It has agent_transfer: false, as if agent mode had timed out; but it is older than the transfer.
    _again(
        stage,
        "on_user_message",
        ada,
        requestId=int(earlier.id),
        message="quickly, please",
        agent_transfer=False,
    )
    case.gets("quickly, please")
    case.told_by(JANE, "here I am")
    ada.hears("here I am")
    assert ada.user.agent_mode


def test_a_late_copy_of_a_message_is_not_said_again(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    ada.says("once")
    case.gets("once")
    _again(stage, "on_user_message", ada)
    ada.says("and something else")
    case.gets("and something else")
    assert case.typed() == ["once", "and something else"]


def test_the_same_words_said_twice_are_two_messages(either: Stage) -> None:
    ada = either.person()
    case = ada.is_helped_by(JANE)
    for text in ("hello?", "hello?"):
        ada.says(text)
    case.told_by(JANE, "yes")
    case.told_by(JANE, "yes")
    ada.hears("yes", times=2)
    until(lambda: len(case.typed()) == 2, "for both messages")
    assert case.typed() == ["hello?", "hello?"]


def test_a_clients_retry_is_not_said_again(either: Stage) -> None:
    ada = either.person()
    case = ada.is_helped_by(JANE)
    ada.says("did this arrive?")
    case.gets("did this arrive?")
    ada.client_retries()
    ada.says("and this?")
    case.gets("and this?")
    assert case.typed() == ["did this arrive?", "and this?"]


def test_a_clients_retry_to_the_bot_is_not_answered_again(stage: Stage) -> None:
    ada = stage.person()
    ada.says("who are you")
    ada.hears("glad to help")
    ada.client_retries()
    ada.is_settled()
    assert len([text for text in ada.told() if "glad to help" in text]) == 1


@pytest.mark.parametrize("last_message", ["current", "previous"])
@pytest.mark.parametrize("channel", ["rtm", "twiliovoice", "sms"])
def test_a_call_with_one_request_id_loses_no_words(stage: Stage, channel: str, last_message: str) -> None:
    stage.kore_behaves(request_id_lasts="session", last_message=last_message)
    ada = stage.person(channel=channel)
    case = ada.is_helped_by(JANE)
    for text in ("yes", "yes", "no", "yes"):
        ada.says(text)
    until(lambda: len(case.typed()) == 4, lambda: f"for four words; there are {case.typed()}")
    assert case.typed() == ["yes", "yes", "no", "yes"]


def test_a_hook_that_is_repeated_in_such_a_call_is_said_once(stage: Stage) -> None:
    stage.kore_behaves(request_id_lasts="session")
    stage.kore_fails(duplicate_hooks=True)
    ada = stage.person(channel="twiliovoice")
    case = ada.is_helped_by(JANE)
    for text in ("yes", "yes", "no"):
        ada.says(text)
    case.gets("no")
    assert case.typed() == ["yes", "yes", "no"]


def test_events_that_salesforce_repeats_are_shown_once(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    stage.salesforce_fails("repeat-event", conversation_id=case.id)
    for number in (1, 2, 3):
        case.told_by(JANE, f"answer {number}")
    ada.hears("answer 3")
    stage.clouds.calm()
    case.told_by(JANE, "the end")
    ada.hears("the end")
    assert ada.told(by="agent") == ["answer 1", "answer 2", "answer 3", "the end"]


def test_a_stream_that_broke_brings_nothing_twice_and_loses_nothing(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    for number in range(1, 7):
        case.told_by(JANE, f"answer {number}")
        if number % 2:
            stage.salesforce_fails("drop-streams", how="abort" if number == 3 else "end")
    ada.hears("answer 6")
    assert ada.told(by="agent") == [f"answer {number}" for number in range(1, 7)]


def test_what_the_stream_did_not_bring_is_found_in_the_list_before_the_end(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    stage.salesforce_fails("lose-event", times=1, conversation_id=case.id)
    case.told_by(JANE, "did you hear this?")
    case.ended_by(JANE)
    ada.hears("has ended")
    assert ada.told()[-2:] == [
        "did you hear this?",
        "Your conversation with the agent has ended. Thank you for contacting us.",
    ]


def test_a_send_whose_answer_was_lost_is_shown_once_to_the_agent(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    stage.salesforce_fails("drop-response", times=1, path="/message")
    ada.says("did it arrive?")
    ada.says("second")
    case.gets("second")
    assert case.typed() == ["did it arrive?", "second"]


def test_a_conversation_whose_creation_was_not_answered_is_created_once(either: Stage) -> None:
    either.salesforce_fails("drop-response", times=1, path="POST /iamessage/api/v2/conversation")
    ada = either.person()
    case = ada.is_helped_by(JANE)
    ada.says("hello")
    case.gets("hello")
    assert len(ada.cases()) == 1


def test_the_receipts_of_the_end_do_not_come_twice_when_its_answer_was_lost(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    stage.salesforce_fails("drop-response", times=2, path="DELETE ")
    ada.says(END_WORD)
    case.is_over()
    ada.talks_to_the_bot_again()
    assert len([text for text in ada.told() if "has ended" in text]) == 1
