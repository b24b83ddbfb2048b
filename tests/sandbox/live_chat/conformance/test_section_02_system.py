"""Sections 2, 2.1, 2.2, 2.4 and 2.14: the resources under System (reconnecting is in section 3.9)."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import pytest
import yarl

from tests.sandbox.live_chat.conformance.conftest import MakeService, Service
from tests.sandbox.live_chat.visitor import INVALID, NOUNS

# --- 2, all successful POSTs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("noun", NOUNS)
async def test_a_successful_post_answers_200_with_ok_as_plain_text(service: Service, noun: str) -> None:
    """2: the plain text body OK."""
    visitor = await service.chatting()
    answer = await visitor.post(noun, NOUNS[noun])
    assert (answer.status, answer.text) == (200, "OK")
    assert answer.headers["Content-Type"].startswith("text/plain")


async def test_a_successful_post_can_answer_202(make_service: MakeService) -> None:
    """2: the guide lists 202 as well."""
    service = await make_service(post_status=202)
    visitor = await service.visitor().begin()
    assert (await visitor.request()).status == 202


async def test_a_successful_post_can_have_no_body(make_service: MakeService) -> None:
    """2.3: no body is documented."""
    service = await make_service(post_body="empty")
    visitor = await service.visitor().begin()
    answer = await visitor.request()
    assert (answer.status, answer.text) == (200, "")


# --- 2.1 SessionId --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/System/SessionId", "/System/SessionId/", "/System/SessionId?SessionId.ClientType=lightning"]
)
async def test_a_session_may_be_asked_for_with_a_slash_or_a_client_type(service: Service, path: str) -> None:
    """2.1: also written with a slash; the client type of consoles is ignored."""
    answer = await service.visitor().call("GET", path)
    assert answer.status == 200
    assert set(answer.json) == {"key", "id", "clientPollTimeout", "affinityToken"}


async def test_each_session_is_another_one(service: Service) -> None:
    """2.1: the key is the secret."""
    one, other = [(await service.visitor().call("GET", "/System/SessionId")).json for _ in range(2)]
    assert one["key"] != other["key"]
    assert one["id"] != other["id"]


async def test_a_session_that_asks_for_nothing_expires_soon(service: Service) -> None:
    """2.1: ChasitorInit has to follow soon."""
    visitor = await service.visitor().begin()
    service.clock.pass_seconds(61)
    assert (await visitor.request()).status == 403


async def test_a_session_without_a_request_is_no_conversation(service: Service) -> None:
    """2.1: it can be polled, and no agent sees it."""
    visitor = await service.visitor().begin()
    assert (await visitor.poll()).status == 204
    assert await service.conversations() == []


# --- 2.2 DELETE SessionId -------------------------------------------------------------------------------------------


async def test_deleting_the_session_ends_the_chat_and_leaves_nothing_to_fetch(service: Service) -> None:
    """2.2: the alternative to ChatEnd; 3.10: 403 after it."""
    visitor = await service.chatting()
    assert (await visitor.delete()).status == 200
    assert (await service.view(visitor))["status"] == "ended"
    answer = await visitor.poll()
    assert (answer.status, answer.text) == (403, INVALID)


@pytest.mark.parametrize("status", [202, 204])
async def test_a_deletion_can_answer_any_2xx(make_service: MakeService, status: int) -> None:
    """2.2: answer 200/2xx."""
    service = await make_service(delete_status=status)
    visitor = await service.chatting()
    assert (await visitor.delete()).status == status


@pytest.mark.parametrize("encoded", [False, True], ids=["raw", "percent-encoded"])
async def test_the_key_stands_in_the_path_raw_or_percent_encoded(service: Service, encoded: bool) -> None:
    """2.2: it holds !, = and may hold / and +; the documented headers are AFFINITY and API-VERSION."""
    for _ in range(300):  # about every ninth key has both
        visitor = await service.visitor().begin()
        if {"+", "/"} <= set(visitor.key):
            break
    else:
        pytest.fail("no key with / and +")
    key = quote(visitor.key, safe="") if encoded else visitor.key
    url = yarl.URL(f"{service.base_url}/chat/rest/System/SessionId/{key}", encoded=True)
    headers = {"X-LIVEAGENT-API-VERSION": "34", "X-LIVEAGENT-AFFINITY": visitor.affinity}
    async with service.http.delete(url, headers=headers) as response:
        assert response.status == 200
    assert (await visitor.poll()).status == 403


async def test_a_deletion_may_carry_key_and_sequence_too(service: Service) -> None:
    """2.2: one client also sends KEY and SEQUENCE."""
    visitor = await service.chatting()
    headers = {"X-LIVEAGENT-SEQUENCE": "7"}
    assert (await visitor.call("DELETE", f"/System/SessionId/{visitor.key}", headers=headers)).status == 200


async def test_a_poll_that_waits_is_refused_when_the_session_is_deleted(make_service: MakeService) -> None:
    """2.2 and 3.10."""
    service = await make_service(poll_hold_seconds=30)
    visitor = await service.chatting()
    poll = asyncio.create_task(visitor.poll())
    await service.polling()
    await visitor.delete()
    assert (await poll).status == 403


# --- 2.4 Messages ---------------------------------------------------------------------------------------------------


async def test_a_reply_has_messages_sequence_and_offset(service: Service) -> None:
    """2.4: {"messages": [{"type", "message"}], "sequence", "offset"}."""
    visitor = await service.requested()
    body = (await visitor.poll()).json
    assert set(body) == {"messages", "sequence", "offset"}
    assert all(set(each) == {"type", "message"} for each in body["messages"])


# --- 2.14 MultiNoun -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["object", "data as text", "data as object"])
async def test_a_batch_has_its_payloads_as_object_or_as_data(service: Service, form: str) -> None:
    """2.14: the table names a string `data`, the sample uses `object`."""
    visitor = await service.chatting()
    body = '{"text": "hi"}' if form == "data as text" else {"text": "hi"}
    answer = await visitor.batch(("ChatMessage", body), payload=form.partition(" ")[0])
    assert (answer.status, answer.text) == (200, "OK")
    assert await service.read(visitor) == ["hi"]


async def test_a_batch_is_done_in_order_and_its_responses_come_through_messages(service: Service) -> None:
    """2.14: the guide's sample says a last word and ends the chat."""
    visitor = await service.chatting()
    answer = await visitor.batch(
        ("ChatMessage", {"text": "one"}), ("ChatMessage", {"text": "two"}), ("ChatEnd", {"reason": "client"})
    )
    assert (answer.status, answer.text) == (200, "OK")
    assert await service.read(visitor) == ["one", "two"]
    assert (await visitor.poll()).types == ["ChatEnded"]


async def test_a_batch_has_one_sequence_number(service: Service) -> None:
    """2.14: headers including SEQUENCE."""
    visitor = await service.requested()
    assert (await visitor.batch(("ChatMessage", {"text": "a"}), ("ChatMessage", {"text": "b"}))).status == 200
    assert (await visitor.post("ChatMessage", {"text": "c"}, sequence=3)).status == 200
    assert await service.read(visitor) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "part",
    [
        {"prefix": "Chasitor", "noun": "Dance", "object": {}},
        {"prefix": "System", "noun": "SessionId", "object": {}},
        {"prefix": "Chasitor", "noun": "ChatMessage", "object": {}},
        {"prefix": "Chasitor", "noun": "ChatMessage", "data": "not json"},
    ],
    ids=str,
)
async def test_of_a_batch_with_a_part_that_is_not_understood_nothing_is_done(
    service: Service, part: dict[str, Any]
) -> None:
    """2.14 and 5: 400 for a body that is not understood."""
    visitor = await service.requested()
    good = {"prefix": "Chasitor", "noun": "ChatMessage", "object": {"text": "one"}}
    assert (await visitor.post("MultiNoun", {"nouns": [good, part]})).status == 400
    assert await service.read(visitor) == []


async def test_what_follows_the_end_in_a_batch_is_refused(service: Service) -> None:
    """2.14 and 3.10: 403 after the end."""
    visitor = await service.requested()
    answer = await visitor.batch(("ChatEnd", {"reason": "client"}), ("ChatMessage", {"text": "late"}))
    assert answer.status == 403
    assert await service.read(visitor) == []
