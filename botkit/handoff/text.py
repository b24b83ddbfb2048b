"""Length of texts as the platforms count it, and cutting between graphemes.

Lengths are UTF-16 code units, the smallest unit that the platforms (JavaScript, Java) count in: a text that fits in these units
fits in any other. Cuts fall between graphemes, the characters that a reader perceives: an emoji with its skin tone, a letter
with its accents, a flag. Only a grapheme longer than the limit or `LONGEST_GRAPHEME` is itself cut.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_ENDS_OF_LINES = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
"""What ends a line, as `str.splitlines` has it."""
_LINE_END = r"(?:\r\n|(?<!\r)\n|\r(?!\n)|[\v\f\x1c-\x1e\x85\u2028\u2029])"
_BLANK = r"[\t-\r\x1c-\x20\x85\u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000]"
"""White space that allows a line break; no-break spaces do not."""
_ANY_LINE_END = re.compile(f"[{_ENDS_OF_LINES}]")
_GAP = re.compile(f"{_BLANK}+")
_LONGEST_GAP = 10_000
"""How many characters of a gap behind the end of a piece are looked at."""
_LAST_PARAGRAPH, _LAST_LINE, _LAST_WORD = (
    re.compile(f"(?s:.*)(?<!{_BLANK})(?={gap})")
    for gap in (f"{_BLANK}*{_LINE_END}{_BLANK}*{_LINE_END}", f"{_BLANK}*{_LINE_END}", _BLANK)
)
"""Each matches up to the last gap: one with two line ends, with one, or any."""
_FIRST_MARK = "\u0300"
"""No character before this one extends another."""
_DIRECTION_MARKS = re.compile(r"[\u061c\u200e\u200f\u2066-\u2069]")
"""Invisible characters that a copied word may bring along from a text with both directions."""
LONGEST_GRAPHEME = 64
"""Code points; a longer grapheme may be cut. Unicode's stream-safe texts have 30 marks on one letter at most (UAX #15)."""
_MAX_TRIES = 64
"""How many of the last gaps of a piece are looked at: no cut is possible at a space that carries an accent."""
LONGEST_COMPARED = 4_000
"""Max characters of a text of which spelling does not count; those of the configuration have up to 2,000."""


def length(text: str) -> int:
    """The number of UTF-16 code units of `text`."""
    if text.isascii():
        return len(text)
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, limit: int) -> str:
    """The beginning of `text`, at most `limit` code units long."""
    end = _reach(text, 0, limit)
    return text if end == len(text) else text[: _grapheme_border(text, 0, end)]


def split(text: str, limit: int) -> list[str]:
    """`text` in pieces of at most `limit` code units; see `pieces`.

    Raises:
        ValueError: the limit is under 2, the length of one character at most.
    """
    return list(pieces(text, limit))


def pieces(text: str, limit: int) -> Iterator[str]:
    """`text` in pieces of at most `limit` code units, each cut when it is asked for.

    A text that fits is one piece, unchanged. Otherwise the cuts fall between paragraphs or lines (if the piece is then at
    least half full), else between words, else between graphemes. Only white space at the cuts and at both ends is lost; the
    indentation of a line after a cut stays. No piece is blank; a blank text has no pieces.

    Raises:
        ValueError: the limit is under 2, the length of one character at most.
    """
    if limit < 2:
        raise ValueError(f"a limit of {limit} cannot hold every character; it has to be 2 or more")
    if _reach(text, 0, limit) == len(text):
        if text.strip():
            yield text
        return
    text = text.strip()
    start = 0
    while start < len(text):
        end = _reach(text, start, limit)
        stop, resume = (end, end) if end == len(text) else _stop(text, start, end)
        piece = text[start:stop]
        if piece.strip():
            yield piece
        start = resume


def _stop(text: str, start: int, end: int) -> tuple[int, int]:
    """The end of the piece from `start`, at most `end`, and the start of the next one."""
    half_full = start + (end - start + 1) // 2
    # Of a gap that begins before the end, what lies behind the end counts too.
    gap = _GAP.match(text, end, end + _LONGEST_GAP)
    seen = gap.end() if gap is not None else end
    has_line_end = _ANY_LINE_END.search(text, half_full, seen) is not None
    for last in (_LAST_PARAGRAPH, _LAST_LINE, _LAST_WORD) if has_line_end else (_LAST_WORD,):
        first, before = start + 1 if last is _LAST_WORD else half_full, seen
        for _ in range(_MAX_TRIES):
            found = last.match(text, first, before)
            if found is None:
                break
            stop = before = found.end()
            resume = _end_of_gap(text, stop)
            if resume > stop:
                line_end = max(text.rfind(char, stop, resume) for char in _ENDS_OF_LINES)
                return stop, resume if line_end < 0 else line_end + 1
    border = _grapheme_border(text, start, end)
    return border, border


def _end_of_gap(text: str, start: int) -> int:
    gap = _GAP.match(text, start)
    end = gap.end() if gap is not None else start
    if text[end] >= _FIRST_MARK and not _is_border(text, end, start):
        return end - 1  # An accent follows the last space, which belongs to the accent's grapheme.
    return end


def _reach(text: str, start: int, limit: int) -> int:
    """The index up to which `text` from `start` fits into `limit` code units."""
    end = min(len(text), start + max(limit, 0))
    while (over := length(text[start:end]) - limit) > 0 and end > start:
        end -= (over + 1) // 2  # Each character has two code units at most.
    return end


def _grapheme_border(text: str, start: int, end: int) -> int:
    """The last grapheme border at or before `end`; `end` itself if one grapheme fills the range, or all that is looked at."""
    for index in range(end, max(start, end - LONGEST_GRAPHEME), -1):
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
        other = text[start:index].rstrip(_FLAG_LETTERS)
        return (index - start - len(other)) % 2 == 0
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


_FLAG_LETTERS = "".join(map(chr, range(0x1F1E6, 0x1F200)))


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
