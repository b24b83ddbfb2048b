"""The proxy's address, the hosts without it, the environment's variables and the certificate authorities."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from botkit.errors import UnusableValue
from botkit.http import proxying
from botkit.http.network import (
    DIRECT,
    Network,
    Proxy,
    from_environment,
    parse_ca_bundle,
    parse_exemption,
    parse_proxy,
)

PROXY = Proxy("proxy.example", 3128)


@pytest.mark.parametrize(
    ("text", "url", "authorization"),
    [
        ("http://proxy.example:3128", "http://proxy.example:3128", ""),
        (" http://Proxy.Example:3128/ ", "http://proxy.example:3128", ""),
        ("http://[::1]:8080", "http://[::1]:8080", ""),
        ("http://user:pass@10.1.2.3:80", "http://10.1.2.3:80", "Basic dXNlcjpwYXNz"),
        ("http://us%40er:p%3Aa@proxy:80", "http://proxy:80", "Basic dXNAZXI6cDph"),
        ("http://user@proxy:80", "http://proxy:80", "Basic dXNlcjo="),
        ("http://user:%E9@proxy:80", "http://proxy:80", "Basic dXNlcjrp"),
    ],
)
def test_a_proxy_is_an_http_address_with_or_without_a_login(text: str, url: str, authorization: str) -> None:
    proxy = parse_proxy(text)
    assert (proxy.url, proxy.authorization) == (url, authorization)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "proxy.example:3128",
        "http://proxy.example",
        "http://proxy.example:0",
        "http://proxy.example:x",
        "http://proxy.example:99999",
        "http://:3128",
        "http://proxy.example:3128/path",
        "http://proxy.example:3128?x",
        "http://pro xy:1",
        "http://[::1:3128",
        "https://hunter2:hunter2@proxy.example:3128",
        "http://hunter2:hunter2\udcff@proxy.example:3128",
        "socks5://proxy.example:1080",
    ],
)
def test_what_is_no_proxy_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(UnusableValue) as refused:
        parse_proxy(text)
    assert "hunter2" not in str(refused.value)


def test_a_login_is_in_no_repr() -> None:
    network = Network(proxy=parse_proxy("http://user:hunter2@proxy.example:3128"))
    assert "hunter2" not in repr(network)
    assert network.proxy is not None
    assert network.proxy.authorization not in repr(network)


@pytest.mark.parametrize(
    ("entry", "url", "direct"),
    [
        ("bots.kore.ai", "https://bots.kore.ai/x", True),
        ("Bots.Kore.Ai.", "https://BOTS.kore.ai./x", True),
        ("bots.kore.ai", "https://eu.bots.kore.ai/x", False),
        ("bots.kore.ai", "https://xbots.kore.ai/x", False),
        (".kore.ai", "https://bots.kore.ai/x", True),
        (".kore.ai", "https://kore.ai/x", False),
        (".kore.ai", "https://xkore.ai/x", False),
        ("bots.kore.ai:443", "https://bots.kore.ai/x", True),
        ("bots.kore.ai:8443", "https://bots.kore.ai/x", False),
        ("127.0.0.1", "http://127.0.0.1:8001/x", True),
        ("127.0.0.1:8002", "http://127.0.0.1:8001/x", False),
        ("10.0.0.0/8", "https://10.1.2.3/x", True),
        ("10.0.0.0/8", "https://11.1.2.3/x", False),
        ("10.0.0.0/8", "https://ten.example/x", False),
        ("::1", "http://[::1]:8001/x", True),
        ("[::1]", "http://[::1]:8001/x", True),
        ("[::1]:8001", "http://[::1]:8001/x", True),
        ("[::1]:8002", "http://[::1]:8001/x", False),
    ],
)
def test_a_host_without_the_proxy(entry: str, url: str, direct: bool) -> None:
    network = Network(proxy=PROXY, no_proxy=(parse_exemption(entry),))
    assert (network.proxy_of(url) is None) is direct


@pytest.mark.parametrize(
    "entry", ["", "*", "https://kore.ai", "kore.ai/x", "a b", "kore.ai:x", "kore.ai:0", "10.0.0.0/99"]
)
def test_what_names_no_host_is_refused(entry: str) -> None:
    with pytest.raises(UnusableValue):
        parse_exemption(entry)


def test_without_a_proxy_every_host_is_called_directly() -> None:
    assert DIRECT.proxy_of("https://bots.kore.ai/") is None


@pytest.mark.parametrize(
    ("environ", "host"),
    [
        ({"HTTPS_PROXY": "http://big:1"}, "big"),
        ({"HTTPS_PROXY": "http://big:1", "https_proxy": "http://small:1"}, "small"),
        ({"HTTPS_PROXY": "", "ALL_PROXY": "http://all:1"}, "all"),
        ({"HTTPS_PROXY": "bare:3128"}, "bare"),
        ({"HTTP_PROXY": "http://other:1"}, None),
        ({"HTTPS_PROXY": "http://big:1", "NO_PROXY": "*"}, None),
        ({}, None),
    ],
)
def test_the_usual_variables(environ: dict[str, str], host: str | None) -> None:
    proxy, _ = from_environment(environ)
    assert (proxy and proxy.host) == host


def test_in_the_variable_a_host_stands_for_all_below_it() -> None:
    network = Network(
        *from_environment({"https_proxy": "proxy:1", "no_proxy": "kore.ai, *.corp.example,10.0.0.0/8 !odd"})
    )
    direct = ["https://kore.ai/", "https://bots.kore.ai/", "https://x.corp.example/", "https://10.1.1.1/"]
    assert [network.proxy_of(url) for url in direct] == [None] * 4
    assert network.proxy_of("https://mykore.ai/") is not None


def test_a_proxy_of_the_environment_is_named_as_such() -> None:
    proxy, _ = from_environment({"all_proxy": "proxy:1"})
    assert proxy is not None
    assert proxying.refused("read", 407, proxy).fix.startswith("write them into the variable all_proxy: ")
    assert proxying.unknown("read", proxy).fix == "correct the host of the variable all_proxy"
    assert "network.proxy" in proxying.unknown("read", parse_proxy("http://proxy:1")).fix


def test_a_variable_that_cannot_be_used_is_named_but_not_shown() -> None:
    with pytest.raises(UnusableValue, match="the variable HTTPS_PROXY") as refused:
        from_environment({"HTTPS_PROXY": "socks5://user:hunter2@proxy:1"})
    assert "hunter2" not in str(refused.value)


def test_a_bundle_has_certificates_of_authorities(tmp_path: Path) -> None:
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    good, leaf, text = tmp_path / "ca.pem", tmp_path / "leaf.pem", tmp_path / "text.pem"
    authority.cert_pem.write_to_path(good)
    authority.issue_cert("a.example").cert_chain_pems[0].write_to_path(leaf)
    text.write_text("no certificate")
    assert parse_ca_bundle(good) == good
    for file, said in (
        (leaf, "no certificate of an authority"),
        (text, "not a PEM file"),
        (tmp_path / "none", "No such file"),
        (tmp_path, "Is a directory"),
        (Path("/dev/null"), "not a regular file"),
    ):
        with pytest.raises(UnusableValue, match=said):
            parse_ca_bundle(file)


def test_a_bundle_adds_to_the_authorities_of_the_system(tmp_path: Path) -> None:
    trustme.CA(key_type=trustme.KeyType.ECDSA).cert_pem.write_to_path(tmp_path / "ca.pem")
    own = DIRECT.ssl_context().cert_store_stats()["x509_ca"]
    assert Network(ca_bundle=tmp_path / "ca.pem").ssl_context().cert_store_stats()["x509_ca"] == own + 1
