"""The calls of web clients before they have a token (docs/protocols/salesforce-miaw.md, 2.7)."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.sandbox.salesforce.conftest import MakeSalesforce, Salesforce

CONFIG = "embedded-service-config"
HOURS = "businesshours"


async def ask(salesforce: Salesforce, what: str, **changes: str) -> tuple[int, Any]:
    query = {"orgId": salesforce.cloud.org_id, "esConfigName": "Kore_Custom_Client", "language": "en_US"}
    url = f"{salesforce.base_url}/embeddedservice/v1/{what}"
    async with salesforce.http.get(url, params=query | changes) as response:
        text = await response.text()
        return response.status, json.loads(text) if text else None


async def test_the_configuration_of_a_published_deployment_needs_no_token(salesforce: Salesforce) -> None:
    status, body = await ask(salesforce, CONFIG)
    assert status == 200
    granted = (await salesforce.client().sign_in()).granted["context"]["configuration"]
    assert body["embeddedServiceConfig"] == granted["embeddedServiceConfig"]


async def test_the_long_form_of_the_organization_id_is_known_too(salesforce: Salesforce) -> None:
    assert (await ask(salesforce, CONFIG, orgId="00DSB00000000012AA"))[0] == 200


async def test_an_unpublished_deployment_has_no_configuration(make_salesforce: MakeSalesforce) -> None:
    salesforce = await make_salesforce(published=False)
    assert await ask(salesforce, CONFIG) == (412, {"text": "Embedded Messaging Config is not Published"})


@pytest.mark.parametrize("what", [CONFIG, HOURS])
@pytest.mark.parametrize("wrong", [{"orgId": "00DXX0000000000"}, {"esConfigName": "Nobody"}], ids=str)
async def test_an_unknown_deployment_is_a_400(
    salesforce: Salesforce, what: str, wrong: dict[str, str]
) -> None:
    status, body = await ask(salesforce, what, **wrong)
    assert (status, set(body)) == (400, {"text"})


async def test_a_deployment_without_business_hours_answers_204(salesforce: Salesforce) -> None:
    assert await ask(salesforce, HOURS) == (204, None)


@pytest.mark.parametrize(("switch", "now_is_inside"), [("open", True), ("closed", False)])
async def test_business_hours_are_told_in_milliseconds(
    make_salesforce: MakeSalesforce, switch: str, now_is_inside: bool
) -> None:
    status, body = await ask(await make_salesforce(business_hours=switch), HOURS)
    assert (status, body["businessHoursInfo"]["isActive"]) == (200, True)
    (interval,) = body["businessHoursInfo"]["businessHours"]
    assert (interval["startTime"] <= time.time() * 1000 < interval["endTime"]) is now_is_inside
