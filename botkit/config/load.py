"""From `botkit.yaml` and the bot files it names to `Settings`, or to everything that is wrong with them at once."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from botkit.agents.registry import installed_types
from botkit.config.bot_file import BotFile, read_bot_file, read_checked
from botkit.config.nodes import locate
from botkit.config.problems import Problems
from botkit.config.schema import server_schema
from botkit.config.settings import SecuritySettings, ServerSettings, Settings, StoreSettings
from botkit.config.store_url import absolute, check_store
from botkit.config.validation import Checked


def load(path: str | os.PathLike[str], *, environ: Mapping[str, str] | None = None) -> Settings:
    """Read and check a whole configuration.

    Args:
        path: the server's file, `botkit.yaml`; problems name it as it is given here.
        environ: what `${NAME}` is filled from; the process's environment when left out.

    Raises:
        ConfigurationError: with every problem of every file.
    """
    variables = os.environ if environ is None else environ
    problems = Problems()
    checked = read_checked(Path(path), server_schema(), environ=variables, problems=problems)
    bots: list[BotFile] = []
    if checked is not None:
        check_store(checked)
        known_types = installed_types()
        for file in _bot_files(checked):
            bot = read_bot_file(
                file,
                environ=variables,
                problems=problems,
                insecure_http=checked.at("security", "insecure_http") is True,
                known_types=known_types,
            )
            if bot is not None:
                bots.append(bot)
    _check_ids(bots, problems)
    problems.raise_if_any()
    assert checked is not None  # noqa: S101 (a file that could not be read is a problem)
    return _settings(checked, bots)


def _bot_files(checked: Checked) -> Sequence[Path]:
    """Every file the patterns of `bots` name, each once, in the order of its pattern and its name."""
    patterns = checked.at("bots")
    found: dict[Path, Path] = {}
    for index in range(len(patterns) if isinstance(patterns, list) else 0):
        pattern = checked.text("bots", index)
        if not pattern:
            continue
        names = sorted(glob.glob(pattern, root_dir=checked.file.parent, recursive=True))
        files = [file for name in names if (file := checked.file.parent / name).is_file()]
        if not files:
            what = f"{checked.shown(('bots', index))}matches no file"
            fix = "add a bot's file there, or correct the pattern; it is relative to this file"
            checked.complain(("bots", index), what, fix)
        for file in files:
            found.setdefault(file.resolve(), file)
    return list(found.values())


def _check_ids(bots: Sequence[BotFile], problems: Problems) -> None:
    first: dict[str, str] = {}
    for bot in bots:
        bot_id = bot.bot_id()
        if not bot_id:
            continue
        line, _ = locate(bot.checked.root, ("bot", "id"))
        place = f"{bot.checked.file}:{line}"
        if bot_id in first:
            what = f"the same id as in {first[bot_id]}"
            problems.add(
                bot.checked.file, line, "bot.id", what, "remove one of the two files, or correct its id"
            )
        first.setdefault(bot_id, place)


def _settings(checked: Checked, bots: Sequence[BotFile]) -> Settings:
    value: Any = checked.value
    return Settings(
        server=ServerSettings(**value.get("server", {})),
        store=StoreSettings(absolute(value.get("store", {}).get("url", StoreSettings().url))),
        security=SecuritySettings(**value.get("security", {})),
        bots=MappingProxyType({bot.id: bot for bot in (file.settings() for file in bots)}),
    )
