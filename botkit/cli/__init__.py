"""The command line. Each command is a module of its own, loaded when it is called."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from io import TextIOWrapper
from typing import Any, TypeVar

import click

from botkit import __version__
from botkit.errors import BotKitError, ConfigurationError

F = TypeVar("F", bound=Callable[..., Any])

COMMANDS = {
    "init": "Write a folder that works: configuration, a handler, its test, a container.",
    "check": "Validate the configuration, and print every problem with its fix.",
    "doctor": "Check the real platform and organisation, with cause and fix.",
    "explain": "Tell the story of one hand-off: its steps, its failed calls, and what to change.",
    "store": "Copy a stopped store: SQLite to PostgreSQL, and back.",
    "serve": "Run the service between the XO platform and the agents.",
    "sandbox": "Run both clouds, emulated, on this machine.",
    "salesforce": "Write the Salesforce metadata that a bot's hand-offs need.",
    "demo": "Run the sandbox, the service between them and the demo page.",
}
"""Every command and its line in `botkit --help`, kept here so that help loads none of the commands."""
EXTRAS = {
    "uvicorn": "serve",
    "httptools": "serve",
    "psycopg": "postgresql",
    "aiohttp": "sandbox",
    "quickjs": "sandbox",
    "rich": "sandbox",
    "botkit_sandbox": "sandbox",
}
"""Packages that only some commands need, and the extra of BotKit that installs each."""


class LazyCommands(click.Group):
    """Loads `botkit.cli.<name>` when the command is called, and prints BotKit's own errors without a traceback."""

    def main(self, *args: Any, **extra: Any) -> Any:
        replace_unencodable()
        return super().main(*args, **extra)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"botkit.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            print_problems(error, err=True)
        except BotKitError as error:
            click.echo(f"{error.code}: {error}", err=True)
        sys.exit(1)


def require(*packages: str) -> None:
    """Stop the command if a package of an extra is missing, and name the extra.

    Raises:
        ClickException: at least one of the packages is not installed.
    """
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        extras = ",".join(sorted({EXTRAS[package] for package in missing}))
        verb = "is" if len(missing) == 1 else "are"
        raise click.ClickException(
            f"this command needs {', '.join(missing)}, which {verb} not installed: pip install 'botkit[{extras}]'"
        )


def stop_signals() -> tuple[signal.Signals, ...]:
    """Those that shut a command down gracefully: SIGINT, SIGTERM, and the end of a terminal unless that is ignored (nohup)."""
    usual = (signal.SIGINT, signal.SIGTERM)
    return usual if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (*usual, signal.SIGHUP)


def config_option(names: str = "the bots' files") -> Callable[[F], F]:
    """The option ``--config FILE`` of a command; `names` is what the command needs that file for."""
    return click.option(
        "--config",
        "config",
        metavar="FILE",
        type=click.Path(),
        default="config/botkit.yaml",
        show_default=True,
        help=f"The server's file; it names {names}.",
    )


def replace_unencodable() -> None:
    """Print a question mark for each character that a terminal without UTF-8 cannot show, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.encoding.lower().replace("-", "") != "utf8":
            stream.reconfigure(errors="replace")


def print_problems(error: ConfigurationError, *, err: bool = False) -> None:
    """Print one line per problem: ``file:line: path: what is wrong; how to fix it``. Colours only on a terminal."""
    for problem in error.problems:
        place = click.style(f"{problem.file}:{problem.line}:", bold=True)
        path = click.style(f"{problem.path}:", fg="cyan")
        click.echo(f"{place} {path} {problem.what}; {problem.fix}", err=err)


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="botkit")
def main() -> None:
    """Hand conversations of a Kore.ai bot over to Salesforce agents, and carry the messages both ways.

    \b
    First look        botkit demo                                a whole hand-off on one page
    Your own bot      botkit init acme-bot                       a folder that works
                      botkit check --config config/botkit.yaml   every problem, with its fix
                      botkit doctor --config config/botkit.yaml  the platform and the organisation themselves
                      botkit serve --config config/botkit.yaml   the service
    Any other client  botkit sandbox                             the two emulated clouds alone

    Each command has its own help: botkit serve --help.
    """
