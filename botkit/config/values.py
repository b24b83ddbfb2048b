"""Parses durations, callback hosts and the store's URL."""

from __future__ import annotations

import ipaddress
import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from botkit.errors import UnusableValue
from botkit.ledger.kinds import is_postgresql

KORE_CHANNELS = (
    "alexa", "audiocodes", "email", "facebook", "googleactions", "hangoutchat", "ivr", "ivrVoice", "jabber", "kore",
    "line", "liveperson", "mattermost", "msteams", "rcs", "ringcentral", "rtm", "skype", "skypeforbusiness", "slack",
    "smartassist", "sms", "spark", "telegram", "twiliovoice", "twitter", "wfacebook", "whatsapp", "yammer",
)  # fmt: skip
"""Channel names in the XO platform's spelling of `channel.type` (docs/protocols/kore-xo-botkit.md, 2.4): those of Kore's page on
the conversation history, and WhatsApp's. The platform may add others."""

MAX_DURATION = timedelta(days=365)
UNUSABLE_DURATION = "is not a duration between 0 and 365 days"

_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_HOST_FIX = "write a host, or host:port, such as bots.kore.ai"


def parse_duration(value: str | float) -> timedelta:
    """A duration from ``250ms``, ``2s``, ``10m``, ``1h``, or a number of seconds.

    Raises:
        UnusableValue: it is not a duration, or longer than a year.
    """
    how = "write 250ms, 2s, 10m, 1h or a number of seconds"
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.strip())
        if match is None:
            raise UnusableValue("is not a duration", how)
        seconds = float(match.group(1)) * _SECONDS[match.group(2) or "s"]
    else:
        seconds = float(value)
    if not 0 <= seconds <= MAX_DURATION.total_seconds():
        raise UnusableValue(UNUSABLE_DURATION, how)
    return timedelta(seconds=seconds)


def parse_callback_host(value: str) -> str:
    """One entry of `kore.callback_hosts`, normalised to ``host`` or ``host:port`` in lower case.

    Raises:
        UnusableValue: it is a URL, a pattern or no host at all.
    """
    text = value.strip().lower()
    if "/" in text or "@" in text:
        raise UnusableValue("is a URL, not a host", _fix_of_url(text), discreet_fix=_HOST_FIX)
    if "*" in text:
        raise UnusableValue("is a pattern, not a host", "list every host by its name, such as bots.kore.ai")
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not _is_host(host) or port == 0 or text.endswith(":"):
        raise UnusableValue("is not a host", _HOST_FIX)
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"


def check_store_url(url: str) -> None:
    """Check the URL of the store.

    Raises:
        UnusableValue: no store can exist there.
    """
    file = store_file(url)
    if is_postgresql(url):
        _check_postgresql_url(url)
        return
    if ":memory:" in url or "mode=memory" in url:
        raise UnusableValue("keeps nothing when the process ends", "name a file: sqlite:///var/botkit.db")
    if file is not None and (file.is_dir() or url.partition("?")[0].endswith("/")):
        raise UnusableValue("names a directory", "name a file in it, such as sqlite:///var/botkit.db")


def _check_postgresql_url(url: str) -> None:
    try:
        from psycopg import Error
        from psycopg.conninfo import conninfo_to_dict
    except ImportError:  # also without libpq, which its extra "binary" brings
        raise UnusableValue(
            "needs psycopg, which is not installed", "pip install 'botkit[postgresql]'"
        ) from None
    usual = "write postgresql://user:password@host/database"
    no_url = UnusableValue(
        "is no PostgreSQL URL",
        f"{usual}; special characters in a password are percent-encoded: @ is %40, / is %2F, % is %25",
    )
    try:
        parts = conninfo_to_dict(url)
    except Error:  # its message may quote the password
        raise no_url from None
    if "@" in f"{parts.get('host')}{parts.get('dbname')}":  # A part of the password was taken for the host.
        raise no_url
    if "service" in parts:
        return
    if not (parts.get("host") or parts.get("hostaddr")):
        raise UnusableValue(
            "names no host", f"{usual}; for a socket, ?host=/run/postgresql after the database"
        )
    if not parts.get("dbname"):
        raise UnusableValue("names no database", f"{usual}")
    if not all(port.isdecimal() for port in str(parts.get("port") or 5432).split(",")):
        raise UnusableValue("names a port that is no number", "write host:5432")


def store_place(url: str) -> str:
    """Where a store is, for people: the file, or host, port and database; never a password."""
    file = store_file(url)
    if file is not None:
        return str(file)
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(url)
    if "service" in parts:
        return f"PostgreSQL, service {parts['service']}"
    host = parts.get("host") or parts.get("hostaddr")
    return f"PostgreSQL at {host}:{parts.get('port') or 5432}/{parts.get('dbname')}"


def store_file(url: str) -> Path | None:
    """The absolute path of an SQLite store; None for any other URL.

    A path after three slashes is relative to the working directory; four slashes make it absolute.
    """
    scheme, mark, rest = url.partition(":///")
    if not mark or not scheme.startswith("sqlite"):
        return None
    return Path(rest.partition("?")[0]).absolute()


def absolute_store_url(url: str) -> str:
    """The URL with a relative SQLite path made absolute, so that it does not move with the process."""
    file = store_file(url)
    if file is None:
        return url
    scheme = url.partition(":///")[0]
    _, mark, query = url.partition("?")
    return f"{scheme}:///{file}{mark}{query}"


def _is_host(host: str) -> bool:
    if ":" in host or re.fullmatch(r"[0-9.]+", host):
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return False
        return True
    return len(host) <= 253 and _HOST_NAME.fullmatch(host) is not None


def _fix_of_url(text: str) -> str:
    try:
        host = urlsplit(text if "//" in text else f"//{text}").hostname
    except ValueError:
        host = None
    return f"write {host}" if host and _is_host(host) else _HOST_FIX


def path_of(public_url: str) -> str:
    """The path of an http address without a slash at its end: ``https://bot.example/botkit/`` → ``/botkit``."""
    _, slash, path = public_url.partition("://")[2].partition("/")
    return f"{slash}{path}".rstrip("/")
