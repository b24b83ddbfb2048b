"""Section 1: base, headers, ids, and the life of a session."""

from __future__ import annotations

import re

import pytest

from tests.sandbox.live_chat.conformance.conftest import MakeService, Service
from tests.sandbox.live_chat.visitor import INVALID

LONG = {
    "organizationId": "00DSB0000000001AAO",
    "deploymentId": "572SB0000000001AAA",
    "buttonId": "573SB0000000001AAA",
}


async def test_the_api_is_anonymous_and_the_session_key_is_the_secret(service: Service) -> None:
    """1: no OAuth, no API key."""
    visitor = await service.requested()
    assert (await visitor.poll()).status == 200


@pytest.mark.parametrize("affinity", ["null", None])
async def test_a_session_is_asked_for_with_the_literal_affinity_null(
    service: Service, affinity: str | None
) -> None:
    """1, AFFINITY: the text null on SessionId; nothing depends on it."""
    headers = {"X-LIVEAGENT-AFFINITY": affinity}
    assert (await service.visitor().call("GET", "/System/SessionId", headers=headers)).status == 200


async def test_header_names_come_in_any_case(service: Service) -> None:
    """1: HTTP header names; public clients spell them in capitals and in small letters."""
    visitor = await service.visitor().begin()
    headers = {
        "x-liveagent-api-version": "34",
        "x-liveagent-affinity": visitor.affinity,
        "x-liveagent-session-key": visitor.key,
    }
    async with service.http.get(f"{service.base_url}/chat/rest/System/Messages", headers=headers) as response:
        assert response.status == 204


async def test_tokens_have_the_captured_shapes(service: Service) -> None:
    """1, token shapes: key = uuid!epoch ms!27 characters of base64=, id is its first part, affinity 8 hex digits."""
    body = (await service.visitor().call("GET", "/System/SessionId")).json
    assert re.fullmatch(re.escape(body["id"]) + r"!\d{13}!.{27}=", body["key"])
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", body["id"])
    assert re.fullmatch(r"[0-9a-f]{8}", body["affinityToken"])
    assert body["clientPollTimeout"] == 40


async def test_the_poll_timeout_can_be_the_text_30_as_in_the_guides_sample(make_service: MakeService) -> None:
    """1, token shapes: captures say 40, the guide's sample the string "30"."""
    service = await make_service(client_poll_timeout=30, poll_timeout_as_text=True)
    assert (await service.visitor().call("GET", "/System/SessionId")).json["clientPollTimeout"] == "30"


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "x"]
)
async def test_a_body_is_read_whatever_its_content_type(service: Service, content_type: str) -> None:
    """1, Content-Type: parse the body whatever the type."""
    visitor = await service.visitor().begin()
    headers = {"Content-Type": content_type}
    answer = await visitor.call("POST", "/Chasitor/ChasitorInit", visitor.request_body(), headers=headers)
    assert (answer.status, answer.text) == (200, "OK")


@pytest.mark.parametrize("numbered", ["ChasitorInit alone", "nothing"])
async def test_sequence_numbers_are_optional(service: Service, numbered: str) -> None:
    """1, SEQUENCE: two clients never send it, four on ChasitorInit at most, and all worked."""
    visitor = await service.visitor().begin()
    first = 1 if numbered == "ChasitorInit alone" else None
    assert (await visitor.post("ChasitorInit", visitor.request_body(), sequence=first)).status == 200
    for text in ("one", "two"):
        assert (await visitor.post("ChatMessage", {"text": text}, sequence=None)).status == 200
    assert await service.read(visitor) == ["one", "two"]


async def test_sequence_numbers_can_be_required(make_service: MakeService) -> None:
    """1, SEQUENCE: documented as +1 on each new request."""
    service = await make_service(sequence_required=True)
    visitor = await service.requested()
    assert (await visitor.post("ChatMessage", {"text": "x"}, sequence=None)).status == 400
    assert (await visitor.resync()).status == 200  # which has no number (2.13)
    assert (await visitor.say("x")).status == 200


@pytest.mark.parametrize("form", ["15 characters", "18 characters"])
async def test_ids_have_15_or_18_characters(service: Service, form: str) -> None:
    """1, ids, and 14: both forms of ids."""
    ids = LONG if form == "18 characters" else {name: value[:15] for name, value in LONG.items()}
    visitor = await service.requested(**ids)
    assert (await visitor.poll()).types[0] == "ChatRequestSuccess"


async def test_a_session_lives_from_its_id_to_its_end(service: Service) -> None:
    """1, life: SessionId, ChasitorInit, Messages; queued, established, messages, ended, then 403 on everything."""
    visitor = await service.visitor().begin()
    assert (await visitor.request()).status == 200
    assert (await visitor.poll()).types == ["ChatRequestSuccess", "QueueUpdate"]
    assert (await visitor.poll()).status == 204  # queued is not accepted
    await service.act(visitor, "accept")
    assert (await visitor.poll()).types == ["ChatEstablished"]
    assert (await visitor.say("hello")).status == 200
    await service.says(visitor, "good morning")
    assert (await visitor.poll()).texts == ["good morning"]
    await service.act(visitor, "end")
    assert (await visitor.poll()).types == ["ChatEnded"]
    for answer in (await visitor.poll(), await visitor.say("late"), await visitor.delete()):
        assert (answer.status, answer.text) == (403, INVALID)


async def test_a_client_without_ack_and_without_numbers_holds_a_whole_conversation(service: Service) -> None:
    """1, SEQUENCE, and 3.3: as the simplest public clients do it."""
    visitor = service.visitor()
    visitor.ack = None
    await visitor.begin()
    await visitor.post("ChasitorInit", visitor.request_body(sessionId=...), sequence=None)
    await visitor.until("ChatRequestSuccess")
    await service.act(visitor, "accept")
    await visitor.until("ChatEstablished")
    for text in ("one", "two"):
        await visitor.post("ChatMessage", {"text": text}, sequence=None)
        await service.says(visitor, text.upper())
        assert (await visitor.until("ChatMessage"))["text"] == text.upper()
    await visitor.post("ChatEnd", {"reason": "client"}, sequence=None)
    assert (await visitor.until("ChatEnded"))["reason"] == "client"
