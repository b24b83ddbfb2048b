"""What followers write down for the leader of an SQLite store: the messages in the rows of `inputs`."""

from __future__ import annotations

import msgspec

from botkit.ledger.interface import HookBody
from botkit.ledger.sqlite.migrations import MIGRATIONS

VERSION = 1
"""Changes with these messages."""


class Submitted(msgspec.Struct, tag=True, frozen=True):
    """An input (`rows.input_to_bytes`) and its hook. `token` is that of the answer, if one is awaited."""

    input: bytes
    hook: HookBody | None
    token: str


class Counted(msgspec.Struct, tag=True, frozen=True):
    """What a follower has counted: the arguments of `Counts.hook` and `Counts.handled`."""

    hooks: list[tuple[str, int, float]]
    handlers: list[tuple[str, str, str]]


class MetricsWanted(msgspec.Struct, tag=True, frozen=True):
    """Asks for the metrics of all processes, as text in Prometheus' format or in OpenMetrics'."""

    token: str
    openmetrics: bool


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(list[Submitted | Counted | MetricsWanted]).decode


def shared_by(fingerprint: str) -> str:
    """What `meta` says of a leader with this fingerprint of its configuration, and what its followers have to find there."""
    return f"{VERSION}/{len(MIGRATIONS)} {fingerprint}"
