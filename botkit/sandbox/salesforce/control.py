"""The agent console's API, on the page's port and not on Salesforce's; JSON in and out, errors as ``{"error": …}``.

    GET    /sandbox/salesforce/state
    POST   /sandbox/salesforce/agents/{agent}            {online}
    POST   /sandbox/salesforce/conversations/{id}/…
           accept       {agent}                          decline      {agent}
           typing       {agent, started}                 read         {agent}
           say          {agent, …} with one of: text · link {title, url} · buttons [titles] (text) · quickReplies · listPicker
                        · carousel [{title, buttons}] · form {title, fields} · file {name, mimeType, base64} (text)
                        · content {a whole abstractMessage}
           transfer     {agent, to: agent or "queue", fail?}
           conference   {agent, to}                      drop         {agent}
           end          {agent}                          idle         {}
           system-end   {}                               route-failure {failureType?}
           supervise    {name, present}                  bot          {text | progress | tokens}
           emit         {event, entryType, payload, listed?}
    GET    /sandbox/salesforce/faults                    PUT  one fault, or {"faults": […]} instead of all
    DELETE /sandbox/salesforce/faults                    all, or ?kind=
    GET    /sandbox/salesforce/switches                  PUT  {name: value, …}

Published on the bus under ``salesforce`` after every change: ``{kind, conversationId, status, assignedTo, agents, …}`` where
`kind` is one of

    created (attributes)         reopened (attributes): a new session      waiting (queuePosition)      assigned
    accepted (agent)             declined (agent)                          transfer (agent, to)         conference (agent)
    left (agent)                 routingFailed (failureType)               idle                         ended (by)
    closed                       message (item: a transcript line)         typing (agent, started)      read (receipts)
    userTyping (started)         acknowledged (receipts)
    without a conversation: agent (agent, online), faults (faults), fault (fault), switches (switches)
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar

import msgspec
from aiohttp import web

from botkit.sandbox.salesforce.cloud import SalesforceCloud
from botkit.sandbox.salesforce.faults import Fault
from botkit.sandbox.salesforce.refusal import NotKnown, NotPossible, Refusal
from botkit.sandbox.salesforce.says import Says

PREFIX = "/sandbox/salesforce"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
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


def control_routes(cloud: SalesforceCloud) -> list[web.RouteDef]:
    """Routes for the page's application."""
    desk = _DeskRoutes(cloud)
    switches = _SwitchRoutes(cloud)
    actions: dict[str, Handler] = {
        "accept": desk.accept,
        "decline": desk.decline,
        "typing": desk.typing,
        "read": desk.read,
        "say": desk.say,
        "transfer": desk.transfer,
        "conference": desk.conference,
        "drop": desk.drop,
        "end": desk.end,
        "idle": desk.idle,
        "system-end": desk.system_end,
        "route-failure": desk.route_failure,
        "supervise": desk.supervise,
        "bot": desk.bot,
        "emit": desk.emit,
    }
    one = PREFIX + "/conversations/{conversation}"
    return [
        web.get(f"{PREFIX}/state", _answering(switches.state)),
        web.post(PREFIX + "/agents/{agent}", _answering(desk.online)),
        *(web.post(f"{one}/{name}", _answering(action)) for name, action in actions.items()),
        web.get(f"{PREFIX}/faults", _answering(switches.faults)),
        web.put(f"{PREFIX}/faults", _answering(switches.put_faults)),
        web.delete(f"{PREFIX}/faults", _answering(switches.clear_faults)),
        web.get(f"{PREFIX}/switches", _answering(switches.switches)),
        web.put(f"{PREFIX}/switches", _answering(switches.put_switches)),
    ]


def _answering(handler: Handler) -> Handler:
    """Errors of the cloud as JSON answers."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except NotKnown as error:
            return web.json_response({"error": str(error)}, status=404)
        except NotPossible as error:
            return web.json_response({"error": str(error)}, status=409)
        except (Refusal, ValueError) as error:  # msgspec's errors are ValueErrors
            return web.json_response({"error": str(error)}, status=400)

    return answer


class _DeskRoutes:
    """What agents do."""

    def __init__(self, cloud: SalesforceCloud) -> None:
        self._cloud = cloud

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


class _SwitchRoutes:
    """What goes wrong, and how the organisation behaves."""

    def __init__(self, cloud: SalesforceCloud) -> None:
        self._cloud = cloud

    async def state(self, _: web.Request) -> web.Response:
        return web.json_response(self._cloud.state())

    async def faults(self, _: web.Request) -> web.Response:
        return web.json_response({"faults": msgspec.to_builtins(self._cloud.faults.all())})

    async def put_faults(self, request: web.Request) -> web.Response:
        raw = msgspec.json.decode(await request.read())
        if isinstance(raw, dict) and set(raw) == {"faults"}:
            faults = msgspec.convert(raw["faults"], list[Fault])
            self._cloud.faults.clear()
        else:
            faults = [msgspec.convert(raw, Fault)]
        for fault in faults:
            self._cloud.inject(fault)
        return await self.faults(request)

    async def clear_faults(self, request: web.Request) -> web.Response:
        self._cloud.faults.clear(request.query.get("kind"))
        return await self.faults(request)

    async def switches(self, _: web.Request) -> web.Response:
        settings = dataclasses.asdict(self._cloud.settings)
        settings.pop("keysets")
        return web.json_response(settings)

    async def put_switches(self, request: web.Request) -> web.Response:
        self._cloud.configure(msgspec.json.decode(await request.read(), type=dict[str, Any]))
        return await self.switches(request)


async def _body(request: web.Request, shape: type[S]) -> S:
    return msgspec.json.decode(await request.read() or b"{}", type=shape)


def _id(request: web.Request) -> str:
    return request.match_info["conversation"]


def _done(**more: Any) -> web.Response:
    return web.json_response({"ok": True, **more})
