"""`botkit demo`: both clouds, the service between them, and the page; or scripted hand-offs without a browser."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import click

from botkit.cli import require, stop_signals
from botkit.cli.sandbox import bot_options, describe, printable, printed_errors

if TYPE_CHECKING:
    from botkit_sandbox.kore.about import About


@click.command()
@click.option(
    "--port",
    default=8001,
    show_default=True,
    type=click.IntRange(1, 65533),
    help="Kore XO and the page listen here, Salesforce on the next port, BotKit on the one after.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Play scripted hand-offs without a browser, print both sides' transcripts and judge them.",
)
@bot_options
def demo(port: int, check: bool, bot_folder: Path | None, transfers: tuple[str, ...]) -> None:
    """Run both emulated clouds, BotKit between them, and the page that shows all three.

    Open the printed address, say "talk to an agent" on the left, accept on the right, and watch the wire in between.
    Nothing leaves this machine. Nothing is stored: every start is a fresh one. Ctrl-C stops it.

    With --check nobody has to type: users and agents play six hand-offs, two of them with a kill -9 of the service and one
    with MIAW down. Exits with 0 only if every line of every transcript is right.

    \b
    Your own bot      botkit demo --bot EXPORT
    with an agent     botkit demo --bot EXPORT --transfer "Order status"
    """
    require("botkit_sandbox", "aiohttp", "quickjs", "rich", "uvicorn", "httptools")
    from botkit.cli.demo_check import check_all, on_stage

    if check and (bot_folder or transfers):
        raise click.UsageError(
            "--check plays the sample bot; leave out --bot and --transfer, or leave out --check"
        )
    with printed_errors():
        if check:
            sys.exit(0 if check_all(port) else 1)
        with on_stage(port, receive="stream", bot_folder=bot_folder, transfers=transfers) as stage:
            describe(stage.about)
            _announce(port, stage.about)
            _wait_for_a_signal()
            click.echo("Stopped.")


def _announce(port: int, about: About) -> None:
    page = click.style("The demo page:", bold=True)
    words = click.style(printable(about.asking), bold=True)
    click.echo(f"\n  {page}  http://127.0.0.1:{port}/")
    click.echo(f"  Salesforce:     http://127.0.0.1:{port + 1}/")
    click.echo(f"  BotKit:         http://127.0.0.1:{port + 2}/healthz")
    click.echo(f"\n  Say {words} on the left, accept on the right. Ctrl-C stops it all.\n")
    sys.stdout.flush()


def _wait_for_a_signal() -> None:
    """Return on Ctrl-C and the like, so that the demo stops the service beside it in all cases."""
    stopping = Event()
    for number in stop_signals():
        signal.signal(number, lambda *_: stopping.set())
    stopping.wait()
