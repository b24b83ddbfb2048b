"""What the platform's statuses mean."""

from __future__ import annotations

import pytest

from botkit.errors import BadReply, CallError, CallRefused, NotAuthorized, RateLimited, ServerTrouble
from botkit.http import Response
from botkit.kore.replies import check_reply


def failed(status: int, body: bytes = b"", **headers: str) -> CallError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with pytest.raises(CallError) as raised:
        check_reply("pass to bot", Response(status, named, body), now=1_700_000_000.0)
    return raised.value


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_success_passes(status: int) -> None:
    response = Response(status)
    assert check_reply("x", response, now=0.0) is response


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, BadReply),
        (400, CallRefused),
        (401, NotAuthorized),
        (403, NotAuthorized),
        (407, NotAuthorized),
        (404, CallRefused),
        (408, ServerTrouble),
        (410, CallRefused),
        (413, CallRefused),
        (429, RateLimited),
        (500, ServerTrouble),
        (502, ServerTrouble),
        (503, ServerTrouble),
    ],
)
def test_each_status_has_its_error(status: int, kind: type[CallError]) -> None:
    error = failed(status)
    assert type(error) is kind
    assert error.status == status


@pytest.mark.parametrize("status", [401, 403, 407])
def test_a_refused_signature_says_what_to_check(status: int) -> None:
    assert "client secret" in str(failed(status))


@pytest.mark.parametrize("status", [404, 410])
def test_a_stale_request_id_is_named(status: int) -> None:
    assert "requestId" in str(failed(status))


@pytest.mark.parametrize("status", [429, 503])
def test_the_wait_the_platform_asks_for_is_kept(status: int) -> None:
    assert failed(status, Retry_After="7").retry_after == 7.0
    assert failed(status, Retry_After="Tue, 14 Nov 2023 22:13:50 GMT").retry_after == 30.0
    assert failed(status).retry_after is None


def test_the_error_code_is_kept_and_the_message_is_not() -> None:
    error = failed(400, b'{"errors":[{"msg":"hello Jane is bad","code":"INVALID_ARGUMENTS"}]}')
    assert error.detail == "INVALID_ARGUMENTS"
    assert "Jane" not in str(error)


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"{", b"[]", b'{"errors":{}}', b'{"errors":["x"]}', b'{"errors":[{"code":"a b; <script>"}]}'],
)
def test_a_body_without_an_error_code_adds_no_detail(body: bytes) -> None:
    assert failed(400, body).detail == ""
