"""What the harness changes in a process that runs: a few bytes of a file that both have mapped."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Literal, get_args

Point = Literal[
    "before a commit",
    "after a commit",
    "before a notification",
    "before a call",
    "before its answer is read",
    "before a hook is answered",
]
"""The moments between what is durable and what the others see. Only PostgreSQL has notifications."""
POINTS: tuple[Point, ...] = get_args(Point)
BEGUN_HEADER = "X-Begun"
"""Of every call: when it was given to libcurl, by the clock for durations."""
_FORMAT = struct.Struct("=d?bi")


class Controls:
    """Shared between the harness and a process that it has started with `patches`.

    Args:
        path: of the file; made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(_FORMAT.pack(0.0, False, -1, 0))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _FORMAT.size)

    @property
    def clock_offset_seconds(self) -> float:
        """By how much the wall clock of the process is ahead."""
        return float(_FORMAT.unpack(self._memory[:])[0])

    @property
    def read_only(self) -> bool:
        """Whether SQLite's file cannot be written."""
        return bool(_FORMAT.unpack(self._memory[:])[1])

    def set(
        self,
        *,
        clock_offset_seconds: float = 0.0,
        read_only: bool = False,
        crash_at: Point | None = None,
        passing: int = 0,
    ) -> None:
        """Change it; what is not given is as usual.

        Args:
            clock_offset_seconds: by how much the wall clock of the process is ahead.
            read_only: whether SQLite's file cannot be written.
            crash_at: the process dies at such a point, as by kill -9.
            passing: so many of them it survives.
        """
        point = -1 if crash_at is None else POINTS.index(crash_at)
        self._memory[:] = _FORMAT.pack(clock_offset_seconds, read_only, point, passing)

    def is_fatal(self, point: Point) -> bool:
        """Whether the process dies here. It counts as one more point that was passed."""
        offset, read_only, fatal, passing = _FORMAT.unpack(self._memory[:])
        if fatal < 0 or POINTS[fatal] != point:
            return False
        self._memory[:] = _FORMAT.pack(offset, read_only, fatal, passing - 1)
        return bool(passing <= 0)
