"""Notices gaps in the ids of a stream's events (docs/protocols/salesforce-miaw.md, 4.2 and 4.5).

Ids are decimal and grow. A gap means that an event is missing or late, if they count the events of one stream; that is not
documented, so the relay learns whether it is true.
"""

from __future__ import annotations

from collections.abc import Iterable

GAP = "gap"
"""The doubt of a batch that comes after a gap."""
_MAX_DIGITS = 18


class Continuity:
    """The ids of one connection's events. `last_event_id` is the id after which the stream goes on; empty if it is not known."""

    __slots__ = ("_last",)

    def __init__(self, last_event_id: str = "") -> None:
        self._last = _number(last_event_id)

    def doubt(self, event_ids: Iterable[str]) -> str:
        """`GAP` if one of these ids, which came next, is not the one after its predecessor; else empty.

        An id that came before repeats an event, or fills a gap that was noticed.
        """
        found = ""
        for event_id in event_ids:
            number, last = _number(event_id), self._last
            if number is None or (last is not None and number <= last):
                continue
            if last is not None and number != last + 1:
                found = GAP
            self._last = number
        return found


def _number(event_id: str) -> int | None:
    usable = event_id.isascii() and event_id.isdecimal() and len(event_id) <= _MAX_DIGITS
    return int(event_id) if usable else None
