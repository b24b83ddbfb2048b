"""``flask botkit respond`` finds the kit whose webhook waits; ``send`` reaches a user on a channel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from botkit import BotKit
from botkit.handoff import webhooks
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.events import HookDeferred, UserMessage
from botkit.ledger.interface import HookBody, Input
from botkit.ledger.sqlite import SqliteLedger
from botkit.service.role import Running
from botkit.testing.relay import RecordingRelay
from tests.hooks.hook_payloads import BOT_ID, as_body, settings, user_message


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


@pytest.mark.parametrize(("options", "channel"), [([], "whatsapp"), (["--channel", "rtm"], "rtm")])
def test_send_reaches_the_user_on_the_named_channel_or_where_they_wrote_last(
    app: Flask, kits: list[BotKit], options: list[str], channel: str
) -> None:
    store = kits[0]._service().store()
    for at, name in enumerate(("rtm", "whatsapp")):
        said = UserMessage(key=name, at=Instant(float(at)), text="hi", agent_transfer=False)
        where = ConversationId(BOT_ID, "u-1", name)
        store.submit(Input(where, said, hook=HookBody(as_body(user_message())), keep_payload=True)).result(10)
    sent = app.test_cli_runner().invoke(args=["botkit", "send", BOT_ID, "u-1", "It has arrived.", *options])
    assert (sent.exit_code, sent.output) == (0, "")
    assert isinstance(store, Running)
    assert isinstance(store.ledger, SqliteLedger)
    found = store.ledger.undelivered()[-1]
    assert (type(found.effect).__name__, found.conversation_id.channel) == ("CallUser", channel)


def test_send_without_a_payload_of_that_channel_is_an_error_without_a_traceback(app: Flask) -> None:
    sent = app.test_cli_runner().invoke(args=["botkit", "send", BOT_ID, "u-1", "hi", "--channel", "sms"])
    assert sent.exit_code == 1
    assert "on the channel sms" in sent.output
