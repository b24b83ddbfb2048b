"""The real outside: the XO platform and the agent systems of every bot, over one aiohttp transport."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import EntryPoint, entry_points

from botkit.agents import AgentSystem
from botkit.config.settings import LIVE_CHAT_TYPE, BotSettings, Settings
from botkit.errors import ConfigurationError, Problem
from botkit.http import Transport
from botkit.relay.clock import Clock, SystemClock
from botkit.relay.outside import Platform
from botkit.relay.platform import KorePlatform
from botkit.transport import AioTransport

SYSTEMS_GROUP = "botkit.agent_systems"


class Connected:
    """Implements `outside.Outside`."""

    def __init__(
        self, platforms: Mapping[str, Platform], systems: Mapping[tuple[str, str], AgentSystem]
    ) -> None:
        self._platforms = platforms
        self._systems = systems

    def platform(self, bot_id: str) -> Platform | None:
        """The XO platform for this bot."""
        return self._platforms.get(bot_id)

    def system(self, bot_id: str, name: str) -> AgentSystem | None:
        """The agent system of this name in this bot's configuration."""
        return self._systems.get((bot_id, name))


@asynccontextmanager
async def connect(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Connected]:
    """Open a transport for everything, and build what talks over it.

    Raises:
        ConfigurationError: an agent system's type is not one that is installed.
    """
    # Which hosts may be called is checked per bot by `kore/`; an agent system's host comes from the configuration itself.
    insecure_http = settings.security.insecure_http
    async with AioTransport(allowed_hosts=None, insecure_http=insecure_http) as transport:
        installed = {entry.name: entry for entry in entry_points(group=SYSTEMS_GROUP)}
        platforms: dict[str, Platform] = {}
        systems: dict[tuple[str, str], AgentSystem] = {}
        for bot in settings.bots.values():
            platforms[bot.id] = KorePlatform(
                bot, transport, insecure_http=insecure_http, clock=clock or SystemClock()
            )
            for name, configured in bot.agents.systems.items():
                if configured.type == LIVE_CHAT_TYPE and LIVE_CHAT_TYPE not in installed:
                    # Known, and said at the start (`config/notices.py`): a hand-off to it fails, the others do not.
                    continue
                systems[bot.id, name] = _system(bot, name, transport, installed)
        yield Connected(platforms, systems)


def _system(
    bot: BotSettings, name: str, transport: Transport, installed: Mapping[str, EntryPoint]
) -> AgentSystem:
    configured = bot.agents.systems[name]
    entry = installed.get(configured.type)
    if entry is None:
        raise ConfigurationError(
            (
                Problem(
                    file=str(bot.file or bot.id),
                    line=1,
                    path=f"agents.systems.{name}.type",
                    what=f"no agent system of type {configured.type!r} is installed",
                    fix=f"use one of {', '.join(sorted(installed))}, or install the package that brings it",
                ),
            )
        )
    made: AgentSystem = entry.load()(name, configured.settings, transport)
    return made
