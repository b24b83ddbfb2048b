"""What not every agent system can do: files, custom events, idle notices; and a next system that waits in line."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from botkit.agents import File
from botkit.errors import (
    AgentsUnavailable,
    CallRefused,
    ConversationClosed,
    HostNotAllowed,
    ServerTrouble,
    Unreachable,
)
from botkit.handoff.conversation import Phase
from botkit.handoff.effects import (
    IdleNotice,
    OpenAccess,
    SendCustomEvent,
    SendFile,
    SendToAgent,
    StartSession,
)
from botkit.handoff.events import AgentsLost, FileRefused, MessageAccepted
from botkit.relay.outbound.files import FileCarrier
from botkit.testing.waiting import async_until
from tests.relay.relay_doubles import (
    ACCESS,
    OTHER,
    SESSION,
    SYSTEM,
    AbleSystem,
    FakePlatform,
    World,
    conversation,
)

FILE = SendFile(SESSION, SYSTEM, ACCESS, "m-1", "cat.png", "https://bots.kore.ai/file/1", "door 7")
EVENT = SendCustomEvent(SESSION, SYSTEM, ACCESS, "cart", '{"items":3}')
NOTICE = IdleNotice(SESSION, SYSTEM, ACCESS, warned=True)
OPENING = conversation(phase=Phase.OPENING, access=None)


@pytest.fixture
def log() -> Iterator[list[MutableMapping[str, Any]]]:
    with capture_logs() as entries:
        yield entries


async def test_a_file_is_fetched_from_the_platform_and_given_to_the_agent(able: World) -> None:
    able.ledger.decided(conversation(), FILE)
    await async_until(lambda: not able.ledger.rows)
    (fetched,) = able.platform.calls
    assert fetched.argument == ("https://bots.kore.ai/file/1", able.system.capabilities.max_file_bytes)
    file = File("cat.png", "image/png", b"picture")
    assert able.system.said("send_file") == [("m-1", file, "door 7")]
    (took,) = able.ledger.events
    assert isinstance(took, MessageAccepted)
    assert took.message_id == "m-1"


async def test_a_limit_that_the_agents_side_stated_bounds_what_is_fetched(able: World) -> None:
    able.ledger.decided(conversation(), replace(FILE, max_bytes=1_000))
    await async_until(lambda: not able.ledger.rows)
    assert [fetched.argument for fetched in able.platform.calls] == [("https://bots.kore.ai/file/1", 1_000)]


@pytest.mark.parametrize(
    "error", [CallRefused("call", status=413), HostNotAllowed("call"), ConversationClosed("c")]
)
@pytest.mark.parametrize("side", ["platform", "agents"])
async def test_a_file_that_does_not_arrive_is_reported_and_the_session_goes_on(
    able: World, error: Exception, side: str
) -> None:
    if side == "platform":
        able.platform.answers.append(error)
    else:
        able.system.fails("send_file", error)
    able.ledger.decided(conversation(), FILE, SendToAgent(SESSION, SYSTEM, ACCESS, "m-2", "after it"))
    await async_until(lambda: not able.ledger.rows)
    refused, took = able.ledger.events
    assert isinstance(refused, FileRefused)
    assert (refused.session_id, refused.message_id) == (SESSION, "m-1")
    assert refused.spent is (side == "agents")
    assert isinstance(took, MessageAccepted)


async def test_a_file_is_tried_again_for_a_minute_and_holds_up_nothing_for_longer(able: World) -> None:
    able.system.fails("send_file", *[ServerTrouble("send a file", status=503)] * 1000)
    able.ledger.decided(conversation(), FILE)
    await able.clock.advance(59)
    assert able.ledger.events == []
    assert len(able.system.said("send_file")) > 1
    await able.clock.advance(20)
    (refused,) = able.ledger.events
    assert isinstance(refused, FileRefused)
    assert not refused.spent


async def test_a_file_waits_for_other_files_for_a_limited_time() -> None:
    carrier, platform, system = FileCarrier(max_files=1, turn_seconds=0.01), FakePlatform(), AbleSystem()
    system.gates["send_file"] = gate = asyncio.Event()
    first = asyncio.create_task(carrier.carry(FILE, platform, system))
    await async_until(lambda: bool(system.said("send_file")))
    with pytest.raises(Unreachable):
        await carrier.carry(FILE, platform, system)
    gate.set()
    await first
    await carrier.carry(FILE, platform, system)
    assert len(system.said("send_file")) == 2


async def test_a_platform_that_is_unreachable_for_a_file_does_not_open_the_agents_breaker(
    able: World,
) -> None:
    able.platform.answers.extend([Unreachable("download a file")] * 5)
    able.ledger.decided(conversation(), FILE)
    await able.clock.advance(1)
    able.ledger.decided(conversation(id=OTHER), SendToAgent(SESSION, SYSTEM, ACCESS, "m-2", "hi"))
    await async_until(lambda: able.system.said("send") == [("m-2", "hi")])


async def test_a_system_that_takes_no_files_refuses_them(world: World) -> None:
    world.ledger.decided(conversation(), FILE)
    await async_until(lambda: not world.ledger.rows)
    assert [type(event) for event in world.ledger.events] == [FileRefused]
    assert world.platform.calls == []


@pytest.mark.parametrize(
    ("effect", "call", "about"),
    [(EVENT, "custom_event", ("cart", '{"items":3}')), (NOTICE, "idle_notice", True)],
)
async def test_a_system_gets_custom_events_and_idle_notices(
    able: World, effect: SendCustomEvent, call: str, about: object
) -> None:
    able.ledger.decided(conversation(), effect)
    await async_until(lambda: not able.ledger.rows)
    assert able.system.said(call) == [about]


@pytest.mark.parametrize("effect", [EVENT, NOTICE])
async def test_a_system_without_an_ability_ignores_its_effects(world: World, effect: SendCustomEvent) -> None:
    world.ledger.decided(conversation(), effect)
    await async_until(lambda: not world.ledger.rows and bool(world.metrics.done))
    assert world.ledger.events == []
    assert world.metrics.done == [(type(effect).__name__, "delivered")]


@pytest.mark.parametrize(("effect", "call"), [(EVENT, "custom_event"), (NOTICE, "idle_notice")])
async def test_custom_events_and_idle_notices_are_tried_once(
    able: World, effect: SendCustomEvent, call: str
) -> None:
    able.system.fails(call, ServerTrouble("call", status=503))
    able.ledger.decided(conversation(), effect)
    await async_until(lambda: not able.ledger.rows)
    assert able.ledger.events == []
    assert len(able.system.said(call)) == 1


# --- a next system waits in line ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("effect", "call"),
    [
        (OpenAccess(SESSION, SYSTEM, "", 15.0), "open"),
        (StartSession(SESSION, SYSTEM, ACCESS, (), "en", 15.0), "start"),
    ],
)
async def test_while_another_system_waits_one_that_does_not_answer_is_given_up_sooner(
    world: World, log: list[MutableMapping[str, Any]], effect: OpenAccess, call: str
) -> None:
    world.system.fails(call, *[Unreachable("call")] * 1000)
    world.ledger.decided(OPENING, effect)
    await world.clock.advance(14)
    assert world.ledger.events == []
    await world.clock.advance(6)
    (lost,) = world.ledger.events
    assert isinstance(lost, AgentsLost)
    assert lost.why == "unreachable"
    assert "error" not in {entry["log_level"] for entry in log}


async def test_it_is_given_up_sooner_also_while_the_circuit_breaker_is_open(world: World) -> None:
    world.system.fails("send", *[Unreachable("call")] * 1000)
    world.system.fails("open", *[Unreachable("call")] * 1000)
    world.ledger.decided(conversation(id=OTHER), SendToAgent(SESSION, SYSTEM, ACCESS, "m", "hi"))
    await world.clock.advance(60)
    world.ledger.decided(OPENING, OpenAccess(SESSION, SYSTEM, "", 15.0))
    await world.clock.advance(20)
    (lost,) = world.ledger.events
    assert isinstance(lost, AgentsLost)
    assert world.system.said("open")


async def test_an_answer_that_never_comes_does_not_keep_the_next_system_waiting(world: World) -> None:
    world.system.gates["open"] = never = asyncio.Event()
    world.ledger.decided(OPENING, OpenAccess(SESSION, SYSTEM, "", 0.05))
    await async_until(lambda: world.metrics.retried == ["OpenAccess"])
    never.set()


@pytest.mark.parametrize(
    ("effect", "call"),
    [(OpenAccess(SESSION, SYSTEM), "open"), (StartSession(SESSION, SYSTEM, ACCESS, (), "en"), "start")],
)
async def test_missing_agents_are_reported_at_once_and_logged_as_a_warning(
    world: World, log: list[MutableMapping[str, Any]], effect: OpenAccess, call: str
) -> None:
    world.system.fails(call, AgentsUnavailable("ask for availability"))
    world.ledger.decided(OPENING, effect)
    await async_until(lambda: not world.ledger.rows)
    (lost,) = world.ledger.events
    assert isinstance(lost, AgentsLost)
    assert lost.why == "unavailable"
    assert "error" not in {entry["log_level"] for entry in log}
