"""Salesforce organisation ids: 15 characters starting with 00D, or 18 with a checksum over their upper and lower case."""

from __future__ import annotations

import re

from botkit.errors import UnusableValue

_SHAPE = re.compile(r"00D[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?")
_CHECKSUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_WHERE = "copy “Salesforce.com Organization ID” from Setup → Company Information"


def checksum(first_fifteen: str) -> str:
    """The last three of 18 characters: for each five, which of them are upper-case letters, as one of 32 characters."""
    blocks = (first_fifteen[start : start + 5] for start in (0, 5, 10))
    return "".join(
        _CHECKSUM[sum(1 << place for place, character in enumerate(block) if "A" <= character <= "Z")]
        for block in blocks
    )


def parse_organization_id(value: str) -> str:
    """The id as it was written, once it is known to be one.

    Raises:
        UnusableValue: not 15 or 18 characters starting with 00D, or the checksum does not fit.
    """
    text = value.strip()
    if not _SHAPE.fullmatch(text):
        raise UnusableValue("is not an organisation id (15 or 18 characters starting with 00D)", _WHERE)
    if len(text) == 18 and text[15:] != checksum(text[:15]):
        raise UnusableValue(
            "is mistyped: its last three characters are not the checksum of the others", _WHERE
        )
    return text
