"""Checks run in their order; one that rests on a failed one is skipped, and none of them can break the others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from jsonschema import Draft202012Validator

from botkit.checks import Check, Outcome, Result, failed, passed, undecided, warned
from botkit.errors import Unreachable
from botkit.http.hosts import named_host
from botkit.operate.running import Group, run

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas/doctor.json").read_text(encoding="utf-8"))


def answering(outcome: Outcome) -> Callable[[], Awaitable[Outcome]]:
    async def look() -> Outcome:
        return outcome

    return look


async def results(*checks: Check) -> list[Result]:
    return [result async for result in run(Group(checks, "st-1", "salesforce"))]


async def test_results_come_in_the_order_of_the_checks_and_name_bot_and_system() -> None:
    found = await results(
        Check("a.first", answering(passed("12 ms"))), Check("a.second", answering(warned("slow", "hurry")))
    )
    assert found == [
        Result("a.first", True, "12 ms", "", "st-1", "salesforce"),
        Result("a.second", True, "slow", "hurry", "st-1", "salesforce"),
    ]


async def test_what_rests_on_a_failed_check_is_skipped_and_names_the_first_one_to_mend() -> None:
    found = await results(
        Check("a.dns", answering(failed("no such host", "correct it"))),
        Check("a.tls", answering(passed()), rests_on=("a.dns",)),
        Check("a.token", answering(passed()), rests_on=("a.tls",)),
        Check("a.other", answering(passed())),
    )
    assert [one.ok for one in found] == [False, None, None, True]
    assert found[2].cause == "not checked, because a.dns failed"
    assert found[2].fix == "mend a.dns first"


async def test_what_rests_on_an_undecided_check_runs() -> None:
    found = await results(
        Check("a.hours", answering(undecided("not published", "publish it"))),
        Check("a.live", answering(passed()), rests_on=("a.hours",)),
    )
    assert [one.ok for one in found] == [None, True]


async def test_a_check_that_breaks_hangs_or_raises_a_call_error_is_a_failure_and_the_others_run() -> None:
    async def breaks() -> Outcome:
        raise KeyError("hunter2")

    async def hangs() -> Outcome:
        await asyncio.Event().wait()
        return passed()

    async def unreachable() -> Outcome:
        raise Unreachable("get a token", detail="no connection in time")

    async def silent() -> Outcome:
        error = Unreachable("get a token", detail="timed out", cause="timeout")
        raise named_host(error, "https://acme.example:8098/x")

    found = await results(
        Check("a.breaks", breaks),
        Check("a.hangs", hangs, seconds=0.01),
        Check("a.unreachable", unreachable),
        Check("a.silent", silent),
        Check("a.last", answering(passed())),
    )
    assert [one.ok for one in found] == [False, False, False, False, True]
    assert found[0].cause == "the check itself broke (KeyError)"
    assert "hunter2" not in str(found)
    assert found[1].cause == "no result within 0.01 seconds"
    assert found[2].cause == "get a token: no answer (no connection in time)"
    assert found[2].fix == "check the network between this machine and the host"
    assert found[3].cause == "acme.example:8098: get a token: no answer (timed out)"
    assert found[3].fix == "check the network and the firewall between this machine and acme.example:8098"


async def test_every_kind_of_result_is_in_the_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    found = await results(
        Check("a.good", answering(passed())),
        Check("a.bad", answering(failed("broken", "mend it"))),
        Check("a.skipped", answering(passed()), rests_on=("a.bad",)),
    )
    listed = [one.as_json() for one in [*found, Result("b.c", True, "", "")]]
    assert list(Draft202012Validator(SCHEMA).iter_errors(listed)) == []
    assert sorted(listed[-1]) == ["cause", "check", "fix", "ok"]
    for ok in (False, None):
        without_fix = Result("a.b", ok, "broken", "").as_json()
        assert not Draft202012Validator(SCHEMA).is_valid([without_fix])
