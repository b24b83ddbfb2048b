"""A bot export: read, and refused only if it is none at all.

docs/protocols/kore-xo-botkit.md, 7, describes the format. `archive.py` finds the files, `inspection.py` what is unusual in them.
Numbers in parentheses are sections of that page.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from botkit_sandbox.errors import ExportError
from botkit_sandbox.kore.archive import Found, found_in
from botkit_sandbox.kore.findings import Finding, Kind
from botkit_sandbox.kore.inspection import inspect_config, inspect_definition
from botkit_sandbox.kore.script import syntax_error
from botkit_sandbox.kore.single_dialog import bot_of_single_dialog, is_single_dialog

_WRAPPERS = ("botDefinition", "appDefinition", "app", "bot", "definition", "data")
_WRAPPED_AT_MOST = 3
_ROUTED = re.compile(r"st-[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_OF_A_PROGRAM = re.compile(
    r"\brequire\s*\(|\bmodule\.exports\b|\b(?:window|document)\.|^\s*(?:import|export)\s", re.MULTILINE
)
FUNCTIONS_LIMIT = 500_000
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "exports.sandbox.botkit.example")


@dataclass(frozen=True, slots=True)
class BotExport:
    """The two JSON objects of an export, unchanged, and what was unusual when they were read.

    `functions` is JavaScript: what every script of the bot can call (7.1).
    """

    definition: Mapping[str, Any]
    config: Mapping[str, Any]
    warnings: tuple[Finding, ...] = ()
    functions: str = ""

    @property
    def bot_id(self) -> str:
        """The bot's id, or one derived from it if BotKit's routes would refuse it (2.1)."""
        own = str(self.definition.get("_id") or "")
        if _ROUTED.fullmatch(own.lower()):
            return own.lower()
        return f"st-{uuid.uuid5(_NAMESPACE, own or self.name)}"

    @property
    def name(self) -> str:
        return next(self._names(), "Bot")

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of the bot, its default language first."""
        listed = self.definition.get("supportedLanguages")
        own = [one for one in listed if isinstance(one, str) and one] if isinstance(listed, list) else []
        default = self.definition.get("defaultLanguage")
        first = default if isinstance(default, str) and default else (own[0] if own else "en")
        return tuple(dict.fromkeys([first, *own]))

    def _names(self) -> Iterator[str]:
        locale = self.definition.get("localeData")
        named = locale if isinstance(locale, dict) else {}
        entries = [named.get(self.languages[0]), *named.values(), self.config, self.definition]
        for entry in entries:
            name = entry.get("name") if isinstance(entry, dict) else None
            if isinstance(name, str) and name.strip():
                yield name


def check(export: BotExport | Mapping[str, Any]) -> list[str]:
    """Every problem of an export, one sentence each; an empty list means that the platform can import and run it.

    The sandbox runs an export with problems as well, see `load_export`.

    Args:
        export: a whole export, or the content of botDefinition.json alone.
    """
    if isinstance(export, BotExport):
        found = [*inspect_definition(export.definition), *inspect_config(export.config)]
    else:
        found = inspect_definition(unwrapped(export))
    return [str(finding) for finding in found]


def load_export(path: Path) -> BotExport:
    """Read the export at `path`: a folder, a zip file, or the JSON file itself.

    Raises:
        ExportError: there is no export: no such file, no JSON, or neither dialogs nor components in it.
    """
    found = found_in(path)
    definition = unwrapped(found.definition)
    if is_single_dialog(definition):
        definition = bot_of_single_dialog(definition)
    if not any(isinstance(definition.get(key), list) for key in ("dialogs", "dialogComponents")):
        reason = "it holds neither dialogs nor dialogComponents, so it is not an export of a Kore.ai bot"
        raise ExportError(found.name, [f"{reason}; export the bot in the XO builder"])
    functions = {name: text for name, text in found.scripts.items() if not _no_functions(text)}
    return BotExport(
        definition, found.config or {}, tuple(_warnings(found, definition)), "\n".join(functions.values())
    )


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


def unwrapped(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The definition itself. Some exports wrap it in one more object."""
    for _ in range(_WRAPPED_AT_MOST):
        if "dialogs" in content or "dialogComponents" in content:
            break
        inner = next((content[name] for name in _WRAPPERS if isinstance(content.get(name), dict)), None)
        if inner is None:
            break
        content = inner
    return content


def _warnings(found: Found, definition: Mapping[str, Any]) -> Iterator[Finding]:
    yield from inspect_definition(definition)
    if found.config is None:
        text = f"there is no readable config.json beside {found.name}; export the bot with its settings"
        yield Finding(Kind.CONFIG, "config.json", text)
    else:
        yield from inspect_config(found.config)
    for name, text in found.scripts.items():
        reason = _no_functions(text)
        if reason:
            yield Finding(
                Kind.FUNCTIONS, name, f"{name}: {reason}; keep only the bot's functions beside the export"
            )


def _no_functions(text: str) -> str | None:
    """The reason why a JavaScript file beside an export is not the bot's file of functions."""
    if len(text) > FUNCTIONS_LIMIT:
        return f"it has over {FUNCTIONS_LIMIT // 1000} KB, the most that the platform imports"
    if _OF_A_PROGRAM.search(text):
        return "it is part of a program for a browser or Node"
    wrong = syntax_error(text)
    return None if wrong is None else f"it is not JavaScript ({wrong})"
