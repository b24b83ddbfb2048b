from __future__ import annotations

import json
import sqlite3
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import jwt
import pytest

from benchmarks.breakdown import broken_down
from benchmarks.payloads import user_message
from benchmarks.processes import BOT_ID, CLIENT_ID, SECRET, application, configure
from benchmarks.tracer import COMMIT, Tracer

HERE = __name__


def work() -> None:
    for _ in range(20_000):
        str(object())


def more_work() -> None:
    for _ in range(3):
        work()


def rest() -> None:
    time.sleep(0.05)


def booked(run: Callable[[], object]) -> list[tuple[str, str, float]]:
    """What a tracer books of this function in a thread of its own."""
    tracer = Tracer({"work": (f"{HERE}:work",), "more": (f"{HERE}:more_work",), "here": (HERE,)})
    profile, of_threads = sys.getprofile(), threading.getprofile()
    tracer.install()
    tracer.start()
    try:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        return tracer.stop()
    finally:
        sys.setprofile(profile)
        threading.setprofile(of_threads)


def test_processor_time_is_booked_on_the_function_that_used_it_and_not_on_its_caller() -> None:
    found = {function.split()[-1]: (part, used) for part, function, used in booked(more_work)}
    part, used = found["work"]
    assert part == "work"
    assert used > sum(of_others for name, (_, of_others) in found.items() if name != "work")


def test_the_profiler_is_not_booked() -> None:
    assert not [function for _, function, _ in booked(work) if "tracer.py" in function]


def test_waiting_costs_nothing() -> None:
    found = [used for _, function, used in booked(rest) if function.endswith(" rest")]
    assert sum(found) < 0.04


def test_a_commit_is_told_apart_from_the_statements_before_it() -> None:
    def write() -> None:
        connection = sqlite3.connect(":memory:", isolation_level=None)
        connection.execute("BEGIN")
        connection.execute("CREATE TABLE t (x)")
        connection.execute("COMMIT")
        connection.close()

    parts = {part for part, function, _ in booked(write) if function.endswith("write")}
    assert parts == {"here", COMMIT}


def test_parts_are_scaled_to_the_time_without_the_profiler() -> None:
    breakdown = broken_down("hook", 0.0004, [("loop", "a", 3.0), ("call", "b", 1.0)])
    assert {part: round(used) for part, used in breakdown.parts.items()} == {"loop": 300, "call": 100}


@pytest.mark.slow
def test_the_service_says_what_a_hook_was_spent_on(tmp_path: Path) -> None:
    token = jwt.encode({"appId": CLIENT_ID, "exp": int(time.time()) + 3600}, SECRET, algorithm="HS256")
    hook = user_message(bot_id=BOT_ID, platform_url="http://127.0.0.1:9")
    with application("profiled", configure(tmp_path)) as (_, port):
        address = f"http://127.0.0.1:{port}"
        urllib.request.urlopen(f"{address}/profile", data=b"").close()
        request = urllib.request.Request(
            f"{address}/sdk/bots/{BOT_ID}/on_user_message", data=hook, headers={"token": token}
        )
        urllib.request.urlopen(request).close()
        with urllib.request.urlopen(f"{address}/profile") as answer:
            assert COMMIT in {part for part, _, _ in json.load(answer)}
