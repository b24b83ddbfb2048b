"""Which backoff a bot's settings ask for, what counts as a possible duplicate, and how loudly a failure is logged."""

from __future__ import annotations

from datetime import timedelta

import pytest

from botkit.config.settings import DeliverySettings
from botkit.errors import (
    BadReply,
    CallError,
    CallRefused,
    ConversationClosed,
    RateLimited,
    ServerTrouble,
    Unreachable,
)
from botkit.handoff.effects import SendToAgent
from botkit.http.retry import Backoff
from botkit.relay.outbound.retry_policy import backoff_of, log_level, may_have_been_accepted
from tests.relay.relay_doubles import ACCESS


def test_settings_are_read_in_seconds() -> None:
    delivery = DeliverySettings(
        give_up_after=timedelta(minutes=2),
        first_retry=timedelta(milliseconds=100),
        slowest_retry=timedelta(seconds=3),
    )
    assert backoff_of(delivery) == Backoff(first=0.1, slowest=3.0, give_up_after=120.0)


@pytest.mark.parametrize(
    ("error", "level"),
    [(ConversationClosed("send message", status=403), "warning"), (CallRefused("send message"), "error")],
    ids=["after the end", "refused"],
)
def test_a_message_that_met_the_end_of_the_conversation_is_no_error_of_the_set_up(
    error: CallError, level: str
) -> None:
    assert log_level(SendToAgent("s-1", "legacy", ACCESS, "m-1", "too late"), error) == level


@pytest.mark.parametrize(
    ("error", "counts"),
    [
        (Unreachable("send", possible_duplicate=True), True),
        (Unreachable("send"), False),
        (BadReply("send", detail="the response is not HTTP"), True),
        (ServerTrouble("send", status=502), True),
        (ServerTrouble("send", status=504), True),
        (ServerTrouble("send", status=500), False),
        (ServerTrouble("send", status=503), False),
        (RateLimited("send", status=429), False),
    ],
)
def test_only_a_call_that_may_have_been_accepted_may_show_its_message_twice(
    error: CallError, counts: bool
) -> None:
    assert may_have_been_accepted(error) is counts
