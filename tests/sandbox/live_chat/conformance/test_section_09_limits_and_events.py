"""Section 9: time-outs, limits, and what the organisation records of a chat."""

from __future__ import annotations

import pytest

from tests.sandbox.live_chat.conformance.conftest import MakeService, Service
from tests.sandbox.live_chat.visitor import JANE, MEI, OMAR, Visitor

IDLE = "ChasitorIdleTimeoutWarningEvent"


async def until_recorded(service: Service, visitor: Visitor, kind: str) -> list[str]:
    """What was recorded, once the service has noticed by itself that time passed."""

    async def is_there() -> bool:
        return kind in await service.events(visitor)

    await service.until(is_there)
    return await service.events(visitor)


# --- limits ---------------------------------------------------------------------------------------------------------


async def test_the_idle_time_is_the_clients_to_enforce(make_service: MakeService) -> None:
    """9: customer time-outs are enforced by the client."""
    service = await make_service(idle_timeout_seconds=20, idle_warning_seconds=10)
    visitor = await service.chatting()
    service.clock.pass_seconds(100)
    assert (await visitor.poll()).status == 204
    assert (await visitor.say("still here")).status == 200


async def test_messages_have_no_limit_of_length(service: Service) -> None:
    """9: no documented limit."""
    visitor = await service.chatting()
    assert (await visitor.say("x" * 100_000)).status == 200


async def test_messages_can_have_a_limit_of_length(make_service: MakeService) -> None:
    """9 [C]: keep a configurable cap."""
    service = await make_service(text_max_length=5)
    visitor = await service.chatting()
    assert (await visitor.say("12345")).status == 200
    assert (await visitor.say("123456")).status == 400


async def test_messages_in_quick_succession_can_be_lost(service: Service) -> None:
    """9 and 13.4: very quick calls were answered 200 but lost; IBM waits 15 ms."""
    visitor = await service.chatting()
    await service.inject("lose-quick", within_ms=15)
    for text, pause in (("one", 0.010), ("quick", 0.020), ("three", 0.015), ("four", 0)):
        assert (await visitor.say(text)).status == 200
        service.clock.pass_seconds(pause)
    assert await service.read(visitor) == ["one", "three", "four"]


# --- transcript events ----------------------------------------------------------------------------------------------


async def test_a_chat_that_an_agent_ends(service: Service) -> None:
    """9: ChatRequest, Enqueue, PushAssignment, Accept, EndAgent."""
    visitor = await service.chatting()
    await service.act(visitor, "end")
    assert await service.events(visitor) == ["ChatRequest", "Enqueue", "PushAssignment", "Accept", "EndAgent"]


async def test_an_event_says_when_and_who(service: Service) -> None:
    """9: for a realistic agent console."""
    visitor = await service.chatting()
    request, *_, accept = (await service.view(visitor))["events"]
    assert request == {
        "type": "ChatRequest",
        "at_ms": service.clock.milliseconds(),
        "agent": None,
        "detail": "",
    }
    assert (accept["type"], accept["agent"]) == ("Accept", await service.agent_id(JANE))


async def test_work_that_lies_in_the_queue(make_service: MakeService) -> None:
    """9: ChoiceRoute."""
    service = await make_service(auto_assign=False)
    visitor = await service.chatting()
    assert await service.events(visitor) == ["ChatRequest", "Enqueue", "ChoiceRoute", "Accept"]


async def test_agents_who_decline(service: Service) -> None:
    """9: DeclineManual, then CancelNoAgent."""
    visitor = await service.requested()
    for name in (JANE, OMAR, MEI):
        await service.act(visitor, "decline", agent=name)
    assert (await service.events(visitor))[2:] == [
        *["PushAssignment", "DeclineManual"] * 3,
        "CancelNoAgent",
    ]


async def test_an_agent_who_does_not_answer_in_time(make_service: MakeService) -> None:
    """9: DeclineTimeout; the next agent is asked."""
    service = await make_service(push_timeout_seconds=30)
    visitor = await service.requested()
    service.clock.pass_seconds(31)
    await until_recorded(service, visitor, "DeclineTimeout")
    assert await service.assigned(visitor) == OMAR


async def test_an_agent_who_does_not_take_a_transfer_in_time(make_service: MakeService) -> None:
    """9: DeclineTimeout, TransferCancelled; the chat stays with the one who has it."""
    service = await make_service(push_timeout_seconds=30)
    visitor = await service.chatting()
    await service.act(visitor, "transfer", to=OMAR)
    service.clock.pass_seconds(31)
    events = await until_recorded(service, visitor, "TransferCancelled")
    assert events[-3:] == ["TransferRequest", "DeclineTimeout", "TransferCancelled"]
    await service.says(visitor, "still me")
    assert (await visitor.poll()).texts == ["still me"]


async def test_nobody_is_there(service: Service) -> None:
    """9: CancelNoAgent."""
    for name in (JANE, OMAR, MEI):
        await service.online(name, False)
    assert await service.events(await service.requested()) == ["ChatRequest", "CancelNoAgent"]


async def test_the_queue_is_full(make_service: MakeService) -> None:
    """9: CancelNoQueue."""
    service = await make_service(auto_assign=False, queue_limit=0)
    assert await service.events(await service.requested()) == ["ChatRequest", "CancelNoQueue"]


@pytest.mark.parametrize(
    ("reason", "waiting", "event"),
    [
        ("Blocked", True, "CancelBlocked"),
        ("Blocked", False, "AgentBlocked"),
        ("Unavailable", True, "CancelNoAgent"),
        ("InternalFailure", True, "Other"),
    ],
)
async def test_failures(service: Service, reason: str, waiting: bool, event: str) -> None:
    """9: CancelBlocked before an agent is there, AgentBlocked afterwards; what has no name of its own is Other."""
    visitor = await (service.queued() if waiting else service.chatting())
    await service.act(visitor, "route-failure", reason=reason)
    assert (await service.events(visitor))[-1] == event


@pytest.mark.parametrize(
    ("waiting", "reason", "event"),
    [
        (True, "client", "CancelVisitor"),
        (False, "client", "EndVisitor"),
        (False, "clientIdleTimeout", "ChasitorIdleTimeout"),
    ],
)
async def test_visitors_who_end(service: Service, waiting: bool, reason: str, event: str) -> None:
    """9: CancelVisitor, EndVisitor, ChasitorIdleTimeout (2.9)."""
    visitor = await (service.queued() if waiting else service.chatting())
    await visitor.post("ChatEnd", {"reason": reason})
    assert (await service.events(visitor))[-1] == event


@pytest.mark.parametrize("how", ["deleted", "lost"])
async def test_visitors_who_leave(service: Service, how: str) -> None:
    """9: LeaveVisitor."""
    visitor = await service.chatting()
    if how == "deleted":
        await visitor.delete()
    else:
        service.clock.pass_seconds(151)
        await visitor.poll()
    assert (await service.events(visitor))[-1] == "LeaveVisitor"


async def test_a_transfer_to_an_agent(service: Service) -> None:
    """9: TransferRequest, Transfer, LeaveAgent."""
    visitor = await service.chatting()
    await service.act(visitor, "transfer", to=OMAR)
    await service.act(visitor, "accept", agent=OMAR)
    assert (await service.events(visitor))[4:] == ["TransferRequest", "Transfer", "LeaveAgent"]


async def test_a_transfer_that_is_declined(service: Service) -> None:
    """9: TransferCancelled."""
    visitor = await service.chatting()
    await service.act(visitor, "transfer", to=OMAR)
    await service.act(visitor, "decline", agent=OMAR)
    assert (await service.events(visitor))[4:] == ["TransferRequest", "DeclineManual", "TransferCancelled"]


async def test_a_transfer_to_a_button(service: Service) -> None:
    """9: TransferRequest, LeaveAgent, Enqueue, PushAssignment, Transfer."""
    visitor = await service.chatting()
    await service.act(visitor, "transfer", to="Billing")
    await service.act(visitor, "accept", agent=OMAR)
    assert (await service.events(visitor))[4:] == [
        "TransferRequest",
        "LeaveAgent",
        "Enqueue",
        "PushAssignment",
        "Transfer",
    ]


async def test_a_transfer_to_a_button_that_nobody_takes(service: Service) -> None:
    """9: TransferCancelled, ChatResumedAfterTransfer."""
    visitor = await service.chatting()
    await service.act(visitor, "transfer", to="Billing", fail=True)
    assert (await service.events(visitor))[-2:] == ["TransferCancelled", "ChatResumedAfterTransfer"]


async def test_agents_who_leave(service: Service) -> None:
    """9: LeaveAgent, and Accept of the one who takes over; a conference has no name of its own."""
    visitor = await service.chatting()
    await service.act(visitor, "conference", to=OMAR)
    await service.act(visitor, "leave", agent=OMAR)
    await service.act(visitor, "disconnect")
    await service.act(visitor, "accept", agent=MEI)
    assert (await service.events(visitor))[4:] == [
        "Other",
        "LeaveAgent",
        "LeaveAgent",
        "Enqueue",
        "PushAssignment",
        "Accept",
    ]


async def test_idle_warnings(service: Service) -> None:
    """9: ChasitorIdleTimeoutWarningTriggered and …Cleared (2.10)."""
    visitor = await service.chatting()
    for word in ("triggered", "cleared"):
        await visitor.post(IDLE, {"idleTimeoutWarningEvent": word})
    assert (await service.events(visitor))[-2:] == [
        "ChasitorIdleTimeoutWarningTriggered",
        "ChasitorIdleTimeoutWarningCleared",
    ]


async def test_a_visitor_who_waits_too_long_for_a_word(make_service: MakeService) -> None:
    """9: AlertCriticalWaitChat, once for each wait, and not for one that an agent has ended."""
    service = await make_service(critical_wait_seconds=60)
    answered, waiting = await service.chatting(), await service.chatting()
    await answered.say("hello")
    await service.says(answered, "hello")
    await waiting.say("anybody?")
    service.clock.pass_seconds(61)
    await until_recorded(service, waiting, "AlertCriticalWaitChat")
    later = await service.chatting()
    await later.say("me too")
    service.clock.pass_seconds(61)
    await until_recorded(service, later, "AlertCriticalWaitChat")
    assert (await service.events(waiting)).count("AlertCriticalWaitChat") == 1
    assert "AlertCriticalWaitChat" not in await service.events(answered)
