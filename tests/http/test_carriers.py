"""The carriers: libcurl against a real loopback server, requests against `responses`."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
import requests
import responses
import urllib3
from aiohttp import web
from aiohttp.test_utils import TestServer
from urllib3.connection import HTTPConnection
from urllib3.exceptions import MaxRetryError, NameResolutionError, ProtocolError

from botkit.errors import BadReply, CallRefused, HostNotAllowed, ServerTrouble, Unreachable
from botkit.http import Request
from botkit.http.carriers import SyncTransport
from botkit.http.curl import CurlTransport
from botkit.kore.replies import check_reply
from botkit.testing.waiting import async_until
from tests.http.connect_proxy import serving
from tests.ports import closed_port


class Server:
    """A server that answers as told and remembers what it was asked."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.connections: set[object] = set()
        self.release = asyncio.Event()

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.raw_path, dict(request.headers), await request.read()))
        self.connections.add(request.transport)
        match request.path:
            case "/redirect":
                return web.Response(status=302, headers={"Location": "/ok"})
            case "/error":
                return web.Response(status=503, text="busy", headers={"Retry-After": "3"})
            case "/slow":
                await self.release.wait()
            case "/large":
                return web.Response(body=b"x" * 5_000)
            case "/drop":
                assert request.transport is not None
                request.transport.abort()
            case "/stream" | "/silent" | "/broken":
                return await self._stream(request)
        return web.Response(text="fine")

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        await answer.write(b"one")
        if request.path == "/silent":
            await self.release.wait()
        if request.path == "/broken":
            assert request.transport is not None
            request.transport.abort()
            return answer
        await answer.write(b"two")
        await answer.write_eof()
        return answer


@pytest.fixture
async def server() -> Server:
    return Server()


@pytest.fixture
async def base(server: Server) -> AsyncIterator[str]:
    socket_server = TestServer(server.application())
    await socket_server.start_server()
    yield f"http://127.0.0.1:{socket_server.port}"
    server.release.set()
    await socket_server.close()


@pytest.fixture
async def carrier() -> AsyncIterator[CurlTransport]:
    async with CurlTransport(allowed_hosts=["127.0.0.1"], insecure_http=True) as transport:
        yield transport


async def test_a_request_arrives_as_it_was_built(carrier: CurlTransport, server: Server, base: str) -> None:
    url = f"{base}/sendBotMessage/a%2Fb?x=%C3%A4"
    request = Request("pass", "POST", url, {"auth": "t", "Content-Type": "application/json"}, b'{"a":1}')
    response = await carrier.send(request)
    method, path, headers, body = server.requests[0]
    assert (method, path, body) == ("POST", "/sendBotMessage/a%2Fb?x=%C3%A4", b'{"a":1}')
    assert (headers["auth"], headers["Content-Type"]) == ("t", "application/json")
    assert (response.status, response.body) == (200, b"fine")


async def test_a_get_has_no_body(carrier: CurlTransport, server: Server, base: str) -> None:
    await carrier.send(Request("get", "GET", f"{base}/ok"))
    _, _, headers, body = server.requests[0]
    assert body == b""
    assert "Content-Type" not in headers
    assert headers.get("Content-Length", "0") == "0"


async def test_every_status_is_a_response_and_headers_ignore_case(carrier: CurlTransport, base: str) -> None:
    response = await carrier.send(Request("get", "GET", f"{base}/error"))
    assert response.status == 503
    assert response.headers["retry-after"] == "3"


async def test_redirects_are_not_followed(carrier: CurlTransport, server: Server, base: str) -> None:
    response = await carrier.send(Request("get", "GET", f"{base}/redirect"))
    assert response.status == 302
    assert len(server.requests) == 1


async def test_calls_share_a_kept_connection(carrier: CurlTransport, server: Server, base: str) -> None:
    for _ in range(3):
        await carrier.send(Request("get", "GET", f"{base}/ok"))
    assert len(server.connections) == 1


async def test_long_polls_share_a_kept_connection(carrier: CurlTransport, server: Server, base: str) -> None:
    for _ in range(3):
        await carrier.send(Request("poll", "GET", f"{base}/ok", long_poll=True))
    assert len(server.connections) == 1


async def test_long_polls_do_not_count_among_the_calls_of_a_host(server: Server, base: str) -> None:
    async with CurlTransport(allowed_hosts=["127.0.0.1"], insecure_http=True, calls_per_host=1) as transport:
        poll = Request("poll", "GET", f"{base}/slow", long_poll=True)
        polls = [asyncio.create_task(transport.send(poll)) for _ in range(3)]
        await async_until(lambda: len(server.requests) == 3)
        assert (await transport.send(Request("get", "GET", f"{base}/ok"))).body == b"fine"
        server.release.set()
        assert [answer.status for answer in await asyncio.gather(*polls)] == [200] * 3


async def test_a_long_poll_without_a_response_in_time_is_unreachable(
    carrier: CurlTransport, base: str
) -> None:
    await carrier.send(Request("poll", "GET", f"{base}/ok", long_poll=True))  # opens the connection
    with pytest.raises(Unreachable) as failed:
        await carrier.send(Request("poll", "GET", f"{base}/slow", timeout_seconds=1.0, long_poll=True))
    assert failed.value.possible_duplicate


@contextmanager
def forgetful() -> Iterator[tuple[str, list[str]]]:
    """A server whose connections answer once, and close when they have read a second request; and the methods it has read."""
    methods: list[str] = []

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        methods.append((await reader.readuntil(b"\r\n\r\n")).split()[0].decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        methods.append((await reader.readuntil(b"\r\n\r\n")).split()[0].decode())

    with serving(answer_once) as port:
        yield f"http://127.0.0.1:{port}/", methods


async def test_a_long_poll_whose_kept_connection_has_died_is_sent_again(carrier: CurlTransport) -> None:
    with forgetful() as (url, methods):
        for _ in range(2):
            await carrier.send(Request("poll", "GET", url, long_poll=True))
        assert methods == ["GET"] * 3


async def test_a_post_whose_kept_connection_has_died_is_sent_once_and_may_have_arrived(
    carrier: CurlTransport,
) -> None:
    with forgetful() as (url, methods):
        await carrier.send(Request("send", "POST", url, body=b""))
        with pytest.raises(Unreachable) as failed:
            await carrier.send(Request("send", "POST", url, body=b""))
        assert failed.value.possible_duplicate
        assert methods == ["POST"] * 2


async def test_the_calls_to_one_host_are_limited(server: Server, base: str) -> None:
    async with CurlTransport(allowed_hosts=None, insecure_http=True, calls_per_host=2) as carrier:
        calls = [
            asyncio.create_task(carrier.send(Request("get", "GET", f"{base}/slow", timeout_seconds=10)))
            for _ in range(5)
        ]
        async with asyncio.timeout(30):
            while len(server.requests) < 2:  # noqa: ASYNC110 - what the server has seen is all there is to look at
                await asyncio.sleep(0.005)
        assert len(server.requests) == 2
        server.release.set()
        assert [(await call).status for call in calls] == [200] * 5
        assert len(server.connections) == 2


async def test_the_spellings_of_a_host_share_its_turns(base: str) -> None:
    port = base.rpartition(":")[2]
    async with CurlTransport(allowed_hosts=None, insecure_http=True) as carrier:
        for place in (
            "localhost:{}/ok",
            "LOCALHOST:{}/ok",
            "LocalHost:{}/ok",
            "localhost:{}?/ok",
            "localhost:{}?a=/ok",
        ):
            await carrier.send(Request("get", "GET", f"http://{place.format(port)}"))
        assert len(carrier._turns) == 1


async def test_a_call_that_waits_too_long_for_its_turn_is_unreachable(base: str) -> None:
    async with CurlTransport(allowed_hosts=None, insecure_http=True, calls_per_host=1) as carrier:
        first = asyncio.create_task(carrier.send(Request("get", "GET", f"{base}/slow", timeout_seconds=10)))
        await asyncio.sleep(0)
        with pytest.raises(Unreachable, match="timed out"):
            await carrier.send(Request("get", "GET", f"{base}/ok", timeout_seconds=0.02))
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert (await carrier.send(Request("get", "GET", f"{base}/ok"))).status == 200


async def test_a_host_that_is_not_allowed_is_not_called(server: Server, base: str) -> None:
    async with CurlTransport(allowed_hosts=["bots.kore.ai"], insecure_http=True) as transport:
        with pytest.raises(HostNotAllowed):
            await transport.send(Request("get", "GET", f"{base}/ok"))
        with pytest.raises(HostNotAllowed):
            async with transport.stream(Request("get", "GET", f"{base}/ok"), silence_seconds=1):
                pass
    assert server.requests == []


async def test_a_refused_connection_is_unreachable(carrier: CurlTransport) -> None:
    with closed_port() as port:
        url = f"http://127.0.0.1:{port}/private?token=secret"
        with pytest.raises(Unreachable) as failed:
            await carrier.send(Request("send a message", "POST", url, {"auth": "secret"}, b"text"))
    assert failed.value.what == "send a message"
    assert "refused" in failed.value.detail.lower()
    assert not failed.value.possible_duplicate
    for hidden in ("private", "secret", "text"):
        assert hidden not in str(failed.value)
    assert failed.value.__cause__ is None


async def test_a_failure_names_its_cause_and_its_host(base: str) -> None:
    host = base.removeprefix("http://")
    with closed_port() as port:
        closed = f"127.0.0.1:{port}"
        for url, cause, named in (
            (f"http://{closed}/", "refused", closed),
            (f"{base}/drop", "closed", host),
            (f"{base}/slow", "timeout", host),
            (f"https://{host}/", "tls", host),
            ("http://no-such-host.invalid/", "dns", "no-such-host.invalid"),
        ):
            async with CurlTransport(allowed_hosts=None, insecure_http=True) as anywhere:
                # Only the slow server is waited for in vain.
                seconds = 0.3 if cause == "timeout" else 60.0
                with pytest.raises(Unreachable) as caught:
                    await anywhere.send(Request("call", "GET", url, timeout_seconds=seconds))
            assert (caught.value.cause, caught.value.host) == (cause, named)


async def test_a_refused_answer_names_the_host_that_gave_it(carrier: CurlTransport, base: str) -> None:
    response = await carrier.send(Request("call", "GET", f"{base}/error"))
    with pytest.raises(ServerTrouble) as caught:
        check_reply("call", response, now=0.0)
    assert (caught.value.cause, caught.value.host) == ("status", base.removeprefix("http://"))


async def test_an_answer_that_takes_too_long_is_unreachable(carrier: CurlTransport, base: str) -> None:
    with pytest.raises(Unreachable, match="timed out"):
        await carrier.send(Request("get", "GET", f"{base}/slow", timeout_seconds=0.05))


async def test_a_connection_dropped_before_the_answer_is_unreachable(
    carrier: CurlTransport, base: str
) -> None:
    with pytest.raises(Unreachable) as failed:
        await carrier.send(Request("post", "POST", f"{base}/drop", body=b"x"))
    assert failed.value.possible_duplicate


async def test_an_answer_over_the_limit_is_a_bad_reply(
    carrier: CurlTransport, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botkit.http.curl.call.MAX_RESPONSE_BYTES", 4_000)
    with pytest.raises(BadReply, match="longer"):
        await carrier.send(Request("get", "GET", f"{base}/large"))


async def test_an_answer_over_the_requests_own_limit_is_refused_for_good(
    carrier: CurlTransport, base: str
) -> None:
    with pytest.raises(CallRefused, match="longer than 100 bytes"):
        await carrier.send(Request("get", "GET", f"{base}/large", max_bytes=100))


async def test_an_answer_that_is_not_http_is_a_bad_reply(carrier: CurlTransport) -> None:
    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(BadReply, match="not HTTP"):
            await carrier.send(Request("get", "GET", f"http://127.0.0.1:{port}/"))


async def test_a_header_that_would_break_the_request_is_refused(carrier: CurlTransport, base: str) -> None:
    with pytest.raises(CallRefused):
        await carrier.send(Request("get", "GET", f"{base}/ok", {"auth": "a\r\nX-Injected: 1"}))


async def test_a_stream_gives_its_bytes_until_the_server_ends_it(carrier: CurlTransport, base: str) -> None:
    async with carrier.stream(Request("listen", "GET", f"{base}/stream"), silence_seconds=5) as stream:
        assert stream.status == 200
        assert stream.headers["content-type"] == "text/event-stream"
        assert b"".join([chunk async for chunk in stream.chunks()]) == b"onetwo"


async def test_a_stream_that_stays_silent_is_unreachable(carrier: CurlTransport, base: str) -> None:
    async with carrier.stream(Request("listen", "GET", f"{base}/silent"), silence_seconds=0.1) as stream:
        with pytest.raises(Unreachable, match="timed out"):
            [chunk async for chunk in stream.chunks()]


async def test_a_stream_that_breaks_is_unreachable(carrier: CurlTransport, base: str) -> None:
    async with carrier.stream(Request("listen", "GET", f"{base}/broken"), silence_seconds=5) as stream:
        with pytest.raises(Unreachable):
            [chunk async for chunk in stream.chunks()]


async def test_a_stream_answered_with_an_error_can_be_read(carrier: CurlTransport, base: str) -> None:
    async with carrier.stream(Request("listen", "GET", f"{base}/error"), silence_seconds=5) as stream:
        assert stream.status == 503
        assert await stream.read() == b"busy"


async def test_an_error_of_the_caller_is_not_mistaken_for_a_broken_connection(
    carrier: CurlTransport, base: str
) -> None:
    with pytest.raises(ValueError, match="mine"):
        async with carrier.stream(Request("listen", "GET", f"{base}/stream"), silence_seconds=5):
            raise ValueError("mine")


# --- requests ------------------------------------------------------------------------------------------------------


@pytest.fixture
def mocked() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def test_the_sync_carrier_sends_what_was_built(mocked: responses.RequestsMock) -> None:
    mocked.post("https://bots.kore.ai/a", body=b"fine", headers={"X-Y": "z"})
    with SyncTransport(allowed_hosts=["bots.kore.ai"]) as transport:
        response = transport.send(Request("post", "POST", "https://bots.kore.ai/a", {"auth": "t"}, b"{}"))
    assert (response.status, response.body, response.headers["x-y"]) == (200, b"fine", "z")
    sent = mocked.calls[0].request
    assert (sent.body, sent.headers["auth"]) == (b"{}", "t")


def test_the_sync_carrier_follows_no_redirect(mocked: responses.RequestsMock) -> None:
    mocked.get("https://bots.kore.ai/a", status=302, headers={"Location": "https://evil.example/"})
    with SyncTransport(allowed_hosts=["bots.kore.ai"]) as transport:
        assert transport.send(Request("get", "GET", "https://bots.kore.ai/a")).status == 302


def test_the_sync_carrier_calls_allowed_hosts_only() -> None:
    with SyncTransport(allowed_hosts=["bots.kore.ai"]) as transport, pytest.raises(HostNotAllowed):
        transport.send(Request("get", "GET", "https://evil.example/a"))


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (requests.ConnectionError("https://bots.kore.ai/a?token=secret"), "no connection"),
        (requests.Timeout("secret"), "timed out"),
        (requests.exceptions.SSLError("secret"), "TLS"),
    ],
)
def test_the_sync_carrier_reports_failures_without_quoting(
    mocked: responses.RequestsMock, error: Exception, detail: str
) -> None:
    mocked.get("https://bots.kore.ai/a", body=error)
    with SyncTransport(allowed_hosts=["bots.kore.ai"]) as transport, pytest.raises(Unreachable) as failed:
        transport.send(Request("get", "GET", "https://bots.kore.ai/a"))
    assert detail in str(failed.value)
    assert "secret" not in str(failed.value)


def test_the_sync_carrier_limits_a_response(
    mocked: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botkit.http.carriers.MAX_RESPONSE_BYTES", 4_000)
    mocked.get("https://bots.kore.ai/a", body=b"x" * 5_000)
    with SyncTransport(allowed_hosts=["bots.kore.ai"]) as transport, pytest.raises(BadReply, match="longer"):
        transport.send(Request("get", "GET", "https://bots.kore.ai/a"))


def test_the_sync_carrier_obeys_the_requests_own_limit(mocked: responses.RequestsMock) -> None:
    mocked.get("https://bots.kore.ai/a", body=b"x" * 5_000)
    with SyncTransport(allowed_hosts=["bots.kore.ai"]) as transport, pytest.raises(CallRefused):
        transport.send(Request("get", "GET", "https://bots.kore.ai/a", max_bytes=100))


def test_the_sync_carrier_knows_that_a_refused_connection_sent_nothing() -> None:
    with closed_port() as port:
        url = f"http://127.0.0.1:{port}/a"
        with (
            SyncTransport(allowed_hosts=["127.0.0.1"], insecure_http=True) as transport,
            pytest.raises(Unreachable, match="Connection refused") as failed,
        ):
            transport.send(Request("post", "POST", url, body=b"{}"))
    assert not failed.value.possible_duplicate


def test_the_sync_carrier_knows_that_a_broken_connection_may_have_sent_something(
    mocked: responses.RequestsMock,
) -> None:
    broken = requests.ConnectionError(ProtocolError("Connection aborted.", OSError("reset: secret")))
    mocked.post("https://bots.kore.ai/a", body=broken)
    with (
        SyncTransport(allowed_hosts=["bots.kore.ai"]) as transport,
        pytest.raises(Unreachable, match="the server closed the connection") as failed,
    ):
        transport.send(Request("post", "POST", "https://bots.kore.ai/a", body=b"{}"))
    assert failed.value.possible_duplicate


def test_the_sync_carrier_reports_an_unknown_host_name(mocked: responses.RequestsMock) -> None:
    pool = urllib3.HTTPSConnectionPool("bots.kore.ai")
    connection = HTTPConnection("bots.kore.ai")
    unknown = NameResolutionError("bots.kore.ai", connection, socket.gaierror(-2, "unknown"))
    mocked.get("https://bots.kore.ai/a", body=requests.ConnectionError(MaxRetryError(pool, "/a", unknown)))
    with (
        SyncTransport(allowed_hosts=["bots.kore.ai"]) as transport,
        pytest.raises(Unreachable, match="host name was not found") as failed,
    ):
        transport.send(Request("get", "GET", "https://bots.kore.ai/a"))
    assert not failed.value.possible_duplicate
