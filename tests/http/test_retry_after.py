"""The Retry-After header."""

from __future__ import annotations

import pytest

from botkit.http.retry_after import MAX_SECONDS, retry_after

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("99999", MAX_SECONDS),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
        ("Tue, 14 Nov 2023 22:13:50", 30.0),
        ("Tue, 14 Nov 2023 22:00:00 GMT", 0.0),
        ("Tue, 14 Nov 2099 22:00:00 GMT", MAX_SECONDS),
        ("soon", None),
        ("-3", None),
        ("", None),
    ],
)
def test_seconds_and_dates_are_read_and_nonsense_is_not(value: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": value}, now=NOW) == seconds


def test_without_the_header_nothing_was_asked() -> None:
    assert retry_after({}, now=NOW) is None
