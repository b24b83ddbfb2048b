"""With any failures in any order, every message of an agent and of the user is stored once and in order.

The listener is a process with a ledger: it stores events one by one, deduplicates them by key, may die between any two of
them, and goes on with the position of the last stored one.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field

from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import structs

from botkit.errors import CallError
from botkit.handoff.conversation import Access
from botkit.handoff.events import AgentSaid, PositionAdvanced
from botkit.testing.clock import SelfMovingClock
from tests.agents.live_chat.conftest import SESSION, new_system
from tests.agents.live_chat.server import LiveChat, broken

Step = tuple[str, ...]
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("agent"), st.sampled_from(["ok", "yes", "hello"])),
    st.tuples(st.just("user"), st.sampled_from(["", "before", "after", "503", "after and 503"])),
    st.sampled_from([("lose",), ("lose quietly",), ("drop poll",), ("stop",), ("kill",), ("die in batch",)]),
)


@dataclass
class World:
    server: LiveChat = field(default_factory=LiveChat)
    clock: SelfMovingClock = field(default_factory=SelfMovingClock)
    access: Access = field(default_factory=lambda: Access(""))
    keys: set[str] = field(default_factory=set)
    shown: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    dies_after: int | None = None
    restarted: bool = False
    task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        self.system = new_system(self.server, self.clock)
        self.access = (await self.system.open(SESSION)).access
        await self.system.start(SESSION, self.access, attributes=(), language="en")
        self.server.accept()
        self.listen()

    def listen(self) -> None:
        self.task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        while True:
            try:
                async with aclosing(self.system.listen(SESSION, self.access)) as batches:
                    async for batch in batches:
                        for event in batch.events:
                            if self.dies_after == 0:
                                self.dies_after = None
                                self.restart()
                                break
                            if self.dies_after is not None:
                                self.dies_after -= 1
                            if isinstance(event, AgentSaid) and event.key not in self.keys:
                                self.shown.append(event.content.text)
                            if not isinstance(event, PositionAdvanced):
                                self.keys.add(event.key)
                            self.access = structs.replace(
                                self.access, position=event.position or self.access.position
                            )
                            await asyncio.sleep(0)
                        else:
                            continue
                        break
            except CallError:
                await asyncio.sleep(0)

    def restart(self) -> None:
        self.system = new_system(self.server, self.clock)
        self.restarted = True

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait({self.task})
            if not self.task.cancelled():
                self.task.result()

    async def do(self, step: Step) -> None:
        server = self.server
        match step:
            case ("agent", text):
                server.say(text)
            case ("user", fate):
                await self.say(fate)
            case ("lose",):
                server.lose()
            case ("lose quietly",):
                server.lost = True
            case ("drop poll",):
                server.drop["Messages"] += 1
            case ("stop",):
                await self.stop()
                self.listen()
            case ("kill",):
                await self.stop()
                self.restart()
                self.listen()
            case ("die in batch",):
                self.dies_after = 1

    async def say(self, fate: str) -> None:
        server, text = self.server, f"word {len(self.sent) % 3}"
        self.sent.append(text)
        if fate == "before":
            server.script("ChatMessage", broken())
        if fate.startswith("after"):
            server.drop["ChatMessage"] += 1
        if fate == "503":
            server.lost = True
        for _ in range(20):
            try:
                await self.system.send(SESSION, self.access, message_id=f"m{len(self.sent)}", text=text)
            except CallError as error:
                if not error.retryable:
                    raise
                if fate.endswith("and 503"):
                    fate = ""
                    server.lost = True
            else:
                break
        else:
            raise AssertionError("the message never went out")


@given(st.lists(STEPS, max_size=40))
@example(
    [("agent", "ok"), ("lose",), ("agent", "ok"), ("kill",), ("agent", "ok"), ("lose quietly",), ("user", "")]
)
@settings(max_examples=150, deadline=None)
def test_nothing_is_lost_and_nothing_repeated(steps: list[Step]) -> None:
    asyncio.run(_played(steps))


async def _played(steps: list[Step]) -> None:
    world = World()
    await world.begin()
    try:
        for step in steps:
            await world.do(step)
            # Sometimes the listener runs between two steps, sometimes not.
            for _ in range(len(steps) % 4):
                await asyncio.sleep(0)
        world.server.drop.clear()
        # A server that was lost quietly is noticed by the next one who asks.
        world.server.stir()
        async with asyncio.timeout(30):
            while len(world.shown) < len(world.server.agents_said):  # noqa: ASYNC110 - the turns are counted, not timed
                await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.sleep(0)
    finally:
        await world.stop()
    assert world.shown == world.server.agents_said
    if world.restarted:
        assert _without_repeats(world.server.user_said, world.sent) == world.sent
    else:
        assert world.server.user_said == world.sent


def _without_repeats(arrived: list[str], sent: list[str]) -> list[str]:
    """The messages that arrived, without immediate repetitions: a new process does not know the server's last answer."""
    left = list(sent)
    kept: list[str] = []
    for text in arrived:
        if left and text == left[0]:
            kept.append(left.pop(0))
        elif not kept or text != kept[-1]:
            kept.append(f"unexpected {text}")
    return kept
