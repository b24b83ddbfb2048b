"""The synchronous client, against mocked HTTP."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
import requests
import responses
import urllib3
from urllib3.connection import HTTPConnection
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from botkit.client import KoreClient
from botkit.errors import (
    BadReply,
    CallError,
    CallRefused,
    HostNotAllowed,
    MessageTooLong,
    NotAuthorized,
    RateLimited,
    ServerTrouble,
    SettingInvalid,
    Unreachable,
)
from botkit.templates import button_template

BOT = "st-11111111-1111-5111-8111-111111111111"
BASE = f"https://bots.kore.ai/api/botsdk/stream/{BOT}"
SECRET = "a secret of sixty-four characters, as long as HS256 and HS512 want it"
NOW = 1_700_000_000.5
SEND = f"{BASE}/sendUserMessage/1501"
PAYLOAD = {
    "requestId": 1501,
    "baseUrl": BASE,
    "botId": BOT,
    "componentId": "default",
    "channel": {"type": "rtm", "from": "u-1", "botLanguage": "en"},
    "getBotVariableUrl": f"{BASE}/getBotVariable/1501",
    "getDialogUrl": f"{BASE}/getDialog/1501",
    "sendFeedbackMessageUrl": f"{BASE}/sendFeedbackMessage/1501",
    "sendBotEventUrl": f"{BASE}/sendBotEvent/1501",
    "message": "hi",
}

Make = Callable[..., KoreClient]


@pytest.fixture
def http() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def make(waits: list[float]) -> Iterator[Make]:
    made: list[KoreClient] = []

    def client(**settings: Any) -> KoreClient:
        defaults: dict[str, Any] = {
            "client_id": "cs-1",
            "client_secret": SECRET,
            "bot_id": BOT,
            "callback_hosts": ["bots.kore.ai"],
            "clock": lambda: NOW,
            "sleep": waits.append,
            "chance": lambda: 0.5,
        }
        made.append(KoreClient(**defaults | settings))
        return made[-1]

    yield client
    for one in made:
        one.close()


@pytest.fixture
def kore(make: Make) -> KoreClient:
    return make()


def sent(http: responses.RequestsMock, number: int = 0) -> dict[str, Any]:
    body = http.calls[number].request.body
    assert isinstance(body, bytes)
    value: dict[str, Any] = json.loads(body)
    return value


# --- what is sent --------------------------------------------------------------------------------------------------


def test_a_message_replaces_the_payloads(http: responses.RequestsMock, kore: KoreClient) -> None:
    http.post(SEND)
    kore.send_user_message(PAYLOAD, "Your parcel is here")
    assert sent(http) == PAYLOAD | {
        "message": "Your parcel is here",
        "overrideMessagePayload": None,
        "__payloadClass": "OnMessagePayload",
        "ackMessage": True,
    }
    claims = jwt.decode(
        http.calls[0].request.headers["auth"], SECRET, algorithms=["HS256"], options={"verify_exp": False}
    )
    assert claims == {"appId": "cs-1", "exp": 1_700_000_060}


def test_a_payload_can_be_its_raw_body_and_keeps_its_spelling(
    http: responses.RequestsMock, kore: KoreClient
) -> None:
    http.post(SEND)
    raw = b'{"requestId":1501,"baseUrl":"%s","message":"hi","n":1.10e2}' % BASE.encode()
    kore.send_user_message(raw)
    body = http.calls[0].request.body
    assert isinstance(body, bytes)
    assert body.endswith(raw[1:])


def test_a_template_is_shown_as_the_payloads_channel_can(
    http: responses.RequestsMock, kore: KoreClient
) -> None:
    http.post(SEND)
    template = button_template("Sure?", ["Yes", "No"])
    on_sms = PAYLOAD | {"channel": {"type": "sms"}}
    kore.send_user_message(PAYLOAD, template)
    kore.send_user_message(on_sms, template)
    kore.send_user_message(on_sms, template, channels={"sms": "Sure? Y/N"})
    assert [(sent(http, n)["message"], sent(http, n)["overrideMessagePayload"]) for n in range(3)] == [
        ("Sure?\n- Yes\n- No", template.as_override()),
        ("Sure?\n- Yes\n- No", None),
        ("Sure? Y/N", None),
    ]


def test_tags_and_any_other_member_go_along(http: responses.RequestsMock, kore: KoreClient) -> None:
    http.post(f"{BASE}/sendBotMessage/1501")
    kore.send_bot_message(
        PAYLOAD,
        "where is my order",
        meta_tags={"userMetaTags": [{"name": "vip", "value": "yes"}]},
        meta_info={"setBotLanguage": "de"},
        changes={"languageInfo": {"currentLanguage": "de"}},
    )
    body = sent(http)
    assert body["metaTags"] == {"userMetaTags": [{"name": "vip", "value": "yes"}]}
    assert body["metaInfo"] == {"setBotLanguage": "de"}
    assert body["languageInfo"] == {"currentLanguage": "de"}


def test_calls_without_a_message_have_tags_too(http: responses.RequestsMock, kore: KoreClient) -> None:
    http.post(f"{BASE}/clearAgentSession/1501")
    kore.clear_agent_session(PAYLOAD, meta_tags={"sessionMetaTags": [{"name": "agent", "value": "Jane"}]})
    assert sent(http)["metaTags"] == {"sessionMetaTags": [{"name": "agent", "value": "Jane"}]}
    assert sent(http)["message"] == "hi"


def test_feedback_says_who_gave_it_and_where_as_the_payload_does(
    http: responses.RequestsMock, kore: KoreClient
) -> None:
    http.post(PAYLOAD["sendFeedbackMessageUrl"])
    kore.send_feedback_message(PAYLOAD, "CSAT", 4, channel="web", comment="ok")
    assert sent(http)["feedbackData"] == {
        "name": "CSAT",
        "score": 4,
        "botId": BOT,
        "channelUId": "u-1",
        "channel": "web",
        "botLanguage": "en",
        "createdOn": "2023-11-14T22:13:20.500Z",
        "comment": "ok",
    }


def test_an_event_of_ours_does_not_carry_the_users_own(
    http: responses.RequestsMock, kore: KoreClient
) -> None:
    http.post(PAYLOAD["sendBotEventUrl"])
    users = PAYLOAD | {"preDefinedEvent": {"type": "TYPING_STARTED"}, "customEvent": {"a": 1}}
    kore.send_bot_event(users, custom_event={"confetti": True})
    kore.send_bot_event(users, {"type": "MESSAGE_READ", "id": "ms-1"})
    kore.send_bot_event(users, "TYPING_STOPPED")
    assert [(sent(http, n)["preDefinedEvent"], sent(http, n)["customEvent"]) for n in range(3)] == [
        ({}, {"confetti": True}),
        ({"type": "MESSAGE_READ", "id": "ms-1"}, {}),
        ({"type": "TYPING_STOPPED"}, {}),
    ]


def test_a_message_that_would_be_refused_is_not_sent(http: responses.RequestsMock, kore: KoreClient) -> None:
    with pytest.raises(MessageTooLong):
        kore.send_bot_message(PAYLOAD, "x" * 3_001)
    with pytest.raises(CallRefused, match="survey's name and a score"):
        kore.send_feedback_message(PAYLOAD, "", 1)
    with pytest.raises(CallRefused, match="resetBotUrl"):
        kore.reset_bot(PAYLOAD)
    assert len(http.calls) == 0


def test_no_other_host_is_called_whatever_a_payload_says(
    http: responses.RequestsMock, kore: KoreClient
) -> None:
    with pytest.raises(HostNotAllowed):
        kore.send_user_message(PAYLOAD | {"sendUserMessageUrl": "https://evil.example/x"})
    assert len(http.calls) == 0


# --- questions -----------------------------------------------------------------------------------------------------


def record(number: int, kind: str = "incoming", **more: object) -> dict[str, object]:
    return {
        "_id": f"ms-{number}",
        "type": kind,
        "components": [{"data": {"text": f"text {number}"}}],
        "timestampValue": 1_700_000_000_000 + number,
        "sessionId": "s-1",
        "chnl": "rtm",
        "lang": "en",
    } | more


def test_messages_need_no_payload(http: responses.RequestsMock, kore: KoreClient) -> None:
    http.get(
        f"{BASE}/getMessages",
        json={"total": 7, "moreAvailable": True, "messages": [record(1, "outgoing"), record(0)]},
        match=[
            responses.matchers.query_param_matcher(
                {"skip": "5", "limit": "2", "userId": "u 1", "channelType": "sms"}
            )
        ],
    )
    page = kore.get_messages(user_id="u 1", limit=2, skip=5, channel_type="sms")
    assert [(one.sender, one.text, one.session_id, one.channel, one.language) for one in page.messages] == [
        ("bot", "text 1", "s-1", "rtm", "en"),
        ("user", "text 0", "s-1", "rtm", "en"),
    ]
    assert (page.total, page.more_available, page.records) == (7, True, 2)
    assert page.messages[0].at is not None
    assert page.messages[0].at.isoformat() == "2023-11-14T22:13:20.001000+00:00"
    assert http.calls[0].request.body is None


def test_all_messages_come_page_by_page_and_none_twice(
    http: responses.RequestsMock, kore: KoreClient
) -> None:
    said = [record(number) for number in range(250)]

    def page(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        params: dict[str, str] = request.params  # type: ignore[attr-defined]
        skip, limit = int(params["skip"]), int(params["limit"])
        # While pages are read, two more things are said, and move what was there.
        newest_first = list(reversed([*said, record(1_000), record(1_001)] if skip else said))
        part = newest_first[skip : skip + limit]
        more = skip + limit < len(newest_first)
        return 200, {}, json.dumps({"total": 250, "moreAvailable": more, "messages": part})

    http.add_callback(responses.GET, f"{BASE}/getMessages", page)
    ids = [message.id for message in kore.iter_messages(user_id="u-1")]
    assert ids == [f"ms-{number}" for number in reversed(range(250))]
    assert len(http.calls) == 3


def test_an_empty_history_ends_at_once(http: responses.RequestsMock, kore: KoreClient) -> None:
    http.get(f"{BASE}/getMessages", json={"moreAvailable": True, "messages": []})
    assert list(kore.iter_messages(user_id="u-1")) == []


def test_variables_come_by_language(http: responses.RequestsMock, kore: KoreClient) -> None:
    for language, value in (("en", "hello"), ("de", "hallo")):
        http.get(
            PAYLOAD["getBotVariableUrl"],
            json={"count": 1, "variables": [{"_id": "v", "key": "greeting", "value": value}]},
            match=[responses.matchers.header_matcher({"bot-language": language})],
        )
    variables = kore.fetch_bot_variables(PAYLOAD, ["en", "de"])
    assert {language: found[0].value for language, found in variables.items()} == {
        "en": "hello",
        "de": "hallo",
    }


def test_a_language_the_bot_does_not_speak_is_named(http: responses.RequestsMock, kore: KoreClient) -> None:
    http.get(PAYLOAD["getBotVariableUrl"], json={"errors": [{"msg": "Language not enabled"}]})
    with pytest.raises(BadReply, match=r"in tlh.*check the request and the language"):
        kore.fetch_bot_variables(PAYLOAD, ["tlh"])


def test_a_dialog_comes_with_its_components(http: responses.RequestsMock, kore: KoreClient) -> None:
    http.get(PAYLOAD["getDialogUrl"], json={"_id": "dg-1", "nodes": [], "components": [{"name": "A"}]})
    assert kore.get_dialog(PAYLOAD).component("A") == {"name": "A"}


# --- trouble -------------------------------------------------------------------------------------------------------


def ask(kore: KoreClient) -> object:
    return kore.get_messages(user_id="u-1")


def tell(kore: KoreClient) -> None:
    kore.send_user_message(PAYLOAD, "hello")


def refused() -> requests.ConnectionError:
    pool = urllib3.HTTPConnectionPool("bots.kore.ai")
    error = NewConnectionError(HTTPConnection("bots.kore.ai"), "refused")
    return requests.ConnectionError(MaxRetryError(pool, "/", error))


def broken() -> requests.ConnectionError:
    return requests.ConnectionError(ProtocolError("Connection aborted.", OSError("reset")))


def test_a_read_is_repeated_with_growing_waits(
    http: responses.RequestsMock, kore: KoreClient, waits: list[float]
) -> None:
    http.get(f"{BASE}/getMessages", status=503)
    http.get(f"{BASE}/getMessages", body=broken())
    http.get(f"{BASE}/getMessages", json={"messages": []})
    assert ask(kore)
    assert waits == [0.125, 0.25]  # Half of 0.25 and 0.5 seconds: the same backoff as the service's.


def test_a_read_is_not_repeated_for_ever(
    http: responses.RequestsMock, make: Make, waits: list[float]
) -> None:
    http.get(f"{BASE}/getMessages", status=500)
    with pytest.raises(ServerTrouble):
        ask(make(attempts=2))
    assert len(waits) == 1


def test_a_post_is_repeated_if_it_certainly_did_not_arrive(
    http: responses.RequestsMock, kore: KoreClient
) -> None:
    http.post(SEND, body=refused())
    http.post(SEND)
    tell(kore)
    assert len(http.calls) == 2


@pytest.mark.parametrize("trouble", [broken, lambda: requests.Timeout("read timed out")])
def test_a_post_that_may_have_arrived_is_sent_once(
    http: responses.RequestsMock, kore: KoreClient, trouble: Callable[[], Exception]
) -> None:
    http.post(SEND, body=trouble())
    with pytest.raises(Unreachable) as caught:
        tell(kore)
    assert caught.value.possible_duplicate
    assert len(http.calls) == 1


def test_a_post_is_not_repeated_after_an_answer(http: responses.RequestsMock, kore: KoreClient) -> None:
    http.post(SEND, status=502)
    with pytest.raises(ServerTrouble):
        tell(kore)
    assert len(http.calls) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, CallRefused), (404, CallRefused), (401, NotAuthorized), (302, BadReply), (500, ServerTrouble)],
)
def test_errors_say_what_happened(
    http: responses.RequestsMock, kore: KoreClient, status: int, kind: type[CallError]
) -> None:
    http.post(SEND, status=status, json={"errors": [{"msg": "private words", "code": "CODE_1"}]})
    with pytest.raises(kind) as caught:
        tell(kore)
    assert caught.value.status == status
    assert "private words" not in str(caught.value)


def test_too_many_calls_say_how_long_to_wait(
    http: responses.RequestsMock, kore: KoreClient, waits: list[float]
) -> None:
    http.get(f"{BASE}/getMessages", status=429, headers={"Retry-After": "3600"})
    with pytest.raises(RateLimited) as caught:
        ask(kore)
    assert caught.value.retry_after == 3600.0
    assert waits == []


def test_a_short_wait_that_was_asked_for_is_kept(
    http: responses.RequestsMock, kore: KoreClient, waits: list[float]
) -> None:
    http.get(f"{BASE}/getMessages", status=429, headers={"Retry-After": "3"})
    http.get(f"{BASE}/getMessages", json={"messages": []})
    assert ask(kore)
    assert waits == [3.0]


def test_a_read_is_signed_anew_after_a_refused_signature(http: responses.RequestsMock, make: Make) -> None:
    times = iter([NOW, NOW, NOW + 10, NOW + 10, NOW + 10])
    http.get(f"{BASE}/getMessages", status=401)
    http.get(f"{BASE}/getMessages", json={"messages": []})
    ask(make(clock=lambda: next(times)))
    assert http.calls[0].request.headers["auth"] != http.calls[1].request.headers["auth"]


# --- settings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"client_id": ""}, "client_id is empty"),
        ({"client_secret": ""}, "client_secret is empty"),
        ({"bot_id": ""}, "bot_id is empty"),
        ({"callback_hosts": []}, "callback_hosts is empty"),
        ({"callback_hosts": "bots.kore.ai"}, "callback_hosts must be a list"),
        ({"callback_hosts": ["https://bots.kore.ai"]}, "is a URL, not a host; write bots.kore.ai"),
        ({"algorithm": "none"}, "HS256 or HS512"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"attempts": 0}, "attempts"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(make: Make, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingInvalid, match=said):
        make(**settings)


@pytest.mark.parametrize("base_url", ["", "https://bots.kore.ai", "https://bots.kore.ai/", BASE, BASE + "/"])
def test_a_base_url_is_completed(make: Make, base_url: str) -> None:
    assert make(base_url=base_url).base_url == BASE


@pytest.mark.parametrize("base_url", ["https://evil.example", "http://bots.kore.ai", "bots.kore.ai"])
def test_a_base_url_elsewhere_is_refused_at_once(make: Make, base_url: str) -> None:
    with pytest.raises(HostNotAllowed):
        make(base_url=base_url)


def test_the_secret_shows_nowhere(http: responses.RequestsMock, make: Make) -> None:
    client = make()
    http.post(SEND, status=401)
    with pytest.raises(NotAuthorized) as caught:
        client.send_user_message(PAYLOAD, "private words")
    token = http.calls[0].request.headers["auth"]
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [
        line for frame in told.stack if "/botkit/" in frame.filename for line in (frame.locals or {}).values()
    ]
    assert ours
    shown = repr(client) + repr(vars(client)) + "".join(ours)
    assert SECRET not in shown
    assert token not in shown


def test_a_setting_that_is_refused_does_not_show_the_secret_beside_it(make: Make) -> None:
    with pytest.raises(SettingInvalid) as caught:
        make(callback_hosts=[])
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [frame for frame in told.stack if "/botkit/client/" in frame.filename]
    assert ours
    assert all(SECRET not in text for frame in ours for text in (frame.locals or {}).values())


def test_a_client_closes_its_connections(make: Make, http: responses.RequestsMock) -> None:
    http.post(SEND)
    with make() as client:
        tell(client)
    client.close()
