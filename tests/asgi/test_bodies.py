"""The time limit of bodies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from botkit.asgi.bodies import PendingBodies
from botkit.hooks.bodies import BODY_SECONDS, LOOK_SECONDS
from tests.loop_clock import set_forward


async def test_an_error_in_one_body_keeps_no_other_from_its_time_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bodies = PendingBodies(asyncio.get_running_loop())
    expired: list[str] = []

    def fails() -> None:
        raise ValueError

    bodies.add(fails)
    bodies.add(lambda: expired.append("second"))
    set_forward(monkeypatch, BODY_SECONDS)
    with capture_logs() as lines:
        bodies._look()
    assert expired == ["second"]
    assert len(bodies) == 0
    assert [line["event"] for line in lines] == ["call_failed"]


async def test_one_timer_looks_at_all_bodies_while_there_are_some(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Callable[[], None]] = []

    def call_later(delay: float, look: Callable[[], None], *_: Any) -> None:
        assert delay == LOOK_SECONDS
        looks.append(look)

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "call_later", call_later)
    bodies = PendingBodies(loop)
    first, second = (lambda: None), (lambda: None)
    bodies.add(first)
    bodies.add(second)
    assert len(looks) == 1
    bodies.remove(first)
    looks.pop()()
    assert len(looks) == 1
    bodies.remove(second)
    looks.pop()()
    assert looks == []
    bodies.add(first)
    assert len(looks) == 1
