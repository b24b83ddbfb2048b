"""Guest tokens."""

from __future__ import annotations

import json

import jwt
import pytest
from msgspec.structs import replace

from botkit.agents.miaw import MiawSettings
from botkit.agents.miaw.calls import guest_token_request, read_deployment, read_token
from botkit.errors import BadReply
from botkit.http import Response

SETTINGS = MiawSettings("00DSB0000000001MAA", "https://acme.my.salesforce-scrt.com", "Kore_Custom_Client")
NOW = 1_699_996_400.0
TOKEN = jwt.encode({"sub": "v2/iamessage/UNAUTH/NA/uid:1", "exp": 1_700_000_000}, "s" * 64, algorithm="HS256")


def answer(**members: object) -> Response:
    return Response(200, {}, json.dumps(members).encode())


def test_a_guest_token_is_asked_for_with_documented_fields_only() -> None:
    request = guest_token_request(SETTINGS)
    assert request.method == "POST"
    assert request.url == (
        "https://acme.my.salesforce-scrt.com/iamessage/api/v2/authorization/unauthenticated/access-token"
    )
    assert request.body is not None
    assert json.loads(request.body) == {
        "orgId": "00DSB0000000001",
        "esDeveloperName": "Kore_Custom_Client",
        "capabilitiesVersion": "1",
        "platform": "Web",
        "context": {"appName": "BotKit", "clientVersion": "1.0.0"},
    }
    assert "Authorization" not in request.headers


@pytest.mark.parametrize("last_event_id", ["2147867834", 2147867834])
def test_the_last_event_id_is_a_string_or_a_number(last_event_id: object) -> None:
    assert (
        read_token(answer(accessToken=TOKEN, lastEventId=last_event_id), now=NOW).last_event_id
        == "2147867834"
    )


@pytest.mark.parametrize("last_event_id", [None, True, ["1"], "1\r\nX: y", ""])
def test_an_unusable_last_event_id_is_none(last_event_id: object) -> None:
    assert read_token(answer(accessToken=TOKEN, lastEventId=last_event_id), now=NOW).last_event_id == ""


def test_the_lifetime_is_read_from_the_token_itself() -> None:
    assert read_token(answer(accessToken=TOKEN), now=NOW).lifetime_seconds == 3_600


def test_a_token_that_says_when_it_was_made_needs_no_clock_of_ours() -> None:
    token = jwt.encode({"iat": 1_600_000_000, "exp": 1_600_000_060}, "s" * 64, algorithm="HS256")
    assert read_token(answer(accessToken=token), now=NOW).lifetime_seconds == 60


def test_salesforces_clock_counts_before_ours() -> None:
    dated = replace(answer(accessToken=TOKEN), headers={"Date": "Tue, 14 Nov 2023 22:12:20 GMT"})
    assert read_token(dated, now=NOW - 50_000).lifetime_seconds == 60


def test_a_fresh_token_that_seems_to_have_expired_only_shows_that_the_clocks_disagree() -> None:
    assert read_token(answer(accessToken=TOKEN), now=NOW + 50_000).lifetime_seconds is None


@pytest.mark.parametrize(
    "token", ["opaque", "a.b.c", "a.!!!.c", "a.bm90IGpzb24.c", jwt.encode({"sub": "x"}, "s" * 64)]
)
def test_a_token_that_does_not_say_when_it_expires_is_used_all_the_same(token: str) -> None:
    read = read_token(answer(accessToken=token), now=NOW)
    assert (read.access_token, read.lifetime_seconds) == (token, None)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{}", b'{"accessToken":7.5}', b'{"accessToken":""}', b'{"accessToken":"a\\nb"}'],
)
def test_an_answer_without_a_token_is_a_bad_reply(body: bytes) -> None:
    with pytest.raises(BadReply):
        read_token(Response(200, {}, body), now=NOW)


def test_the_token_is_not_in_the_repr() -> None:
    assert TOKEN not in repr(read_token(answer(accessToken=TOKEN), now=NOW))


@pytest.mark.parametrize(
    ("stated", "types"),
    [
        (["pdf", ".JPG"], ("pdf", "jpg")),
        ("pdf, jpg", ("pdf", "jpg")),
        (["image/png", "pdf"], ()),
        ("*", ()),
        (7, ()),
        (None, ()),
    ],
    ids=["list", "text", "media types", "any", "number", "none"],
)
def test_types_of_files_are_believed_where_they_are_extensions(
    stated: object, types: tuple[str, ...]
) -> None:
    attachments = {"maxFileSize": 5, "allowedFileTypes": stated}
    context = {"configuration": {"embeddedServiceConfig": {"attachments": attachments}}}
    token = read_token(answer(accessToken=TOKEN, context=context), now=NOW)
    limits = read_deployment(token.configuration).file_limits
    assert (limits.types, limits.max_bytes) == (types, 5 * 1024 * 1024)
