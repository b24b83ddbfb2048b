"""Both carriers: client certificates, the places of the system's authorities, and addresses that are not called."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pycurl
import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from botkit.errors import CallError, HostNotAllowed, Unreachable, UnusableValue
from botkit.http import Request, Response
from botkit.http.addresses import is_of_this_machine
from botkit.http.carriers import SyncTransport
from botkit.http.curl import CurlTransport
from botkit.http.curl.outgoing import Authorities, Outgoing
from botkit.http.network import (
    DIRECT,
    ClientCertificate,
    Network,
    parse_ca_bundle,
    parse_client_certificate,
    parse_proxy,
)
from tests.http.connect_proxy import connect_proxy, serving

Send = Callable[..., Response]


def by_libcurl(url: str, network: Network = DIRECT, *, insecure_http: bool = True) -> Response:
    async def send() -> Response:
        async with CurlTransport(allowed_hosts=None, insecure_http=insecure_http, network=network) as carrier:
            return await carrier.send(Request("read", "GET", url))

    return asyncio.run(send())


def by_requests(url: str, network: Network = DIRECT, *, insecure_http: bool = True) -> Response:
    with SyncTransport(allowed_hosts=None, insecure_http=insecure_http, network=network) as carrier:
        return carrier.send(Request("read", "GET", url))


both = pytest.mark.parametrize("send", [by_libcurl, by_requests])


@dataclass
class Files:
    """An authority's certificate, and a client's certificate with its key, alone and encrypted."""

    authority: trustme.CA
    bundle: Path
    pair: Path
    certificate: Path
    key: Path
    encrypted: Path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    client = authority.issue_cert("botkit@example.com", key_type=trustme.KeyType.ECDSA)
    made = Files(
        authority, *(folder / name for name in ("ca.pem", "pair.pem", "cert.pem", "key.pem", "key2.pem"))
    )
    authority.cert_pem.write_to_path(made.bundle)
    client.private_key_and_cert_chain_pem.write_to_path(made.pair)
    client.cert_chain_pems[0].write_to_path(made.certificate)
    client.private_key_pem.write_to_path(made.key)
    key = load_pem_private_key(client.private_key_pem.bytes(), None)
    made.encrypted.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hunter2"))
    )
    return made


def demanding(files: Files) -> ssl.SSLContext:
    """A server's context that asks for a certificate of its clients. TLS 1.3 would refuse them after the handshake only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    files.authority.issue_cert("127.0.0.1").configure_cert(context)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cafile=files.bundle)
    return context


@pytest.fixture(scope="module")
def mutual(files: Files) -> Iterator[str]:
    """The address of a server that answers with the common name of the client's certificate, and demands one."""
    context = demanding(files)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        names = writer.get_extra_info("peercert")["subjectAltName"]
        body = names[0][1].encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()

    with serving(serve, context) as port:
        yield f"https://127.0.0.1:{port}/"


# --- client certificates ----------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("kind", ["one file", "two files", "encrypted"])
def test_a_server_that_asks_for_a_certificate_gets_it(
    send: Send, files: Files, mutual: str, kind: str
) -> None:
    client = {
        "one file": ClientCertificate(files.pair, files.pair),
        "two files": ClientCertificate(files.certificate, files.key),
        "encrypted": ClientCertificate(files.certificate, files.encrypted, "hunter2"),
    }[kind]
    network = Network(ca_bundle=files.bundle, client=client)
    assert send(mutual, network).body == b"botkit@example.com"
    assert "hunter2" not in repr(network)


def test_a_password_that_is_a_whole_file_is_refused(files: Files) -> None:
    """`client_key_password: ${file:botkit.key}`"""
    client = ClientCertificate(files.certificate, files.encrypted, files.key.read_text() * 5)
    with pytest.raises(UnusableValue, match="password is longer than 1,024 bytes") as refused:
        parse_client_certificate(client)
    assert "PRIVATE KEY" not in str(refused.value)


@pytest.mark.parametrize("place", ["certificate", "key"])
def test_a_pipe_is_no_file_of_a_client_certificate(files: Files, tmp_path: Path, place: str) -> None:
    """Reading it would wait for ever."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    client = (
        ClientCertificate(pipe, files.key) if place == "certificate" else ClientCertificate(files.pair, pipe)
    )
    with pytest.raises(UnusableValue, match="names pipe, which is not a regular file"):
        parse_client_certificate(client)


@both
def test_a_server_that_asks_for_a_certificate_refuses_the_handshake_without_it(
    send: Send, files: Files
) -> None:
    context = demanding(files)

    def refuse() -> None:
        # asyncio would close the connection without an alert.
        connection, _ = listener.accept()
        with suppress(ssl.SSLError):
            context.wrap_socket(connection, server_side=True)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=refuse)
        thread.start()
        with pytest.raises(Unreachable, match="alert handshake failure") as failed:
            send(f"https://127.0.0.1:{listener.getsockname()[1]}/", Network(ca_bundle=files.bundle))
        thread.join()
    assert failed.value.cause == "tls"
    assert "network.client_certificate" in failed.value.fix


async def test_files_that_went_away_after_the_start_are_named(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone.pem"
    client = Network(client=ClientCertificate(gone, gone), ca_bundle=files.bundle)
    for network, named in ((DIRECT, "SSL_CERT_FILE"), (client, "network.client_certificate")):
        with monkeypatch.context() as patch, serving(lambda *_: asyncio.sleep(0)) as port:
            if network is DIRECT:
                places(patch, file=str(gone), folder=None)
            async with CurlTransport(allowed_hosts=None, insecure_http=True, network=network) as carrier:
                with pytest.raises(Unreachable) as failed:
                    await carrier.send(Request("read", "GET", f"https://127.0.0.1:{port}/"))
        assert (failed.value.cause, named in failed.value.fix) == ("tls", True)


# --- the authorities of the system ------------------------------------------------------------------------------------


def places(monkeypatch: pytest.MonkeyPatch, *, file: str | None, folder: str | None) -> None:
    found = ssl.DefaultVerifyPaths(file, folder, "SSL_CERT_FILE", "", "SSL_CERT_DIR", "")  # type: ignore[arg-type]
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: found)


class Options:
    """Stands in for an easy handle, and notes its options."""

    def __init__(self, authorities: Authorities) -> None:
        self.set: dict[int, str | None] = {}
        authorities.prepare(self)

    def setopt(self, option: int, value: str) -> None:
        self.set[option] = value

    def unsetopt(self, option: int) -> None:
        self.set[option] = None


def test_the_systems_file_is_enough_unless_a_folder_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    places(monkeypatch, file="/etc/ca.pem", folder="/etc/certs")
    assert Options(Authorities(None, {})).set == {pycurl.CAINFO: "/etc/ca.pem"}
    both_places = {pycurl.CAINFO: "/etc/ca.pem", pycurl.CAPATH: "/etc/certs"}
    assert Options(Authorities(None, {"SSL_CERT_DIR": "/etc/certs"})).set == both_places
    places(monkeypatch, file=None, folder="/etc/certs")
    assert Options(Authorities(None, {})).set == {pycurl.CAINFO: None, pycurl.CAPATH: "/etc/certs"}
    only_a_bundle = {pycurl.CAINFO: str(tmp_path), pycurl.CAPATH: "/etc/certs"}
    assert Options(Authorities(tmp_path, {})).set == only_a_bundle


def test_a_bundle_is_written_together_with_the_systems_file_and_removed_at_the_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "system.pem").write_text("system")
    (tmp_path / "bundle.pem").write_text("bundle")
    places(monkeypatch, file=str(tmp_path / "system.pem"), folder=None)
    authorities = Authorities(tmp_path / "bundle.pem", {})
    written = Options(authorities).set[pycurl.CAINFO]
    assert written is not None
    assert Path(written).read_text() == "system\nbundle"
    authorities.close()
    authorities.close()
    assert not Path(written).exists()


def test_the_folder_of_the_written_file_is_locked_against_programs_that_remove_old_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("system.pem", "bundle.pem"):
        (tmp_path / name).write_text("one")
    places(monkeypatch, file=str(tmp_path / "system.pem"), folder=None)
    authorities = Authorities(tmp_path / "bundle.pem", {})
    written = Options(authorities).set[pycurl.CAINFO]
    assert written is not None
    folder = os.open(Path(written).parent, os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(folder, fcntl.LOCK_SH | fcntl.LOCK_NB)
    authorities.close()
    fcntl.flock(folder, fcntl.LOCK_SH | fcntl.LOCK_NB)
    os.close(folder)


@both
def test_a_bundle_may_begin_with_a_byte_order_mark(
    send: Send, files: Files, mutual: str, tmp_path: Path
) -> None:
    """Windows' editors write one, and `botkit check` finds nothing wrong with it."""
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(b"\xef\xbb\xbf" + files.bundle.read_bytes())
    network = Network(ca_bundle=parse_ca_bundle(bundle), client=ClientCertificate(files.pair, files.pair))
    assert send(mutual, network).status == 200


@both
def test_the_variable_of_openssl_moves_the_systems_file(
    send: Send, files: Files, mutual: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = ClientCertificate(files.pair, files.pair)
    with pytest.raises(Unreachable, match="certificate was not accepted"):
        send(mutual, Network(client=client))
    monkeypatch.setenv("SSL_CERT_FILE", str(files.bundle))
    assert send(mutual, Network(client=client, ca_bundle=files.bundle)).status == 200


# --- addresses of this machine ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "refused"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("0.0.0.0", True),
        ("169.254.169.254", True),
        ("::1", True),
        ("::", True),
        ("fe80::1%eth0", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:10.0.0.1", False),
        ("100.100.100.200", True),
        ("168.63.129.16", True),
        ("fd00:ec2::254", True),
        ("fd20:ce::254", True),
        ("fd00:42::42", True),
        ("192.0.0.192", True),
        ("fd00:c1::a9fe:a9fe", True),
        ("fd00:a9fe:a9fe::1", True),
        ("fd00:100::100:200", True),
        ("::ffff:100.100.100.200", True),
        ("64:ff9b::169.254.169.254", True),
        ("64:ff9b:1::127.0.0.1", True),
        ("2002:a9fe:a9fe::1", True),
        ("64:ff9b::203.0.113.7", False),
        ("100.100.100.201", False),
        ("fd00:1234::254", False),
        ("10.1.2.3", False),
        ("192.168.1.1", False),
        ("203.0.113.7", False),
        ("2001:db8::1", False),
    ],
)
def test_addresses_of_this_machine_and_of_its_link(address: str, refused: bool) -> None:
    assert is_of_this_machine(address) is refused


@both
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "localhost.", "a.LocalHost", "[::ffff:127.0.0.1]"]
)
def test_a_host_on_this_machine_is_not_connected_to(send: Send, host: str) -> None:
    greeted: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        greeted.append(await reader.read(1))

    with serving(serve) as port, pytest.raises(HostNotAllowed) as failed:
        send(f"https://{host}:{port}/", insecure_http=False)
    error: CallError = failed.value
    assert "an address of this machine or of its link" in error.detail
    assert "security.insecure_http" in error.fix
    assert error.host == f"{host}:{port}"
    assert greeted in ([], [b""])


@both
def test_a_name_that_leads_to_this_machine_is_called_again_later(
    send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = Outgoing.prepare

    def resolved(outgoing: Outgoing, curl: pycurl.Curl) -> None:
        prepare(outgoing, curl)
        curl.setopt(pycurl.RESOLVE, ["platform.example:443:127.0.0.1"])

    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(1)

    with serving(serve) as port:
        here = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))]
        monkeypatch.setattr(Outgoing, "prepare", resolved)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_: here)
        with pytest.raises(Unreachable, match=r"the host's name leads to 127\.0\.0\.1") as failed:
            send("https://platform.example/", insecure_http=False)
    assert failed.value.cause == "dns"
    assert not failed.value.possible_duplicate
    assert "security.insecure_http" in failed.value.fix


async def test_a_name_that_leads_to_this_machine_for_a_moment_is_looked_up_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepare = Outgoing.prepare
    answers = [["+platform.example:443:127.0.0.1"]]

    def answered_once(outgoing: Outgoing, curl: pycurl.Curl) -> None:
        prepare(outgoing, curl)
        if answers:
            curl.setopt(
                pycurl.RESOLVE, answers.pop()
            )  # With +, libcurl forgets it like an answer of a name server.

    monkeypatch.setattr(Outgoing, "prepare", answered_once)
    monkeypatch.setattr("botkit.http.curl.options.NAME_SECONDS", 1)
    async with CurlTransport(allowed_hosts=None) as carrier:

        async def leads_here() -> bool:
            request = Request("call", "GET", "https://platform.example/", timeout_seconds=0.2)
            with pytest.raises(Unreachable) as failed:
                await carrier.send(request)
            return "leads to 127.0.0.1" in failed.value.detail

        assert await leads_here()
        async with asyncio.timeout(20):
            while await leads_here():  # noqa: ASYNC110 - nothing tells when libcurl has forgotten it
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("network", [DIRECT, Network(proxy=parse_proxy("http://192.0.2.1:1"))])
async def test_a_machine_without_free_descriptors_is_named(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], network: Network
) -> None:
    def none_is_free(*_: object) -> socket.socket:
        raise OSError(errno.EMFILE, "none is free")

    async with CurlTransport(allowed_hosts=None, network=network) as carrier:
        with monkeypatch.context() as patch:
            patch.setattr("botkit.http.curl.transfer.socket.socket", none_is_free)
            with pytest.raises(Unreachable, match="Too many open files"):
                await carrier.send(Request("read", "GET", "https://192.0.2.1/"))
    assert capfd.readouterr() == ("", "")


async def test_the_next_failure_of_a_handle_has_a_cause_of_its_own(
    unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_is_free(*_: object) -> socket.socket:
        raise OSError(errno.EMFILE, "none is free")

    request = Request("read", "GET", f"https://127.0.0.1:{unused_tcp_port}/")
    monkeypatch.setattr("botkit.http.hosts.addresses.names_this_machine", lambda _: False)
    async with CurlTransport(allowed_hosts=None) as carrier:
        with pytest.raises(CallError, match="an address of this machine"):
            await carrier.send(request)
        monkeypatch.setattr("botkit.http.curl.transfer.addresses.is_of_this_machine", lambda _: False)
        with monkeypatch.context() as patch:
            patch.setattr("botkit.http.curl.transfer.socket.socket", none_is_free)
            with pytest.raises(Unreachable, match="Too many open files"):
                await carrier.send(request)
        with pytest.raises(Unreachable, match="Connection refused"):
            await carrier.send(request)


@both
def test_a_proxy_on_this_machine_is_connected_to(send: Send) -> None:
    with (
        connect_proxy(answer="403 Forbidden") as proxy,
        pytest.raises(Unreachable, match="refused to pass the call on"),
    ):
        send("https://acme.example/", Network(proxy=parse_proxy(proxy.url)), insecure_http=False)
    assert proxy.asked == ["CONNECT acme.example:443"]


async def test_a_stream_to_a_host_on_this_machine_is_not_opened() -> None:
    async with CurlTransport(allowed_hosts=None) as carrier:
        with pytest.raises(HostNotAllowed):
            async with carrier.stream(Request("listen", "GET", "https://127.0.0.1:1/"), silence_seconds=9):
                pass
