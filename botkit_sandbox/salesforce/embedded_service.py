"""What clients ask without a token: the deployment's configuration and business hours, and whose the My Domain is.

Web and Mobile clients make these calls; whether deployments of type API answer them is not known. See
docs/protocols/salesforce-miaw.md, 2.7.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from botkit_sandbox.salesforce.cloud import SalesforceCloud
from botkit_sandbox.salesforce.edge import json_answer
from botkit_sandbox.salesforce.refusal import Refusal

BASE = "/embeddedservice/v1"
_HOUR_MS = 3_600_000


def embedded_service_routes(cloud: SalesforceCloud) -> list[web.RouteDef]:
    """The routes, without authentication as in reality."""

    async def config(request: web.Request) -> web.Response:
        _check(cloud, request)
        if not cloud.settings.published:
            raise Refusal(412, "Embedded Messaging Config is not Published")
        return json_answer(cloud.configuration(verified=False))

    async def business_hours(request: web.Request) -> web.Response:
        _check(cloud, request)
        now, hours = cloud.clock(), cloud.settings.business_hours
        if hours == "none":
            return web.Response(status=204)
        start = now - _HOUR_MS if hours == "open" else now + 12 * _HOUR_MS
        interval: dict[str, Any] = {"startTime": start, "endTime": start + 8 * _HOUR_MS}
        return json_answer({"businessHoursInfo": {"isActive": True, "businessHours": [interval]}})

    async def organization(request: web.Request) -> web.Response:
        if not cloud.settings.organization_shown:
            raise Refusal(404, "Not Found")
        return json_answer({"OrgId": cloud.org_id, "Url": cloud.base_url, "LoginPageType": "standard"})

    return [
        web.get("/.well-known/auth-configuration", organization, name="authConfiguration"),
        web.get(f"{BASE}/embedded-service-config", config, name="embeddedServiceConfig"),
        web.get(f"{BASE}/businesshours", business_hours, name="businessHours"),
    ]


def _check(cloud: SalesforceCloud, request: web.Request) -> None:
    if not cloud.settings.public_configuration:
        raise Refusal(404, "Not Found")
    cloud.check_organization(request.query.get("orgId", ""))
    names = (cloud.settings.developer_name, cloud.settings.web_developer_name)
    if request.query.get("esConfigName") not in names:
        raise Refusal(400, "esConfigName is not known in this organization")
