"""Requests of the end user: messages, answers, files, typing, receipts (docs/protocols/salesforce-miaw.md, 3)."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest

from tests.sandbox.salesforce.conftest import Client, MakeSalesforce, Salesforce


def upload(
    client: Client,
    *,
    name: str = "photo.png",
    data: bytes = b"\x89PNG...",
    mime: str = "image/png",
    message: Any = None,
    parts: Sequence[str] = ("messageEntry", "fileData"),
) -> aiohttp.FormData:
    entry = {
        "esDeveloperName": client.cloud.settings.developer_name,
        "message": {"id": str(uuid.uuid4()), "fileId": str(uuid.uuid4()), "text": "look"} | (message or {}),
    }
    form = aiohttp.FormData()
    if "messageEntry" in parts:
        form.add_field("messageEntry", json.dumps(entry), content_type="application/json")
    if "fileData" in parts:
        form.add_field("fileData", io.BytesIO(data), filename=name, content_type=mime)
    return form


async def send_file(client: Client, **what: Any) -> tuple[int, Any]:
    response = await client.http.post(
        f"{client.base_url}/iamessage/api/v2{client.path}/file",
        data=upload(client, **what),
        headers={"Authorization": f"Bearer {client.token}"},
    )
    return response.status, await response.json()


async def test_a_message_answers_202_with_its_id_and_time(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    message_id = str(uuid.uuid4())
    status, body = await client.say("hello", message_id)
    assert status == 202
    assert [entry["id"] for entry in body["conversationEntries"]] == [message_id]
    assert isinstance(body["conversationEntries"][0]["clientTimestamp"], int)


async def test_a_message_is_echoed_with_the_clients_id_as_identifier(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    message_id = str(uuid.uuid4())
    async with client.listening() as stream:
        await client.say("hello", message_id)
        await stream.until(lambda self: "MESSAGE" in self.names)
    event = stream.events[-1]
    assert event.entry["identifier"] == message_id
    assert event.entry["sender"]["role"] == "EndUser"
    assert event.entry["sender"]["subject"] == client.granted["context"]["endUser"]["subject"]
    assert event.payload["abstractMessage"]["id"] == message_id


async def test_messages_are_taken_while_waiting_for_an_agent(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    assert (await client.say("anybody there?"))[0] == 202
    assert salesforce.cloud.conversation(client.conversation_id).stage == "assigned"


async def test_a_repeated_id_gets_the_same_answer_and_no_second_event(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    message_id = str(uuid.uuid4())
    first = await client.say("hello", message_id)
    assert await client.say("hello", message_id) == first
    assert len(await client.entries(entryTypeFilter="Message")) == 1


STATIC = "StaticContentMessage"
TEXT = {"formatType": "Text", "text": "hi"}


@pytest.mark.parametrize(
    "message",
    [
        {"messageType": "CloseConversation"},
        {
            "messageType": "CloseConversation",
            "formResponse": {"formatType": "Inputs", "inputValues": [{"inputId": "a"}]},
        },
        {"messageType": "ChoicesMessage", "choices": {}},
        {"messageType": STATIC},
        {"messageType": STATIC, "staticContent": {"formatType": "Text"}},
        {"messageType": STATIC, "staticContent": {"formatType": "Text", "text": ""}},
        {"messageType": STATIC, "staticContent": {"formatType": "Text", "text": 5}},
        {"messageType": STATIC, "staticContent": {"formatType": "Attachments", "attachments": []}},
        {"messageType": STATIC, "staticContent": {"text": "hi"}},
        {"messageType": "ChoicesResponseMessage", "staticContent": TEXT},
        {
            "messageType": "ChoicesResponseMessage",
            "choicesResponse": {"formatType": "Selections", "selectedOptions": []},
        },
        {"messageType": "FormResponseMessage", "formResponse": {"formatType": "Text", "inputValues": [{}]}},
        {"id": "not-a-uuid", "messageType": STATIC, "staticContent": TEXT},
        {"id": None, "messageType": STATIC, "staticContent": TEXT},
        {"staticContent": TEXT},
    ],
    ids=str,
)
async def test_a_message_that_an_end_user_may_not_send_is_a_400(
    salesforce: Salesforce, message: dict[str, Any]
) -> None:
    client = await salesforce.opened()
    body = client.message("hi")
    body["message"] = {"id": str(uuid.uuid4())} | message
    status, answer = await client.call("POST", f"{client.path}/message", body)
    assert (status, answer["errorCode"]) == (400, "BAD_REQUEST")
    assert await client.entries(entryTypeFilter="Message") == []


async def test_a_message_without_the_developer_name_is_a_400(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    assert (await client.say("hi", esDeveloperName=None))[0] == 400
    assert (await client.say("hi", esDeveloperName="Nobody"))[0] == 400


async def test_a_text_over_the_limit_is_a_400(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    assert (await client.say("x" * 10_000))[0] == 202
    assert (await client.say("x" * 10_001))[0] == 400


async def test_a_message_to_an_unknown_conversation_is_a_404(salesforce: Salesforce) -> None:
    client = await salesforce.client().sign_in()
    status, body = await client.say("hello")
    assert (status, body["errorCode"]) == (404, "NOT_FOUND")


async def test_an_answer_to_a_question_is_taken(salesforce: Salesforce) -> None:
    client = await salesforce.accepted()
    question = salesforce.cloud.agent_sends(
        client.conversation_id,
        "Jane Doe",
        {"messageType": "ChoicesMessage", "choices": {"formatType": "Buttons"}},
    )
    body = client.message("")
    body["message"] = {
        "id": str(uuid.uuid4()),
        "messageType": "ChoicesResponseMessage",
        "inReplyToMessageId": question.identifier,
        "choicesResponse": {
            "formatType": "Selections",
            "selectedOptions": [
                {"optionIdentifier": "option-1", "optionTitle": {"itemType": "TitleItem", "title": "Yes"}}
            ],
        },
    }
    status, _ = await client.call("POST", f"{client.path}/message", body)
    newest = (await client.entries())[0]["entryPayload"]["abstractMessage"]
    assert status == 202
    assert newest["inReplyToMessageId"] == question.identifier
    assert newest["choicesResponse"]["selectedOptions"][0]["optionTitle"]["title"] == "Yes"


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("see https://acme.example/a", ["Text:see", "RichLink:https://acme.example/a"]),
        ("https://acme.example/a is it", ["RichLink:https://acme.example/a", "Text:is it"]),
        ("see https://acme.example/a there", ["Text:see https://acme.example/a there"]),
        ("https://acme.example/a", ["Text:https://acme.example/a"]),
        ("no link", ["Text:no link"]),
    ],
)
async def test_a_web_address_at_an_end_of_the_text_makes_two_messages(
    salesforce: Salesforce, text: str, pieces: list[str]
) -> None:
    client = await salesforce.opened()
    message_id = str(uuid.uuid4())
    _, body = await client.say(text, message_id)
    listed = (await client.entries(entryTypeFilter="Message"))[::-1]
    contents = [entry["entryPayload"]["abstractMessage"]["staticContent"] for entry in listed]
    shown = [f"{each['formatType']}:{each.get('text') or each['linkItem']['url']}" for each in contents]
    assert shown == pieces
    assert message_id in [entry["identifier"] for entry in listed]
    assert len(body["conversationEntries"]) == 1


async def test_the_splitting_can_be_switched_off(make_salesforce: MakeSalesforce) -> None:
    client = await (await make_salesforce(split_urls=False)).opened()
    await client.say("see https://acme.example/a")
    assert len(await client.entries(entryTypeFilter="Message")) == 1


async def test_with_pre_chat_per_session_a_message_after_the_end_is_a_417_until_it_asks_for_a_new_session(
    make_salesforce: MakeSalesforce,
) -> None:
    salesforce = await make_salesforce(display_context="Session")
    client = await salesforce.accepted()
    assert (await client.say("first session"))[0] == 202
    salesforce.cloud.agent_ends(client.conversation_id, "Jane Doe")
    message_id = str(uuid.uuid4())
    refused, body = await client.say("again", message_id)
    assert (refused, body["errorCode"]) == (417, "EXPECTATION_FAILED")
    again, _ = await client.say(
        "again",
        message_id,
        isNewMessagingSession=True,
        routingAttributes={"_subject": "second"},
        language="en_US",
    )
    conversation = salesforce.cloud.conversation(client.conversation_id)
    assert again == 202
    assert len(conversation.sessions) == 2
    assert conversation.attributes["_subject"] == "second"


async def test_with_pre_chat_per_conversation_a_message_after_the_end_silently_opens_a_new_session(
    salesforce: Salesforce,
) -> None:
    client = await salesforce.accepted()
    salesforce.cloud.agent_ends(client.conversation_id, "Jane Doe")
    assert (await client.say("again"))[0] == 202
    assert len(salesforce.cloud.conversation(client.conversation_id).sessions) == 2


async def test_22_messages_a_minute_can_be_made_the_limit(make_salesforce: MakeSalesforce) -> None:
    now = [1_760_000_000_000]
    salesforce = await make_salesforce(messages_per_minute=22, clock=lambda: now[0])
    client = await salesforce.opened()
    statuses = [(await client.say(f"{number}"))[0] for number in range(23)]
    assert statuses == [202] * 22 + [429]
    now[0] += 60_000
    assert (await client.say("later"))[0] == 202


async def test_a_repeated_message_does_not_count_against_the_limit(make_salesforce: MakeSalesforce) -> None:
    client = await (await make_salesforce(messages_per_minute=1)).opened()
    message_id = str(uuid.uuid4())
    assert [(await client.say("hi", message_id))[0] for _ in range(3)] == [202] * 3


async def test_opt_out_words_intercept_the_user_when_switched_on(make_salesforce: MakeSalesforce) -> None:
    salesforce = await make_salesforce(opt_out_words=("stop", "end"))
    client = await salesforce.accepted()
    async with client.listening() as stream:
        await client.say(" End ")
        await stream.until(lambda self: "END_USER_CONSENT_UPDATED" in self.names)
    assert salesforce.cloud.conversation(client.conversation_id).stage == "ended"


# --- files -----------------------------------------------------------------------------------------------------


async def test_a_file_is_echoed_as_a_message_whose_address_gives_the_same_bytes(
    salesforce: Salesforce,
) -> None:
    client = await salesforce.opened()
    status, body = await send_file(client, data=b"\x89PNG data")
    content = (await client.entries())[0]["entryPayload"]["abstractMessage"]["staticContent"]
    assert status == 202
    assert len(body["conversationEntries"]) == 1
    assert (content["formatType"], content["text"]) == ("Attachments", "look")
    attachment = content["attachments"][0]
    assert (attachment["name"], attachment["mimeType"]) == ("photo.png", "image/png")
    response = await client.http.get(attachment["url"])
    assert (response.status, response.content_type, await response.read()) == (
        200,
        "image/png",
        b"\x89PNG data",
    )


async def test_a_file_over_5_mb_is_a_413(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    status, body = await send_file(client, data=b"x" * (5 * 1024 * 1024 + 1))
    assert (status, body["errorCode"]) == (413, "PAYLOAD_TOO_LARGE")
    assert (await send_file(client, data=b"x" * (5 * 1024 * 1024)))[0] == 202


async def test_a_file_of_another_type_is_a_415(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    status, body = await send_file(client, name="run.exe", mime="application/octet-stream")
    assert (status, body["errorCode"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("parts", [(), ("fileData",), ("messageEntry",)])
async def test_an_upload_without_both_parts_is_a_400(salesforce: Salesforce, parts: tuple[str, ...]) -> None:
    client = await salesforce.opened()
    if not parts:
        writer = aiohttp.MultipartWriter("form-data")
        status, _ = await client.call("POST", f"{client.path}/file", writer)
    else:
        status, _ = await send_file(client, parts=parts)
    assert status == 400


async def test_an_upload_that_is_not_multipart_is_a_415(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    assert (await client.call("POST", f"{client.path}/file", {"a": 1}))[0] == 415


async def test_attachments_can_be_switched_off_on_the_channel(make_salesforce: MakeSalesforce) -> None:
    client = await (await make_salesforce(files_enabled=False)).opened()
    assert (
        client.granted["context"]["configuration"]["embeddedServiceConfig"]["attachments"]["endUserToAgent"]
        is False
    )
    assert (await send_file(client))[0] == 400


async def test_a_repeated_upload_is_taken_once(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    message = {"id": str(uuid.uuid4())}
    assert await send_file(client, message=message) == await send_file(client, message=message)
    assert len(await client.entries(entryTypeFilter="Message")) == 1


async def test_an_attachment_can_need_the_token(make_salesforce: MakeSalesforce) -> None:
    salesforce = await make_salesforce(attachment_needs_token=True)
    client, other = await salesforce.opened(), await salesforce.opened()
    await send_file(client)
    url = (await client.entries())[0]["entryPayload"]["abstractMessage"]["staticContent"]["attachments"][0][
        "url"
    ]
    path = url.removeprefix(client.base_url)
    answers = [await client.raw("GET", path, token=token) for token in (None, other.token, client.token)]
    assert [answer.status for answer in answers] == [401, 403, 200]


async def test_a_file_that_could_run_in_a_browser_is_served_as_mere_bytes(salesforce: Salesforce) -> None:
    client = await salesforce.accepted()
    entry = salesforce.cloud.agent_sends_file(
        client.conversation_id, "Jane Doe", name='a"\r\nx.html', mime_type="text/html", data=b"<script>"
    )
    url = entry.payload["abstractMessage"]["staticContent"]["attachments"][0]["url"]
    response = await client.http.get(url)
    assert response.content_type == "application/octet-stream"
    assert response.headers["Content-Disposition"] == 'attachment; filename="a___x.html"'
    assert response.headers["X-Content-Type-Options"] == "nosniff"


# --- typing and receipts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry_type", "typing"), [("TypingStartedIndicator", True), ("TypingStoppedIndicator", False)]
)
async def test_typing_answers_200_and_is_shown_to_the_agent(
    salesforce: Salesforce, entry_type: str, typing: bool
) -> None:
    client = await salesforce.accepted()
    body = {"entryType": entry_type, "id": str(uuid.uuid4())}
    status, _ = await client.call("POST", f"{client.path}/entry", body)
    assert status == 200
    assert salesforce.cloud.state()["conversations"][0]["userTyping"] is typing


@pytest.mark.parametrize(
    "body", [{"entryType": "Message", "id": str(uuid.uuid4())}, {"entryType": "TypingStartedIndicator"}, {}]
)
async def test_a_wrong_typing_entry_is_a_400(salesforce: Salesforce, body: dict[str, Any]) -> None:
    client = await salesforce.opened()
    assert (await client.call("POST", f"{client.path}/entry", body))[0] == 400


@pytest.mark.parametrize("spelling", ["Read", "ReadAcknowledgement"])
@pytest.mark.parametrize(("switch", "answer"), [(200, {}), (204, None)])
async def test_receipts_are_taken_in_both_spellings_and_shown_to_the_agent(
    make_salesforce: MakeSalesforce, spelling: str, switch: int, answer: dict[str, Any] | None
) -> None:
    salesforce = await make_salesforce(acknowledge_status=switch)
    client = await salesforce.accepted()
    entry = salesforce.cloud.agent_says(client.conversation_id, "Jane Doe", "hello")
    ack = {"id": str(uuid.uuid4()), "entryType": spelling, "conversationEntryId": entry.identifier}
    got = await client.call("POST", f"{client.path}/acknowledge-entries", {"acks": [ack]})
    assert got == (switch, answer)
    items = salesforce.cloud.state()["conversations"][0]["transcript"]
    assert [item["receipt"] for item in items if item["text"] == "hello"] == ["Read"]


async def test_a_wrong_receipt_is_a_400(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    for body in (
        {},
        {"acks": [{"id": "x"}]},
        {"acks": [{"id": "x", "entryType": "Seen", "conversationEntryId": "y"}]},
    ):
        assert (await client.call("POST", f"{client.path}/acknowledge-entries", body))[0] == 400
