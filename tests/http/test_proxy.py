"""Both carriers through a proxy, with TLS inside the tunnel: calls, long polls, event streams, and each way a proxy fails."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import trustme

from botkit.errors import BadReply, CallError, Unreachable
from botkit.http import Request, Response
from botkit.http.carriers import SyncTransport
from botkit.http.curl import CurlTransport
from botkit.http.network import DIRECT, Network, parse_exemption, parse_proxy
from tests.http.connect_proxy import ConnectProxy, connect_proxy, serving, tls_front
from tests.ports import closed_port

HOST = "acme.my.salesforce-scrt.com"


@dataclass
class Cloud:
    """A plain server, its TLS front, and who signs for it."""

    authority: trustme.CA
    bundle: Path
    plain: int = 0
    secure: int = 0
    headers: list[dict[str, str]] = field(default_factory=list)
    more: threading.Event = field(default_factory=threading.Event)

    def network(self, proxy: ConnectProxy | None = None, **more: Any) -> Network:
        return Network(proxy=parse_proxy(proxy.url) if proxy else None, ca_bundle=self.bundle, **more)

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.secure}/some/path?x=1"


@pytest.fixture(scope="module")
def whole_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    bundle = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(bundle)
    cloud = Cloud(authority, bundle)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            cloud.headers.append({name.lower(): value for name, value in self.headers.items()})
            body, streams = f"fine {self.path}".encode(), self.path == "/stream"
            self.send_response(200)
            self.send_header("Connection", "close" if streams else "keep-alive")
            if not streams:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            if streams:
                self.wfile.flush()
                cloud.more.wait(10)
                self.wfile.write(b" and more")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    cloud.plain = server.server_port
    with tls_front(cloud.plain, authority, name=HOST) as cloud.secure:
        yield cloud
    server.shutdown()
    server.server_close()


@pytest.fixture
def cloud(whole_cloud: Cloud) -> Cloud:
    whole_cloud.headers.clear()
    whole_cloud.more.clear()
    return whole_cloud


def _by_libcurl(url: str, network: Network, **request: Any) -> Response:
    async def send() -> Response:
        async with CurlTransport(allowed_hosts=None, insecure_http=True, network=network) as carrier:
            return await carrier.send(Request("read", "GET", url, **request))

    return asyncio.run(send())


def _by_requests(url: str, network: Network, **request: Any) -> Response:
    with SyncTransport(allowed_hosts=None, insecure_http=True, network=network) as carrier:
        return carrier.send(Request("read", "GET", url, **request))


Send = Callable[..., Response]
both = pytest.mark.parametrize("send", [_by_libcurl, _by_requests])


@both
def test_a_call_to_an_https_host_goes_through_a_tunnel(send: Send, cloud: Cloud) -> None:
    with connect_proxy() as proxy:
        answer = send(cloud.url, cloud.network(proxy), headers={"auth": "t"})
    assert answer.body == b"fine /some/path?x=1"
    assert proxy.asked == [f"CONNECT {HOST}:{cloud.secure}"]
    assert "auth: t" not in proxy.headers[0]


@both
@pytest.mark.parametrize("login", ["user:secret", "ü%40:p%3Aß"], ids=["plain", "encoded"])
def test_user_and_password_are_for_the_proxy_alone(send: Send, cloud: Cloud, login: str) -> None:
    with connect_proxy(login=unquote(login)) as proxy:
        network = Network(proxy=parse_proxy(f"http://{login}@127.0.0.1:{proxy.port}"), ca_bundle=cloud.bundle)
        assert send(cloud.url, network).status == 200
        assert send(f"http://127.0.0.1:{cloud.plain}/plain", network).body == b"fine /plain"
    assert len(cloud.headers) == 2
    assert all("proxy-authorization" not in headers for headers in cloud.headers)


@both
def test_without_tls_the_proxy_is_asked_for_the_whole_address(send: Send, cloud: Cloud) -> None:
    with connect_proxy() as proxy:
        assert send(f"http://{HOST}:{cloud.plain}/a?b", cloud.network(proxy)).body == b"fine /a?b"
    assert proxy.asked == [f"GET http://{HOST}:{cloud.plain}/a?b"]


@both
def test_a_host_of_no_proxy_is_called_directly(send: Send, cloud: Cloud) -> None:
    exempt = (parse_exemption("127.0.0.0/8"),)
    with connect_proxy() as proxy:
        network = cloud.network(proxy, no_proxy=exempt)
        assert send(f"http://127.0.0.1:{cloud.plain}/x", network).status == 200
    assert proxy.asked == []


@both
def test_the_environment_is_not_asked_for_a_proxy(
    send: Send, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    assert send(f"http://127.0.0.1:{cloud.plain}/x", DIRECT).status == 200


@both
def test_a_certificate_that_only_the_bundle_vouches_for_is_refused_without_it(
    send: Send, cloud: Cloud
) -> None:
    with connect_proxy() as proxy:
        error = _failure(send, cloud.url, Network(proxy=parse_proxy(proxy.url)))
    assert "certificate was not accepted: unable to get local issuer certificate" in error.detail
    assert (error.cause, "network.ca_bundle" in error.fix) == ("tls", True)


@both
def test_a_certificate_for_another_host_is_refused(send: Send, cloud: Cloud) -> None:
    with connect_proxy() as proxy:
        error = _failure(send, f"https://other.example:{cloud.secure}/", cloud.network(proxy))
    assert "Hostname mismatch, certificate is not valid for 'other.example'" in error.detail
    assert (error.cause, "correct the host" in error.fix) == ("tls", True)


@both
def test_a_port_that_does_not_speak_tls(send: Send, cloud: Cloud) -> None:
    error = _failure(send, f"https://127.0.0.1:{cloud.plain}/", DIRECT)
    assert (error.cause, error.detail) == ("tls", "TLS failed: wrong version number")
    assert "scheme and port" in error.fix


def _failure(send: Send, url: str, network: Network, **request: Any) -> CallError:
    with pytest.raises(CallError) as failed:
        send(url, network, **request)
    shown = f"{failed.value!r} {failed.value} {network!r}"
    assert "secret" not in shown
    assert "c2VjcmV0" not in shown
    return failed.value


@both
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_a_login_that_is_missing_and_one_that_is_wrong_are_told_apart(
    send: Send, cloud: Cloud, scheme: str
) -> None:
    url = f"{scheme}://{HOST}:{cloud.secure}/"
    with connect_proxy(login="user:right") as proxy:
        without = Network(proxy=parse_proxy(f"http://127.0.0.1:{proxy.port}"))
        assert "asks for a user and a password (HTTP 407)" in str(_failure(send, url, without))
        wrong = Network(proxy=parse_proxy(f"http://user:secret@127.0.0.1:{proxy.port}"))
        assert "did not accept the user and password of network.proxy" in str(_failure(send, url, wrong))


@both
@pytest.mark.parametrize(
    ("answer", "said", "fix"),
    [
        ("403 Forbidden", "refused to pass the call on (HTTP 403)", "permit CONNECT"),
        ("502 Bad Gateway", "does not reach the host (HTTP 502)", "the proxy's own network"),
    ],
)
def test_a_tunnel_that_the_proxy_refuses(send: Send, cloud: Cloud, answer: str, said: str, fix: str) -> None:
    with connect_proxy(answer=answer) as proxy:
        error = _failure(send, cloud.url, cloud.network(proxy))
    assert f"the proxy 127.0.0.1:{proxy.port} {said}" in error.detail
    assert fix in error.fix
    assert isinstance(error, Unreachable)
    assert (error.cause, error.possible_duplicate) == ("proxy", False)
    assert error.host == f"{HOST}:{cloud.secure}"


@both
def test_a_proxy_that_is_not_there(send: Send, cloud: Cloud) -> None:
    with closed_port() as port:
        where = f"127.0.0.1:{port}"
        network = Network(proxy=parse_proxy(f"http://user:secret@{where}"))
        error = _failure(send, cloud.url, network)
    assert f"the proxy {where} is not reached: Connection refused" in str(error)
    assert "network.no_proxy" in error.fix


@both
def test_a_proxy_whose_name_is_not_known(send: Send, cloud: Cloud) -> None:
    network = Network(proxy=parse_proxy("http://user:secret@proxy.invalid:3128"))
    error = _failure(send, cloud.url, network)
    assert "the host name of the proxy proxy.invalid:3128 was not found" in str(error)


@both
def test_a_proxy_that_does_not_answer(send: Send, cloud: Cloud) -> None:
    with connect_proxy(silent=True) as proxy:
        error = _failure(send, cloud.url, cloud.network(proxy), timeout_seconds=0.1)
    assert isinstance(error, Unreachable)


async def test_a_stream_goes_through_the_tunnel_while_it_arrives(cloud: Cloud) -> None:
    with connect_proxy() as proxy:
        async with CurlTransport(allowed_hosts=None, network=cloud.network(proxy)) as carrier:
            request = Request("listen", "GET", f"https://{HOST}:{cloud.secure}/stream")
            async with carrier.stream(request, silence_seconds=10) as stream:
                chunks = stream.chunks()
                first = await anext(chunks)
                cloud.more.set()
                rest = b"".join([chunk async for chunk in chunks])
    assert (first, rest) == (b"fine /stream", b" and more")
    assert proxy.asked == [f"CONNECT {HOST}:{cloud.secure}"]


async def test_a_stream_that_the_proxy_refuses(cloud: Cloud) -> None:
    with connect_proxy(login="user:right") as proxy:
        without = Network(proxy=parse_proxy(f"http://127.0.0.1:{proxy.port}"))
        async with CurlTransport(allowed_hosts=None, insecure_http=True, network=without) as carrier:
            for url in (cloud.url, f"http://{HOST}:{cloud.plain}/stream"):
                with pytest.raises(Unreachable, match="asks for a user and a password"):
                    async with carrier.stream(Request("listen", "GET", url), silence_seconds=10):
                        pass


async def test_a_stream_does_not_wait_for_ever_for_the_proxy(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botkit.http.curl.stream.CONNECT_SECONDS", 0.05)
    with connect_proxy(silent=True) as proxy:
        async with CurlTransport(allowed_hosts=None, network=cloud.network(proxy)) as carrier:
            stream = carrier.stream(Request("listen", "GET", cloud.url), silence_seconds=7.5)
            with pytest.raises(Unreachable, match="no connection through the proxy in time"):
                async with stream:
                    pass


async def test_long_polls_keep_their_tunnel(cloud: Cloud) -> None:
    with connect_proxy() as proxy:
        async with CurlTransport(allowed_hosts=None, network=cloud.network(proxy)) as carrier:
            for _ in range(2):
                answer = await carrier.send(Request("poll", "GET", cloud.url, long_poll=True))
                assert answer.status == 200
    assert proxy.asked == [f"CONNECT {HOST}:{cloud.secure}"]


@both
def test_what_is_no_proxy_gives_no_answer_of_http(send: Send) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def speak() -> None:
        connection, _ = listener.accept()
        connection.recv(1024)
        connection.sendall(b"220 mail.example ESMTP\r\n")
        connection.close()

    thread = threading.Thread(target=speak)
    thread.start()
    network = Network(proxy=parse_proxy(f"http://user:secret@127.0.0.1:{listener.getsockname()[1]}"))
    error = _failure(send, f"https://{HOST}/", network)
    thread.join()
    listener.close()
    assert isinstance(error, Unreachable | BadReply)


async def _nothing(writer: asyncio.StreamWriter) -> None:
    """It closes the connection."""


async def _resets(writer: asyncio.StreamWriter) -> None:
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def _greets(writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example ESMTP\r\n")


@pytest.mark.parametrize("answer", [_nothing, _resets, _greets])
def test_what_takes_the_connection_and_is_no_proxy_is_told_from_one_that_is_not_there(
    answer: Callable[[asyncio.StreamWriter], Coroutine[None, None, None]],
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await answer(writer)

    with serving(serve) as port:
        network = Network(proxy=parse_proxy(f"http://u:secret@127.0.0.1:{port}"))
        error = _failure(_by_libcurl, f"https://{HOST}/", network)
    assert isinstance(error, Unreachable)
    assert f"the proxy 127.0.0.1:{port} took the connection, but gave no answer in HTTP" in str(error)
    assert "let the proxy permit CONNECT" in error.fix
    assert (error.cause, error.possible_duplicate) == ("proxy", False)


@both
def test_a_tunnel_that_ends_within_the_handshake(send: Send) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        assert await reader.read(65_536)  # Unread, it would make the end a reset.

    with serving(serve) as port:
        error = _failure(send, f"https://{HOST}/", Network(proxy=parse_proxy(f"http://127.0.0.1:{port}")))
    assert isinstance(error, Unreachable)
    assert not error.possible_duplicate
    assert "that no proxy answers in between" in error.fix
