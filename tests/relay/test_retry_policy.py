"""Which backoff a bot's settings ask for."""

from __future__ import annotations

from datetime import timedelta

from botkit.config.settings import DeliverySettings
from botkit.http.retry import Backoff
from botkit.relay.outbound.retry_policy import backoff_of


def test_settings_are_read_in_seconds() -> None:
    delivery = DeliverySettings(
        give_up_after=timedelta(minutes=2),
        first_retry=timedelta(milliseconds=100),
        slowest_retry=timedelta(seconds=3),
    )
    assert backoff_of(delivery) == Backoff(first=0.1, slowest=3.0, give_up_after=120.0)
