"""The real outside: the XO platform and the agent systems of every bot, over one aiohttp transport."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from botkit.agents import AgentSystem
from botkit.agents.registry import installed_types, system_class
from botkit.config.settings import BotSettings, Settings
from botkit.errors import ConfigurationError, Problem
from botkit.http import Transport
from botkit.http.carriers import AioTransport
from botkit.relay.clock import Clock, SystemClock
from botkit.relay.gateways import Platform
from botkit.relay.outbound.platform import KorePlatform


class OpenGateways:
    """Implements `outside.Gateways`."""

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
async def connect(settings: Settings, clock: Clock | None = None) -> AsyncIterator[OpenGateways]:
    """Open a transport for everything, and build what talks over it.

    Raises:
        ConfigurationError: an agent system's type is not one that is installed.
    """
    # Which hosts may be called is checked per bot by `kore/`; an agent system's host comes from the configuration itself.
    insecure_http = settings.security.insecure_http
    async with AioTransport(allowed_hosts=None, insecure_http=insecure_http) as transport:
        platforms: dict[str, Platform] = {}
        systems: dict[tuple[str, str], AgentSystem] = {}
        for bot in settings.bots.values():
            platforms[bot.id] = KorePlatform(
                bot, transport, insecure_http=insecure_http, clock=clock or SystemClock()
            )
            for name in bot.agents.systems:
                systems[bot.id, name] = _system(bot, name, transport)
        yield OpenGateways(platforms, systems)


def _system(bot: BotSettings, name: str, transport: Transport) -> AgentSystem:
    configured = bot.agents.systems[name]
    make = system_class(configured.type)
    if make is None:
        raise ConfigurationError(
            (
                Problem(
                    file=str(bot.file or bot.id),
                    line=1,
                    path=f"agents.systems.{name}.type",
                    what=f"no agent system of type {configured.type!r} is installed",
                    fix=f"use one of {', '.join(sorted(installed_types()))}, or install the package that brings it",
                ),
            )
        )
    return make(name, configured.settings, transport)
