"""What the doctor asks an organisation beside the service's own calls: public addresses that need no token.

Sections are those of docs/protocols/salesforce-miaw.md.
"""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from botkit.agents.miaw.settings import MiawSettings
from botkit.http import Request

_SCRT, _MY_DOMAIN = ".my.salesforce-scrt.com", ".my.salesforce.com"


def my_domain(settings: MiawSettings) -> str:
    """The organisation's My Domain address; of the sandbox its own address."""
    base = settings.organization_base_url
    return f"{base.removesuffix(_SCRT)}{_MY_DOMAIN}" if base.endswith(_SCRT) else base


def host_of(settings: MiawSettings) -> str:
    """The host of the interfaces, as a person reads it."""
    return urlsplit(settings.organization_base_url).netloc


def organization_request(settings: MiawSettings) -> Request:
    """Ask the My Domain for the id of its organisation (2.7)."""
    url = f"{my_domain(settings)}/.well-known/auth-configuration"
    return _get("ask for the organisation's id", url, settings)


def configuration_request(settings: MiawSettings, language: str) -> Request:
    """Ask for the deployment's published configuration (2.7)."""
    query = urlencode({**_deployment(settings), "language": language})
    url = f"{settings.organization_base_url}/embeddedservice/v1/embedded-service-config?{query}"
    return _get("ask for the published configuration", url, settings)


def business_hours_request(settings: MiawSettings) -> Request:
    """Ask for the deployment's business hours (2.7)."""
    query = urlencode(_deployment(settings))
    url = f"{settings.organization_base_url}/embeddedservice/v1/businesshours?{query}"
    return _get("ask for the business hours", url, settings)


def _deployment(settings: MiawSettings) -> dict[str, str]:
    return {"orgId": settings.organization_id_15, "esConfigName": settings.developer_name}


def _get(what: str, url: str, settings: MiawSettings) -> Request:
    headers = {"Accept": "application/json"}
    return Request(what, "GET", url, headers, timeout_seconds=settings.timeout.total_seconds())
