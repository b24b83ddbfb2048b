"""A plugin of pytest that finds tests which wait too little: threads of the product pause at places that a seed chooses.

A test that passes only because another thread is quick fails once in thousands of runs, on a busy machine. Here it fails with one
seed of a few: three of ten functions of the product take 30 ms longer when another thread than the test's calls them
(`make races SEED=7`).
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from types import CodeType, FrameType

import botkit

_SEED = os.environ.get("SEED") or "1"
_PAUSE_SECONDS = 0.03
_SHARE = 0.3
"""Of the functions, those that pause."""
_TIMES = 6
"""How often each of them does in one test: what it does a thousand times would take too long."""
_PRODUCT = os.path.join(os.path.dirname(botkit.__file__), "")

_paused: Counter[CodeType] = Counter()
_pauses_at: dict[CodeType, str] = {}
"""Of each function: the event at which it pauses, its call or its return; empty if it does not."""


def pytest_configure() -> None:
    """Each thread that starts from now on."""
    threading.setprofile(_on_event)


def pytest_runtest_setup() -> None:
    """The functions pause in each test."""
    _paused.clear()


def _on_event(frame: FrameType, event: str, _: object) -> None:
    code = frame.f_code
    if (at := _pauses_at.get(code)) is None:
        at = _pauses_at[code] = _place(code)
    if at == event and _paused[code] < _TIMES:
        _paused[code] += 1
        time.sleep(_PAUSE_SECONDS)


def _place(code: CodeType) -> str:
    if not code.co_filename.startswith(_PRODUCT):
        return ""
    chance = random.Random(f"{_SEED} {code.co_filename.removeprefix(_PRODUCT)} {code.co_qualname}")
    return chance.choice(["call", "return"]) if chance.random() < _SHARE else ""
