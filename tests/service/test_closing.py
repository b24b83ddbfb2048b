"""A hook that arrives while the service closes: the event loop, for which `close` waits, must not wait for `close`."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from botkit.errors import LedgerClosed
from botkit.handlers.registry import Registry
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.events import UserMessage
from botkit.ledger.interface import Input
from botkit.service.service import Service
from botkit.testing.relay import RecordingRelay
from botkit.testing.waiting import until
from tests.hooks.hook_payloads import BOT_ID, settings


def test_an_input_is_refused_at_once_while_the_service_closes(tmp_path: Path) -> None:
    service = Service(
        settings(store=f"sqlite:///{tmp_path}/botkit.db"), Registry(), relay_factory=RecordingRelay
    )
    service.start()
    running = service._lifecycle.running
    assert running is not None
    leave, refused = running.role.leave, threading.Event()

    def leave_after_the_refusal() -> None:
        assert refused.wait(10)
        leave()

    running.role.leave = leave_after_the_refusal  # type: ignore[method-assign]
    closing = threading.Thread(target=service.close)
    closing.start()
    until(lambda: not service.is_running)
    event = UserMessage(key="1", at=Instant(1.0), text="hi", agent_transfer=False)
    with pytest.raises(LedgerClosed):
        service.submit_then(Input(ConversationId(BOT_ID, "u-1"), event), lambda outcome: None)
    assert closing.is_alive()
    refused.set()
    closing.join()
