"""The requests about a conversation, field by field."""

from __future__ import annotations

import json
from email import message_from_bytes
from typing import cast
from urllib.parse import parse_qs, urlsplit

import pytest

from botkit.agents import File
from botkit.agents.miaw import MiawSettings
from botkit.agents.miaw.calls import MiawCalls, locale
from botkit.http import Request

BASE = "https://acme.my.salesforce-scrt.com"
CALLS = MiawCalls(MiawSettings("00DSB0000000001MAA", BASE, "Kore & Client"))
ID = "11111111-1111-4111-8111-111111111111"
HERE = f"{BASE}/iamessage/api/v2/conversation/{ID}"


def body(request: Request) -> dict[str, object]:
    assert request.body is not None
    assert request.headers["Content-Type"] == "application/json"
    decoded = json.loads(request.body)
    assert isinstance(decoded, dict)
    return decoded


def test_create() -> None:
    request = CALLS.create("tok", ID, attributes={"_firstName": "Ada", "Order_Number": "42"}, language="en")
    assert (request.method, request.url) == ("POST", f"{BASE}/iamessage/api/v2/conversation")
    assert request.headers["Authorization"] == "Bearer tok"
    assert body(request) == {
        "conversationId": ID,
        "esDeveloperName": "Kore & Client",
        "routingAttributes": {"_firstName": "Ada", "Order_Number": "42"},
        "language": "en_US",
    }


def test_create_without_a_language_sends_none() -> None:
    assert "language" not in body(CALLS.create("tok", ID, attributes={}, language=""))


def test_send() -> None:
    request = CALLS.send("tok", ID, message_id="m1", text="hello 漢")
    assert (request.method, request.url) == ("POST", f"{HERE}/message")
    assert body(request) == {
        "message": {
            "id": "m1",
            "messageType": "StaticContentMessage",
            "staticContent": {"formatType": "Text", "text": "hello 漢"},
        },
        "esDeveloperName": "Kore & Client",
    }


def test_send_into_a_new_session_carries_the_pre_chat() -> None:
    request = CALLS.send("tok", ID, message_id="m1", text="x", new_session=({"a": "b"}, "pt-br"))
    sent = body(request)
    assert sent["isNewMessagingSession"] is True
    assert sent["routingAttributes"] == {"a": "b"}
    assert sent["language"] == "pt_BR"


@pytest.mark.parametrize(
    ("started", "kind"), [(True, "TypingStartedIndicator"), (False, "TypingStoppedIndicator")]
)
def test_typing(started: bool, kind: str) -> None:
    request = CALLS.typing("tok", ID, entry_id="e1", started=started)
    assert (request.method, request.url) == ("POST", f"{HERE}/entry")
    assert body(request) == {"entryType": kind, "id": "e1"}


def test_acknowledge() -> None:
    request = CALLS.acknowledge("tok", ID, acks=[("a1", "e1"), ("a2", "e2")])
    assert (request.method, request.url) == ("POST", f"{HERE}/acknowledge-entries")
    assert body(request) == {
        "acks": [
            {"id": "a1", "entryType": "Delivery", "conversationEntryId": "e1"},
            {"id": "a2", "entryType": "Delivery", "conversationEntryId": "e2"},
        ]
    }


def test_end_session_and_close_name_the_deployment() -> None:
    end, close = CALLS.end_session("tok", ID), CALLS.close("tok", ID)
    assert (end.method, end.url) == ("DELETE", f"{HERE}/session?esDeveloperName=Kore+%26+Client")
    assert (close.method, close.url) == ("DELETE", f"{HERE}?esDeveloperName=Kore+%26+Client")
    assert (end.body, close.body) == (None, None)


def test_status() -> None:
    request = CALLS.status("tok", ID)
    assert (request.method, request.url, request.body) == ("GET", HERE, None)


def test_entries_are_asked_for_oldest_first() -> None:
    split = urlsplit(CALLS.entries("tok", ID, since_ms=1_700).url)
    assert split.path.endswith(f"/{ID}/entries")
    assert parse_qs(split.query) == {
        "limit": ["50"],
        "direction": ["FromStart"],
        "entryTypeFilter": ["Message,ParticipantChanged,RoutingResult,SessionStatusChanged"],
        "startTimestamp": ["1700"],
    }
    assert "startTimestamp" not in CALLS.entries("tok", ID, since_ms=0).url


def test_the_stream_names_the_organisation_with_fifteen_characters() -> None:
    request = CALLS.stream("tok", last_event_id="7")
    assert request.url == f"{BASE}/eventrouter/v1/sse"
    assert request.headers["X-Org-Id"] == "00DSB0000000001"
    assert request.headers["Last-Event-Id"] == "7"
    assert request.headers["Accept"] == "text/event-stream"
    assert request.headers["Authorization"] == "Bearer tok"


def test_the_stream_is_opened_without_an_id_when_none_is_known() -> None:
    assert "Last-Event-Id" not in CALLS.stream("tok", last_event_id="").headers


@pytest.mark.parametrize(
    ("language", "sent"),
    [
        ("en", "en_US"),
        ("en_gb", "en_GB"),
        ("de", "de"),
        ("nl", "nl_NL"),
        ("en_US", "en_US"),
        ("pt-br", "pt_BR"),
        ("zh_cn", "zh_CN"),
        ("zh-hant", "zh_Hant"),
        ("es-419", "es_419"),
        (" FR ", "fr"),
        ("", ""),
        ("7", ""),
        ("en\r\n", "en_US"),
    ],
)
def test_a_language_is_spelled_as_salesforce_does(language: str, sent: str) -> None:
    assert locale(language) == sent


def test_neither_token_nor_text_is_in_a_repr() -> None:
    shown = repr(CALLS.send("tok-secret", ID, message_id="m1", text="private words"))
    assert "tok-secret" not in shown
    assert "private words" not in shown


def test_a_file_has_two_parts() -> None:
    file = File('a"\r\nb.png', "image/png", b"\x00\r\n--x")
    request = CALLS.send_file("tok", ID, message_id="m1", file_id="f1", file=file)
    assert (request.method, request.url) == ("POST", f"{HERE}/file")
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    _, entry, data = message_from_bytes(head + (request.body or b"")).walk()
    assert entry.get_param("name", header="Content-Disposition") == "messageEntry"
    assert json.loads(cast(bytes, entry.get_payload(decode=True))) == {
        "esDeveloperName": "Kore & Client",
        "message": {"id": "m1", "fileId": "f1"},
    }
    assert data.get_param("name", header="Content-Disposition") == "fileData"
    assert (data.get_filename(), data.get_content_type()) == ("a___b.png", "image/png")
    assert data.get_payload(decode=True) == b"\x00\r\n--x"
