"""Inputs whose outcome is told by a call instead of a future."""

from __future__ import annotations

import asyncio
import threading

import pytest
from structlog.testing import capture_logs

from botkit.errors import LedgerClosed, LedgerError
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.events import AgentSaid, Content
from botkit.ledger import waiting
from botkit.ledger.interface import Committed, Input
from botkit.testing.waiting import async_until
from tests.ledger.ledger_stage import BOT, SESSION, Outcomes, Stage, rules

ADA = ConversationId(BOT, "u-ada")


def test_the_listener_acts_on_an_input_of_the_relay_before_its_outcome_is_told(stage: Stage) -> None:
    """Otherwise a lane could go on before the same commit drops it."""
    told: list[int] = []
    heard = threading.Event()

    def outcome(_: Committed | Exception) -> None:
        told.append(len(stage.news()))
        heard.set()

    said = AgentSaid(key="e1", at=Instant(1.0), session_id=SESSION, content=Content(text="hi"))
    stage.ledger.submit_then(Input(ADA, said), outcome)
    assert heard.wait(10)
    assert told == [1]


def test_an_input_dropped_before_its_commit_is_not_committed_and_not_told(
    stage: Stage, outcomes: Outcomes
) -> None:
    with stage.paused():
        drop = stage.ledger.submit_then(stage.inputs.says("u-ada", "hi"), outcomes)
        drop()
    stage.submit(Input(ADA, None))
    assert stage.kinds() == []
    assert outcomes == []


def test_an_input_that_cannot_be_stored_is_told_its_error(stage: Stage, outcomes: Outcomes) -> None:
    good = Outcomes()
    with stage.paused():
        stage.ledger.submit_then(stage.inputs.says("u-ada", "hi", key="half an emoji \ud83d"), outcomes)
        stage.ledger.submit_then(stage.inputs.says("u-ada", "hi"), good)
    assert isinstance(outcomes.only(), ValueError)
    assert isinstance(good.only(), Committed)


def test_a_failing_store_is_told_and_the_input_may_be_repeated(stage: Stage, outcomes: Outcomes) -> None:
    input = stage.inputs.says("u-ada", "hi", body=b"x" * 100_000)
    stage.break_store()
    stage.ledger.submit_then(input, outcomes)
    assert isinstance(outcomes.only(), LedgerError)
    stage.mend_store()
    assert not stage.submit(input).duplicate


@pytest.mark.parametrize("limit", [0, 1], ids=["of queued inputs", "of stored effects"])
def test_a_refused_input_is_told_at_once(
    stage: Stage, outcomes: Outcomes, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(stage.limits[limit], -1)
        stage.ledger.submit_then(stage.inputs.says("u-ada", "hi"), outcomes)
    assert [type(one) for one in outcomes] == [LedgerError]
    assert outcomes.threads == [threading.current_thread().name]


def test_a_closed_ledger_tells_it_at_once(stage: Stage, outcomes: Outcomes) -> None:
    stage.ledger.close()
    stage.ledger.submit_then(stage.inputs.says("u-ada", "hi"), outcomes)
    not_started = stage.new_ledger(rules)
    not_started.submit_then(stage.inputs.says("u-ada", "hi"), outcomes)
    assert [type(one) for one in outcomes] == [LedgerClosed, LedgerClosed]


def test_inputs_submitted_before_the_close_are_told(stage: Stage, outcomes: Outcomes) -> None:
    for number in range(300):
        stage.ledger.submit_then(stage.inputs.says("u-ada", str(number)), outcomes)
    stage.ledger.close()
    assert [type(one) for one in outcomes] == [Committed] * 300


def test_a_function_that_raises_keeps_no_other_from_its_outcome(stage: Stage, outcomes: Outcomes) -> None:
    def fails(_: Committed | Exception) -> None:
        raise ValueError("a secret")

    with capture_logs() as lines:
        with stage.paused():
            stage.ledger.submit_then(stage.inputs.says("u-ada", "one"), fails)
            stage.ledger.submit_then(stage.inputs.says("u-ada", "two"), outcomes)
        assert isinstance(outcomes.only(), Committed)
    assert stage.submit(stage.inputs.says("u-ada", "three")).items
    assert [line["event"] for line in lines if line["log_level"] != "info"] == ["call_failed"]
    assert "a secret" not in str(lines)


def test_one_input_completes_effects_of_several_conversations(stage: Stage, outcomes: Outcomes) -> None:
    items = [stage.submit(stage.inputs.says(f"u-{name}", "hi")).items[0] for name in ("ada", "bob", "cy")]
    nobody = ConversationId("", "")
    done = (items[0].id, items[2].id)
    stage.ledger.submit_then(Input(nobody, None, completes=done), outcomes)
    assert isinstance(outcomes.only(), Committed)
    assert stage.undelivered() == [items[1]]
    assert stage.ledger.depth == 1
    assert stage.conversation("u-ada") is None
    assert stage.ledger.conversation(nobody) is None


# --- on an event loop -------------------------------------------------------------------------------------------------


def test_every_loop_has_turns_of_its_own(stage: Stage, outcomes: Outcomes) -> None:
    async def left_behind() -> None:
        stage.ledger.submit_then(stage.inputs.says("u-ada", "hi"), outcomes)
        asyncio.get_running_loop().stop()

    stopped = asyncio.new_event_loop()
    task = stopped.create_task(left_behind())
    stopped.run_forever()
    asyncio.run(stage.turns(outcomes, turns=1, inputs=2))
    stopped.run_until_complete(task)
    stopped.close()
    stage.ledger.close()
    assert len(outcomes) == 3


def test_an_input_with_a_future_does_not_wait_for_the_end_of_a_turn(stage: Stage) -> None:
    async def wait_for_it() -> Committed:
        return stage.submit(stage.inputs.says("u-ada", "hi"))

    assert asyncio.run(wait_for_it()).items


def test_a_close_commits_what_a_loop_has_just_submitted(stage: Stage, outcomes: Outcomes) -> None:
    async def submit_and_close() -> None:
        stage.ledger.submit_then(stage.inputs.says("u-ada", "hi"), outcomes)
        stage.ledger.close()

    asyncio.run(submit_and_close())
    assert [type(one) for one in outcomes] == [Committed]


@pytest.fixture
def waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """An input that may wait is committed with another one, or not at all."""
    monkeypatch.setattr(waiting, "MAX_WAIT_SECONDS", 3_600.0)


def completing(stage: Stage) -> Input:
    """The result of an effect, whose commit may wait."""
    (item,) = stage.submit(stage.inputs.says("u-ada", "hi")).items
    return Input(ADA, None, completes=(item.id,), may_wait=True)


def test_an_input_that_may_wait_is_committed_a_moment_later(stage: Stage, outcomes: Outcomes) -> None:
    async def submit() -> None:
        stage.ledger.submit_then(completing(stage), outcomes)
        await async_until(lambda: bool(outcomes))

    asyncio.run(submit())
    assert isinstance(outcomes.only(), Committed)
    assert stage.undelivered() == []


@pytest.mark.usefixtures("waits_for_ever")
def test_an_input_that_may_wait_is_committed_with_the_next(stage: Stage, outcomes: Outcomes) -> None:
    async def submit() -> None:
        stage.ledger.submit_then(completing(stage), outcomes)
        await asyncio.sleep(0)
        said = AgentSaid(key="e1", at=Instant(1.0), session_id=SESSION, content=Content(text="hi"))
        stage.ledger.submit_then(Input(ADA, said), outcomes)
        await async_until(lambda: len(outcomes) == 2)

    asyncio.run(submit())
    assert [type(one) for one in outcomes] == [Committed, Committed]


@pytest.mark.usefixtures("waits_for_ever")
def test_an_input_that_may_wait_can_be_hurried(stage: Stage, outcomes: Outcomes) -> None:
    async def submit() -> None:
        stage.ledger.submit_then(completing(stage), outcomes)
        stage.ledger.hurry()
        await async_until(lambda: bool(outcomes))

    asyncio.run(submit())
    assert isinstance(outcomes.only(), Committed)


@pytest.mark.usefixtures("waits_for_ever")
def test_a_close_commits_what_may_wait(stage: Stage, outcomes: Outcomes) -> None:
    async def submit_and_close() -> None:
        stage.ledger.submit_then(completing(stage), outcomes)
        stage.ledger.close()

    asyncio.run(submit_and_close())
    assert [type(one) for one in outcomes] == [Committed]
