"""A bot export on disk: found, read, and refused with advice if the platform could not run it.

docs/protocols/kore-xo-botkit.md, 7, describes the format. `inspection.py` checks the definition.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from botkit_sandbox.errors import ExportError
from botkit_sandbox.kore.inspection import inspect_config, inspect_definition

_WRAPPERS = ("botDefinition", "appDefinition", "app", "bot")
_DEFINITION_FILES = ("botDefinition.json", "appDefinition.json")


@dataclass(frozen=True, slots=True)
class BotExport:
    """The two JSON files of an export, unchanged."""

    definition: Mapping[str, Any]
    config: Mapping[str, Any]

    @property
    def bot_id(self) -> str:
        return str(self.definition["_id"])

    @property
    def name(self) -> str:
        names = self.definition["localeData"]
        return str(names[self.definition.get("defaultLanguage", "en")]["name"])


def check(export: BotExport | Mapping[str, Any]) -> list[str]:
    """Every problem of an export, one sentence each; an empty list means that it can be imported and run.

    Args:
        export: a whole export, or the content of botDefinition.json alone.
    """
    if isinstance(export, BotExport):
        return [*inspect_definition(export.definition), *inspect_config(export.config)]
    return inspect_definition(_unwrapped(export))


def load_export(folder: Path) -> BotExport:
    """Read the export in `folder`.

    Raises:
        ExportError: a file is missing, is not JSON, or the bot has problems.
    """
    present = [folder / name for name in _DEFINITION_FILES if (folder / name).is_file()]
    if not present:
        wanted = " or ".join(_DEFINITION_FILES)
        raise ExportError(
            str(folder), [f"there is no {wanted}; unzip the export of the XO builder into this folder"]
        )
    definition = _unwrapped(_read_object(present[0]))
    config_file = folder / "config.json"
    if not config_file.is_file():
        raise ExportError(str(folder), ["there is no config.json; export the bot with its settings"])
    export = BotExport(definition=definition, config=_read_object(config_file))
    problems = check(export)
    if problems:
        raise ExportError(str(folder), problems)
    return export


def sample_bot_folder() -> Path:
    """The sample bot: inside an installed wheel, or at the root of a checkout.

    Raises:
        ExportError: neither is there.
    """
    package = Path(str(files("botkit_sandbox")))
    for folder in (package / "sample_bot", package.parent / "sample_bot"):
        if (folder / "botDefinition.json").is_file():
            return folder
    raise ExportError(
        "sample_bot", ["the folder is missing; install botkit again, or name a bot with --bot DIR"]
    )


def _read_object(file: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ExportError(
            str(file), [f"it cannot be read as JSON ({error}); export the bot again"]
        ) from error
    if not isinstance(content, dict):
        raise ExportError(str(file), ["it holds no JSON object; export the bot again"])
    return content


def _unwrapped(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Some exports wrap the definition in one more object."""
    for wrapper in _WRAPPERS:
        inner = content.get(wrapper)
        if isinstance(inner, dict) and "dialogs" in inner:
            return inner
    return content
