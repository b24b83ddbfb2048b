"""The Prometheus metrics of one kit. `METRICS` declares them all."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.openmetrics import exposition as openmetrics_exposition

from botkit.observability.buffered import BufferedCounter, BufferedHistogram, ReadCounter
from botkit.observability.outputs import lines_dropped

CONTENT_TYPE = CONTENT_TYPE_LATEST
OPENMETRICS = openmetrics_exposition.CONTENT_TYPE_LATEST
"""The content type of OpenMetrics."""
MAX_HANDOFF_SERIES = 100
"""Max series of `botkit_handoff_total`; above it the label `why` is ``other``."""
_ACK_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, as Prometheus and the reference page name it."""

    name: str
    type: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()


METRICS = (
    Metric("botkit_hooks_total", "counter", "Answered hooks, by event and HTTP status.", ("event", "status")),
    Metric("botkit_ack_seconds", "histogram", "Time from the arrival of a hook to its answer."),
    Metric(
        "botkit_duplicate_hooks_total", "counter", "Repeated deliveries of a hook, which changed nothing."
    ),
    Metric(
        "botkit_handlers_total",
        "counter",
        "Calls of the bot's own handlers, by event, handler and outcome.",
        ("event", "handler", "outcome"),
    ),
    Metric(
        "botkit_effects_total",
        "counter",
        "Effects that left the outbox, by kind and outcome.",
        ("kind", "outcome"),
    ),
    Metric("botkit_effect_retries_total", "counter", "Failed attempts that are retried, by kind.", ("kind",)),
    Metric("botkit_receivers", "gauge", "Agent sessions with an open receiver."),
    Metric(
        "botkit_reconnects_total",
        "counter",
        "Receivers that lost their stream, by agent system.",
        ("system",),
    ),
    Metric(
        "botkit_streams_held",
        "gauge",
        "Agent sessions that are polled because a proxy holds their event streams back, by agent system.",
        ("system",),
    ),
    Metric(
        "botkit_handoff_total",
        "counter",
        "Hand-off events (opened, ended, lost …), by reason.",
        ("what", "why"),
    ),
    Metric(
        "botkit_possible_duplicates_total",
        "counter",
        "Messages sent again without knowing whether the user, or the bot, had them already: each may be a repetition.",
    ),
    Metric(
        "botkit_repeated_to_agents_total",
        "counter",
        "Messages of users that were sent again with the same id after an attempt without a known result, by agent system.",
        ("system",),
    ),
    Metric(
        "botkit_log_lines_dropped_total",
        "counter",
        "Lines of the log, or of standard output, that were dropped because nobody read those before them (botkit serve).",
    ),
    Metric("botkit_outbox_depth", "gauge", "Effects in the outbox."),
    Metric("botkit_open_sessions", "gauge", "Conversations with an agent session."),
)
"""Every metric, in the order of the exposition."""

_METRICS = {metric.name: metric for metric in METRICS}


class Telemetry:
    """The metrics of one kit, in a registry of its own, so that several kits can live in one process.

    Implements `HookMetrics` of the hook endpoint, `HandlerMetrics` of the handlers and `RelayMetrics` of the relay.

    Args:
        hook_events: the known names of hook events; all other names share the label ``other``.
    """

    def __init__(self, hook_events: Container[str] = frozenset()) -> None:
        self._hook_events = hook_events
        self.registry = CollectorRegistry()
        self._hooks = self._buffered_counter("botkit_hooks_total")
        self._ack = self._histogram("botkit_ack_seconds", _ACK_SECONDS)
        self._duplicates = self._counter("botkit_duplicate_hooks_total")
        self._handlers = self._buffered_counter("botkit_handlers_total")
        self._effects = self._buffered_counter("botkit_effects_total")
        self._retries = self._counter("botkit_effect_retries_total")
        self._receivers = self._gauge("botkit_receivers")
        self._reconnects = self._counter("botkit_reconnects_total")
        self._streams_held = self._gauge("botkit_streams_held")
        self._handoff = self._counter("botkit_handoff_total")
        self._possible_duplicates = self._counter("botkit_possible_duplicates_total")
        self._repeated = self._counter("botkit_repeated_to_agents_total")
        self._read_counter("botkit_log_lines_dropped_total", lines_dropped)
        self._handoff_series: set[tuple[str, str]] = set()

    def watch(self, *, outbox_depth: Callable[[], float], open_sessions: Callable[[], float]) -> None:
        """Add the gauges that are read at each scrape."""
        self._gauge("botkit_outbox_depth").set_function(outbox_depth)
        self._gauge("botkit_open_sessions").set_function(open_sessions)

    def exposition(self, *, openmetrics: bool = False) -> bytes:
        """All metrics in Prometheus' text format, or in OpenMetrics', which has exemplars."""
        return (openmetrics_exposition.generate_latest if openmetrics else generate_latest)(self.registry)

    # --- hooks and handlers -----------------------------------------------------------------------------------

    def hook(self, event: str, status: int, seconds: float) -> None:
        """A hook was answered. Unknown names share one label, so that callers cannot create series."""
        self._hooks.inc(event if event in self._hook_events else "other", status)
        self._ack.observe(seconds)

    def duplicate(self) -> None:
        """A hook was a duplicate."""
        self._duplicates.inc()

    def possible_duplicates(self, count: int) -> None:
        """This number of messages is sent again although they may have arrived: a process died, or an answer was lost."""
        self._possible_duplicates.inc(count)

    def handled(self, event: str, handler: str, outcome: str) -> None:
        """A handler was called or skipped."""
        self._handlers.inc(event, handler, outcome)

    # --- the relay --------------------------------------------------------------------------------------------

    def effect_done(self, kind: str, outcome: Literal["delivered", "refused", "gave_up", "broken"]) -> None:
        """An effect left its lane."""
        self._effects.inc(kind, outcome)

    def effect_retried(self, kind: str) -> None:
        """An attempt failed and will be repeated."""
        self._retries.labels(kind).inc()

    def repeated_to_agents(self, system: str) -> None:
        """A message of a user was sent again with its id."""
        self._repeated.labels(system).inc()

    def receivers_open(self, count: int) -> None:
        """The current number of agent sessions with a receiver."""
        self._receivers.set(count)

    def reconnected(self, system: str) -> None:
        """A receiver lost its stream."""
        self._reconnects.labels(system).inc()

    def streams_held(self, system: str, change: int) -> None:
        """More or fewer agent sessions are polled because their streams are held back."""
        self._streams_held.labels(system).inc(change)

    def noted(self, what: str, why: str, *, ref: str = "") -> None:
        """An event of a hand-off happened. Its reference is the exemplar, so that one of many can be looked up."""
        if (what, why) not in self._handoff_series:
            if len(self._handoff_series) >= MAX_HANDOFF_SERIES:
                why = "other"  # Reasons may come from an agent system, so their number is unknown.
            self._handoff_series.add((what, why))
        self._handoff.labels(what, why).inc(exemplar={"ref": ref} if ref else None)

    # --- creating metrics -------------------------------------------------------------------------------------

    def _counter(self, name: str) -> Counter:
        metric = _METRICS[name]
        return Counter(name, metric.help, metric.labels, registry=self.registry)

    def _buffered_counter(self, name: str) -> BufferedCounter:
        metric = _METRICS[name]
        return BufferedCounter(name, metric.help, metric.labels, registry=self.registry)

    def _read_counter(self, name: str, read: Callable[[], float]) -> None:
        ReadCounter(name, _METRICS[name].help, read, registry=self.registry)

    def _gauge(self, name: str) -> Gauge:
        metric = _METRICS[name]
        return Gauge(name, metric.help, metric.labels, registry=self.registry)

    def _histogram(self, name: str, buckets: tuple[float, ...]) -> BufferedHistogram:
        return BufferedHistogram(name, _METRICS[name].help, buckets, registry=self.registry)
