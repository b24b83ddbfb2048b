"""`botkit check`: validate a configuration."""

from __future__ import annotations

import asyncio

import click

from botkit.cli import config_option, print_problems
from botkit.config.agent_systems import notices
from botkit.config.agent_systems import summary as summary_of
from botkit.config.load import load
from botkit.config.outgoing import described
from botkit.config.settings import (
    AgentSystemSettings,
    BotSettings,
    Settings,
)
from botkit.config.values import store_place
from botkit.errors import ConfigurationError


@click.command()
@config_option()
@click.option("--online", is_flag=True, help="Then also run the checks of botkit doctor, without --live.")
def check(config: str, online: bool) -> None:
    """Validate the configuration, and print every problem with its fix.

    Reads FILE and every bot's file that it names, fills in ${NAME}, ${NAME:-default} and ${file:/path}, and prints all
    problems at once, one line each:

    \b
      config/bots/acme.yaml:13: kore.client_secret: the variable KORE_CLIENT_SECRET is not set; set it, or …

    Without --online nothing is sent anywhere. No secret is printed. Exits with 0 without problems, with 1 otherwise; warnings
    and notices are no problems.
    """
    try:
        settings = load(config)
    except ConfigurationError as error:
        print_problems(error)
        count = len(error.problems)
        click.echo(f"{count} problem{'s' if count > 1 else ''} found", err=True)
        raise click.exceptions.Exit(1) from None
    for line in summary(config, settings):
        click.echo(line)
    if online:
        from botkit.cli.doctor import run_checks

        if any(result.ok is False for result in asyncio.run(run_checks(settings))):
            raise click.exceptions.Exit(1)


def summary(config: str, settings: Settings) -> list[str]:
    """The lines that describe a valid configuration, without secrets."""
    bots = len(settings.bots)
    server = settings.server
    lines = [
        f"{config}: good, {bots} bot{'' if bots == 1 else 's'}",
        f"  listens  http://{server.host}:{server.port}{server.prefix}",
        f"  store    {store_place(settings.store.url)}",
    ]
    if settings.store.direct_url:
        lines.append(f"  direct   {store_place(settings.store.direct_url)}")
    lines += [f"  network  {line}" for line in described(settings.network)]
    if settings.security.insecure_http:
        lines.append("  careful  security.insecure_http is on: for demos and tests on one machine only")
    lines += [f"  notice   {notice}" for notice in notices(settings)]
    lines += [f"  warning  {warning}" for warning in settings.warnings]
    for bot in settings.bots.values():
        lines.append(f"  bot      {bot.name} ({bot.id})")
        lines += [f"           {_system(bot, system)}" for system in bot.agents.systems.values()]
    return lines


def _system(bot: BotSettings, system: AgentSystemSettings) -> str:
    channels = [channel for channel, name in bot.agents.channels.items() if name == system.name]
    if system.name == bot.agents.default:
        channels.append("every other channel" if bot.agents.channels else "every channel")
    serves = ", ".join(channels) or "no channel"
    words = summary_of(system)
    return f"{system.name}: {system.type}{f' {words}' if words else ''}; serves {serves}"
