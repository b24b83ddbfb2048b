"""What the configuration names, made into platforms and agent systems."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest

from botkit.agents.live_chat import LiveChatSystem
from botkit.agents.live_chat.settings import LiveChatSettings
from botkit.config.settings import AgentSystemSettings, Settings
from botkit.errors import ConfigurationError
from botkit.relay.gateways import connect
from tests.hooks.hook_payloads import BOT_ID, settings


def with_legacy(kind: str) -> Settings:
    configured = settings()
    bot = configured.bots[BOT_ID]
    live_chat = LiveChatSettings(
        "https://d.la1-c1.salesforceliveagent.com/chat/rest",
        "00D000000000001",
        "572000000000001",
        "573000000000001",
    )
    legacy = AgentSystemSettings("legacy", kind, live_chat)
    systems = MappingProxyType({**bot.agents.systems, "legacy": legacy})
    bot = replace(bot, agents=replace(bot.agents, systems=systems))
    return replace(configured, bots=MappingProxyType({BOT_ID: bot}))


async def test_every_system_of_a_bot_is_connected() -> None:
    async with connect(with_legacy("salesforce-live-chat")) as outside:
        assert isinstance(outside.system(BOT_ID, "legacy"), LiveChatSystem)
        assert outside.platform(BOT_ID) is not None
        assert all(outside.system(BOT_ID, name) for name in settings().bots[BOT_ID].agents.systems)


async def test_a_system_that_nobody_provides_is_a_problem_of_the_configuration() -> None:
    with pytest.raises(ConfigurationError, match="acme-desk"):
        async with connect(with_legacy("acme-desk")):
            pass
