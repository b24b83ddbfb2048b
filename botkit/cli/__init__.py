"""The command line: one module per command, loaded when it is called."""

from __future__ import annotations

import sys
from importlib import import_module
from io import TextIOWrapper
from typing import Any

import click

from botkit import __version__
from botkit.errors import BotKitError, ConfigurationError

COMMANDS = {
    "check": "Validate the configuration, and print every problem with its fix.",
    "serve": "Run the service between the XO platform and the agents.",
    "sandbox": "Run both clouds, emulated, on this machine.",
    "demo": "Run the sandbox, the service between them and the demo page.",
}
"""Every command and the line `botkit --help` says of it, kept here so that help loads none of them."""


class LazyCommands(click.Group):
    """Loads `botkit.cli.<name>` when the command is called, and prints BotKit's own errors without a traceback."""

    def main(self, *args: Any, **extra: Any) -> Any:
        print_whatever_can_be_shown()
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


def print_whatever_can_be_shown() -> None:
    """Let a terminal without UTF-8 show question marks where it lacks a character, instead of failing on it."""
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
    New here?   botkit demo                                shows a whole hand-off on one page
    Your bot:   botkit check --config config/botkit.yaml   then the same with serve
    """
