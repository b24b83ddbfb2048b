"""Prometheus metrics for the hot path: an observation changes a few plain numbers, and a scrape turns them into metrics.

Every hook is counted, and prometheus-client takes several calls and locks for each count.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from threading import Lock

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.utils import floatToGoString


class BufferedCounter:
    """A counter with labels. Thread-safe, and exact at every scrape."""

    def __init__(self, name: str, help: str, labels: Sequence[str], *, registry: CollectorRegistry) -> None:
        self._counter = Counter(name, help, labels, registry=None)
        self._new: dict[tuple[str | int, ...], int] = {}
        self._lock = Lock()
        registry.register(self)

    def inc(self, *labels: str | int) -> None:
        """Count one event with these values of the labels."""
        with self._lock:
            self._new[labels] = self._new.get(labels, 0) + 1

    def describe(self) -> Iterable[Metric]:
        """The metric without its values, as a registry asks for it."""
        return self._counter.describe()

    def collect(self) -> Iterable[Metric]:
        """The metric, for a scrape."""
        with self._lock:
            new, self._new = self._new, {}
        for labels, count in new.items():
            self._counter.labels(*labels).inc(count)
        return self._counter.collect()


class ReadCounter:
    """A counter without labels that is kept elsewhere, and read at each scrape."""

    def __init__(
        self, name: str, help: str, read: Callable[[], float], *, registry: CollectorRegistry
    ) -> None:
        self._name, self._help = name, help
        self._read = read
        registry.register(self)

    def describe(self) -> Iterable[Metric]:
        """The metric without its values, as a registry asks for it."""
        return [CounterMetricFamily(self._name, self._help)]

    def collect(self) -> Iterable[Metric]:
        """The metric, for a scrape."""
        return [CounterMetricFamily(self._name, self._help, value=self._read())]


class BufferedHistogram:
    """A histogram without labels. Thread-safe, and exact at every scrape.

    Args:
        name: the name of the metric.
        help: its description.
        bounds: the upper bounds of its buckets, ascending; the one without a bound is added.
        registry: where it is registered.
    """

    def __init__(self, name: str, help: str, bounds: Sequence[float], *, registry: CollectorRegistry) -> None:
        self._name, self._help = name, help
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0
        self._lock = Lock()
        registry.register(self)

    def observe(self, value: float) -> None:
        """Count one value."""
        bucket = bisect_left(self._bounds, value)
        with self._lock:
            self._counts[bucket] += 1
            self._sum += value

    def describe(self) -> Iterable[Metric]:
        """The metric without its values, as a registry asks for it."""
        return [HistogramMetricFamily(self._name, self._help)]

    def collect(self) -> Iterable[Metric]:
        """The metric, for a scrape."""
        with self._lock:
            counts, total = list(self._counts), self._sum
        names = [*map(floatToGoString, self._bounds), "+Inf"]
        buckets = list(zip(names, map(float, accumulate(counts)), strict=True))
        return [HistogramMetricFamily(self._name, self._help, buckets=buckets, sum_value=total)]
