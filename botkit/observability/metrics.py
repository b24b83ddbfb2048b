"""What an operator sees: Prometheus metrics of one kit, and log lines without what people wrote."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Literal, TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from botkit.hooks.events import EVENTS
from botkit.observability.tracebacks import where

CONTENT_TYPE = CONTENT_TYPE_LATEST
_MAX_NOTED = 100
"""Kinds of notes with their reasons, each a series of its own."""
_ACK_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Telemetry:
    """The metrics of one kit, in a registry of its own, so that several kits can live in one process.

    Implements what the door (`middleware.HookMetrics`) and the relay (`relay.metrics.RelayMetrics`) count.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._hooks = Counter(
            "botkit_hooks",
            "Hooks answered, by event and HTTP status.",
            ("event", "status"),
            registry=self.registry,
        )
        self._ack = Histogram(
            "botkit_ack_seconds",
            "From a hook's arrival to its answer.",
            buckets=_ACK_SECONDS,
            registry=self.registry,
        )
        self._duplicates = Counter(
            "botkit_duplicate_hooks",
            "Hooks that had been taken before and changed nothing.",
            registry=self.registry,
        )
        self._handlers = Counter(
            "botkit_handlers",
            "Calls of the bot's own handlers, by hook, handler and what came of it.",
            ("event", "handler", "outcome"),
            registry=self.registry,
        )
        self._effects = Counter(
            "botkit_effects",
            "Effects that left their lane, by kind and outcome.",
            ("kind", "outcome"),
            registry=self.registry,
        )
        self._retries = Counter(
            "botkit_effect_retries",
            "Attempts that failed and were repeated, by kind.",
            ("kind",),
            registry=self.registry,
        )
        self._receivers = Gauge(
            "botkit_receivers", "Agent sessions that are being listened to.", registry=self.registry
        )
        self._reconnects = Counter(
            "botkit_reconnects",
            "Receivers that lost their stream, by agent system.",
            ("system",),
            registry=self.registry,
        )
        self._notes = Counter(
            "botkit_handoff",
            "What the rules asked to be counted: hand-offs opened, ended, lost …",
            ("what", "why"),
            registry=self.registry,
        )
        self._possible_duplicates = Counter(
            "botkit_possible_duplicates",
            "Deliveries to users that were under way when a process died or an answer was lost: each may have been shown twice.",
            registry=self.registry,
        )
        self._noted: set[tuple[str, str]] = set()
        self._hook_children: dict[tuple[str, int], Counter] = {}
        self._effect_children: dict[tuple[str, str], Counter] = {}
        self._handler_children: dict[tuple[str, str, str], Counter] = {}

    def watch(self, *, outbox_depth: Callable[[], float], open_sessions: Callable[[], float]) -> None:
        """Add the gauges that are read when somebody asks."""
        depth = Gauge(
            "botkit_outbox_depth", "Effects that are written down and not done.", registry=self.registry
        )
        depth.set_function(outbox_depth)
        sessions = Gauge(
            "botkit_open_sessions", "Conversations with an agent session.", registry=self.registry
        )
        sessions.set_function(open_sessions)

    def exposition(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self.registry)

    # --- the door ---------------------------------------------------------------------------------------------

    def hook(self, event: str, status: int, seconds: float) -> None:
        """A hook was answered. Names we do not know are one label: callers must not be able to make up series."""
        child = self._hook_children.get((event, status))
        if child is None:
            label = event if event in EVENTS else "other"
            child = self._hooks.labels(label, str(status))
            if event in EVENTS:
                self._hook_children[event, status] = child
        child.inc()
        self._ack.observe(seconds)

    def duplicate(self) -> None:
        """A hook had been taken before."""
        self._duplicates.inc()

    def possible_duplicates(self, count: int) -> None:
        """So many deliveries are repeated that may have been made already: a process died, or an answer was lost."""
        self._possible_duplicates.inc(count)

    def handled(self, event: str, handler: str, outcome: str) -> None:
        """A handler was called, or left out."""
        child = self._handler_children.get((event, handler, outcome))
        if child is None:
            child = self._handlers.labels(event, handler, outcome)
            self._handler_children[event, handler, outcome] = child
        child.inc()

    # --- the relay --------------------------------------------------------------------------------------------

    def effect_done(self, kind: str, outcome: Literal["delivered", "refused", "gave_up", "broken"]) -> None:
        """An effect left its lane."""
        child = self._effect_children.get((kind, outcome))
        if child is None:
            child = self._effect_children[kind, outcome] = self._effects.labels(kind, outcome)
        child.inc()

    def effect_retried(self, kind: str) -> None:
        """An attempt failed and will be repeated."""
        self._retries.labels(kind).inc()

    def receivers_open(self, count: int) -> None:
        """How many agent sessions are being listened to now."""
        self._receivers.set(count)

    def reconnected(self, system: str) -> None:
        """A receiver lost its stream."""
        self._reconnects.labels(system).inc()

    def noted(self, what: str, why: str) -> None:
        """The rules asked for this to be counted."""
        if (what, why) not in self._noted:
            if len(self._noted) >= _MAX_NOTED:
                why = "other"  # An agent system may give reasons of its own making.
            self._noted.add((what, why))
        self._notes.labels(what, why).inc()


def set_up_logging(*, json: bool, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send BotKit's and the libraries' log lines through structlog, as JSON or for a console.

    At the default level no line holds what people wrote, a token or a secret: errors are logged by their type, code and
    place (`where`), not by their text.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    target = stream or sys.stderr
    render: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(
            colors=target.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _place_instead_of_traceback,
                render,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # These two say something for every request or job.
    logging.getLogger("apscheduler").setLevel(max(level, logging.WARNING))
    logging.getLogger("aiohttp.access").setLevel(max(level, logging.WARNING))


def _place_instead_of_traceback(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    found = event.pop("exc_info", None)
    if found is True:
        found = sys.exc_info()
    error = found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        event["error"] = where(error)
    return event
