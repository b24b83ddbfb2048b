"""The standard responses: BotKit's own messages to the user, in the user's language, with the bot's texts or the built-in ones.

Kore's page lets a bot override its four messages per language (docs/protocols/kore-xo-botkit.md, 6.3). The same JSON works
here, also for the further messages. `docs/standard-responses.md` explains it to authors of such texts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from botkit.handoff.languages import LAST_RESORT, broadest, closest
from botkit.handoff.translations import MESSAGES, WORDS
from botkit.handoff.translations.file_reasons import FILE_REASONS

KEYS: tuple[str, ...] = tuple(MESSAGES[LAST_RESORT])
"""The keys of all standard responses."""

_PLACEHOLDER = re.compile(r"\{(agent|command|file|message|minutes|position|reason|reference)\}")
_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"
_MARKS = {"L": "\u200e", "R": "\u200f", "AL": "\u200f"}
"""The invisible character that gives a text the direction of its first strong character."""
_SENTENCE_ENDS = ".!?…¡¿"
_REMEMBERED = 512
"""Max texts that are remembered by key and language; a user may state any language."""


class _Template(NamedTuple):
    """The text that is shown, before its placeholders are filled in.

    Attributes:
        language: of the text.
        text: None if the message is silenced.
        mark: see `_mark_of`.
    """

    language: str
    text: str | None
    mark: str


class Responses:
    """A bot's standard responses: its own texts over the built-in ones.

    Args:
        overrides: language → key → text. The language may be spelled in any way; None silences the message.
        default_language: the language for users in whose language there is neither a text of the bot nor a built-in one.
    """

    __slots__ = ("_default_language", "_overrides", "_template")

    def __init__(self, overrides: Mapping[str, Mapping[str, str | None]], default_language: str) -> None:
        self._overrides = {language: dict(texts) for language, texts in overrides.items()}
        self._default_language = default_language
        # A hand-off needs a dozen texts of one language, and users have few languages.
        self._template = lru_cache(maxsize=_REMEMBERED)(self._look_up)

    def text(
        self,
        key: str,
        language: str,
        *,
        agent: str = "",
        command: str = "",
        message: str = "",
        position: str = "",
        minutes: str = "",
        file: str = "",
        reason: str = "",
        reference: str = "",
    ) -> str | None:
        """A standard response with its placeholders filled in, or None if it is silenced.

        Args:
            key: one of `KEYS`.
            language: the user's language, in any spelling.
            agent: replaces ``{agent}``; if empty, the word for a nameless agent does.
            command: replaces ``{command}``, the word that ends the chat with the agent. It is inserted bare, so that it can
                be copied. If empty, a text with ``{command}`` is None.
            message: replaces ``{message}``.
            position: replaces ``{position}``, the place in the queue.
            minutes: replaces ``{minutes}``, the estimated wait.
            file: replaces ``{file}``, the names of files.
            reason: replaces ``{reason}``, from `file_reason`.
            reference: replaces ``{reference}``, the hand-off's. If empty, lines with ``{reference}`` are left out.

        Raises:
            KeyError: there is no such message.
        """
        found_in, template, mark = self._template(key, language)
        if template is None or ("{command}" in template and not command):
            return None
        if "{" not in template:
            return template
        name = " ".join(agent.split())

        plain = {"command": command, "position": position, "minutes": minutes, "reason": reason}
        isolated = {"agent": name, "file": file, "message": message, "reference": reference}
        if "{reference}" in template and not reference:
            lines = template.split("\n")
            template = "\n".join(line for line in lines if "{reference}" not in line)

        def fill(placeholder: re.Match[str]) -> str:
            kind = placeholder.group(1)
            if kind == "agent" and not name:
                return _nameless(found_in, template[: placeholder.start()])
            return plain[kind] if kind in plain else _isolated(isolated[kind], placeholder)

        filled = _PLACEHOLDER.sub(fill, template)
        return mark + filled if mark and _MARKS.get(_first_strong(filled)) != mark else filled

    def is_own(self, key: str, language: str) -> bool:
        """Whether the text for a user of this language is the bot's, or silenced by it, and not built in."""
        for tag in self._tags(language):
            if any(key in self._overrides[name] for name in closest(tag, self._overrides)):
                return True
            if any(True for _ in closest(tag, MESSAGES)):
                return False
        return False

    def file_reason(self, reason: str, language: str, *, megabytes: float) -> str:
        """Why a file did not arrive (`translations.file_reasons`), in the language of the built-in text."""
        names = (name for tag in self._tags(language) for name in closest(tag, FILE_REASONS))
        return FILE_REASONS[next(names, LAST_RESORT)][reason].replace("{size}", f"{megabytes:.3g}")

    def _tags(self, language: str) -> tuple[str, ...]:
        default = self._default_language
        return (language, broadest(language), default, broadest(default), LAST_RESORT)

    def _look_up(self, key: str, language: str) -> _Template:
        found_in, template = next(self._candidates(key, language))
        if template is None or not template.strip():
            return _Template(found_in, None, "")
        return _Template(found_in, template, _mark_of(template))

    def _candidates(self, key: str, language: str) -> Iterator[tuple[str, str | None]]:
        """The matching texts, each with its language, the best first.

        Within a language the bot's text precedes the built-in one; another region of a language precedes another language.
        """
        for tag in self._tags(language):
            for name in closest(tag, self._overrides):
                if key in self._overrides[name]:
                    yield name, self._overrides[name][key]
            for name in closest(tag, MESSAGES):
                yield name, MESSAGES[name][key]


def _nameless(language: str, before: str) -> str:
    """The word for a nameless agent, capitalised at the beginning of a sentence."""
    found = [*closest(language, WORDS), *closest(broadest(language), WORDS), LAST_RESORT]
    word = WORDS[found[0]]["namelessAgent"]
    begins = not before.strip() or before.rstrip()[-1] in _SENTENCE_ENDS
    return word[0].upper() + word[1:] if begins else word


def _isolated(value: str, placeholder: re.Match[str]) -> str:
    """`value` in directional isolates, where its writing direction could mix with that of the text on the same line.

    Without isolates, Arabic text tears apart a Latin name with a digit or a full stop, and an Arabic name at the beginning
    reverses an English sentence (Unicode UAX #9, section 6.3). A line that consists of `value` alone needs none.
    """
    template = placeholder.string
    if not (_is_right_to_left(template) or _is_right_to_left(value)):
        return value
    lines = value.split("\n")
    before = template[: placeholder.start()].rpartition("\n")[2]
    after = template[placeholder.end() :].partition("\n")[0]
    shared = {number for number, rest in ((0, before), (len(lines) - 1, after)) if rest.strip()}
    return "\n".join(
        f"{_FIRST_STRONG_ISOLATE}{line}{_POP_ISOLATE}" if number in shared and line else line
        for number, line in enumerate(lines)
    )


def _mark_of(template: str) -> str:
    """The mark that keeps the direction of a template where a filled-in value of another one stands first; empty if none does.

    Unicode skips isolates when it looks for the first strong character (UAX #9, P2), but HTML's ``dir="auto"`` does not: a Latin
    name at the beginning would turn an Arabic sentence around.
    """
    before = _PLACEHOLDER.split(template, maxsplit=1)[0]
    return "" if _first_strong(before) else _MARKS.get(_first_strong(_PLACEHOLDER.sub("", template)), "")


def _first_strong(text: str) -> str:
    """The bidirectional class of the first character that has a direction; empty if none has one."""
    classes = map(unicodedata.bidirectional, text)
    return next((one for one in classes if one in _MARKS), "")


def _is_right_to_left(text: str) -> bool:
    return not text.isascii() and any(unicodedata.bidirectional(char) in ("R", "AL") for char in text)
