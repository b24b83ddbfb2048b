from __future__ import annotations

from typing import Any

from botkit.handlers.progress import Outcome, Progress
from botkit.handlers.registry import Handler

HOOK: Any = object()


def handler() -> Handler:
    return Handler(lambda ctx: None, "on_alert")


def test_no_handler_is_begun_once_the_hook_has_gone_on() -> None:
    progress = Progress(Outcome(HOOK), lambda: None)
    assert progress.begin(handler())
    assert progress.complete(Outcome(HOOK))
    assert progress.abandon()
    assert progress.overdue is None
    assert not progress.begin(handler())


def test_the_handler_that_runs_when_the_hook_goes_on_is_overdue() -> None:
    progress, slow = Progress(Outcome(HOOK), lambda: None), handler()
    progress.begin(slow)
    assert progress.abandon()
    assert not progress.complete(Outcome(HOOK))
    assert progress.overdue is slow


def test_handlers_have_either_finished_or_are_abandoned() -> None:
    told: list[str] = []
    progress = Progress(Outcome(HOOK), lambda: told.append("finished"))
    progress.finish()
    assert not progress.abandon()
    progress = Progress(Outcome(HOOK), lambda: told.append("finished too late"))
    assert progress.abandon()
    progress.finish()
    assert told == ["finished"]
