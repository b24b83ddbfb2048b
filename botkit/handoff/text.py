"""Length of texts as the platforms count it, and cutting between graphemes.

Lengths are UTF-16 code units, the smallest unit that the platforms (JavaScript, Java) count in: a text that fits in these units
fits in any other. Cuts fall between graphemes, the characters that a reader perceives: an emoji with its skin tone, a letter
with its accents, a flag. Only a grapheme longer than the limit is itself cut.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from dataclasses import dataclass

_WHITE_SPACE = re.compile(r"[^\S\u00a0\u2007\u202f]+")
"""White space that allows a line break; no-break spaces do not."""
_DIRECTION_MARKS = re.compile(r"[\u061c\u200e\u200f\u2066-\u2069]")
"""Invisible characters that a copied word may bring along from a text with both directions."""
LONGEST_COMPARED = 4_000
"""Max characters of a text of which spelling does not count; those of the configuration have up to 2,000."""


def length(text: str) -> int:
    """The number of UTF-16 code units of `text`."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, limit: int) -> str:
    """The beginning of `text`, at most `limit` code units long."""
    end = _reach(text, 0, limit)
    return text if end == len(text) else text[: _grapheme_border(text, 0, end)]


def split(text: str, limit: int) -> list[str]:
    """`text` in pieces of at most `limit` code units.

    A text that fits is one piece, unchanged. Otherwise the cuts fall between paragraphs or lines (if the piece is then at
    least half full), else between words, else between graphemes. Only white space at the cuts and at both ends is lost; the
    indentation of a line after a cut stays. No piece is blank; a blank text has no pieces.

    Raises:
        ValueError: the limit is under 2, the length of one character at most.
    """
    if limit < 2:
        raise ValueError(f"a limit of {limit} cannot hold every character; it has to be 2 or more")
    if not text.strip():
        return []
    if _reach(text, 0, limit) == len(text):
        return [text]
    text = text.strip()
    gaps = _gaps(text)
    pieces: list[str] = []
    start = 0
    while start < len(text):
        end = _reach(text, start, limit)
        stop, resume = (end, end) if end == len(text) else _stop(text, gaps, start, end)
        piece = text[start:stop]
        if piece.strip():
            pieces.append(piece)
        start = resume
    return pieces


@dataclass(frozen=True, slots=True)
class _Gap:
    """A run of white space: its start, the start of the next piece after a cut here, and the number of line ends in it."""

    start: int
    resume: int
    line_ends: int


def _gaps(text: str) -> list[_Gap]:
    found = []
    for match in _WHITE_SPACE.finditer(text):
        start, end = match.span()
        if not _is_border(text, end, start):
            # An accent follows the last space, which belongs to the accent's grapheme.
            end -= 1
        if end > start:
            *lines, indentation = (text[start:end] + "|").splitlines()
            found.append(_Gap(start, end - len(indentation) + 1 if lines else end, len(lines)))
    return found


def _stop(text: str, gaps: list[_Gap], start: int, end: int) -> tuple[int, int]:
    """The end of the piece from `start`, at most `end`, and the start of the next one."""
    first = bisect_right(gaps, start, key=lambda gap: gap.start)
    last = bisect_right(gaps, end, key=lambda gap: gap.start)
    half_full = bisect_left(gaps, start + (end - start + 1) // 2, key=lambda gap: gap.start)
    for line_ends in (2, 1):
        for gap in reversed(gaps[half_full:last]):
            if gap.line_ends >= line_ends:
                return gap.start, gap.resume
    if first < last:
        return gaps[last - 1].start, gaps[last - 1].resume
    border = _grapheme_border(text, start, end)
    return border, border


def _reach(text: str, start: int, limit: int) -> int:
    """The index up to which `text` from `start` fits into `limit` code units."""
    if 2 * (len(text) - start) <= limit:
        return len(text)  # Even if each character has two code units.
    left = limit
    for index in range(start, min(len(text), start + max(limit, 0))):
        left -= 2 if text[index] > "\uffff" else 1
        if left < 0:
            return index
    return min(len(text), start + max(limit, 0))


def _grapheme_border(text: str, start: int, end: int) -> int:
    """The last grapheme border at or before `end`; `end` itself if one grapheme fills the range."""
    for index in range(end, start, -1):
        if _is_border(text, index, start):
            return index
    return end


def _is_border(text: str, index: int, start: int) -> bool:
    """Whether a grapheme border lies at `index`, given that one lies at `start`.

    The rules join everything that Unicode UAX #29 joins, and a little more.
    """
    if index <= start or index >= len(text):
        return True
    before, after = text[index - 1], text[index]
    if before == "\r" and after == "\n":
        return False
    if unicodedata.category(before) in _LINE_ENDS or unicodedata.category(after) in _LINE_ENDS:
        return True
    if _extends(after) or before == "\u200d":
        return False
    if unicodedata.combining(before) == _VIRAMA and after.isalpha():
        return False
    if "\ud800" <= before <= "\udbff" and "\udc00" <= after <= "\udfff":
        return False
    if _is_flag_letter(before) and _is_flag_letter(after):
        letters = index - 1
        while letters > start and _is_flag_letter(text[letters - 1]):
            letters -= 1
        return (index - letters) % 2 == 0
    return not _is_one_syllable(before, after)


_LINE_ENDS = frozenset({"Cc", "Zl", "Zp"})
_VIRAMA = 9
"""The combining class of the signs that join Indic consonants."""


def _extends(char: str) -> bool:
    """Marks, joiners, variation selectors, skin tones, flag tags, and Thai and Lao am: they extend the preceding character."""
    return (
        unicodedata.category(char) in ("Mn", "Me", "Mc")
        or char in "\u200c\u200d\u0e33\u0eb3"
        or "\U0001f3fb" <= char <= "\U0001f3ff"
        or "\U000e0020" <= char <= "\U000e007f"
    )


def _is_flag_letter(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _is_one_syllable(before: str, after: str) -> bool:
    """Decomposed Hangul: leading consonants, then vowels, then trailing consonants."""
    leading = "\u1100" <= before <= "\u115f" or "\ua960" <= before <= "\ua97c"
    if "\u1160" <= after <= "\u11ff" or "\ud7b0" <= after <= "\ud7fb":
        return leading or "\u1160" <= before <= "\u11ff" or "\uac00" <= before <= "\ud7fb"
    return leading and (
        "\u1100" <= after <= "\u115f" or "\ua960" <= after <= "\ua97c" or "\uac00" <= after <= "\ud7a3"
    )


def as_compared(text: str) -> str:
    """A text without what does not distinguish it from an equal one: case, spacing, direction marks, punctuation at its end.

    Nothing that long texts are compared with is as long, so they stay as they are: the time grows with the square of the
    accents on one letter.
    """
    if len(text) > LONGEST_COMPARED:
        return text
    visible = _DIRECTION_MARKS.sub("", unicodedata.normalize("NFKC", text))
    folded = " ".join(visible.casefold().split())
    bare = folded
    while bare and (bare[-1] == " " or unicodedata.category(bare[-1]).startswith("P")):
        bare = bare[:-1]
    return bare or folded
