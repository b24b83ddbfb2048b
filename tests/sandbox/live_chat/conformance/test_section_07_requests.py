"""Section 7, first part: what becomes of a request. ChatRequestSuccess, ChatRequestFail, QueueUpdate."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.live_chat.conformance.conftest import MakeService, Service
from tests.sandbox.live_chat.visitor import JANE, MEI, OMAR, SECOND_BUTTON

RULE = {"id": "0GO1", "name": "Cards", "pattern": r"\d{16}", "replacement": "****"}


# --- ChatRequestSuccess ---------------------------------------------------------------------------------------------


async def test_success_has_the_captured_fields(service: Service) -> None:
    """7, ChatRequestSuccess; visitorId equals the session id, a wait that is not known is -1."""
    visitor = await service.requested()
    success = (await visitor.poll()).message("ChatRequestSuccess")
    assert success == {
        "connectionTimeout": 150_000,
        "estimatedWaitTime": -1,
        "sensitiveDataRules": [],
        "transcriptSaveEnabled": False,
        "url": "",
        "oref": "",
        "queuePosition": 1,
        "customDetails": [],
        "visitorId": visitor.id,
        "geoLocation": success["geoLocation"],
    }
    assert set(success["geoLocation"]) == {
        "organization",
        "countryName",
        "latitude",
        "countryCode",
        "longitude",
    }


@pytest.mark.parametrize(
    ("switches", "said"),
    [
        ({"geo_location": False}, ("geoLocation", None)),
        ({"transcript_save_enabled": True}, ("transcriptSaveEnabled", True)),
    ],
    ids=str,
)
async def test_success_depends_on_the_deployment(
    make_service: MakeService, switches: dict[str, Any], said: tuple[str, bool | None]
) -> None:
    """7, ChatRequestSuccess."""
    service = await make_service(**switches)
    success = (await (await service.requested()).poll()).message("ChatRequestSuccess")
    assert success.get(said[0]) == said[1]


async def test_the_page_after_the_chat_is_named(make_service: MakeService) -> None:
    """7: the guide adds postChatUrl, to ChatRequestFail and ChasitorSessionData as well."""
    url = "https://acme.example/bye"
    service = await make_service(post_chat_url=url)
    visitor = await service.requested()
    assert (await visitor.poll()).message("ChatRequestSuccess")["postChatUrl"] == url
    await service.inject("pod-restart")
    await visitor.reconnect()
    assert (await visitor.poll()).message("ChasitorSessionData")["postChatUrl"] == url
    await service.act(visitor, "route-failure")
    assert (await visitor.poll()).message("ChatRequestFail")["postChatUrl"] == url


@pytest.mark.parametrize("action", ["Replace", "Remove"])
@pytest.mark.parametrize("sent_in", ["ChatRequestSuccess", "SensitiveDataRules"])
async def test_sensitive_data_rules_are_for_the_client_to_apply(
    make_service: MakeService, sent_in: str, action: str
) -> None:
    """7: the client must apply them; Remove is known by name [C]; the guide has a message SensitiveDataRules of its own."""
    service = await make_service(rules_sent_in=sent_in)
    await service.console("PUT", "switches", {"sensitive_data_rules": [RULE | {"action": action}]})
    visitor = await service.requested()
    answer = await visitor.poll()
    said = [each["message"] for each in answer.json["messages"] if each["type"] == sent_in]
    assert said[0]["sensitiveDataRules"] == [RULE | {"actionType": action}]
    assert ("SensitiveDataRules" in answer.types) is (sent_in == "SensitiveDataRules")
    await visitor.say("4111111111111111")
    assert await service.read(visitor) == ["4111111111111111"]


# --- ChatRequestFail ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["Unavailable", "NoPost", "InternalFailure", "Blocked", "Unknown"])
async def test_a_request_fails_with_each_reason_and_that_is_terminal(service: Service, reason: str) -> None:
    """7, ChatRequestFail: as captured."""
    await service.inject("request-fail", reason=reason, times=1)
    visitor = await service.requested()
    assert (await visitor.poll()).json["messages"] == [
        {"type": "ChatRequestFail", "message": {"reason": reason, "attachedRecords": []}}
    ]
    assert (await visitor.poll()).status == 403


async def test_a_failure_has_the_guides_fields_if_switched_so(make_service: MakeService) -> None:
    """7, ChatRequestFail: the guide shows no attachedRecords."""
    service = await make_service(payload_fields="guide")
    await service.inject("request-fail", times=1)
    answer = await (await service.requested()).poll()
    assert answer.message("ChatRequestFail") == {"reason": "Unavailable"}


@pytest.mark.parametrize("state", ["queued", "chatting"])
async def test_a_request_can_fail_later_even_during_the_chat(service: Service, state: str) -> None:
    """7, ChatRequestFail: after ChatRequestSuccess, and even mid-chat."""
    visitor = await getattr(service, state)()
    await service.act(visitor, "route-failure", reason="Unavailable")
    assert (await visitor.poll()).types[-1] == "ChatRequestFail"
    assert (await service.view(visitor))["status"] == "ended"


async def test_with_nobody_online_the_request_fails_at_once(service: Service) -> None:
    """7, Unavailable: no agent."""
    for name in (JANE, OMAR, MEI):
        await service.online(name, False)
    assert (await (await service.requested()).poll()).types == ["ChatRequestFail"]


async def test_with_nobody_online_the_request_can_succeed_and_fail_then(make_service: MakeService) -> None:
    """3.2, as captured: ChatRequestSuccess, QueueUpdate, ChatRequestFail, sequence 2."""
    service = await make_service(unavailable_reply="success-then-fail")
    for name in (JANE, OMAR, MEI):
        await service.online(name, False)
    answer = await (await service.requested()).poll()
    assert answer.types == ["ChatRequestSuccess", "QueueUpdate", "ChatRequestFail"]
    assert answer.json["sequence"] == 2


async def test_a_request_fails_when_everybody_goes_offline(service: Service) -> None:
    """7, Unavailable: went offline."""
    visitor = await service.queued()
    for name in (JANE, OMAR, MEI):
        await service.online(name, False)
    assert (await visitor.poll()).types == ["ChatRequestFail"]


WRONG_TARGETS: list[dict[str, Any]] = [
    {"organizationId": "00DXX0000000000"},
    {"deploymentId": "572XX0000000000"},
    {"buttonId": "573XX0000000000"},
    {"buttonOverrides": ["573XX0000000000"]},
]


@pytest.mark.parametrize("changes", WRONG_TARGETS, ids=str)
async def test_a_wrong_target_fails_with_no_post(service: Service, changes: dict[str, Any]) -> None:
    """7, NoPost: bad org, deployment or button configuration."""
    visitor = await service.requested(**changes)
    assert (await visitor.poll()).message("ChatRequestFail")["reason"] == "NoPost"


async def test_a_wrong_target_can_have_another_reason(make_service: MakeService) -> None:
    """7, NoPost: what it stands for is one client's reading."""
    service = await make_service(wrong_target_reason="InternalFailure")
    visitor = await service.requested(**WRONG_TARGETS[2])
    assert (await visitor.poll()).message("ChatRequestFail")["reason"] == "InternalFailure"


async def test_a_wrong_target_can_be_a_400(make_service: MakeService) -> None:
    """7, NoPost, and 5."""
    service = await make_service(wrong_target="refuse")
    visitor = await service.visitor().begin()
    assert (await visitor.request(**WRONG_TARGETS[2])).status == 400


# --- QueueUpdate ----------------------------------------------------------------------------------------------------


async def test_the_queue_moves_up_and_everybody_is_told(make_service: MakeService) -> None:
    """7, QueueUpdate: position 0 = next; ChatRequestSuccess says 1 for the same place, as captured."""
    service = await make_service(auto_assign=False)
    visitors = [await service.requested() for _ in range(3)]
    for place, visitor in enumerate(visitors):
        answer = await visitor.poll()
        assert answer.message("ChatRequestSuccess")["queuePosition"] == place + 1
        assert answer.message("QueueUpdate") == {"estimatedWaitTime": -1, "position": place}
    await service.act(visitors[0], "accept")
    assert [(await visitor.poll()).message("QueueUpdate")["position"] for visitor in visitors[1:]] == [0, 1]


async def test_each_button_has_a_queue_of_its_own(make_service: MakeService) -> None:
    """7, QueueUpdate."""
    service = await make_service(auto_assign=False)
    await service.requested()
    visitor = await service.requested(buttonId=SECOND_BUTTON)
    assert (await visitor.poll()).message("QueueUpdate")["position"] == 0


async def test_a_queue_without_positions_always_says_0(make_service: MakeService) -> None:
    """7, QueueUpdate: as Omni queue routing does, IBM found."""
    service = await make_service(auto_assign=False, queue_positions=False)
    await service.requested()
    answer = await (await service.requested()).poll()
    assert answer.types == ["ChatRequestSuccess"]
    assert answer.message("ChatRequestSuccess")["queuePosition"] == 0
