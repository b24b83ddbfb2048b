"""Events that the stream leaves out, delays, swaps, repeats or invents: everything is shown once and in the order of the list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from botkit.relay.inbound import stream_order
from botkit.testing.waiting import until
from tests.faults.history import Violations, violations
from tests.faults.services import InProcess
from tests.faults.stage import Stage, Talk

PEOPLE, SAID = 4, 25

LOST = {"kind": "lose-event", "every": 5}
SWAPPED = {"kind": "late-event", "every": 4, "behind": 1}
LATE = {"kind": "late-event", "every": 7, "behind": 3}
REPEATED = {"kind": "repeat-event", "every": 3}
UNKNOWN = {"kind": "unknown-event", "every": 2}


@pytest.fixture
def quick_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_order, "CHECK_SECONDS", 0.5)


@pytest.mark.parametrize("event_ids", ["own", "shared"])
@pytest.mark.parametrize(
    "faults",
    [[LOST], [SWAPPED], [LATE], [REPEATED, UNKNOWN], [LOST, LATE, REPEATED, UNKNOWN]],
    ids=["lost", "swapped", "late", "repeated", "all"],
)
@pytest.mark.usefixtures("quick_checks")
def test_everything_is_shown_once_and_in_order(
    stage: Stage, kit: Callable[..., InProcess], faults: Sequence[Mapping[str, Any]], event_ids: str
) -> None:
    stage.salesforce_behaves(event_ids=event_ids)
    kit()
    talks = [stage.new_user() for _ in range(PEOPLE)]
    for talk in talks:
        talk.talks()
    for fault in faults:
        stage.salesforce_fails(**fault)
    for number in range(SAID):
        for talk in talks:
            talk.agent_says(f"{talk.email} was told {number}.")
    _all_is_shown(talks)


@pytest.mark.usefixtures("quick_checks")
def test_what_leaves_no_trace_is_shown_all_the_same(stage: Stage, kit: Callable[..., InProcess]) -> None:
    kit()
    talk = stage.new_user()
    talk.talks()
    stage.salesforce_fails("lose-event", every=3, ids="renewed")
    for number in range(SAID):
        talk.agent_says(f"told {number}")
    until(lambda: len(talk.shown()) >= SAID, "until everything is shown")
    assert sorted(talk.shown()) == sorted(talk.said)


def _all_is_shown(talks: Sequence[Talk]) -> None:
    until(
        lambda: all(len(talk.shown()) >= len(talk.said) for talk in talks),
        "until everything is shown",
    )
    for talk in talks:
        assert violations(talk.said, talk.shown()) == Violations()
