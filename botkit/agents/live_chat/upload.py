"""A file for an agent who asked for one, on its way to the upload servlet (protocols/salesforce-live-chat.md 2.21)."""

from __future__ import annotations

from typing import Self
from urllib.parse import urlencode

import msgspec

from botkit.agents.api import File
from botkit.agents.live_chat.addresses import may_upload_to
from botkit.agents.live_chat.calls import Credentials
from botkit.agents.live_chat.settings import LiveChatSettings
from botkit.agents.salesforce import form_with_file, short_id
from botkit.errors import CallRefused, HostNotAllowed
from botkit.http import Request

MAX_FILE_BYTES = 25_000_000
"""No limit is documented; this one is ours."""
_SECONDS = 60.0


class FileRequest(msgspec.Struct, frozen=True, array_like=True):
    """An agent's open door for one file."""

    upload_url: str
    token: str

    @classmethod
    def read(cls, text: str) -> Self | None:
        """A request written by `written`; None for anything else."""
        try:
            return msgspec.json.decode(text, type=cls)
        except (msgspec.DecodeError, UnicodeError):
            return None

    def written(self) -> str:
        """As it travels through the rules, which do not look into it."""
        return msgspec.json.encode(self).decode()


def upload_request(
    settings: LiveChatSettings,
    credentials: Credentials,
    wanted: FileRequest,
    *,
    base: str,
    file: File,
) -> Request:
    """The upload of one file.

    Raises:
        HostNotAllowed: the servlet is not on a host of Salesforce's.
        CallRefused: the file is too large.
    """
    what = "upload a file"
    if not may_upload_to(base, wanted.upload_url):
        raise HostNotAllowed(what, detail="the upload address is not on a host of Salesforce's")
    if len(file.data) > MAX_FILE_BYTES:
        raise CallRefused(what, detail=f"the file is larger than {MAX_FILE_BYTES} bytes")
    query = urlencode(
        {
            "orgId": short_id(settings.organization_id),
            "chatKey": credentials.id,
            "fileToken": wanted.token,
            "encoding": "UTF-8",
        }
    )
    content_type, body = form_with_file("file", file)
    joint = "&" if "?" in wanted.upload_url else "?"
    headers = {"Content-Type": content_type}
    return Request(what, "POST", f"{wanted.upload_url}{joint}{query}", headers, body, _SECONDS)
