"""The Chat API Endpoint in any spelling people paste, made into the base of every Live Chat request.

Setup → Chat Settings shows it as `https://<pod>.salesforceliveagent.com/chat/rest/`; after enhanced domains it is
`https://<domain>.my.salesforce-scrt.com/chat/rest/` (protocols/salesforce-live-chat.md, 1).
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from botkit.config.base_url import is_loopback
from botkit.config.problems import UnusableValue

_HOST = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,6}(?:salesforceliveagent|salesforce-scrt)\.com"
)
_REST = "/chat/rest"
_FIX = "use the Chat API Endpoint of Setup → Chat Settings, such as https://d.la1-c1.salesforceliveagent.com/chat/rest/"


def normalize_live_agent_url(value: str, *, insecure_http: bool = False) -> str:
    """The endpoint without a slash at its end.

    Args:
        value: what stands in the configuration: a host, or the endpoint with or without ``/chat/rest/``.
        insecure_http: lets loopback addresses (the sandbox, a test) through.

    Raises:
        UnusableValue: it is no Live Chat endpoint, with the reason.
    """
    text = value.strip()
    if not text:
        raise UnusableValue("is empty", _FIX)
    if not text.isascii() or re.search(r"[\s\\#?@]", text):
        raise UnusableValue("is not a plain URL", _FIX)
    try:
        url = urlsplit(text if "://" in text else f"https://{text.removeprefix('//')}")
        host, port = url.hostname or "", url.port
    except ValueError:
        raise UnusableValue("is not a URL", _FIX) from None
    if url.path.rstrip("/") not in ("", "/chat", _REST):
        raise UnusableValue("has a path that is not /chat/rest", _FIX)
    if is_loopback(host):
        if not insecure_http or url.scheme not in ("http", "https"):
            what = "for a demo or test set security.insecure_http: true in botkit.yaml; otherwise " + _FIX
            raise UnusableValue("is this machine, not Salesforce", what)
        return f"{url.scheme if '://' in text else 'http'}://{url.netloc}{_REST}"
    if _HOST.fullmatch(host) is None:
        raise UnusableValue("is not a host of salesforceliveagent.com or salesforce-scrt.com", _FIX)
    if url.scheme != "https":
        raise UnusableValue("is not an https URL, and Salesforce is reached over https only", _FIX)
    if port not in (None, 443):
        fix = f"leave the port out: https://{host}{_REST}"
        raise UnusableValue("names a port", fix, discreet_fix="leave the port out")
    return f"https://{host}{_REST}"
