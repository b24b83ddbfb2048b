"""Forks wait, for a while, until no thread is busy with a store."""

from __future__ import annotations

import os
import threading

import pytest

from botkit.ledger.sqlite import forks
from botkit.testing.waiting import until


def test_a_fork_that_waits_goes_on_when_the_store_is_quiet_although_another_has_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "register_at_fork", lambda **_: None)
    busy = forks._Busy()
    waits = threading.Event()

    def second() -> None:
        waits.set()
        busy._before()
        busy._in_parent()

    fork = threading.Thread(target=second)
    with busy:
        monkeypatch.setattr(forks, "_QUIET_SECONDS", 3_600.0)
        fork.start()
        assert waits.wait(30)
        until(lambda: busy._forking == 1, "for the second fork")
        monkeypatch.setattr(forks, "_QUIET_SECONDS", 0.01)
        busy._before()
        busy._in_parent()
    fork.join(30)
    assert not fork.is_alive()
