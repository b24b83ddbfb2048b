"""The log lines of refused hooks: one per bot, reason and minute, however many hooks are refused.

The callers of these hooks may be anybody, so the number of lines is bounded, and what they name is cut and cleaned. Each
configured bot has lines of its own; all bots that callers invent share some, so that a scanner cannot hide a bot's.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from botkit.errors import HookRefused
from botkit.observability.events import EventLogger

EVERY_SECONDS = 60.0
MAX_REASONS = 20
"""Max lines of one bot in `EVERY_SECONDS` with a reason of their own; further reasons share one line. A caller without a valid
token can cause fewer reasons for one bot."""
STRANGERS = ""
"""Stands for all bots that are not configured."""
_MAX_TEXT = 300
_NUMBERS = re.compile(r"[0-9]+ s ago")
_OTHERS = ("", "", "")

_Key = tuple[str, str, str]
"""An error's code, a bot's id and a reason."""


@dataclass(slots=True)
class _Seen:
    logged_at: float
    count: int = 0
    """The refusals since the last line."""


@dataclass(slots=True, kw_only=True, eq=False)
class RefusedHooks:
    """Logs refused hooks. Thread-safe.

    Args:
        log: gets the lines.
        monotonic: seconds for durations.
    """

    log: EventLogger
    monotonic: Callable[[], float]
    _lock: Lock = field(init=False, default_factory=Lock)
    _seen: dict[str, OrderedDict[_Key, _Seen]] = field(init=False, default_factory=dict)
    """By the bot whose lines they count as, the oldest line first."""

    def refused(self, refused: HookRefused, *, bot: str, counts_as: str = STRANGERS) -> None:
        """A hook was answered with an error of the protocol: log a warning, if it is time.

        Args:
            refused: the error.
            bot: the bot's id in the path; callers may invent it.
            counts_as: the id of the configured bot whose lines are used; there have to be few of them.
        """
        reason = _clean(refused.reason)
        if (count := self._due((refused.code, bot, _NUMBERS.sub("", reason)), counts_as)) is None:
            return
        if count < 0:
            self.log.warning(
                "hooks_refused", bot=counts_as or None, reason="more reasons than can be listed", count=-count
            )
            return
        self.log.warning(
            "hook_refused",
            code=refused.code,
            status=refused.status,
            bot=bot,
            reason=reason,
            fix=refused.fix or None,
            count=count,
        )

    def by_the_doctor(self, refused: HookRefused, *, bot: str, counts_as: str = STRANGERS) -> None:
        """A hook of `botkit doctor` was refused, as it has to be: log that, if it is time. Arguments: as of `refused`."""
        if (count := self._due(("doctor", bot, str(refused.status)), counts_as)) is not None:
            self.log.info("doctor_called", status=refused.status, bot=bot, count=abs(count))

    def failed(self, *, bot: str, code: str, reason: str) -> None:
        """A hook was answered with a 500, because of a defect or a failure of the store: log an error, if it is time."""
        count = self._due((code, bot, reason), bot)
        if count is not None:
            self.log.error("hook_failed", code=code, bot=bot, reason=_clean(reason), count=abs(count))

    def _due(self, key: _Key, counts_as: str) -> int | None:
        """The refusals since the last line with this key, or None if it is too early for another.

        Negative if the line is the one that further reasons share.
        """
        now = self.monotonic()
        with self._lock:
            lines = self._seen.setdefault(counts_as, OrderedDict())
            if key not in lines and not _has_room(lines, now):
                key = _OTHERS
            seen = lines.get(key)
            if seen is not None and now - seen.logged_at < EVERY_SECONDS:
                seen.count += 1
                return None
            count = 1 + (seen.count if seen is not None else 0)
            lines[key] = _Seen(now)
            lines.move_to_end(key)
            return -count if key == _OTHERS else count


def _has_room(lines: OrderedDict[_Key, _Seen], now: float) -> bool:
    """Whether one more reason may have a line; forgets the oldest one if its last line is old."""
    if len(lines) < MAX_REASONS:
        return True
    oldest = next(iter(lines))
    if now - lines[oldest].logged_at < EVERY_SECONDS:
        return False
    del lines[oldest]
    return True


def _clean(text: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in text[:_MAX_TEXT])
