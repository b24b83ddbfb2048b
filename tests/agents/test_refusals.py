"""The reason of a refusal, as the log may have it: short, on one line, without personal data."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.agents.refusals import MAX_REASON, advice, explained, reason


@pytest.mark.parametrize(
    ("body", "stated"),
    [
        (b'{"message": "No", "errorCode": "X"}', "X: No"),
        (b'{"message": "No", "code": "X"}', "X: No"),
        (b'[{"message": "No", "errorCode": "X"}]', "X: No"),
        (b'{"error": {"code": "X", "message": "No"}}', "X: No"),
        (b'{"error": "invalid_client", "error_description": "No"}', "invalid_client: No"),
        (
            b'{"text": "Embedded Messaging Config is not Published"}',
            "Embedded Messaging Config is not Published",
        ),
        (b'{"timestamp": 1, "status": 400, "error": "Bad Request", "path": "/x"}', ""),
        (b'"No"', "No"),
        (b"Bad Request: no such button", "Bad Request: no such button"),
        (b"<html><body>Sign in</body></html>", ""),
        (b"{broken", ""),
        (b"", ""),
        (b'{"message": ["No"], "errorCode": {"a": 1}}', ""),
        (b'{"message": "one\\n\\ttwo\\u0000\\u001b[31mthree", "code": "has spaces"}', "one two [31mthree"),
    ],
)
def test_the_reason_is_read_from_every_known_form(body: bytes, stated: str) -> None:
    assert reason(body) == stated


def test_values_of_the_request_are_left_out() -> None:
    body = json.dumps({"message": "The value Ada Lovelace of Name is too long, Ada"}).encode()
    assert reason(body, hide=["Ada", "Ada Lovelace", ""]) == "The value … of Name is too long, …"


@pytest.mark.parametrize("secret", ["ada@example.com", "+43 660 1234567", "eyJhbGciOi.eyJzdWI.sig", "a" * 40])
def test_what_may_be_personal_or_secret_is_left_out(secret: str) -> None:
    assert reason(f"bad value {secret} here".encode()) == "bad value … here"


def test_an_organizations_id_is_kept() -> None:
    assert reason(b"00DSB0000000001 is not known") == "00DSB0000000001 is not known"


_TEXTS = st.text(max_size=500)


@given(
    st.binary(max_size=500)
    | _TEXTS.map(str.encode)
    | _TEXTS.map(lambda t: json.dumps({"message": t}).encode())
)
def test_a_reason_is_one_short_printable_line(body: bytes) -> None:
    stated = reason(body)
    assert len(stated) <= MAX_REASON + 70
    assert stated.isprintable()


def test_the_first_advice_that_fits_is_given() -> None:
    known = (advice("published", "publish it"), advice("is", "other"))
    assert explained("It IS not PUBLISHED", known) == "It IS not PUBLISHED; publish it"
    assert explained("What", known) == "What"
    assert explained("", known, unstated="check it") == "check it"


def test_a_long_text_takes_no_time() -> None:
    began = time.process_time()
    assert len(reason(b"a/" * 10_000)) <= MAX_REASON
    assert time.process_time() - began < 0.5  # 2 seconds if all of it is searched
