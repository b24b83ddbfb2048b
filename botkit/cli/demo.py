"""`botkit demo`: both clouds, the service between them, and the page; or scripted hand-offs without a browser."""

from __future__ import annotations

import signal
import sys
from threading import Event

import click

from botkit.cli import require
from botkit.cli.sandbox import printed_errors


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
def demo(port: int, check: bool) -> None:
    """Run both emulated clouds, BotKit between them, and the page that shows all three.

    Open the printed address, say "talk to an agent" on the left, accept on the right, and watch the wire in between.
    Nothing leaves this machine. Nothing is stored: every start is a fresh one. Ctrl-C stops it.

    With --check nobody has to type: users and agents play six hand-offs, two of them with a kill -9 of the service and one
    with MIAW down. Exits with 0 only if every line of every transcript is right.
    """
    require("botkit_sandbox", "quickjs", "rich", "granian")
    from botkit.cli.demo_check import check_all, on_stage

    with printed_errors():
        if check:
            sys.exit(0 if check_all(port) else 1)
        with on_stage(port, receive="stream"):
            _announce(port)
            _wait_for_a_signal()
            click.echo("Stopped.")


def _announce(port: int) -> None:
    page = click.style("The demo page:", bold=True)
    words = click.style("talk to an agent", bold=True)
    click.echo(f"\n  {page}  http://127.0.0.1:{port}/")
    click.echo(f"  Salesforce:     http://127.0.0.1:{port + 1}/")
    click.echo(f"  BotKit:         http://127.0.0.1:{port + 2}/healthz")
    click.echo(f"\n  Say {words} on the left, accept on the right. Ctrl-C stops it all.\n")
    sys.stdout.flush()


def _wait_for_a_signal() -> None:
    """Return on Ctrl-C and on SIGTERM, so that the demo stops the service beside it in both cases."""
    stopping = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    stopping.wait()
