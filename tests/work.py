"""How much work a piece of code does, whatever the machine is busy with."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def steps(call: Callable[[], object]) -> int:
    """The number of lines of Python that a call runs. What one line does within C code counts once, whatever its time.

    Nothing is collected as garbage meanwhile: a call that makes many objects would go through all that earlier tests have left.
    """
    count = 0

    def trace(frame: FrameType, what: str, argument: Any) -> Callable[..., Any]:
        nonlocal count
        count += what == "line"
        return trace

    before, collects = sys.gettrace(), gc.isenabled()
    gc.disable()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
        if collects:
            gc.enable()
    return count
