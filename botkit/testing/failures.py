"""Making a test fail with what a handler raised: its own traceback, as if the test had called it."""

from __future__ import annotations

from types import TracebackType

_ON_THE_WAY = ("botkit.", "concurrent.", "asyncio.")


def raised_by_test(errors: list[BaseException]) -> BaseException:
    """The first of these errors, with the others as notes, and of its traceback what the handler did."""
    first, *others = errors
    for other in others:
        first.add_note(f"and then: {type(other).__name__}: {other}")
    return first.with_traceback(_from_handler(first.__traceback__))


def _from_handler(traceback: TracebackType | None) -> TracebackType | None:
    found = traceback
    while found is not None and found.tb_frame.f_globals.get("__name__", "").startswith(_ON_THE_WAY):
        found = found.tb_next
    return found
