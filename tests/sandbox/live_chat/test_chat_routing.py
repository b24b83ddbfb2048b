"""Who gets a chat, the queue, availability, and the estimated wait (protocol sections 2.3, 2.15, 8 and 13.8)."""

from __future__ import annotations

import pytest

from botkit.sandbox.live_chat import Button

JANE, OMAR, MEI = "Jane Doe", "Omar Haddad", "Mei Tanaka"
FIRST, SECOND = "573SB0000000001", "573SB0000000002"


@pytest.fixture
async def apart(make_service):
    """Jane works for the first button, Omar for the second, and Mei for none."""
    return await make_service(
        buttons=(
            Button(id=FIRST, name="First", agents=(JANE,)),
            Button(id=SECOND, name="Second", agents=(OMAR,)),
        )
    )


def assigned(service, visitor) -> str | None:
    agent_id = service.view(visitor)["assignedTo"]
    return service.cloud.agents[agent_id].name if agent_id else None


async def test_inside_a_button_the_request_moves_from_one_agent_to_the_next_until_it_fails(service):
    visitor = await service.queued()
    for name in (JANE, OMAR, MEI):
        assert assigned(service, visitor) == name
        service.cloud.decline(visitor.id, name)
    assert (await visitor.poll()).message("ChatRequestFail")["reason"] == "Unavailable"
    assert service.view(visitor)["status"] == "ended"


async def test_with_nobody_online_the_request_fails_at_once(service):
    for name in (JANE, OMAR, MEI):
        service.cloud.set_online(name, False)
    visitor = await service.requested()
    assert (await visitor.poll()).types == ["ChatRequestFail"]


async def test_with_nobody_online_the_request_can_succeed_and_fail_then(make_service):
    service = await make_service(unavailable_reply="success-then-fail")
    for name in (JANE, OMAR, MEI):
        service.cloud.set_online(name, False)
    visitor = await service.requested()
    answer = await visitor.poll()
    assert answer.types == ["ChatRequestSuccess", "QueueUpdate", "ChatRequestFail"]
    assert answer.json["sequence"] == 2


async def test_a_request_fails_when_everybody_goes_offline(service):
    visitor = await service.queued()
    for name in (JANE, OMAR, MEI):
        service.cloud.set_online(name, False)
    assert (await visitor.poll()).types == ["ChatRequestFail"]


async def test_an_agent_who_logs_off_leaves_the_chats_to_others(service):
    visitor = await service.chatting()
    service.cloud.set_online(JANE, False)
    assert (await visitor.poll()).types == ["AgentDisconnect"]
    assert assigned(service, visitor) == OMAR


async def test_a_disconnected_agent_who_comes_back_is_asked_again(apart):
    visitor = await apart.chatting()
    apart.cloud.set_online(JANE, False)
    assert apart.view(visitor)["status"] == "transferring"
    apart.cloud.set_online(JANE, True)
    assert assigned(apart, visitor) == JANE


async def test_a_request_for_one_agent_goes_to_that_agent_alone(service):
    visitor = await service.queued(agentId=service.cloud.agent(MEI).id, doFallback=False)
    assert assigned(service, visitor) == MEI
    service.cloud.decline(visitor.id, MEI)
    assert (await visitor.poll()).types == ["ChatRequestFail"]


@pytest.mark.parametrize("why", ["offline", "declined"])
async def test_with_fallback_the_button_follows_the_agent(apart, why):
    mei = apart.cloud.agent(MEI).id
    if why == "offline":
        apart.cloud.set_online(MEI, False)
    visitor = await apart.queued(agentId=mei, doFallback=True)
    if why == "declined":
        assert assigned(apart, visitor) == MEI
        apart.cloud.decline(visitor.id, MEI)
    assert assigned(apart, visitor) == JANE


async def test_overrides_replace_the_button_and_are_tried_in_order_of_availability(apart):
    mei = apart.cloud.agent(MEI).id
    apart.cloud.set_online(MEI, False)
    visitor = await apart.queued(buttonOverrides=[mei, "573XX0000000000", SECOND, FIRST])
    assert assigned(apart, visitor) == OMAR


async def test_an_override_of_agent_and_button_falls_back_to_the_button(apart):
    mei = apart.cloud.agent(MEI).id
    visitor = await apart.queued(buttonOverrides=[f"{mei}_{SECOND}"])
    assert assigned(apart, visitor) == MEI
    apart.cloud.decline(visitor.id, MEI)
    assert assigned(apart, visitor) == OMAR


async def test_the_list_is_not_resumed_once_an_entry_was_picked(apart):
    visitor = await apart.queued(buttonOverrides=[FIRST, SECOND])
    apart.cloud.decline(visitor.id, JANE)
    assert (await visitor.poll()).types == ["ChatRequestFail"]


@pytest.mark.parametrize(
    "changes",
    [
        {"organizationId": "00DXX0000000000"},
        {"deploymentId": "572XX0000000000"},
        {"buttonId": "573XX0000000000"},
        {"buttonOverrides": ["573XX0000000000"]},
    ],
    ids=str,
)
async def test_a_wrong_target_fails_with_no_post(service, changes):
    visitor = await service.requested(**changes)
    assert (await visitor.poll()).message("ChatRequestFail")["reason"] == "NoPost"


async def test_a_wrong_target_can_be_a_400(make_service):
    service = await make_service(wrong_target="refuse")
    visitor = await service.visitor().begin()
    assert (await visitor.request(buttonId="573XX0000000000")).status == 400


async def test_the_least_busy_agent_is_asked_first(service):
    ada, bob = await service.chatting(), await service.requested()
    assert service.view(ada)["agents"] == [service.cloud.agent(JANE).id]
    assert assigned(service, bob) == OMAR


async def test_a_chat_waits_while_all_agents_are_busy(make_service):
    service = await make_service(agent_capacity=1, agents=(JANE,))
    ada, bob = await service.chatting(), await service.queued()
    assert service.view(bob)["status"] == "waiting"
    service.cloud.agent_ends(ada.id, JANE)
    assert assigned(service, bob) == JANE


async def test_an_agent_who_hands_a_chat_over_has_room_for_another(make_service):
    service = await make_service(agent_capacity=1, agents=(JANE, OMAR))
    ada = await service.chatting()
    service.cloud.transfer(ada.id, JANE, to=OMAR)
    bob = await service.queued()
    assert service.view(bob)["status"] == "waiting"
    service.cloud.accept(ada.id, OMAR)
    assert assigned(service, bob) == JANE


async def test_the_queue_moves_up_and_everybody_is_told(make_service):
    service = await make_service(auto_assign=False)
    visitors = [await service.requested() for _ in range(3)]
    for place, visitor in enumerate(visitors):
        answer = await visitor.poll()
        assert answer.message("ChatRequestSuccess")["queuePosition"] == place + 1
        assert answer.message("QueueUpdate")["position"] == place
        assert service.view(visitor)["queuePosition"] == place + 1
    service.cloud.accept(visitors[0].id, JANE)
    assert [(await visitor.poll()).message("QueueUpdate")["position"] for visitor in visitors[1:]] == [0, 1]


async def test_each_button_has_a_queue_of_its_own(make_service):
    service = await make_service(auto_assign=False)
    await service.requested(buttonId=FIRST)
    visitor = await service.requested(buttonId=SECOND)
    assert (await visitor.poll()).message("QueueUpdate")["position"] == 0


async def test_a_queue_without_positions_always_says_0(make_service):
    service = await make_service(auto_assign=False, queue_positions=False)
    await service.requested()
    answer = await (await service.requested()).poll()
    assert answer.types == ["ChatRequestSuccess"]
    assert answer.message("ChatRequestSuccess")["queuePosition"] == 0


async def test_a_full_queue_makes_the_button_unavailable(make_service):
    service = await make_service(auto_assign=False, queue_limit=1)
    await service.requested()
    assert (await (await service.requested()).poll()).types == ["ChatRequestFail"]
    assert await available(service, FIRST) == {FIRST: None}


# --- availability ---------------------------------------------------------------------------------------------------


async def results(service, ids: str, *, wait: bool = False, version: str = "58", **query: str) -> list[dict]:
    settings = service.cloud.settings
    asked = {"org_id": settings.organization_id, "deployment_id": settings.deployment_id} | query
    path = "&".join(f"{name}={value}" for name, value in asked.items()) + f"&Availability.ids={ids}"
    path += "&Availability.needEstimatedWaitTime=1" if wait else ""
    headers = {"X-LIVEAGENT-API-VERSION": version, "X-LIVEAGENT-AFFINITY": None}
    answer = await service.visitor().call("GET", f"/Visitor/Availability?{path}", headers=headers)
    assert (answer.status, answer.types) == (200, ["Availability"])
    return answer.message("Availability")["results"]


async def available(service, ids: str) -> dict:
    return {each["id"]: each.get("isAvailable") for each in await results(service, ids)}


@pytest.mark.parametrize("form", ["[{},{}]", "{},{}", "%5B{}%2C{}%5D", "[ {} , {} ]"])
async def test_availability_takes_ids_as_lists_of_every_spelling(service, form):
    assert await available(service, form.format(FIRST, SECOND)) == {FIRST: True, SECOND: True}


async def test_availability_takes_one_id(service):
    assert await available(service, FIRST) == {FIRST: True}


async def test_what_is_not_available_has_no_word_of_it(apart):
    apart.cloud.set_online(OMAR, False)
    assert await results(apart, f"[{FIRST},{SECOND},573XX0000000000]") == [
        {"id": FIRST, "isAvailable": True},
        {"id": SECOND},
        {"id": "573XX0000000000"},
    ]


async def test_agents_can_be_asked_for_but_not_pairs(service):
    jane, omar = service.cloud.agent(JANE).id, service.cloud.agent(OMAR).id
    service.cloud.set_online(OMAR, False)
    assert await available(service, f"[{jane},{omar},{jane}_{FIRST}]") == {
        jane: True,
        omar: None,
        f"{jane}_{FIRST}": None,
    }


async def test_in_another_organization_nothing_is_available(service):
    assert await results(service, FIRST, org_id="00DXX0000000000") == [{"id": FIRST}]


@pytest.mark.parametrize("query", ["", "org_id=a&deployment_id=b", "org_id=a&Availability.ids=[c]"])
async def test_availability_without_what_it_needs_is_a_400(service, query):
    assert (await service.visitor().call("GET", f"/Visitor/Availability?{query}")).status == 400


@pytest.mark.parametrize(("form", "said"), [("as-asked", "573SB0000000001AAA"), ("short", FIRST)])
async def test_results_name_ids_as_they_were_asked_or_short(make_service, form, said):
    service = await make_service(availability_ids=form)
    assert (await results(service, "573SB0000000001AAA"))[0]["id"] == said


async def test_the_estimated_wait_is_unknown_at_first(service):
    assert await results(service, FIRST, wait=True) == [
        {"id": FIRST, "isAvailable": True, "estimatedWaitTime": -1}
    ]


async def test_the_estimated_wait_follows_the_formula(service):
    for waited in (100, 10):
        visitor = await service.requested()
        service.clock.pass_seconds(waited)
        service.cloud.accept(visitor.id, JANE)
    # A = 100 at first, then 0.9 * 100 + 0.1 * 10.
    assert (await results(service, FIRST, wait=True))[0]["estimatedWaitTime"] == 91


async def test_the_estimated_wait_shrinks_while_one_waits_and_never_below_0(make_service):
    service = await make_service(auto_assign=False)
    first = await service.requested()
    service.clock.pass_seconds(60)
    service.cloud.accept(first.id, JANE)
    ahead, visitor = await service.requested(), await service.requested()
    assert (await visitor.poll()).message("ChatRequestSuccess")["estimatedWaitTime"] == 60
    service.clock.pass_seconds(20)
    service.cloud.accept(ahead.id, JANE)  # A = 0.9 * 60 + 0.1 * 20 = 56
    assert (await visitor.poll()).message("QueueUpdate")["estimatedWaitTime"] == 36
    service.clock.pass_seconds(100)
    service.cloud.transfer(ahead.id, JANE)
    assert service.cloud.wait_left(service.cloud.chat(visitor.id)) == 0


async def test_the_estimated_wait_is_told_from_version_47_on(service):
    assert await results(service, FIRST, wait=True, version="46") == [{"id": FIRST, "isAvailable": True}]
    visitor = await service.visitor().begin()
    body = visitor.request_body()
    await visitor.call("POST", "/Chasitor/ChasitorInit", body, headers={"X-LIVEAGENT-API-VERSION": "46"})
    assert "estimatedWaitTime" not in (await visitor.poll()).message("ChatRequestSuccess")


@pytest.mark.parametrize("path", ["Availability", "Settings", "VisitorId"])
async def test_the_wrong_server_names_the_right_one(service, path):
    service.inject("switch-server", url="https://d.la9.salesforceliveagent.com/chat", times=1)
    query = f"?org_id=a&deployment_id=b&Availability.ids=[{FIRST}]"
    answer = await service.visitor().call("GET", f"/Visitor/{path}{query}")
    assert answer.json == {
        "messages": [
            {"type": "SwitchServer", "message": {"newUrl": "https://d.la9.salesforceliveagent.com/chat"}}
        ]
    }
    assert (await service.visitor().call("GET", f"/Visitor/{path}{query}")).types == [path]


async def test_settings_tell_of_buttons(service):
    settings = service.cloud.settings
    query = f"?org_id={settings.organization_id}&deployment_id={settings.deployment_id}"
    query += f"&Settings.buttonIds=[{FIRST}]&Settings.needEstimatedWaitTime=1"
    message = (await service.visitor().call("GET", f"/Visitor/Settings{query}")).message("Settings")
    assert message["pingRate"] > 0
    assert message["contentServerUrl"].startswith(service.base_url)
    (button,) = message["buttons"]
    assert (button["id"], button["type"], button["isAvailable"], button["estimatedWaitTime"]) == (
        FIRST,
        "Standard",
        True,
        -1,
    )


async def test_settings_and_visitor_ids_can_come_bare(make_service):
    service = await make_service(visitor_wrapping="bare")
    query = "?org_id=a&deployment_id=b"
    assert "pingRate" in (await service.visitor().call("GET", f"/Visitor/Settings{query}")).json
    assert set((await service.visitor().call("GET", f"/Visitor/VisitorId{query}")).json) == {"sessionId"}


async def test_a_breadcrumb_is_taken(service):
    answer = await service.visitor().call("POST", "/Visitor/Breadcrumb", {"location": "https://acme.example"})
    assert (answer.status, answer.text) == (200, "OK")
