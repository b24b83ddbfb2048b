"""Counters and histograms of the hot path: a scrape shows what prometheus-client's own would show."""

from __future__ import annotations

from threading import Barrier, Thread

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from botkit.observability.buffered import BufferedCounter, BufferedHistogram

BOUNDS = (0.001, 0.25, 1.0, 10.0)


def shown(registry: CollectorRegistry) -> list[str]:
    lines = generate_latest(registry).decode().splitlines()
    return [line for line in lines if "_created" not in line]


@given(st.lists(st.one_of(st.sampled_from(BOUNDS), st.floats(min_value=0, max_value=100)), max_size=20))
def test_a_histogram_has_the_buckets_and_the_sum_of_the_usual_one(values: list[float]) -> None:
    usual, ours = CollectorRegistry(), CollectorRegistry()
    one = Histogram("seconds", "Help.", buckets=BOUNDS, registry=usual)
    other = BufferedHistogram("seconds", "Help.", BOUNDS, registry=ours)
    for value in values:
        one.observe(value)
        other.observe(value)
    assert shown(ours) == shown(usual)


def test_a_counter_goes_on_from_scrape_to_scrape_as_the_usual_one() -> None:
    usual, ours = CollectorRegistry(), CollectorRegistry()
    one = Counter("hooks_total", "Help.", ("event", "status"), registry=usual)
    other = BufferedCounter("hooks_total", "Help.", ("event", "status"), registry=ours)
    assert shown(ours) == shown(usual)
    for status in (200, 200, 401):
        one.labels("on_alert", status).inc()
        other.inc("on_alert", status)
        assert shown(ours) == shown(usual)


def test_no_count_of_concurrent_threads_is_lost() -> None:
    registry = CollectorRegistry()
    counter = BufferedCounter("hooks_total", "Help.", ("event",), registry=registry)
    histogram = BufferedHistogram("seconds", "Help.", BOUNDS, registry=registry)
    together = Barrier(4)

    def count() -> None:
        together.wait(60)
        for number in range(2_000):
            counter.inc("on_alert")
            histogram.observe(1.0)
            if number % 500 == 0:
                generate_latest(registry)

    threads = [Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert registry.get_sample_value("hooks_total", {"event": "on_alert"}) == 8_000
    assert registry.get_sample_value("seconds_count") == registry.get_sample_value("seconds_sum") == 8_000
