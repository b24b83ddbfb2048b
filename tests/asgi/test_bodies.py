"""The time limit of bodies."""

from __future__ import annotations

import asyncio

import pytest

from botkit.asgi.bodies import PendingBodies
from botkit.hooks.bodies import BODY_SECONDS


async def test_an_error_in_one_body_keeps_no_other_from_its_time_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()
    bodies = PendingBodies(loop)
    expired: list[str] = []

    def fails() -> None:
        raise ValueError

    bodies.add(fails)
    bodies.add(lambda: expired.append("second"))
    later = loop.time() + BODY_SECONDS
    monkeypatch.setattr(loop, "time", lambda: later)
    bodies._look()
    assert expired == ["second"]
    assert len(bodies) == 0
