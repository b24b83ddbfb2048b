"""HTTP/2 over TLS: calls and a hundred event streams on one connection, and its own kinds of failure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import trustme

from botkit.errors import BadReply, Unreachable
from botkit.http import Request, Stream
from botkit.http.curl import CurlTransport
from botkit.http.network import Network, parse_proxy
from tests.http.connect_proxy import connect_proxy, serving, tls_front
from tests.http.http2_server import Http2Server, http2_server

STREAMS = 100


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


@pytest.fixture(scope="module")
def bundle(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("authorities") / "ca.pem"
    authority.cert_pem.write_to_path(file)
    return file


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[Http2Server]:
    with http2_server(authority) as running:
        yield running


@pytest.fixture
async def carrier(bundle: Path) -> AsyncIterator[CurlTransport]:
    network = Network(ca_bundle=bundle, http_version="2")
    async with CurlTransport(allowed_hosts=None, insecure_http=True, network=network) as transport:
        yield transport


async def test_calls_share_one_connection(carrier: CurlTransport, server: Http2Server) -> None:
    requests = [
        Request("call", "POST", f"https://127.0.0.1:{server.port}/{n}", body=b"x" * n) for n in range(20)
    ]
    responses = await asyncio.gather(*map(carrier.send, requests))
    assert [(one.status, len(one.body), one.headers["Content-Length"]) for one in responses] == [
        (200, n, str(n)) for n in range(20)
    ]
    assert server.connections == 1


async def test_a_hundred_event_streams_share_one_connection(
    carrier: CurlTransport, server: Http2Server
) -> None:
    request = Request("listen", "GET", f"https://127.0.0.1:{server.port}/stream")
    contexts = [carrier.stream(request, silence_seconds=60) for _ in range(STREAMS)]
    opened = await asyncio.gather(*(one.__aenter__() for one in contexts))
    assert {one.status for one in opened} == {200}
    assert {one.headers["content-type"] for one in opened} == {"text/event-stream"}
    assert {await anext(one.chunks()) for one in opened} == {b"one"}
    assert server.connections == 1

    # Each can end without the others.
    await contexts[0].__aexit__(None, None, None)
    server.say(b"two")
    assert {await anext(one.chunks()) for one in opened[1:]} == {b"two"}

    # They break together.
    server.go_away()
    for one in opened[1:]:
        with pytest.raises(Unreachable) as broken:
            await anext(one.chunks())
        assert broken.value.cause == "closed"
    for context in contexts[1:]:
        await context.__aexit__(None, None, None)
    assert len(server.requests) == STREAMS


@pytest.mark.parametrize("path", ["refused", "broken"])
async def test_a_post_whose_stream_is_reset_is_sent_once(
    carrier: CurlTransport, server: Http2Server, path: str
) -> None:
    with pytest.raises(Unreachable) as failed:
        await carrier.send(Request("send", "POST", f"https://127.0.0.1:{server.port}/{path}", body=b"x"))
    assert (failed.value.cause, failed.value.possible_duplicate) == ("closed", True)
    assert len(server.requests) == 1


async def test_a_reader_that_lags_holds_up_no_other(carrier: CurlTransport, server: Http2Server) -> None:
    base = f"https://127.0.0.1:{server.port}"
    async with (
        carrier.stream(Request("listen", "GET", f"{base}/flood"), silence_seconds=60) as flood,
        carrier.stream(Request("listen", "GET", f"{base}/stream"), silence_seconds=60) as stream,
    ):
        assert await anext(stream.chunks()) == b"one"
        assert await anext(flood.chunks())
    assert server.connections == 1


async def test_a_stream_over_http2_goes_through_a_proxy(bundle: Path, server: Http2Server) -> None:
    with connect_proxy(login="user:secret") as proxy:
        network = Network(proxy=parse_proxy(proxy.url), ca_bundle=bundle, http_version="2")
        async with CurlTransport(allowed_hosts=None, network=network) as carrier:
            request = Request("listen", "GET", f"https://127.0.0.1:{server.port}/stream")
            async with (
                carrier.stream(request, silence_seconds=60) as one,
                carrier.stream(request, silence_seconds=60) as other,
            ):
                assert await first_of(one) == await first_of(other) == b"one"
    assert proxy.asked == [f"CONNECT 127.0.0.1:{server.port}"]


async def first_of(stream: Stream) -> bytes:
    return await anext(stream.chunks())


async def test_a_server_without_http2_is_spoken_to_in_its_own_version(
    carrier: CurlTransport, authority: trustme.CA
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")

    with serving(serve) as plain, tls_front(plain, authority) as port:
        assert (await carrier.send(Request("call", "GET", f"https://127.0.0.1:{port}/"))).body == b"fine"


async def test_http2_is_not_offered_unless_it_is_asked_for(bundle: Path, authority: trustme.CA) -> None:
    """This server takes HTTP/2 if it may, and speaks nothing else."""
    with http2_server(authority, protocols=("h2", "http/1.1")) as server:
        network = Network(ca_bundle=bundle)
        async with CurlTransport(allowed_hosts=None, insecure_http=True, network=network) as carrier:
            with pytest.raises(BadReply):
                await carrier.send(Request("call", "GET", f"https://127.0.0.1:{server.port}/"))
    assert server.chosen == ["http/1.1"]
