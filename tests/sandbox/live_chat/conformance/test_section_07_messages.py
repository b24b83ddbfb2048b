"""Section 7, second part: every type of message in a chat, with the payload of captures, and what else it may be."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.live_chat.conformance.conftest import MakeService, Service
from tests.sandbox.live_chat.visitor import JANE, MEI, OMAR, SECOND_BUTTON, Answer, Visitor

CONTACT = {
    "entityName": "Contact",
    "saveToTranscript": "ContactId",
    "entityFieldsMaps": [{"fieldName": "Email", "label": "Email", "doCreate": True}],
}


async def established(service: Service, **changes: Any) -> tuple[Visitor, Answer]:
    """What a visitor hears when Jane accepts."""
    visitor = await service.requested(**changes)
    await service.act(visitor, "accept")
    return visitor, await visitor.poll()


# --- ChatEstablished, ChatMessage, typing ---------------------------------------------------------------------------


async def test_established_names_the_agent(service: Service) -> None:
    """7, ChatEstablished: as captured."""
    _, answer = await established(service)
    assert answer.message("ChatEstablished") == {
        "name": JANE,
        "userId": await service.agent_id(JANE),
        "items": [],
        "sneakPeekEnabled": False,
        "chasitorIdleTimeout": {"isEnabled": False},
    }


@pytest.mark.parametrize("key", ["chasitorIdleTimeout", "chasitorIdletimeout"])
async def test_established_carries_the_buttons_idle_settings_and_preview(
    make_service: MakeService, key: str
) -> None:
    """7, ChatEstablished: isEnabled, warningTime, timeout in seconds; the guide's table spells the key otherwise."""
    service = await make_service(
        idle_timeout_seconds=120, idle_warning_seconds=90, sneak_peek=True, idle_key=key
    )
    message = (await established(service))[1].message("ChatEstablished")
    assert message[key] == {"isEnabled": True, "warningTime": 90, "timeout": 120}
    assert message["sneakPeekEnabled"] is True


async def test_a_message_of_the_agent_has_the_captured_fields(service: Service) -> None:
    """7, ChatMessage."""
    visitor = await service.chatting()
    await service.says(visitor, "Ok")
    assert (await visitor.poll()).message("ChatMessage") == {
        "text": "Ok",
        "name": JANE,
        "schedule": {"responseDelayMilliseconds": 0.0},
        "agentId": await service.agent_id(JANE),
    }


async def test_a_message_of_the_agent_has_the_guides_fields_if_switched_so(make_service: MakeService) -> None:
    """7, ChatMessage: the guide documents only name and text."""
    service = await make_service(payload_fields="guide")
    visitor = await service.chatting()
    await service.says(visitor, "Ok")
    assert (await visitor.poll()).message("ChatMessage") == {"text": "Ok", "name": JANE}


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("plain", "1 < 2\n& 'so on'"),
        ("entities", "1 &lt; 2\n&amp; &#x27;so on&#x27;"),
        ("markup", "<p>1 &lt; 2<br>&amp; &#x27;so on&#x27;</p>"),
    ],
)
async def test_an_agents_text_can_hold_markup_and_entities(
    make_service: MakeService, form: str, said: str
) -> None:
    """7, ChatMessage [C]: text can hold markup and HTML entities; the history in ChasitorSessionData too."""
    service = await make_service(agent_text=form)
    visitor = await service.chatting()
    await service.says(visitor, "1 < 2\n& 'so on'")
    assert (await visitor.poll()).texts == [said]
    await service.inject("pod-restart")
    await visitor.reconnect()
    data = (await visitor.poll()).message("ChasitorSessionData")
    assert data["chatMessages"][0]["content"] == said
    assert (await service.view(visitor))["transcript"][-1]["text"] == "1 < 2\n& 'so on'"


async def test_typing_names_the_agent_with_a_uuid(service: Service) -> None:
    """7, AgentTyping: here agentId is a uuid, as captured; repeats are common."""
    visitor = await service.chatting()
    for started in (True, True, False):
        await service.act(visitor, "typing", started=started)
    answer = await visitor.poll()
    assert answer.types == ["AgentTyping", "AgentTyping", "AgentNotTyping"]
    for kind in ("AgentTyping", "AgentNotTyping"):
        message = answer.message(kind)
        assert (set(message), message["name"], len(message["agentId"])) == ({"name", "agentId"}, JANE, 36)


async def test_typing_can_come_in_the_wrong_order(service: Service) -> None:
    """7, AgentTyping, and 13.5: AgentNotTyping before AgentTyping in one batch."""
    visitor = await service.chatting()
    for started in (False, True):
        await service.act(visitor, "typing", started=started)
    assert (await visitor.poll()).types == ["AgentNotTyping", "AgentTyping"]


async def test_typing_and_disconnecting_can_be_empty(make_service: MakeService) -> None:
    """7, AgentTyping and AgentDisconnect: {} per guide."""
    service = await make_service(typing_payload="empty")
    visitor = await service.chatting()
    await service.act(visitor, "typing", started=True)
    await service.act(visitor, "typing", started=False)
    await service.act(visitor, "disconnect")
    assert [each["message"] for each in (await visitor.poll()).json["messages"]] == [{}, {}, {}]


# --- transfers, conferences -----------------------------------------------------------------------------------------


async def test_a_transfer_to_an_agent_is_told_when_that_agent_accepts(service: Service) -> None:
    """7, ChatTransferred: accepted; the new agent's name, idle settings replaced."""
    visitor = await service.chatting()
    await service.act(visitor, "transfer", to=OMAR)
    await service.says(visitor, "one moment")
    await service.act(visitor, "accept", agent=OMAR)
    answer = await visitor.poll()
    assert answer.types == ["ChatMessage", "ChatTransferred"]
    assert answer.message("ChatTransferred") == {
        "name": OMAR,
        "userId": await service.agent_id(OMAR),
        "sneakPeekEnabled": False,
        "chasitorIdleTimeout": {"isEnabled": False},
    }
    await service.says(visitor, "hello", agent=OMAR)
    assert (await visitor.poll()).message("ChatMessage")["name"] == OMAR


@pytest.mark.parametrize("how", ["declined", "failed"])
async def test_of_a_transfer_that_no_agent_takes_the_visitor_hears_nothing(
    service: Service, how: str
) -> None:
    """7, ChatTransferred: only an accepted one is told."""
    visitor = await service.chatting()
    await service.act(visitor, "transfer", to=OMAR, fail=how == "failed")
    if how == "declined":
        await service.act(visitor, "decline", agent=OMAR)
    assert (await visitor.poll()).status == 204
    await service.says(visitor, "still me")
    assert (await visitor.poll()).message("ChatMessage")["name"] == JANE


async def test_a_transfer_to_a_button_makes_the_visitor_wait_again(service: Service) -> None:
    """7, TransferToButtonInitiated: {}; QueueUpdate can follow; then ChatTransferred."""
    visitor = await service.chatting()
    await service.act(visitor, "transfer", to="Billing")
    answer = await visitor.poll()
    assert answer.types == ["TransferToButtonInitiated", "QueueUpdate"]
    assert answer.message("TransferToButtonInitiated") == {}
    await service.act(visitor, "accept", agent=MEI)
    assert (await visitor.poll()).message("ChatTransferred")["name"] == MEI


async def test_a_transfer_to_a_button_can_name_it(make_service: MakeService) -> None:
    """7, TransferToButtonInitiated [C]: payload unknown."""
    service = await make_service(transfer_payload="button")
    visitor = await service.chatting()
    await service.act(visitor, "transfer", to="Billing")
    said = (await visitor.poll()).message("TransferToButtonInitiated")
    assert said == {"buttonId": SECOND_BUTTON, "name": "Billing"}


async def test_who_takes_over_can_be_told_as_a_new_start(make_service: MakeService) -> None:
    """7, TransferToButtonInitiated [C]: then ChatTransferred or ChatEstablished."""
    service = await make_service(takeover_message="ChatEstablished")
    visitor = await service.chatting()
    await service.act(visitor, "transfer")
    await service.act(visitor, "accept", agent=OMAR)
    assert (await visitor.poll()).types[-1] == "ChatEstablished"


@pytest.mark.parametrize(("how", "last"), [("returns", "ChatTransferred"), ("ends", "ChatRequestFail")])
async def test_a_failed_transfer_to_a_button_comes_back_to_the_agent_or_ends_the_chat(
    make_service: MakeService, how: str, last: str
) -> None:
    """7, TransferToButtonInitiated [C]: or failure."""
    service = await make_service(transfer_failure=how)
    visitor = await service.chatting()
    await service.act(visitor, "transfer", to="Billing", fail=True)
    assert (await visitor.poll()).types == ["TransferToButtonInitiated", last]


async def test_an_agent_who_loses_the_connection_leaves_the_session_alive(service: Service) -> None:
    """7, AgentDisconnect: a new agent may take over."""
    visitor = await service.chatting()
    await service.act(visitor, "disconnect")
    answer = await visitor.poll()
    assert (answer.types, answer.message("AgentDisconnect")["name"]) == (["AgentDisconnect"], JANE)
    assert (await visitor.say("anybody?")).status == 200
    await service.act(visitor, "accept", agent=OMAR)
    assert (await visitor.poll()).message("ChatTransferred")["name"] == OMAR
    assert await service.read(visitor) == ["anybody?"]


@pytest.mark.parametrize("form", ["name", "agent", "empty"])
async def test_agents_join_and_leave_a_conference(make_service: MakeService, form: str) -> None:
    """7, AgentJoinedConference and AgentLeftConference [C]: {"name"} is a guess."""
    service = await make_service(conference_payload=form)
    visitor = await service.chatting()
    await service.act(visitor, "conference", to=OMAR)
    await service.says(visitor, "me too", agent=OMAR)
    await service.act(visitor, "leave", agent=OMAR)
    answer = await visitor.poll()
    assert answer.types == ["AgentJoinedConference", "ChatMessage", "AgentLeftConference"]
    said = {
        "name": {"name": OMAR},
        "agent": {"name": OMAR, "agentId": await service.agent_id(OMAR)},
        "empty": {},
    }[form]
    assert answer.message("AgentJoinedConference") == said
    assert answer.message("AgentLeftConference") == said


# --- ends, events, everything else ----------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["agent", "client"])
async def test_the_end_says_who_ended_and_is_terminal(service: Service, who: str) -> None:
    """7, ChatEnded: as captured; the next call is a 403."""
    visitor = await service.chatting()
    if who == "agent":
        await service.act(visitor, "end")
    else:
        await visitor.post("ChatEnd", {"reason": "client"})
    answer = await visitor.poll()
    assert answer.json["messages"] == [
        {"type": "ChatEnded", "message": {"attachedRecords": [], "reason": who}}
    ]
    assert (await visitor.poll()).status == 403


@pytest.mark.parametrize("how", ["ids", "fields"])
async def test_the_end_can_carry_the_records(make_service: MakeService, how: str) -> None:
    """7, ChatEnded: items {fieldName, fieldValue}, or ids."""
    service = await make_service(attached_records=how)
    visitor = await service.chatting(prechatEntities=[CONTACT])
    (contact,) = (await service.view(visitor))["entities"]
    await service.act(visitor, "end")
    said = {"ids": contact["id"], "fields": {"fieldName": "ContactId", "fieldValue": contact["id"]}}[how]
    assert (await visitor.poll()).message("ChatEnded")["attachedRecords"] == [said]


async def test_a_custom_event_of_the_agent_reaches_the_visitor(service: Service) -> None:
    """7, CustomEvent."""
    visitor = await service.chatting()
    await service.act(visitor, "custom-event", type="survey", data='{"n": 1}')
    assert (await visitor.poll()).message("CustomEvent") == {"type": "survey", "data": '{"n": 1}'}


async def test_session_data_carry_the_chat_so_far(service: Service) -> None:
    """7, ChasitorSessionData: chatMessages of Agent, Chasitor and OperatorTransferred, with timestamp and sequence."""
    visitor = await service.chatting()
    await visitor.say("question")
    await service.says(visitor, "answer")
    await service.act(visitor, "transfer", to=OMAR)
    await service.act(visitor, "accept", agent=OMAR)
    await service.inject("pod-restart")
    await visitor.reconnect()
    data = (await visitor.poll()).message("ChasitorSessionData")
    assert set(data) == {
        "queuePosition",
        "geoLocation",
        "url",
        "oref",
        "postChatUrl",
        "sneakPeekEnabled",
        "chatMessages",
    }
    assert [
        (each["type"], each["name"], each["content"], each["sequence"]) for each in data["chatMessages"]
    ] == [
        ("Chasitor", "Ada Lovelace", "question", 1),
        ("Agent", JANE, "answer", 2),
        ("OperatorTransferred", OMAR, "", 3),
    ]
    assert all(len(str(each["timestamp"])) == 13 for each in data["chatMessages"])


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("NewVisitorBreadcrumb", {"location": "https://acme.example"}),
        ("RichMessage", {"type": "ChatWindowMenu", "items": [{"text": "A"}]}),
        ("TransferToQueue", {}),
        ("NobodyHasSeenThis", {"x": [1, None]}),
    ],
)
async def test_any_other_message_can_be_emitted(service: Service, kind: str, message: dict[str, Any]) -> None:
    """7: RichMessage [C, names only], NewVisitorBreadcrumb; unknown types must be logged and skipped by clients."""
    visitor = await service.chatting()
    await service.act(visitor, "emit", type=kind, message=message)
    assert (await visitor.poll()).json["messages"] == [{"type": kind, "message": message}]
