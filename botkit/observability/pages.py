"""The pages for operators and monitors, independent of the web framework: health, readiness and metrics."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from botkit.errors import BotKitError
from botkit.observability.metrics import CONTENT_TYPE, OPENMETRICS


class Watched(Protocol):
    """The service that the pages are about; implemented by `botkit.service.service.Service`."""

    def ready(self) -> dict[str, bool]:
        """Whether the store commits and the relay runs; starts them if needed. Raises: BotKitError if that fails."""

    def exposition(self, *, openmetrics: bool = False) -> bytes:
        """The metrics. Raises: LedgerError if the process that keeps them does not reply."""


@dataclass(frozen=True, slots=True)
class Page:
    """The answer to a request for a page."""

    status: int
    content_type: str
    body: bytes


def readyz(service: Watched) -> Page:
    """Readiness: the store commits and the relay runs. Starts them if needed, so it may block."""
    try:
        parts = service.ready()
    except BotKitError as error:
        return _json(503, {"status": "unready", "error": f"{error.code}: {error}"})
    ready = all(parts.values())
    return _json(200 if ready else 503, {"status": "ready" if ready else "unready", **parts})


def metrics(service: Watched, accept: str) -> Page:
    """The metrics, for Prometheus; in OpenMetrics' format, which has exemplars, if `accept` names it. May block."""
    openmetrics = "application/openmetrics-text" in accept
    try:
        text = service.exposition(openmetrics=openmetrics)
    except BotKitError as error:
        return Page(503, "text/plain; charset=utf-8", f"{error.code}: {error}\n".encode())
    return Page(200, OPENMETRICS if openmetrics else CONTENT_TYPE, text)


def _json(status: int, content: dict[str, object]) -> Page:
    return Page(status, "application/json", json.dumps(content, separators=(",", ":")).encode() + b"\n")


HEALTHY: Final = _json(200, {"status": "ok"})
"""Liveness, at ``/healthz``: the process answers."""
BLOCKING: Final[dict[str, Callable[[Watched, str], Page]]] = {
    "/readyz": lambda service, accept: readyz(service),
    "/metrics": metrics,
}
"""The pages that may block, by their path below the prefix; each is called with the service and the header ``Accept``."""
