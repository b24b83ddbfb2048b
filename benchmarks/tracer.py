"""A profiler in the process that it measures: where its processor time goes, by part and by function.

`sys.setprofile` tells of every call and return in every Python thread. The processor time of the thread since the last one, by
its own clock, is booked on the function that ran in between. So waiting costs nothing, and time in C (the store, libcurl) is
booked on the Python function that called it. The profiler's own time is left out: its functions are not booked, and what an event
adds to the function around it is measured at the start and subtracted.

A profiler that samples would cost less, but sees Python's threads only where they give up the interpreter's lock, and then the
functions that wait seem to do all the work.
"""

from __future__ import annotations

import linecache
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from time import thread_time_ns
from types import CodeType, FrameType
from typing import Any

Key = tuple[str, CodeType]
"""A part and a function."""

OTHER = "other"
COMMIT = "ledger: commit"
_CALIBRATION_CALLS = 20_000


class Tracer:
    """Books from `install` on; `start` and `stop` frame what is of interest.

    Args:
        parts: by part: modules with all below them, or one function as ``module:function``. The name that says most counts. A
            function without a part belongs to the part of its caller.
    """

    def __init__(self, parts: Mapping[str, Sequence[str]]) -> None:
        self._parts = {name: part for part, names in parts.items() for name in names}
        self._part_of: dict[CodeType, str | None] = {}
        self._threads: list[tuple[dict[Key, int], dict[Key, int]]] = []
        self._before: tuple[dict[Key, int], dict[Key, int]] = ({}, {})
        self._leak_ns = 0.0

    def install(self) -> None:
        """Profile this thread, and every thread that starts from now on."""
        self._leak_ns = self._calibrated()
        threading.setprofile(self._first)
        self._first(sys._getframe(), "", None)

    def start(self) -> None:
        """Begin."""
        self._before = self._sums()

    def stop(self) -> list[tuple[str, str, float]]:
        """Part, function and seconds of everything since `start`."""
        (ns_before, events_before), (ns, events) = self._before, self._sums()
        found = []
        for key, used in ns.items():
            if key[1].co_filename == __file__:
                continue
            events_since = events[key] - events_before.get(key, 0)
            own = used - ns_before.get(key, 0) - events_since * self._leak_ns
            if own > 0:
                part, code = key
                found.append((part, _named(code), own / 1e9))
        return found

    def _sums(self) -> tuple[dict[Key, int], dict[Key, int]]:
        ns: defaultdict[Key, int] = defaultdict(int)
        events: defaultdict[Key, int] = defaultdict(int)
        for of_thread, number in self._threads:
            # Copies, because the threads go on.
            for key, used in of_thread.copy().items():
                ns[key] += used
            for key, count in number.copy().items():
                events[key] += count
        return dict(ns), dict(events)

    def _first(self, frame: FrameType, _event: str, _arg: object) -> None:
        """The first event of a thread: give it a function of its own."""
        ns: defaultdict[Key, int] = defaultdict(int)
        events: defaultdict[Key, int] = defaultdict(int)
        sys.setprofile(self._booking(frame, ns, events))
        self._threads.append((ns, events))

    def _booking(
        self, frame: FrameType, ns: defaultdict[Key, int], events: defaultdict[Key, int]
    ) -> Callable[[FrameType, str, Any], None]:
        codes = []
        outer: FrameType | None = frame
        while outer is not None:
            codes.append(outer.f_code)
            outer = outer.f_back
        stack: list[Key] = [(OTHER, codes[-1])]
        part_of, part = self._part_of, self._part
        for code in reversed(codes):
            stack.append((part(code) or stack[-1][0], code))
        last = thread_time_ns()

        def book(frame: FrameType, event: str, arg: Any) -> None:
            nonlocal last
            used = thread_time_ns() - last
            key = stack[-1]
            if event == "c_return" and arg.__name__ == "execute" and _commits(frame):
                key = (COMMIT, key[1])
            ns[key] += used
            events[key] += 1
            if event == "call":
                code = frame.f_code
                found = part_of[code] if code in part_of else part(code, frame)
                stack.append((found or key[0], code))
            elif event == "return" and len(stack) > 1:
                stack.pop()
            last = thread_time_ns()

        return book

    def _part(self, code: CodeType, frame: FrameType | None = None) -> str | None:
        module = frame.f_globals.get("__name__", "") if frame is not None else ""
        names = [f"{module}:{code.co_qualname}", module]
        while "." in names[-1]:
            names.append(names[-1].rpartition(".")[0])
        found = next((self._parts[name] for name in names if name in self._parts), None)
        if frame is not None:
            self._part_of[code] = found
        return found

    def _calibrated(self) -> float:
        """The nanoseconds that an event adds to what is booked."""

        def nothing() -> None:
            return None

        def calls() -> None:
            for _ in range(_CALIBRATION_CALLS):
                nothing()

        began = thread_time_ns()
        calls()
        real = thread_time_ns() - began
        ns: defaultdict[Key, int] = defaultdict(int)
        events: defaultdict[Key, int] = defaultdict(int)
        sys.setprofile(self._booking(sys._getframe(), ns, events))
        calls()
        sys.setprofile(None)
        return max(0.0, (sum(ns.values()) - real) / sum(events.values()))


def _commits(frame: FrameType) -> bool:
    return "COMMIT" in linecache.getline(frame.f_code.co_filename, frame.f_lineno)


def _named(code: CodeType) -> str:
    folders = code.co_filename.split("/")
    return f"{'/'.join(folders[-3:])}:{code.co_firstlineno} {code.co_qualname}"
