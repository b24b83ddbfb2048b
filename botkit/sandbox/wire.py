"""The wire between the clouds and BotKit: every hook, call and event, kept for the page to open.

`wire_middleware` records what arrives at an emulator; `Wire.record` what an emulator sends (hooks, stream events). Tokens
are cut short before anything is kept.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from botkit.sandbox.bus import Bus

KEPT = 1_000
BODY_LIMIT = 64_000


@dataclass(frozen=True, slots=True)
class WireEntry:
    """One exchange. `source` and `target` are ``kore``, ``botkit`` or ``salesforce``; times in milliseconds."""

    id: int
    at_ms: int
    source: str
    target: str
    label: str
    method: str
    path: str
    status: int | None
    duration_ms: float | None
    request_headers: Mapping[str, str]
    request_body: str
    response_body: str


@dataclass(slots=True)
class Wire:
    """The newest exchanges, oldest first."""

    bus: Bus
    entries: deque[WireEntry] = field(default_factory=lambda: deque(maxlen=KEPT))
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def record(
        self,
        *,
        source: str,
        target: str,
        label: str,
        method: str = "",
        path: str = "",
        status: int | None = None,
        duration_ms: float | None = None,
        request_headers: Mapping[str, str] | None = None,
        request_body: str = "",
        response_body: str = "",
    ) -> WireEntry:
        """Keep one exchange and tell the page."""
        entry = WireEntry(
            id=next(self._ids),
            at_ms=int(time.time() * 1000),
            source=source,
            target=target,
            label=label,
            method=method,
            path=path,
            status=status,
            duration_ms=duration_ms,
            request_headers=_without_secrets(request_headers or {}),
            request_body=request_body[:BODY_LIMIT],
            response_body=response_body[:BODY_LIMIT],
        )
        self.entries.append(entry)
        self.bus.publish("wire", asdict(entry))
        return entry


def _without_secrets(headers: Mapping[str, str]) -> dict[str, str]:
    secret = {"authorization", "auth", "token", "apikey"}
    return {name: f"{value[:12]}…" if name.lower() in secret else value for name, value in headers.items()}
