"""Which hosts may be called."""

from __future__ import annotations

import pytest

from botkit.errors import HostNotAllowed
from botkit.http.hosts import AllowedHosts

HOSTS = AllowedHosts(["bots.kore.ai", "onprem.example:8443", "[::1]:9000"])


@pytest.mark.parametrize(
    "url",
    [
        "https://bots.kore.ai/api/botsdk/stream/st-1/sendUserMessage/1",
        "https://bots.kore.ai",
        "https://bots.kore.ai?x=1",
        "https://BOTS.Kore.AI/a",
        "https://bots.kore.ai./a",
        "https://bots.kore.ai:443/a",
        "https://bots.kore.ai:0443/a",
        "https://onprem.example:8443/a",
        "https://[::1]:9000/a",
    ],
)
def test_a_configured_host_is_allowed(url: str) -> None:
    HOSTS.check(url, what="call")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "bots.kore.ai/a",
        "//bots.kore.ai/a",
        "ftp://bots.kore.ai/a",
        "file:///etc/passwd",
        "http://bots.kore.ai/a",
        "https://evil.example/a",
        "https://evil.example/bots.kore.ai",
        "https://bots.kore.ai.evil.example/a",
        "https://evilbots.kore.ai/a",
        "https://bots.kore.ai@evil.example/a",
        "https://user:pass@bots.kore.ai/a",
        "https://bots.kore.ai\\@evil.example/a",
        "https://bots.kore.ai#@evil.example/a",
        "https://bots.kore.ai/a#b",
        "https://bots.kore.ai:8443/a",
        "https://bots.kore.ai:80/a",
        "https://bots.kore.ai:99999/a",
        "https://bots.kore.ai:/a",
        "https://bots.kore.ai../a",
        "https://bots.kore.ai /a",
        "https://bots.kore.ai/a b",
        "https://bots.kore.ai\n/a",
        "https://bots.kore.ai/a\r\nHost: evil.example",
        "https://bots%2ekore.ai/a",
        "https://bots.kore.aı/a",
        "https://onprem.example/a",
        "https:///a",
        "https://bots.kore.ai/" + "a" * 5_000,
    ],
)
def test_everything_else_is_refused(url: str) -> None:
    with pytest.raises(HostNotAllowed):
        HOSTS.check(url, what="call")


def test_a_host_once_allowed_does_not_allow_its_other_ports_or_plain_http() -> None:
    hosts = AllowedHosts(["bots.kore.ai"])
    hosts.check("https://bots.kore.ai/a", what="call")
    assert not hosts.allows("https://bots.kore.ai:8443/a")
    assert not hosts.allows("http://bots.kore.ai/a")


def test_insecure_http_lets_plain_http_and_any_port_of_a_bare_host_through() -> None:
    hosts = AllowedHosts(["127.0.0.1", "localhost:9000"], insecure_http=True)
    assert hosts.allows("http://127.0.0.1:54321/a")
    assert hosts.allows("http://localhost:9000/a")
    assert not hosts.allows("http://localhost:9001/a")


def test_no_list_allows_every_host_but_not_plain_http() -> None:
    hosts = AllowedHosts(None)
    assert hosts.allows("https://anything.example:444/a")
    assert not hosts.allows("http://anything.example/a")
    assert not hosts.allows("https://user@anything.example/a")


def test_a_refusal_names_the_host_and_nothing_else_of_the_url() -> None:
    with pytest.raises(HostNotAllowed) as refused:
        HOSTS.check("https://evil.example/private/path?token=secret", what="pass to bot")
    assert "evil.example" in str(refused.value)
    assert "private" not in str(refused.value)
    assert "secret" not in str(refused.value)
