"""Simultaneous hooks of one user on two connections keep their order, however long their handlers take."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from botkit import BotKit
from botkit.errors import CallRefused
from botkit.handlers import Defer, Next, Sent, UserMessageContext, WebhookContext
from botkit.handoff.effects import CallWithHook
from botkit.ledger.interface import OutboxItem
from botkit.testing.relay import RecordingRelay
from tests.doors import DoorName, opened
from tests.hooks.hook_payloads import BOT_ID, agent_transfer, as_body, settings, token, user_message

FAR = 4_000_000_000.0


class Stage:
    def __init__(self, folder: Path, door: DoorName) -> None:
        self.relays: list[RecordingRelay] = []
        self.kit = BotKit(
            settings(store=f"sqlite:///{folder / 'botkit.db'}"), relay_factory=self._relay, handler_seconds=10
        )
        self.door = opened(door)
        self.door.open(self.kit)

    def _relay(self, *arguments: Any) -> RecordingRelay:
        self.relays.append(RecordingRelay(*arguments))
        return self.relays[-1]

    def post(self, text: str, number: int) -> int:
        return self.hook("on_user_message", {**user_message(text), "requestId": number})

    def hook(self, event: str, payload: dict[str, Any]) -> int:
        headers = {"token": token(expires=FAR)}
        path = f"/sdk/bots/{BOT_ID}/{event}"
        return requests.post(
            self.door.url + path, data=as_body(payload), headers=headers, timeout=60
        ).status_code

    def items(self) -> list[OutboxItem]:
        """Every effect that was committed. It closes the kit: a hook is answered before the relay gets its commit."""
        self.kit.close()
        return [item for committed in self.relays[0].committed for item in committed.items]

    def calls(self) -> list[str]:
        """As `items`: the calls that handlers made."""
        return [item.effect.changes for item in self.items() if isinstance(item.effect, CallWithHook)]


@pytest.fixture(params=["wsgi", "asgi"])
def stage(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    stage = Stage(tmp_path, request.param)
    yield stage
    stage.door.close()
    stage.door.stop()


def test_a_message_whose_handler_is_slow_is_not_overtaken_by_the_next_one(stage: Stage) -> None:
    slow_has_begun, go_on, quick_was_asked = threading.Event(), threading.Event(), threading.Event()

    @stage.kit.on_user_message
    def echo(ctx: UserMessageContext) -> Sent:
        if ctx.message == "slow":
            slow_has_begun.set()
            go_on.wait(10)
        else:
            quick_was_asked.set()
        return ctx.send_user_message(f"heard {ctx.message}")

    slow = threading.Thread(target=stage.post, args=("slow", 1))
    quick = threading.Thread(target=stage.post, args=("quick", 2))
    slow.start()
    assert slow_has_begun.wait(10)
    quick.start()
    assert not quick_was_asked.wait(0.05)
    go_on.set()
    slow.join(10)
    quick.join(10)
    assert [("slow" in call, "quick" in call) for call in stage.calls()] == [(True, False), (False, True)]


def test_a_repeated_hook_is_handled_again_and_nothing_is_done_twice(stage: Stage) -> None:
    asked: list[str] = []

    @stage.kit.on_user_message
    def echo(ctx: UserMessageContext) -> Sent:
        asked.append(ctx.message)
        return ctx.send_user_message("heard")

    assert [stage.post("hi", 7), stage.post("hi", 7)] == [200, 200]
    assert len(asked) == 2
    assert len(stage.calls()) == 1


def test_a_changed_message_keeps_the_key_of_the_original(stage: Stage) -> None:
    counter = iter(range(100))

    @stage.kit.on_user_message
    def change(ctx: UserMessageContext) -> Next:
        return ctx.next(message=f"{ctx.message} {next(counter)}")

    stage.post("hi", 7)
    stage.post("hi", 7)
    (item,) = stage.items()
    assert item.hook is not None
    assert b'"message":"hi 0"' in item.hook.body


def test_a_call_that_could_not_be_made_fails_in_the_handler_and_the_hook_goes_on(stage: Stage) -> None:
    failed: list[str] = []

    @stage.kit.on_user_message
    def alert(ctx: UserMessageContext) -> Sent | None:
        try:
            return ctx.send_alert_message("no alert came with this hook")
        except CallRefused as error:
            failed.append(error.detail)
            return None

    assert stage.post("hi", 1) == 200
    assert "sendAlertMessageUrl" in failed[0]
    assert [item.lane for item in stage.items()] == ["user"]


def test_the_next_handler_sees_what_the_one_before_it_changed(stage: Stage) -> None:
    seen: list[str] = []

    @stage.kit.on_user_message
    def first(ctx: UserMessageContext) -> Next:
        return ctx.next(message=ctx.message.upper())

    @stage.kit.on_user_message
    def second(ctx: UserMessageContext) -> None:
        seen.append(ctx.message)

    stage.post("hi", 1)
    assert seen == ["HI"]


def test_a_deferral_is_committed_before_any_call_about_it(stage: Stage) -> None:
    @stage.kit.on_webhook
    def later(ctx: WebhookContext) -> Defer:
        ctx.send_user_message("Let me look.")
        return ctx.defer()

    assert stage.hook("on_webhook", agent_transfer(dialogComponentName="Stock")) == 202
    stage.kit.close()
    owed, said = stage.relays[0].committed
    assert (owed.conversation.deferred is not None, len(said.items)) == (True, 1)
