"""`botkit demo`: both clouds, the service between them, and the page; or one hand-off played without a browser."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from botkit.cli.sandbox import require_scripts
from botkit_sandbox.rehearsal import LIVE_CHAT, MIAW, Clouds, Desk, Line, Mismatch, Rehearsal
from botkit_sandbox.server import running_sandbox
from botkit_sandbox.service import Service, write_configuration


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
    """Both emulated clouds, BotKit between them, and a page to see it all.

    Open the printed address, say "talk to an agent" on the left, accept on the right, and watch the wire in between.
    Nothing leaves this machine and nothing is kept: every start is a fresh one.
    """
    require_scripts()
    console = Console(highlight=False)
    if check:
        sys.exit(0 if _check(console, port) else 1)
    with _stage(port, receive="stream"):
        console.print(f"\n  [bold]The demo page:[/bold]  http://127.0.0.1:{port}/")
        console.print(f"  Salesforce:     http://127.0.0.1:{port + 1}/")
        console.print(f"  BotKit:         http://127.0.0.1:{port + 2}/healthz")
        console.print(
            "\n  Say [bold]talk to an agent[/bold] on the left, accept on the right. Ctrl-C stops it all.\n"
        )
        _until_told_to_stop()
        console.print("Stopped.")


def _until_told_to_stop() -> None:
    """Ctrl-C and SIGTERM both end the demo in order, so that the service beside it ends, too."""
    told = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told.set())
    told.wait()


@contextmanager
def _stage(port: int, *, receive: str) -> Iterator[Service]:
    """The sandbox in this process, the service in one of its own."""
    with TemporaryDirectory(prefix="botkit-demo-") as folder, running_sandbox(port=port) as addresses:
        configuration = write_configuration(Path(folder), addresses, port=port + 2, receive=receive)
        with Service(configuration, port=port + 2) as service:
            yield service


def _check(console: Console, port: int) -> bool:
    """Every play on a stage of its own, also after one that went wrong."""
    verdicts = [_played(console, port, play) for play in PLAYS]
    return all(verdicts)


@dataclass(frozen=True, slots=True)
class Play:
    """One scripted hand-off of `--check`: how it is received, where, and what is broken."""

    title: str
    receive: str = "stream"
    desk: Desk = MIAW
    channel: str = "rtm"
    killed: bool = False
    miaw_down: bool = False


PLAYS = (
    Play("receive: stream"),
    Play("receive: poll", receive="poll"),
    Play("receive: stream, and kill -9 of the service in the middle", killed=True),
    Play("Live Chat, by channel", desk=LIVE_CHAT, channel="facebook"),
    Play(
        "Live Chat, and kill -9 of the service in the middle", desk=LIVE_CHAT, channel="facebook", killed=True
    ),
    Play("Live Chat, since MIAW is down", desk=LIVE_CHAT, miaw_down=True),
)


def _played(console: Console, port: int, play: Play) -> bool:
    with _stage(port, receive=play.receive) as service:
        clouds = Clouds(f"http://127.0.0.1:{port}")
        if play.miaw_down:
            clouds.break_miaw()
        between = service.kill_and_restart if play.killed else None
        rehearsal = Rehearsal(clouds, between=between, desk=play.desk, channel=play.channel)
        wrong = ""
        try:
            rehearsal.play()
        except Mismatch as mismatch:
            wrong = str(mismatch)
        console.print()
        console.print(_table(play.title, rehearsal.user_transcript(), rehearsal.agent_transcript()))
        verdict = f"[red]wrong: {escape(wrong)}[/red]" if wrong else "[green]right[/green]"
        console.print(f"  {play.title}: {verdict}")
    return not wrong


def _table(title: str, user: list[Line], agents: list[Line]) -> Table:
    table = Table(title=title, title_justify="left", show_lines=False, expand=False)
    table.add_column("What the user saw", max_width=62)
    table.add_column("What the agents saw", max_width=62)
    for index in range(max(len(user), len(agents))):
        left = _cell(user[index]) if index < len(user) else ""
        right = _cell(agents[index]) if index < len(agents) else ""
        table.add_row(left, right)
    return table


def _cell(line: Line) -> str:
    return f"[dim]{escape(line.who)}:[/dim] {escape(line.text)}"
