"""Section 2.21: the file that an agent requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest

from tests.sandbox.live_chat.conformance.conftest import MakeService, Service
from tests.sandbox.live_chat.visitor import ORGANIZATION, Visitor

UploadRequest = tuple[Visitor, dict[str, Any]]
"""A visitor who was asked for a file, and the message that asks."""


@pytest.fixture
async def upload_request(service: Service) -> UploadRequest:
    """A visitor who was asked for a file, and what the message said."""
    visitor = await service.chatting()
    await service.act(visitor, "request-file")
    return visitor, await visitor.until("FileTransfer")


def address(visitor: Visitor, message: Mapping[str, Any], **query: str) -> str:
    request_parameters = {
        "orgId": ORGANIZATION,
        "chatKey": visitor.id,
        "fileToken": message["fileToken"],
        "encoding": "UTF-8",
    }
    return f"{message['uploadServletUrl']}?{urlencode(request_parameters | query)}"


async def upload(
    service: Service,
    visitor: Visitor,
    message: Mapping[str, Any],
    *,
    data: bytes = b"%PDF",
    field: str = "file",
    **query: str,
) -> int:
    form = aiohttp.FormData()
    form.add_field("filename", "scan.pdf")
    form.add_field(field, data, filename="scan.pdf", content_type="application/pdf")
    headers = {"Referer": message["cdmServletUrl"]}
    async with service.http.post(address(visitor, message, **query), data=form, headers=headers) as response:
        return response.status


async def test_the_request_opens_the_upload_on_the_same_host(
    service: Service, upload_request: UploadRequest
) -> None:
    """2.21 and 7, FileTransfer: type, uploadServletUrl, cdmServletUrl, fileToken; 14: servlet on the same host."""
    _, message = upload_request
    assert set(message) == {"type", "uploadServletUrl", "cdmServletUrl", "fileToken"}
    assert message["type"] == "Requested"
    assert message["uploadServletUrl"].startswith(service.base_url)


async def test_the_file_arrives_and_success_is_told(service: Service, upload_request: UploadRequest) -> None:
    """2.21: the part named file, with a filename field and a Referer as one client sends them; 200 is success."""
    visitor, message = upload_request
    assert await upload(service, visitor, message) == 200
    assert await visitor.until("FileTransfer") == {"type": "Success"}
    line = (await service.view(visitor))["transcript"][-1]
    assert (line["role"], line["kind"], line["text"]) == ("EndUser", "attachment", "scan.pdf")
    (file,) = line["attachments"]
    async with service.http.get(file["url"]) as response:
        assert (response.content_type, await response.read()) == ("application/pdf", b"%PDF")


async def test_one_request_takes_one_file(service: Service, upload_request: UploadRequest) -> None:
    """2.21: one file per agent request; 14: one-shot token."""
    visitor, message = upload_request
    assert await upload(service, visitor, message) == 200
    assert await upload(service, visitor, message) == 403


@pytest.mark.parametrize(
    "query",
    [{"fileToken": "guess"}, {"chatKey": "nobody"}, {"orgId": "00DXX0000000000"}, {"fileToken": "ü"}],
    ids=str,
)
async def test_a_wrong_key_opens_nothing(
    service: Service, upload_request: UploadRequest, query: dict[str, Any]
) -> None:
    """2.21: only an agent's request allows an upload."""
    visitor, message = upload_request
    assert await upload(service, visitor, message, **query) == 403
    assert await upload(service, visitor, message) == 200


async def test_the_whole_session_key_is_taken_as_chat_key_too(
    service: Service, upload_request: UploadRequest
) -> None:
    """2.21: chatKey is the part of the key before the first !."""
    visitor, message = upload_request
    assert await upload(service, visitor, message, chatKey=visitor.key) == 200


async def test_a_form_without_the_part_file_is_a_400(service: Service, upload_request: UploadRequest) -> None:
    """2.21: the multipart part is named file."""
    visitor, message = upload_request
    assert await upload(service, visitor, message, field="attachment") == 400


async def test_what_is_no_form_is_a_400(service: Service, upload_request: UploadRequest) -> None:
    """2.21: POST multipart."""
    visitor, message = upload_request
    async with service.http.post(address(visitor, message), data=b"raw") as response:
        assert response.status == 400


async def test_a_file_can_be_too_large(make_service: MakeService) -> None:
    """2.21: no limit was found; 7, FileTransfer: Failure."""
    service = await make_service(max_file_mb=0.001)
    visitor = await service.chatting()
    await service.act(visitor, "request-file")
    message = await visitor.until("FileTransfer")
    assert await upload(service, visitor, message, data=b"x" * 5000) == 413
    assert await visitor.until("FileTransfer") == {"type": "Failure"}


async def test_a_request_can_be_taken_back(service: Service, upload_request: UploadRequest) -> None:
    """7, FileTransfer: Canceled."""
    visitor, message = upload_request
    await service.act(visitor, "cancel-file")
    assert await visitor.until("FileTransfer") == {"type": "Canceled"}
    assert await upload(service, visitor, message) == 403


async def test_after_the_chat_nothing_is_taken(service: Service, upload_request: UploadRequest) -> None:
    """2.21 and 3.10."""
    visitor, message = upload_request
    await service.act(visitor, "end")
    assert await upload(service, visitor, message) == 403


async def test_an_unknown_file_is_a_404(service: Service) -> None:
    """5: unknown resource."""
    async with service.http.get(f"{service.base_url}/chat/servlet/file/nothing") as response:
        assert response.status == 404
