from __future__ import annotations

import pytest

from benchmarks.conversations import Plan, run_bridge
from benchmarks.desks import DESKS

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("desk", sorted(set(DESKS) - {"held"}))  # The bridge cannot poll.
def test_what_agents_say_is_timed_until_it_is_with_the_platform(desk: str) -> None:
    plan = Plan(conversations=3, messages=5, per_second=200, idle_seconds=0.1, settle_seconds=0)
    measured = run_bridge(desk, plan)
    assert len(measured["ms"]) == 5
