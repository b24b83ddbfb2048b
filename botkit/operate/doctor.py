"""The checks of a whole configuration, in the order in which a set-up goes wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from botkit.agents import registry
from botkit.checks import Check, Outcome, Result, Surroundings, failed
from botkit.config.settings import BotSettings, Settings
from botkit.http import Transport
from botkit.http.curl import CurlTransport
from botkit.operate.machine import machine_checks
from botkit.operate.platform import platform_checks
from botkit.operate.reaching import reaching
from botkit.operate.running import Group, run


async def examine(
    settings: Settings,
    *,
    bot: str | None = None,
    live: bool = False,
    export: Path | None = None,
    scripts: Sequence[tuple[str, str]] | None = None,
    patience: float = 10.0,
) -> AsyncIterator[Result]:
    """Yield every result: this machine, then each bot's platform and agent systems.

    The calls are the service's own, over the same carrier, so what passes here passes there.

    Args:
        settings: the checked configuration.
        bot: the id of the only bot to look at; None looks at all of them.
        live: also do what people on the other side notice: open a conversation, and end it.
        export: an export of the bot, if there is one: a zip file, a folder or its JSON file.
        scripts: (name of the node, JavaScript) of its scripts that set `preChatInfo`.
        patience: seconds to wait for what the other side does by itself.
    """
    async with CurlTransport(
        allowed_hosts=None, insecure_http=settings.security.insecure_http, network=settings.network
    ) as transport:
        examination = _Examination(
            settings, transport, live=live, export=export, scripts=scripts, patience=patience
        )
        for group in examination.groups(bot):
            async for result in run(group):
                yield result


async def _broken(kind: str, error: Exception) -> Outcome:
    return failed(
        f"the agent system {kind} could not offer its checks ({type(error).__name__})",
        "report it to its author",
    )


class _Examination:
    def __init__(
        self,
        settings: Settings,
        transport: Transport,
        *,
        live: bool,
        export: Path | None,
        scripts: Sequence[tuple[str, str]] | None,
        patience: float,
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._live = live
        self._export = export
        self._scripts = scripts
        self._patience = patience

    def groups(self, only: str | None) -> Iterator[Group]:
        yield Group(machine_checks(self._settings))
        for bot in self._settings.bots.values():
            if only in (None, bot.id):
                surroundings = self._surroundings(bot, bot.handoff.attributes or {})
                checks = platform_checks(self._settings, bot, self._transport, surroundings)
                yield Group(checks, bot.id)
                yield from self._systems(bot)

    def _systems(self, bot: BotSettings) -> Iterator[Group]:
        names = sorted(bot.agents.systems, key=lambda name: name != bot.agents.default)
        for name in names:
            configured = bot.agents.systems[name]
            kind = registry.system_class(configured.type)
            if kind is None:  # `botkit check` reports it
                continue
            attributes = bot.handoff.attributes
            if attributes is None:
                attributes = registry.capabilities(configured.type, configured.settings).attributes
            surroundings = self._surroundings(bot, attributes)
            try:
                checks = kind(name, configured.settings, self._transport).checks(surroundings)
            except Exception as error:  # noqa: BLE001 (a third party's system may raise anything; the others are still examined)
                checks = (Check("agents.checks", partial(_broken, configured.type, error)),)
            yield Group(checks, bot.id, name)

    def _surroundings(self, bot: BotSettings, attributes: Mapping[str, str]) -> Surroundings:
        return Surroundings(
            bot_name=bot.name,
            language=bot.handoff.default_language,
            attributes=attributes,
            own_attributes=bot.handoff.attributes is not None,
            live=self._live,
            reach=partial(reaching, network=self._settings.network),
            insecure_http=self._settings.security.insecure_http,
            export=self._export,
            scripts=self._scripts,
            patience=self._patience,
        )
