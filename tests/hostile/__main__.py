"""Everything that can go wrong goes wrong while hundreds of users chat; the history of both emulated sides is checked.

``python -m tests.hostile`` prints a table with a row for each fault, on SQLite and on PostgreSQL. It exits with 1 if anything
was lost, out of order, or shown again more often than that was counted, or if a planted defect was not found. The logs of the
processes stay then, in the folder that it names.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.hostile import crash_points
from tests.hostile.defects import DEFECTS, found
from tests.hostile.faults import FAULTS
from tests.hostile.findings import Amounts
from tests.hostile.house import StoreName, open_house
from tests.hostile.members import GIVE_UP_SECONDS
from tests.hostile.playing import play
from tests.hostile.table import Row, show

QUIET_SECONDS = 60.0
_MEMORY = Path("/dev/shm")


async def main() -> int:
    """Run what the command line asks for. Returns the exit code."""
    chosen = _arguments()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # every event stream is an open file
    folder = _folder()
    rows: list[Row] = []
    missed: list[str] = []
    if chosen.crashes:
        began = time.monotonic()
        rows.append(await asyncio.to_thread(crash_points.crash_everywhere))
        _tell(rows[-1], time.monotonic() - began)
    for store in chosen.stores:
        rows += await _on(store, folder, chosen)
    if chosen.defects:
        for defect in DEFECTS:
            if defect.store in chosen.stores:
                signs = await found(defect, seed=chosen.seed)
                print(f"planted: {defect.what}: {'found' if signs else 'NOT FOUND'} {signs[:1]}", flush=True)
                missed += [] if signs else [defect.what]
    show(rows)
    broken = any(row.broken for row in rows) or bool(missed)
    for what in missed:
        print(f"not found: {what}")
    print(f"The logs are in {folder}" if broken else "Every promise was kept.")
    if not broken:
        shutil.rmtree(folder)
    return 1 if broken else 0


async def _on(store: StoreName, folder: Path, chosen: argparse.Namespace) -> Sequence[Row]:
    """The rows of one store."""
    wanted = [name for name in FAULTS[store] if not chosen.faults or name in chosen.faults]
    if not wanted:
        return []
    amounts = Amounts(chosen.kills, chosen.restarts, chosen.times, chosen.seconds, chosen.outage)
    rows = []
    place = folder / store
    place.mkdir()
    async with open_house(
        store,
        place,
        conversations=chosen.conversations,
        per_second=chosen.per_second,
        chance=random.Random(chosen.seed),
        give_up_seconds=max(GIVE_UP_SECONDS, 2 * int(chosen.outage)),
    ) as house:
        for name in wanted:
            began = time.monotonic()
            rows.append(await play(house, name, FAULTS[store][name], amounts, quiet_seconds=QUIET_SECONDS))
            _tell(rows[-1], time.monotonic() - began)
            await house.settled()
            await house.crowd.arrive()
    return rows


def _tell(row: Row, seconds: float) -> None:
    """Say how a row went, so that a long run is not silent."""
    verdict = "; ".join(row.broken) if row.broken else "kept"
    print(f"{row.store}, {row.fault}: {row.injected} faults, {seconds:.0f} s: {verdict}", flush=True)


def _folder() -> Path:
    """In memory, if there is any: a process that is killed loses nothing of what the kernel has."""
    return Path(tempfile.mkdtemp(prefix="botkit-faults-", dir=_MEMORY if _MEMORY.is_dir() else None))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--stores", nargs="*", choices=list(FAULTS), default=list(FAULTS))
    parser.add_argument("--faults", nargs="*", default=[], help="names of rows; all by default")
    parser.add_argument("--conversations", type=int, default=300, help="two of three with an agent")
    parser.add_argument("--per-second", type=float, default=40.0, help="messages that users send")
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--restarts", type=int, default=4, help="of PostgreSQL")
    parser.add_argument("--times", type=int, default=3, help="of every other fault")
    parser.add_argument("--seconds", type=float, default=8.0, help="of a fault that lasts")
    parser.add_argument("--outage", type=float, default=20.0, help="seconds of the outage of both sides")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--no-crashes", dest="crashes", action="store_false", help="at enumerated points")
    parser.add_argument("--no-defects", dest="defects", action="store_false", help="planted ones")
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}")
    return chosen


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
