"""The clock of an event loop, by which its timers and the time limits of hooks go."""

from __future__ import annotations

import asyncio

import pytest


def set_forward(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Set the clock of the running loop forward, so that a time limit ends when the test says so."""
    loop = asyncio.get_running_loop()
    now = loop.time
    monkeypatch.setattr(loop, "time", lambda: now() + seconds)
