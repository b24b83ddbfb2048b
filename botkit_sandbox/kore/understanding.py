"""Intent recognition: trained sentences and patterns, regardless of case and punctuation.

The real platform's models are not emulated. A sentence selects a dialog if it is one of its training sentences, matches one
of its patterns, or shares most words with one of its training sentences, and fewer with those of every other dialog.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

CLOSE_ENOUGH = 0.6


@dataclass(frozen=True, slots=True)
class Utterance:
    """A training sentence; an empty language means every language."""

    dialog_id: str
    language: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """Words that must occur in this order, with any words between them."""

    dialog_id: str
    language: str
    words: tuple[str, ...]

    @classmethod
    def written(cls, dialog_id: str, language: str, value: str) -> Pattern:
        """Parse the builder's notation; `~concept` and `*` both stand for any words."""
        words = [word for word in value.split() if word != "*" and not word.startswith("~")]
        return cls(dialog_id, language, normalised(" ".join(words)))

    def matches(self, words: tuple[str, ...]) -> bool:
        following = iter(words)
        return bool(self.words) and all(word in following for word in self.words)


class TrainingData(Protocol):
    """The training data of a bot."""

    @property
    def utterances(self) -> tuple[Utterance, ...]: ...
    @property
    def patterns(self) -> tuple[Pattern, ...]: ...


def normalised(text: str) -> tuple[str, ...]:
    """The words of a text: compatibility forms folded, lower case, without punctuation."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "'").replace("'", "")
    return tuple(re.findall(r"[\w]+", folded))


def exactly_recognised_dialog(bot: TrainingData, text: str, language: str) -> str | None:
    """The id of the dialog of which `text` is a training sentence or the name, or None."""
    words = normalised(text)
    known, _ = _taught(bot, language)
    return next((utterance.dialog_id for utterance in known if words and utterance.words == words), None)


def recognised_dialog(bot: TrainingData, text: str, language: str) -> str | None:
    """The id of the dialog that `text` selects, or None if the bot does not understand."""
    words = normalised(text)
    if not words:
        return None
    exact = exactly_recognised_dialog(bot, text, language)
    if exact is not None:
        return exact
    known, taught = _taught(bot, language)
    for pattern in bot.patterns:
        if (not taught or pattern.language == language) and pattern.matches(words):
            return pattern.dialog_id
    return closest(known, words)


def _taught(bot: TrainingData, language: str) -> tuple[list[Utterance], bool]:
    """The sentences of a language, or all if the bot has none in it; and whether it has."""
    taught = any(u.language == language for u in bot.utterances)
    return [u for u in bot.utterances if not taught or u.language in ("", language)], taught


def closest(known: Iterable[Utterance], words: tuple[str, ...]) -> str | None:
    """The id whose sentences share most words with these, if they share enough, and with no other id as many."""
    said = set(words)
    if not said:
        return None
    best: dict[str, float] = {}
    for utterance in known:
        trained = set(utterance.words)
        likeness = len(said & trained) / len(said | trained)
        best[utterance.dialog_id] = max(likeness, best.get(utterance.dialog_id, 0.0))
    ranked = sorted(best.items(), key=lambda item: -item[1])
    if not ranked or ranked[0][1] < CLOSE_ENOUGH:
        return None
    return None if len(ranked) > 1 and ranked[1][1] == ranked[0][1] else ranked[0][0]
