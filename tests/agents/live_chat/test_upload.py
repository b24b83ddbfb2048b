"""Uploading a file that an agent asked for."""

from __future__ import annotations

from email import message_from_bytes
from urllib.parse import parse_qs, urlsplit

import pytest

from botkit.agents import File
from botkit.agents.live_chat.calls import MAX_FILE_BYTES, Credentials, FileRequest, upload_request
from botkit.errors import CallRefused, HostNotAllowed
from botkit.http import Request
from tests.agents.live_chat.conftest import SETTINGS
from tests.agents.live_chat.server import BASE, CHAT_ID, KEY

CREDENTIALS = Credentials(KEY, CHAT_ID, "aff0", 40, BASE)
URL = "https://d.la1-c1.salesforceliveagent.com/upload"


def upload(
    url: str = URL, name: str = "a.png", mime_type: str = "image/png", data: bytes = b"\x89PNG"
) -> Request:
    wanted = FileRequest(url, "to/ken=")
    return upload_request(SETTINGS, CREDENTIALS, wanted, base=BASE, file=File(name, mime_type, data))


def parts(request: Request) -> list[tuple[str | None, str | None, str, object]]:
    assert request.body is not None
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    found = message_from_bytes(head + request.body)
    return [
        (
            str(part.get_param("name", header="content-disposition")),
            part.get_filename(),
            part.get_content_type(),
            part.get_payload(decode=True),
        )
        for part in found.walk()
        if not part.is_multipart()
    ]


def test_the_servlet_gets_the_chat_the_organisation_and_the_token() -> None:
    query = parse_qs(urlsplit(upload().url).query)
    assert query == {"orgId": ["00DA"], "chatKey": [CHAT_ID], "fileToken": ["to/ken="], "encoding": ["UTF-8"]}


def test_the_file_is_one_part() -> None:
    assert parts(upload()) == [("file", "a.png", "image/png", b"\x89PNG")]


def test_a_name_cannot_break_out_of_its_header() -> None:
    [(name, filename, _, data)] = parts(upload(name='a"\r\nX: y/../b.png'))
    assert (name, filename, data) == ("file", "a___X: y_.._b.png", b"\x89PNG")


def test_a_senseless_type_is_a_plain_one() -> None:
    assert parts(upload(mime_type="image/png\r\nX: y"))[0][2] == "application/octet-stream"


def test_a_file_is_given_to_salesforce_only() -> None:
    with pytest.raises(HostNotAllowed):
        upload(url="https://evil.example/upload")


def test_a_file_has_a_largest_size() -> None:
    with pytest.raises(CallRefused):
        upload(data=bytes(MAX_FILE_BYTES + 1))
