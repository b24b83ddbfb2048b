"""The service as the conformance suite sees it: only HTTP, for visitors and for agents, and a clock.

The modules beside this one follow docs/protocols/salesforce-live-chat.md, section by section. They know only addresses, ids
and names, so they could run against any service with the same ones.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from tests.sandbox.live_chat.visitor import DEADLINE, JANE, Visitor

HOLD_SECONDS = 0.05


@dataclass
class Service:
    """Addresses of the service and of its agents' console."""

    http: aiohttp.ClientSession
    base_url: str
    console_url: str
    clock: Any

    # --- visitors

    def visitor(self) -> Visitor:
        return Visitor(self.http, self.base_url)

    async def requested(self, **changes: Any) -> Visitor:
        """A visitor who has requested a chat and has not polled yet."""
        visitor = await self.visitor().begin()
        answer = await visitor.request(**changes)
        assert answer.status == 200, answer
        return visitor

    async def queued(self, **changes: Any) -> Visitor:
        """A visitor who has received ChatRequestSuccess."""
        visitor = await self.requested(**changes)
        await visitor.until("ChatRequestSuccess")
        visitor.heard.clear()
        return visitor

    async def chatting(self, **changes: Any) -> Visitor:
        """A visitor with Jane as the agent, who has received ChatEstablished."""
        visitor = await self.requested(**changes)
        await self.act(visitor, "accept")
        await visitor.until("ChatEstablished")
        return visitor

    # --- agents

    async def console(self, method: str, path: str, body: Any = None) -> Any:
        url = f"{self.console_url}/sandbox/live-chat/{path}"
        data = None if body is None else json.dumps(body).encode()
        async with self.http.request(method, url, data=data) as response:
            answer = await response.json()
            assert response.status == 200, answer
            return answer

    async def act(self, visitor: Visitor, what: str, **body: Any) -> Any:
        """An action of an agent in the visitor's chat; of Jane, unless the body names another one."""
        named = {} if what in ("route-failure", "emit") else {"agent": JANE}
        return await self.console("POST", f"conversations/{visitor.id}/{what}", named | body)

    async def says(self, visitor: Visitor, *texts: str, agent: str = JANE) -> None:
        for text in texts:
            await self.act(visitor, "say", agent=agent, text=text)

    async def view(self, visitor: Visitor) -> dict[str, Any]:
        """The visitor's chat in the state of the console."""
        return next(each for each in await self.conversations() if each["id"] == visitor.id)

    async def conversations(self) -> list[dict[str, Any]]:
        return (await self.console("GET", "state"))["conversations"]

    async def read(self, visitor: Visitor) -> list[str]:
        """The visitor's messages in the agent's console."""
        lines = (await self.view(visitor))["transcript"]
        return [line["text"] for line in lines if line["role"] == "EndUser"]

    async def events(self, visitor: Visitor) -> list[str]:
        """The events that the organisation has recorded about the chat."""
        return [event["type"] for event in (await self.view(visitor))["events"]]

    async def agent_id(self, name: str) -> str:
        agents = (await self.console("GET", "state"))["agents"]
        return next(agent["id"] for agent in agents if agent["name"] == name)

    async def assigned(self, visitor: Visitor) -> str | None:
        """The agent who is asked to take the chat."""
        state = await self.console("GET", "state")
        names = {agent["id"]: agent["name"] for agent in state["agents"]}
        asked = next(each["assignedTo"] for each in state["conversations"] if each["id"] == visitor.id)
        return names.get(asked)

    async def online(self, name: str, is_online: bool) -> None:
        await self.console("POST", f"agents/{await self.agent_id(name)}", {"online": is_online})

    # --- what goes wrong

    async def inject(self, kind: str, **how: Any) -> None:
        await self.console("PUT", "faults", {"kind": kind} | how)

    async def clear_faults(self) -> None:
        await self.console("DELETE", "faults")

    async def polling(self, number: int = 1) -> None:
        """Wait until this number of polls wait."""

        async def waits() -> bool:
            return bool((await self.console("GET", "state"))["openPolls"] == number)

        await self.until(waits)

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Wait until the condition holds."""
        for _ in range(int(DEADLINE / 0.01)):
            if await condition():
                return
            await asyncio.sleep(0.01)
        pytest.fail("it never came true")


MakeService = Callable[..., Awaitable[Service]]


@pytest.fixture
def make_service(make_service: Any) -> MakeService:
    """A function that starts a service: `await make_service(sneak_peek=True)`. Polls are held for a twentieth of a second."""

    async def make(**switches: Any) -> Service:
        started = await make_service(**({"poll_hold_seconds": HOLD_SECONDS} | switches))
        return Service(started.http, started.base_url, started.control_url, started.clock)

    return make


@pytest.fixture
async def service(make_service: MakeService) -> Service:
    """A service with the default switches."""
    return await make_service()
