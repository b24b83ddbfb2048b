"""22 messages a minute."""

from __future__ import annotations

from botkit.salesforce.miaw.pacing import Pace


class Time:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


async def test_twenty_two_messages_go_at_once() -> None:
    time = Time()
    pace = Pace(clock=time.clock, sleep=time.sleep)
    for _ in range(22):
        await pace.turn()
    assert time.slept == []


async def test_the_next_one_waits_until_the_first_is_a_minute_old() -> None:
    time = Time()
    pace = Pace(clock=time.clock, sleep=time.sleep)
    await pace.turn()
    time.now += 20
    for _ in range(21):
        await pace.turn()
    await pace.turn()
    assert time.slept == [40.0]


async def test_no_minute_ever_has_more_than_twenty_two() -> None:
    time = Time()
    pace = Pace(clock=time.clock, sleep=time.sleep)
    sent = []
    for n in range(150):
        await pace.turn()
        sent.append(time.now)
        time.now += 0.5 if n % 3 else 2.0
    assert all(later - earlier >= 60.0 for earlier, later in zip(sent, sent[22:], strict=False))
