"""Collects the problems of a configuration, so that all of them are reported at once.

No message ever contains a value that came from a secret, the environment or a file.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from botkit.errors import ConfigurationError, Problem

WHOLE_FILE = "(file)"
"""The path of a problem with the file as a whole."""


@dataclass(slots=True)
class Problems:
    """The problems found so far, in the order found."""

    found: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    """What works, but should be changed."""

    def add(self, file: Path, line: int, path: str, what: str, fix: str) -> None:
        """Add a problem, once."""
        problem = Problem(str(file), line, path, one_line(what), one_line(fix))
        if problem not in self.found:
            self.found.append(problem)

    def warn(self, file: Path, line: int, path: str, what: str, fix: str) -> None:
        """Advise to change what works."""
        self.warnings.append(Problem(str(file), line, path, one_line(what), one_line(fix)))

    def has_one_at(self, file: Path, line: int, path: str) -> bool:
        """Whether a problem is reported at this place."""
        return any((p.file, p.line, p.path) == (str(file), line, path) for p in self.found)

    def any_under(self, file: Path, path: str) -> bool:
        """Whether a problem is reported at a path or below it."""
        return any(
            p.file == str(file) and f"{p.path}.".startswith((f"{path}.", f"{path}[")) for p in self.found
        )

    def raise_if_any(self) -> None:
        """Raise ConfigurationError with every problem, file by file, from top to bottom."""
        if self.found:
            files = list(dict.fromkeys(problem.file for problem in self.found))
            raise ConfigurationError(tuple(sorted(self.found, key=lambda p: (files.index(p.file), p.line))))


def dotted(path: Iterable[str | int]) -> str:
    """A YAML path as text: ``agents.systems.support``, ``kore.callback_hosts[0]``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += ("." if text else "") + shown_key(step)
    return text or WHOLE_FILE


def shown_key(key: str) -> str:
    """A key for messages, cut at the first unusual character: the rest may be a value (``secret:hunter2``)."""
    start = re.match(r"[\w.@ -]{0,60}", key)
    shown = start.group() if start else ""
    return shown if shown == key and key else f"{shown}…"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most similar to `word`, if one is similar enough."""
    by_folded = {known_word.casefold(): known_word for known_word in known}
    matches = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[matches[0]] if matches else None


def suggestion(word: str | None, known: Iterable[str], otherwise: str) -> str:
    """The fix for an unknown word: the most similar known one, else `otherwise`. None: the word must not be hinted at."""
    meant = nearest(word, known) if word is not None else None
    return f"did you mean {meant}?" if meant else otherwise


def one_line(text: str) -> str:
    """The text on one line, without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def listed(words: Iterable[str]) -> str:
    """Words as a list in a sentence: ``a, b or c``."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
