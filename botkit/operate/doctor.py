"""The checks of a whole configuration, in the order in which a set-up goes wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping

from botkit.agents import registry
from botkit.checks import Result, Surroundings
from botkit.config.settings import BotSettings, Settings
from botkit.http import Transport
from botkit.http.carriers import AioTransport
from botkit.operate.machine import machine_checks
from botkit.operate.platform import platform_checks
from botkit.operate.reaching import reaching
from botkit.operate.running import Group, run


async def examine(settings: Settings, *, bot: str | None = None, live: bool = False) -> AsyncIterator[Result]:
    """Yield every result: this machine, then each bot's platform and agent systems.

    The calls are the service's own, over the same carrier, so what passes here passes there.

    Args:
        settings: the checked configuration.
        bot: the id of the only bot to look at; None looks at all of them.
        live: also do what people on the other side notice: open a conversation, and end it.
    """
    async with AioTransport(
        allowed_hosts=None, insecure_http=settings.security.insecure_http, network=settings.network
    ) as transport:
        for group in _groups(settings, bot, live=live, transport=transport):
            async for result in run(group):
                yield result


def _groups(settings: Settings, only: str | None, *, live: bool, transport: Transport) -> Iterator[Group]:
    yield Group(machine_checks(settings))
    for bot in settings.bots.values():
        if only in (None, bot.id):
            surroundings = _surroundings(settings, bot, bot.handoff.attributes or {}, live=live)
            yield Group(platform_checks(settings, bot, transport, surroundings), bot.id)
            yield from _systems(settings, bot, live=live, transport=transport)


def _systems(settings: Settings, bot: BotSettings, *, live: bool, transport: Transport) -> Iterator[Group]:
    for name, configured in bot.agents.systems.items():
        kind = registry.system_class(configured.type)
        if kind is None:  # `botkit check` reports it
            continue
        attributes = bot.handoff.attributes
        if attributes is None:
            attributes = registry.capabilities(configured.type, configured.settings).attributes
        system = kind(name, configured.settings, transport)
        yield Group(system.checks(_surroundings(settings, bot, attributes, live=live)), bot.id, name)


def _surroundings(
    settings: Settings, bot: BotSettings, attributes: Mapping[str, str], *, live: bool
) -> Surroundings:
    return Surroundings(
        bot_name=bot.name,
        language=bot.handoff.default_language,
        attributes=attributes,
        live=live,
        reach=reaching,
        insecure_http=settings.security.insecure_http,
    )
