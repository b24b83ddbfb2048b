"""The hand-offs that `botkit demo --check` plays, and the tables that it prints of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from botkit.testing.process import ServiceProcess, write_configuration
from botkit_sandbox.rehearsal import LIVE_CHAT, MIAW, Clouds, Desk, Line, Mismatch, Rehearsal
from botkit_sandbox.server import running_sandbox


@dataclass(frozen=True, slots=True)
class Play:
    """One scripted hand-off: how events are received, which agents take it, and what breaks in the middle."""

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


def check_all(port: int) -> bool:
    """Play every hand-off on a stage of its own, print both transcripts of each, and return whether all were right."""
    console = Console(highlight=False)
    verdicts = [_played(console, port, play) for play in PLAYS]
    return all(verdicts)


@contextmanager
def on_stage(port: int, *, receive: str) -> Iterator[ServiceProcess]:
    """The sandbox in this process on `port` and the next, and the service in a process of its own on the one after."""
    with TemporaryDirectory(prefix="botkit-demo-") as folder, running_sandbox(port=port) as addresses:
        configuration = write_configuration(Path(folder), addresses, port=port + 2, receive=receive)
        with ServiceProcess(configuration, port=port + 2) as service:
            yield service


def _played(console: Console, port: int, play: Play) -> bool:
    with on_stage(port, receive=play.receive) as service:
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
