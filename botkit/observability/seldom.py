"""Log lines about lasting trouble: the first of a kind at once, then one a minute with the number of the others."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botkit.observability.events import EventLogger

MINUTE = 60.0
MAX_KINDS = 100


@dataclass(slots=True)
class _Kind:
    said_at: float
    unsaid: int = 0


class Seldom:
    """Writes lines that would come with every hook while something is broken. Used in one thread.

    Args:
        log: where they go.
        monotonic: seconds.
    """

    def __init__(self, log: EventLogger, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._monotonic = monotonic
        self._kinds: OrderedDict[tuple[str, str], _Kind] = OrderedDict()

    def say(self, level: str, event: str, reason: str, **fields: Any) -> None:
        """Write the line, unless there was one with this event and reason within the last minute.

        Args:
            level: ``warning`` or ``error``.
            event: the name of the line.
            reason: what makes two lines of an event the same; a member of the line.
            fields: its other members. ``repeated`` is added: the number of lines left out since the one before.
        """
        now = self._monotonic()
        kind = self._kinds.get((event, reason))
        if kind is not None and now - kind.said_at < MINUTE:
            kind.unsaid += 1
            return
        repeated = {"repeated": kind.unsaid} if kind is not None and kind.unsaid else {}
        getattr(self._log, level)(event, reason=reason, **fields, **repeated)
        self._kinds[event, reason] = _Kind(now)
        if len(self._kinds) > MAX_KINDS:
            self._kinds.popitem(last=False)
