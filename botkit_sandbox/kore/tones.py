"""Tones of a user's message, as hooks and dialogs see them: message_tone and dialog_tone.

docs/protocols/kore-xo-botkit.md, 2.5. The platform scores six tones from -3 to +3; these few words stand for its lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from botkit_sandbox.kore.understanding import normalised

_LEVELS: Mapping[str, Mapping[str, int]] = {
    "angry": {
        **dict.fromkeys(("angry", "furious", "outrageous", "unacceptable", "damn", "hate", "idiots"), 3),
        **dict.fromkeys(("ridiculous", "useless", "terrible", "awful", "worst", "stupid", "mad"), 2),
        **dict.fromkeys(("annoyed", "annoying", "frustrated", "frustrating", "disappointed", "upset"), 1),
    },
    "disgust": dict.fromkeys(("disgusting", "disgusted", "gross", "horrible"), 2),
    "fear": dict.fromkeys(("afraid", "scared", "worried", "anxious"), 2),
    "sad": {**dict.fromkeys(("sad", "unhappy", "depressed"), 2), "sorry": 1},
    "joy": {**dict.fromkeys(("happy", "glad", "delighted", "love", "excited"), 2), "thanks": 1},
    "positive": {
        **dict.fromkeys(("great", "excellent", "perfect", "wonderful", "awesome"), 2),
        **dict.fromkeys(("good", "nice", "thanks", "please"), 1),
    },
}
_STRONGER = frozenset(("very", "extremely", "really", "so", "totally", "absolutely"))
_NEGATED = frozenset(("not", "never", "isnt", "arent", "dont", "wasnt", "no"))

Tone = dict[str, Any]


def tones_of(text: str) -> list[Tone]:
    """The tones of one message: {tone_name, count, level}; empty for a neutral one."""
    found: dict[str, list[int]] = {}
    words = normalised(text)
    for at, word in enumerate(words):
        before = set(words[max(0, at - 2) : at])
        for tone, levels in _LEVELS.items():
            if level := levels.get(word, 0):
                level = min(3, level + bool(before & _STRONGER))
                found.setdefault(tone, []).append(-level if before & _NEGATED else level)
    return [_tone(name, sum(levels) / len(levels), 1) for name, levels in found.items()]


def averaged(session: Sequence[Mapping[str, Any]], message: Sequence[Mapping[str, Any]]) -> list[Tone]:
    """The tones of a session, with those of one more message."""
    held = {str(tone["tone_name"]): (float(tone["level"]), int(tone["count"])) for tone in session}
    for tone in message:
        level, count = held.get(str(tone["tone_name"]), (0.0, 0))
        held[str(tone["tone_name"])] = ((level * count + float(tone["level"])) / (count + 1), count + 1)
    return [_tone(name, level, count) for name, (level, count) in held.items()]


def _tone(name: str, level: float, count: int) -> Tone:
    return {"tone_name": name, "count": count, "level": round(level, 2)}
