"""`botkit sandbox`: the two emulated clouds alone, for any client of the real ones."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from botkit.cli import require, stop_signals

if TYPE_CHECKING:
    from botkit_sandbox.kore.about import About
    from botkit_sandbox.server import Sandbox

Command = Callable[..., Any]
SHOWN = {
    "page_url": "Page",
    "kore_url": "Kore XO",
    "salesforce_url": "Salesforce",
    "live_agent_url": "Live Chat",
    "botkit_url": "Hooks go to",
    "bot_id": "Bot id",
    "client_id": "Client id",
    "client_secret": "Client secret",
    "organization_id": "Organisation id",
    "developer_name": "Developer name",
    "deployment_id": "Deployment id",
    "button_id": "Button id",
}
DIALOGS_NAMED = 5
NAME_SHOWN = 80


def bot_options(command: Command) -> Command:
    """Add `--bot` and `--transfer` to a command."""
    for option in (
        click.option(
            "--transfer",
            "transfers",
            metavar="DIALOG",
            multiple=True,
            help="Let this dialog of the bot end at an agent. Can be given several times.",
        ),
        click.option(
            "--bot",
            "bot_folder",
            metavar="PATH",
            type=click.Path(exists=True, path_type=Path),
            help="An exported bot: its folder, or the zip file of the XO builder.  [default: the sample bot]",
        ),
    ):
        command = option(command)
    return command


@click.command()
@click.option(
    "--port",
    default=8001,
    show_default=True,
    type=click.IntRange(0, 65533),
    help="Kore XO and the page listen here, Salesforce on the next port. 0 takes two free ones.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--allow-remote",
    is_flag=True,
    help="Let --host be reachable from other machines. The sandbox has no password: use it on a network you trust.",
)
@click.option(
    "--botkit", "botkit_url", metavar="URL", help="Where hooks go.  [default: the port after Salesforce's]"
)
@bot_options
@click.option(
    "--keyset",
    "keyset_files",
    metavar="FILE",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A JSON web key set with its `issuer`: Salesforce verifies the users whom it signs. May be given several times.",
)
@click.option("--json", "as_json", is_flag=True, help="Print addresses, ids and secrets as one line of JSON.")
def sandbox(
    port: int,
    host: str,
    allow_remote: bool,
    botkit_url: str | None,
    bot_folder: Path | None,
    transfers: tuple[str, ...],
    keyset_files: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Emulate Kore's XO platform and Salesforce on this machine.

    Both serve the paths of the real hosts, so any client of the real APIs can be pointed at them. The page shows a user's
    chat, an agent's console and the wire between the clouds. Everything is kept in memory only. Ctrl-C stops it.
    """
    require("botkit_sandbox", "aiohttp", "quickjs")
    from botkit_sandbox.salesforce import read_keyset
    from botkit_sandbox.server import Sandbox

    with printed_errors():
        clouds = Sandbox(
            port,
            host=host,
            allow_remote=allow_remote,
            botkit_url=botkit_url,
            bot_folder=bot_folder,
            transfers=transfers,
            keysets=tuple(map(read_keyset, keyset_files)),
        )
        asyncio.run(_serve(clouds, as_json=as_json))


@contextmanager
def printed_errors() -> Iterator[None]:
    """Print an error of the sandbox without a traceback, and exit with 1."""
    from botkit_sandbox.errors import SandboxError

    try:
        yield
    except SandboxError as error:
        click.echo(f"{error.code}: {error}", err=True)
        sys.exit(1)


async def _serve(clouds: Sandbox, *, as_json: bool) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in stop_signals():
        loop.add_signal_handler(number, stopping.set)
    await clouds.start()
    try:
        _announce(clouds, as_json=as_json)
        await stopping.wait()
    finally:
        await clouds.stop()


def _announce(clouds: Sandbox, *, as_json: bool) -> None:
    addresses = clouds.addresses()
    describe(clouds.kore.about, err=as_json)
    if as_json:
        click.echo(json.dumps(dict(addresses)))
    else:
        width = max(map(len, SHOWN.values()))
        click.echo()
        for name, title in SHOWN.items():
            if addresses[name]:
                click.echo(f"  {title:<{width}}  {addresses[name]}")
        click.echo("\n  Open the page, or point a client at the addresses. Ctrl-C stops it all.\n")
    sys.stdout.flush()


def describe(about: About, *, err: bool = False) -> None:
    """Print which dialogs of the bot hand over, and one line per kind of warning. Prints nothing if there are none."""
    if not about.warnings:
        return
    bot = about.bot
    count = len(bot.dialogs)
    name = click.style(printable(bot.name), bold=True)
    click.echo(f"\n  {name}: {count} dialog{'s' * (count != 1)}", err=err)
    if about.handing_over:
        named = ", ".join(map(printable, about.handing_over[:DIALOGS_NAMED]))
        more = f" and {len(about.handing_over) - DIALOGS_NAMED} more" * (
            len(about.handing_over) > DIALOGS_NAMED
        )
        click.echo(f"  Hands over to an agent in: {named}{more}", err=err)
    click.echo("\n  Warnings about this export:", err=err)
    width = max(len(row.kind.value[0]) for row in about.warnings)
    for row in about.warnings:
        what, then = row.kind.value
        count_and_what = f"{row.count:>5} × {what:<{width}}"
        click.echo(f"  {click.style(count_and_what, fg='yellow')}  {then}", err=err)
    click.echo("  GET /sandbox/kore/warnings names every place; the page shows the first ones.", err=err)


def printable(name: str) -> str:
    """A name from an export, without what would control the terminal."""
    return "".join(one if one.isprintable() else "?" for one in name[:NAME_SHOWN])
