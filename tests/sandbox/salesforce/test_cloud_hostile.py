"""Malformed bodies and contents are refused or shown, but never answered with 500."""

from __future__ import annotations

import io
import uuid
from typing import Any

import pytest

from tests.sandbox.salesforce.conftest import MakeSalesforce, Salesforce

DEEP = b'{"a":' * 50_000 + b"1" + b"}" * 50_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{",
        b'{"message": null}',
        b'{"message": {"id": "\\ud800"}}',
        b"\xff",
        DEEP,
    ],
    ids=lambda body: str(body[:30]),
)
@pytest.mark.parametrize("what", ["/message", "/entry", "/acknowledge-entries", ""])
async def test_a_body_that_cannot_be_understood_is_a_400(
    salesforce: Salesforce, what: str, body: bytes
) -> None:
    client = await salesforce.opened()
    path = f"{client.path}{what}" if what else "/conversation"
    status, answer = await client.call("POST", path, body)
    assert (status, answer["errorCode"]) == (400, "BAD_REQUEST")


async def test_a_body_over_a_megabyte_is_a_413(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    response = await client.http.post(
        f"{client.base_url}/iamessage/api/v2{client.path}/message",
        data=io.BytesIO(b"x" * 1_200_000),
    )
    client.answers.append(response)
    assert response.status == 413
    assert (await response.json())["errorCode"] == "PAYLOAD_TOO_LARGE"


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"messageType": 5},
        {"messageType": "StaticContentMessage"},
        {"messageType": "StaticContentMessage", "staticContent": "text"},
        {
            "messageType": "StaticContentMessage",
            "staticContent": {"formatType": "Attachments", "attachments": "x"},
        },
        {"messageType": "StaticContentMessage", "staticContent": {"formatType": "RichLink", "linkItem": []}},
        {"messageType": "ChoicesMessage", "choices": {"optionItems": [1, {"titleItem": "x"}]}},
        {"messageType": "FormMessage", "form": {"sections": [{"input": 1}]}},
    ],
    ids=str,
)
async def test_raw_content_of_any_shape_is_sent_and_shown_somehow(
    salesforce: Salesforce, content: dict[str, Any]
) -> None:
    client = await salesforce.accepted()
    body = {"agent": "Jane Doe", "content": content}
    status, _ = await salesforce.control("POST", f"conversations/{client.conversation_id}/say", body)
    assert status == 200
    assert (await salesforce.control("GET", "state"))[0] == 200
    assert len(await client.entries(entryTypeFilter="Message")) == 1


@pytest.mark.parametrize(
    "answer",
    [
        {
            "messageType": "ChoicesResponseMessage",
            "choicesResponse": {"formatType": "Selections", "selectedOptions": [{"optionTitle": "x"}]},
        },
        {
            "messageType": "FormResponseMessage",
            "formResponse": {"formatType": "Inputs", "inputValues": [{"displayValue": []}]},
        },
    ],
    ids=lambda answer: answer["messageType"],
)
async def test_answers_of_an_odd_shape_are_taken(salesforce: Salesforce, answer: dict[str, Any]) -> None:
    client = await salesforce.opened()
    body = client.message("") | {"message": {"id": str(uuid.uuid4())} | answer}
    assert (await client.call("POST", f"{client.path}/message", body))[0] == 202


@pytest.mark.parametrize(
    "entry_type", ["Message", "ParticipantChanged", "SessionStatusChanged", "RoutingResult"]
)
async def test_raw_events_of_any_shape_do_not_break_the_console(
    salesforce: Salesforce, entry_type: str
) -> None:
    client = await salesforce.opened()
    body = {"event": "X", "entryType": entry_type, "payload": {"entries": 5}, "listed": True}
    assert (await salesforce.control("POST", f"conversations/{client.conversation_id}/emit", body))[0] == 200
    assert (await salesforce.control("GET", "state"))[0] == 200


async def test_an_event_name_cannot_smuggle_a_second_event_in(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    body = {"event": "X\ndata:1\n\nevent:Y", "entryType": "X", "payload": {}}
    assert (await salesforce.control("POST", f"conversations/{client.conversation_id}/emit", body))[0] == 409


async def test_errors_of_the_event_router_can_be_plain_text(make_salesforce: MakeSalesforce) -> None:
    client = (await make_salesforce(event_router_errors="text")).client()
    response = await client.raw("GET", "/eventrouter/v1/sse", token="x.y.z")
    assert response.status == 401
    assert await response.text() == "Jwt is not valid"


async def test_an_attachment_that_is_not_there_is_a_404(salesforce: Salesforce) -> None:
    status, _ = await salesforce.client().call("GET", f"/iamessage/attachments/{uuid.uuid4()}", token=None)
    assert status == 404


async def test_a_full_sandbox_forgets_closed_conversations_and_then_refuses_new_ones(
    make_salesforce: MakeSalesforce,
) -> None:
    salesforce = await make_salesforce(max_open_conversations=2)
    first, second = await salesforce.opened(), await salesforce.opened()
    third = await salesforce.client().sign_in()
    assert (await third.create())[0] == 429
    await first.call("DELETE", first.path + first.deletes)
    assert (await third.create())[0] == 201
    assert set(salesforce.cloud.conversations) == {second.conversation_id, third.conversation_id}


async def test_the_oldest_attachments_go_when_there_are_too_many(
    monkeypatch: pytest.MonkeyPatch, salesforce: Salesforce
) -> None:
    monkeypatch.setattr("botkit_sandbox.salesforce.state.FILE_BYTES_KEPT", 10)
    client = await salesforce.accepted()
    urls = []
    for number in range(3):
        entry = salesforce.cloud.agent_sends_file(
            client.conversation_id, "Jane Doe", name=f"{number}.txt", mime_type="text/plain", data=b"12345"
        )
        urls.append(entry.payload["abstractMessage"]["staticContent"]["attachments"][0]["url"])
    answers = [await client.raw("GET", url.removeprefix(client.base_url)) for url in urls]
    assert [answer.status for answer in answers] == [404, 200, 200]
