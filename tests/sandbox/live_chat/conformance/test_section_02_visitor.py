"""Sections 2.15 to 2.19: requests without a session."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.live_chat.conformance.conftest import MakeService, Service
from tests.sandbox.live_chat.visitor import (
    BUTTON,
    DEPLOYMENT,
    JANE,
    OMAR,
    ORGANIZATION,
    SECOND_BUTTON,
    Answer,
)

TARGET = f"org_id={ORGANIZATION}&deployment_id={DEPLOYMENT}"
UNKNOWN_BUTTON = "573XX0000000000"
VERSION_ONLY = {"X-LIVEAGENT-AFFINITY": None}


async def ask(service: Service, what: str, query: str) -> Answer:
    return await service.visitor().call("GET", f"/Visitor/{what}?{query}", headers=VERSION_ONLY)


async def results(service: Service, query: str, *, target: str = TARGET) -> list[dict[str, Any]]:
    answer = await ask(service, "Availability", f"{target}&{query}")
    assert (answer.status, answer.types) == (200, ["Availability"])
    return answer.message("Availability")["results"]


# --- 2.15 Availability ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        f"Availability.ids=[{BUTTON},{SECOND_BUTTON}]",
        f"Availability.ids=%5B{BUTTON}%2C{SECOND_BUTTON}%5D",
        f"Availability.ids={BUTTON},{SECOND_BUTTON}",
        f"Availability.ids=[ {BUTTON} , {SECOND_BUTTON} ]&Availability.prefix=Visitor",
        f"Availability.ids={BUTTON}&Availability.ids={SECOND_BUTTON}",
        f"Availability.ids[]={BUTTON}&Availability.ids[]={SECOND_BUTTON}",
    ],
)
async def test_availability_takes_ids_in_every_spelling_of_a_list(service: Service, query: str) -> None:
    """2.15 and 13.12: [a,b] and a,b are seen; the array syntax is undocumented, and libraries write it in two more ways."""
    assert await results(service, query) == [
        {"id": BUTTON, "isAvailable": True},
        {"id": SECOND_BUTTON, "isAvailable": True},
    ]


async def test_availability_takes_one_id(service: Service) -> None:
    """2.15: plain a."""
    assert await results(service, f"Availability.ids={BUTTON}") == [{"id": BUTTON, "isAvailable": True}]


async def test_what_is_not_available_has_no_word_of_it(service: Service) -> None:
    """2.15: absent isAvailable means false."""
    for name in (JANE, OMAR, "Mei Tanaka"):
        await service.online(name, False)
    assert await results(service, f"Availability.ids=[{BUTTON},{UNKNOWN_BUTTON}]") == [
        {"id": BUTTON},
        {"id": UNKNOWN_BUTTON},
    ]


async def test_agents_can_be_asked_for_but_not_pairs(service: Service) -> None:
    """2.15: buttons or agents, but not agent_button pairs."""
    jane, omar = await service.agent_id(JANE), await service.agent_id(OMAR)
    await service.online(OMAR, False)
    assert await results(service, f"Availability.ids=[{jane},{omar},{jane}_{BUTTON}]") == [
        {"id": jane, "isAvailable": True},
        {"id": omar},
        {"id": f"{jane}_{BUTTON}"},
    ]


async def test_in_another_organization_nothing_is_available(service: Service) -> None:
    """2.15: org_id and deployment_id select the target (1)."""
    target = f"org_id=00DXX0000000000&deployment_id={DEPLOYMENT}"
    assert await results(service, f"Availability.ids={BUTTON}", target=target) == [{"id": BUTTON}]


@pytest.mark.parametrize("query", ["", TARGET, f"org_id=a&Availability.ids=[{BUTTON}]"])
async def test_availability_without_what_it_needs_is_a_400(service: Service, query: str) -> None:
    """2.15, and 5: Visitor/* 400."""
    assert (await ask(service, "Availability", query)).status == 400


@pytest.mark.parametrize(("form", "said"), [("as-asked", f"{BUTTON}AAA"), ("short", BUTTON)])
async def test_results_name_ids_as_they_were_asked_or_short(
    make_service: MakeService, form: str, said: str
) -> None:
    """2.15, and 1: both forms of ids are about; which one answers carry is not said."""
    service = await make_service(availability_ids=form)
    assert (await results(service, f"Availability.ids={BUTTON}AAA"))[0]["id"] == said


@pytest.mark.parametrize(("asked", "said"), [("1", {"estimatedWaitTime": -1}), ("0", {})])
async def test_the_estimated_wait_is_told_when_asked_and_minus_one_if_unknown(
    service: Service, asked: str, said: dict[str, Any]
) -> None:
    """2.15: seconds, -1 if unknown, only when asked."""
    query = f"Availability.ids={BUTTON}&Availability.needEstimatedWaitTime={asked}"
    assert await results(service, query) == [{"id": BUTTON, "isAvailable": True} | said]


# --- 2.16 Settings, 2.17 VisitorId, 2.18 Breadcrumb -----------------------------------------------------------------


@pytest.mark.parametrize("ids", ["Settings.buttonIds=[{}]", "Settings.buttonIds[]={}"])
async def test_settings_tell_of_buttons(service: Service, ids: str) -> None:
    """2.16."""
    query = f"{TARGET}&{ids.format(BUTTON)}&Settings.needEstimatedWaitTime=1&Settings.updateBreadcrumb=1"
    message = (await ask(service, "Settings", query)).message("Settings")
    assert message["pingRate"] > 0
    assert message["contentServerUrl"].startswith(service.base_url)
    (button,) = message["buttons"]
    assert (button["id"], button["type"], button["isAvailable"], button["estimatedWaitTime"]) == (
        BUTTON,
        "Standard",
        True,
        -1,
    )


async def test_settings_know_direct_to_agent_buttons(service: Service) -> None:
    """2.16: types are Standard, Invite and ToAgent."""
    query = f"{TARGET}&Settings.buttonIds=[{await service.agent_id(JANE)}]"
    (button,) = (await ask(service, "Settings", query)).message("Settings")["buttons"]
    assert button["type"] == "ToAgent"


async def test_the_ping_rate_can_be_spelled_as_in_the_property_table(make_service: MakeService) -> None:
    """2.16: the property table spells it pingrate, the schema pingRate."""
    service = await make_service(ping_rate_key="pingrate")
    assert "pingrate" in (await ask(service, "Settings", TARGET)).message("Settings")


async def test_a_visitor_gets_an_id(service: Service) -> None:
    """2.17: a uuid."""
    answer = await ask(service, "VisitorId", TARGET)
    assert len(answer.message("VisitorId")["sessionId"]) == 36


async def test_settings_and_visitor_ids_can_come_bare(make_service: MakeService) -> None:
    """2.16 and 2.17: the guide prints the bare object; wrapping is inferred."""
    service = await make_service(visitor_wrapping="bare")
    assert "pingRate" in (await ask(service, "Settings", TARGET)).json
    assert set((await ask(service, "VisitorId", TARGET)).json) == {"sessionId"}


async def test_a_breadcrumb_is_taken(service: Service) -> None:
    """2.18: header API-VERSION only."""
    body = {"location": "https://acme.example"}
    answer = await service.visitor().call("POST", "/Visitor/Breadcrumb", body, headers=VERSION_ONLY)
    assert (answer.status, answer.text) == (200, "OK")


# --- 2.19 SwitchServer ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["Availability", "Settings", "VisitorId"])
async def test_the_wrong_server_names_the_right_one(service: Service, path: str) -> None:
    """2.19: any Visitor GET; newUrl ends with /chat."""
    url = "https://d.la9.salesforceliveagent.com/chat"
    await service.inject("switch-server", url=url, times=1)
    query = f"{TARGET}&Availability.ids=[{BUTTON}]"
    assert (await ask(service, path, query)).json == {
        "messages": [{"type": "SwitchServer", "message": {"newUrl": url}}]
    }
    assert (await ask(service, path, query)).types == [path]
