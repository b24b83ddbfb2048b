from __future__ import annotations

from botkit.boottime import BootTime
from botkit.http.retry import Backoff
from botkit.observability.failures import Failure
from botkit.relay.heartbeat import Heartbeat
from botkit.relay.outbound.circuit_breaker import FAILURES_UNTIL_OPEN, CircuitBreaker, CircuitBreakers
from botkit.testing.clock import ManualClock

BACKOFF = Backoff(first=0.25, slowest=15.0, give_up_after=300.0)


def new_breaker() -> CircuitBreaker:
    return CircuitBreaker(BACKOFF, Heartbeat(ManualClock()))


def opened_at(now: float) -> CircuitBreaker:
    breaker = new_breaker()
    for _ in range(FAILURES_UNTIL_OPEN):
        breaker.unreachable(BootTime(now))
    return breaker


def test_a_remote_that_answers_is_tried_freely() -> None:
    breaker = new_breaker()
    assert all(breaker.may_try(BootTime(0.0)) for _ in range(100))


def test_one_failure_does_not_stop_others() -> None:
    breaker = new_breaker()
    breaker.unreachable(BootTime(0.0))
    assert breaker.may_try(BootTime(0.0))


def test_calls_that_got_no_turn_do_not_open_it() -> None:
    breaker = new_breaker()
    for _ in range(FAILURES_UNTIL_OPEN):
        breaker.unreachable(BootTime(0.0), Failure("pass to bot", cause="waiting"))
    assert not breaker.is_open
    assert breaker.latest is None


def test_while_it_is_open_only_one_attempt_per_pause_goes_out() -> None:
    breaker = opened_at(100.0)
    assert sum(breaker.may_try(BootTime(103.0)) for _ in range(1000)) == 1


def test_right_after_it_opens_no_attempt_goes_out() -> None:
    assert not opened_at(100.0).may_try(BootTime(100.1))


def test_the_first_answer_closes_it_for_all_lanes() -> None:
    breaker = opened_at(100.0)
    assert breaker.may_try(BootTime(103.0))
    breaker.reached()
    assert not breaker.is_open
    assert all(breaker.may_try(BootTime(103.0)) for _ in range(100))


def test_the_pause_stays_short_so_that_recovery_is_noticed() -> None:
    breaker = opened_at(100.0)
    for _ in range(50):
        breaker.unreachable(BootTime(100.0))
    assert breaker.may_try(BootTime(102.1))


def test_bots_do_not_share_breakers() -> None:
    breakers = CircuitBreakers(Heartbeat(ManualClock()))
    assert breakers.get("st-1", "", BACKOFF) is not breakers.get("st-2", "", BACKOFF)
    assert breakers.get("st-1", "", BACKOFF) is breakers.get("st-1", "", BACKOFF)
