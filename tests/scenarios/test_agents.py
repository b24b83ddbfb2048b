"""Agents join, leave and transfer; only some of that ends the session."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from botkit.testing.waiting import until
from tests.scenarios.conftest import Stages
from tests.scenarios.stage import JANE, MEI, OMAR, Case, Person, Stage

JANE_LEFT = "Jane Doe has left the conversation. Please stay, a colleague will be with you shortly."


def _notices(told: list[str]) -> list[str]:
    """BotKit's messages after an agent joined, without the waiting message and the instruction."""
    return told[2:]


def test_a_transfer_to_another_agent_is_announced_and_goes_on(either: Stage) -> None:
    ada = either.person()
    case = ada.is_helped_by(JANE)
    case.transferred_by(JANE, to=OMAR)
    ada.hears("has left the conversation")
    ada.says("are you there?")
    case.gets("are you there?")
    case.accepted_by(OMAR)
    ada.hears("Omar Haddad has joined")
    case.told_by(OMAR, "Omar here")
    ada.hears("Omar here")
    assert _notices(ada.told(by="botkit")) == [
        "Jane Doe has joined the conversation.",
        JANE_LEFT,
        "Omar Haddad has joined the conversation.",
    ]
    assert ada.user.agent_mode


def test_the_lines_of_a_hand_off_name_the_messaging_session(either: Stage, logged: list[Any]) -> None:
    ada = either.person()
    case = ada.is_helped_by(JANE)
    record = case.conversation.session.id
    case.ended_by(JANE)
    ada.hears("has ended")
    lines = [line for line in logged if line["event"] == "handoff" and line["session"] == case.id]
    assert [(line["what"], line.get("record", "")) for line in lines] == [
        ("handoff_opened", ""),
        ("agent_joined", record),
        ("handoff_ended", record),
    ]
    assert {line["system"] for line in lines} == {"salesforce"}


def test_a_transfer_to_the_queue_is_announced_and_goes_on(everywhere: Stage) -> None:
    ada = everywhere.person()
    case = ada.is_helped_by(JANE)
    case.transferred_by(JANE)
    ada.hears("has left the conversation")
    case.accepted_by(MEI)
    ada.hears("Mei Tanaka has joined")
    case.told_by(MEI, "Mei here")
    ada.hears("Mei here")
    assert _notices(ada.told(by="botkit")) == [
        "Jane Doe has joined the conversation.",
        JANE_LEFT,
        "Mei Tanaka has joined the conversation.",
    ]


def test_after_two_transfers_the_first_agent_may_come_back(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    case.transferred_by(JANE, to=OMAR)
    case.accepted_by(OMAR)
    ada.hears("Omar Haddad has joined")
    case.transferred_by(OMAR, to=JANE)
    case.accepted_by(JANE)
    ada.hears("Jane Doe has joined", times=2)
    case.told_by(JANE, "me again")
    ada.hears("me again")


def test_a_failed_transfer_leaves_the_agent_where_they_are(everywhere: Stage) -> None:
    ada = everywhere.person()
    case = ada.is_helped_by(JANE)
    case.transferred_by(JANE, to=OMAR, fail=True)
    case.told_by(JANE, "that did not work")
    ada.hears("that did not work")
    ada.says("never mind")
    case.gets("never mind")
    assert _notices(ada.told(by="botkit")) == ["Jane Doe has joined the conversation."]


def test_a_transfer_that_was_declined_goes_on_to_somebody_else(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    case.transferred_by(JANE, to=OMAR)
    ada.hears("has left the conversation")
    stage.clouds.do(stage.clouds.salesforce.decline, case.id, OMAR)
    case.accepted_by(MEI)
    ada.hears("Mei Tanaka has joined")


def test_a_second_agent_in_a_conference_is_announced_and_may_leave_again(everywhere: Stage) -> None:
    ada = everywhere.person()
    case = ada.is_helped_by(JANE)
    case.joined_in_conference_by(OMAR, host=JANE)
    ada.hears("Omar Haddad has joined")
    case.told_by(OMAR, "hello from Omar")
    ada.hears("hello from Omar")
    case.dropped_by(OMAR)
    case.told_by(JANE, "back to the two of us")
    ada.hears("back to the two of us")
    assert ada.user.agent_mode
    assert _notices(ada.told(by="botkit")) == [
        "Jane Doe has joined the conversation.",
        "Omar Haddad has joined the conversation.",
    ]


def test_the_host_of_a_conference_may_leave_and_the_guest_goes_on(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    case.joined_in_conference_by(OMAR, host=JANE)
    ada.hears("Omar Haddad has joined")
    case.dropped_by(JANE)
    case.told_by(OMAR, "I take over")
    ada.hears("I take over")
    ada.types()
    until(lambda: case.conversation.user_typing, "for the guest to see the typing")
    assert not any("has left" in text for text in ada.told())
    assert ada.user.agent_mode


def test_a_supervisor_who_looks_in_is_not_announced(either: Stage) -> None:
    ada = either.person()
    case = ada.is_helped_by(JANE)
    for present in (True, False):
        either.clouds.do(either.clouds.salesforce.supervise, case.id, "Olga Supervisor", present=present)
    case.told_by(JANE, "all fine")
    ada.hears("all fine")
    assert _notices(ada.told(by="botkit")) == ["Jane Doe has joined the conversation."]


def test_an_agent_who_loses_the_connection_is_not_the_end(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botkit.handoff.agents_side.SETTLE_FOR", timedelta(milliseconds=50))
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    case.dropped_by(JANE)
    ada.hears("Jane Doe has left the conversation")
    case.accepted_by(OMAR)
    ada.hears("Omar Haddad has joined")
    assert ada.user.agent_mode


def test_an_agent_who_is_gone_for_good_without_a_word_is_the_end(
    stages: Stages, logged: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botkit.handoff.agents_side.SETTLE_FOR", timedelta(milliseconds=50))
    stage = stages("short grace", bot={"handoff": {"transfer_grace": "100ms"}})
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    # Neither stream nor list reports the end of the session; only the routing status does (5).
    stage.clouds.do(_vanish, stage, case.id)
    ada.hears("Your conversation with the agent has ended")
    ada.talks_to_the_bot_again()
    stage.everybody_leaves()
    assert _notices(ada.told(by="botkit")) == [
        "Jane Doe has joined the conversation.",
        "Your conversation with the agent has ended. Thank you for contacting us.",
    ]


@pytest.mark.parametrize("to", [OMAR, "queue"])
def test_a_transfer_that_only_work_results_tell_of_goes_on(
    stages: Stages, logged: list[Any], monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    monkeypatch.setattr("botkit.handoff.agents_side.SETTLE_FOR", timedelta(milliseconds=50))
    stage = stages("short grace", bot={"handoff": {"transfer_grace": "100ms"}})
    stage.salesforce_behaves(transfer_shown_by="work-result")
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    case.transferred_by(JANE, to=to)
    ada.hears("Jane Doe has left the conversation")
    ada.says("are you there?")
    case.gets("are you there?")
    case.accepted_by(OMAR)
    ada.hears("Omar Haddad has joined")
    stage.salesforce_behaves(transfer_shown_by="routing-result")
    assert _notices(ada.told(by="botkit")) == [
        "Jane Doe has joined the conversation.",
        JANE_LEFT,
        "Omar Haddad has joined the conversation.",
    ]


def _vanish(stage: Stage, conversation_id: str) -> None:
    salesforce = stage.clouds.salesforce
    conversation = salesforce.conversation(conversation_id)
    conversation.routing_status = "NEEDS_ROUTING"
    for agent in list(conversation.present.values()):
        salesforce.remove(conversation, agent)


def test_the_agent_ends_it_and_the_user_is_told_and_back_with_the_bot(everywhere: Stage) -> None:
    ada = everywhere.person()
    case = ada.is_helped_by(JANE)
    case.told_by(JANE, "Have a nice day")
    case.ended_by(JANE)
    ada.hears("Your conversation with the agent has ended")
    assert ada.told()[-2:] == [
        "Have a nice day",
        "Your conversation with the agent has ended. Thank you for contacting us.",
    ]
    ada.talks_to_the_bot_again()


def test_the_dialog_knows_the_id_of_the_chat_afterwards(stage: Stage) -> None:
    ada = stage.person()
    ada.says("my last chat")
    ada.hears("You have not talked to an agent yet.")
    case = ada.is_helped_by(JANE)
    case.ended_by(JANE)
    ada.hears("has ended")
    ada.is_with_the_bot()
    ada.says("my last chat")
    ada.hears(f"Your last chat with an agent: conversation {case.id}.")


@pytest.mark.parametrize("order", ["participant-first", "session-first"])
def test_the_agent_ends_it_in_whichever_order_salesforce_says_so(stage: Stage, order: str) -> None:
    stage.salesforce_behaves(end_order=order)
    ada = stage.person()
    ada.is_helped_by(JANE).ended_by(JANE)
    ada.hears("has ended")
    ada.talks_to_the_bot_again()
    assert not any("has left" in text for text in ada.told())


@pytest.mark.parametrize("order", ["participant-first", "session-first"])
def test_an_agent_is_announced_in_whichever_order_salesforce_says_so(stage: Stage, order: str) -> None:
    stage.salesforce_behaves(accept_order=order)
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    case.told_by(JANE, "hello")
    ada.hears("hello")
    assert _notices(ada.told(by="botkit")) == ["Jane Doe has joined the conversation."]


def test_salesforce_ends_it_by_itself(either: Stage) -> None:
    ada = either.person()
    ada.is_helped_by(JANE).ended_by_the_system()
    ada.hears("has ended")
    ada.talks_to_the_bot_again()


def test_salesforce_ends_it_before_anybody_accepted(either: Stage) -> None:
    ada = either.person()
    case = ada.asks_for_an_agent()
    until(case.from_user, "for the talk before: a later message would open a new session")
    case.ended_by_the_system()
    ada.hears("Sorry, no agent is available at the moment")
    ada.talks_to_the_bot_again()


def test_a_customer_who_was_silent_for_long_is_still_with_the_agent(either: Stage) -> None:
    ada = either.person()
    case = ada.is_helped_by(JANE)
    case.goes_idle()
    until(lambda: case.status() == "inactive")
    case.told_by(JANE, "are you still there?")
    ada.hears("are you still there?")
    assert ada.user.agent_mode
    ada.says("yes, sorry")
    case.gets("yes, sorry")
    case.accepted_by(JANE)
    case.told_by(JANE, "good")
    ada.hears("good")
    assert not any("has ended" in text for text in ada.told())


def test_routing_that_fails_gives_the_user_back_with_a_word(everywhere: Stage) -> None:
    ada = everywhere.person()
    case = ada.asks_for_an_agent()
    ada.hears("send:")
    case.cannot_be_routed()
    ada.hears("Sorry, no agent is available at the moment")
    case.is_over()
    ada.talks_to_the_bot_again()


@pytest.mark.parametrize("receive", ["stream", "poll"])
def test_nobody_accepts_in_time(stages: Stages, receive: str) -> None:
    stage = stages(f"impatient {receive}", receive=receive, bot={"handoff": {"accept_timeout": "1s"}})
    ada = stage.person()
    case = ada.asks_for_an_agent()
    ada.hears("Sorry, no agent is available at the moment")
    case.is_over()
    ada.talks_to_the_bot_again()


def _helped_in_time(stage: Stage) -> tuple[Person, Case]:
    """A user and their agent, who accepted in time. On a busy machine an agent may be late, and another user asks."""
    while True:
        ada = stage.person()
        case = ada.asks_for_an_agent()
        case.accepted_by(JANE)
        if JANE in until(lambda: ada.told(by="botkit")[2:], "for Jane or the end")[0]:  # noqa: B023
            return ada, case


def test_nobody_takes_a_transferred_conversation_in_time(stages: Stages) -> None:
    stage = stages("impatient stream", receive="stream", bot={"handoff": {"accept_timeout": "1s"}})
    ada, case = _helped_in_time(stage)
    case.transferred_by(JANE)
    ada.hears("Sorry, no agent is available at the moment")
    case.is_over()
    ada.talks_to_the_bot_again()


def test_an_agent_who_accepted_may_take_all_the_time(stages: Stages) -> None:
    stage = stages("impatient stream", receive="stream", bot={"handoff": {"accept_timeout": "1s"}})
    ada, case = _helped_in_time(stage)
    waiting = stage.person("Grace Hopper")
    waiting.says("talk to an agent")
    waiting.hears("Sorry, no agent is available")  # Later than Ada's agent would have had to accept.
    case.told_by(JANE, "now I have read it all")
    ada.hears("now I have read it all")
    assert ada.user.agent_mode
    stage.everybody_leaves()


def test_an_agent_who_declines_is_nothing_the_user_hears_of(stage: Stage) -> None:
    ada = stage.person()
    case = ada.asks_for_an_agent()
    decliner = until(lambda: case.conversation.assigned)
    assert decliner is not None
    stage.clouds.do(stage.clouds.salesforce.decline, case.id, decliner.name)
    taker = next(name for name in (JANE, OMAR, MEI) if name != decliner.name)
    case.accepted_by(taker)
    ada.hears(f"{taker} has joined")
    assert len(ada.told(by="botkit")) == 3


def test_the_place_in_the_queue_is_told_when_salesforce_numbers_it(stage: Stage) -> None:
    stage.salesforce_behaves(queue_position=True, auto_assign=False)
    first, second = stage.person(), stage.person("Grace Hopper")
    first.asks_for_an_agent()
    first.hears("Your position in the queue: 1")
    second.asks_for_an_agent()
    second.hears("Your position in the queue: 2")


def test_automated_responses_of_salesforce_are_shown(stage: Stage) -> None:
    stage.salesforce_behaves(initial_response="We are open from 9 to 5.", agent_engaged_response="Connected.")
    ada = stage.person()
    ada.is_helped_by(JANE)
    ada.hears("We are open from 9 to 5.")
    ada.hears("Connected.")


def test_an_event_nobody_has_seen_yet_changes_nothing(either: Stage) -> None:
    ada = either.person()
    case = ada.is_helped_by(JANE)
    either.clouds.do(
        either.clouds.salesforce.raw_event,
        case.id,
        "CONVERSATION_SOMETHING_NEW",
        "SomethingNew",
        {"text": "what is this"},
        listed=True,
    )
    case.told_by(JANE, "still here")
    ada.hears("still here")
    assert not any("what is this" in text for text in ada.told())


def test_an_ai_agent_of_salesforce_is_shown_once_and_its_work_in_progress_is_not(either: Stage) -> None:
    ada = either.person()
    case = ada.asks_for_an_agent()
    salesforce = either.clouds.salesforce
    either.clouds.do(salesforce.bot_works, case.id, "Looking up your order")
    either.clouds.do(salesforce.bot_streams, case.id, ["Your order ", "is on ", "its way."])
    ada.hears("Your order is on its way.")
    case.accepted_by(JANE)
    ada.hears("Jane Doe has joined")
    assert [text for text in ada.told() if "order" in text] == ["Your order is on its way."]


def test_attributes_that_salesforce_drops_and_fields_that_it_requires_are_logged(
    stage: Stage, logged: list[Any]
) -> None:
    fields = [
        {"name": "Kore_User_Id", "hidden": True},
        {"name": "KORE_CHANNEL", "hidden": True},
        {"name": "Contract", "required": True},
    ]
    stage.salesforce_behaves(prechat_fields=fields)
    case = stage.person().asks_for_an_agent()
    stage.salesforce_behaves(prechat_fields=[])
    assert "Kore_User_Id" in case.attributes()
    assert "Kore_Channel" not in case.attributes()
    told = {line["event"]: line for line in logged if line["event"].startswith("prechat_fields")}
    assert "Kore_Channel" in told["prechat_fields_unknown"]["names"]
    assert "Kore_User_Id" not in told["prechat_fields_unknown"]["names"]
    assert told["prechat_fields_unknown"]["form_has"] == "KORE_CHANNEL"
    assert told["prechat_fields_missing"]["names"] == "Contract"
