"""Which hosts may be called."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.errors import HostNotAllowed
from botkit.http.hosts import AllowedHosts
from botkit.http.network import DIRECT, Network, parse_exemption, parse_proxy

HOSTS = AllowedHosts(
    ["bots.kore.ai", "onprem.example:8443", "[2001:db8::1]:9000", "127.0.0.1", "localhost:9000"],
    network=DIRECT,
)


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
        "https://[2001:db8::1]:9000/a",
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
        "https://127.0.0.1/a",
        "https://localhost:9000/a",
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


SEGMENTS = st.sampled_from(
    ["a", "b1", "st-1", "..", "", "%2e", "#x", "?q=1", "\\@evil.example", "a b", "é", "٣", "\n", "x" * 4_000]
)
URLS = st.builds(
    lambda origin, segments: "/".join([origin, *segments]),
    st.sampled_from(
        [
            "https://bots.kore.ai",
            "https://BOTS.kore.ai:443",
            "https://bots.kore.ai:8443",
            "http://bots.kore.ai",
            "https://evil.example",
            "https://bots.kore.ai@evil.example",
            "https://bots.kore.ai?x=",
            "https:",
        ]
    ),
    st.lists(SEGMENTS, max_size=4),
)


@given(st.lists(URLS, min_size=2, max_size=20))
def test_what_was_checked_before_changes_no_answer(urls: list[str]) -> None:
    hosts = AllowedHosts(["bots.kore.ai"])
    assert [hosts.allows(url) for url in urls] == [AllowedHosts(["bots.kore.ai"]).allows(url) for url in urls]


LIKE_ONE_ANOTHER = [
    f"{folder}/{name}"
    for folder in (
        "https://bots.kore.ai/a",
        "https://bots.kore.ai/" + "b" * 2_975,
        "https://bots.kore.ai/" + "c" * 3_400,
        "https://bots.kore.ai/new",
        "https://evil.example/a",
    )
    for name in ("1", "2", "a b", "\u0663", "x" * 990, "x" * 1_020, "")
]


@pytest.mark.parametrize("end", ["1", "2", "a b", "\u0663", "x" * 990, "x" * 1_020, ""])
def test_urls_that_are_checked_together_get_the_answer_of_each(end: str) -> None:
    allowed = {url: AllowedHosts(["bots.kore.ai"]).allows(url) for url in LIKE_ONE_ANOTHER} | {None: True}
    hosts = AllowedHosts(["bots.kore.ai"])
    for url in LIKE_ONE_ANOTHER:
        hosts.allows(f"{url.rpartition('/')[0]}/known")
    for urls in itertools.product(allowed, repeat=2):
        try:
            hosts.check_each(urls, end=end, what="call")
            passed = True
        except HostNotAllowed:
            passed = False
        assert passed == all(allowed[url] for url in urls), urls


def test_after_a_good_call_the_folder_does_not_let_another_url_through() -> None:
    hosts = AllowedHosts(["bots.kore.ai"])
    hosts.check("https://bots.kore.ai", what="call")
    assert not hosts.allows("https://localhost")
    hosts.check("https://bots.kore.ai/stream/sendUserMessage/1501244150000", what="call")
    assert hosts.allows("https://bots.kore.ai/stream/sendUserMessage/1501244150001")
    assert not hosts.allows("https://evil.example/stream/sendUserMessage/1501244150001")
    assert not hosts.allows("https://bots.kore.ai/stream/sendUserMessage/15 01")
    assert not hosts.allows("https://bots.kore.ai/stream/sendUserMessage/" + "1" * 5_000)


@pytest.mark.parametrize("end", ["", "?x=1", "/stream", "/" + "a" * 2_900])
def test_a_base_is_checked_with_what_may_follow_it(end: str) -> None:
    hosts = AllowedHosts(["bots.kore.ai"])
    for _ in range(2):
        hosts.check_base(f"https://bots.kore.ai{end}", what="call")
        hosts.check(f"https://bots.kore.ai{end}/extendcallid/" + "%F0%90%8D%88" * 64, what="call")


@pytest.mark.parametrize(
    "base",
    [
        "https://evil.example",
        "https://bots.kore.ai/a b",
        "https://bots.kore.ai/" + "a" * 3_500,
        "https:/",
        "/",
        "x",
    ],
)
def test_a_base_is_refused_if_a_url_that_extends_it_would_be(base: str) -> None:
    hosts = AllowedHosts(["bots.kore.ai", "clearagentsession"])
    for _ in range(2):
        with pytest.raises(HostNotAllowed):
            hosts.check_base(base, what="call")


def test_few_origins_folders_and_bases_are_remembered() -> None:
    hosts = AllowedHosts(None)
    for number in range(1_000):
        hosts.check(f"https://host-{number}.example/{number}/x", what="call")
        hosts.check_base(f"https://bots.kore.ai/{number}", what="call")
    assert max(len(hosts._known), len(hosts._folders), len(hosts._bases)) <= 256
    assert hosts.allows("https://host-1.example/1/x")


def test_insecure_http_lets_plain_http_and_any_port_of_a_bare_host_through() -> None:
    hosts = AllowedHosts(["127.0.0.1", "localhost:9000"], insecure_http=True)
    assert hosts.allows("http://127.0.0.1:54321/a")
    assert hosts.allows("http://localhost:9000/a")
    assert not hosts.allows("http://localhost:9001/a")


def test_a_host_on_this_machine_is_allowed_where_a_proxy_is_asked_for_it() -> None:
    network = Network(parse_proxy("http://proxy.example:3128"), (parse_exemption("localhost"),))
    hosts = AllowedHosts(["127.0.0.1", "localhost"], network=network)
    assert hosts.allows("https://127.0.0.1/a")
    assert not hosts.allows("https://localhost/a")


def test_no_list_allows_every_host_but_not_plain_http() -> None:
    hosts = AllowedHosts(None)
    assert hosts.allows("https://anything.example:444/a")
    assert not hosts.allows("http://anything.example/a")
    assert not hosts.allows("https://user@anything.example/a")


@pytest.mark.parametrize(
    ("url", "fix"),
    [
        ("http://kore.example/a", "use the https address"),
        ("https://kore.example:444/a", "such as kore.example:444 in kore.callback_hosts"),
        ("https://user@kore.example/a", "without user"),
        ("https://evil.example/a", ""),
    ],
)
def test_a_refusal_says_what_to_change_unless_a_host_is_to_be_added(url: str, fix: str) -> None:
    with pytest.raises(HostNotAllowed) as refused:
        AllowedHosts(["kore.example"]).check(url, what="pass to bot")
    assert fix in refused.value.fix
    assert bool(fix) is bool(refused.value.fix)


def test_a_refusal_names_the_host_and_nothing_else_of_the_url() -> None:
    with pytest.raises(HostNotAllowed) as refused:
        HOSTS.check("https://evil.example/private/path?token=secret", what="pass to bot")
    assert "evil.example" in str(refused.value)
    assert "private" not in str(refused.value)
    assert "secret" not in str(refused.value)
