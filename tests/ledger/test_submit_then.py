"""Inputs whose outcome is told by a call instead of a future."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from botkit.errors import LedgerClosed, LedgerError
from botkit.handoff.conversation import Conversation, ConversationId
from botkit.handoff.decision import Decision
from botkit.handoff.events import Event
from botkit.ledger.interface import Committed, Input
from botkit.ledger.sqlite.ledger import MAX_IN_BATCH, SqliteLedger
from botkit.testing.waiting import async_until, until
from tests.ledger.ledger_stage import BOT, Choked, Stage, paused, rules
from tests.ledger.test_ledger_faults import empty_the_disk, fill_the_disk

ADA = ConversationId(BOT, "u-ada")


class Outcomes(list[Committed | Exception]):
    """The outcomes in the order in which they were told, each with the name of its thread."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[str] = []

    def __call__(self, outcome: Committed | Exception) -> None:
        self.threads.append(threading.current_thread().name)
        self.append(outcome)

    def only(self) -> Committed | Exception:
        until(lambda: bool(self))
        (outcome,) = self
        return outcome


@pytest.fixture
def outcomes() -> Outcomes:
    return Outcomes()


def test_the_consequences_are_told_once_in_the_ledgers_thread(stage: Stage, outcomes: Outcomes) -> None:
    stage.ledger.submit_then(stage.inputs.says("u-ada", "hi"), outcomes)
    stage.ledger.close()
    committed = outcomes.only()
    assert isinstance(committed, Committed)
    assert [type(item.effect).__name__ for item in committed.items] == ["PassToBot"]
    assert outcomes.threads == ["botkit-ledger"]


def test_outcomes_of_hooks_are_told_in_order_before_the_listener_and_after_the_commit(stage: Stage) -> None:
    happened: list[str] = []

    def told(name: str) -> None:
        # Another connection sees what is durable.
        happened.append(f"{name} of {len(stage.ledger.undelivered())}")

    stage.ledger.close()
    ledger = SqliteLedger(f"sqlite:///{stage.path}", lambda one, event: stage.decide(one, event))
    ledger.start(lambda batch: happened.append(f"batch of {len(batch)}"))
    stage.ledger = ledger
    with paused(stage):
        ledger.submit_then(stage.inputs.says("u-ada", "one"), lambda _: told("one"))
        ledger.submit_then(stage.inputs.says("u-ada", "two"), lambda _: told("two"))
    ledger.close()
    assert happened == ["batch of 1", "one of 2", "two of 2", "batch of 2"]


def test_the_listener_acts_on_an_input_of_the_relay_before_its_outcome_is_told(stage: Stage) -> None:
    """Otherwise a lane could go on before the same commit drops it."""
    happened: list[str] = []
    stage.ledger.close()
    ledger = SqliteLedger(f"sqlite:///{stage.path}", lambda one, event: stage.decide(one, event))
    ledger.start(lambda _: happened.append("listener"))
    stage.ledger = ledger
    without_hook = replace(stage.inputs.says("u-ada", "one"), hook=None)
    ledger.submit_then(without_hook, lambda _: happened.append("outcome"))
    ledger.close()
    assert happened == ["listener", "outcome"]


def test_an_input_dropped_before_its_commit_is_not_committed_and_not_told(
    stage: Stage, outcomes: Outcomes
) -> None:
    with paused(stage):
        drop = stage.ledger.submit_then(stage.inputs.says("u-ada", "hi"), outcomes)
        drop()
    stage.submit(Input(ADA, None))
    assert stage.kinds() == []
    assert outcomes == []


def test_dropping_an_input_whose_commit_has_begun_changes_nothing(stage: Stage, outcomes: Outcomes) -> None:
    began, go_on = threading.Event(), threading.Event()

    def hold(conversation: Conversation, event: Event) -> Decision:
        began.set()
        assert go_on.wait(10)
        return rules(conversation, event)

    stage.decide = hold
    drop = stage.ledger.submit_then(stage.inputs.says("u-ada", "hi"), outcomes)
    assert began.wait(10)
    drop()
    go_on.set()
    assert isinstance(outcomes.only(), Committed)
    drop()
    assert stage.kinds() == ["PassToBot"]


def test_an_input_on_which_the_rules_fail_is_told_their_error(stage: Stage, outcomes: Outcomes) -> None:
    good = Outcomes()
    with paused(stage):
        stage.ledger.submit_then(stage.inputs.says("u-ada", "choke"), outcomes)
        stage.ledger.submit_then(stage.inputs.says("u-ada", "hi"), good)
    assert isinstance(outcomes.only(), Choked)
    assert isinstance(good.only(), Committed)


def test_an_input_that_cannot_be_stored_is_told_its_error(stage: Stage, outcomes: Outcomes) -> None:
    good = Outcomes()
    with paused(stage):
        stage.ledger.submit_then(stage.inputs.says("u-ada", "hi", key="half an emoji \ud83d"), outcomes)
        stage.ledger.submit_then(stage.inputs.says("u-ada", "hi"), good)
    assert isinstance(outcomes.only(), ValueError)
    assert isinstance(good.only(), Committed)


def test_a_failing_store_is_told_and_the_input_may_be_repeated(stage: Stage, outcomes: Outcomes) -> None:
    input = stage.inputs.says("u-ada", "hi", body=b"x" * 100_000)
    fill_the_disk(stage)
    stage.ledger.submit_then(input, outcomes)
    assert isinstance(outcomes.only(), LedgerError)
    empty_the_disk(stage)
    assert not stage.submit(input).duplicate


@pytest.mark.parametrize("limit", ["MAX_QUEUED", "MAX_UNDELIVERED"])
def test_a_refused_input_is_told_at_once(
    stage: Stage, outcomes: Outcomes, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(f"botkit.ledger.sqlite.ledger.{limit}", -1)
    stage.ledger.submit_then(stage.inputs.says("u-ada", "hi"), outcomes)
    assert [type(one) for one in outcomes] == [LedgerError]
    assert outcomes.threads == [threading.current_thread().name]


def test_a_closed_ledger_tells_it_at_once(tmp_path: Path, stage: Stage, outcomes: Outcomes) -> None:
    stage.ledger.close()
    stage.ledger.submit_then(stage.inputs.says("u-ada", "hi"), outcomes)
    not_started = SqliteLedger(f"sqlite:///{tmp_path / 'other.db'}", rules)
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
        with paused(stage):
            stage.ledger.submit_then(stage.inputs.says("u-ada", "one"), fails)
            stage.ledger.submit_then(stage.inputs.says("u-ada", "two"), outcomes)
        assert isinstance(outcomes.only(), Committed)
    assert stage.submit(stage.inputs.says("u-ada", "three")).items
    assert [line["event"] for line in lines] == ["call_failed"]
    assert "a secret" not in str(lines)


def test_one_input_completes_effects_of_several_conversations(stage: Stage, outcomes: Outcomes) -> None:
    items = [stage.submit(stage.inputs.says(f"u-{name}", "hi")).items[0] for name in ("ada", "bob", "cy")]
    nobody = ConversationId("", "")
    done = (items[0].id, items[2].id)
    stage.ledger.submit_then(Input(nobody, None, completes=done), outcomes)
    assert isinstance(outcomes.only(), Committed)
    assert stage.ledger.undelivered() == [items[1]]
    assert stage.ledger.depth == 1
    assert stage.conversation("u-ada") is None
    assert stage.ledger.conversation(nobody) is None


# --- on an event loop -------------------------------------------------------------------------------------------------


async def _turns(stage: Stage, outcomes: Outcomes, *, turns: int, inputs: int) -> None:
    for turn in range(turns):
        for number in range(inputs):
            stage.ledger.submit_then(stage.inputs.says("u-ada", f"{turn} {number}"), outcomes)
        await async_until(lambda turn=turn: len(outcomes) >= (turn + 1) * inputs)  # type: ignore[misc]


def test_the_inputs_of_a_loops_turn_share_a_commit(stage: Stage, outcomes: Outcomes) -> None:
    asyncio.run(_turns(stage, outcomes, turns=3, inputs=50))
    stage.ledger.close()
    assert [len(batch) for batch in stage.told] == [50, 50, 50]


def test_no_commit_begins_before_the_end_of_the_turn(stage: Stage, outcomes: Outcomes) -> None:
    began = threading.Event()

    def tell(conversation: Conversation, event: Event) -> Decision:
        began.set()
        return rules(conversation, event)

    async def submit() -> None:
        stage.ledger.submit_then(stage.inputs.says("u-ada", "hi"), outcomes)
        assert not began.wait(0.05)
        await async_until(began.is_set)

    stage.decide = tell
    asyncio.run(submit())


def test_more_inputs_than_a_commit_takes_are_all_committed(stage: Stage, outcomes: Outcomes) -> None:
    asyncio.run(_turns(stage, outcomes, turns=1, inputs=2 * MAX_IN_BATCH + 1))
    stage.ledger.close()
    assert [len(batch) for batch in stage.told] == [MAX_IN_BATCH, MAX_IN_BATCH, 1]


def test_every_loop_has_turns_of_its_own(stage: Stage, outcomes: Outcomes) -> None:
    async def left_behind() -> None:
        stage.ledger.submit_then(stage.inputs.says("u-ada", "hi"), outcomes)
        asyncio.get_running_loop().stop()

    stopped = asyncio.new_event_loop()
    task = stopped.create_task(left_behind())
    stopped.run_forever()
    asyncio.run(_turns(stage, outcomes, turns=1, inputs=2))
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
