"""Which connections the watcher closes, and when."""

from __future__ import annotations

from botkit.cli.stalled import Activity, StalledConnections

TIMEOUT = 10.0


def idle(seconds: float, *, answered: int = 90, received: int = 60) -> Activity:
    return Activity(sent_ago=seconds, received_ago=seconds, answered=answered, received=received)


def look(stalled: StalledConnections, now: float, **connections: Activity) -> set[object]:
    activities: dict[object, Activity] = dict(connections.items())
    return stalled.look(activities, now=now, timeout_seconds=TIMEOUT)


def test_a_connection_without_data_for_too_long_is_closed() -> None:
    assert look(StalledConnections(), 0.0, silent=idle(10.1), busy=idle(9.9)) == {"silent"}


def test_a_slow_body_is_closed_after_the_timeout() -> None:
    stalled = StalledConnections()
    for now in range(11):
        drip = Activity(sent_ago=20.0 + now, received_ago=0.1, answered=90, received=100 + now)
        assert look(stalled, float(now), drip=drip) == set()
    drip = Activity(sent_ago=31.5, received_ago=0.1, answered=90, received=111)
    assert look(stalled, 11.5, drip=drip) == {"drip"}


def test_the_first_request_of_a_connection_counts_from_the_first_look() -> None:
    stalled = StalledConnections()
    assert look(stalled, 0.0, drip=Activity(0.5, 0.1, answered=0, received=50)) == set()
    assert look(stalled, 10.5, drip=Activity(11.0, 0.1, answered=0, received=80)) == {"drip"}


def test_answered_requests_keep_a_connection_open() -> None:
    stalled = StalledConnections()
    for now in range(40):
        busy = Activity(sent_ago=0.2, received_ago=0.1, answered=100 * now, received=70 * now)
        assert look(stalled, float(now), busy=busy) == set()


def test_a_request_on_a_long_idle_connection_gets_the_whole_timeout() -> None:
    stalled = StalledConnections()
    assert look(stalled, 0.0, kept=idle(9.0)) == set()
    assert look(stalled, 0.5, kept=Activity(9.5, 0.1, answered=90, received=120)) == set()
    assert look(stalled, 1.0, kept=Activity(0.3, 0.6, answered=180, received=120)) == set()


def test_forgetting_restarts_the_timeout_of_a_connection() -> None:
    stalled = StalledConnections()
    look(stalled, 0.0, drip=Activity(0.5, 0.1, answered=0, received=50))
    stalled.forget()
    assert look(stalled, 100.0, drip=Activity(0.5, 0.1, answered=0, received=90)) == set()
