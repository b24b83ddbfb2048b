"""`botkit salesforce`: what an organisation needs on Salesforce's side."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click

from botkit.cli import config_option
from botkit.config.settings import BotSettings

if TYPE_CHECKING:
    from botkit.agents.miaw.metadata.names import Setup
    from botkit.agents.miaw.metadata.scripts import Found
    from botkit.agents.miaw.settings import MiawSettings

MIAW = "salesforce-miaw"


@dataclass(frozen=True, slots=True)
class Target:
    """The folder of the files, and the project that it belongs to.

    Attributes:
        out: the folder.
        root: the folder of `sfdx-project.json`, above `out`.
        exists: whether that file is there.
    """

    out: Path
    root: Path
    exists: bool

    @property
    def folder(self) -> str:
        """`out` as the tools name it, relative to the project."""
        return self.out.relative_to(self.root).as_posix()


@click.group()
def salesforce() -> None:
    """Write what Salesforce needs for a bot's hand-offs.

    \b
    botkit salesforce metadata    queue, fields, flow, channel and deployment as source files
    """


@salesforce.command()
@config_option()
@click.option(
    "--bot", "bot_id", metavar="ID", help="The bot's id. May be left out if the configuration has one bot."
)
@click.option("--system", metavar="NAME", help="The agent system, if the bot has several of this type.")
@click.option(
    "--out",
    metavar="DIR",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder for the files, such as force-app.",
)
@click.option(
    "--from-export",
    "export",
    metavar="PATH",
    type=click.Path(exists=True, path_type=Path),
    help="An exported bot, folder or zip file: adds the attributes that its scripts put into preChatInfo.",
)
@click.option(
    "--attribute",
    "more",
    metavar="NAME",
    multiple=True,
    help="A further attribute, such as one that a handler adds. Can be given several times.",
)
@click.option("--force", is_flag=True, help="Replace files that differ from the ones to write.")
def metadata(
    config: str,
    bot_id: str | None,
    system: str | None,
    out: Path,
    export: Path | None,
    more: tuple[str, ...],
    force: bool,
) -> None:
    """Write deployable Salesforce source for the set-up of this bot, with a README.

    The files are a queue with its routing configuration, a field of Messaging Session per routing attribute, permission sets, the
    routing flow, the messaging channel with its parameters, and the Embedded Service deployment that `developer_name` names. The
    attributes are those that BotKit sends by itself, or the bot's `handoff.attributes`; those that its dialogs add are read from
    an export. The README says in which order to deploy, what only Setup can do, and what was never tried.

    Nothing is sent anywhere. If a file is there already and differs, nothing is written, unless --force replaces it. Exits
    with 0, or with 1 if nothing was written.

    \b
    botkit salesforce metadata --bot st-… --out force-app --from-export MyBot.zip
    """
    from botkit.agents.miaw.metadata import names, source
    from botkit.config.load import load
    from botkit.errors import UnusableValue

    bot = _bot(load(config).bots, bot_id)
    name, settings = _system(bot, system)
    attributes = _attributes(bot, name, settings, export, more)
    try:
        setup = names.setup(
            settings.developer_name,
            bot_name=bot.name,
            attributes=attributes,
            attachments=settings.attachments,
        )
    except UnusableValue as unusable:
        raise click.ClickException(f"{unusable.what}; {unusable.fix}") from None
    target = _target(out)
    written = source.files(setup, folder=target.folder, config=config, bot_id=bot.id)
    files = {target.out / PurePosixPath(path): text for path, text in written.items()}
    if not target.exists:
        files[target.root / source.PROJECT_FILE] = source.project(target.folder)
    _write(files, force=force)
    _describe(bot, setup, attributes, target, files)


# --- what to write ---


def _bot(bots: Mapping[str, BotSettings], bot_id: str | None) -> BotSettings:
    if bot_id is None and len(bots) == 1:
        return next(iter(bots.values()))
    known = ", ".join(f"{bot.id} ({bot.name})" for bot in bots.values())
    if bot_id is None:
        raise click.UsageError(f"the configuration has several bots; name one with --bot: {known}")
    if bot_id not in bots:
        raise click.UsageError(f"the configuration has no bot {bot_id!r}; it has {known}")
    return bots[bot_id]


def _system(bot: BotSettings, wanted: str | None) -> tuple[str, MiawSettings]:
    """The agent system to set up: its name, and its settings."""
    from botkit.agents.miaw.settings import MiawSettings

    found = {
        name: system.settings
        for name, system in bot.agents.systems.items()
        if isinstance(system.settings, MiawSettings)
    }
    names = ", ".join(found)
    if not found:
        raise click.ClickException(
            f"{bot.name} has no agent system of the type {MIAW}; only that type has such a set-up in Salesforce"
        )
    if wanted is None and len(found) > 1:
        raise click.UsageError(
            f"{bot.name} has several systems of the type {MIAW}; name one with --system: {names}"
        )
    name = wanted or next(iter(found))
    if name not in found:
        raise click.UsageError(f"{bot.name} has no system {name!r} of the type {MIAW}; it has {names}")
    return name, found[name]


def _attributes(
    bot: BotSettings, system: str, settings: MiawSettings, export: Path | None, more: Iterable[str]
) -> dict[str, str]:
    """Every routing attribute of a hand-off to this system, and where it comes from."""
    from botkit.service.rules import rules_for

    rules = rules_for(bot)
    origin = "BotKit's default" if bot.handoff.attributes is None else "handoff.attributes"
    attributes = dict.fromkeys(rules.attributes_of(system), origin)
    if export is not None:
        found = _from_export(export, bot, rules.capabilities(system).meta_infos)
        for name, scripts in found.attributes.items():
            attributes.setdefault(name, f"script {_printable(', '.join(scripts))}")
    for name in more:
        attributes.setdefault(name, "--attribute")
    return attributes


def _from_export(export: Path, bot: BotSettings, meta_infos: Iterable[str]) -> Found:
    """The attributes in an export's scripts. Prints what could not be resolved, and leaves out what cannot have a parameter."""
    from botkit.agents.miaw.metadata.names import problem_of
    from botkit.agents.miaw.metadata.scripts import Script, attributes_in
    from botkit.cli.exports import read

    exported = read(export)
    if (other := exported.bot_id) and other not in (bot.id, *bot.linked):
        _notice(f"the export is of the bot {_printable(other)}, not of {bot.id}")
    scripts = (Script(name, text) for name, text in exported.scripts)
    found = attributes_in(scripts, meta_infos=tuple(meta_infos))
    for sentence in found.unresolved:
        _notice(f"{_printable(sentence)}: look there, and add what it sets with --attribute")
    for name in [name for name in found.attributes if problem_of(name)]:
        del found.attributes[name]
        _notice(f"the attribute {_printable(name)!r} of a script {problem_of(name)}, and is left out")
    if not found.attributes and not found.unresolved:
        _notice(f"no script of {export} sets preChatInfo")
    return found


# --- where to write ---


def _target(out: Path) -> Target:
    from botkit.agents.miaw.metadata.source import PROJECT_FILE

    out = out.resolve()
    above = next((folder for folder in out.parents if (folder / PROJECT_FILE).is_file()), None)
    return Target(out, above or out.parent, above is not None)


def _write(files: Mapping[Path, str], *, force: bool) -> None:
    """Write all files, or none if one of them differs and must not be replaced.

    Raises:
        ClickException: with every file that differs, or with the one that cannot be written.
    """
    try:
        differing = [
            file
            for file, text in files.items()
            if file.exists() and file.read_bytes() != text.encode("utf-8")
        ]
        if differing and not force:
            shown = "\n".join(f"  {_shown(file)}" for file in differing)
            raise click.ClickException(
                f"nothing was written, as these files differ; replace them with --force:\n{shown}"
            )
        for file, text in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode("utf-8"))
    except OSError as error:
        raise click.ClickException(f"cannot write: {error}") from error


def _describe(
    bot: BotSettings, setup: Setup, attributes: Mapping[str, str], target: Target, files: Mapping[Path, str]
) -> None:
    from botkit.agents.miaw.metadata.names import doubts

    click.echo(f"{bot.name}: deployment {setup.deployment}, {len(setup.parameters)} attributes")
    width = max((len(_printable(one.attribute)) for one in setup.parameters), default=0)
    fields = max((len(one.field) for one in setup.parameters), default=0)
    for one in setup.parameters:
        click.echo(
            f"  {_printable(one.attribute):<{width}}  {one.field:<{fields}}  {attributes[one.attribute]}".rstrip()
        )
    for doubt in doubts(setup.parameters):
        _notice(doubt)
    if target.exists and not _in_project(target):
        _notice(
            f'add {{"path": "{target.folder}"}} to packageDirectories in {_shown(target.root)}/sfdx-project.json'
        )
    click.echo(f"{len(files)} files written; the order to deploy them: {_shown(target.out / 'README.md')}")


def _in_project(target: Target) -> bool:
    """Whether one of the project's packages holds the folder."""
    from botkit.agents.miaw.metadata.source import PROJECT_FILE

    try:
        packages = json.loads((target.root / PROJECT_FILE).read_text(encoding="utf-8"))["packageDirectories"]
        folders = [target.root / package["path"] for package in packages]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return any(target.out.is_relative_to(folder.resolve()) for folder in folders)


def _shown(file: Path) -> str:
    return str(file.relative_to(Path.cwd())) if file.is_relative_to(Path.cwd()) else str(file)


def _notice(sentence: str) -> None:
    click.echo(f"  {click.style('notice', fg='yellow')}  {sentence}", err=True)


def _printable(text: str) -> str:
    """A text of an export, without what would control the terminal."""
    return "".join(one if one.isprintable() else "?" for one in text)
