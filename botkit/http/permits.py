"""Calls wait until this process may make them.

An attempt can take several calls, such as to fetch a file and to send it. Between two of them the process may stand still, or
lose the connection that shows that the conversation is its own: then the next call waits until that is clear.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar

LOOK_SECONDS = 0.1
_may_call: ContextVar[Callable[[], bool] | None] = ContextVar("may_call", default=None)


def only_while(may_call: Callable[[], bool]) -> None:
    """From now on, calls of this task, and of those that it starts, are begun only while this is true."""
    _may_call.set(may_call)


async def until_permitted() -> None:
    """Wait until this task may begin a call."""
    may_call = _may_call.get()
    if may_call is None:
        return
    while not may_call():  # noqa: ASYNC110 - another thread finds out
        await asyncio.sleep(LOOK_SECONDS)
