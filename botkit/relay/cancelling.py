"""Tells the cancellation of a task from a `CancelledError` that the code in it raised by itself: a defect of that code."""

from __future__ import annotations

import asyncio


def is_cancelled() -> bool:
    """Whether somebody has cancelled the task that runs."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
