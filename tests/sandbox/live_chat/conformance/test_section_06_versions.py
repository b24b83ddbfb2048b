"""Section 6: what came with which version of the API."""

from __future__ import annotations

import pytest

from tests.sandbox.live_chat.conformance.conftest import MakeService, Service
from tests.sandbox.live_chat.visitor import BUTTON, DEPLOYMENT, ORGANIZATION, Answer, Visitor

WAITS = f"org_id={ORGANIZATION}&deployment_id={DEPLOYMENT}&Availability.ids={BUTTON}&Availability.needEstimatedWaitTime=1"
IDLE_WARNING = {"idleTimeoutWarningEvent": "triggered"}


async def begun(service: Service, version: str) -> Visitor:
    visitor = service.visitor()
    visitor.version = version
    return await visitor.begin()


async def established(service: Service, version: str) -> tuple[Visitor, Answer]:
    """A visitor with an agent, and all that was heard."""
    visitor = await begun(service, version)
    await visitor.request()
    await service.act(visitor, "accept")
    return visitor, await visitor.poll()


@pytest.mark.parametrize("version", ["29", "34", "39", "42", "47", "52", "58", "67"])
async def test_every_version_in_the_wild_holds_a_conversation(service: Service, version: str) -> None:
    """6: versions used in the wild; payloads do not otherwise differ."""
    visitor, answer = await established(service, version)
    assert answer.types == ["ChatRequestSuccess", "QueueUpdate", "ChatEstablished"]
    assert (await visitor.say("hello")).status == 200
    assert (await visitor.post("ChatEnd", {"reason": "client"})).status == 200


@pytest.mark.parametrize(("version", "told"), [("34", False), ("35", True)])
async def test_35_brings_idle_timeouts(service: Service, version: str, told: bool) -> None:
    """6: idle settings in ChatEstablished, and ChasitorIdleTimeoutWarningEvent."""
    visitor, answer = await established(service, version)
    assert ("chasitorIdleTimeout" in answer.message("ChatEstablished")) is told
    status = (await visitor.post("ChasitorIdleTimeoutWarningEvent", IDLE_WARNING)).status
    assert status == (200 if told else 404)
    status = (await visitor.batch(("ChasitorIdleTimeoutWarningEvent", IDLE_WARNING))).status
    assert status == (200 if told else 400)


@pytest.mark.parametrize(("version", "status"), [("36", 404), ("37", 200)])
async def test_37_brings_reconnect_session(service: Service, version: str, status: int) -> None:
    """6: it replaces ResyncSession."""
    visitor = await begun(service, version)
    await service.inject("pod-restart")
    assert (await visitor.reconnect()).status == status


@pytest.mark.parametrize(("version", "told"), [("46", False), ("47", True)])
async def test_47_brings_estimated_waits(service: Service, version: str, told: bool) -> None:
    """6: estimatedWaitTime, in all three places (8)."""
    visitor = await begun(service, version)
    await visitor.request()
    answer = await visitor.poll()
    (result,) = (await visitor.call("GET", f"/Visitor/Availability?{WAITS}")).message("Availability")[
        "results"
    ]
    for said in (answer.message("ChatRequestSuccess"), answer.message("QueueUpdate"), result):
        assert ("estimatedWaitTime" in said) is told


async def test_everybody_can_get_everything(make_service: MakeService) -> None:
    """6: reported payloads do not otherwise differ; that a version hides what is newer is the guide's word alone."""
    service = await make_service(version_gates=False)
    visitor, answer = await established(service, "29")
    assert "chasitorIdleTimeout" in answer.message("ChatEstablished")
    assert "estimatedWaitTime" in answer.message("QueueUpdate")
    assert (await visitor.post("ChasitorIdleTimeoutWarningEvent", IDLE_WARNING)).status == 200
    await service.inject("pod-restart")
    assert (await visitor.reconnect()).status == 200
