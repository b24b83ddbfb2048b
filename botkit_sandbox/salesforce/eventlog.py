"""The event log of one end user: the source of replays, and the place of every open stream.

A stream has no queue of its own, only a position in the shared log. A thousand streams cost a thousand integers.

See docs/protocols/salesforce-miaw.md, 4.5.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

FIRST_EVENT_ID = 2_147_867_834


@dataclass(frozen=True, slots=True)
class Frame:
    """One event as it is sent, encoded once for all streams."""

    id: int
    event: str
    data: bytes
    wire: bytes


def frame(event_id: int, event: str, data: bytes) -> Frame:
    """`data` is one line of JSON."""
    return Frame(event_id, event, data, b"id:%d\nevent:%s\ndata:%s\n\n" % (event_id, event.encode(), data))


class Reader(Protocol):
    """An open stream, as the log sees it."""

    def wake(self) -> None:
        """Called when the log has a new frame."""


@dataclass(slots=True)
class EventLog:
    """Frames in order of their ids. `_first` is the position of the oldest frame kept."""

    readers: set[Reader] = field(default_factory=set)
    _frames: list[Frame] = field(default_factory=list)
    _first: int = 0

    def append(self, new: Frame, *, keep: int) -> None:
        """Add a frame and wake the streams; only the newest `keep` frames stay (and a few more, so that trimming is rare)."""
        self._frames.append(new)
        if len(self._frames) > keep + keep // 4 + 16:
            surplus = len(self._frames) - keep
            del self._frames[:surplus]
            self._first += surplus
        for reader in self.readers:
            reader.wake()

    def place_after(self, event_id: int) -> int:
        """The position after the event with this id (0: the beginning)."""
        low, high = 0, len(self._frames)
        while low < high:
            middle = (low + high) // 2
            if self._frames[middle].id <= event_id:
                low = middle + 1
            else:
                high = middle
        return self._first + low

    def since(self, place: int, *, at_most: int) -> tuple[list[Frame], int]:
        """The next frames from a position, and the position after them."""
        start = max(place - self._first, 0)
        frames = self._frames[start : start + at_most]
        return frames, self._first + start + len(frames)
