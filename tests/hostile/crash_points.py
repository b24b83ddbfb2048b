"""A hand-off is played once for each point at which its process may crash, and its history is checked each time."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from structlog.testing import capture_logs

from tests.faults.crash_script import SAID, TOLD, TYPED, history, judge, play
from tests.faults.crash_stage import CrashDoor, Lives
from tests.hostile.table import Row

FAULT = "crash at every commit and call"
DOORS: tuple[CrashDoor, ...] = ("wsgi", "asgi")
SECOND = 3
"""After the first crash, the next process crashes at its third point."""


@dataclass
class _Sum:
    """What all hand-offs together show."""

    crashes: int = 0
    conversations: int = 0
    lost: int = 0
    out_of_order: int = 0
    repeated: int = 0
    counted: int = 0
    broken: list[str] = field(default_factory=list)


def crash_everywhere() -> Row:
    """One crash at each point with the door of either kind, and two crashes with that of `botkit serve`; on SQLite."""
    all_of_them = _Sum()
    # Every crash is logged as a failure of the store.
    with tempfile.TemporaryDirectory(prefix="botkit-crashes-") as folder, capture_logs():
        for door in DOORS:
            unharmed = Lives(Path(folder) / f"{door}.db", door=door)
            play(unharmed)
            judge(unharmed)
            unharmed.life.end()
            for number, point in enumerate(unharmed.life.points.names, start=1):
                for fatal in ((number,), (number, SECOND)) if door == "asgi" else ((number,),):
                    store = Path(folder) / f"{door}-{number}-{len(fatal)}.db"
                    _crash(all_of_them, Lives(store, *fatal, door=door), f"{point}, {door}, {fatal}")
    messages = all_of_them.conversations * len([*TYPED, *SAID, *TOLD])
    return Row(
        "SQLite",
        FAULT,
        all_of_them.crashes,
        all_of_them.conversations,
        messages,
        all_of_them.lost,
        all_of_them.out_of_order,
        all_of_them.repeated,
        all_of_them.counted,
        broken=all_of_them.broken,
    )


def _crash(all_of_them: _Sum, lives: Lives, where: str) -> None:
    try:
        play(lives)
        found = history(lives)
        all_of_them.lost += len(found.lost)
        all_of_them.out_of_order += len(found.out_of_order)
        all_of_them.repeated += len(found.repeated)
        judge(lives)
    except AssertionError as error:
        all_of_them.broken.append(f"{where}: {error}")
    finally:
        lives.life.end()
    all_of_them.conversations += 1
    all_of_them.crashes += lives.crashes
    all_of_them.counted += int(lives.possible_duplicates)
