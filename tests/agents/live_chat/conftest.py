"""One user's Live Chat; the test plays both sides."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from msgspec import structs

from botkit.agents.live_chat import LiveChatSystem
from botkit.agents.live_chat.settings import LiveChatSettings
from botkit.errors import CallError
from botkit.handoff.conversation import Access
from botkit.handoff.events import AgentSaid, FromAgents
from botkit.testing.clock import SelfMovingClock
from botkit.testing.waiting import async_until
from tests.agents.live_chat.server import BASE, LiveChat

SESSION = "11111111-1111-4111-8111-111111111111"
SETTINGS = LiveChatSettings(BASE, "00DA", "572A", "573B", poll_margin=timedelta(seconds=2))


@dataclass
class Talk:
    """A chat as the relay sees it: events are stored at once, and move the position."""

    server: LiveChat
    clock: SelfMovingClock
    system: LiveChatSystem
    access: Access = field(default_factory=lambda: Access(""))
    heard: list[FromAgents] = field(default_factory=list)
    batches: int = 0
    broken: CallError | None = None
    task: asyncio.Task[None] | None = None

    async def open(self, **attributes: str) -> None:
        self.access = (await self.system.open(SESSION)).access
        await self.system.start(SESSION, self.access, attributes=tuple(attributes.items()), language="en")

    def listen(self) -> None:
        self.broken = None
        self.task = asyncio.create_task(self._listen())

    async def begin(self) -> None:
        """Open the chat and wait until an agent has joined, and the next poll waits at the server."""
        await self.open()
        self.listen()
        self.server.accept()
        await self.until(lambda: "AgentJoined" in self.kinds and self.server.hanging == 1)

    async def _listen(self) -> None:
        try:
            async with aclosing(self.system.listen(SESSION, self.access)) as batches:
                async for batch in batches:
                    self.batches += 1
                    for event in batch.events:
                        self.heard.append(event)
                        self.access = structs.replace(
                            self.access, position=event.position or self.access.position
                        )
        except CallError as error:
            self.broken = error

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait({self.task})
            self.task = None

    async def until(self, condition: Callable[[], bool]) -> None:
        await async_until(condition)

    async def say(self, message_id: str, text: str) -> None:
        await self.system.send(SESSION, self.access, message_id=message_id, text=text)

    def restart(self) -> None:
        """Go on in another process, with the stored access."""
        self.system = new_system(self.server, self.clock)

    @property
    def said(self) -> list[str]:
        return [event.content.text for event in self.heard if isinstance(event, AgentSaid)]

    @property
    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.heard]


def new_system(
    server: LiveChat, clock: SelfMovingClock, settings: LiveChatSettings = SETTINGS
) -> LiveChatSystem:
    return LiveChatSystem("legacy", settings, server, clock=clock, monotonic=clock, sleep=clock.sleep)


@pytest.fixture
def server() -> LiveChat:
    return LiveChat()


@pytest.fixture
def clock() -> SelfMovingClock:
    return SelfMovingClock()


@pytest.fixture
async def talk(server: LiveChat, clock: SelfMovingClock) -> AsyncIterator[Talk]:
    talk = Talk(server, clock, new_system(server, clock))
    yield talk
    await talk.stop()
