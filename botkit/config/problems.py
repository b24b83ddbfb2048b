"""How problems of the configuration are collected, so that all of them are told at once.

Nothing here ever puts a value into a message that came from a secret, the environment or a file.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from botkit.errors import ConfigurationError, Problem

WHOLE_FILE = "(file)"
"""The path of a problem that concerns a file as a whole."""


@dataclass(slots=True)
class Problems:
    """Everything found so far, in the order in which it was found."""

    found: list[Problem] = field(default_factory=list)

    def add(self, file: Path, line: int, path: str, what: str, fix: str) -> None:
        """Remember one problem; saying the same twice is saying it once."""
        problem = Problem(str(file), line, path, one_line(what), one_line(fix))
        if problem not in self.found:
            self.found.append(problem)

    def told(self, file: Path, line: int, path: str) -> bool:
        """Has something been said about this place already?"""
        return any((p.file, p.line, p.path) == (str(file), line, path) for p in self.found)

    def raise_if_any(self) -> None:
        """Raises ConfigurationError with everything found, file by file, from top to bottom."""
        if self.found:
            files = list(dict.fromkeys(problem.file for problem in self.found))
            raise ConfigurationError(tuple(sorted(self.found, key=lambda p: (files.index(p.file), p.line))))


def dotted(path: Iterable[str | int]) -> str:
    """A YAML path as people write it: ``agents.systems.salesforce``, ``kore.callback_hosts[0]``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += ("." if text else "") + shown_key(step)
    return text or WHOLE_FILE


def shown_key(key: str) -> str:
    """A key as messages show it: what follows an odd character may be a value (``secret:hunter2``) and is left out."""
    start = re.match(r"[\w.@ -]{0,60}", key)
    shown = start.group() if start else ""
    return shown if shown == key and key else f"{shown}…"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` most likely was meant to be."""
    by_folded = {known_word.casefold(): known_word for known_word in known}
    matches = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[matches[0]] if matches else None


def one_line(text: str) -> str:
    """The text without line breaks and control characters, so that a problem stays one line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def listed(words: Iterable[str]) -> str:
    """Words in a row: ``a, b or c``."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
