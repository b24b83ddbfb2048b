"""The console's routes for what agents do: each reads its body, calls the cloud and answers."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar

import msgspec
from aiohttp import web

from botkit_sandbox.salesforce.cloud import SalesforceCloud
from botkit_sandbox.salesforce.says import Says

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
BODY_LIMIT = 16 * 1024 * 1024
S = TypeVar("S", bound=msgspec.Struct)


class _ByAgent(msgspec.Struct, forbid_unknown_fields=True):
    agent: str


class _Typing(msgspec.Struct, forbid_unknown_fields=True):
    agent: str
    started: bool = True


class _Transfer(msgspec.Struct, forbid_unknown_fields=True):
    agent: str
    to: str = "queue"
    fail: bool = False


class _RouteFailure(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    failure_type: Literal["SubmissionError", "RoutingError", "Unknown", "Cancelled"] = "RoutingError"


class _Supervise(msgspec.Struct, forbid_unknown_fields=True):
    name: str = "Supervisor"
    present: bool = True


class _Bot(msgspec.Struct, forbid_unknown_fields=True):
    text: str | None = None
    progress: str | None = None
    tokens: list[str] | None = None


class _Emit(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    event: str
    entry_type: str
    payload: dict[str, Any]
    listed: bool = False


class _Online(msgspec.Struct, forbid_unknown_fields=True):
    online: bool


class DeskRoutes:
    """What agents do."""

    def __init__(self, cloud: SalesforceCloud) -> None:
        self._cloud = cloud

    def actions(self) -> dict[str, Handler]:
        """Routes on one conversation, by the last part of their path."""
        return {
            "accept": self.accept,
            "decline": self.decline,
            "typing": self.typing,
            "read": self.read,
            "say": self.say,
            "transfer": self.transfer,
            "conference": self.conference,
            "drop": self.drop,
            "end": self.end,
            "idle": self.idle,
            "system-end": self.system_end,
            "route-failure": self.route_failure,
            "supervise": self.supervise,
            "bot": self.bot,
            "emit": self.emit,
        }

    async def online(self, request: web.Request) -> web.Response:
        body = await _body(request, _Online)
        self._cloud.set_online(request.match_info["agent"], body.online)
        return _done()

    async def accept(self, request: web.Request) -> web.Response:
        self._cloud.accept(_id(request), (await _body(request, _ByAgent)).agent)
        return _done()

    async def decline(self, request: web.Request) -> web.Response:
        self._cloud.decline(_id(request), (await _body(request, _ByAgent)).agent)
        return _done()

    async def typing(self, request: web.Request) -> web.Response:
        body = await _body(request, _Typing)
        self._cloud.agent_typing(_id(request), body.agent, started=body.started)
        return _done()

    async def read(self, request: web.Request) -> web.Response:
        return _done(read=self._cloud.agent_reads(_id(request), (await _body(request, _ByAgent)).agent))

    async def say(self, request: web.Request) -> web.Response:
        body = await _body(request, Says)
        if body.file is not None:
            try:
                data = base64.b64decode(body.file.base64, validate=True)
            except binascii.Error as error:
                raise ValueError("file.base64 is not base64") from error
            entry = self._cloud.agent_sends_file(
                _id(request),
                body.agent,
                name=body.file.name,
                mime_type=body.file.mime_type,
                data=data,
                text=body.text,
            )
        else:
            entry = self._cloud.agent_sends(_id(request), body.agent, body.message())
        return _done(id=entry.identifier, at_ms=entry.transcripted_ms)

    async def transfer(self, request: web.Request) -> web.Response:
        body = await _body(request, _Transfer)
        self._cloud.transfer(_id(request), body.agent, to=body.to, fail=body.fail)
        return _done()

    async def conference(self, request: web.Request) -> web.Response:
        body = await _body(request, _Transfer)
        self._cloud.conference(_id(request), body.agent, to=body.to)
        return _done()

    async def drop(self, request: web.Request) -> web.Response:
        self._cloud.drop(_id(request), (await _body(request, _ByAgent)).agent)
        return _done()

    async def end(self, request: web.Request) -> web.Response:
        self._cloud.agent_ends(_id(request), (await _body(request, _ByAgent)).agent)
        return _done()

    async def idle(self, request: web.Request) -> web.Response:
        self._cloud.idle(_id(request))
        return _done()

    async def system_end(self, request: web.Request) -> web.Response:
        self._cloud.system_end(_id(request))
        return _done()

    async def route_failure(self, request: web.Request) -> web.Response:
        body = await _body(request, _RouteFailure)
        self._cloud.route_failure(_id(request), failure_type=body.failure_type)
        return _done()

    async def supervise(self, request: web.Request) -> web.Response:
        body = await _body(request, _Supervise)
        self._cloud.supervise(_id(request), body.name, present=body.present)
        return _done()

    async def bot(self, request: web.Request) -> web.Response:
        body = await _body(request, _Bot)
        if body.progress is not None:
            self._cloud.bot_works(_id(request), body.progress)
        if body.tokens is not None:
            self._cloud.bot_streams(_id(request), body.tokens)
        if body.text is not None:
            self._cloud.bot_says(_id(request), body.text)
        return _done()

    async def emit(self, request: web.Request) -> web.Response:
        body = await _body(request, _Emit)
        entry = self._cloud.raw_event(
            _id(request), body.event, body.entry_type, body.payload, listed=body.listed
        )
        return _done(id=entry.identifier)


async def _body(request: web.Request, shape: type[S]) -> S:
    # A file comes as base64, larger than what the page's application takes otherwise.
    body = await request.clone(client_max_size=BODY_LIMIT).read()
    return msgspec.json.decode(body or b"{}", type=shape)


def _id(request: web.Request) -> str:
    return request.match_info["conversation"]


def _done(**more: Any) -> web.Response:
    return web.json_response({"ok": True, **more})
