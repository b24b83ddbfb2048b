"""Section 5: what each status means, and which ones a resource answers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.live_chat.conformance.conftest import MakeService, Service
from tests.sandbox.live_chat.visitor import BUTTON, DEPLOYMENT, INVALID, NOUNS, ORGANIZATION

TARGET = f"org_id={ORGANIZATION}&deployment_id={DEPLOYMENT}"
RESOURCES = {
    "SessionId": ("GET", "/System/SessionId", {200, 400, 405, 500, 503}),
    "ChasitorInit": ("POST", "/Chasitor/ChasitorInit", {200, 400, 403, 409, 500, 503}),
    "Messages": ("GET", "/System/Messages?ack=-1", {200, 204, 403, 409, 500, 503}),
    "ChatMessage": ("POST", "/Chasitor/ChatMessage", {200, 400, 403, 409, 500, 503}),
    "MultiNoun": ("POST", "/System/MultiNoun", {200, 400, 403, 409, 500, 503}),
    "ReconnectSession": ("GET", "/System/ReconnectSession", {200, 403, 405, 503}),
    "Availability": (
        "GET",
        f"/Visitor/Availability?{TARGET}&Availability.ids={BUTTON}",
        {200, 400, 404, 503},
    ),
    "Settings": ("GET", f"/Visitor/Settings?{TARGET}", {200, 400, 404, 503}),
}


# --- 400 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [None, "", "fifty"])
@pytest.mark.parametrize(("method", "path"), [each[:2] for each in RESOURCES.values()], ids=RESOURCES)
async def test_400_without_a_version(service: Service, method: str, path: str, version: str | None) -> None:
    """5, and 1, API-VERSION: every request; 400 when its value is missing."""
    visitor = await service.chatting()
    headers = {"X-LIVEAGENT-API-VERSION": version}
    assert (await visitor.call(method, path, data=b"{}", headers=headers)).status == 400


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"12", b'{"text": 1}', b"\xff\xfe", b"[" * 5000])
async def test_400_for_a_body_that_is_missing_or_not_understood(service: Service, body: bytes) -> None:
    """5."""
    visitor = await service.chatting()
    assert (await visitor.call("POST", "/Chasitor/ChatMessage", data=body)).status == 400


@pytest.mark.parametrize(
    ("noun", "body"),
    [
        ("CustomEvent", {"type": "page"}),
        ("CustomEvent", {"type": "page", "data": {}}),
        ("ChasitorSneakPeek", {"position": 0}),
        ("ChasitorIdleTimeoutWarningEvent", {"idleTimeoutWarningEvent": "maybe"}),
        ("SensitiveDataRuleTriggered", {}),
        ("ChasitorResyncState", {}),
        ("MultiNoun", {}),
    ],
    ids=str,
)
async def test_400_for_a_noun_without_what_it_needs(
    service: Service, noun: str, body: dict[str, Any]
) -> None:
    """5, with 2.7 to 2.20."""
    visitor = await service.chatting()
    assert (await visitor.post(noun, body)).status == 400


@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize("number", ["one", "1.5", "--1", "9" * 30])
async def test_an_ack_or_sequence_that_is_no_number_is_refused(
    make_service: MakeService, number: str, status: int
) -> None:
    """5 [C]: the compilation has no 400 for Messages."""
    service = await make_service(unreadable_number=status)
    visitor = await service.chatting()
    assert (await visitor.call("GET", f"/System/Messages?ack={number}")).status == status
    assert (await visitor.post("ChatMessage", {"text": "x"}, sequence=number)).status == status
    await service.inject("pod-restart")
    assert (await visitor.reconnect(offset=number)).status == status


# --- 404, 405 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/System/Nothing",
        "/Chasitor/Nothing",
        "/Agent/Login",
        "/",
        "/System/SessionId/x/y",
        "/System/Messages/1",
    ],
)
async def test_404_for_what_does_not_exist(service: Service, path: str) -> None:
    """5: unknown resource."""
    assert (await service.visitor().call("GET", path)).status == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/System/SessionId"),
        ("POST", "/System/Messages"),
        ("GET", "/Chasitor/ChatMessage"),
        ("GET", "/Chasitor/ChasitorInit"),
        ("PUT", "/System/MultiNoun"),
        ("POST", "/Visitor/Availability"),
    ],
)
async def test_405_for_the_wrong_method_names_the_right_one(service: Service, method: str, path: str) -> None:
    """5: wrong method."""
    answer = await service.visitor().call(method, path)
    assert answer.status == 405
    assert answer.headers["Allow"]


# --- 500, 503 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("noun", NOUNS)
async def test_500_for_what_is_posted_before_the_chat_was_requested(service: Service, noun: str) -> None:
    """5: the guide warns of a NullPointer; 2.3: ChasitorInit must be the first POST."""
    visitor = await service.visitor().begin()
    assert (await visitor.post(noun, NOUNS[noun])).status == 500


async def test_what_is_written_before_an_agent_accepted_waits_for_the_agent(service: Service) -> None:
    """5, 500: two clients send right after ChasitorInit nevertheless; queue and deliver is the default."""
    visitor = await service.requested()
    for text in ("one", "two"):
        assert (await visitor.say(text)).status == 200
    await service.act(visitor, "accept")
    assert await service.read(visitor) == ["one", "two"]


async def test_what_is_written_before_an_agent_accepted_can_be_a_500(make_service: MakeService) -> None:
    """5, 500: as the guide warns."""
    service = await make_service(strict_before_established=True)
    visitor = await service.requested()
    assert (await visitor.say("too early")).status == 500
    await service.act(visitor, "accept")
    assert (await visitor.say("now")).status == 200
    assert await service.read(visitor) == ["now"]


async def test_503_when_there_are_too_many_sessions_and_not_before(make_service: MakeService) -> None:
    """5: SessionId may answer 503."""
    service = await make_service(max_sessions=2)
    first = await service.visitor().begin()
    await service.visitor().begin()
    assert (await service.visitor().call("GET", "/System/SessionId")).status == 503
    await first.delete()
    assert (await service.visitor().call("GET", "/System/SessionId")).status == 200


# --- bodies of errors, and statuses per resource --------------------------------------------------------------------


async def test_errors_are_plain_text(service: Service) -> None:
    """5: as captured."""
    answer = await service.visitor().call("GET", "/System/Nothing")
    assert answer.headers["Content-Type"].startswith("text/plain")


async def test_errors_can_repeat_code_and_message_as_json(make_service: MakeService) -> None:
    """5: as the guide says."""
    service = await make_service(error_body="json")
    answer = await service.visitor().call("GET", "/System/Messages?ack=-1")
    assert (answer.status, answer.json) == (
        403,
        {"code": 403, "message": INVALID},
    )
    await service.inject("status", status=500, times=1)
    assert (await service.visitor().call("GET", "/System/SessionId")).json["code"] == 500
    answer = await service.visitor().call("POST", "/System/SessionId")
    assert (answer.status, answer.headers["Allow"]) == (405, "DELETE,GET")


@pytest.mark.parametrize("name", RESOURCES)
async def test_a_resource_can_answer_each_of_its_statuses_and_any_other(service: Service, name: str) -> None:
    """5 [C compilation]: expected per resource; a fault answers what a client should be tried with."""
    method, path, statuses = RESOURCES[name]
    visitor = await service.chatting()
    for status in [*sorted(statuses - {200, 204}), 429, 502]:
        await service.inject("status", status=status, operation=name, times=1)
        assert (await visitor.call(method, path, data=b"{}")).status == status


@pytest.mark.parametrize("name", RESOURCES)
async def test_by_itself_a_resource_answers_with_its_statuses_only(service: Service, name: str) -> None:
    """5 [C compilation]: in every state of a session, and with a wrong key or affinity."""
    method, path, statuses = RESOURCES[name]
    seen = set()
    for state in ("begun", "queued", "chatting", "ended", "moved"):
        visitor = await (service.visitor().begin() if state == "begun" else service.queued())
        if state == "chatting":
            await service.act(visitor, "accept")
        elif state == "ended":
            await service.act(visitor, "route-failure")
        elif state == "moved":
            await service.inject("pod-restart", conversation_id=visitor.id)
        for changes in ({}, {"X-LIVEAGENT-SESSION-KEY": "x"}, {"X-LIVEAGENT-AFFINITY": "x"}):
            headers = {"X-LIVEAGENT-SEQUENCE": "7"} | changes
            seen.add((await visitor.call(method, path, data=b"{}", headers=headers)).status)
    assert seen <= statuses
