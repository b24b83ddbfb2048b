"""The hand-offs that `botkit demo --check` plays, and the tables that it prints of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from botkit.testing.process import ServiceProcess, write_configuration
from botkit_sandbox.kore.about import About
from botkit_sandbox.rehearsal import LIVE_CHAT, MIAW, Clouds, Desk, Line, Mismatch, Rehearsal
from botkit_sandbox.server import SandboxThread

NAME_LIMIT = 100
LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
"""The form of `handoff.default_language`; the export of a bot may have another."""


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


@dataclass(frozen=True, slots=True)
class Stage:
    """The running service, and the bot of the sandbox beside it."""

    service: ServiceProcess
    about: About


@contextmanager
def on_stage(
    port: int, *, receive: str, bot_folder: Path | None = None, transfers: Sequence[str] = ()
) -> Iterator[Stage]:
    """The sandbox in this process on `port` and the next, and the service in a process of its own on the one after.

    Args:
        port: of Kore XO and the page.
        receive: how MIAW's events are received.
        bot_folder: an exported bot; by default the sample bot. The service is configured for it.
        transfers: dialogs of it that get an Agent Transfer node.
    """
    with TemporaryDirectory(prefix="botkit-demo-") as folder, ExitStack() as stack:
        clouds = SandboxThread(port, bot_folder=bot_folder, transfers=transfers)
        stack.callback(clouds.close)
        about = clouds.sandbox.kore.about
        configuration = write_configuration(
            Path(folder), clouds.sandbox.addresses(), port=port + 2, receive=receive, bot=_settings(about)
        )
        yield Stage(stack.enter_context(ServiceProcess(configuration, port=port + 2)), about)


def _settings(about: About) -> dict[str, Any]:
    """The part of the bot's configuration that follows from its export."""
    language = about.bot.default_language
    name = about.bot.name[:NAME_LIMIT].replace("${", "$${")  # a name is text: nothing in it is filled in
    handoff = {"handoff": {"default_language": language}} if LANGUAGE.fullmatch(language) else {}
    return {"bot": {"name": name}, **handoff}


def _played(console: Console, port: int, play: Play) -> bool:
    with on_stage(port, receive=play.receive) as stage:
        clouds = Clouds(f"http://127.0.0.1:{port}")
        if play.miaw_down:
            clouds.break_miaw()
        between = stage.service.kill_and_restart if play.killed else None
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
