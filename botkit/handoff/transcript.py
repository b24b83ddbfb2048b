"""The talk before the hand-off, as the one message the agent reads first.

One, because Salesforce takes only 22 messages a minute from a user (salesforce-miaw.md section 9.17) and because live text
must not land between its lines. Nobody can put words into another's mouth: a speaker's name stands at the beginning of a
line only where we wrote it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from botkit.handoff.events import TranscriptLine
from botkit.handoff.languages import LAST_RESORT, negotiate
from botkit.handoff.text import cut, length
from botkit.handoff.translations import WORDS

_NEXT_LINE = "\n  | "
"""What a further line of the same message begins with. The bar shows even where a console swallows indentation."""

_MAX_NAME = 80
_ELLIPSIS = "…"
_COLONS = re.compile(r"[:：﹕∶꞉]")


def render(
    lines: Sequence[TranscriptLine], *, language: str, user_name: str, bot_name: str, limit: int
) -> str:
    """A heading and the talk, oldest first, one ``Name: text`` after the other.

    Args:
        lines: the talk, oldest first; blank ones are passed over.
        language: of the heading and of the words for those without a name.
        user_name: may be empty.
        bot_name: may be empty.
        limit: the longest result, in UTF-16 code units. Over it the oldest messages are left out, with a line that says
            how many; if even the newest is too long, its end is.

    Returns:
        The message, or an empty text if nothing was said.
    """
    words = WORDS[negotiate(language, WORDS, fallback=LAST_RESORT)]
    speakers = _speakers(user_name, bot_name, words["user"], words["assistant"])
    told = [f"{speakers[line.speaker]}: {_indented(line.text)}" for line in lines if line.text.strip()]
    if not told:
        return ""
    whole = "\n".join([words["heading"], *told])
    if length(whole) <= limit:
        return whole
    longest_beginning = _beginning(words, len(told))
    kept = _newest(told, limit - length(longest_beginning))
    if kept:
        return "\n".join([_beginning(words, len(told) - len(kept)), *kept])
    beginning = _beginning(words, len(told) - 1)
    newest = f"{beginning}\n{told[-1]}"
    return cut(newest, limit - 1) + _ELLIPSIS if limit > 0 else ""


def _beginning(words: dict[str, str], left_out: int) -> str:
    if not left_out:
        return words["heading"]
    return f"{words['heading']}\n{words['omitted'].replace('{count}', str(left_out))}"


def _newest(told: Sequence[str], room: int) -> list[str]:
    """As many of the newest messages as there is room for, each on a line of its own."""
    kept: list[str] = []
    for message in reversed(told):
        room -= 1 + length(message)
        if room < 0:
            break
        kept.append(message)
    return kept[::-1]


def _indented(text: str) -> str:
    """The text without control characters, every line but the first marked as going on."""
    plain = (
        "".join(char for char in line if _is_printed(char)).rstrip() for line in text.strip().splitlines()
    )
    return _NEXT_LINE.join(plain)


def _is_printed(char: str) -> bool:
    return char == "\t" or unicodedata.category(char) != "Cc"


def _speakers(user_name: str, bot_name: str, user: str, assistant: str) -> dict[str, str]:
    """How each side is called. A user named like the bot is not called by name."""
    names = {"user": _name(user_name) or user, "bot": _name(bot_name) or assistant}
    if _same(names["user"], names["bot"]):
        names = {"user": user, "bot": assistant}
    return names


def _name(given: str) -> str:
    """A name as one short run of words without a colon, which would end it early."""
    plain = "".join(char if _is_printed(char) else " " for char in _COLONS.sub(" ", given))
    return cut(" ".join(plain.split()), _MAX_NAME)


def _same(one: str, other: str) -> bool:
    return unicodedata.normalize("NFKC", one).casefold() == unicodedata.normalize("NFKC", other).casefold()
