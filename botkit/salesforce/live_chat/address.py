"""Which hosts are Salesforce's for Live Chat: the configured one, those it sends us to, and where files are uploaded.

SwitchServer and FileTransfer name URLs that we then call with the user's session (protocols/salesforce-live-chat.md 2.19,
2.21). They are followed to Salesforce's own hosts only, and from a loopback address (a demo) to loopback only.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from botkit.config.base_url import is_loopback
from botkit.config.problems import UnusableValue

_OURS = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,6}(?:salesforceliveagent|salesforce-scrt)\.com", re.ASCII
)
_FIX = "use the Chat API Endpoint of Setup → Chat Settings, such as https://d.la1-c1.salesforceliveagent.com/chat/rest/"
_PATHS = ("", "/chat", "/chat/rest")
_REST = "/chat/rest"
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
    url = _split(text if "://" in text else f"https://{text.removeprefix('//')}")
    if url is None:
        raise UnusableValue("is not a URL", _FIX)
    host = _host(url)
    if url.query or url.path.rstrip("/").lower() not in _PATHS:
        raise UnusableValue("has a path that is not /chat/rest", _FIX)
    if is_loopback(host):
        if not insecure_http:
            raise UnusableValue(
                "is this machine, not Salesforce",
                "for a demo or test set security.insecure_http: true in botkit.yaml; otherwise " + _FIX,
            )
        return f"{url.scheme if '://' in text else 'http'}://{url.netloc}{_REST}"
    if url.scheme != "https" and "://" in text:
        raise UnusableValue("is an http URL, and Salesforce is reached over https only", _FIX)
    if _OURS.fullmatch(host) is None:
        raise UnusableValue("is not a host of salesforceliveagent.com or salesforce-scrt.com", _FIX)
    if url.port not in (None, 443):
        raise UnusableValue("names a port", f"leave the port out: https://{host}{_REST}")
    return f"https://{host}{_REST}"


def switched(base: str, new_url: str) -> str | None:
    """The base after a SwitchServer to `new_url`, which ends with ``/chat``; None where we must not follow (2.19)."""
    url = _split(new_url)
    if url is None or url.query or url.path.rstrip("/") not in _PATHS or not _follows(base, url):
        return None
    return f"{url.scheme}://{url.netloc.lower()}{_REST}"


def may_upload_to(base: str, url: str) -> bool:
    """Whether a file may be sent there (2.21)."""
    parsed = _split(url)
    return parsed is not None and _follows(base, parsed)


def _follows(base: str, url: SplitResult) -> bool:
    if is_loopback(_host(urlsplit(base))):
        return is_loopback(_host(url))
    return url.scheme == "https" and url.port in (None, 443) and _OURS.fullmatch(_host(url)) is not None


def _split(text: str) -> SplitResult | None:
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


def _host(url: SplitResult) -> str:
    return (url.hostname or "").lower()
