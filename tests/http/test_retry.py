"""Backoff, and the Retry-After header."""

from __future__ import annotations

import subprocess
import sys

import pytest

from botkit.http.retry import MAX_RETRY_AFTER_SECONDS, Backoff, retry_after

BACKOFF = Backoff(first=0.25, slowest=15.0, give_up_after=300.0)
NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("99999", MAX_RETRY_AFTER_SECONDS),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
        ("Tue, 14 Nov 2023 22:13:50", 30.0),
        ("Tue, 14 Nov 2023 22:00:00 GMT", 0.0),
        ("Tue, 14 Nov 2099 22:00:00 GMT", MAX_RETRY_AFTER_SECONDS),
        ("soon", None),
        ("-3", None),
        ("", None),
        # Numbers of any length: in the seconds, the year, the day, the time and the offset.
        ("9" * 400, None),
        ("Tue, 14 Nov 99999999999999999999 22:13:50 GMT", None),
        ("Tue, 99999999999999999999 Nov 2023 22:13:50 GMT", None),
        ("Tue, 14 Nov 2023 99999999999999999999:13:50 GMT", None),
        ("Tue, 14 Nov 2023 22:13:50 +99999999999999999999", None),
        ("Tue, 14 Nov 2023 22:13:50 -9999", None),
        ("Tue,", None),
        ("NaN", None),
        ("1e999", None),
        ("Sat, 01 Jan 0001 00:00:00 +2359", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 -2359", MAX_RETRY_AFTER_SECONDS),
    ],
)
def test_seconds_and_dates_are_read_and_other_values_are_not(value: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": value}, now=NOW) == seconds


def test_without_the_header_there_is_no_wait() -> None:
    assert retry_after({}, now=NOW) is None


def after(
    failures: int, *, chance: float = 1.0, retry_after: float | None = None, left: float = 300.0
) -> float | None:
    return BACKOFF.next_attempt_in(failures, chance=chance, retry_after=retry_after, left=left)


def test_the_ceiling_doubles_up_to_the_slowest() -> None:
    assert [BACKOFF.ceiling(n) for n in (1, 2, 3, 7, 8)] == [0.25, 0.5, 1.0, 15.0, 15.0]


def test_a_thousand_failures_do_not_overflow() -> None:
    assert BACKOFF.ceiling(1000) == 15.0


@pytest.mark.parametrize("chance", [0.0, 0.3, 0.999])
def test_the_wait_is_drawn_from_the_whole_range(chance: float) -> None:
    assert BACKOFF.delay(3, chance=chance) == pytest.approx(chance)


def test_a_retry_after_is_obeyed() -> None:
    assert after(1, retry_after=40.0) == 40.0


def test_a_wait_past_the_deadline_is_cut_to_it() -> None:
    assert after(1, retry_after=3600.0, left=10.0) == 10.0


def test_a_call_is_given_up_after_its_deadline() -> None:
    assert after(9, left=0.0) is None


def test_a_forked_process_draws_other_chances() -> None:
    program = (
        "import os\n"
        "from botkit.http.retry import SYSTEM_CHANCE\n"
        "child = os.fork()\n"
        "os.write(1, b'%r ' % SYSTEM_CHANCE())\n"
        "if child:\n"
        "    os.waitpid(child, 0)\n"
    )
    drawn = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout.split()
    assert len(set(drawn)) == 2
