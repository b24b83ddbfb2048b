"""Long polling: acks, sequence, offset, and one poll at a time (protocol section 3)."""

from __future__ import annotations

import asyncio

import pytest

JANE, OMAR = "Jane Doe", "Omar Haddad"


async def texts(answer) -> list[str]:
    return [each["message"]["text"] for each in answer.json["messages"] if each["type"] == "ChatMessage"]


async def test_the_sequence_is_the_index_of_the_last_message_from_0_on(service):
    visitor = await service.requested(receiveQueueUpdates=False)
    assert (await visitor.poll()).json["sequence"] == 0
    service.cloud.accept(visitor.id, JANE)
    service.cloud.agent_says(visitor.id, JANE, "hi")
    answer = await visitor.poll()
    assert answer.types == ["ChatEstablished", "ChatMessage"]
    assert answer.json["sequence"] == 2


async def test_the_offset_is_a_large_number_that_grows_with_every_message(service):
    visitor = await service.chatting()
    first = visitor.offset
    for text in ("one", "two"):
        service.cloud.agent_says(visitor.id, JANE, text)
    await visitor.poll()
    assert first > 1_000_000
    assert visitor.offset == first + 2


async def test_a_poll_with_the_old_ack_gets_the_messages_again(service):
    visitor = await service.chatting()
    service.cloud.agent_says(visitor.id, JANE, "hello")
    old = visitor.ack
    first = await visitor.poll()
    visitor.ack = old
    assert (await visitor.poll()).json == first.json


async def test_acknowledged_messages_do_not_come_again(service):
    visitor = await service.chatting()
    service.cloud.agent_says(visitor.id, JANE, "hello")
    await visitor.poll()
    answer = await visitor.poll()
    assert (answer.status, answer.text) == (204, "")


async def test_without_ack_everything_handed_out_counts_as_acknowledged(service):
    visitor = await service.chatting()
    visitor.ack = None
    for text in ("one", "two"):
        service.cloud.agent_says(visitor.id, JANE, text)
        assert await texts(await visitor.poll()) == [text]


async def test_messages_that_wait_come_as_one_payload(service):
    visitor = await service.chatting()
    for number in range(20):
        service.cloud.agent_says(visitor.id, JANE, str(number))
    assert await texts(await visitor.poll()) == [str(number) for number in range(20)]


async def test_a_waiting_poll_is_answered_as_soon_as_something_happens(make_service):
    service = await make_service(poll_hold_seconds=30)
    visitor = await service.chatting()
    poll = asyncio.create_task(visitor.poll())
    await service.polling()
    service.cloud.agent_says(visitor.id, JANE, "one")
    service.cloud.agent_says(visitor.id, JANE, "two")
    async with asyncio.timeout(2):
        assert await texts(await poll) == ["one", "two"]


async def test_an_ack_from_the_future_is_taken_for_the_newest(service):
    visitor = await service.chatting()
    visitor.ack = 4711
    service.cloud.agent_says(visitor.id, JANE, "hello")
    assert await texts(await visitor.poll()) == ["hello"]


async def test_an_ack_from_the_future_can_be_refused(make_service):
    service = await make_service(ack_ahead="refuse")
    visitor = await service.chatting()
    last, visitor.ack = visitor.ack, 4711
    answer = await visitor.poll()
    assert (answer.status, answer.text) == (409, f"Out of sync Ack. Expected 4711. Actual {last}")


@pytest.mark.parametrize("ack", ["one", "1.5", "--1", "9" * 30])
async def test_an_ack_that_is_no_number_is_a_400(service, ack):
    visitor = await service.chatting()
    assert (await visitor.call("GET", f"/System/Messages?ack={ack}")).status == 400


async def test_the_poll_counter_of_consoles_is_ignored(service):
    visitor = await service.requested()
    answer = await visitor.call("GET", "/System/Messages?ack=-1&pc=0")
    assert answer.types[0] == "ChatRequestSuccess"


async def test_a_second_poll_is_a_409_and_the_first_one_goes_on(make_service):
    service = await make_service(poll_hold_seconds=30)
    visitor = await service.chatting()
    first = asyncio.create_task(visitor.poll())
    await service.polling()
    assert (await visitor.poll()).status == 409
    service.cloud.agent_says(visitor.id, JANE, "still here")
    assert await texts(await first) == ["still here"]


async def test_a_second_poll_can_end_the_chat(make_service):
    service = await make_service(poll_hold_seconds=30, duplicate_poll="end")
    visitor = await service.chatting()
    first = asyncio.create_task(visitor.poll())
    await service.polling()
    assert (await visitor.poll()).status == 409
    assert (await first).status == 403
    assert service.view(visitor)["status"] == "ended"


async def test_a_poll_whose_client_hung_up_is_no_second_poll_and_swallows_nothing(make_service, eventually):
    service = await make_service(poll_hold_seconds=30)
    visitor = await service.chatting()
    visitor.ack = None
    first = asyncio.create_task(visitor.poll())
    await service.polling()
    first.cancel()
    session = service.cloud.sessions[visitor.id]
    await eventually(lambda: session.poll is None or session.poll.gone())
    service.cloud.agent_says(visitor.id, JANE, "hello")
    assert await texts(await visitor.poll()) == ["hello"]


async def test_a_client_that_hung_up_may_poll_again_at_once(make_service, eventually):
    service = await make_service(poll_hold_seconds=0.5)
    visitor = await service.chatting()
    first = asyncio.create_task(visitor.poll())
    await service.polling()
    first.cancel()
    session = service.cloud.sessions[visitor.id]
    await eventually(lambda: session.poll is None or session.poll.gone())
    assert (await visitor.poll()).status == 204


async def test_polling_works_before_the_chat_is_requested(service):
    visitor = await service.visitor().begin()
    assert (await visitor.poll()).status == 204


async def test_a_pending_poll_keeps_hanging_after_the_visitors_end_if_switched_so(make_service):
    service = await make_service(poll_after_client_end="hang", poll_hold_seconds=0.3)
    visitor = await service.chatting()
    poll = asyncio.create_task(visitor.poll())
    await service.polling()
    await visitor.post("ChatEnd", {"reason": "client"})
    assert (await poll).status == 204
    assert (await visitor.poll()).types == ["ChatEnded"]


async def test_a_hundred_polls_wait_at_once_and_each_hears_its_own_agent(make_service):
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
    said = [(await texts(answer))[0] for answer in answers]
    assert said == [f"for {visitor.id}" for visitor in visitors]


async def test_stopping_the_service_lets_go_of_polls(make_service):
    service = await make_service(poll_hold_seconds=30)
    visitor = await service.chatting()
    poll = asyncio.create_task(visitor.poll())
    await service.polling()
    async with asyncio.timeout(3):
        await service.runners[0].cleanup()
        assert (await poll).status == 204
