"""Addresses that open when they are clicked.

Platforms and agents' consoles put files' names into addresses as they are: with blanks, brackets and letters of any script. Chat
windows cut such an address at the first of these characters.
"""

from __future__ import annotations

import re
from urllib.parse import quote, urljoin, urlsplit

_OPENABLE = re.compile(r"https?://", re.IGNORECASE)
_SAFE = "%/:?#@!$&*+,;=-._~"
"""Left as they are: all that structures an address. Brackets and quotation marks are legal, but end a link in a text."""
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def openable(url: str, base: str = "") -> str:
    """The address with every unusual character encoded, and made absolute.

    Args:
        url: the address as it was stated. What is encoded already stays so.
        base: the address that a relative one refers to; empty to leave relative addresses alone.
    """
    url = url.strip()
    if not url:
        return ""
    if base and not _OPENABLE.match(url) and not _has_scheme(url):
        url = _joined(base, url)
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    authority = re.match(r"[^/?#]*", rest)
    host = authority.group() if authority else ""
    encoded = quote(_STRAY_PERCENT.sub("%25", rest[len(host) :]), safe=_SAFE, errors="replace")
    return f"{scheme}://{host}{encoded}"


def _joined(base: str, url: str) -> str:
    try:
        return urljoin(f"{base.rstrip('/')}/", url)
    except ValueError:  # ``//[``: no host at all
        return url


def _has_scheme(url: str) -> bool:
    try:
        return bool(urlsplit(url).scheme)
    except ValueError:
        return False
