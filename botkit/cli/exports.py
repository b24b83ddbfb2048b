"""Reads an export of a bot for the commands that take `--from-export`: whose it is, and its scripts about `preChatInfo`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import click

from botkit.cli import require

_PRE_CHAT = "preChatInfo"


@dataclass(frozen=True, slots=True)
class Exported:
    """What the commands need of an export.

    Attributes:
        bot_id: the bot's id, ``st-…``; empty if the export has none.
        scripts: (name of the node, JavaScript) of every text that speaks of `preChatInfo`, and of the files of functions.
    """

    bot_id: str
    scripts: tuple[tuple[str, str], ...]


def read(export: Path) -> Exported:
    """Read an export: a zip file, a folder or its JSON file.

    Raises:
        ClickException: there is no export, or the sandbox, which reads them, is not installed.
    """
    require("botkit_sandbox")
    from botkit_sandbox.errors import ExportError
    from botkit_sandbox.kore.archive import found_in
    from botkit_sandbox.kore.decoding import decoded

    try:
        found = found_in(export)
        texts = chain(_texts(found.definition), found.scripts.items())
        # Percent-encoding leaves letters alone, so the word stands in an encoded script too.
        scripts = tuple((name, decoded(text)) for name, text in texts if _PRE_CHAT in text)
    except ExportError as error:
        raise click.ClickException(f"{export} is no export of a bot: {'; '.join(error.problems)}") from None
    bot_id = found.definition.get("_id")
    return Exported(bot_id if isinstance(bot_id, str) and bot_id.startswith("st-") else "", scripts)


def _texts(definition: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Every text, and the name of the innermost object around it that has one."""
    waiting: deque[tuple[str, object]] = deque([("the export", definition)])
    while waiting:
        name, value = waiting.popleft()
        if isinstance(value, str):
            yield name, value
        elif isinstance(value, Mapping):
            own = value.get("name")
            named = own if isinstance(own, str) and own else name
            waiting.extend((named, one) for one in value.values())
        elif isinstance(value, list):
            waiting.extend((name, one) for one in value)
