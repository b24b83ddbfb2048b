from __future__ import annotations

from benchmarks.steps import HOOKS, lines, steps_of_a_hook


def test_every_step_of_a_hook_can_be_taken() -> None:
    steps = steps_of_a_hook()
    for step, values in steps.values():
        assert len(values) == HOOKS
        step(values[0])
    printed = list(lines(dict.fromkeys(steps, 1.0), dict.fromkeys(steps, 2.5)))
    assert printed[-1].split() == ["all", f"{len(steps):.1f}", f"{2.5 * len(steps):.1f}"]
