"""Runs the checks of one provider in their order, and skips those that rest on a failed one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from botkit.checks import Check, Outcome, Result, failed
from botkit.errors import CallError
from botkit.observability.failures import failure_of, fix_of


@dataclass(frozen=True, slots=True)
class Group:
    """The checks of this machine, of one bot's platform, or of one bot's agent system."""

    checks: Sequence[Check]
    bot: str = ""
    system: str = ""


async def run(group: Group) -> AsyncIterator[Result]:
    """Yield the result of each check as soon as it is known.

    A skipped check has `ok` None, and its cause names the failed check that is to be mended first.
    """
    blocked: dict[str, str] = {}
    for check in group.checks:
        root = next((blocked[name] for name in check.rests_on if name in blocked), None)
        if root is None:
            outcome = await _outcome(check, group.system)
            if outcome.ok is False:
                blocked[check.name] = check.name
        else:
            blocked[check.name] = root
            outcome = Outcome(None, f"not checked, because {root} failed", f"mend {root} first")
        yield Result(check.name, outcome.ok, outcome.cause, outcome.fix, group.bot, group.system)


async def _outcome(check: Check, system: str) -> Outcome:
    try:
        async with asyncio.timeout(check.seconds):
            return await check.run()
    except TimeoutError:
        return failed(
            f"no result within {check.seconds:g} seconds",
            "look for what holds the connection up, and run it again",
        )
    except CallError as error:
        fix = fix_of(failure_of(error), system=system)
        where = f"{error.host}: " if error.host else ""
        return failed(f"{where}{error}", fix or f"look {error.code} up in the error index")
    except Exception as error:  # noqa: BLE001 (a third party's check may raise anything; the others still run)
        return failed(
            f"the check itself broke ({type(error).__name__})", "report it to the author of the check"
        )
