"""Whatever a stream leaves out, delays, swaps or repeats: the user reads what the list has, in its order, each once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from botkit.agents.miaw.continuity import Continuity
from botkit.errors import Unreachable
from botkit.handoff.events import AgentSaid
from botkit.testing.clock import settle
from tests.relay.relay_doubles import Connection, FakeSystem, World, conversation, said

BRING, LOSE, REPEAT, CUT, WAIT, ALONE = "bring", "lose", "repeat", "cut", "wait", "alone"
steps = st.lists(
    st.one_of(
        st.sampled_from([BRING, BRING, BRING, LOSE, REPEAT, CUT, WAIT, ALONE]),
        st.integers(min_value=1, max_value=4),  # late by so many events
    ),
    max_size=25,
)


@dataclass
class Adversary:
    """A truthful list, and a stream that brings its events as the steps say. Ids count the events of the stream."""

    world: World
    last_id: int = 10
    spoken: int = 0
    late: list[list[int]] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)
    continuity: Continuity = field(default_factory=lambda: Continuity("10"))
    connection: Connection | None = None

    async def connected(self) -> Connection:
        newest = self.world.system.connections[-1]
        if newest is not self.connection:
            self.connection = newest
            self.continuity = Continuity(self.world.system.connects[-1].position)
        return newest

    async def take(self, step: str | int) -> None:
        if step == CUT:
            (await self.connected()).error(Unreachable("listen"))
            await self.world.clock.advance(3)
            return
        if step == WAIT:
            await self.world.clock.advance(7)
            return
        if step == ALONE:
            await self.flush()
            return
        self.spoken += 1
        self.last_id += 1
        self.world.system.listed.append(message(self.spoken))
        if isinstance(step, int):
            self.late.append([step, self.last_id])
        elif step != LOSE:
            self.put(self.last_id)
            if step == REPEAT:
                self.pending.append(self.last_id)

    def put(self, event_id: int) -> None:
        self.pending.append(event_id)
        for one in self.late:
            one[0] -= 1
        for one in [one for one in self.late if one[0] <= 0]:
            self.late.remove(one)
            self.pending.append(one[1])

    async def flush(self) -> None:
        """What is pending comes in one batch."""
        ids, self.pending = self.pending, []
        connection = await self.connected()
        if ids:
            doubt = self.continuity.doubt(map(str, ids))
            connection.say(*(message(one - 10, position=str(one)) for one in ids), doubt=doubt)
            await settle()


def message(number: int, position: str = "") -> AgentSaid:
    return said(f"e{number}", f"message {number}", position=position)


async def play(steps: list[str | int], *, batched: bool) -> tuple[list[str], int]:
    world = World(system=FakeSystem(interval=2.0))
    try:
        world.ledger.decided(conversation())
        await settle()
        adversary = Adversary(world)
        for step in steps:
            await adversary.take(step)
            if not batched:
                await adversary.flush()
        await adversary.flush()
        await world.clock.advance(60)
        shown = [event.content.text for event in world.ledger.events if isinstance(event, AgentSaid)]
        return shown, adversary.spoken
    finally:
        await world.close()


@settings(deadline=None, max_examples=60)
@given(steps, st.booleans())
def test_the_user_reads_everything_once_and_in_order(steps: list[str | int], batched: bool) -> None:
    shown, spoken = asyncio.run(play(steps, batched=batched))
    committed = list(dict.fromkeys(shown))
    assert committed == [f"message {number}" for number in range(1, spoken + 1)]
