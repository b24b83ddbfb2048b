"""The payload that addresses a user outside a hook."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from botkit.handlers.conversation import BotGateway, ConversationHandle
from botkit.handoff.conversation import Conversation, ConversationId
from botkit.ledger.interface import Committed, HookBody, Input
from tests.hooks.hook_payloads import BOT_ID, as_body, user_message


class Ledger:
    def __init__(self, kept: HookBody | None) -> None:
        self.kept = kept
        self.inputs: list[Input] = []

    def submit(self, input: Input) -> Future[Committed]:
        self.inputs.append(input)
        done: Future[Committed] = Future()
        done.set_result(Committed(Conversation(input.conversation_id), (), ()))
        return done

    def newest_hook(self, conversation_id: ConversationId) -> HookBody | None:
        return self.kept

    def newest_hook_of(self, bot_id: str, user_id: str) -> tuple[ConversationId, HookBody] | None:
        return (ConversationId(bot_id, user_id, "rtm"), self.kept) if self.kept is not None else None


def hook(number: Any) -> HookBody:
    return HookBody(as_body(user_message("hi", request_id=number)))


@pytest.mark.parametrize(
    ("kept", "own", "goes_along"),
    [(None, 5, True), (1, 5, True), (9, 5, False), (5, 5, False), ("x", "y", False)],
    ids=["nothing kept", "an older one kept", "a newer one kept", "the same kept", "no numbers"],
)
def test_the_newest_payload_is_that_of_the_highest_number(kept: Any, own: Any, goes_along: bool) -> None:
    ledger, mine = Ledger(hook(kept) if kept is not None else None), hook(own)
    reader: Any = SimpleNamespace(check=lambda *_: None)
    parser: Any = None
    gateway = BotGateway(BOT_ID, parser, reader, ledger=lambda: ledger, now=lambda: 1.0)
    ConversationHandle(gateway, "u-1", hook=mine).send("hello")
    assert ledger.inputs[0].hook == (mine if goes_along else None)
