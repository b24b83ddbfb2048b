"""The record of all exchanges between the clouds and BotKit: every hook, call and event. The page shows them.

The emulators call `Wire.record` for every request they receive or send. Tokens are shortened before storage.
"""

from __future__ import annotations

import itertools
import re
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

from botkit_sandbox.bus import Bus

MAX_KEPT = 1_000
BODY_LIMIT = 64_000
SECRET_HEADERS = frozenset({"authorization", "auth", "token", "apikey", "cookie", "set-cookie"})
SECRET_FIELDS = re.compile(
    r'("(?:accessToken|customerIdentityToken|apikey|clientSecret)"\s*:\s*"[^"]{0,12})[^"]*'
)


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

    def summary(self) -> dict[str, Any]:
        """The fields of a row on the page. Headers and bodies are fetched when the row is opened."""
        return {
            "id": self.id,
            "at_ms": self.at_ms,
            "source": self.source,
            "target": self.target,
            "label": self.label,
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "duration_ms": self.duration_ms,
        }

    def detail(self) -> dict[str, Any]:
        """All fields of the exchange."""
        return asdict(self)


@dataclass(slots=True)
class Wire:
    """The newest exchanges, oldest first. The summary of each is published on the bus, topic ``wire``."""

    bus: Bus
    entries: deque[WireEntry] = field(default_factory=lambda: deque(maxlen=MAX_KEPT))
    unanswered: Counter[str] = field(default_factory=Counter)
    """The number of requests with each label that are being answered and not recorded yet."""
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
        """Store an exchange and publish its summary."""
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
            request_headers=_headers_without_secrets(request_headers or {}),
            request_body=_body_without_secrets(request_body),
            response_body=_body_without_secrets(response_body),
        )
        self.entries.append(entry)
        self.bus.publish("wire", entry.summary())
        return entry

    @contextmanager
    def answering(self, label: str) -> Iterator[None]:
        """Count a request as unanswered: its effects may be visible before `record` is called."""
        self.unanswered[label] += 1
        try:
            yield
        finally:
            self.unanswered[label] -= 1

    def find(self, entry_id: int) -> WireEntry | None:
        """The exchange with this id, if it is still stored."""
        return next((entry for entry in self.entries if entry.id == entry_id), None)


def answering(wire: Wire | None, label: str) -> AbstractContextManager[None]:
    """`Wire.answering`, if exchanges are recorded."""
    return nullcontext() if wire is None else wire.answering(label)


def _headers_without_secrets(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name: f"{value[:12]}…" if name.lower() in SECRET_HEADERS else value for name, value in headers.items()
    }


def _body_without_secrets(body: str) -> str:
    return SECRET_FIELDS.sub(r"\1…", body[:BODY_LIMIT])
