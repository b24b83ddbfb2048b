"""What a fault showed: how long everybody had to wait, and what was not kept."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.hostile.crowd import Person
from tests.hostile.house import House

HEARD_SECONDS = 30.0
MOST_HEARD = 200
"""More at the same moment would measure how fast this machine is."""
_LOOK_SECONDS = 0.02
SAMPLE = 40
"""How many are asked whether messages flow again, where everybody was struck."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much of each fault."""

    kills: int
    restarts: int
    times: int
    seconds: float
    outage_seconds: float


@dataclass
class Findings:
    """What a fault showed."""

    injected: int = 0
    """Faults of processes and stores."""
    recoveries: list[float] = field(default_factory=list)
    """Seconds from the end of a fault to the next effect of a conversation that it struck."""
    streams: list[float] = field(default_factory=list)
    """Seconds until all event streams that a fault had ended were open again."""
    ends_expected: bool = False
    """Whether agent sessions end by this fault, with a word to the user."""
    late: list[str] = field(default_factory=list)
    """Times that were not kept."""
    broken: list[str] = field(default_factory=list)
    """Promises that were not kept."""

    @property
    def worst(self) -> float:
        return max(self.recoveries, default=0.0)

    @property
    def median(self) -> float:
        return statistics.median(self.recoveries) if self.recoveries else 0.0

    def within(self, what: str, seconds: Sequence[float], limit: float) -> None:
        """These took no longer than the limit."""
        late = [one for one in seconds if one > limit]
        if late:
            self.late.append(
                f"{what} came after {max(late):.1f} s ({len(late)} of {len(seconds)} later than {limit:g} s)"
            )


async def heard(house: House, found: Findings, people: Sequence[Person], since: float) -> None:
    """These send a message each, or some of them if they are many, and wait until it arrives."""
    # Who waits for an answer would be heard only after it.
    free = [one for one in people if one.with_agent or not one.turn.locked()]
    free = house.chance.sample(free, min(MOST_HEARD, len(free)))
    seconds = [house.crowd.is_heard(one, since, HEARD_SECONDS) for one in free]
    found.recoveries += [one for one in await asyncio.gather(*seconds) if one is not None]


async def wait_for(seen: Callable[[], object], seconds: float) -> bool:
    """Whether this becomes true in time; it is looked at again and again."""
    deadline = time.monotonic() + seconds
    while not (found := seen()) and time.monotonic() < deadline:  # noqa: ASYNC110 - seen from outside
        await asyncio.sleep(_LOOK_SECONDS)
    return bool(found)


async def some_heard(house: House, found: Findings, since: float) -> None:
    """The same for some of all."""
    people = house.crowd.people
    await heard(house, found, house.chance.sample(people, min(SAMPLE, len(people))), since)
