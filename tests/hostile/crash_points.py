"""A hand-off is played once for each point at which its process may crash, and its history is checked each time."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from tests.faults.crash_stage import CrashDoor, Lives
from tests.faults.test_crash_points import judge, play
from tests.hostile.table import Row

FAULT = "crash at every commit and send"
SECOND = 3
"""After the first crash, the next process crashes at its third point."""


def crash_everywhere() -> Row:
    """One crash at each point, and two at each; both doors; SQLite."""
    messages = lives_played = injected = 0
    worst = 0.0
    broken: list[str] = []
    with tempfile.TemporaryDirectory(prefix="botkit-crashes-") as folder:
        for door in ("wsgi", "asgi"):
            points = _points(Path(folder) / f"{door}.db", door)
            for second in ((), (SECOND,)):
                for fatal in range(1, len(points) + 1):
                    began = time.monotonic()
                    store = Path(folder) / f"{door}-{fatal}-{len(second)}.db"
                    lives = Lives(store, fatal, *second, door=door)
                    try:
                        play(lives)
                        judge(lives)
                    except AssertionError as error:
                        broken.append(f"crash at {fatal} ({points[fatal - 1]}), {door}: {error}")
                    finally:
                        lives.life.end()
                    injected += lives.crashes
                    lives_played += 1
                    messages += len(lives.desk.arrived) + len(lives.platform.shown) + len(lives.platform.told)
                    worst = max(worst, time.monotonic() - began)
    return Row("SQLite", FAULT, injected, lives_played, messages, broken=broken, worst_seconds=worst)


def _points(store: Path, door: CrashDoor) -> list[str]:
    lives = Lives(store, door=door)
    play(lives)
    judge(lives)
    lives.life.end()
    return lives.life.points.names
