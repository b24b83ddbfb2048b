"""Protection of the control API: DNS rebinding and cross-site requests are refused, requests to the clouds are not checked."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from botkit_sandbox.guard import guard, is_loopback


async def _serve(bound_host: str) -> TestServer:
    async def fine(_: web.Request) -> web.Response:
        return web.Response(text="fine")

    app = web.Application(middlewares=[guard(bound_host)])
    app.add_routes([web.route("*", "/{path:.*}", fine)])
    server = TestServer(app)
    await server.start_server()
    return server


@pytest.fixture
async def loopback() -> AsyncIterator[TestServer]:
    server = await _serve("127.0.0.1")
    yield server
    await server.close()


@pytest.fixture
async def network() -> AsyncIterator[TestServer]:
    server = await _serve("0.0.0.0")
    yield server
    await server.close()


async def _status(server: TestServer, path: str, method: str = "GET", **headers: str) -> int:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, server.make_url(path), headers=sent) as answer,
    ):
        return answer.status


@pytest.mark.parametrize("host", ["127.0.0.1:8001", "127.0.0.9", "localhost", "LOCALHOST:8001", "[::1]:8001"])
async def test_names_of_this_machine_are_let_in(loopback: TestServer, host: str) -> None:
    assert await _status(loopback, "/sandbox/state", Host=host) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example:8001",
        "127.0.0.1.evil.example",
        "192.168.1.5",
        "evil.example@127.0.0.1",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/", "/sandbox/state", "/sandbox/events", "/page/app/main.js"])
async def test_a_foreign_host_header_is_refused(loopback: TestServer, host: str, path: str) -> None:
    assert await _status(loopback, path, Host=host) == 403


async def test_the_emulated_platform_is_not_guarded(loopback: TestServer) -> None:
    assert (
        await _status(
            loopback, "/api/botsdk/x", "POST", Host="bots.kore.ai", Origin="https://elsewhere.example"
        )
        == 200
    )


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8001"]
)
async def test_a_write_from_another_origin_is_refused(loopback: TestServer, method: str, origin: str) -> None:
    assert await _status(loopback, "/sandbox/kore/users", method, Host="127.0.0.1:8001", Origin=origin) == 403


async def test_a_write_without_origin_that_the_browser_calls_cross_site_is_refused(
    loopback: TestServer,
) -> None:
    assert await _status(loopback, "/sandbox/kore/users", "POST", Sec_Fetch_Site="cross-site") == 403


async def test_the_pages_own_writes_and_those_of_programs_are_let_in(loopback: TestServer) -> None:
    own = {"Host": "127.0.0.1:8001", "Origin": "http://127.0.0.1:8001", "Sec_Fetch_Site": "same-origin"}
    assert await _status(loopback, "/sandbox/kore/users", "POST", **own) == 200
    assert await _status(loopback, "/sandbox/kore/users", "POST") == 200


async def test_open_to_the_network_any_address_is_let_in_but_no_name(network: TestServer) -> None:
    assert await _status(network, "/sandbox/state", Host="192.168.1.5:8001") == 200
    assert await _status(network, "/sandbox/state", Host="evil.example:8001") == 403


def test_only_addresses_of_this_machine_are_loopback() -> None:
    assert [is_loopback(host) for host in ("127.0.0.1", "127.1.2.3", "::1", "localhost")] == [True] * 4
    assert [is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "example.com", "")] == [False] * 5
