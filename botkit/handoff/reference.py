"""The reference of a hand-off: eight characters that people can read out, such as ``7K3M-9Q2X``.

It is the beginning of the agent session's id, 40 random bits, in Crockford's base 32 (no I, L, O and U). So it needs no field of
its own, and is the same in the log, the store, the metrics and the agent's console. The next agent system in line gets a session
of its own with the same beginning: it is the same hand-off.
"""

from __future__ import annotations

import hashlib
import re

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {**{letter: value for value, letter in enumerate(_ALPHABET)}, "O": 0, "I": 1, "L": 1}
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_BETWEEN = re.compile(r"[\s_.·‐-―-]+")
_LENGTH = 8
_REFERENCE = re.compile(r"(?<![\w-])[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}(?![\w-])")
ANY = "0000-0000"
"""Stands for any reference in a text."""
_BITS = 5
_HEX_DIGITS = 10


def number_of(session_id: str) -> int:
    """The 40 bits of an agent session's id, which the store keeps."""
    try:
        return int(session_id[:8] + session_id[9:11], 16)
    except ValueError:
        # No UUID: an id of tests or of another version.
        return int.from_bytes(hashlib.blake2b(session_id.encode(), digest_size=5).digest(), "big")


def hex_beginning(number: int) -> str:
    """How the ids of agent sessions with this number begin: ``01234567-89``."""
    digits = f"{number:0{_HEX_DIGITS}x}"
    return f"{digits[:8]}-{digits[8:]}"


def reference(session_id: str) -> str:
    """The reference of an agent session, such as ``7K3M-9Q2X``."""
    return shown(number_of(session_id))


def shown(number: int) -> str:
    """The reference of a number."""
    letters = "".join(_ALPHABET[(number >> shift) & 31] for shift in range(_BITS * (_LENGTH - 1), -1, -_BITS))
    return f"{letters[:4]}-{letters[4:]}"


def number_in(text: str) -> int | None:
    """The number of a reference that somebody typed or copied, or of an agent session's id; None if it is neither.

    Case, spaces and hyphens do not matter; O counts as 0, I and L as 1.
    """
    text = text.strip().strip("\u2066\u2067\u2068\u2069\u200e\u200f")
    if _ID.fullmatch(text):
        return number_of(text.lower())
    letters = _BETWEEN.sub("", text).upper()
    if len(letters) != _LENGTH or any(letter not in _VALUES for letter in letters):
        return None
    number = 0
    for letter in letters:
        number = number << _BITS | _VALUES[letter]
    return number


def with_any_reference(text: str) -> str:
    """A text with every reference in it replaced by `ANY`: so texts of two hand-offs can be compared."""
    return _REFERENCE.sub(ANY, text)


def successor(session_id: str, derived: str) -> str:
    """The id `derived`, a UUID, with the beginning of the session before it, so that both have one reference."""
    return (
        session_id[: _HEX_DIGITS + 1] + derived[_HEX_DIGITS + 1 :] if _ID.fullmatch(session_id) else derived
    )
