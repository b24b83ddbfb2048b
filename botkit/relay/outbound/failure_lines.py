"""The log lines of failing calls: the first of a kind at once, then one a minute with the number of the others.

One unreachable host fails the calls of hundreds of conversations, each several times. The story of each hand-off keeps its own
attempts (`relay/journal.py`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botkit.observability.events import get_logger

_log = get_logger("botkit.relay")

MAX_KINDS = 1_000
"""Max kinds of failures remembered. Hosts come from the configuration, so there are few."""

Kind = tuple[object, ...]
"""What makes two failures the same: bot, agent system, host, cause and answer."""


@dataclass(slots=True)
class _Recent:
    """Failures of one kind since the last line."""

    event: str
    count: int
    newest: Mapping[str, Any]


class FailureLines:
    """Writes ``effect_retry`` and its like. Lives on one loop; `each_minute` is called by the schedule."""

    def __init__(self) -> None:
        self._recent: OrderedDict[Kind, _Recent] = OrderedDict()

    def failed(self, event: str, kind: Kind, fields: Mapping[str, Any], *, level: str = "warning") -> None:
        """A call failed and is tried again.

        Args:
            event: the name of the line.
            kind: what makes two failures the same.
            fields: the members of the line.
            level: the level of the first line of a kind; later ones are informational.
        """
        known = self._recent.get((event, *kind))
        if known is None:
            getattr(_log, level)(event, **fields)
            self._recent[event, *kind] = _Recent(event, 0, fields)
            if len(self._recent) > MAX_KINDS:
                self._recent.popitem(last=False)
            return
        known.count += 1
        known.newest = fields

    def each_minute(self) -> None:
        """Write a line for each kind that went on, with the number of failures; forget those that did not."""
        for kind, recent in list(self._recent.items()):
            if recent.count:
                _log.info(recent.event, **recent.newest, repeated=recent.count)
                recent.count = 0
            else:
                del self._recent[kind]
