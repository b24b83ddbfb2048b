"""Whatever addresses a hook names: if it is accepted, each call that answers it can be built and sent."""

from __future__ import annotations

import json
from typing import Any

import pycurl
import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from botkit.errors import HookRefused
from botkit.handoff import effects
from botkit.handoff.conversation import Instant
from botkit.hooks.address import CALL_URLS, Address
from botkit.hooks.parser import HookParser
from botkit.hooks.paths import HookPath
from botkit.http.curl import options
from botkit.http.hosts import AllowedHosts
from botkit.http.network import DIRECT
from botkit.http.values import Request
from botkit.kore.requests import KoreRequests
from tests.hooks.hook_payloads import BASE, BOT_ID, HOST, NOW, as_body, settings, user_message

SETTINGS = settings().bots[BOT_ID]
PATH = HookPath(BOT_ID, "on_user_message")
URL_MEMBERS = {
    "baseUrl": "",
    "sendUserMessageUrl": "sendUserMessage/1501244156289",
    "sendBotMessageUrl": "sendBotMessage/1501244156289",
    "skipUserMessageUrl": "skipUserMessage/1501244156289",
    "skipBotMessageUrl": "skipBotMessage/1501244156289",
    "sendAlertMessageUrl": "sendAlertMessage/1501244156289",
    "clearConversationSessionUrl": "closeConversationSession",
    "resetBotUrl": "resetBot/1501244156289",
    "sendBotEventUrl": "sendBotEvent/1501244156289",
    "callbackUrl": "serviceCallback/1501244156289",
}
ODD = st.sampled_from(
    [
        " ",
        "#",
        "é",
        "\\",
        "%",
        "%zz",
        "\n",
        "\t",
        "\0",
        "\x7f",
        "|",
        '"',
        "<",
        "?",
        "?a=b",
        "//",
        "@",
        ":",
        "٣",
        "𐍈",
        "..",
        "/../",
    ]
) | st.characters(codec="utf-8")
LONG = st.integers(2_900, 4_100).map("x".__mul__)


def changed(url: str) -> st.SearchStrategy[str]:
    """The URL with something in its middle or at its end, or cut."""
    middle = st.builds(lambda place, odd: url[:place] + odd + url[place:], st.integers(0, len(url)), ODD)
    return st.one_of(
        st.just(url),
        middle,
        ODD.map(url.__add__),
        LONG.map(lambda long: f"{url}/{long}"),
        st.integers(0, len(url)).map(lambda end: url[:end]),
        st.just(url.replace(HOST, HOST.upper())),
        st.just(url.replace("https", "HTTPS")),
    )


USUAL = {name: f"{BASE}/{end}".rstrip("/") for name, end in URL_MEMBERS.items()}


@st.composite
def addresses(draw: st.DrawFn) -> dict[str, Any]:
    """Some of the usual members, of which one or two are odd."""
    members: dict[str, Any] = {
        name: USUAL[name] for name in draw(st.lists(st.sampled_from(list(USUAL)), unique=True))
    }
    for name in draw(st.lists(st.sampled_from(list(USUAL)), max_size=2)):
        members[name] = draw(changed(USUAL[name]) | st.none() | st.integers())
    return members


REQUEST_IDS = st.one_of(
    st.just("1501244156289"),
    st.none(),
    st.text(max_size=64),
    st.integers(0, 10**63),
    st.floats(),
    st.booleans(),
    st.just([]),
)
CARRIER = AllowedHosts(None, network=DIRECT)


def is_url_for_libcurl(url: str) -> bool:
    """Whether libcurl would connect for it: it is stopped there."""
    curl = pycurl.Curl()
    try:
        options.for_every_request(curl)
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.RESOLVE, ["*:443:192.0.2.1"])
        curl.setopt(pycurl.OPENSOCKETFUNCTION, lambda *_: pycurl.SOCKET_BAD)
        with pytest.raises(pycurl.error) as failed:
            curl.perform()
    finally:
        curl.close()
    return bool(failed.value.args[0] == pycurl.E_COULDNT_CONNECT)


def calls_of(body: bytes, forwarding: Any) -> list[Request]:
    """Every call of a hook that the payload has an address for."""
    requests = KoreRequests(SETTINGS.kore, bot_id=BOT_ID, insecure_http=False, clock=lambda: NOW)
    address = Address.parse(body, bot_id=BOT_ID, component_id="default")
    of_handlers = {
        "send_feedback_message",
        "fetch_bot_variable",
        "get_dialog",
    }  # Checked when a handler makes them.
    made = [requests.call(name, body) for name in CALL_URLS.keys() - of_handlers if address.url(name)]
    if address.url("send_bot_message"):
        made.append(requests.request(effects.PassToBot(), body, forwarding=forwarding))
    return made


@given(addresses(), REQUEST_IDS)
@example({"sendBotMessageUrl": f"{BASE}/sendBotMessage/15 01", "baseUrl": BASE}, "1")
@example({"sendBotMessageUrl": f"{BASE}/sendBotMessage/1#x", "baseUrl": BASE}, "1")
@example({"sendBotMessageUrl": f"{BASE}/sendBotMessage/ü", "baseUrl": BASE}, "1")
@example({"sendBotMessageUrl": f"{BASE}/{'x' * 4_000}", "baseUrl": BASE}, "1")
@example({"sendBotMessageUrl": f"{BASE}/sendBotMessage/1", "baseUrl": f"{BASE}/{'x' * 3_900}"}, "1")
@example(
    {"sendUserMessageUrl": f"{BASE}/sendUserMessage/{'1' * 3_890}", "sendBotMessageUrl": f"{BASE}/b"}, None
)
def test_what_is_accepted_can_be_sent(members: dict[str, Any], request_id: Any) -> None:
    payload = user_message(request_id=request_id)
    for name in URL_MEMBERS:
        payload.pop(name, None)
    body = as_body(payload | members)
    parser = HookParser(SETTINGS, insecure_http=False)
    try:
        hook = parser.read(PATH, body, at=Instant(NOW))
    except HookRefused:
        event("refused")
        return
    event("accepted")
    assert hook.input.hook is not None
    for request in calls_of(body, hook.input.hook.forwarding):
        CARRIER.check(request.url, what=request.what)
        assert is_url_for_libcurl(request.url), request.what


def test_a_request_id_in_a_long_spelling_is_read_as_it_was_checked() -> None:
    payload = {**user_message(), "requestId": 0}
    body = json.dumps(payload).encode().replace(b'"requestId": 0', b'"requestId": 1.' + b"0" * 4_000, 1)
    hook = HookParser(SETTINGS, insecure_http=False).read(PATH, body, at=Instant(NOW))
    assert hook.input.hook is not None
    assert len(calls_of(body, hook.input.hook.forwarding)) > 3
