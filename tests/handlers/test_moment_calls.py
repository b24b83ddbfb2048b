"""The calls of a moment's handlers never raise: the relay would take the effect for one that failed, and try it again."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from typing import Any

import pytest
from structlog.testing import capture_logs

from botkit.handlers.moment_calls import MomentCalls
from botkit.handlers.registry import Handler, Registry
from botkit.handlers.running import Runner
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.effects import CallHandlers
from botkit.testing.configuration import made_up_settings

USER = ConversationId("st-0a1b2c3d-1111-5222-8333-444455556666", "ada")
JOINED = CallHandlers(
    event="on_agent_joined",
    at=Instant(1.0),
    session_id="11111111-1111-4111-8111-111111111111",
    system="salesforce",
    language="en",
    opened_at=Instant(0.0),
)


class Nothing:
    """Counts nothing."""

    def handled(self, event: str, handler: str, outcome: str) -> None:
        """Not here."""


def moments(registry: Registry, *, seconds: float = 30.0) -> MomentCalls:
    gateway: Any = Nothing()
    (bot,) = made_up_settings().bots.values()
    gateway.parser = type("Parser", (), {"bot": bot})
    runner = Runner(gateways={USER.bot_id: gateway}, metrics=Nothing())
    return MomentCalls(registry, runner, seconds=seconds, context_factory=lambda: nullcontext)


@pytest.mark.parametrize("step", ["begin", "give_up"])
async def test_a_defect_is_logged_and_asks_for_nothing(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    registry, go_on = Registry(), threading.Event()
    registry.add(Handler(lambda ctx: go_on.wait(30), "on_agent_joined"))

    def fails(*_: object, **__: object) -> None:
        raise ValueError

    monkeypatch.setattr(Runner, step, fails)
    calls = moments(registry, seconds=0.02)
    with capture_logs() as lines:
        assert await calls.call(USER, JOINED) == ()
    assert [line["event"] for line in lines] == ["call_failed"]
    go_on.set()
