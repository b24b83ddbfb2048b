"""Live Chat with the real rules, ledger and relay, between the emulated service and a fake platform."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from botkit.agents import DEFAULT_ATTRIBUTES, Capabilities
from botkit.agents.live_chat.listening import CONNECTED_AFTER_SECONDS
from botkit.agents.live_chat.position import DEFAULT_CONNECTION_TIMEOUT_SECONDS
from botkit.agents.live_chat.settings import LiveChatSettings, normalize_live_agent_url
from botkit.config.settings import (
    AgentsSettings,
    AgentSystemSettings,
    DeliverySettings,
    HandoffSettings,
    KoreSettings,
    Secret,
)
from botkit.handoff.decide import decide
from botkit.ledger.sqlite import SqliteLedger
from botkit.relay import Relay
from botkit.relay.engine import MAX_CONNECTING
from botkit.service.rules import rules_for
from botkit.testing.configuration import settings_of_one_bot
from botkit.testing.waiting import async_until
from botkit_sandbox.live_chat import BUTTON_ID, DEPLOYMENT_ID, LiveChatCloud, LiveChatSandboxSettings, routes
from botkit_sandbox.live_chat.faults import Fault
from tests.relay.test_over_sockets import BOT, JANE, OMAR, Platform, Scene

TYPE = "salesforce-live-chat"


@dataclass
class LiveChatScene(Scene):
    """BotKit without its middleware, on Live Chat."""

    desk: LiveChatCloud | None = None

    def start(self) -> None:
        limits = {"legacy": Capabilities(takes_text_before_agent=False, attributes=DEFAULT_ATTRIBUTES)}
        rules = {
            bot_id: replace(rules_for(bot), systems=limits) for bot_id, bot in self.settings.bots.items()
        }
        self.ledger = SqliteLedger(
            self.settings.store.url, lambda before, event: decide(rules[before.id.bot_id], before, event)
        )
        self.relay = Relay(self.settings, self.ledger, metrics=self.metrics)
        self.ledger.start(self.relay.on_commit)
        self.relay.start()

    @property
    def agents(self) -> LiveChatCloud:
        assert self.desk is not None
        return self.desk

    @property
    def view(self) -> dict[str, Any]:
        shown: list[dict[str, Any]] = self.agents.state()["conversations"]
        return shown[-1]

    async def waiting(self) -> None:
        await self.transfer()
        await async_until(lambda: self.agents.state()["conversations"])

    async def talking(self) -> None:
        await self.waiting()
        self.agents.accept(self.view["id"], JANE)
        await async_until(lambda: any("Jane" in text for text in self.platform.shown))

    def agent_says(self, text: str, agent: str = JANE) -> None:
        self.agents.agent_says(self.view["id"], agent, text)

    @property
    def to_agent(self) -> list[str]:
        return [line["text"] for line in self.view["transcript"] if line["role"] == "EndUser"]

    def agent_words(self) -> list[str]:
        return [text for text in self.platform.shown if text.startswith("agent ")]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[LiveChatScene]:
    platform = Platform()
    cloud = LiveChatCloud(wire=None, bus=None, settings=LiveChatSandboxSettings(poll_hold_seconds=1.0))
    servers = [TestServer(platform.app()), TestServer(routes(cloud))]
    for server in servers:
        await server.start_server(shutdown_timeout=1)
    kore, salesforce = (str(server.make_url("")).rstrip("/") for server in servers)
    cloud.base_url = salesforce
    live_chat = LiveChatSettings(
        normalize_live_agent_url(salesforce, insecure_http=True),
        cloud.settings.organization_id,
        DEPLOYMENT_ID,
        BUTTON_ID,
        poll_margin=timedelta(seconds=2),
    )
    settings = settings_of_one_bot(
        BOT,
        store=f"sqlite:///{tmp_path / 'botkit.db'}",
        insecure_http=True,
        kore=KoreSettings("cs-1", Secret("secret"), callback_hosts=("127.0.0.1",)),
        agents=AgentsSettings("legacy", {"legacy": AgentSystemSettings("legacy", TYPE, live_chat)}),
        handoff=HandoffSettings(transfer_grace=timedelta(seconds=0.2)),
        delivery=DeliverySettings(
            first_retry=timedelta(milliseconds=20), slowest_retry=timedelta(milliseconds=200)
        ),
    )
    scene = LiveChatScene(settings, platform, None, kore, desk=cloud)  # type: ignore[arg-type]
    await asyncio.to_thread(scene.start)
    yield scene
    await scene.stop()
    for server in servers:
        await server.close()


async def test_messages_go_both_ways_in_order(scene: LiveChatScene) -> None:
    await scene.talking()
    for number in range(5):
        scene.agent_says(f"agent {number}")
        await scene.user_says(f"user {number}", agent_transfer=True)
    await async_until(lambda: len(scene.agent_words()) == 5 and len(scene.to_agent) == 5)
    assert scene.agent_words() == [f"agent {n}" for n in range(5)]
    assert scene.to_agent == [f"user {n}" for n in range(5)]


async def test_messages_before_an_agent_accepts_are_held_and_delivered_in_order(
    scene: LiveChatScene,
) -> None:
    await scene.waiting()
    await scene.user_says("one", agent_transfer=True)
    await scene.user_says("two", agent_transfer=True)
    assert scene.to_agent == []
    scene.agents.accept(scene.view["id"], JANE)
    await async_until(lambda: scene.to_agent == ["one", "two"])


async def test_a_transfer_is_shown_once_and_is_not_the_end(scene: LiveChatScene) -> None:
    await scene.talking()
    before = len(scene.platform.shown)
    scene.agents.transfer(scene.view["id"], JANE, to=OMAR)
    scene.agents.accept(scene.view["id"], OMAR)
    await async_until(lambda: any("Omar" in text for text in scene.platform.shown))
    assert len(scene.platform.shown) == before + 2
    scene.agent_says("agent 0", OMAR)
    await async_until(lambda: scene.agent_words() == ["agent 0"])
    assert not scene.platform.named("clearAgentSession")


async def test_the_end_word_ends_the_chat_there(scene: LiveChatScene) -> None:
    await scene.talking()
    await scene.user_says("endagentchat", agent_transfer=True)
    await async_until(lambda: scene.view["status"] == "ended")
    await async_until(lambda: scene.platform.named("clearAgentSession"))


async def test_the_agent_ends_it_and_the_user_is_back_with_the_bot(scene: LiveChatScene) -> None:
    await scene.talking()
    scene.agent_says("agent says bye")
    scene.agents.agent_ends(scene.view["id"], JANE)
    await async_until(lambda: scene.platform.named("clearAgentSession"))
    assert scene.agent_words() == ["agent says bye"]


async def test_without_an_agent_online_the_user_is_back_with_the_bot(scene: LiveChatScene) -> None:
    for agent in list(scene.agents.agents.values()):
        scene.agents.set_online(agent.id, False)
    await scene.transfer()
    await async_until(lambda: scene.platform.named("clearAgentSession"))
    assert not scene.agents.state()["conversations"]


async def test_a_moved_server_loses_nothing(scene: LiveChatScene) -> None:
    await scene.talking()
    for number in range(4):
        scene.agents.inject(Fault(kind="pod-restart"))
        scene.agent_says(f"agent {number}")
        await scene.user_says(f"user {number}", agent_transfer=True)
    await async_until(lambda: len(scene.agent_words()) == 4 and len(scene.to_agent) == 4)
    assert scene.agent_words() == [f"agent {n}" for n in range(4)]
    assert scene.to_agent == [f"user {n}" for n in range(4)]


async def test_a_restart_resumes_the_chat(scene: LiveChatScene) -> None:
    await scene.talking()
    scene.agent_says("agent 0")
    await async_until(lambda: scene.agent_words() == ["agent 0"])
    await scene.restart(lambda: scene.agent_says("agent 1"))
    await scene.user_says("user 0", agent_transfer=True)
    await async_until(lambda: scene.agent_words() == ["agent 0", "agent 1"] and scene.to_agent == ["user 0"])


async def test_a_restart_that_comes_too_late_tells_the_user(scene: LiveChatScene) -> None:
    await scene.talking()
    await scene.restart(lambda: scene.agents.inject(Fault(kind="expire-sessions")))
    await async_until(lambda: scene.platform.named("clearAgentSession"))


def test_after_a_restart_ten_thousand_chats_are_polled_again_in_a_third_of_their_sessions_life() -> None:
    assert 10_000 / MAX_CONNECTING * CONNECTED_AFTER_SECONDS < DEFAULT_CONNECTION_TIMEOUT_SECONDS / 3
