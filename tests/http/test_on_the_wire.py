"""What libcurl's carrier writes on the wire, and what it takes from it: no more than was asked for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pycurl
import pytest

from botkit.errors import CallRefused, Unreachable
from botkit.http import Request
from botkit.http.carriers import SyncTransport
from botkit.http.curl import CurlTransport
from botkit.http.curl.multi import Multi
from botkit.http.curl.stream import CurlStream
from botkit.http.network import Network, parse_proxy
from botkit.testing.clock import settle
from botkit.testing.waiting import async_until
from tests.http.connect_proxy import connect_proxy, serving

FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Of: server\r\n\r\nfine"


@contextmanager
def recording(answer: bytes = FINE) -> Iterator[tuple[int, list[str], list[object]]]:
    """The port of a server that answers every request alike; the heads that it has read, and its connections."""
    heads: list[str] = []
    connections: list[object] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        while head := (await reader.readuntil(b"\r\n\r\n")).decode():
            heads.append(head)
            await reader.readexactly(int(head.partition("Content-Length: ")[2].partition("\r")[0] or 0))
            writer.write(answer)
            await writer.drain()

    with serving(serve) as port:
        yield port, heads, connections


def carrier(network: Network | None = None) -> CurlTransport:
    return CurlTransport(allowed_hosts=None, insecure_http=True, network=network or Network())


async def test_a_request_has_the_headers_that_it_was_given_and_no_others() -> None:
    with recording() as (port, heads, _):
        async with carrier() as transport:
            await transport.send(Request("call", "POST", f"http://127.0.0.1:{port}/a", {"auth": "t"}, b"{}"))
            await transport.send(
                Request("call", "GET", f"http://127.0.0.1:{port}/b", {"Accept": "x", "Empty": ""})
            )
    common = f"Host: 127.0.0.1:{port}\r\nUser-Agent: BotKit-Python\r\n"
    assert heads == [
        f"POST /a HTTP/1.1\r\n{common}auth: t\r\nContent-Length: 2\r\n\r\n",
        f"GET /b HTTP/1.1\r\n{common}Accept: x\r\nEmpty:\r\n\r\n",
    ]


async def test_a_header_that_is_not_ascii_is_sent_in_utf_8_and_half_a_character_is_not() -> None:
    with recording() as (port, heads, _):
        async with carrier() as transport:
            url = f"http://127.0.0.1:{port}/"
            await transport.send(Request("call", "GET", url, {"X-Name": "Zoë"}))
            with pytest.raises(CallRefused, match="cannot be sent as it is") as refused:
                await transport.send(Request("call", "GET", url, {"X-Name": "secret\ud83d"}))
    assert ["X-Name: Zoë" in head for head in heads] == [True]
    assert "secret" not in f"{refused.value!r} {refused.value.__cause__!r}"


@pytest.mark.parametrize("path", ["/a/../b", "/./a//b/", "/%2E%2E/x?y=/../z", "/a?b=[c]{d}|e^'\"<>`"])
async def test_an_address_is_sent_as_it_is(path: str) -> None:
    """Only the digits of an encoded byte become capitals."""
    with recording() as (port, heads, _):
        async with carrier() as transport:
            await transport.send(Request("call", "GET", f"http://127.0.0.1:{port}{path}"))
    assert heads[0].startswith(f"GET {path} HTTP/1.1\r\n")


async def test_the_environment_exempts_no_host_from_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("NO_PROXY", "*")
    with recording() as (port, _, _), connect_proxy() as proxy:
        async with carrier(Network(proxy=parse_proxy(proxy.url))) as transport:
            await transport.send(Request("call", "GET", f"http://127.0.0.1:{port}/"))
    assert proxy.asked == [f"GET http://127.0.0.1:{port}/"]


async def test_a_netrc_file_gives_no_login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / ".netrc"
    file.write_text("machine 127.0.0.1 login someone password hunter2\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(file))
    with recording() as (port, heads, _):
        async with carrier() as transport:
            await transport.send(Request("call", "GET", f"http://127.0.0.1:{port}/"))
    assert "authorization" not in heads[0].lower()


async def test_cookies_are_not_kept() -> None:
    with recording(FINE.replace(b"X-Of: server", b"Set-Cookie: a=b; Path=/")) as (port, heads, _):
        async with carrier() as transport:
            for _ in range(2):
                await transport.send(Request("call", "GET", f"http://127.0.0.1:{port}/"))
    assert "cookie" not in heads[1].lower()


def test_cookies_are_not_kept_by_the_synchronous_carrier_either() -> None:
    with (
        recording(FINE.replace(b"X-Of: server", b"Set-Cookie: a=b; Path=/")) as (port, heads, _),
        SyncTransport(allowed_hosts=None, insecure_http=True) as transport,
    ):
        for _ in range(2):
            transport.send(Request("call", "GET", f"http://127.0.0.1:{port}/"))
    assert "cookie" not in heads[1].lower()


async def test_each_stream_has_a_connection_of_its_own_and_calls_share_one() -> None:
    with recording() as (port, heads, connections):
        async with carrier() as transport:
            request = Request("listen", "GET", f"http://127.0.0.1:{port}/")
            for _ in range(2):
                async with transport.stream(request, silence_seconds=60) as stream:
                    assert await stream.read() == b"fine"
            for _ in range(2):
                await transport.send(request)
        await async_until(lambda: len(heads) == 4)
    assert len(connections) == 3


async def test_an_open_stream_holds_no_headers_of_its_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands are open, each with a long token. Sending the request of the same handle again shows what it still has."""
    handle = pycurl.Curl()
    monkeypatch.setattr(pycurl, "Curl", lambda: handle)
    with recording() as (port, heads, _):
        request = Request("listen", "GET", f"http://127.0.0.1:{port}/", {"Authorization": "Bearer token"})
        async with carrier() as transport, transport.stream(request, silence_seconds=60) as stream:
            assert await stream.read() == b"fine"
            await asyncio.to_thread(handle.perform)
    assert ["token" in head for head in heads] == [True, False]


async def test_the_answer_of_a_tunnel_is_not_that_of_the_stream() -> None:
    """The proxy agrees to the tunnel, and nothing comes out of it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 Connection established\r\nX-Of: proxy\r\n\r\n")
        await reader.read(1)

    with serving(serve) as port:
        network = Network(proxy=parse_proxy(f"http://127.0.0.1:{port}"))
        async with carrier(network) as transport:
            with pytest.raises(Unreachable):
                async with transport.stream(
                    Request("listen", "GET", "https://a.example/"), silence_seconds=60
                ):
                    pass


async def test_a_stream_that_is_read_late_was_not_silent() -> None:
    """The silence is the reader's, which takes its time with what has arrived."""
    with recording(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000) as (port, _, _):
        async with carrier() as transport:
            request = Request("listen", "GET", f"http://127.0.0.1:{port}/")
            async with transport.stream(request, silence_seconds=0.3) as stream:
                await asyncio.sleep(1.0)
                assert len(await stream.read()) == 200_000


async def test_a_long_poll_waits_ten_seconds_for_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call may take its whole time to connect; a long poll has minutes, and would notice a dead proxy too late."""
    monkeypatch.setattr("botkit.http.curl.call.CONNECT_SECONDS", 0.05)
    with connect_proxy(silent=True) as proxy:
        async with carrier(Network(proxy=parse_proxy(proxy.url))) as transport:
            request = Request("poll", "GET", "https://a.example/", timeout_seconds=120.0, long_poll=True)
            with pytest.raises(Unreachable, match="no connection through the proxy in time"):
                await transport.send(request)


async def test_bytes_now_and_then_keep_a_stream_open() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(8):
            await writer.drain()
            await asyncio.sleep(0.3)
            writer.write(b"x")
        await writer.drain()

    with serving(serve) as port:
        async with carrier() as transport:
            request = Request("listen", "GET", f"http://127.0.0.1:{port}/")
            async with transport.stream(request, silence_seconds=2.0) as stream:
                assert await stream.read() == b"x" * 8


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\nx", b""),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", b"x"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", b"x" * 4_000),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    ],
    ids=["another-protocol", "byte-by-byte", "much-of-another-protocol", "interim-heads", "header-by-header"],
)
async def test_a_stream_without_a_response_is_given_up_whatever_arrives(first: bytes, then: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(first)
        while True:
            writer.write(then)
            await writer.drain()
            await asyncio.sleep(0.05)

    with serving(serve) as port:
        async with carrier() as transport, asyncio.timeout(30):
            with pytest.raises(Unreachable) as failed:
                async with transport.stream(
                    Request("listen", "GET", f"http://127.0.0.1:{port}/"), silence_seconds=0.3
                ):
                    pass
    assert (failed.value.cause, failed.value.possible_duplicate) == ("timeout", True)


async def test_a_stream_is_open_when_its_headers_have_come() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await reader.read(1)

    with serving(serve) as port:
        async with carrier() as transport, asyncio.timeout(30):
            request = Request("listen", "GET", f"http://127.0.0.1:{port}/")
            async with transport.stream(request, silence_seconds=60) as stream:
                assert stream.status == 200


async def test_a_carrier_may_be_closed_twice() -> None:
    with recording() as (port, _, _):
        async with carrier() as transport:
            await transport.send(Request("call", "GET", f"http://127.0.0.1:{port}/"))
            await transport.close()


def test_a_synchronous_carrier_that_is_closed_keeps_no_connection() -> None:
    ended = threading.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(FINE)
        assert await reader.read(1) == b""
        ended.set()

    with serving(serve) as port:
        with SyncTransport(allowed_hosts=None, insecure_http=True) as transport:
            transport.send(Request("call", "GET", f"http://127.0.0.1:{port}/"))
            assert not ended.is_set()
        assert ended.wait(30)


async def test_trailers_do_not_keep_a_stream_open() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n")
        while True:
            writer.write(b"X-A: b\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    with serving(serve) as port:
        async with carrier() as transport, asyncio.timeout(30):
            request = Request("listen", "GET", f"http://127.0.0.1:{port}/")
            async with transport.stream(request, silence_seconds=0.3) as stream:
                with pytest.raises(Unreachable, match="timed out"):
                    await stream.read()


async def test_a_full_stream_can_be_read_after_its_carrier_was_closed() -> None:
    with recording(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000) as (port, _, _):
        transport = carrier()
        request = Request("listen", "GET", f"http://127.0.0.1:{port}/")
        opening = transport.stream(request, silence_seconds=60)
        async with opening as stream:
            assert isinstance(opening, CurlStream)
            await async_until(lambda: opening._paused)
            await transport.close()
            await settle()
            chunks = stream.chunks()
            assert set(await anext(chunks)) == set(b"x")
            with pytest.raises(Unreachable, match="the carrier was closed"):
                await anext(chunks)


async def test_a_call_that_waits_for_its_answer_leaves_the_loop_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    turns = 0
    on_turn = Multi._on_turn

    def counted(multi: Multi) -> None:
        nonlocal turns
        turns += 1
        on_turn(multi)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.5)
        writer.write(FINE)

    monkeypatch.setattr(Multi, "_on_turn", counted)
    with serving(serve) as port:
        async with carrier() as transport:
            await transport.send(Request("call", "GET", f"http://127.0.0.1:{port}/"))
    assert turns < 20
