"""The hosts that Salesforce may send us to."""

from __future__ import annotations

import pytest

from botkit.agents.live_chat.settings import may_upload_to, normalize_live_agent_url, switched
from botkit.errors import UnusableValue

POD = "https://d.la1-c1.salesforceliveagent.com/chat/rest"
LOCAL = "http://127.0.0.1:8001/chat/rest"


@pytest.mark.parametrize(
    "spelling",
    [
        "https://d.la1-c1.salesforceliveagent.com/chat/rest/",
        "https://d.la1-c1.salesforceliveagent.com/chat/rest",
        "https://d.la1-c1.salesforceliveagent.com/chat",
        "https://d.la1-c1.salesforceliveagent.com/",
        "https://D.LA1-C1.salesforceliveagent.com",
        "d.la1-c1.salesforceliveagent.com",
        "//d.la1-c1.salesforceliveagent.com/chat/rest",
        "  https://d.la1-c1.salesforceliveagent.com:443/chat/rest ",
    ],
)
def test_every_spelling_people_paste_is_the_same_base(spelling: str) -> None:
    assert normalize_live_agent_url(spelling) == POD


def test_the_newer_hosts_are_known_too() -> None:
    assert (
        normalize_live_agent_url("acme.my.salesforce-scrt.com")
        == "https://acme.my.salesforce-scrt.com/chat/rest"
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "empty"),
        ("https://acme.my.salesforce.com", "not a host of"),
        ("https://salesforceliveagent.com.evil.example", "not a host of"),
        ("https://evilsalesforceliveagent.com", "not a host of"),
        ("http://d.la1.salesforceliveagent.com", "http URL"),
        ("https://d.la1.salesforceliveagent.com:8443", "port"),
        ("https://user@d.la1.salesforceliveagent.com", "not a URL"),
        ("https://d.la1.salesforceliveagent.com/other", "path"),
        ("https://d.la1.salesforceliveagent.com/chat/rest?x=1", "path"),
        ("ftp://d.la1.salesforceliveagent.com", "not a URL"),
        ("http://127.0.0.1:8001", "this machine"),
    ],
)
def test_anything_else_is_refused_with_the_reason(value: str, reason: str) -> None:
    with pytest.raises(UnusableValue, match=reason):
        normalize_live_agent_url(value)


def test_loopback_is_let_through_for_demos() -> None:
    assert normalize_live_agent_url("http://127.0.0.1:8001/chat/rest/", insecure_http=True) == LOCAL
    assert normalize_live_agent_url("localhost:8001", insecure_http=True) == "http://localhost:8001/chat/rest"


def test_a_switch_leads_to_the_rest_of_the_new_server() -> None:
    new = switched(POD, "https://d.la2-c3.salesforceliveagent.com/chat")
    assert new == "https://d.la2-c3.salesforceliveagent.com/chat/rest"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/chat",
        "http://d.la2.salesforceliveagent.com/chat",
        "https://d.la2.salesforceliveagent.com:8443/chat",
        "https://d.la2.salesforceliveagent.com@evil.example/chat",
        "https://evil.example\\.salesforceliveagent.com/chat",
        "https://d.la2.salesforceliveagent.com/elsewhere",
        "https://127.0.0.1/chat",
        "not a url",
        "",
    ],
)
def test_a_switch_to_anywhere_else_is_not_followed(url: str) -> None:
    assert switched(POD, url) is None


def test_a_demo_is_switched_within_the_machine_only() -> None:
    assert switched(LOCAL, "http://127.0.0.1:9001/chat") == "http://127.0.0.1:9001/chat/rest"
    assert switched(LOCAL, "https://d.la2.salesforceliveagent.com/chat") is None


def test_files_go_to_salesforce_only() -> None:
    assert may_upload_to(POD, "https://c.la1-c1.salesforceliveagent.com/content/upload")
    assert not may_upload_to(POD, "https://evil.example/upload")
    assert may_upload_to(LOCAL, "http://127.0.0.1:8001/upload?x=1")
