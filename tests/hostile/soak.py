"""Hundreds of users chat for as long as you like, while agent sessions end and begin; does the service hold on to anything?

``python -m tests.hostile.soak`` prints once a minute the memory, the open files and the threads of all processes, and the size of
an SQLite store. It exits with 1 if a message was lost, out of order, or repeated without being counted, or if the last quarter of
the time shows more memory or files than the second.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.hostile.findings import wait_for
from tests.hostile.house import House, open_house

SAMPLE_SECONDS = 5.0
ENDS_AT_ONCE = 5
_PAUSE_SECONDS = 10.0
_WAIT_SECONDS = 60.0
MOST_GROWTH = 1.05
"""Memory of the last quarter, in that of the second. An allocator is not quite regular."""
MOST_MORE_FILES = 60
"""Connections are kept: as many as were once needed at the same time. Sessions that leave one behind each make hundreds."""
_PER_LINE = 12
_MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sample:
    """What all processes held at one moment."""

    seconds: float
    """Since the beginning."""
    memory: int
    """Bytes that are resident."""
    files: int
    threads: int
    store: int
    """Bytes of SQLite's files."""


async def main() -> int:
    """Run what the command line asks for. Returns the exit code. What failed leaves its folder behind, with the logs."""
    chosen = _arguments()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    folder = Path(tempfile.mkdtemp(prefix="botkit-soak-"))
    code = 1
    try:
        async with open_house(
            chosen.store,
            folder,
            conversations=chosen.conversations * 3 // 2,  # two users of three are with an agent
            per_second=chosen.per_second,
            chance=random.Random(chosen.seed),
        ) as house:
            samples, ended = await _soak(house, chosen.minutes * 60.0)
            await house.crowd.until_quiet(_WAIT_SECONDS)
            code = _judge(house, samples, ended, int(await house.possible_duplicates()))
    finally:
        if code:
            print(f"logs and store: {folder}")
        else:
            shutil.rmtree(folder)
    return code


async def _soak(house: House, seconds: float) -> tuple[Sequence[Sample], int]:
    """Chat for so long. Returns what the processes held, and how many agent sessions have ended."""
    ended = [0]
    house.crowd.forget()
    chat = asyncio.create_task(house.crowd.chat())
    coming_and_going = asyncio.create_task(_come_and_go(house, ended))
    began, samples = time.monotonic(), list[Sample]()
    while (passed := time.monotonic() - began) < seconds:
        samples.append(_sample(house, passed))
        if len(samples) % _PER_LINE == 0:
            print(_line(samples[-_PER_LINE:]), flush=True)
        if coming_and_going.done():
            coming_and_going.result()  # It ends by an error only.
        if chat.done():
            break
        await asyncio.sleep(SAMPLE_SECONDS)
    coming_and_going.cancel()
    house.crowd.fall_silent()
    await chat
    return samples, ended[0]


async def _come_and_go(house: House, ended: list[int]) -> None:
    """Agents end some sessions, and these users ask for an agent again; again and again."""
    while True:
        ended[0] += await _end_some(house)
        await house.crowd.arrive_again()
        await asyncio.sleep(_PAUSE_SECONDS)


async def _end_some(house: House) -> int:
    """Some agents end their sessions when everything that they said has arrived. Returns how many."""
    crowd, clouds = house.crowd, house.clouds
    helped = [one for one in crowd.people if one.with_agent and crowd.is_helped(one)]
    leaving = house.chance.sample(helped, min(ENDS_AT_ONCE, len(helped)))
    for person in leaving:
        person.leaving = True
    await wait_for(lambda: not any(crowd.history(one).lost for one in leaving), _WAIT_SECONDS)
    for person in leaving:
        clouds.end(person.number)
    numbers = {person.number for person in leaving}
    await wait_for(lambda: numbers <= clouds.given_back, _WAIT_SECONDS)
    return len(leaving)


def _sample(house: House, seconds: float) -> Sample:
    memory = files = threads = 0
    for member in house.members:
        assert member.process is not None
        place = Path("/proc", str(member.process.pid))
        fields = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines())
        memory += int(fields["VmRSS"].split()[0]) * 1024
        threads += int(fields["Threads"])
        files += sum(1 for _ in (place / "fd").iterdir())
    found = house.database.parent.glob("botkit.db*") if house.server is None else ()
    return Sample(seconds, memory, files, threads, sum(file.stat().st_size for file in found))


def _line(samples: Sequence[Sample]) -> str:
    memory, files = _middle(samples)
    last = samples[-1]
    return (
        f"{last.seconds / 60:6.1f} min: {memory / _MB:7.1f} MB, {files:6.0f} files, {last.threads:4} threads, "
        f"store {last.store / _MB:6.1f} MB"
    )


def _middle(samples: Sequence[Sample]) -> tuple[float, float]:
    return statistics.median(one.memory for one in samples), statistics.median(one.files for one in samples)


def _judge(house: House, samples: Sequence[Sample], ended: int, counted: int) -> int:
    histories = [house.crowd.accounted(one) for one in house.crowd.people]
    lost = [text for one in histories for text in one.lost]
    misplaced = [text for one in histories for text in one.out_of_order]
    repeated = sum(len(one.repeated) for one in histories)
    print(
        f"{house.crowd.messages():,} messages, {ended:,} agent sessions ended: {len(lost)} lost, {len(misplaced)} out of order, "
        f"{repeated} repeated, and {counted} counted"
    )
    quarter = len(samples) // 4
    (memory, files), (later, more) = _middle(samples[quarter : 2 * quarter]), _middle(samples[3 * quarter :])
    print(
        f"memory {memory / _MB:.1f} → {later / _MB:.1f} MB, files {files:.0f} → {more:.0f} (second and last quarter, medians)"
    )
    kept = not lost and not misplaced and repeated <= counted
    return 0 if kept and later <= MOST_GROWTH * memory and more <= files + MOST_MORE_FILES else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile.soak", description=__doc__)
    parser.add_argument("--store", choices=["SQLite", "PostgreSQL"], default="SQLite")
    parser.add_argument(
        "--conversations", type=int, default=500, help="with an agent; half as many users without"
    )
    parser.add_argument(
        "--per-second", type=float, default=20.0, help="messages that users send; agents answer"
    )
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
