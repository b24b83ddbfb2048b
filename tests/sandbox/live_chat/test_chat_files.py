"""A file that an agent asks for (protocol section 2.21)."""

from __future__ import annotations

from urllib.parse import urlencode

import aiohttp
import pytest

JANE = "Jane Doe"


@pytest.fixture
async def asked(service):
    """A visitor who was asked for a file, and what the message said."""
    visitor = await service.chatting()
    service.cloud.request_file(visitor.id, JANE)
    return visitor, await visitor.until("FileTransfer")


async def upload(service, visitor, message, *, data: bytes = b"%PDF", field: str = "file", **query: str):
    asked = {
        "orgId": service.cloud.settings.organization_id,
        "chatKey": visitor.id,
        "fileToken": message["fileToken"],
        "encoding": "UTF-8",
    } | query
    form = aiohttp.FormData()
    form.add_field("filename", "scan.pdf")
    form.add_field(field, data, filename="scan.pdf", content_type="application/pdf")
    url = f"{message['uploadServletUrl']}?{urlencode(asked)}"
    async with service.http.post(url, data=form, headers={"Referer": message["cdmServletUrl"]}) as response:
        return response.status


async def test_the_request_opens_the_upload(asked):
    _, message = asked
    assert set(message) == {"type", "uploadServletUrl", "cdmServletUrl", "fileToken"}
    assert message["type"] == "Requested"


async def test_the_file_arrives_and_success_is_told(service, asked):
    visitor, message = asked
    assert await upload(service, visitor, message) == 200
    assert await visitor.until("FileTransfer") == {"type": "Success"}
    line = service.view(visitor)["transcript"][-1]
    assert (line["role"], line["kind"], line["text"]) == ("EndUser", "attachment", "scan.pdf")
    (file,) = line["attachments"]
    async with service.http.get(file["url"]) as response:
        assert (response.content_type, await response.read()) == ("application/pdf", b"%PDF")


async def test_one_request_takes_one_file(service, asked):
    visitor, message = asked
    assert await upload(service, visitor, message) == 200
    assert await upload(service, visitor, message) == 403


@pytest.mark.parametrize(
    "query",
    [{"fileToken": "guess"}, {"chatKey": "nobody"}, {"orgId": "00DXX0000000000"}, {"fileToken": "ü"}],
    ids=str,
)
async def test_a_wrong_key_opens_nothing(service, asked, query):
    visitor, message = asked
    assert await upload(service, visitor, message, **query) == 403
    assert await upload(service, visitor, message) == 200


async def test_the_whole_session_key_is_taken_as_chat_key_too(service, asked):
    visitor, message = asked
    assert await upload(service, visitor, message, chatKey=visitor.key) == 200


async def test_a_form_without_the_file_is_a_400(service, asked):
    visitor, message = asked
    assert await upload(service, visitor, message, field="attachment") == 400


async def test_what_is_no_form_is_a_400(service, asked):
    visitor, message = asked
    query = urlencode(
        {
            "orgId": service.cloud.settings.organization_id,
            "chatKey": visitor.id,
            "fileToken": message["fileToken"],
        }
    )
    async with service.http.post(f"{message['uploadServletUrl']}?{query}", data=b"raw") as response:
        assert response.status == 400


async def test_a_file_that_is_too_large_fails(make_service):
    service = await make_service(max_file_mb=0.001)
    visitor = await service.chatting()
    service.cloud.request_file(visitor.id, JANE)
    message = await visitor.until("FileTransfer")
    assert await upload(service, visitor, message, data=b"x" * 5000) == 413
    assert await visitor.until("FileTransfer") == {"type": "Failure"}


async def test_a_request_can_be_taken_back(service, asked):
    visitor, message = asked
    service.cloud.cancel_file(visitor.id, JANE)
    assert await visitor.until("FileTransfer") == {"type": "Canceled"}
    assert await upload(service, visitor, message) == 403


async def test_after_the_chat_nothing_is_taken(service, asked):
    visitor, message = asked
    service.cloud.agent_ends(visitor.id, JANE)
    assert await upload(service, visitor, message) == 403


async def test_an_unknown_file_is_a_404(service):
    async with service.http.get(f"{service.base_url}/chat/servlet/file/nothing") as response:
        assert response.status == 404
