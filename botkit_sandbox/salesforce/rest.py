"""The routes of the real host: REST under /iamessage/api/v2, and the event stream.

See docs/protocols/salesforce-miaw.md, 1 to 4.
"""

from __future__ import annotations

from aiohttp import BodyPartReader, web

from botkit_sandbox.salesforce.bodies import (
    Acknowledgements,
    NewConversation,
    SendFile,
    SendMessage,
    T,
    TokenRequest,
    TypingEntry,
    parse,
)
from botkit_sandbox.salesforce.cloud import SalesforceCloud
from botkit_sandbox.salesforce.edge import STREAM, Edge, json_answer, json_body
from botkit_sandbox.salesforce.embedded_service import embedded_service_routes
from botkit_sandbox.salesforce.queries import conversation_list, entry_list
from botkit_sandbox.salesforce.refusal import Refusal
from botkit_sandbox.salesforce.stream import PATH as STREAM_PATH
from botkit_sandbox.salesforce.stream import EventStream
from botkit_sandbox.salesforce.tokens import Claims
from botkit_sandbox.salesforce.transcripts import pdf_of, transcript_item

BASE = "/iamessage/api/v2"
JSON_LIMIT = 1024 * 1024
PDF_ENTRIES = 200
INLINE_TYPES = ("image/png", "image/jpeg", "image/gif", "image/bmp", "application/pdf", "text/plain")


def routes(cloud: SalesforceCloud) -> web.Application:
    """The emulated host as a web application, served at the root of its own port."""
    edge = Edge(cloud)
    app = web.Application(middlewares=[edge.middleware], client_max_size=JSON_LIMIT)
    app.on_response_prepare.append(edge.add_cors)

    async def stop(_: web.Application) -> None:
        edge.stop()
        cloud.drop_streams(how="end")

    app.on_shutdown.append(stop)
    api = _Api(cloud, edge)
    one = BASE + "/conversation/{conversation}"
    add = app.router.add_route
    add(
        "POST",
        f"{BASE}/authorization/unauthenticated/access-token",
        api.guest_token,
        name="unauthenticatedToken",
    )
    add(
        "POST",
        f"{BASE}/authorization/authenticated/access-token",
        api.verified_token,
        name="authenticatedToken",
    )
    add("DELETE", f"{BASE}/authorization/authenticated/access-token", api.revoke, name="revokeToken")
    add("GET", f"{BASE}/authorization/continuation-access-token", api.continuation, name="continuationToken")
    add("POST", f"{BASE}/conversation", api.create, name="createConversation")
    add("GET", f"{BASE}/conversation/list", api.list, name="listConversations")
    add("GET", one, api.status, name="routingStatus")
    add("DELETE", one, api.close, name="closeConversation")
    add("GET", f"{one}/entries", api.entries, name="listConversationEntries")
    add("POST", f"{one}/message", api.message, name="sendMessage")
    add("POST", f"{one}/file", api.file, name="sendFile")
    add("POST", f"{one}/entry", api.typing, name="typing")
    add("POST", f"{one}/acknowledge-entries", api.acknowledge, name="acknowledgeEntries")
    add("DELETE", f"{one}/session", api.end_session, name="endSession")
    add("GET", f"{one}/transcript", api.transcript, name="transcript")
    add("GET", "/iamessage/attachments/{file}", api.attachment, name="attachment")
    add("GET", STREAM_PATH, api.stream, name=STREAM)
    app.add_routes(embedded_service_routes(cloud))
    return app


class _Api:
    """One method per operation: read the request, ask the cloud, answer."""

    def __init__(self, cloud: SalesforceCloud, edge: Edge) -> None:
        self._cloud = cloud
        self._edge = edge

    # --- tokens ------------------------------------------------------------------------------------------------

    async def guest_token(self, request: web.Request) -> web.Response:
        return json_answer(self._cloud.guest_token(await self._body(request, TokenRequest)))

    async def verified_token(self, request: web.Request) -> web.Response:
        return json_answer(self._cloud.verified_token(await self._body(request, TokenRequest)))

    async def continuation(self, request: web.Request) -> web.Response:
        return json_answer(self._cloud.continuation_token(self._caller(request)))

    async def revoke(self, request: web.Request) -> web.Response:
        self._cloud.revoke(self._caller(request))
        return web.Response(status=204)

    # --- conversations -----------------------------------------------------------------------------------------

    async def create(self, request: web.Request) -> web.Response:
        claims = self._caller(request)
        body = await self._body(request, NewConversation)
        status = self._cloud.create(claims, body)
        if self._cloud.settings.create_reply == "empty":
            return web.Response(status=status)
        return json_answer({"conversationId": body.conversation_id}, status=status)

    async def list(self, request: web.Request) -> web.Response:
        claims = self._caller(request)
        owned = [each for each in self._cloud.conversations.values() if each.owner.subject == claims.subject]
        return json_answer(conversation_list(owned, request.query, self._cloud.settings))

    async def status(self, request: web.Request) -> web.Response:
        conversation = self._cloud.owned(self._caller(request), _id(request), reading=True)
        return json_answer({"conversationId": conversation.id, "routingStatus": conversation.routing_status})

    async def entries(self, request: web.Request) -> web.Response:
        conversation = self._cloud.owned(self._caller(request), _id(request), reading=True)
        return json_answer(entry_list(conversation.entries, request.query, self._cloud.settings))

    async def message(self, request: web.Request) -> web.Response:
        claims = self._caller(request)
        body = await self._body(request, SendMessage)
        return json_answer(self._cloud.send(claims, _id(request), body), status=202)

    async def file(self, request: web.Request) -> web.Response:
        claims = self._caller(request)
        entry, name, mime_type, data = await self._parts(request)
        sent = parse(entry, SendFile, unknown_properties=self._cloud.settings.unknown_properties)
        answer = self._cloud.send_file(claims, _id(request), sent, name=name, mime_type=mime_type, data=data)
        return json_answer(answer, status=202)

    async def typing(self, request: web.Request) -> web.Response:
        claims = self._caller(request)
        body = await self._body(request, TypingEntry)
        self._cloud.user_typing(claims, _id(request), started=body.entry_type == "TypingStartedIndicator")
        return json_answer({})

    async def acknowledge(self, request: web.Request) -> web.Response:
        claims = self._caller(request)
        body = await self._body(request, Acknowledgements)
        self._cloud.acknowledge(claims, _id(request), body.acks)
        status = self._cloud.settings.acknowledge_status
        return json_answer({}) if status == 200 else web.Response(status=status)

    async def end_session(self, request: web.Request) -> web.Response:
        self._cloud.leave_session(self._caller(request), _id(request), _developer_name(request))
        return web.Response(status=204)

    async def close(self, request: web.Request) -> web.Response:
        self._cloud.close(self._caller(request), _id(request), _developer_name(request))
        return web.Response(status=204)

    async def transcript(self, request: web.Request) -> web.Response:
        cloud, claims = self._cloud, self._caller(request)
        cloud.check_developer_name(_developer_name(request))
        conversation = cloud.owned(claims, _id(request), reading=True)
        if not cloud.settings.transcript_enabled:
            raise Refusal(403, "Transcript download is not enabled on this deployment")
        newest = [*conversation.entries][-PDF_ENTRIES:]
        items = [item for entry in newest if (item := transcript_item(entry)) is not None]
        lines = [f"{item['name'] or item['role']}: {item['text']}" for item in items]
        return web.Response(
            body=pdf_of(lines),
            content_type="application/pdf",
            headers={"Content-Disposition": 'attachment; filename="transcript.pdf"'},
        )

    async def attachment(self, request: web.Request) -> web.Response:
        file = self._cloud.files.get(request.match_info["file"])
        if self._cloud.settings.attachment_needs_token:
            claims = self._caller(request)
            if file is not None and file.owner != claims.subject:
                raise Refusal(403, "The attachment belongs to another end user")
        if file is None:
            raise Refusal(404, "Attachment not found")
        kind = file.mime_type if file.mime_type in INLINE_TYPES else "application/octet-stream"
        response = web.Response(
            body=file.data, content_type=kind, headers={"X-Content-Type-Options": "nosniff"}
        )
        plain = "".join(letter if letter.isalnum() or letter in "._- " else "_" for letter in file.name)
        response.headers["Content-Disposition"] = (
            f'attachment; filename="{plain.encode("ascii", "replace").decode()}"'
        )
        return response

    # --- the event stream --------------------------------------------------------------------------------------

    async def stream(self, request: web.Request) -> web.StreamResponse:
        cloud, claims = self._cloud, self._caller(request)
        if request.headers.get("X-Org-Id") != claims.org_id:
            raise Refusal(400, "OrgId in the header and token must match")
        last_id = request.headers.get("Last-Event-Id", "")
        if not last_id and cloud.settings.last_event_id_required:
            raise Refusal(400, "Last-Event-Id is required")
        seen = int(last_id) if last_id.isascii() and last_id.isdecimal() and len(last_id) < 20 else 0
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream;charset=UTF-8",
                "Cache-Control": "no-cache, no-store",
                "X-Accel-Buffering": "no",
            }
        )
        if not await self._edge.headers_pass(request):
            return response
        await response.prepare(request)
        self._record_stream(request, "eventStream opened")
        log = cloud.end_users[claims.subject].log
        await EventStream(cloud, request, claims, place=log.place_after(seen)).run(response)
        self._record_stream(request, "eventStream ended")
        return response

    def _record_stream(self, request: web.Request, label: str) -> None:
        if self._cloud.wire is not None:
            self._cloud.wire.record(
                source="botkit",
                target="salesforce",
                label=label,
                method="GET",
                path=request.path_qs,
                status=200,
                request_headers=dict(request.headers),
            )

    # --- reading requests --------------------------------------------------------------------------------------

    def _caller(self, request: web.Request) -> Claims:
        return self._cloud.authorize(request.headers.get("Authorization"))

    async def _body(self, request: web.Request, shape: type[T]) -> T:
        return parse(
            await json_body(request), shape, unknown_properties=self._cloud.settings.unknown_properties
        )

    async def _parts(self, request: web.Request) -> tuple[bytes, str, str, bytes]:
        """The two parts of an upload: `messageEntry`, and the name, type and bytes of `fileData`."""
        if request.content_type != "multipart/form-data":
            raise Refusal(415, "Content-Type must be multipart/form-data")
        entry: bytes | None = None
        file: tuple[str, str, bytes] | None = None
        largest = int(self._cloud.settings.max_file_mb * 1024 * 1024)
        try:
            async for part in await request.multipart():
                if not isinstance(part, BodyPartReader):
                    raise Refusal(400, "Nested multipart is not supported")
                if part.name == "messageEntry":
                    entry = await _read(part, JSON_LIMIT)
                elif part.name == "fileData":
                    data = await _read(part, largest)
                    file = part.filename or "file", part.headers.get("Content-Type", ""), data
        except ValueError as error:
            raise Refusal(400, "The multipart body cannot be read") from error
        if entry is None or file is None:
            raise Refusal(400, "The parts messageEntry and fileData are required")
        return entry, *file


async def _read(part: BodyPartReader, limit: int) -> bytes:
    data = bytearray()
    while chunk := await part.read_chunk(64 * 1024):
        data += chunk
        if len(data) > limit:
            raise Refusal(413, f"The part {part.name} is larger than {limit} bytes")
    return bytes(part.decode(bytes(data)))


def _id(request: web.Request) -> str:
    return request.match_info["conversation"]


def _developer_name(request: web.Request) -> str:
    name = request.query.get("esDeveloperName")
    if not name:
        raise Refusal(400, "Required request parameter 'esDeveloperName' is not present")
    return name
