"""The settings of a MIAW deployment, their schema, and the rules for the organisation's base URL."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit

from botkit.agents.salesforce import is_loopback
from botkit.errors import UnusableValue

SCHEMA: dict[str, Any] = json.loads(Path(__file__).with_name("schema.json").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class MiawSettings:
    """One MIAW deployment (`type: salesforce-miaw`). The base URL is normalised: ``https://acme.my.salesforce-scrt.com``."""

    organization_id: str
    organization_base_url: str
    developer_name: str
    receive: Literal["stream", "poll"] = "stream"
    poll_interval: timedelta = timedelta(seconds=2)
    timeout: timedelta = timedelta(seconds=10)
    platform: Literal["Web", "Mobile"] = "Web"
    attachments: bool = True

    @property
    def organization_id_15(self) -> str:
        """The 15 characters that the event stream's X-Org-Id needs."""
        return self.organization_id[:15]


_MY_DOMAIN = re.compile(
    # The My Domain name, then the partition, which sandboxes, developer editions and similar organisations have.
    r"(?P<domain>[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z]{2,20})?)"
    r"\.my\.salesforce(?:-scrt|-srct)?\.com"
)
_OTHER_PAGES = re.compile(
    r"(?P<domain>[a-z0-9-]+(?:\.[a-z]+)?)\.(?:lightning\.force|my\.salesforce-setup|my\.site)\.com"
)
_USE_MY_DOMAIN = "use the Current My Domain URL of Setup → My Domain, such as https://acme.my.salesforce.com"


def normalize_base_url(value: str, *, insecure_http: bool = False) -> str:
    """The base URL of an organisation's MIAW calls, without a slash at its end.

    `https://<domain>.my.salesforce.com`, the Current My Domain URL of Setup, becomes `https://<domain>.my.salesforce-scrt.com`
    (docs/protocols/salesforce-miaw.md, "Host"); Kore's page spells it `salesforce-srct.com`.

    Args:
        value: the configured text.
        insecure_http: accepts loopback addresses (the sandbox, a test) as they are.

    Raises:
        UnusableValue: it is not a My Domain host, with the reason.
    """
    text = value.strip()
    if not text:
        raise UnusableValue("is empty", _USE_MY_DOMAIN)
    try:
        url = urlsplit(text if "://" in text else f"https://{text.removeprefix('//')}")
        host, port = (url.hostname or "").rstrip("."), url.port
    except ValueError:
        raise UnusableValue("is not a URL", _USE_MY_DOMAIN) from None
    if url.scheme not in ("http", "https"):
        raise UnusableValue("is no web address", _USE_MY_DOMAIN)
    if "@" in url.netloc:
        raise UnusableValue("names a user before the host (…@…)", _USE_MY_DOMAIN)
    if is_loopback(host):
        return _loopback(url, "://" in text, insecure_http=insecure_http)
    match = _MY_DOMAIN.fullmatch(host)
    if match is None or port not in (None, 443, 80):
        raise _refusal(host, port, url.scheme)
    return f"https://{match['domain']}.my.salesforce-scrt.com"


def _loopback(url: SplitResult, scheme_named: bool, *, insecure_http: bool) -> str:
    if not insecure_http:
        raise UnusableValue(
            f"is {'an http URL on ' if url.scheme == 'http' else ''}this machine, not Salesforce",
            "for a demo or test set security.insecure_http: true in botkit.yaml; otherwise " + _USE_MY_DOMAIN,
        )
    if url.query or url.fragment:
        raise UnusableValue("has a query or a fragment", "end it after the host and port")
    scheme = url.scheme if scheme_named else "http"
    return f"{scheme}://{url.netloc}{url.path.rstrip('/')}"


def _refusal(host: str, port: int | None, scheme: str) -> UnusableValue:
    if _MY_DOMAIN.fullmatch(host):
        return UnusableValue(
            "names a port", f"leave the port out: https://{host}", discreet_fix="leave the port out"
        )
    if page := _OTHER_PAGES.fullmatch(host):
        what = "is the address of Salesforce's pages, not of its interfaces"
        return UnusableValue(
            what, f"use the My Domain URL, probably https://{page['domain']}.my.salesforce.com"
        )
    if host in ("login.salesforce.com", "test.salesforce.com"):
        return UnusableValue("is the login page of every organisation, not yours", _USE_MY_DOMAIN)
    if re.fullmatch(r".+\.[a-z]+[0-9]+[a-z]*\.my\.salesforce\.com", host):
        return UnusableValue("names a Salesforce instance, as before enhanced domains", _USE_MY_DOMAIN)
    if scheme == "http":
        return UnusableValue("is an http URL, and Salesforce is reached over https only", _USE_MY_DOMAIN)
    return UnusableValue("is not a My Domain host (<domain>.my.salesforce.com)", _USE_MY_DOMAIN)
