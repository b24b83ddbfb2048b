"""The rate limit of 22 messages a minute."""

from __future__ import annotations

from botkit.agents.miaw.pace import Pace
from botkit.testing.clock import ManualClock


def test_twenty_two_messages_go_at_once() -> None:
    pace = Pace(clock=ManualClock())
    for _ in range(22):
        assert pace.wait() == 0.0
        pace.count()
    assert pace.wait() > 0.0


def test_the_next_one_waits_until_the_first_is_a_minute_old() -> None:
    clock = ManualClock()
    pace = Pace(clock=clock)
    pace.count()
    clock.pass_seconds(20)
    for _ in range(21):
        pace.count()
    assert pace.wait() == 40.0
    clock.pass_seconds(40)
    assert pace.wait() == 0.0


def test_asking_uses_nothing_up() -> None:
    pace = Pace(clock=ManualClock())
    assert [pace.wait() for _ in range(100)] == [0.0] * 100


def test_no_minute_ever_has_more_than_twenty_two() -> None:
    clock = ManualClock()
    pace = Pace(clock=clock)
    sent = []
    for n in range(150):
        clock.pass_seconds(pace.wait())
        pace.count()
        sent.append(clock.now())
        clock.pass_seconds(0.5 if n % 3 else 2.0)
    assert all(later - earlier >= 60.0 for earlier, later in zip(sent, sent[22:], strict=False))
