"""What a wait in vain for a message tells."""

from __future__ import annotations

from contextlib import closing

import pytest

from botkit.testing import waiting
from botkit.testing.clouds import Clouds
from botkit.testing.serving import free_ports
from botkit.testing.stage import Stage
from botkit.testing.waiting import until


def test_who_hears_nothing_is_told_which_hooks_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(Clouds()) as clouds:
        stage = Stage(clouds)
        stage.hooks_go_to(f"http://127.0.0.1:{free_ports(1)}")
        ada, bob = stage.person(), stage.person()
        ada.says("hello?")
        until(lambda: clouds.failed_hooks(ada.id), "for the hook to fail")
        monkeypatch.setattr(waiting, "DEADLINE_SECONDS", 0.0)
        with pytest.raises(AssertionError, match=r"hooks that failed: on_user_message .*cannot be reached"):
            ada.hears("good day")
        with pytest.raises(AssertionError, match=r"the chat is \[\]$"):
            bob.hears("good day")
