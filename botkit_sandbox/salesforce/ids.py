"""Salesforce's identifiers: record ids in forms of 15 and 18 characters, and the UUIDs that clients make.

Numbers in parentheses are sections of docs/protocols/salesforce-miaw.md.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def long_id(short: str) -> str:
    """The 18 character form: three letters that say which of the 15 characters are upper case."""
    chunks = (short[start : start + 5] for start in (0, 5, 10))
    return short + "".join(
        _SUFFIX[sum(1 << bit for bit, letter in enumerate(chunk) if letter.isupper())] for chunk in chunks
    )


def short_id(record_id: str) -> str:
    """The 15 character form, which tokens and X-Org-Id carry."""
    return record_id[:15]


def is_uuid(text: str) -> bool:
    """Whether `text` is a UUID of any version, as message and entry ids must be."""
    return _UUID.fullmatch(text) is not None


def is_conversation_id(text: str) -> bool:
    """Whether `text` is a lower-case UUID 4 with the RFC 4122 variant; Salesforce checks both (2.1)."""
    return _UUID4.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class RecordIds:
    """Makes record ids such as ``0MwSB0000000001``, counting up per object."""

    _counters: dict[str, Iterator[int]] = field(default_factory=dict)

    def new(self, prefix: str) -> str:
        """The next 15 character id of the object with this three character key prefix."""
        number = next(self._counters.setdefault(prefix, itertools.count(1)))
        return f"{prefix}SB{number:010d}"
