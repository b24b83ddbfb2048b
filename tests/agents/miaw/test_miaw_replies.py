"""The meaning of Salesforce's statuses: before a conversation, in one, and on the stream."""

from __future__ import annotations

import pytest

from botkit.agents.miaw.replies import check, check_setup, check_stream
from botkit.errors import (
    AccessExpired,
    BadReply,
    CallError,
    CallRefused,
    ConversationClosed,
    NewSessionRequired,
    RateLimited,
    ServerTrouble,
)
from botkit.http import Response

NOW = 1_700_000_000.0


def raised(reading: object, status: int, body: bytes = b"", retry_after: str = "") -> CallError:
    assert callable(reading)
    headers = {"Retry-After": retry_after} if retry_after else {}
    with pytest.raises(CallError) as error:
        reading("call", Response(status, headers, body), now=NOW)
    assert error.value.status == status
    return error.value


@pytest.mark.parametrize("reading", [check, check_setup])
@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_success_passes(reading: object, status: int) -> None:
    assert callable(reading)
    response = Response(status)
    assert reading("call", response, now=NOW) is response


@pytest.mark.parametrize(
    ("status", "in_setup", "in_conversation", "on_stream"),
    [
        (302, BadReply, BadReply, BadReply),
        (400, CallRefused, CallRefused, CallRefused),
        (401, CallRefused, AccessExpired, AccessExpired),
        (403, CallRefused, ConversationClosed, ServerTrouble),
        (404, CallRefused, ConversationClosed, ServerTrouble),
        (408, ServerTrouble, ServerTrouble, ServerTrouble),
        (410, CallRefused, ConversationClosed, CallRefused),
        (412, CallRefused, CallRefused, CallRefused),
        (417, CallRefused, NewSessionRequired, CallRefused),
        (429, RateLimited, RateLimited, RateLimited),
        (500, ServerTrouble, ServerTrouble, ServerTrouble),
        (503, ServerTrouble, ServerTrouble, ServerTrouble),
    ],
)
def test_each_status_has_its_error(
    status: int, in_setup: type[CallError], in_conversation: type[CallError], on_stream: type[CallError]
) -> None:
    assert type(raised(check_setup, status)) is in_setup
    assert type(raised(check, status)) is in_conversation
    assert type(raised(check_stream, status)) is on_stream


def test_a_page_instead_of_a_stream_is_a_bad_reply() -> None:
    assert type(raised(check_stream, 200, b"<html>")) is BadReply


@pytest.mark.parametrize("reading", [check, check_setup, check_stream])
@pytest.mark.parametrize("status", [429, 503])
def test_the_wait_salesforce_asks_for_is_kept(reading: object, status: int) -> None:
    assert raised(reading, status, retry_after="12").retry_after == 12.0


@pytest.mark.parametrize("reading", [check, check_stream])
@pytest.mark.parametrize("status", [400, 403, 500])
def test_an_expired_token_is_known_by_its_words_too(reading: object, status: int) -> None:
    assert type(raised(reading, status, b"Jwt is expired")) is AccessExpired


@pytest.mark.parametrize(
    "body",
    [
        b'{"errorCode":"BAD_REQUEST","message":"Ada said no"}',
        b'{"code":"BAD_REQUEST","message":"Ada said no"}',
        b'{"error":"BAD_REQUEST","message":"Ada said no"}',
    ],
)
def test_the_code_is_kept_under_any_of_its_names_and_the_message_is_not(body: bytes) -> None:
    error = raised(check, 400, body)
    assert error.detail == "BAD_REQUEST"
    assert "Ada" not in str(error)


def test_a_refused_setup_without_a_reason_names_the_setting_to_check() -> None:
    assert "developer_name" in str(raised(check_setup, 400))
    assert "published" in str(raised(check_setup, 403))
    assert "organization_base_url" in str(raised(check_setup, 404, b"<html>Not here</html>"))
    assert "storage" in str(raised(check_setup, 412))


@pytest.mark.parametrize(
    ("status", "message", "code", "fix"),
    [
        (400, "The deployment Bots isn't published", "SETUP_ERROR", "publish the deployment"),
        (403, "The deployment is not published", "FORBIDDEN", "publish the deployment"),
        (
            400,
            "Set esDeveloperName to a deployment whose deploymentType is api",
            "BAD_REQUEST",
            "Custom Client",
        ),
        (400, "esDeveloperName is not known in this organization", "BAD_REQUEST", "API name of the Embedded"),
        (400, "orgId is not known here", "BAD_REQUEST", "one organisation"),
        (400, "OrgId in the header and token must match", "", "one organisation"),
        (400, "routingAttributes.City is longer than 255 characters", "BAD_REQUEST", "maximum length"),
        (412, "Data storage limit exceeded", "", "storage is full"),
    ],
)
def test_a_stated_reason_is_kept_with_the_advice_that_fits_it(
    status: int, message: str, code: str, fix: str
) -> None:
    body = f'{{"message": "{message}", "errorCode": "{code}"}}'.encode()
    detail = raised(check_setup, status, body).detail
    assert detail.startswith(f"{code}: {message}; " if code else f"{message}; ")
    assert fix in detail


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("The moon is full", ""),
        ("No queue is set", "SETUP_ERROR"),
        ("The organization is not allowed to use Messaging", ""),
    ],
)
def test_an_unknown_reason_is_kept_without_a_guess(message: str, code: str) -> None:
    body = f'{{"message": "{message}", "errorCode": "{code}"}}'.encode()
    assert raised(check_setup, 400, body).detail == (f"{code}: {message}" if code else message)


def test_a_setup_error_without_words_is_most_likely_an_unpublished_deployment() -> None:
    assert "publish" in raised(check_setup, 400, b'{"errorCode": "SETUP_ERROR"}').detail
