"""The Chat API Endpoint in any spelling people paste, made into the base of every Live Chat request.

Setup → Chat Settings shows it as `https://<pod>.salesforceliveagent.com/chat/rest/`; after enhanced domains it is
`https://<domain>.my.salesforce-scrt.com/chat/rest/` (protocols/salesforce-live-chat.md, 1).
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from botkit.config.base_url import is_loopback
from botkit.errors import UnusableValue

REST = "/chat/rest"
_OURS = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,6}(?:salesforceliveagent|salesforce-scrt)\.com", re.ASCII
)
_PATHS = ("", "/chat", REST)
_FIX = "use the Chat API Endpoint of Setup → Chat Settings, such as https://d.la1-c1.salesforceliveagent.com/chat/rest/"
_DISCREDITED = re.compile(r"[\\#\s\x00-\x20\x7f-\uffff]")


def normalize_live_agent_url(value: str, *, insecure_http: bool = False) -> str:
    """The base of every request, without a slash at its end, from any spelling people paste (1).

    Args:
        value: what stands in the configuration: a host, or the endpoint with or without ``/chat/rest/``.
        insecure_http: lets loopback addresses (the sandbox, a test) through.

    Raises:
        UnusableValue: it is no Live Chat endpoint, with the reason.
    """
    text = value.strip()
    if not text:
        raise UnusableValue("is empty", _FIX)
    url = split_url(text if "://" in text else f"https://{text.removeprefix('//')}")
    if url is None:
        raise UnusableValue("is not a URL", _FIX)
    host = (url.hostname or "").lower()
    if url.query or url.path.rstrip("/").lower() not in _PATHS:
        raise UnusableValue("has a path that is not /chat/rest", _FIX)
    if is_loopback(host):
        if not insecure_http:
            raise UnusableValue(
                "is this machine, not Salesforce",
                "for a demo or test set security.insecure_http: true in botkit.yaml; otherwise " + _FIX,
            )
        return f"{url.scheme if '://' in text else 'http'}://{url.netloc}{REST}"
    if url.scheme != "https" and "://" in text:
        raise UnusableValue("is an http URL, and Salesforce is reached over https only", _FIX)
    if not is_salesforce(host):
        raise UnusableValue("is not a host of salesforceliveagent.com or salesforce-scrt.com", _FIX)
    if url.port not in (None, 443):
        fix = f"leave the port out: https://{host}{REST}"
        raise UnusableValue("names a port", fix, discreet_fix="leave the port out")
    return f"https://{host}{REST}"


def is_salesforce(host: str) -> bool:
    """Whether a host, in lower case, is one that Salesforce runs Live Chat on."""
    return _OURS.fullmatch(host) is not None


def split_url(text: str) -> SplitResult | None:
    """A URL that no two parsers read differently; else None."""
    if len(text) > 2_000 or _DISCREDITED.search(text) is not None:
        return None
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return None
    if url.scheme not in ("http", "https") or not url.hostname or "@" in url.netloc or port == 0:
        return None
    return url
