"""An agent system brings values that cannot be: they do not reach the store, and what can be saved of the event is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from structlog.testing import capture_logs

from botkit.agents import Granted
from botkit.errors import BadReply
from botkit.handoff.conversation import Access, Instant, Phase
from botkit.handoff.effects import OpenAccess
from botkit.handoff.events import (
    AccessGranted,
    AgentJoined,
    AgentSaid,
    AgentSideEvent,
    AgentTyping,
    Content,
    FromAgents,
    IdleRule,
    QueueMoved,
)
from botkit.ledger.codec import conversation_from_json, conversation_to_json
from botkit.ledger.interface import Input
from botkit.relay import bounds
from botkit.relay.bounds import MAX_NAME, grant_within_bounds, within_bounds
from botkit.testing.waiting import async_until
from tests.ledger.ledger_stage import SqliteStage
from tests.relay.relay_doubles import ACCESS, SESSION, START, SYSTEM, USER, World, conversation, said
from tests.relay.test_receivers import listening

NUMBERS: list[Any] = [float("nan"), float("inf"), -float("inf"), 1e300, -1e300, 10**30, 10**400, "soon", None]
ORIGIN: dict[str, Any] = {"key": f"{SESSION}/1", "at": START, "session_id": SESSION}


@pytest.mark.parametrize("at", [*NUMBERS, START * 1_000, START + 90_000])
def test_a_time_that_cannot_be_becomes_now(at: Any) -> None:
    sound, wrong = within_bounds(replace(said("1"), at=at), START)
    assert sound == said("1")
    assert wrong == "at"


@pytest.mark.parametrize("high_water_ms", [*NUMBERS, -1, int(START + 90_000) * 1_000])
def test_a_position_in_time_that_cannot_be_is_none(high_water_ms: Any) -> None:
    sound, wrong = within_bounds(replace(said("1"), high_water_ms=high_water_ms), START)
    assert sound == replace(said("1"), high_water_ms=0)
    assert wrong == "high_water_ms"


@pytest.mark.parametrize(
    "event",
    [
        said("1", "x" * 5_000),
        replace(said("1"), at=Instant(START + 3_600)),
        replace(said("1"), at=Instant(START - 86_400 * 30)),
        AgentTyping(**ORIGIN, started=True),
        QueueMoved(**ORIGIN, place=3, wait_seconds=600),
        AgentJoined(**ORIGIN, subject="jane", idle=IdleRule(60.0, 120.0)),
    ],
    ids=lambda event: type(event).__name__,
)
def test_an_event_that_can_be_is_left_as_it_is(event: FromAgents) -> None:
    assert within_bounds(event, START) == (event, "")


@pytest.mark.parametrize("value", NUMBERS[:-1])
def test_durations_and_places_that_cannot_be_are_not_stated(value: Any) -> None:
    typing, _ = within_bounds(AgentTyping(**ORIGIN, started=True, holds_seconds=value), START)
    assert typing == AgentTyping(**ORIGIN, started=True)
    moved, _ = within_bounds(QueueMoved(**ORIGIN, place=value, wait_seconds=value), START)
    assert moved == QueueMoved(**ORIGIN, place=0)
    joined, _ = within_bounds(AgentJoined(**ORIGIN, subject="jane", idle=IdleRule(value, 60.0)), START)
    assert joined == AgentJoined(**ORIGIN, subject="jane")


def test_texts_that_cannot_be_stored_are_mended() -> None:
    half, _ = within_bounds(said("1", "cut \ud83d"), START)
    assert half == said("1", "cut \ufffd")
    long, wrong = within_bounds(replace(said("1"), agent_name="x" * 5_000, position="1" * 20_000), START)
    assert long == replace(said("1"), agent_name="x" * MAX_NAME)
    assert wrong == "agent_name, position"
    other, wrong = within_bounds(replace(said("1"), key=7, agent_name=None), START)
    assert other == replace(said("1"), key="7", agent_name="")
    assert wrong == "agent_name, key"


@pytest.mark.parametrize("event", [object(), None, {"text": "hi"}, replace(said("1"), content=None)])
def test_what_is_no_event_is_dropped(event: Any) -> None:
    assert within_bounds(event, START)[0] is None


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(AgentSaid.__struct_fields__), JUNK))
def test_an_event_of_any_values_can_be_stored_or_is_dropped(values: dict[str, Any]) -> None:
    sound, _ = within_bounds(AgentSaid(**{**ORIGIN, "content": Content("hi"), **values}), START)
    if sound is None:
        return
    assert isinstance(sound, AgentSaid)
    named = conversation(access=Access("t", sound.position, sound.high_water_ms), ended_at=sound.at)
    assert conversation_from_json(conversation_to_json(named)) == named


@pytest.mark.parametrize("at", NUMBERS[:3])
async def test_a_message_with_a_time_that_cannot_be_is_shown_and_can_be_read_after_a_restart(
    world: World, tmp_path: Path, at: float
) -> None:
    stream = await listening(world)
    with capture_logs() as lines:
        for number in range(10):
            stream.say(replace(said(f"e{number}"), at=Instant(at), high_water_ms=10**30))
        await async_until(lambda: len([e for e in world.ledger.events if isinstance(e, AgentSaid)]) == 10)
    (line,) = [line for line in lines if line["event"] == "agent_event_mended"]
    assert line["reason"] == f"{SYSTEM} AgentSaid: at, high_water_ms"
    (event, *_) = [event for event in world.ledger.events if isinstance(event, AgentSaid)]
    stage = SqliteStage(tmp_path)
    assert not stage.submit(Input(USER, event)).duplicate
    stage.reopen()
    assert stage.submit(Input(USER, event)).duplicate
    stage.finish()


# --- access ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("expires_at", [*NUMBERS[:-1], START * 1_000])
async def test_access_that_expires_at_no_time_has_no_expiry(world: World, expires_at: Any) -> None:
    async def opened(_: str) -> Granted:
        return Granted(ACCESS, expires_at)

    world.system.open = opened  # type: ignore[method-assign,assignment]
    world.ledger.decided(conversation(access=None, phase=Phase.OPENING), OpenAccess(SESSION, SYSTEM))
    await async_until(lambda: any(isinstance(event, AccessGranted) for event in world.ledger.events))
    (granted,) = [event for event in world.ledger.events if isinstance(event, AccessGranted)]
    assert granted.expires_at is None


@pytest.mark.parametrize(
    "granted",
    [
        Granted(Access("half \ud83d"), None),
        Granted(Access(7), None),  # type: ignore[arg-type]
        Granted(Access("t", high_water_ms=10**30), None),
        Granted(None, None),  # type: ignore[arg-type]
        Granted(ACCESS, None, nobody_message=None),  # type: ignore[arg-type]
        None,
    ],
)
def test_access_that_cannot_be_stored_is_a_bad_reply(granted: Any) -> None:
    with pytest.raises(BadReply):
        grant_within_bounds(granted, START)


def test_every_event_with_numbers_of_its_own_has_them_checked() -> None:
    with_numbers = {
        kind
        for kind in get_args(AgentSideEvent)
        for field in msgspec.structs.fields(kind)
        if field.name not in ("at", "high_water_ms") and re.search("int|float|IdleRule", str(field.type))
    }
    assert with_numbers == bounds._WITH_NUMBERS
