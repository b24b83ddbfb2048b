"""Where else a Live Chat session may lead: the hosts Salesforce sends us to, and where files are uploaded.

SwitchServer and FileTransfer name URLs that we then call with the user's session (protocols/salesforce-live-chat.md 2.19,
2.21). They are followed to Salesforce's own hosts only, and from a loopback address (a demo) to loopback only.
"""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from botkit.config.base_url import is_loopback
from botkit.config.live_agent_url import REST, is_salesforce, split_url

_PATHS = ("", "/chat", REST)


def switched(base: str, new_url: str) -> str | None:
    """The base after a SwitchServer to `new_url`, which ends with ``/chat``; None where we must not follow (2.19)."""
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
