from __future__ import annotations

from botkit.handoff.conversation import Instant
from botkit.relay.backoff import Backoff
from botkit.relay.outbound.circuit_breaker import FAILURES_UNTIL_DOWN, CircuitBreaker, CircuitBreakers

BACKOFF = Backoff(first=0.25, slowest=15.0, give_up_after=300.0)


def down_at(now: float) -> CircuitBreaker:
    peer = CircuitBreaker(BACKOFF)
    for _ in range(FAILURES_UNTIL_DOWN):
        peer.unreachable(Instant(now))
    return peer


def test_a_peer_that_answers_is_tried_freely() -> None:
    peer = CircuitBreaker(BACKOFF)
    assert all(peer.may_try(Instant(0.0)) for _ in range(100))


def test_one_failure_does_not_stop_others() -> None:
    peer = CircuitBreaker(BACKOFF)
    peer.unreachable(Instant(0.0))
    assert peer.may_try(Instant(0.0))


def test_while_it_is_down_only_one_attempt_per_pause_goes_out() -> None:
    peer = down_at(100.0)
    assert sum(peer.may_try(Instant(103.0)) for _ in range(1000)) == 1


def test_right_after_going_down_nobody_tries() -> None:
    assert not down_at(100.0).may_try(Instant(100.1))


def test_the_first_answer_opens_it_for_everybody() -> None:
    peer = down_at(100.0)
    assert peer.may_try(Instant(103.0))
    peer.reached()
    assert not peer.down
    assert all(peer.may_try(Instant(103.0)) for _ in range(100))


def test_the_pause_stays_short_so_that_recovery_is_noticed() -> None:
    peer = down_at(100.0)
    for _ in range(50):
        peer.unreachable(Instant(100.0))
    assert peer.may_try(Instant(102.1))


def test_peers_of_different_bots_do_not_share_their_trouble() -> None:
    peers = CircuitBreakers()
    assert peers.get("st-1", "", BACKOFF) is not peers.get("st-2", "", BACKOFF)
    assert peers.get("st-1", "", BACKOFF) is peers.get("st-1", "", BACKOFF)
