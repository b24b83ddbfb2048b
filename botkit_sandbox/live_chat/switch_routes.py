"""The console's routes for state, faults and switches."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
from aiohttp import web

from botkit_sandbox.live_chat.cloud import LiveChatCloud
from botkit_sandbox.live_chat.faults import Fault


class SwitchRoutes:
    """What goes wrong, and how the deployment behaves."""

    def __init__(self, cloud: LiveChatCloud) -> None:
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
        return web.json_response(dataclasses.asdict(self._cloud.settings))

    async def put_switches(self, request: web.Request) -> web.Response:
        self._cloud.configure(msgspec.json.decode(await request.read(), type=dict[str, Any]))
        return await self.switches(request)
