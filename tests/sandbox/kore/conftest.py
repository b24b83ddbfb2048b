"""Fixtures: platforms on real sockets, each with its stub BotKit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from botkit_sandbox.bus import Bus
from botkit_sandbox.kore import KoreCloud, KoreSandboxSettings, control_routes, routes
from botkit_sandbox.kore.core import Subscription
from botkit_sandbox.kore.settings import SubscriptionName
from botkit_sandbox.wire import Wire
from tests.sandbox.kore.platform_double import SAMPLE, Platform, ShiftedClock, Start, StubBotKit, serve


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """A function that starts a platform with given settings. All are stopped after the test."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())

        async def start_one(
            *,
            events: Sequence[SubscriptionName] | None = None,
            bot: Any = SAMPLE,
            botkit_url: str | None = None,
            **settings: Any,
        ) -> Platform:
            bus, clock = Bus(), ShiftedClock()
            wire = Wire(bus)
            more: dict[str, Any] = {} if events is None else {"events": events}
            cloud = KoreCloud(
                wire=wire, bus=bus, bot=bot, settings=KoreSandboxSettings(**settings), clock=clock, **more
            )
            botkit = StubBotKit(cloud.client_id, cloud.client_secret, http, clock)
            hooks = web.Application(client_max_size=4 * 1024 * 1024)
            hooks.router.add_post("/sdk/bots/{bot}/{event}", botkit.receive)
            hooks.router.add_post("/sdk/bots/{bot}/components/{component}/{event}", botkit.receive)
            app = routes(cloud)
            app.add_routes(control_routes(cloud))
            runner, cloud.base_url = await serve(app)
            botkit_runner, botkit.url = await serve(hooks)
            host = botkit.url if botkit_url is None else botkit_url
            cloud.core.subscription = Subscription(host=host, events=cloud.core.subscription.events)
            stack.push_async_callback(botkit_runner.cleanup)
            stack.push_async_callback(runner.cleanup)
            stack.push_async_callback(botkit.stop)
            return Platform(cloud, cloud.base_url, botkit, clock, wire, bus, http)

        yield start_one


@pytest.fixture
async def platform(start: Start) -> Platform:
    """A platform with the sample bot and default settings."""
    return await start()
