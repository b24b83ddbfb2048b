"""The options of every decorator that registers a handler."""

from __future__ import annotations

from typing import TypedDict


class HandlerOptions(TypedDict, total=False):
    """The options of every decorator."""

    bot: str | None
    """The only bot whose hooks the handler gets; by default all."""
    seconds: float | None
    """The time limit, after which the hook continues without the handler."""
