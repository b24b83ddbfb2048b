"""How much memory a piece of code takes."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def memory() -> Iterator[Callable[[], int]]:
    """How many bytes Python has taken at most since then; asked for afterwards."""
    tracemalloc.start()
    peak = 0
    try:
        yield lambda: peak
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
