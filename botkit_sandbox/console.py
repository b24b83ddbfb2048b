"""What the agent consoles of both emulated Salesforce services have in common: routes for state, faults and switches.

Each service adds the actions of its own agents, see `salesforce.control` and `live_chat.control`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec
from aiohttp import web

from botkit_sandbox.faults import Faults, ScopedFault
from botkit_sandbox.salesforce.refusal import NotKnown, NotPossible

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

BODY_LIMIT = 16 * 1024 * 1024
"""An uploaded file comes as base64, so it is larger than the default limit of the page's application."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
S = TypeVar("S", bound=msgspec.Struct)
F = TypeVar("F", bound=ScopedFault)


class ConsoleCloud(Protocol[F]):
    """What the routes need of an emulated service."""

    faults: Faults[F]

    @property
    def settings(self) -> DataclassInstance: ...
    def state(self) -> dict[str, Any]: ...
    def inject(self, fault: F) -> None: ...
    def configure(self, changes: Mapping[str, Any]) -> None: ...
    def set_online(self, agent: str, online: bool) -> None: ...


class ByAgent(msgspec.Struct, forbid_unknown_fields=True):
    """Body of an action that needs only the agent's id or name."""

    agent: str


class Typing(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``typing``."""

    agent: str
    started: bool = True


class Transfer(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``transfer``."""

    agent: str
    to: str = "queue"
    fail: bool = False


class Conference(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``conference``."""

    agent: str
    to: str


class _Online(msgspec.Struct, forbid_unknown_fields=True):
    online: bool


def console_routes(
    prefix: str,
    cloud: ConsoleCloud[F],
    fault: type[F],
    actions: Mapping[str, Handler],
    *,
    hidden_settings: tuple[str, ...] = (),
) -> list[web.RouteDef]:
    """The routes of one service under `prefix`.

    Args:
        prefix: such as ``/sandbox/salesforce``.
        cloud: the emulated service.
        fault: the service's own type of fault.
        actions: what agents do to a conversation, by the last part of the path.
        hidden_settings: settings that ``GET switches`` leaves out.
    """

    async def state(_: web.Request) -> web.Response:
        return web.json_response(cloud.state())

    async def online(request: web.Request) -> web.Response:
        cloud.set_online(request.match_info["agent"], (await body_of(request, _Online)).online)
        return done()

    async def faults(_: web.Request) -> web.Response:
        return web.json_response({"faults": msgspec.to_builtins(cloud.faults.all())})

    async def put_faults(request: web.Request) -> web.Response:
        raw = msgspec.json.decode(await request.read())
        if isinstance(raw, dict) and set(raw) == {"faults"}:
            new = msgspec.convert(raw["faults"], list[fault])  # type: ignore[valid-type]  # a type given as a value
            cloud.faults.clear()
        else:
            new = [msgspec.convert(raw, fault)]
        for each in new:
            cloud.inject(each)
        return await faults(request)

    async def clear_faults(request: web.Request) -> web.Response:
        cloud.faults.clear(request.query.get("kind"))
        return await faults(request)

    async def switches(_: web.Request) -> web.Response:
        settings = dataclasses.asdict(cloud.settings)
        return web.json_response({k: v for k, v in settings.items() if k not in hidden_settings})

    async def put_switches(request: web.Request) -> web.Response:
        cloud.configure(msgspec.json.decode(await request.read(), type=dict[str, Any]))
        return await switches(request)

    conversation = prefix + "/conversations/{conversation}"
    return [
        web.get(f"{prefix}/state", _with_json_errors(state)),
        web.post(prefix + "/agents/{agent}", _with_json_errors(online)),
        *(web.post(f"{conversation}/{name}", _with_json_errors(action)) for name, action in actions.items()),
        web.get(f"{prefix}/faults", _with_json_errors(faults)),
        web.put(f"{prefix}/faults", _with_json_errors(put_faults)),
        web.delete(f"{prefix}/faults", _with_json_errors(clear_faults)),
        web.get(f"{prefix}/switches", _with_json_errors(switches)),
        web.put(f"{prefix}/switches", _with_json_errors(put_switches)),
    ]


def by_agent(act: Callable[[str, str], None]) -> Handler:
    """The route of an action that takes the conversation's id and the agent."""

    async def handle(request: web.Request) -> web.Response:
        act(conversation_id(request), (await body_of(request, ByAgent)).agent)
        return done()

    return handle


async def body_of(request: web.Request, shape: type[S]) -> S:
    """The JSON body as `shape`. Raises ValueError (msgspec's errors are ValueErrors)."""
    body = await request.clone(client_max_size=BODY_LIMIT).read()
    return msgspec.json.decode(body or b"{}", type=shape)


def conversation_id(request: web.Request) -> str:
    """The id in the path."""
    return request.match_info["conversation"]


def done(**more: Any) -> web.Response:
    """The answer to an action that succeeded."""
    return web.json_response({"ok": True, **more})


def _with_json_errors(handler: Handler) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except NotKnown as error:
            return web.json_response({"error": str(error)}, status=404)
        except NotPossible as error:
            return web.json_response({"error": str(error)}, status=409)
        except (ValueError, RecursionError) as error:
            return web.json_response({"error": str(error)}, status=400)

    return answer
