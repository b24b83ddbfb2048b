from __future__ import annotations

from typing import Any

from botkit.handlers.progress import Outcome, Progress
from botkit.handlers.registry import Handler

HOOK: Any = object()


def handler() -> Handler:
    return Handler(lambda ctx: None, "on_alert")


def test_no_handler_is_begun_once_the_hook_has_gone_on() -> None:
    progress = Progress(Outcome(HOOK))
    assert progress.begin(handler())
    assert progress.take(Outcome(HOOK))
    assert progress.take_over() is None
    assert not progress.begin(handler())


def test_who_is_being_waited_for_when_the_hook_goes_on_is_known() -> None:
    progress, slow = Progress(Outcome(HOOK)), handler()
    progress.begin(slow)
    assert progress.take_over() is slow
    assert not progress.take(Outcome(HOOK))
    assert progress.overdue is slow
