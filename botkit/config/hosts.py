"""The hosts BotKit may call back: `host` or `host:port`, in lower case, never a URL."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from botkit.errors import UnusableValue

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_FIX = "write a host, or host:port, such as bots.kore.ai"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


def parse_callback_host(value: str) -> str:
    """One entry of `kore.callback_hosts` in its one spelling.

    Raises:
        UnusableValue: it is a URL, a pattern or no host at all.
    """
    text = value.strip().lower()
    if "/" in text or "@" in text:
        raise UnusableValue("is a URL, not a host", _fix_of_url(text), discreet_fix=_FIX)
    if "*" in text:
        raise UnusableValue("is a pattern, not a host", "name every host of its own, such as bots.kore.ai")
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not _is_host(host) or port == 0 or text.endswith(":"):
        raise UnusableValue("is not a host", _FIX)
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"


def _is_host(host: str) -> bool:
    if ":" in host or re.fullmatch(r"[0-9.]+", host):
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return False
        return True
    return len(host) <= 253 and _NAME.fullmatch(host) is not None


def _fix_of_url(text: str) -> str:
    try:
        host = urlsplit(text if "//" in text else f"//{text}").hostname
    except ValueError:
        host = None
    return f"write {host}" if host and _is_host(host) else _FIX
