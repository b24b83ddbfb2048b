"""Every spelling of the organisation's base URL, and the refused ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.agents.miaw.settings import normalize_base_url
from botkit.errors import UnusableValue

ACME = "https://acme.my.salesforce-scrt.com"


@pytest.mark.parametrize(
    "spelling",
    [
        "acme.my.salesforce.com",
        "https://acme.my.salesforce.com",
        "http://acme.my.salesforce.com",
        "https://acme.my.salesforce.com/",
        "https://acme.my.salesforce.com/lightning/page/home?x=1#y",
        "acme.my.salesforce.com/setup",
        "//acme.my.salesforce.com",
        "https://acme.my.salesforce-srct.com",
        "acme.my.salesforce-srct.com/",
        "https://acme.my.salesforce-scrt.com",
        "https://acme.my.salesforce-scrt.com/iamessage/api/v2",
        "HTTPS://ACME.My.SalesForce.COM",
        "  https://acme.my.salesforce.com \n",
        "https://acme.my.salesforce.com.",
        "https://acme.my.salesforce.com:443",
    ],
)
def test_every_spelling_of_one_domain_gives_its_scrt_host(spelling: str) -> None:
    assert normalize_base_url(spelling) == ACME


@pytest.mark.parametrize(
    ("spelling", "host"),
    [
        ("acme--uat.sandbox.my.salesforce.com", "acme--uat.sandbox.my.salesforce-scrt.com"),
        ("https://acme--uat.sandbox.my.salesforce-srct.com/", "acme--uat.sandbox.my.salesforce-scrt.com"),
        ("x-dev-ed.develop.my.salesforce.com", "x-dev-ed.develop.my.salesforce-scrt.com"),
        ("a1.scratch.my.salesforce.com", "a1.scratch.my.salesforce-scrt.com"),
        (
            "resourceful-otter-1.trailblaze.my.salesforce.com",
            "resourceful-otter-1.trailblaze.my.salesforce-scrt.com",
        ),
        ("acme--uat.my.salesforce.com", "acme--uat.my.salesforce-scrt.com"),
    ],
)
def test_sandbox_and_developer_hosts_keep_their_partition(spelling: str, host: str) -> None:
    assert normalize_base_url(spelling) == f"https://{host}"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "is empty"),
        ("acme", "is not a My Domain host"),
        ("my.salesforce.com", "is not a My Domain host"),
        (".my.salesforce.com", "is not a My Domain host"),
        ("-acme.my.salesforce.com", "is not a My Domain host"),
        ("https://example.com/acme.my.salesforce.com", "is not a My Domain host"),
        ("https://acme.my.salesforce.com.example.com", "is not a My Domain host"),
        ("https://acme.my.salesforce.com@example.com", "names a user"),
        ("https://user:pw@acme.my.salesforce.com", "names a user"),
        ("https://acme.my.salesforce.com:8443", "names a port"),
        ("https://login.salesforce.com", "is the login page"),
        ("acme--uat.cs12.my.salesforce.com", "names a Salesforce instance"),
        ("https://acme.a.b.my.salesforce.com", "is not a My Domain host"),
        ("ftp://acme.my.salesforce.com", "is no web address"),
        ("https://[::1", "is not a URL"),
        ("https://acme.my.salesforce.com:port", "is not a URL"),
        ("http://example.com", "is an http URL"),
        ("https://ácme.my.salesforce.com", "is not a My Domain host"),
    ],
)
def test_anything_else_is_refused_with_the_reason(value: str, reason: str) -> None:
    with pytest.raises(UnusableValue) as refused:
        normalize_base_url(value)
    assert reason in refused.value.what


@pytest.mark.parametrize(
    "page",
    [
        "https://acme.lightning.force.com/lightning/setup/SetupOneHome/home",
        "acme.my.salesforce-setup.com",
        "https://acme.my.site.com/help",
    ],
)
def test_the_address_of_a_page_is_refused_with_the_my_domain_url_to_use(page: str) -> None:
    with pytest.raises(UnusableValue) as refused:
        normalize_base_url(page)
    assert "https://acme.my.salesforce.com" in refused.value.fix


@pytest.mark.parametrize("page", ["acme--uat.sandbox.lightning.force.com"])
def test_the_hint_keeps_the_partition(page: str) -> None:
    with pytest.raises(UnusableValue, match=r"https://acme--uat\.sandbox\.my\.salesforce\.com"):
        normalize_base_url(page)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8002",
        "http://localhost:8002",
        "http://[::1]:8002",
        "https://127.0.0.1:8443",
        "http://127.0.0.1:8002/clouds/salesforce",
    ],
)
def test_loopback_passes_unchanged_with_insecure_http_and_is_refused_without(url: str) -> None:
    assert normalize_base_url(url, insecure_http=True) == url
    with pytest.raises(UnusableValue, match="insecure_http"):
        normalize_base_url(url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8002/", "127.0.0.1:8002"])
def test_a_loopback_address_loses_its_last_slash_and_gets_http_when_it_names_no_scheme(url: str) -> None:
    assert normalize_base_url(url, insecure_http=True) == "http://127.0.0.1:8002"


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1:8002", "http://example.com", "http://localhost.example.com"]
)
def test_insecure_http_lets_nothing_but_loopback_through(url: str) -> None:
    with pytest.raises(UnusableValue):
        normalize_base_url(url, insecure_http=True)


@given(st.text(max_size=60))
def test_no_text_crashes_it_or_gives_a_foreign_host(text: str) -> None:
    try:
        url = normalize_base_url(text)
    except UnusableValue:
        return
    assert url.startswith("https://")
    assert url.endswith(".my.salesforce-scrt.com")
