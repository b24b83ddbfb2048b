"""Checks of a bot's own settings: the inactivity duration on the platform, and the word that ends the chat."""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from botkit.checks import Outcome, failed, passed, undecided, warned
from botkit.config.settings import BotSettings
from botkit.handoff.text import as_compared

USUAL_INACTIVITY = timedelta(minutes=15)
"""The platform's default (docs/protocols/kore-xo-botkit.md, 4.6)."""
_WHERE = "raise the Inactivity Duration under App Settings › Advanced Settings › Bot Sessions (up to 14 days), and publish"
_TELLS_THE_WORD = "endChatFromUserInstruction"
_DEFINITIONS = ("botDefinition.json", "appDefinition.json")
_MAX_DEFINITION = 200 * 1024 * 1024
_MOST_MILLISECONDS = 10.0**12
_BOT_ID = re.compile(r"st-[0-9a-f-]{36}")
_GIVE_EXPORT = "give an export of the bot: its zip file or folder"


def inactivity(bot: BotSettings, export: Path | None) -> Outcome:
    """The platform keeps a user with the agent for longer than the user may have to wait for one."""
    wait = bot.handoff.accept_timeout
    if export is None:
        seen = f"no call of the platform tells the bot's inactivity duration; its default is {_words(USUAL_INACTIVITY)}"
        if wait >= USUAL_INACTIVITY:
            return warned(
                f"{seen}, and handoff.accept_timeout is {_words(wait)}: a user who waits so long is taken back by the bot",
                f"{_WHERE}; or lower handoff.accept_timeout",
            )
        return undecided(
            f"{seen}. After that silence the user is back with the bot, even while an agent writes",
            f"{_WHERE}. With an export of the bot, botkit doctor --from-export FILE reads it",
        )
    try:
        of_bot, duration = _told_by(export)
    except (OSError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        return undecided(f"{export} cannot be read ({type(error).__name__})", _GIVE_EXPORT)
    if duration is None:
        return undecided(f"{export} has no sessionInactiveTime", _GIVE_EXPORT)
    if of_bot and of_bot not in (bot.id, *bot.linked):
        return undecided(
            f"{export} is an export of the bot {of_bot}", f"give an export of {bot.id}; or correct bot.id"
        )
    seen = f"the export's inactivity duration is {_words(duration)}, handoff.accept_timeout {_words(wait)}"
    if duration <= wait:
        return failed(f"{seen}: a user who waits for an agent is taken back by the bot", _WHERE)
    if duration <= USUAL_INACTIVITY:
        return warned(
            f"{seen}; so long may a user or agent be silent", f"{_WHERE}, if agents take longer to answer"
        )
    return passed(seen)


def end_word(bot: BotSettings) -> Outcome:
    """Users can end the chat by a word, and are told the right one."""
    handoff = bot.handoff
    words = sorted({word for words in handoff.end_chat_words.values() for word in words})
    command = (handoff.end_chat_command or "").strip()
    if not command and not words:
        return warned(
            "no word ends the chat, unless a dialog sets miawMetaInfo.endChatShortHandCommand",
            "set handoff.end_chat_command, such as endagentchat",
        )
    texts = [
        (language, text)
        for language, own in handoff.responses.items()
        if (text := own.get(_TELLS_THE_WORD)) is not None
    ]
    silent = [language for language, own in handoff.responses.items() if own.get(_TELLS_THE_WORD, "") is None]
    untold = [
        language
        for language, text in texts
        if "{command}" not in text
        and not any(word.casefold() in text.casefold() for word in (command, *words) if word)
    ]
    if untold:
        return warned(
            f"{_TELLS_THE_WORD} in {', '.join(untold)} names another word than the one that ends the chat",
            "write {command} where the word stands",
        )
    said = {as_compared(text) for own in handoff.responses.values() for text in own.values() if text}
    if clash := [word for word in (command, *words) if word and as_compared(word) in said]:
        return warned(
            f"{', '.join(clash)} is also a whole text of handoff.responses, which some clients send back when it is clicked",
            "choose another word",
        )
    told = f"; users of {', '.join(silent)} are not told" if silent else ""
    return passed(f"{', '.join(filter(None, (command, *words)))}{told}")


def _told_by(export: Path) -> tuple[str, timedelta | None]:
    """The id and the inactivity duration of the bot in an export, empty and None if it has none.

    Raises:
        OSError, RuntimeError, NotImplementedError, BadZipFile, zlib.error: it cannot be read; zip files can be damaged,
            encrypted or compressed in a way that Python does not know.
    """
    for text in _definitions(export):
        try:
            definition = json.loads(text)
        except ValueError:
            continue
        for part in (definition, *(definition.values() if isinstance(definition, dict) else ())):
            milliseconds = part.get("sessionInactiveTime") if isinstance(part, dict) else None
            if (
                isinstance(milliseconds, int | float)
                and not isinstance(milliseconds, bool)
                and 0 < milliseconds < _MOST_MILLISECONDS
            ):
                found = _BOT_ID.fullmatch(str(part.get("_id", "")))
                return found[0] if found else "", timedelta(milliseconds=milliseconds)
    return "", None


def _definitions(export: Path) -> Iterator[bytes]:
    """The JSON of each definition in an export: a JSON file, a zip file or a folder."""
    if export.is_dir():
        for name in _DEFINITIONS:
            for file in sorted(export.rglob(name)):
                yield file.read_bytes()
    elif zipfile.is_zipfile(export):
        with zipfile.ZipFile(export) as archive:
            for entry in archive.infolist():
                if Path(entry.filename).name in _DEFINITIONS and entry.file_size <= _MAX_DEFINITION:
                    yield archive.read(entry)
    elif export.is_file():
        yield export.read_bytes()


def _words(duration: timedelta) -> str:
    minutes = duration.total_seconds() / 60
    return f"{minutes:g} minutes" if minutes < 120 else f"{minutes / 60:g} hours"
