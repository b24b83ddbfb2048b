"""Sections 2.3 to 2.10 and 2.20: a visitor's POSTs under Chasitor."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.live_chat.conformance.conftest import MakeService, Service
from tests.sandbox.live_chat.visitor import BUTTON, JANE, MEI, OMAR, SECOND_BUTTON

UNKNOWN_BUTTON = "573XX0000000000"


@pytest.fixture
async def apart(service: Service) -> Service:
    """Jane works for the first button, Omar for the second, and Mei for none."""
    await service.console(
        "PUT",
        "switches",
        {
            "buttons": [
                {"id": BUTTON, "name": "First", "agents": [JANE]},
                {"id": SECOND_BUTTON, "name": "Second", "agents": [OMAR]},
            ]
        },
    )
    return service


# --- 2.3 ChasitorInit -----------------------------------------------------------------------------------------------


async def test_a_request_may_leave_out_what_is_not_needed_and_add_what_nobody_documents(
    service: Service,
) -> None:
    """2.3: sessionId, visitorName and more may be missing; trackingId and visitorInfo are ignored; isPost may be false."""
    visitor = await service.visitor().begin()
    answer = await visitor.request(
        sessionId=...,
        visitorName=...,
        userAgent=...,
        language=...,
        screenResolution=...,
        prechatDetails=...,
        prechatEntities=...,
        receiveQueueUpdates=...,
        agentId=None,
        trackingId="",
        isPost=False,
        visitorInfo={"visitCount": 1, "originalReferrer": "", "pages": [{"location": "x", "time": 1}]},
    )
    assert answer.status == 200


@pytest.mark.parametrize("missing", ["organizationId", "deploymentId", "buttonId"])
async def test_a_request_needs_organization_deployment_and_button(service: Service, missing: str) -> None:
    """2.3: required; 5: 400."""
    visitor = await service.visitor().begin()
    assert (await visitor.request(**{missing: ...})).status == 400
    assert await service.conversations() == []


@pytest.mark.parametrize(("checked", "status"), [(True, 400), (False, 200)])
async def test_the_session_id_is_that_of_the_session(
    make_service: MakeService, checked: bool, status: int
) -> None:
    """2.3, sessionId: `id` from 2.1."""
    service = await make_service(check_session_id=checked)
    visitor = await service.visitor().begin()
    assert (await visitor.request(sessionId="somebody-elses")).status == status


async def test_the_agent_sees_who_asks_and_in_which_language(service: Service) -> None:
    """2.3: visitorName and language are free text."""
    visitor = await service.requested(visitorName="Ada Löwe", language="es-MX")
    view = await service.view(visitor)
    assert (view["visitorName"], view["language"]) == ("Ada Löwe", "es-MX")


async def test_booleans_may_be_texts(apart: Service) -> None:
    """2.3: clients have sent the string "true"."""
    visitor = await apart.requested(
        doFallback="true", receiveQueueUpdates="true", agentId=await apart.agent_id(MEI)
    )
    assert "QueueUpdate" in (await visitor.poll()).types
    await apart.act(visitor, "decline", agent=MEI)
    assert await apart.assigned(visitor) == JANE


async def test_without_queue_updates_there_is_no_word_of_the_queue(service: Service) -> None:
    """2.3, receiveQueueUpdates: true brings QueueUpdate, and queue data in ChatRequestSuccess."""
    visitor = await service.requested(receiveQueueUpdates=False)
    answer = await visitor.poll()
    assert answer.types == ["ChatRequestSuccess"]
    assert not {"queuePosition", "estimatedWaitTime"} & set(answer.message("ChatRequestSuccess"))


async def test_a_request_for_one_agent_goes_to_that_agent_alone(service: Service) -> None:
    """2.3, agentId with doFallback false: that agent only."""
    visitor = await service.queued(agentId=await service.agent_id(MEI), doFallback=False)
    assert await service.assigned(visitor) == MEI
    await service.act(visitor, "decline", agent=MEI)
    assert (await visitor.poll()).types == ["ChatRequestFail"]


@pytest.mark.parametrize("why", ["offline", "declined"])
async def test_with_fallback_the_button_follows_the_agent(apart: Service, why: str) -> None:
    """2.3, doFallback true: the agent, then the button."""
    if why == "offline":
        await apart.online(MEI, False)
    visitor = await apart.queued(agentId=await apart.agent_id(MEI), doFallback=True)
    if why == "declined":
        assert await apart.assigned(visitor) == MEI
        await apart.act(visitor, "decline", agent=MEI)
    assert await apart.assigned(visitor) == JANE


async def test_overrides_replace_the_button_and_are_tried_in_order_of_availability(apart: Service) -> None:
    """2.3, buttonOverrides: the next one is tried only if the earlier fails; they replace agentId and buttonId."""
    mei = await apart.agent_id(MEI)
    await apart.online(MEI, False)
    visitor = await apart.queued(
        agentId=await apart.agent_id(JANE), buttonOverrides=[mei, UNKNOWN_BUTTON, SECOND_BUTTON, BUTTON]
    )
    assert await apart.assigned(visitor) == OMAR


async def test_an_override_that_is_an_agent_has_no_fallback(apart: Service) -> None:
    """2.3, buttonOverrides: an agent id, without fallback."""
    visitor = await apart.queued(buttonOverrides=[await apart.agent_id(MEI), SECOND_BUTTON])
    assert await apart.assigned(visitor) == MEI
    await apart.act(visitor, "decline", agent=MEI)
    assert (await visitor.poll()).types == ["ChatRequestFail"]


async def test_an_override_of_agent_and_button_falls_back_to_the_button(apart: Service) -> None:
    """2.3, buttonOverrides: agentId_buttonId."""
    visitor = await apart.queued(buttonOverrides=[f"{await apart.agent_id(MEI)}_{SECOND_BUTTON}"])
    assert await apart.assigned(visitor) == MEI
    await apart.act(visitor, "decline", agent=MEI)
    assert await apart.assigned(visitor) == OMAR


async def test_the_list_is_not_resumed_once_an_entry_was_picked(apart: Service) -> None:
    """2.3, IBM's finding: when all agents of the picked entry decline, the chat fails."""
    visitor = await apart.queued(buttonOverrides=[BUTTON, SECOND_BUTTON])
    await apart.act(visitor, "decline", agent=JANE)
    assert (await visitor.poll()).message("ChatRequestFail")["reason"] == "Unavailable"


async def test_inside_a_button_the_request_moves_from_one_agent_to_the_next_until_it_fails(
    service: Service,
) -> None:
    """2.3, IBM's finding, and 13.8."""
    visitor = await service.queued()
    for name in (JANE, OMAR, MEI):
        assert await service.assigned(visitor) == name
        await service.act(visitor, "decline", agent=name)
    assert (await visitor.poll()).message("ChatRequestFail")["reason"] == "Unavailable"


@pytest.mark.parametrize(("again", "status"), [(409, 409), (200, 200)])
async def test_a_chat_is_requested_once(make_service: MakeService, again: int, status: int) -> None:
    """2.3: it must be the first POST; what a second one gets is nobody's finding."""
    service = await make_service(init_again=again)
    visitor = await service.requested()
    assert (await visitor.request()).status == status
    assert len(await service.conversations()) == 1


# --- 2.5 ChatMessage, 2.6 typing, 2.7 SneakPeek ---------------------------------------------------------------------


async def test_what_the_visitor_writes_reaches_the_agent_in_order(service: Service) -> None:
    """2.5."""
    visitor = await service.chatting()
    for text in ("one", "two ü 🙂", "<three> & 'four'"):
        assert (await visitor.say(text)).text == "OK"
    assert await service.read(visitor) == ["one", "two ü 🙂", "<three> & 'four'"]


@pytest.mark.parametrize("body", ["{}", ""], ids=["empty object", "no body"])
async def test_the_agent_sees_the_visitor_typing(service: Service, body: str) -> None:
    """2.6: the body is {}, and none is documented."""
    visitor = await service.chatting()
    for noun, typing in (("ChasitorTyping", True), ("ChasitorNotTyping", False)):
        answer = await visitor.call("POST", f"/Chasitor/{noun}", data=body.encode() or None)
        assert (answer.status, answer.text) == (200, "OK")
        assert (await service.view(visitor))["userTyping"] is typing


@pytest.mark.parametrize(("enabled", "shown"), [(True, "I wan"), (False, "")])
async def test_a_preview_shows_when_it_is_enabled(
    make_service: MakeService, enabled: bool, shown: str
) -> None:
    """2.7: only meaningful when ChatEstablished said sneakPeekEnabled; position is the index of the update."""
    service = await make_service(sneak_peek=enabled)
    visitor = await service.requested()
    await service.act(visitor, "accept")
    assert (await visitor.until("ChatEstablished"))["sneakPeekEnabled"] is enabled
    assert (await visitor.post("ChasitorSneakPeek", {"position": 0, "text": "I wan"})).text == "OK"
    assert (await service.view(visitor))["preview"] == shown


# --- 2.8 CustomEvent, 2.9 ChatEnd, 2.10 idle warnings, 2.20 masking rules -------------------------------------------


async def test_a_custom_event_reaches_the_console(service: Service) -> None:
    """2.8: both strings."""
    visitor = await service.chatting()
    assert (await visitor.post("CustomEvent", {"type": "page", "data": '{"path": "/cart"}'})).text == "OK"
    line = (await service.view(visitor))["transcript"][-1]
    assert line["text"] == 'Custom event page: {"path": "/cart"}'


@pytest.mark.parametrize(
    "body",
    [
        {"reason": "client"},
        {"reason": "client", "type": "ChatEndReason"},
        {"reason": "clientIdleTimeout"},
        {"reason": "the user closed the window"},
    ],
    ids=str,
)
async def test_the_visitors_end_is_answered_with_ok_and_comes_with_one_more_poll(
    service: Service, body: dict[str, Any]
) -> None:
    """2.9: reasons as public clients send them; who wants ChatEnded polls once more."""
    visitor = await service.chatting()
    answer = await visitor.post("ChatEnd", body)
    assert (answer.status, answer.text) == (200, "OK")
    assert (await service.view(visitor))["status"] == "ended"
    assert (await visitor.poll()).message("ChatEnded")["reason"] == "client"
    assert (await visitor.poll()).status == 403


@pytest.mark.parametrize(("needed", "status"), [(True, 400), (False, 200)])
async def test_the_end_needs_a_reason(make_service: MakeService, needed: bool, status: int) -> None:
    """2.9: a reason is stated as required."""
    service = await make_service(end_needs_reason=needed)
    visitor = await service.chatting()
    assert (await visitor.post("ChatEnd", {})).status == status


async def test_the_answer_to_the_end_can_carry_the_records(make_service: MakeService) -> None:
    """2.9: the documented reply carries attachedRecords."""
    service = await make_service(end_reply="records", attached_records="ids")
    visitor = await service.chatting(
        prechatEntities=[
            {
                "entityName": "Contact",
                "entityFieldsMaps": [{"fieldName": "Email", "label": "Email", "doCreate": True}],
            }
        ]
    )
    answer = await visitor.post("ChatEnd", {"reason": "client"})
    (record,) = answer.json["attachedRecords"]
    assert record.startswith("003")
    assert (await visitor.poll()).message("ChatEnded")["attachedRecords"] == [record]


async def test_an_end_after_the_agents_end_is_a_403(service: Service) -> None:
    """2.9."""
    visitor = await service.chatting()
    await service.act(visitor, "end")
    assert (await visitor.post("ChatEnd", {"reason": "client"})).status == 403


@pytest.mark.parametrize("word", ["triggered", "cleared"])
async def test_the_clients_idle_warning_is_logged(service: Service, word: str) -> None:
    """2.10: it lets the server log the client-side warning."""
    visitor = await service.chatting()
    body = {"idleTimeoutWarningEvent": word}
    assert (await visitor.post("ChasitorIdleTimeoutWarningEvent", body)).status == 200
    assert (await service.view(visitor))["transcript"][-1]["text"] == f"Idle warning {word}"


async def test_masking_is_reported(service: Service) -> None:
    """2.20: the client applied a rule."""
    visitor = await service.chatting()
    body = {"rules": [{"id": "0GO1", "name": "Cards"}, {"id": "0GO2", "name": "Names"}]}
    assert (await visitor.post("SensitiveDataRuleTriggered", body)).text == "OK"
    line = (await service.view(visitor))["transcript"][-1]
    assert line["text"] == "Sensitive data was masked: Cards, Names"
