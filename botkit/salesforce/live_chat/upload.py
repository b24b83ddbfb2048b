"""A file for an agent who asked for one, on its way to the upload servlet (protocols/salesforce-live-chat.md 2.21)."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import urlencode

from botkit.errors import CallRefused, HostNotAllowed
from botkit.http import Request
from botkit.salesforce.live_chat.address import may_upload_to
from botkit.salesforce.live_chat.calls import Credentials
from botkit.salesforce.live_chat.position import FileRequest
from botkit.salesforce.live_chat.settings import LiveChatSettings, short_id

MAX_FILE_BYTES = 25_000_000
"""No limit is documented; this one is ours."""
_SECONDS = 120.0


def upload_request(
    settings: LiveChatSettings,
    credentials: Credentials,
    wanted: FileRequest,
    *,
    base: str,
    name: str,
    mime_type: str,
    data: bytes,
) -> Request:
    """The upload of one file.

    Raises:
        HostNotAllowed: the servlet is not on a host of Salesforce's.
        CallRefused: the file is too large.
    """
    what = "upload a file"
    if not may_upload_to(base, wanted.upload_url):
        raise HostNotAllowed(what, detail="the upload address is not on a host of Salesforce's")
    if len(data) > MAX_FILE_BYTES:
        raise CallRefused(what, detail=f"the file is larger than {MAX_FILE_BYTES} bytes")
    query = urlencode(
        {
            "orgId": short_id(settings.organization_id),
            "chatKey": credentials.id,
            "fileToken": wanted.token,
            "encoding": "UTF-8",
        }
    )
    content_type, body = _multipart(name=name, mime_type=mime_type, data=data)
    joint = "&" if "?" in wanted.upload_url else "?"
    headers = {"Content-Type": content_type}
    return Request(what, "POST", f"{wanted.upload_url}{joint}{query}", headers, body, _SECONDS)


def _multipart(*, name: str, mime_type: str, data: bytes) -> tuple[str, bytes]:
    """One part, `file`. The boundary comes from the content, which therefore cannot hold it but by design."""
    boundary = f"botkit-{hashlib.blake2b(data, digest_size=16).hexdigest()}"
    plain_name = _NOT_IN_A_NAME.sub("_", name)[:200] or "file"
    plain_type = mime_type if _MIME_TYPE.fullmatch(mime_type) else "application/octet-stream"
    head = (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="{plain_name}"\r\n'
        f"Content-Type: {plain_type}\r\n\r\n"
    )
    return (
        f"multipart/form-data; boundary={boundary}",
        head.encode() + data + f"\r\n--{boundary}--\r\n".encode(),
    )


_NOT_IN_A_NAME = re.compile(r'[\x00-\x1f\x7f"\\/]')
_MIME_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}")
