"""Everything that can go wrong goes wrong while hundreds of users chat; the history of both emulated sides is checked.

``python -m tests.hostile`` prints a table with a row for each fault, on SQLite and on PostgreSQL, which run at the same time. It
exits with 1 if anything was lost, out of order, or shown again more often than that was counted, or if a planted defect was not
found. The logs of the processes stay then, in the folder that it names.
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
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec

from tests.hostile import crash_points
from tests.hostile.defects import DEFECTS, found
from tests.hostile.faults import FAULTS, WITHOUT_PROXIES
from tests.hostile.findings import Amounts
from tests.hostile.house import FIRST, House, StoreName, open_house
from tests.hostile.members import GIVE_UP_SECONDS
from tests.hostile.playing import play
from tests.hostile.scale import scale_of
from tests.hostile.table import Row, show

QUIET_SECONDS = 60.0
REST_SECONDS = 5.0
MOST_FILES = 65_536
_MEMORY = Path("/dev/shm")


async def main() -> int:
    """Run what the command line asks for. Returns the exit code."""
    chosen = _arguments()
    if chosen.rows is not None:
        await _run(chosen.stores[0], chosen)
        return 0
    print(f"seed {chosen.seed}")
    folder = _folder()
    rows: list[Row] = []
    for found_rows in await asyncio.gather(
        *(_in_a_process(store, folder, chosen) for store in chosen.stores)
    ):
        rows += found_rows
    show(rows)
    broken = any(row.broken for row in rows)
    print(f"The logs are in {folder}" if broken else "Every promise was kept.")
    if not broken:
        shutil.rmtree(folder)
    return 1 if broken else 0


async def _in_a_process(store: StoreName, folder: Path, chosen: argparse.Namespace) -> Sequence[Row]:
    """The rows of one store, played in a process of its own: both stores have a processor then."""
    place = folder / store
    place.mkdir()
    told = place / "rows.json"
    own = ["--stores", store, "--rows", str(told), "--seed", str(chosen.seed)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.hostile", *sys.argv[1:], *own, stdin=asyncio.subprocess.DEVNULL
    )
    code = await process.wait()
    if code or not told.exists():
        return [Row(store, "the harness itself", 0, 0, 0, broken=[f"it ended with {code}"])]
    return msgspec.json.decode(told.read_bytes(), type=list[Row])


async def _run(store: StoreName, chosen: argparse.Namespace) -> None:
    """Play everything on one store, and write the rows."""
    _allow_many_files()
    rows: list[Row] = []
    if chosen.crashes and store == "SQLite":
        began = time.monotonic()
        rows.append(await asyncio.to_thread(crash_points.crash_everywhere))
        _tell(rows[-1], time.monotonic() - began)
    rows += await _faults(store, chosen)
    for defect in DEFECTS if chosen.defects else ():
        if defect.store == store:
            began = time.monotonic()
            signs = await found(defect, seed=chosen.seed)
            print(f"planted, {defect.what}: {signs[0] if signs else 'NOT FOUND'}", flush=True)
            if not signs:
                rows.append(Row(store, f"planted: {defect.what}", 0, 0, 0, broken=["it was not found"]))
    chosen.rows.write_bytes(msgspec.json.encode(rows))


def _allow_many_files() -> None:
    """Every event stream is an open file, here and in a process. Only root may raise the limit beyond the hard one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in (max(hard, MOST_FILES), hard):
        with suppress(ValueError, PermissionError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            return


async def _faults(store: StoreName, chosen: argparse.Namespace) -> Sequence[Row]:
    """The rows of the faults. After one that leaves its house in no state to go on, there is a new house."""
    wanted = [
        name
        for name in FAULTS[store]
        if name not in chosen.without
        and (not chosen.faults or name in chosen.faults)
        and (scale_of(chosen.conversations).has_proxies or name in WITHOUT_PROXIES)
    ]
    amounts = Amounts(chosen.kills, chosen.restarts, chosen.times, chosen.seconds, chosen.outage)
    rows: list[Row] = []
    while len(rows) < len(wanted):
        place = chosen.rows.parent / f"house-{len(rows)}"
        place.mkdir()
        async with open_house(
            store,
            place,
            conversations=chosen.conversations,
            per_second=chosen.per_second,
            chance=random.Random(chosen.seed),
            give_up_seconds=max(GIVE_UP_SECONDS, 2 * int(chosen.outage)),
        ) as house:
            await _tell_memory(house)
            for name in wanted[len(rows) :]:
                began = time.monotonic()
                try:
                    row = await play(house, name, FAULTS[store][name], amounts, quiet_seconds=QUIET_SECONDS)
                    rows.append(row)
                    await house.settled()
                    await house.crowd.arrive()
                except Exception as error:  # noqa: BLE001 - one row must not cost the others
                    if len(rows) == wanted.index(name):
                        rows.append(Row(store, name, 0, 0, 0))
                    what = f"the processes cannot go on: {type(error).__name__}: {error}"
                    rows[-1] = replace(rows[-1], broken=[*rows[-1].broken, what])
                    break
                finally:
                    _tell(rows[-1], time.monotonic() - began)
    return rows


async def _tell_memory(house: House) -> None:
    """Say what the conversations cost, when the processes have come to rest."""
    await asyncio.sleep(REST_SECONDS)
    before, after = house.bytes_before, house.resident_bytes()
    open_ones = sum(house.crowd.is_helped(one) for one in house.crowd.people)
    each = (after - before) / max(1, open_ones - FIRST)
    print(
        f"{house.store}: {before / 2**20:.0f} MB with {FIRST} conversations, {after / 2**20:.0f} MB with {open_ones:,}: "
        f"{each / 1024:.1f} KB each",
        flush=True,
    )


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
    parser.add_argument("--without", nargs="*", default=[], help="names of rows to leave out")
    parser.add_argument("--conversations", type=int, default=300, help="two of three with an agent")
    parser.add_argument("--per-second", type=float, default=30.0, help="messages that users send")
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--restarts", type=int, default=4, help="of PostgreSQL")
    parser.add_argument("--times", type=int, default=2, help="of every other fault")
    parser.add_argument("--seconds", type=float, default=6.0, help="of a fault that lasts")
    parser.add_argument("--outage", type=float, default=20.0, help="seconds of the outage of both sides")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--no-crashes", dest="crashes", action="store_false", help="at enumerated points")
    parser.add_argument("--no-defects", dest="defects", action="store_false", help="planted ones")
    parser.add_argument("--rows", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
