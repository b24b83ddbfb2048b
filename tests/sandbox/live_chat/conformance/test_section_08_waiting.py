"""Section 8: availability, the queue and the estimated wait."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.live_chat.conformance.conftest import MakeService, Service
from tests.sandbox.live_chat.visitor import (
    BUTTON,
    DEPLOYMENT,
    JANE,
    MEI,
    OMAR,
    ORGANIZATION,
    SECOND_BUTTON,
    Visitor,
)


async def result(service: Service, button: str = BUTTON) -> dict[str, Any]:
    query = f"org_id={ORGANIZATION}&deployment_id={DEPLOYMENT}&Availability.ids={button}"
    query += "&Availability.needEstimatedWaitTime=1"
    answer = await service.visitor().call("GET", f"/Visitor/Availability?{query}")
    return answer.message("Availability")["results"][0]


async def accepted_after(service: Service, seconds: float, *, agent: str = JANE, **changes: Any) -> Visitor:
    visitor = await service.requested(**changes)
    service.clock.pass_seconds(seconds)
    await service.act(visitor, "accept", agent=agent)
    return visitor


# --- availability ---------------------------------------------------------------------------------------------------


async def test_a_button_is_online_while_one_of_its_agents_is(service: Service) -> None:
    """8: agents must be online in the queue."""
    for name in (JANE, OMAR):
        await service.online(name, False)
    assert (await result(service))["isAvailable"] is True
    await service.online(MEI, False)
    assert "isAvailable" not in await result(service)


async def test_a_full_queue_makes_the_button_unavailable(make_service: MakeService) -> None:
    """8: and the queue not full."""
    service = await make_service(auto_assign=False, queue_limit=1)
    await service.requested()
    assert "isAvailable" not in await result(service)
    assert (await (await service.requested()).poll()).types == ["ChatRequestFail"]


async def test_a_button_may_look_online_while_requests_fail(service: Service) -> None:
    """8: as during maintenance; ChatRequestFail after a positive check."""
    await service.inject("request-fail", reason="Unavailable", times=1)
    assert (await result(service))["isAvailable"] is True
    assert (await (await service.requested()).poll()).types == ["ChatRequestFail"]


async def test_a_chat_waits_while_all_agents_are_busy(make_service: MakeService) -> None:
    """8, and 9: work is pushed when somebody has room."""
    service = await make_service(agent_capacity=1, agents=(JANE,))
    ada, bob = await service.chatting(), await service.queued()
    assert (await service.view(bob))["status"] == "waiting"
    await service.act(ada, "end")
    assert await service.assigned(bob) == JANE


async def test_the_least_busy_agent_is_asked_first(service: Service) -> None:
    """8: push routing."""
    await service.chatting()
    assert await service.assigned(await service.requested()) == OMAR


# --- the estimated wait ---------------------------------------------------------------------------------------------


async def test_the_estimated_wait_is_unknown_until_somebody_was_accepted(service: Service) -> None:
    """8: -1 when it cannot be computed."""
    assert (await result(service))["estimatedWaitTime"] == -1
    await accepted_after(service, 0)
    assert (await result(service))["estimatedWaitTime"] == 0


@pytest.mark.parametrize(
    ("waits", "estimate"),
    [
        ((100,), 100),  # the first time A = W
        ((100, 10), 91),  # 0.9 * 100 + 0.1 * 10
        ((100, 10, 10), 83),  # 0.9 * 91 + 0.1 * 10 = 82.9
        ((60, 20), 56),
        ((0, 100), 10),
    ],
)
async def test_the_estimated_wait_follows_the_formula(
    service: Service, waits: tuple[int, ...], estimate: int
) -> None:
    """8: A = 0.9 A' + 0.1 W, recalculated at each acceptance."""
    for seconds in waits:
        await accepted_after(service, seconds)
    assert (await result(service))["estimatedWaitTime"] == estimate


async def test_each_button_has_an_estimate_of_its_own(service: Service) -> None:
    """8: per button."""
    await accepted_after(service, 100)
    await accepted_after(service, 10, buttonId=SECOND_BUTTON)
    assert (await result(service))["estimatedWaitTime"] == 100
    assert (await result(service, SECOND_BUTTON))["estimatedWaitTime"] == 10


async def test_an_agent_who_declines_changes_nothing(service: Service) -> None:
    """8: the latest accepted chat."""
    await accepted_after(service, 100)
    visitor = await service.requested()
    service.clock.pass_seconds(10)
    await service.act(visitor, "decline", agent=await service.assigned(visitor))
    assert (await result(service))["estimatedWaitTime"] == 100


async def test_the_estimate_shrinks_while_one_waits_and_never_below_0(make_service: MakeService) -> None:
    """8: reported value = A - time already waited, floored at 0; in ChatRequestSuccess and QueueUpdate."""
    service = await make_service(auto_assign=False)
    await accepted_after(service, 60)
    ahead, behind = [await service.requested() for _ in range(2)]
    last = await service.requested()
    assert (await behind.poll()).message("ChatRequestSuccess")["estimatedWaitTime"] == 60
    assert (await last.poll()).message("QueueUpdate") == {"position": 2, "estimatedWaitTime": 60}
    service.clock.pass_seconds(20)
    await service.act(ahead, "accept")  # A = 0.9 * 60 + 0.1 * 20 = 56
    assert (await behind.poll()).message("QueueUpdate") == {"position": 0, "estimatedWaitTime": 36}
    service.clock.pass_seconds(100)
    await service.act(behind, "accept")  # A = 0.9 * 56 + 0.1 * 120 = 62.4
    told = (await last.poll()).json["messages"][-1]["message"]
    assert told == {"position": 0, "estimatedWaitTime": 0}
