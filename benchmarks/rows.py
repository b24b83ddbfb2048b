"""The rows of the table: each measure with its aim, and with what it is compared with in the same run."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Results = Mapping[str, Any]
"""By name of the measurement, see `measure.measurements`."""

Reference = Literal["floor", "Node", "before", "normal", "SQLite"]
"""The machine's limit; Kore's Node BotKit; another version of this project; the same process without a fault, or on SQLite."""


@dataclass(frozen=True, slots=True)
class Aim:
    """At most `times` a reference of the row or, without one, at most `times`; with `at_least` at least that."""

    times: float
    of: Reference | None = None
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        what: the measure.
        value: the result.
        unit: of the result and its references.
        aim: None if there is none.
        floor: the machine's own limit.
        node: the result of Kore's Node BotKit.
        before: the result of another version of this project.
        normal: the result of the same process without a fault.
        sqlite: the result with a store on SQLite.
        spread: the first and third quartile, if `value` is a median.
    """

    what: str
    value: float
    unit: str
    aim: Aim | None = None
    floor: float | None = None
    node: float | None = None
    before: float | None = None
    normal: float | None = None
    sqlite: float | None = None
    spread: tuple[float, float] | None = None

    def reference(self, name: Reference) -> float | None:
        """What the result is compared with; None if it was not measured."""
        return {
            "floor": self.floor,
            "Node": self.node,
            "before": self.before,
            "normal": self.normal,
            "SQLite": self.sqlite,
        }[name]

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None: no aim, or its reference was not measured."""
        if self.aim is None:
            return None
        reference = self.reference(self.aim.of) if self.aim.of else 1.0
        if reference is None:
            return None
        limit = self.aim.times * reference
        return self.value >= limit if self.aim.at_least else self.value <= limit


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def rows(results: Results) -> list[Row]:
    """A row for every result."""
    return [
        *_hooks(results),
        *_bare(results),
        *_handlers(results),
        *_backlog(results),
        *_streams(results),
        *_latency(results),
        *_cost(results),
        *_postgresql(results),
    ]


def median_of(runs: Sequence[Any]) -> Any:
    """Merge several runs: the median of each number, all latencies, and the first series."""
    first = runs[0]
    if isinstance(first, Mapping):
        return {
            name: first[name]
            if name == "series"
            else [ms for run in runs for ms in run[name]]
            if name == "ms"
            else median_of([run[name] for run in runs])
            for name in first
        }
    return statistics.median(runs) if isinstance(first, int | float) else first


@dataclass(frozen=True, slots=True, kw_only=True)
class _Service:
    """A way to serve hooks: its measurement, its label, the measurements of its floor, and its aims."""

    name: str
    label: str
    bare: str
    client: str
    rate: Aim | None = None
    p99: Aim | None = None


_SERVICES = (
    _Service(
        name="hooks",
        label="botkit serve",
        bare="bare-asgi",
        client="posts-curl",
        rate=Aim(2.5, "Node", at_least=True),
        p99=Aim(0.4, "Node"),
    ),
    _Service(name="hooks-asgi", label="ASGI middleware on uvicorn", bare="bare-asgi", client="posts-curl"),
    _Service(
        name="hooks-wsgi",
        label="WSGI middleware on granian",
        bare="bare-wsgi",
        client="posts-curl",
        rate=Aim(1.7, "Node", at_least=True),
    ),
)


def _hooks(results: Results) -> Iterator[Row]:
    node = _getter(results.get("hooks-peer"))
    for service in _SERVICES:
        measured = results.get(service.name)
        if not measured:
            continue
        before = _getter(results.get("hooks-before") if service.name == "hooks" else None)
        bare, client = _getter(results.get(service.bare)), _getter(results.get(service.client))
        echoes, posts = bare("acknowledged_per_second"), client("per_second")
        yield Row(
            f"hooks relayed, durable, {service.label}",
            measured["through_per_second"],
            "/s",
            aim=service.rate,
            floor=1 / (1 / echoes + 1 / posts) if echoes and posts else None,
            node=node("through_per_second"),
            before=before("through_per_second"),
        )
        for name, aim in (("p50", None), ("p99", service.p99)):
            key = f"ack_{name}_ms"
            yield Row(
                f"  acknowledgement {name}, 32 connections",
                measured[key],
                "ms",
                aim=aim,
                floor=bare(key),
                node=node(key),
                before=before(key),
            )
        answering, posting = bare("cpu_us_per_hook"), client("cpu_us")
        yield Row(
            "  processor time per hook",
            measured["cpu_us_per_hook"],
            "µs",
            floor=answering + posting if answering and posting else None,
            node=node("cpu_us_per_hook"),
            before=before("cpu_us_per_hook"),
        )


_BARE = (
    ("bare-asgi", "floor: bare ASGI application on uvicorn", "acknowledged_per_second", "cpu_us_per_hook"),
    ("bare-wsgi", "floor: bare WSGI application on granian", "acknowledged_per_second", "cpu_us_per_hook"),
    ("posts-curl", "floor: posts of a bare libcurl client", "per_second", "cpu_us"),
    ("posts-carrier", "posts of the relay's own carrier", "per_second", "cpu_us"),
    ("posts-aiohttp", "floor: posts of a bare aiohttp client", "per_second", "cpu_us"),
)


def _bare(results: Results) -> Iterator[Row]:
    for name, label, rate, processor_time in _BARE:
        if name in results:
            yield Row(label, results[name][rate], "/s")
            yield Row("  processor time each", results[name][processor_time], "µs")


def _handlers(results: Results) -> Iterator[Row]:
    for name, what in (("handler", "one handler"), ("coroutine", "one coroutine as handler")):
        measured = results.get(name)
        if not measured:
            continue
        for row, measure, unit, aim in (
            (f"cost of {what} in hooks per second", "cost_percent", "%", Aim(15)),
            ("  cost in processor time", "cpu_cost_percent", "%", None),
        ):
            cost = measured[measure]
            yield Row(row, cost["median"], unit, aim=aim, spread=(cost["first"], cost["third"]))


def _backlog(results: Results) -> Iterator[Row]:
    measured = results.get("backlog")
    if not measured:
        return
    many = f"{measured['hooks']:,}"
    yield Row(
        f"backlog of {many} hooks: relayed after the platform's return",
        measured["drained_per_second"],
        "/s",
        aim=Aim(0.8, "normal", at_least=True),
        normal=measured["normal_per_second"],
    )
    yield Row("  until the first", measured["first_seconds"], "s")
    yield Row("  most memory of all processes", measured["peak_megabytes"], "MB", aim=Aim(250))


_STREAMS = (
    ("streams-plain", "without TLS"),
    ("streams-tls", "TLS, HTTP/1.1"),
    ("streams-http2", "TLS, HTTP/2"),
)


def _streams(results: Results) -> Iterator[Row]:
    for name, label in _STREAMS:
        if name in results:
            measured = results[name]
            yield Row(f"an idle event stream in the carrier, {label}", measured["kilobytes"], "KB")
            yield Row(f"  connections of {measured['streams']:,} streams", measured["connections"], "")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Receiving:
    """A way to receive conversations: its measurement, its label, those of its floor and the version before, and its aims.

    `cold`: nothing was opened before, so its memory includes what the first conversations load.
    """

    name: str
    label: str
    floor: str = ""
    before: str = ""
    cold: bool = False
    aims: Mapping[str, Aim]


_RECEIVING = (
    _Receiving(
        name="stream",
        label="stream",
        floor="bridge",
        before="stream-before",
        aims={
            "p50_ms": Aim(2.2, "floor"),
            "p99_ms": Aim(4, "floor"),
            "cpu_ms_per_message": Aim(0.5, "before"),
            "kilobytes": Aim(30),
            "idle_percent": Aim(2),
            "open_seconds": Aim(6 / 11, "before"),
        },
    ),
    _Receiving(name="poll", label="poll every 2 s", aims={"kilobytes": Aim(30)}),
    _Receiving(name="held", label="held stream, polled", cold=True, aims={}),
    _Receiving(name="live-chat", label="Live Chat", floor="live-chat-bridge", aims={}),
)
_PROMISE = _Receiving(
    name="bridge-promise",
    label="a bare relay with a commit and a receipt",
    floor="bridge",
    before="stream-before",
    aims={},
)
"""What any relay that keeps the promise starts from; only what an agent's message takes is worth a row."""


def _latency(results: Results) -> Iterator[Row]:
    for receiving in (_RECEIVING[0], _PROMISE, *_RECEIVING[1:]):
        for key, what, unit in (
            ("p50_ms", "agent to user, {label}, p50", "ms"),
            ("p99_ms", "agent to user, {label}, p99", "ms"),
            ("cpu_ms_per_message", "  processor time per agent message", "ms"),
        ):
            yield from _received(results, receiving, key, what, unit)


def _cost(results: Results) -> Iterator[Row]:
    for receiving in _RECEIVING:
        for key, what, unit in (
            ("kilobytes", "memory a conversation, {label}", "KB"),
            ("idle_percent", "idle processor time, {many} open, {label}", "%"),
            ("open_seconds", "time to open {many}, {label}", "s"),
        ):
            if not (receiving.cold and key == "kilobytes"):
                yield from _received(results, receiving, key, what, unit)


def _received(results: Results, receiving: _Receiving, key: str, what: str, unit: str) -> Iterator[Row]:
    measured = results.get(receiving.name)
    if measured:
        yield Row(
            what.format(label=receiving.label, many=f"{measured['conversations']:,}"),
            measured[key],
            unit,
            aim=receiving.aims.get(key),
            floor=_getter(results.get(receiving.floor))(key),
            before=_getter(results.get(receiving.before))(key),
        )


_ON_POSTGRESQL: Sequence[tuple[str, str, str, str, Aim | None]] = (
    (
        "hooks-postgresql",
        "through_per_second",
        "hooks relayed, durable, on PostgreSQL",
        "/s",
        Aim(0.75, "SQLite", at_least=True),
    ),
    ("hooks-postgresql", "ack_p50_ms", "  acknowledgement p50, 32 connections", "ms", None),
    ("hooks-postgresql", "ack_p99_ms", "  acknowledgement p99, 32 connections", "ms", None),
    ("hooks-postgresql", "cpu_us_per_hook", "  processor time per hook", "µs", Aim(1.1, "SQLite")),
    ("hooks-postgresql", "server_cpu_us_per_hook", "  processor time of PostgreSQL per hook", "µs", Aim(150)),
    ("hooks-three", "through_per_second", "hooks relayed by three processes on PostgreSQL", "/s", None),
    ("hooks-three", "cpu_us_per_hook", "  processor time per hook", "µs", Aim(1.25, "SQLite")),
    ("hooks-three", "server_cpu_us_per_hook", "  processor time of PostgreSQL per hook", "µs", Aim(150)),
    (
        "hooks-three-full",
        "through_per_second",
        "hooks relayed by three processes with 32 connections each",
        "/s",
        None,
    ),
    ("hooks-three-full", "cpu_us_per_hook", "  processor time per hook", "µs", Aim(1.25, "SQLite")),
    ("hooks-three-full", "server_cpu_us_per_hook", "  processor time of PostgreSQL per hook", "µs", Aim(150)),
    ("stream-postgresql", "p50_ms", "agent to user, stream, on PostgreSQL, p50", "ms", None),
    ("stream-postgresql", "p99_ms", "agent to user, stream, on PostgreSQL, p99", "ms", None),
    ("stream-postgresql", "cpu_ms_per_message", "  processor time per agent message", "ms", None),
    ("stream-postgresql", "kilobytes", "memory a conversation, on PostgreSQL", "KB", Aim(40)),
    ("stream-postgresql", "open_seconds", "time to open them, on PostgreSQL", "s", None),
)


def _postgresql(results: Results) -> Iterator[Row]:
    for name, key, what, unit, aim in _ON_POSTGRESQL:
        group = name.partition("-")[0]
        measured, beside = results.get(name), results.get(f"{group}-sqlite")
        if measured:
            yield Row(what, measured[key], unit, aim=aim, sqlite=_getter(beside)(key))


def _getter(measured: Mapping[str, float] | None) -> Callable[[str], float | None]:
    """The figures of a measurement by name; None for each if it was not made."""
    return (lambda _key: None) if measured is None else measured.get
