"""How much work a piece of code does, whatever the machine is busy with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def steps(call: Callable[[], object]) -> int:
    """The number of lines of Python that a call runs. What one line does within C code counts once, whatever its time."""
    count = 0

    def trace(frame: FrameType, what: str, argument: Any) -> Callable[..., Any]:
        nonlocal count
        count += what == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count
