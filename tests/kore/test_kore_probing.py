"""What the doctor reads of an answer: words without tokens and ids, pages, the clock."""

from __future__ import annotations

import json

import pytest

from botkit.http import Response
from botkit.kore.probing import in_words, is_page, refusal, server_clock


def refused(message: object, code: object = "NOT_FOUND") -> Response:
    return Response(404, {}, json.dumps({"errors": [{"msg": message, "code": code}]}).encode())


def test_refusals_that_differ_in_ids_are_the_same() -> None:
    one = refused("no bot st-11111111-1111-5111-8111-111111111111 for botkit-doctor")
    other = refused("no bot st-00000000-0000-5000-8000-000000000000 for botkit-doctor")
    assert refusal(one) == refusal(other)
    assert refusal(one) != refusal(refused("no user botkit-doctor"))


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (refused("Bot not found"), "HTTP 404, NOT_FOUND: Bot not found"),
        (refused("Invalid", 4002), "HTTP 404, 4002: Invalid"),
        (refused("bad eyJhbGciOiJI.eyJhcHBJZCI6.SflKxwRJSMeKKF token"), "HTTP 404, NOT_FOUND: bad … token"),
        (refused("two\nlines\x1b[31m"), "HTTP 404, NOT_FOUND: two lines [31m"),
        (Response(401, {}, b'{"message": "Unauthorized"}'), "HTTP 401, Unauthorized"),
        (Response(401, {}, b'{"errors": "odd"}'), "HTTP 401"),
        (Response(502, {}, b"<html>"), "HTTP 502"),
    ],
)
def test_an_answer_in_words(response: Response, said: str) -> None:
    assert in_words(response) == said


def test_long_words_are_cut() -> None:
    assert len(in_words(refused("x" * 5000))) < 200


def test_pages_and_clocks() -> None:
    assert is_page(Response(200, {"Content-Type": "text/HTML; charset=utf-8"}, b""))
    assert is_page(Response(200, {}, b"\n <!doctype html>"))
    assert not is_page(refused("x"))
    assert server_clock(Response(200, {"Date": "Thu, 01 Jan 1970 00:01:00 GMT"}, b"")) == 60
    assert server_clock(Response(200, {"Date": "yesterday"}, b"")) is None
    assert server_clock(Response(200, {}, b"")) is None
