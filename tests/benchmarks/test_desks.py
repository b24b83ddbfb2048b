from __future__ import annotations

import pytest

from benchmarks.conversations import Plan, run_bridge
from benchmarks.desks import DESKS
from benchmarks.machine import LOAD_CORE, SERVICE_CORE
from benchmarks.processes import pinned
from botkit.testing.waiting import until

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("desk", sorted(set(DESKS) - {"held"}))  # The bridge cannot poll.
def test_what_agents_say_is_timed_until_it_is_with_the_platform(desk: str) -> None:
    plan = Plan(conversations=3, messages=5, per_second=200, idle_seconds=0.1, settle_seconds=0)
    measured = run_bridge(desk, plan)
    assert len(measured["ms"]) == 5


def test_the_floor_of_the_promise_sends_a_receipt_for_every_message() -> None:
    receipts = "POST /iamessage/api/v2/conversation/{conversation}/acknowledge-entries"
    with (
        pinned(LOAD_CORE, "benchmarks.clouds", "miaw") as clouds,
        pinned(SERVICE_CORE, "benchmarks.floors", "bridge", "miaw-promise", clouds.line()) as bridge,
    ):
        bridge.write("3")
        bridge.line()
        clouds.ask(do="await_listeners", count=3)
        assert len(clouds.ask(do="talk", messages=5, per_second=200)["ms"]) == 5
        until(lambda: clouds.ask(do="counts").get(receipts) == 5, "for a receipt for each message")
