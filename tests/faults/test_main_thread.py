"""A program whose main thread ends while another thread serves on: nothing is lost, neither then nor when the process ends."""

from __future__ import annotations

import signal
from pathlib import Path

from botkit.testing.waiting import until
from tests.faults.services import Process, configuration
from tests.faults.stage import Stage


def test_a_hand_off_goes_on_after_the_main_thread_has_ended(stage: Stage, tmp_path: Path) -> None:
    folder = configuration(tmp_path, stage)
    with Process(folder, stage, program="wsgi in a thread") as service:
        talk = stage.new_user()
        talk.talks()
        talk.both_say_something()
        stage.kore_fails(refuse=True, path="sendUserMessage")
        talk.agent_says("said before the end")
        until(service.users_with_deliveries, "until a message is on its way")
        service.process.send_signal(signal.SIGTERM)
        service.process.wait(60)
        assert service.users_with_deliveries() == {talk.user_id}
        stage.kore_recovers()
        service.start()
        talk.both_sides_have_everything()
