"""`botkit doctor`: check the real platform and organisation, step by step."""

from __future__ import annotations

import asyncio
import json
import textwrap
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import click

from botkit.checks import Result
from botkit.cli import config_option, print_problems
from botkit.cli.exports import read
from botkit.config.load import load
from botkit.config.settings import Settings
from botkit.errors import ConfigurationError, Problem
from botkit.operate.doctor import examine

_WIDTH = 120
_MARKS = {True: ("ok", "green"), False: ("FAILED", "red"), None: ("unknown", "bright_black")}
_SKIPPED = "not checked, because "


@click.command()
@config_option()
@click.option("--bot", metavar="ID", help="Check this bot only.")
@click.option(
    "--live",
    is_flag=True,
    help="Also open a conversation, send one message and end it. An agent may see it.",
)
@click.option(
    "--from-export",
    "export",
    metavar="PATH",
    type=click.Path(exists=True, path_type=Path),
    help="An export of the bot (zip file or folder), for what only the builder knows.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of {check, ok, cause, fix}.")
def doctor(config: str, bot: str | None, live: bool, export: Path | None, as_json: bool) -> None:
    """Check the real platform and organisation, and print the cause and the fix of everything that does not work.

    The checks run in the order in which a set-up goes wrong: this machine, the XO platform, the agents' side. One that rests
    on a failed one is skipped. What cannot be known from here is unknown, and says how to find out. Without --live nothing is
    done that a person would notice.

    No secret is printed. Exits with 0 if no check failed, with 1 otherwise; warnings and unknowns are no failures.
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
        raise click.ClickException(f"no bot has the id {bot}; write one of {', '.join(settings.bots)}")
    if export is not None and bot is None and len(settings.bots) > 1:
        raise click.UsageError("--from-export is of one bot; name it with --bot")
    results = asyncio.run(
        run_checks(settings, bot=bot, live=live, export=export, scripts=_scripts(export), shown=not as_json)
    )
    if as_json:
        click.echo(_json(results))
    if any(result.ok is False for result in results):
        raise click.exceptions.Exit(1)


async def run_checks(
    settings: Settings,
    *,
    bot: str | None = None,
    live: bool = False,
    export: Path | None = None,
    scripts: Sequence[tuple[str, str]] | None = None,
    shown: bool = True,
) -> list[Result]:
    """Run every check; `shown` prints each result as soon as it is known, and a summary."""
    results: list[Result] = []
    about = None
    async for result in examine(settings, bot=bot, live=live, export=export, scripts=scripts):
        results.append(result)
        if not shown:
            continue
        if about != (about := (result.bot, result.system)):
            click.echo(click.style(_title(settings, result), bold=True))
        _print(result)
    if shown:
        click.echo(_summary(results))
    return results


def _scripts(export: Path | None) -> Sequence[tuple[str, str]] | None:
    """The export's scripts, for what its dialogs send; None without an export, or without the sandbox, which reads it."""
    if export is None or find_spec("botkit_sandbox") is None:
        return None
    return read(export).scripts


def _title(settings: Settings, result: Result) -> str:
    if not result.bot:
        return "this machine"
    name = f"{settings.bots[result.bot].name} ({result.bot})"
    return f"{name}, {result.system}" if result.system else f"{name}, XO platform"


def _print(result: Result) -> None:
    mark, colour = _MARKS[result.ok]
    if result.ok and result.fix:
        mark, colour = "warning", "yellow"
    if result.ok is None and result.cause.startswith(_SKIPPED):
        mark = "skipped"
    words = f"{result.check}: {result.cause}" if result.cause else result.check
    first, *rest = textwrap.wrap(words, _WIDTH - 10, break_long_words=False, break_on_hyphens=False)
    click.echo(f"  {click.style(f'{mark:8}', fg=colour)}{first}")
    for line in rest:
        click.echo(f"{'':10}{line}")
    if result.fix and mark != "skipped":
        for line in textwrap.wrap(
            result.fix,
            _WIDTH - 12,
            initial_indent="→ ",
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        ):
            click.echo(f"{'':10}{line}")


def _summary(results: Sequence[Result]) -> str:
    failed = [result for result in results if result.ok is False]
    warnings = sum(1 for result in results if result.ok and result.fix)
    unknown = sum(1 for result in results if result.ok is None)
    counts = f"{len(results)} checks: {len(failed)} failed, {warnings} warnings, {unknown} unknown or skipped"
    return f"{counts}; begin with {failed[0].check}" if failed else counts


def _as_result(problem: Problem) -> Result:
    place = f"{problem.file}:{problem.line}: {problem.path}"
    return Result("configuration", False, f"{place}: {problem.what}", problem.fix)


def _json(results: Sequence[Result]) -> str:
    return json.dumps([result.as_json() for result in results], ensure_ascii=False, indent=2)
