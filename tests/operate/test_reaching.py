"""The way to a host, layer by layer: each thing that can be wrong with it is named, and nothing behind it is tried."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from botkit.checks import Result
from botkit.http.network import DIRECT, Network, parse_proxy
from botkit.operate import reaching as module
from botkit.operate.reaching import reaching
from botkit.operate.running import Group, run
from tests.http.connect_proxy import connect_proxy, serving, tls_front
from tests.http.http2_server import http2_server
from tests.ports import closed_port

HOST = "acme.my.salesforce-scrt.com"
LONG_AGO, SOON = datetime(2020, 1, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(days=30)


async def look(url: str, network: Network = DIRECT) -> dict[str, Result]:
    checks = reaching(url, "salesforce", network)
    return {one.check.removeprefix("salesforce."): one async for one in run(Group(checks))}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def bundle(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("authorities") / "ca.pem"
    authority.cert_pem.write_to_path(file)
    return file


@contextmanager
def listening() -> Iterator[int]:
    """The port of a server that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def nobody() -> Iterator[int]:
    """A port where nobody listens."""
    with closed_port() as port:
        yield port


# --- without a proxy ---


async def test_a_host_over_tls_passes_and_shows_who_signed_its_certificate(
    authority: trustme.CA, bundle: Path
) -> None:
    with listening() as port, tls_front(port, authority) as front:
        results = await look(f"https://127.0.0.1:{front}", Network(ca_bundle=bundle))
    assert [(name, one.ok) for name, one in results.items()] == [
        ("dns", True),
        ("connection", True),
        ("tls", True),
    ]
    assert "TLSv1" in results["tls"].cause
    assert "certificate by trustme" in results["tls"].cause
    assert "valid until" in results["tls"].cause


@pytest.mark.parametrize(("protocols", "said"), [(("h2",), "HTTP/2,"), ((), "HTTP/1.1 only,")])
async def test_the_version_of_http_is_told_if_the_second_is_asked_for(
    authority: trustme.CA, bundle: Path, protocols: tuple[str, ...], said: str
) -> None:
    with http2_server(authority, protocols=protocols) as server:
        network = Network(ca_bundle=bundle, http_version="2")
        results = await look(f"https://127.0.0.1:{server.port}", network)
        assert said in results["tls"].cause
        assert (
            "HTTP/"
            not in (await look(f"https://127.0.0.1:{server.port}", Network(ca_bundle=bundle)))["tls"].cause
        )


async def test_an_unencrypted_address_has_no_check_of_tls() -> None:
    with listening() as port:
        assert list(await look(f"http://127.0.0.1:{port}")) == ["dns", "connection"]


@pytest.mark.parametrize(
    ("number", "cause", "fix"),
    [
        (socket.EAI_NONAME, f"the host name {HOST} does not exist", "correct the address"),
        (socket.EAI_AGAIN, "the name server does not answer", "DNS settings"),
    ],
)
async def test_a_name_that_does_not_exist_is_told_from_a_name_server_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, number: int, cause: str, fix: str
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise socket.gaierror(number, "no")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", refuse)
    results = await look(f"https://{HOST}")
    assert cause in results["dns"].cause
    assert fix in results["dns"].fix
    assert [one.ok for one in results.values()] == [False, None, None]


async def test_a_refused_connection_is_told_from_one_that_is_not_answered(
    nobody: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = await look(f"https://127.0.0.1:{nobody}")
    assert results["connection"].cause == f"127.0.0.1:{nobody} refuses the connection"
    assert "check host and port" in results["connection"].fix
    assert results["tls"].ok is None

    async def hang(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(module, "_CONNECT_SECONDS", 0.01)
    monkeypatch.setattr(asyncio, "open_connection", hang)
    results = await look(f"https://127.0.0.1:{nobody}")
    assert "does not answer within 0.01 seconds" in results["connection"].cause
    assert "firewall" in results["connection"].fix


@pytest.mark.parametrize(
    ("exempt", "suggested"),
    [("", True), ("127.0.0.1", False), ("*", False)],
    ids=["applies", "exempt", "none"],
)
async def test_a_proxy_of_the_environment_that_is_not_used_is_suggested_where_it_applies(
    nobody: int, monkeypatch: pytest.MonkeyPatch, exempt: str, suggested: bool
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hunter2@proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", exempt)
    monkeypatch.setenv("no_proxy", exempt)
    failure = (await look(f"https://127.0.0.1:{nobody}"))["connection"]
    assert ("which BotKit does not use" in failure.cause) is suggested
    assert ("network.proxy_from_environment: true" in failure.fix) is suggested
    assert "check host and port" in failure.fix
    assert "hunter2" not in str(failure)


async def test_addresses_that_do_not_answer_share_the_time_of_one_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[float | None] = []
    timeout = asyncio.timeout

    async def hang(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    async def resolved(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", (f"192.0.2.{last}", 443)) for last in range(1, 4)]

    def counting(delay: float | None) -> asyncio.Timeout:
        asked.append(delay)
        return timeout(delay)

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)
    monkeypatch.setattr(asyncio, "open_connection", hang)
    monkeypatch.setattr(asyncio, "timeout", counting)
    monkeypatch.setattr(module, "_CONNECT_SECONDS", 0.03)
    results = await look(f"https://{HOST}")
    assert "does not answer within 0.03 seconds" in results["connection"].cause
    assert [delay for delay in asked if delay is not None and delay < 1] == [pytest.approx(0.01)] * 3


def _expired(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("127.0.0.1", not_before=LONG_AGO, not_after=LONG_AGO + timedelta(days=1))


def _too_early(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("127.0.0.1", not_before=SOON, not_after=SOON + timedelta(days=1))


def _of_another_name(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("other.example")


def _of_another_authority(_: trustme.CA) -> trustme.LeafCert:
    return trustme.CA().issue_cert("127.0.0.1")


@pytest.mark.parametrize(
    ("make", "cause", "fix"),
    [
        (_expired, "has expired, or this machine's clock is ahead", "renewed"),
        (_too_early, "not valid yet: this machine's clock is behind", "NTP"),
        (_of_another_name, "for another name than 127.0.0.1", "correct the address"),
        (
            _of_another_authority,
            "signed by an authority that this machine does not know",
            "network.ca_bundle",
        ),
    ],
    ids=["expired", "too early", "another name", "unknown authority"],
)
async def test_each_problem_of_a_certificate_has_its_own_cause(
    authority: trustme.CA, bundle: Path, make: object, cause: str, fix: str
) -> None:
    assert callable(make)
    with listening() as port, tls_front(port, authority, certificate=make(authority)) as front:
        results = await look(f"https://127.0.0.1:{front}", Network(ca_bundle=bundle))
    assert results["connection"].ok
    assert cause in results["tls"].cause
    assert fix in results["tls"].fix


async def test_a_server_without_tls_is_told_from_a_wrong_certificate() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    with serving(speak) as port:
        results = await look(f"https://127.0.0.1:{port}")
    assert "does not speak TLS" in results["tls"].cause


async def test_a_connection_that_breaks_during_the_handshake_points_at_the_network() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    with serving(hang_up) as port:
        results = await look(f"https://127.0.0.1:{port}")
    assert "broke during the TLS handshake" in results["tls"].cause
    assert "firewall" in results["tls"].fix


# --- through a proxy ---


async def test_a_host_is_reached_through_the_proxy_without_its_name_being_looked_up_here(
    authority: trustme.CA, bundle: Path
) -> None:
    with (
        listening() as port,
        tls_front(port, authority, name=HOST) as front,
        connect_proxy(login="botkit:hunter2") as proxy,
    ):
        network = Network(proxy=parse_proxy(proxy.url), ca_bundle=bundle)
        results = await look(f"https://{HOST}:{front}", network)
    assert [(name, one.ok) for name, one in results.items()] == [("proxy", True), ("tls", True)]
    assert proxy.asked == [f"CONNECT {HOST}:{front}"] * 2
    assert "hunter2" not in str(results)


async def test_an_unencrypted_host_needs_only_the_connection_to_the_proxy() -> None:
    with connect_proxy() as proxy:
        results = await look(f"http://{HOST}:8080", Network(proxy=parse_proxy(proxy.url)))
    assert [(name, one.ok) for name, one in results.items()] == [("proxy", True)]
    assert proxy.asked == []


@pytest.mark.parametrize(
    ("login", "answer", "url", "cause", "fix"),
    [
        (
            "botkit:hunter2",
            "",
            "http://127.0.0.1:{port}",
            "asks for a user and a password (HTTP 407)",
            "user:password@",
        ),
        (
            "botkit:hunter2",
            "",
            "http://botkit:old@127.0.0.1:{port}",
            "does not accept the user",
            "percent-encoded",
        ),
        (
            "",
            "403 Forbidden",
            "http://127.0.0.1:{port}",
            f"does not pass connections to {HOST} (HTTP 403)",
            "permit CONNECT",
        ),
        (
            "",
            "502 Bad Gateway",
            "http://127.0.0.1:{port}",
            f"does not reach {HOST} (HTTP 502)",
            "the proxy's own network",
        ),
    ],
    ids=["407", "407 with a login", "403", "502"],
)
async def test_each_refusal_of_a_proxy_has_its_own_cause(
    login: str, answer: str, url: str, cause: str, fix: str
) -> None:
    with connect_proxy(login=login, answer=answer) as proxy:
        results = await look(f"https://{HOST}", Network(proxy=parse_proxy(url.format(port=proxy.port))))
    assert cause in results["proxy"].cause
    assert fix in results["proxy"].fix
    assert results["tls"].ok is None
    assert "hunter2" not in str(results)


async def test_a_proxy_that_is_not_there_or_is_none_is_told_apart(
    nobody: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = await look(f"https://{HOST}", Network(proxy=parse_proxy(f"http://127.0.0.1:{nobody}")))
    assert f"the proxy 127.0.0.1:{nobody} refuses the connection" in results["proxy"].cause
    assert "network.proxy" in results["proxy"].fix

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n\r\n")
        writer.close()

    with serving(speak) as port:
        results = await look(f"https://{HOST}", Network(proxy=parse_proxy(f"http://127.0.0.1:{port}")))
    assert "does not answer as a proxy" in results["proxy"].cause

    monkeypatch.setattr(module, "_CONNECT_SECONDS", 0.05)
    with connect_proxy(silent=True) as silent:
        results = await look(f"https://{HOST}", Network(proxy=parse_proxy(silent.url)))
    assert "does not answer within" in results["proxy"].cause
