"""The routes of the real host: /chat/rest/{System|Chasitor|Visitor}/…, and the upload servlet.

They are served alone, or beside the emulated MIAW on one port. They have an edge of their own, so that the faults of one service
do not affect the other.

See docs/protocols/salesforce-live-chat.md, 2.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import unquote

from aiohttp import web

from botkit_sandbox.live_chat import bodies, messages
from botkit_sandbox.live_chat.bodies import parse
from botkit_sandbox.live_chat.chatting import Caller
from botkit_sandbox.live_chat.cloud import LiveChatCloud
from botkit_sandbox.live_chat.core import SERVLET
from botkit_sandbox.live_chat.edge import KEY, LONG_POLL, Edge, Handler
from botkit_sandbox.live_chat.polling import Polling
from botkit_sandbox.live_chat.settings import SINCE_RECONNECT, offers
from botkit_sandbox.live_chat.state import Session
from botkit_sandbox.live_chat.uploads import Uploads
from botkit_sandbox.live_chat.visitors import Visitors
from botkit_sandbox.salesforce.edge import hang_up, is_gone, json_answer
from botkit_sandbox.salesforce.refusal import Refusal

BASE = "/chat/rest"
VERSION = "X-LIVEAGENT-API-VERSION"
AFFINITY = "X-LIVEAGENT-AFFINITY"
SEQUENCE = "X-LIVEAGENT-SEQUENCE"
JSON_LIMIT = 1024 * 1024
SWEEP_SECONDS = 0.5
Next = Callable[[web.Request], Awaitable[web.StreamResponse]]


def routes(cloud: LiveChatCloud) -> web.Application:
    """The service as a web application."""
    app = web.Application(client_max_size=JSON_LIMIT)
    add_routes(app, cloud)
    return app


def add_routes(app: web.Application, cloud: LiveChatCloud) -> None:
    """Add the service to the application of another one, whose middlewares do not see its requests."""
    api = LiveChatApi(cloud)

    @web.middleware
    async def gate(request: web.Request, handler: Next) -> web.StreamResponse:
        if request.path.startswith((BASE + "/", SERVLET + "/")):
            return await api.answer(request)
        return await handler(request)

    async def sweeping(_: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(api.sweep_for_ever())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def stop(_: web.Application) -> None:
        api.stop()

    app.middlewares.insert(0, gate)
    app.cleanup_ctx.append(sweeping)
    app.on_shutdown.append(stop)


class LiveChatApi:
    """One method per operation: read the request, ask the cloud, answer."""

    def __init__(self, cloud: LiveChatCloud) -> None:
        self._cloud = cloud
        self._edge = Edge(cloud)
        self._polling = Polling(cloud)
        self._visitors = Visitors(cloud)
        self._uploads = Uploads(cloud)
        self._nouns = self._table()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Dispatch a request to its operation."""
        operation, handler = self._find(request)
        return await self._edge.around(request, operation, handler)

    async def sweep_for_ever(self) -> None:
        """Sweep periodically, for events without a request: agents who log off, clients that stop polling."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self._cloud.sweep()

    def stop(self) -> None:
        """Release all waiting requests."""
        self._edge.stop()
        self._polling.stop()

    def operations(self) -> list[str]:
        """The names of the operations, as faults and the wire use them."""
        return sorted({name for methods in self._nouns.values() for name, _ in methods.values()})

    # --- finding the operation ---------------------------------------------------------------------------------

    def _table(self) -> dict[str, dict[str, tuple[str, Handler]]]:
        reconnect = ("ReconnectSession", self._reconnect)
        table: dict[str, dict[str, tuple[str, Handler]]] = {
            f"{BASE}/System/SessionId": {
                "GET": ("SessionId", self._session_id),
                "DELETE": ("DeleteSession", self._delete_session),
            },
            f"{BASE}/System/Messages": {"GET": (LONG_POLL, self._messages)},
            # An early client posted to ReconnectSession (2.11).
            f"{BASE}/System/ReconnectSession": {"GET": reconnect, "POST": reconnect},
            f"{BASE}/System/ResyncSession": {"GET": ("ResyncSession", self._resync_session)},
            f"{BASE}/System/MultiNoun": {"POST": ("MultiNoun", self._multi_noun)},
            f"{BASE}/Chasitor/ChasitorResyncState": {"POST": ("ChasitorResyncState", self._resync_state)},
            f"{BASE}/Visitor/Availability": {"GET": ("Availability", self._availability)},
            f"{BASE}/Visitor/Settings": {"GET": ("Settings", self._settings)},
            f"{BASE}/Visitor/VisitorId": {"GET": ("VisitorId", self._visitor_id)},
            f"{BASE}/Visitor/Breadcrumb": {"POST": ("Breadcrumb", self._breadcrumb)},
            f"{SERVLET}/upload": {"POST": ("upload", self._uploads.receive)},
            f"{SERVLET}/file": {"GET": ("file", self._uploads.show)},
        }
        for noun in self._cloud.actions():
            table[f"{BASE}/Chasitor/{noun}"] = {"POST": (noun, self._noun(noun))}
        return table

    def _find(self, request: web.Request) -> tuple[str, Handler]:
        path = unquote(request.rel_url.raw_path)
        methods = self._nouns.get(path.removesuffix("/")) or self._nouns.get(_with_rest(path))
        if methods is None:
            return "unknown", _not_found
        found = methods.get(request.method)
        if found is None:
            name = next(iter(methods.values()))[0]
            return name, _not_allowed(methods)
        return found

    # --- System ------------------------------------------------------------------------------------------------

    async def _session_id(self, request: web.Request) -> web.Response:
        _version(request)
        if _rest_of(request):
            raise Refusal(404, "Not Found")
        session, settings = self._cloud.new_session(), self._cloud.settings
        timeout = settings.client_poll_timeout
        return json_answer(
            {
                "key": session.key,
                "id": session.id,
                "clientPollTimeout": str(timeout) if settings.poll_timeout_as_text else timeout,
                "affinityToken": session.affinity,
            }
        )

    async def _delete_session(self, request: web.Request) -> web.Response:
        _version(request)
        # The key may contain "/"; it is in the path unencoded or percent-encoded (2.2).
        key = _rest_of(request) or request.headers.get(KEY)
        session = self._cloud.session(key, request.headers.get(AFFINITY))
        self._cloud.kill(session, by="EndUser", why="The visitor ended the session")
        status = self._cloud.settings.delete_status
        return web.Response(status=status, text=None if status == 204 else "OK")

    async def _messages(self, request: web.Request) -> web.Response:
        _version(request)
        session = self._session(request)
        ack = self._number(request.query.get("ack", ""), "ack")
        body = await self._polling.messages(
            session, ack, gone=lambda: is_gone(request), drop=lambda: hang_up(request)
        )
        if body is None:
            return web.Response(status=204)
        return web.Response(body=body, content_type="application/json")

    async def _reconnect(self, request: web.Request) -> web.Response:
        settings = self._cloud.settings
        if not offers(settings, _version(request), since=SINCE_RECONNECT):
            raise Refusal(404, "Not Found")
        if request.method == "POST" and not settings.reconnect_by_post:
            raise Refusal(405, "Method Not Allowed")
        # The guide sends the affinity "null", one client the old affinity (2.11); both are accepted.
        session = self._cloud.known(request.headers.get(KEY))
        offset = self._number(request.query.get("ReconnectSession.offset", ""), "offset")
        message = self._cloud.reconnect(session, offset)
        run_now = message if settings.token_beside_message else {}
        return json_answer({"messages": [{**run_now, "type": "ReconnectSession", "message": message}]})

    async def _resync_session(self, request: web.Request) -> web.Response:
        _version(request)
        named = (value for name, value in request.query.items() if name.endswith("SessionId"))
        return json_answer(self._cloud.resync(request.headers.get(KEY) or next(named, None)))

    async def _multi_noun(self, request: web.Request) -> web.Response:
        caller, sequence = self._caller(request), self._sequence(request)
        self._cloud.post_all(caller, sequence, parse(await request.read(), bodies.MultiNoun))
        return self._ok()

    # --- Chasitor ----------------------------------------------------------------------------------------------

    def _noun(self, noun: str) -> Handler:
        action = self._cloud.actions()[noun]

        async def post(request: web.Request) -> web.Response:
            caller, sequence = self._caller(request), self._sequence(request)
            self._cloud.post(caller, sequence, action, parse(await request.read(), action.shape))
            return self._end_reply(caller.session) if noun == "ChatEnd" else self._ok()

        return post

    async def _resync_state(self, request: web.Request) -> web.Response:
        caller, sequence = self._caller(request), self._sequence(request)
        self._cloud.resync_state(caller.session, sequence, parse(await request.read(), bodies.ResyncState))
        return self._ok()

    # --- Visitor -----------------------------------------------------------------------------------------------

    async def _availability(self, request: web.Request) -> web.Response:
        version = _version(request)
        elsewhere = self._visitors.elsewhere()
        return json_answer(elsewhere or self._visitors.availability(request.query, api_version=version))

    async def _settings(self, request: web.Request) -> web.Response:
        version = _version(request)
        elsewhere = self._visitors.elsewhere()
        return json_answer(elsewhere or self._visitors.settings(request.query, api_version=version))

    async def _visitor_id(self, request: web.Request) -> web.Response:
        _version(request)
        return json_answer(self._visitors.elsewhere() or self._visitors.visitor_id(request.query))

    async def _breadcrumb(self, request: web.Request) -> web.Response:
        _version(request)
        parse(await request.read(), bodies.Breadcrumb)
        return self._ok()

    # --- reading requests --------------------------------------------------------------------------------------

    def _session(self, request: web.Request) -> Session:
        return self._cloud.session(request.headers.get(KEY), request.headers.get(AFFINITY))

    def _caller(self, request: web.Request) -> Caller:
        version = _version(request)
        return Caller(self._session(request), version)

    def _end_reply(self, session: Session) -> web.Response:
        """The reply to ChatEnd. The guide documents the attached records (2.9); all clients saw OK."""
        settings = self._cloud.settings
        if settings.end_reply == "OK" or session.chat is None:
            return self._ok()
        return json_answer(messages.ended(session.chat, "client", settings), status=settings.post_status)

    def _sequence(self, request: web.Request) -> int | None:
        return self._number(request.headers.get(SEQUENCE, "").strip(), SEQUENCE)

    def _number(self, text: str, name: str) -> int | None:
        return _number(text, name, refused_with=self._cloud.settings.unreadable_number)

    def _ok(self) -> web.Response:
        settings = self._cloud.settings
        return web.Response(text="OK" if settings.post_body == "OK" else "", status=settings.post_status)


async def _not_found(_: web.Request) -> web.Response:
    raise Refusal(404, "Not Found")


def _not_allowed(methods: dict[str, tuple[str, Handler]]) -> Handler:
    async def refuse(request: web.Request) -> web.Response:
        raise web.HTTPMethodNotAllowed(request.method, methods)

    return refuse


def _with_rest(path: str) -> str:
    """The path with the variable part of two resources: a session key, a file's id."""
    for resource in (f"{BASE}/System/SessionId", f"{SERVLET}/file"):
        if path.startswith(resource + "/"):
            return resource
    return ""


def _rest_of(request: web.Request) -> str:
    return unquote(request.rel_url.raw_path).removeprefix(f"{BASE}/System/SessionId").removeprefix("/")


def _version(request: web.Request) -> int:
    version = _number(request.headers.get(VERSION, "").strip(), VERSION, refused_with=400)
    if version is None:
        raise Refusal(400, f"Bad Request: {VERSION} is required")
    return version


def _number(text: str, name: str, *, refused_with: int) -> int | None:
    if not text:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 18):
        raise Refusal(refused_with, f"{name} is not a whole number")
    return int(text)
