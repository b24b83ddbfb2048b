"""The section `network`, and the public address."""

from __future__ import annotations

import pytest
import trustme

from botkit.http.network import DIRECT, ClientCertificate
from tests.config.folder import SERVER, Folder


def test_without_the_section_everything_is_called_directly(folder: Folder) -> None:
    folder.environ = {"HTTPS_PROXY": "http://proxy.example:3128"}
    assert folder.load().network == DIRECT


def test_a_proxy_with_a_password_from_the_environment(folder: Folder) -> None:
    folder.environ = {"PROXY_PASSWORD": "hunter2"}
    folder.server(
        SERVER
        + "network: {proxy: 'http://user:${PROXY_PASSWORD}@proxy.example:3128', no_proxy: [.intranet]}\n"
    )
    network = folder.load().network
    assert network.proxy is not None
    assert (network.proxy.url, network.proxy.authorization) == (
        "http://proxy.example:3128",
        "Basic dXNlcjpodW50ZXIy",
    )
    assert network.proxy_of("https://a.intranet/") is None
    assert "hunter2" not in repr(folder.load())


def test_the_environment_counts_where_it_is_asked_for(folder: Folder) -> None:
    folder.environ = {"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": "kore.ai"}
    folder.server(SERVER + "network: {proxy_from_environment: true, no_proxy: [other.example]}\n")
    network = folder.load().network
    assert network.proxy_of("https://acme.my.salesforce-scrt.com/") is not None
    assert network.proxy_of("https://bots.kore.ai/") is None
    assert network.proxy_of("https://other.example/") is None


def test_a_bundle_is_found_beside_the_file(folder: Folder) -> None:
    trustme.CA(key_type=trustme.KeyType.ECDSA).cert_pem.write_to_path(folder.path / "ca.pem")
    folder.server(SERVER + "network: {ca_bundle: ca.pem}\n")
    assert folder.load().network.ca_bundle == folder.path / "ca.pem"


def test_a_client_certificate_with_its_key(folder: Folder) -> None:
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    client = authority.issue_cert("botkit@example.com", key_type=trustme.KeyType.ECDSA)
    client.private_key_and_cert_chain_pem.write_to_path(folder.path / "both.pem")
    folder.server(SERVER + "network: {client_certificate: both.pem}\n")
    assert folder.load().network.client == ClientCertificate(
        folder.path / "both.pem", folder.path / "both.pem"
    )

    client.private_key_pem.write_to_path(folder.path / "key.pem")
    folder.environ = {"KEY_PASSWORD": "hunter2"}
    setting = "{client_certificate: both.pem, client_key: key.pem, client_key_password: '${KEY_PASSWORD}'}"
    folder.server(f"{SERVER}network: {setting}\n")
    network = folder.load().network
    assert network.client == ClientCertificate(folder.path / "both.pem", folder.path / "key.pem", "hunter2")
    assert "hunter2" not in repr(folder.load())

    authority.issue_cert("other@example.com").private_key_pem.write_to_path(folder.path / "key.pem")
    assert "network.client_certificate: has another certificate's key; name the key of" in folder.problem()


@pytest.mark.parametrize(
    ("written", "version"), [("", "1.1"), ("1.1", "1.1"), ("'1.1'", "1.1"), ("2", "2"), ("'2'", "2")]
)
def test_a_version_of_http_is_a_number_or_a_text(folder: Folder, written: str, version: str) -> None:
    folder.server(f"{SERVER}network: {{http_version: {written}}}\n" if written else SERVER)
    assert folder.load().network.http_version == version


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("{proxy: 'user:hunter2@proxy:1'}", "network.proxy: is not a proxy's address; write http://host:port"),
        ("{proxy: 'https://user:hunter2@proxy:1'}", "network.proxy: is a proxy that is spoken to in https"),
        ("{proxy: 'socks5://user:hunter2@proxy:1'}", "network.proxy: is a SOCKS proxy, which this version cannot use"),
        ("{proxy: 'http://user:hunter2@proxy'}", "network.proxy: names no port"),
        ("{no_proxy: ['*.kore.ai']}", "network.no_proxy[0]: “*.kore.ai” is not a host; write a host, .domain"),
        ("{ca_bundle: missing.pem}", "network.ca_bundle: cannot be read: No such file or directory; correct the path"),
        ("{ca_bundle: botkit.yaml}", "network.ca_bundle: is not a PEM file of certificates"),
        ("{proxy: 'http://proxy:1', proxy_from_environment: true}", "network.proxy_from_environment: is true beside a proxy"),
        ("{proxy_from_environment: true}", "network.proxy_from_environment: the variable HTTPS_PROXY is a SOCKS proxy"),
        ("{client_certificate: missing.pem}", "network.client_certificate: cannot be read: No such file or directory"),
        ("{client_certificate: botkit.yaml}", "network.client_certificate: cannot be used as a certificate with its key"),
        ("{client_key: botkit.yaml}", "network.client_key: belongs to no certificate; set network.client_certificate"),
        ("{client_key_password: hunter2}", "network.client_key_password: belongs to no certificate"),
        ("{http_version: 3}", "network.http_version: “3” is not allowed here; write 1.1 or 2"),
        ("{http_version: 2.0}", 'network.http_version: is 2.0, which is not a version of HTTP; write 2 or "2"'),
        ("{http_version: '2.0'}", "network.http_version: "),
        ("{client_cert: x.pem}", "network.client_cert: is not known here"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_without_the_password(folder: Folder, section: str, said: str) -> None:
    folder.environ = {"HTTPS_PROXY": "socks5://user:hunter2@proxy:1"}
    folder.server(f"{SERVER}network: {section}\n")
    problem = folder.problem()
    assert problem.startswith(f"botkit.yaml:3: {said}")
    assert "hunter2" not in problem


def test_the_public_address_has_no_slash_at_its_end(folder: Folder) -> None:
    folder.server(SERVER + "server: {public_url: 'https://botkit.example/kore/'}\n")
    assert folder.load().server.public_url == "https://botkit.example/kore"


@pytest.mark.parametrize(
    "url", ["botkit.example", "https://", "https://u@b.example", "https://b.example/?x", "ftp://b.example"]
)
def test_a_public_address_is_an_https_url(folder: Folder, url: str) -> None:
    folder.server(f"{SERVER}server: {{public_url: '{url}'}}\n")
    assert "server.public_url" in folder.problem()


def test_a_public_address_is_encrypted(folder: Folder) -> None:
    folder.server(f"{SERVER}server: {{public_url: 'http://b.example'}}\n")
    assert folder.problem().endswith("server.public_url: is not encrypted; write the https:// address")
    folder.server(f"{SERVER}server: {{public_url: 'http://b.example'}}\nsecurity: {{insecure_http: true}}\n")
    assert folder.load().server.public_url == "http://b.example"


@pytest.mark.parametrize("ports", ["port: 8010, health_port: 8010", "health_port: 8003"])
def test_monitors_need_a_port_of_their_own(folder: Folder, ports: str) -> None:
    folder.server(f"{SERVER}server: {{{ports}}}\n")
    assert folder.problem().endswith(
        "server.health_port: is server.port, too; choose another port for the monitors"
    )
