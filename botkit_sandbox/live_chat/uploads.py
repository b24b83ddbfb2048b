"""The upload servlet: one file for each request by an agent.

See docs/protocols/salesforce-live-chat.md, 2.21.
"""

from __future__ import annotations

import hmac

from aiohttp import BodyPartReader, web

from botkit_sandbox.live_chat import messages
from botkit_sandbox.live_chat.cloud import LiveChatCloud
from botkit_sandbox.live_chat.core import SERVLET, same_id
from botkit_sandbox.live_chat.sessions import INVALID
from botkit_sandbox.live_chat.state import Chat
from botkit_sandbox.salesforce.refusal import Refusal
from botkit_sandbox.salesforce.state import StoredFile

CHUNK = 64 * 1024
INLINE_TYPES = ("image/png", "image/jpeg", "image/gif", "image/bmp", "application/pdf", "text/plain")


class Uploads:
    """Accepts files of visitors, and serves them to the console."""

    def __init__(self, cloud: LiveChatCloud) -> None:
        self._cloud = cloud

    async def receive(self, request: web.Request) -> web.Response:
        """POST multipart; the part is named ``file``.

        Raises:
            Refusal: 400, 403 (unknown chat or token), 413.
        """
        chat = self._chat(request)
        name, mime_type, data = await self._file(request)
        limit = self._cloud.settings.max_file_mb
        if chat.file_request is None:
            raise Refusal(403, INVALID)  # cancelled or used during the upload
        chat.file_request = None
        if data is None:
            self._cloud.send(chat, "FileTransfer", messages.file_transfer("Failure"))
            raise Refusal(413, f"Request Entity Too Large: more than {limit:g} MB")
        self._store(chat, name, mime_type, data)
        return web.Response(text="OK")

    async def show(self, request: web.Request) -> web.Response:
        """GET an uploaded file. Its URL cannot be guessed.

        Raises:
            Refusal: 404.
        """
        file = self._cloud.files.get(request.path.rpartition("/")[2])
        if file is None:
            raise Refusal(404, "Not Found")
        kind = file.mime_type if file.mime_type in INLINE_TYPES else "application/octet-stream"
        return web.Response(body=file.data, content_type=kind, headers={"X-Content-Type-Options": "nosniff"})

    def _chat(self, request: web.Request) -> Chat:
        query = request.query
        session = self._cloud.sessions.get(query.get("chatKey", "").partition("!")[0])
        chat = session.chat if session is not None and not session.dead else None
        if (
            chat is None
            or chat.file_request is None
            or not same_id(query.get("orgId", ""), self._cloud.settings.organization_id)
            or not hmac.compare_digest(
                chat.file_request.token.encode(), query.get("fileToken", "").encode("utf-8", "replace")
            )
        ):
            raise Refusal(403, INVALID)
        return chat

    async def _file(self, request: web.Request) -> tuple[str, str, bytes | None]:
        """Name, type and bytes of the part ``file``; None for one that is too large."""
        if request.content_type != "multipart/form-data":
            raise Refusal(400, "Bad Request: multipart/form-data is required")
        limit = int(self._cloud.settings.max_file_mb * 1024 * 1024)
        try:
            async for part in await request.multipart():
                if isinstance(part, BodyPartReader) and part.name == "file":
                    data = bytearray()
                    while chunk := await part.read_chunk(CHUNK):
                        data += chunk
                        if len(data) > limit:
                            return "", "", None
                    kind = part.headers.get("Content-Type", "application/octet-stream")
                    return part.filename or "file", kind, bytes(part.decode(bytes(data)))
        except ValueError as error:
            raise Refusal(400, "Bad Request: the multipart body cannot be read") from error
        raise Refusal(400, "Bad Request: the part file is required")

    def _store(self, chat: Chat, name: str, mime_type: str, data: bytes) -> None:
        cloud = self._cloud
        file_id = cloud.chance.token(16).hex()
        cloud.files.put(file_id, StoredFile(name, mime_type, data, chat.id))
        url = f"{cloud.base_url}{SERVLET}/file/{file_id}"
        file = {"name": name, "mimeType": mime_type, "url": url}
        cloud.line(chat, "EndUser", name, name=chat.visitor_name, kind="attachment", attachments=[file])
        cloud.send(chat, "FileTransfer", messages.file_transfer("Success"))
