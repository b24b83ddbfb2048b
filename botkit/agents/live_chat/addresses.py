"""Live Chat's addresses: the configured endpoint, and the hosts that Salesforce sends us to.

SwitchServer and FileTransfer name URLs that we then call with the user's session (docs/protocols/salesforce-live-chat.md, 2.19
and 2.21). We follow them to Salesforce's own hosts only, and from a loopback address (a demo) to loopback addresses only.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from botkit.agents.salesforce import is_loopback
from botkit.errors import UnusableValue

REST = "/chat/rest"
_OURS = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,6}(?:salesforceliveagent|salesforce-scrt)\.com", re.ASCII
)
_PATHS = ("", "/chat", REST)
_FIX = "use the Chat API Endpoint of Setup → Chat Settings, such as https://d.la1-c1.salesforceliveagent.com/chat/rest/"
_DISCREDITED = re.compile(r"[\\#\s\x00-\x20\x7f-\uffff]")


def normalize_live_agent_url(value: str, *, insecure_http: bool = False) -> str:
    """The base URL of every request, without a slash at its end, from any spelling people paste (1).

    Setup → Chat Settings shows the endpoint as `https://<pod>.salesforceliveagent.com/chat/rest/`, or with enhanced domains
    as `https://<domain>.my.salesforce-scrt.com/chat/rest/`.

    Args:
        value: the configured text: a host, or the endpoint with or without ``/chat/rest/``.
        insecure_http: accepts loopback addresses (the sandbox, a test).

    Raises:
        UnusableValue: it is not a Live Chat endpoint, with the reason.
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
    """Whether Salesforce runs Live Chat on this host, written in lower case."""
    return _OURS.fullmatch(host) is not None


def split_url(text: str) -> SplitResult | None:
    """A URL that every parser reads in the same way; else None."""
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


def switched(base: str, new_url: str) -> str | None:
    """The base URL after a SwitchServer to `new_url`, which ends with ``/chat``; None for a host we must not follow to (2.19)."""
    url = split_url(new_url)
    if url is None or url.query or url.path.rstrip("/") not in _PATHS or not _follows(base, url):
        return None
    return f"{url.scheme}://{url.netloc.lower()}{REST}"


def may_upload_to(base: str, url: str) -> bool:
    """Whether a file may be sent there (2.21)."""
    parsed = split_url(url)
    return parsed is not None and _follows(base, parsed)


def _follows(base: str, url: SplitResult) -> bool:
    if is_loopback(_host(urlsplit(base))):
        return is_loopback(_host(url))
    return url.scheme == "https" and url.port in (None, 443) and is_salesforce(_host(url))


def _host(url: SplitResult) -> str:
    return (url.hostname or "").lower()
