"""The organisation's base URL in any spelling people have, made into the one host that serves MIAW.

`https://<domain>.my.salesforce.com`, what Setup calls Current My Domain URL, becomes
`https://<domain>.my.salesforce-scrt.com` (protocols: salesforce-miaw, "Host"); Kore's page spells it `salesforce-srct.com`.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from botkit.errors import UnusableValue

_MY_DOMAIN = re.compile(
    # The My Domain name, then the partition of sandboxes, developer and other special organisations.
    r"(?P<domain>[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z]{2,20})?)"
    r"\.my\.salesforce(?:-scrt|-srct)?\.com"
)
_OTHER_PAGES = re.compile(
    r"(?P<domain>[a-z0-9-]+(?:\.[a-z]+)?)\.(?:lightning\.force|my\.salesforce-setup|my\.site)\.com"
)
_USE_MY_DOMAIN = "use the Current My Domain URL of Setup → My Domain, such as https://acme.my.salesforce.com"


def normalize_base_url(value: str, *, insecure_http: bool = False) -> str:
    """The URL every MIAW call of an organisation starts with, without a slash at its end.

    Args:
        value: what stands in the configuration.
        insecure_http: lets loopback addresses (the sandbox, a test) through as they are.

    Raises:
        UnusableValue: it is no My Domain host, with the reason.
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


def is_loopback(host: str) -> bool:
    """Is this host the machine itself?"""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


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
