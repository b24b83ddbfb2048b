"""Several users chat while the service is killed repeatedly. Then the history of each conversation is checked."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event

import pytest

from botkit.testing.waiting import until
from tests.faults.history import Violations, violations
from tests.faults.services import Process
from tests.faults.stage import Stage, Talk

PEOPLE = 4
MAX_TYPED = 18
"""Salesforce takes 22 messages of a user a minute, the transcript included."""


class Allowance:
    """How many messages each user may have typed by now, so that some are left for the time after the last kill.

    Messages that were not acknowledged count less, but a slow start of the service must not make hundreds.
    """

    def __init__(self, parts: int) -> None:
        self._part = MAX_TYPED // parts
        self.now = self._part

    def grows(self) -> None:
        self.now += self._part


def chatter(talk: Talk, allowance: Allowance, stop: Event) -> set[str]:
    """Send messages until stopped. Returns those that were never acknowledged."""
    unconfirmed: set[str] = set()
    while not stop.wait(0.1):
        if allowance.now <= len(talk.typed) - len(unconfirmed) or len(talk.typed) >= 3 * allowance.now:
            continue
        number = len(talk.typed)
        text = f"{talk.email} typed {number}."
        talk.types(text)
        talk.agent_says(f"{talk.email} was told {number}.")
        if not talk.acknowledged(text):
            unconfirmed.add(text)
    return unconfirmed


def all_are_heard(talks: list[Talk], before: list[int]) -> bool:
    """Whether the agents have more of every user than these numbers of messages."""
    return all(len(talk.arrived()) > number for talk, number in zip(talks, before, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(("receive", "kills"), [("stream", 3), ("poll", 2)])
def test_nothing_is_lost_repeated_or_reordered_while_the_service_is_killed_again_and_again(
    stage: Stage, service: Callable[..., Process], receive: str, kills: int
) -> None:
    running = service(receive=receive)
    talks = [stage.new_user() for _ in range(PEOPLE)]
    for talk in talks:
        talk.talks()
    allowance, stop = Allowance(kills + 1), Event()
    with ThreadPoolExecutor(PEOPLE) as pool:
        chats = [pool.submit(chatter, talk, allowance, stop) for talk in talks]
        try:
            for _ in range(kills):
                # Every user gets a message through before the next kill.
                least = [len(talk.arrived()) for talk in talks]
                until(partial(all_are_heard, talks, least), "until everybody has been heard")
                running.kill_and_restart()
                allowance.grows()
        finally:
            stop.set()
        unconfirmed = [chat.result() for chat in chats]
    for talk in talks:
        talk.types(f"{talk.email} at last")
        talk.agent_says(f"{talk.email} was told last")
        talk.last_words_have_arrived()
    repeated = 0
    for talk, missing in zip(talks, unconfirmed, strict=True):
        assert violations(talk.typed, talk.arrived(), unconfirmed=missing) == Violations()
        shown = violations(talk.said, talk.shown())
        assert shown == Violations(repeated=shown.repeated)
        repeated += len(shown.repeated)
    assert repeated <= running.possible_duplicates
