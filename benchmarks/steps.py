"""`python -m benchmarks.steps`: microseconds of each step of one passed-on hook, in this process, without I/O.

The steps are those between a hook's bytes and the request that passes it on: authentication, reading, deciding, building the
request, counting. `benchmarks.hooks` measures the whole service, with the store, the sockets and the loop. Bodies differ, as real
ones do. The steps take turns, and the best of many short rounds counts, so the figures hold on a busy machine. In a service,
other work comes between two hooks, and the processor's caches have lost this code and its data: the second column.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import click
import jwt

from benchmarks.payloads import FIRST_REQUEST, user_message
from benchmarks.processes import BOT_ID, CLIENT_ID, SECRET
from botkit.config.settings import AgentsSettings, AgentSystemSettings, BotSettings, KoreSettings, Secret
from botkit.handlers.dispatch import Dispatch, without_handlers
from botkit.handlers.registry import Registry
from botkit.handoff.conversation import Conversation, Instant
from botkit.handoff.decide import decide
from botkit.handoff.effects import PlatformEffect
from botkit.handoff.responses import Responses
from botkit.handoff.rules import Capabilities, Rules
from botkit.hooks.events import HOOK_EVENTS
from botkit.hooks.parser import HookParser
from botkit.hooks.paths import HookPaths
from botkit.kore.requests import KoreRequests
from botkit.observability.metrics import Telemetry

PLATFORM_URL = "https://bots.kore.ai"
HOOKS = 200
"""Different hooks in each round."""

_CACHE_BYTES = 8 * 1024 * 1024
"""More than a core's own caches."""


def steps_of_a_hook() -> Steps:
    """Every step, in the order of a hook's way."""
    now = time.time()
    path_text = f"/sdk/bots/{BOT_ID}/on_user_message"
    paths = HookPaths("")
    path = paths.parse(path_text)
    assert path is not None
    kore = KoreSettings(CLIENT_ID, Secret(SECRET), callback_hosts=("bots.kore.ai",))
    systems = {"salesforce": AgentSystemSettings("salesforce", "salesforce-miaw", None)}
    bot = BotSettings(BOT_ID, "Bench", kore, AgentsSettings("salesforce", systems))
    parser = HookParser(bot, insecure_http=False)
    requests = KoreRequests(kore, bot_id=BOT_ID, insecure_http=False, clock=lambda: now)
    telemetry = Telemetry(HOOK_EVENTS)
    dispatch = Dispatch(Registry(), gateways={}, metrics=telemetry)
    rules = Rules(
        "Bench", Responses(MappingProxyType({}), "en"), lambda _: "salesforce", {"salesforce": Capabilities()}
    )
    token = jwt.encode({"appId": CLIENT_ID, "exp": int(now) + 3600}, SECRET, algorithm="HS256")
    bodies = [
        user_message(bot_id=BOT_ID, platform_url=PLATFORM_URL, request=FIRST_REQUEST + number)
        for number in range(HOOKS)
    ]
    hooks = [parser.read(path, body, at=Instant(now)) for body in bodies]
    decisions = [_decision(rules, hook) for hook in hooks]
    effects: list[PlatformEffect] = [decision.effects[0] for decision in decisions]
    passed = list(zip(effects, (hook.input.hook for hook in hooks), strict=True))
    return {
        "find the path": (paths.parse, [path_text] * HOOKS),
        "authenticate": (
            lambda token: parser.authentication.check(token=token, apikey=None, now=now),
            [token] * HOOKS,
        ),
        "read the hook": (lambda body: parser.read(path, body, at=Instant(now)), bodies),
        "look for handlers": (
            lambda hook: without_handlers(hook) if dispatch.matching(hook) is None else None,
            hooks,
        ),
        "decide": (lambda hook: _decision(rules, hook), hooks),
        "build the request": (
            lambda effect: requests.request(
                effect[0],
                effect[1].body,
                component_id=effect[1].component_id,
                idempotency_key="botkit-1-1.0",
                forwarding=effect[1].forwarding,
            ),
            passed,
        ),
        "count the hook": (lambda _: telemetry.hook("on_user_message", 200, 0.002), hooks),
        "count the effect": (lambda _: telemetry.effect_done("PassToBot", "delivered"), hooks),
    }


def _decision(rules: Rules, hook: Any) -> Any:
    return decide(rules, Conversation(hook.input.conversation_id), hook.input.event)


Steps = Mapping[str, tuple[Callable[[Any], object], Sequence[Any]]]
"""By name: a function, and its argument for each hook."""


def _best_of(rounds: int, steps: Steps) -> dict[str, float]:
    """Microseconds per hook if a step is repeated, so that its code and data are in the processor's caches."""
    best = dict.fromkeys(steps, float("inf"))
    for _ in range(rounds):
        for name, (step, values) in steps.items():
            began = time.thread_time()
            for value in values:
                step(value)
            best[name] = min(best[name], time.thread_time() - began)
    return {name: seconds / HOOKS * 1e6 for name, seconds in best.items()}


def _median_after_others(rounds: int, steps: Steps) -> dict[str, float]:
    """Microseconds if other work has emptied the processor's caches since the last hook."""
    taken: dict[str, list[int]] = {name: [] for name in steps}
    others, work = bytearray(_CACHE_BYTES), bytes(_CACHE_BYTES)
    for _ in range(rounds):
        for number in range(HOOKS):
            others[:] = work
            for name, (step, values) in steps.items():
                value = values[number]
                began = time.perf_counter_ns()
                step(value)
                taken[name].append(time.perf_counter_ns() - began)
    return {name: statistics.median(found) / 1e3 for name, found in taken.items()}


def lines(warm: Mapping[str, float], cold: Mapping[str, float]) -> Iterator[str]:
    """The results as lines of text, with the sums."""
    yield f"{'microseconds of a hook':<24}{'repeated':>9}{'cold':>8}"
    for name in warm:
        yield f"{name:<24}{warm[name]:>9.1f}{cold[name]:>8.1f}"
    yield f"{'all':<24}{sum(warm.values()):>9.1f}{sum(cold.values()):>8.1f}"


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=200, show_default=True)
def main(rounds: int) -> None:
    """Print the microseconds of each step of one passed-on hook."""
    steps = steps_of_a_hook()
    gc.disable()
    for line in lines(_best_of(rounds, steps), _median_after_others(max(1, rounds // 20), steps)):
        click.echo(line)


if __name__ == "__main__":
    main()
