"""``flask botkit respond`` finds the kit whose webhook waits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from botkit import BotKit
from botkit.handoff import webhooks
from botkit.handoff.conversation import Instant
from botkit.handoff.events import HookDeferred
from botkit.ledger.interface import HookBody, Input
from botkit.testing.relay import RecordingRelay
from tests.hooks.hook_payloads import BOT_ID, settings


@pytest.fixture(autouse=True)
def no_early_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers are not retried, because here none comes before its webhook."""
    monkeypatch.setattr("botkit.handlers.conversation.ANSWER_SECONDS", 0.0)


@pytest.fixture
def kits(tmp_path: Path) -> Iterator[list[BotKit]]:
    kits = [
        BotKit(
            settings(store=f"sqlite:///{tmp_path / name}.db", prefix=f"/{name}"), relay_factory=RecordingRelay
        )
        for name in ("one", "other")
    ]
    yield kits
    for kit in kits:
        kit.close()


@pytest.fixture
def app(kits: list[BotKit]) -> Flask:
    app = Flask(__name__)
    for kit in kits:
        kit.init_app(app)
    return app


def defer(kit: BotKit, request_id: str) -> None:
    where = webhooks.conversation_id(BOT_ID, request_id)
    event = HookDeferred(key="d", at=Instant(1.0), request_id=request_id, due=Instant(4_000_000_000.0))
    kit._service().store().submit(Input(where, event, hook=HookBody(b'{"context":{}}'))).result(10)


@pytest.mark.parametrize("which", [0, 1])
def test_respond_finds_the_kit_of_the_webhook(app: Flask, kits: list[BotKit], which: int) -> None:
    defer(kits[which], "17")
    answered = app.test_cli_runner().invoke(args=["botkit", "respond", "17", '{"order": "shipped"}'])
    assert (answered.exit_code, answered.output) == (0, "")
    again = app.test_cli_runner().invoke(args=["botkit", "respond", "17"])
    assert again.exit_code == 1


def test_respond_without_such_a_webhook_is_an_error_without_a_traceback(app: Flask) -> None:
    answered = app.test_cli_runner().invoke(args=["botkit", "respond", "18"])
    assert answered.exit_code == 1
    assert "BK-" in answered.output
    assert "no such webhook waits" in answered.output
