from __future__ import annotations

from datetime import timedelta

import pytest

from botkit.config.settings import DeliverySettings
from botkit.handoff.conversation import Instant
from botkit.relay.backoff import Backoff

BACKOFF = Backoff(first=0.25, slowest=15.0, give_up_after=300.0)


def after(
    failures: int, *, chance: float = 1.0, retry_after: float | None = None, now: float = 0.0
) -> float | None:
    return BACKOFF.next_attempt_in(
        failures, chance=chance, retry_after=retry_after, since=Instant(0.0), now=Instant(now)
    )


def test_the_ceiling_doubles_up_to_the_slowest() -> None:
    assert [BACKOFF.ceiling(n) for n in (1, 2, 3, 7, 8)] == [0.25, 0.5, 1.0, 15.0, 15.0]


def test_a_thousand_failures_do_not_overflow() -> None:
    assert BACKOFF.ceiling(1000) == 15.0


@pytest.mark.parametrize("chance", [0.0, 0.3, 0.999])
def test_the_wait_is_drawn_from_the_whole_range(chance: float) -> None:
    assert BACKOFF.delay(3, chance=chance) == pytest.approx(chance)


def test_a_server_that_names_a_wait_gets_it() -> None:
    assert after(1, retry_after=40.0) == 40.0


def test_a_wait_longer_than_our_patience_is_cut_to_it() -> None:
    assert after(1, retry_after=3600.0, now=290.0) == 10.0


def test_it_is_given_up_when_the_time_is_over() -> None:
    assert after(9, now=300.0) is None


def test_settings_are_read_in_seconds() -> None:
    delivery = DeliverySettings(
        give_up_after=timedelta(minutes=2),
        first_retry=timedelta(milliseconds=100),
        slowest_retry=timedelta(seconds=3),
    )
    assert Backoff.from_settings(delivery) == Backoff(first=0.1, slowest=3.0, give_up_after=120.0)
