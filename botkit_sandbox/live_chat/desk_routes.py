"""The console's routes for what agents do: each reads its body, calls the cloud and answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from botkit_sandbox.live_chat.cloud import LiveChatCloud
from botkit_sandbox.live_chat.faults import FailReason

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
S = TypeVar("S", bound=msgspec.Struct)


class _ByAgent(msgspec.Struct, forbid_unknown_fields=True):
    agent: str


class _Typing(msgspec.Struct, forbid_unknown_fields=True):
    agent: str
    started: bool = True


class _Says(msgspec.Struct, forbid_unknown_fields=True):
    agent: str
    text: str


class _Transfer(msgspec.Struct, forbid_unknown_fields=True):
    agent: str
    to: str = "queue"
    fail: bool = False


class _Conference(msgspec.Struct, forbid_unknown_fields=True):
    agent: str
    to: str


class _CustomEvent(msgspec.Struct, forbid_unknown_fields=True):
    agent: str
    type: str
    data: str = ""


class _RouteFailure(msgspec.Struct, forbid_unknown_fields=True):
    reason: FailReason = "Unavailable"


class _Emit(msgspec.Struct, forbid_unknown_fields=True):
    type: str
    message: dict[str, Any] = {}


class _Online(msgspec.Struct, forbid_unknown_fields=True):
    online: bool


class DeskRoutes:
    """What agents do."""

    def __init__(self, cloud: LiveChatCloud) -> None:
        self._cloud = cloud

    def actions(self) -> dict[str, Handler]:
        """Routes on one conversation, by the last part of their path."""
        cloud = self._cloud
        return {
            "accept": _by_agent(cloud.accept),
            "decline": _by_agent(cloud.decline),
            "leave": _by_agent(cloud.leave),
            "disconnect": _by_agent(cloud.disconnect),
            "drop": _by_agent(cloud.drop),
            "cancel-file": _by_agent(cloud.cancel_file),
            "end": _by_agent(cloud.agent_ends),
            "typing": self.typing,
            "say": self.say,
            "transfer": self.transfer,
            "conference": self.conference,
            "request-file": self.request_file,
            "custom-event": self.custom_event,
            "route-failure": self.route_failure,
            "emit": self.emit,
        }

    async def online(self, request: web.Request) -> web.Response:
        body = await _body(request, _Online)
        self._cloud.set_online(request.match_info["agent"], body.online)
        return _done()

    async def typing(self, request: web.Request) -> web.Response:
        body = await _body(request, _Typing)
        self._cloud.agent_typing(_id(request), body.agent, started=body.started)
        return _done()

    async def say(self, request: web.Request) -> web.Response:
        body = await _body(request, _Says)
        if not body.text:
            raise ValueError("say needs a text; Live Chat has nothing else")
        return _done(id=self._cloud.agent_says(_id(request), body.agent, body.text))

    async def transfer(self, request: web.Request) -> web.Response:
        body = await _body(request, _Transfer)
        self._cloud.transfer(_id(request), body.agent, to=body.to, fail=body.fail)
        return _done()

    async def conference(self, request: web.Request) -> web.Response:
        body = await _body(request, _Conference)
        self._cloud.conference(_id(request), body.agent, to=body.to)
        return _done()

    async def request_file(self, request: web.Request) -> web.Response:
        body = await _body(request, _ByAgent)
        return _done(fileToken=self._cloud.request_file(_id(request), body.agent))

    async def custom_event(self, request: web.Request) -> web.Response:
        body = await _body(request, _CustomEvent)
        self._cloud.custom_event(_id(request), body.agent, kind=body.type, data=body.data)
        return _done()

    async def route_failure(self, request: web.Request) -> web.Response:
        body = await _body(request, _RouteFailure)
        self._cloud.route_failure(_id(request), reason=body.reason)
        return _done()

    async def emit(self, request: web.Request) -> web.Response:
        body = await _body(request, _Emit)
        self._cloud.raw_message(_id(request), body.type, body.message)
        return _done()


def _by_agent(act: Callable[[str, str], None]) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        act(_id(request), (await _body(request, _ByAgent)).agent)
        return _done()

    return handle


async def _body(request: web.Request, shape: type[S]) -> S:
    return msgspec.json.decode(await request.read() or b"{}", type=shape)


def _id(request: web.Request) -> str:
    return request.match_info["conversation"]


def _done(**more: Any) -> web.Response:
    return web.json_response({"ok": True, **more})
