"""`botkit doctor`: check the real platform and organisation, step by step."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import click

from botkit.checks import Result
from botkit.cli import print_problems
from botkit.config.load import load
from botkit.config.settings import Settings
from botkit.errors import ConfigurationError, Problem
from botkit.operate.doctor import examine


@click.command()
@click.option(
    "--config",
    "config",
    metavar="FILE",
    type=click.Path(),
    default="config/botkit.yaml",
    show_default=True,
    help="The server's file; it names the bots' files.",
)
@click.option("--bot", metavar="ID", help="Check this bot only.")
@click.option(
    "--live",
    is_flag=True,
    help="Also open a conversation, send one message and end it. An agent may see it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of {check, ok, cause, fix}.")
def doctor(config: str, bot: str | None, live: bool, as_json: bool) -> None:
    """Check the real platform and organisation, and say the cause and the fix of everything that does not work.

    The checks run in the order in which a set-up goes wrong: this machine, the XO platform, the agents' side. One that
    rests on a failed one is skipped. Without --live nothing is done that a person would notice.

    No secret is printed. Exits with 0 if no check failed, with 1 otherwise; warnings and skipped checks are no failures.
    """
    try:
        settings = load(config)
    except ConfigurationError as error:
        if as_json:
            click.echo(_json([_as_result(problem) for problem in error.problems]))
        else:
            print_problems(error)
        raise click.exceptions.Exit(1) from None
    if bot is not None and bot not in settings.bots:
        raise click.ClickException(
            f"no bot has the id {bot}; the configuration has {', '.join(settings.bots)}"
        )
    results = asyncio.run(run_checks(settings, bot=bot, live=live, shown=not as_json))
    if as_json:
        click.echo(_json(results))
    if any(result.ok is False for result in results):
        raise click.exceptions.Exit(1)


async def run_checks(settings: Settings, *, bot: str | None, live: bool, shown: bool) -> list[Result]:
    """Run every check; `shown` prints each result as soon as it is known."""
    results: list[Result] = []
    async for result in examine(settings, bot=bot, live=live):
        results.append(result)
        if shown:
            _print(result)
    return results


def _print(result: Result) -> None:
    mark, colour = _MARKS[result.ok] if not (result.ok and result.fix) else ("warning", "yellow")
    click.echo(f"{click.style(f'{mark:8}', fg=colour)}{result.check}: {result.cause}")
    if result.fix:
        click.echo(f"        → {result.fix}")


_MARKS = {True: ("ok", "green"), False: ("FAILED", "red"), None: ("skipped", "bright_black")}


def _as_result(problem: Problem) -> Result:
    place = f"{problem.file}:{problem.line}: {problem.path}"
    return Result("configuration", False, f"{place}: {problem.what}", problem.fix)


def _json(results: Sequence[Result]) -> str:
    return json.dumps([result.as_json() for result in results], ensure_ascii=False, indent=2)
