"""The meaning of Live Chat's statuses, before a chat and in one: each row of the table."""

from __future__ import annotations

import pytest

from botkit.agents.live_chat.replies import AffinityLost, OutOfSync, check, check_setup
from botkit.errors import BadReply, CallError, CallRefused, ConversationClosed, RateLimited, ServerTrouble
from botkit.http import Response

NOW = 1_700_000_000.0


def raised(reading: object, status: int, body: bytes = b"", retry_after: str = "") -> CallError:
    assert callable(reading)
    headers = {"Retry-After": retry_after} if retry_after else {}
    with pytest.raises(CallError) as error:
        reading("call", Response(status, headers, body), now=NOW)
    assert error.value.status == status
    return error.value


@pytest.mark.parametrize("status", [200, 202, 204])
def test_success_passes(status: int) -> None:
    response = Response(status)
    assert check("call", response, now=NOW) is response
    assert check_setup("call", response, now=NOW) is response


@pytest.mark.parametrize(
    ("status", "in_setup", "in_chat"),
    [
        (302, BadReply, BadReply),
        (400, CallRefused, CallRefused),
        (403, CallRefused, ConversationClosed),
        (404, CallRefused, CallRefused),
        (405, CallRefused, CallRefused),
        (408, ServerTrouble, ServerTrouble),
        (409, CallRefused, OutOfSync),
        (429, RateLimited, RateLimited),
        (500, ServerTrouble, ServerTrouble),
        (503, ServerTrouble, AffinityLost),
    ],
)
def test_each_status_has_its_error(status: int, in_setup: type[CallError], in_chat: type[CallError]) -> None:
    assert type(raised(check_setup, status)) is in_setup
    assert type(raised(check, status)) is in_chat


@pytest.mark.parametrize(
    ("body", "actual"),
    [
        (b"Out of sync Ack. Expected 498. Actual 4", 4),
        (b'{"message":"Out of sync Ack. Expected 2. Actual: 0"}', 0),
        (b"Duplicate Long Polling", None),
        (b"", None),
    ],
)
def test_the_number_the_server_accepted_last_is_read_from_a_409(body: bytes, actual: int | None) -> None:
    error = raised(check, 409, body)
    assert isinstance(error, OutOfSync)
    assert error.actual == actual


def test_retry_after_is_kept() -> None:
    assert raised(check, 429, retry_after="7").retry_after == 7.0


@pytest.mark.parametrize(
    ("status", "body", "fix"),
    [
        (400, b"Bad Request: no such organization, deployment or button", "deployment_id and button_id"),
        (400, b"Bad Request: X-LIVEAGENT-API-VERSION is required", "api_version"),
        (404, b"Not Found", "14 February 2026"),
        (400, b"", "no reason given"),
    ],
)
def test_a_refused_setup_has_its_reason_and_the_advice_that_fits_it(
    status: int, body: bytes, fix: str
) -> None:
    detail = raised(check_setup, status, body).detail
    assert fix in detail
    assert status == 404 or body.decode() in detail


def test_no_error_quotes_the_answer() -> None:
    assert "secret" not in str(raised(check, 400, b"secret")) + repr(raised(check, 500, b"secret"))
