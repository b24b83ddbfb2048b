"""Connections of clients: many of them, and those that break."""

from __future__ import annotations

import asyncio

from botkit.testing.waiting import async_until
from tests.sandbox.live_chat.conftest import MakeService, Service
from tests.sandbox.live_chat.visitor import JANE


async def test_a_poll_whose_client_hung_up_is_no_second_poll_and_swallows_nothing(
    make_service: MakeService,
) -> None:
    service = await make_service(poll_hold_seconds=30)
    visitor = await service.chatting()
    visitor.ack = None
    first = asyncio.create_task(visitor.poll())
    await service.polling()
    first.cancel()
    session = service.cloud.sessions[visitor.id]
    await async_until(lambda: session.poll is None or session.poll.gone())
    service.cloud.agent_says(visitor.id, JANE, "hello")
    assert (await visitor.poll()).texts == ["hello"]


async def test_a_client_that_hung_up_may_poll_again_at_once(make_service: MakeService) -> None:
    service = await make_service(poll_hold_seconds=0.5)
    visitor = await service.chatting()
    first = asyncio.create_task(visitor.poll())
    await service.polling()
    first.cancel()
    session = service.cloud.sessions[visitor.id]
    await async_until(lambda: session.poll is None or session.poll.gone())
    assert (await visitor.poll()).status == 204


async def test_the_timeout_begins_when_the_client_of_a_waiting_poll_hangs_up(
    make_service: MakeService,
) -> None:
    service = await make_service(poll_hold_seconds=30)
    visitor = await service.chatting()
    poll = asyncio.create_task(visitor.poll())
    await service.polling()
    service.clock.pass_seconds(1000)
    poll.cancel()
    await async_until(lambda: service.cloud.open_polls() == 0)
    service.clock.pass_seconds(149)
    service.cloud.sweep()
    assert service.view(visitor)["status"] == "active"
    service.clock.pass_seconds(2)
    service.cloud.sweep()
    assert service.view(visitor)["status"] == "ended"


async def test_a_hundred_polls_wait_at_once_and_each_hears_its_own_agent(make_service: MakeService) -> None:
    service = await make_service(poll_hold_seconds=30, auto_accept=True)
    visitors = await asyncio.gather(*(service.requested(visitorName=str(n)) for n in range(100)))
    for visitor in visitors:
        await visitor.until("ChatEstablished")
    polls = [asyncio.create_task(visitor.poll()) for visitor in visitors]
    await service.polling(100)
    for visitor in visitors:
        (agent,) = service.view(visitor)["agents"]
        service.cloud.agent_says(visitor.id, agent, f"for {visitor.id}")
    answers = await asyncio.gather(*polls)
    said = [answer.texts[0] for answer in answers]
    assert said == [f"for {visitor.id}" for visitor in visitors]


async def test_stopping_the_service_lets_go_of_polls(make_service: MakeService) -> None:
    service = await make_service(poll_hold_seconds=30)
    visitor = await service.chatting()
    poll = asyncio.create_task(visitor.poll())
    await service.polling()
    async with asyncio.timeout(25):
        await service.runners[0].cleanup()
        assert (await poll).status == 204


async def test_the_key_of_a_deletion_may_stand_in_the_header_alone(service: Service) -> None:
    visitor = await service.chatting()
    assert (await visitor.call("DELETE", "/System/SessionId")).status == 200
    assert (await visitor.poll()).status == 403
