"""`kill -9` of the real service with users at every stage of a hand-off: after a restart each conversation continues.

One kill serves all tests: each user is brought to a stage first, and each test checks one user afterwards.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from botkit.errors import LedgerBusy
from botkit.ledger.sqlite.lock import StoreLock
from botkit.testing.waiting import until
from tests.faults.services import EACH_PROGRAM, Process, children_of, configuration
from tests.faults.stage import CLOSED, END_WORD, OMAR, Stage, Talk

PLACES = (
    "before access", "before create", "after create", "waiting", "active", "held up", "in transfer", "unheard", "ending",
)  # fmt: skip
"""Where users are when the process dies."""


@dataclass
class Survivors:
    """The users by stage at the kill, and the state of the process after it."""

    talks: Mapping[str, Talk]
    children: list[int]
    port_was_free: bool
    lock_was_free: bool
    possible_duplicates: Callable[[], float]

    def __getitem__(self, place: str) -> Talk:
        return self.talks[place]


@pytest.fixture(scope="module", params=EACH_PROGRAM)
def survivors(
    request: pytest.FixtureRequest, shared_stage: Stage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Survivors]:
    stage = shared_stage
    stage.clouds.calm()
    folder = tmp_path_factory.mktemp("killed")
    path = configuration(folder, stage)
    with Process(path, stage, program=request.param) as service:
        talks = {place: stage.new_user() for place in PLACES}
        before_access, before_create, after_create, waiting, active, held_up, transferred, unheard, ending = (
            talks.values()
        )
        waiting.waits()
        waiting.types("typed while waiting")
        for talk in (active, held_up, transferred, unheard, ending):
            talk.talks()
            talk.types("typed before the kill")
            talk.agent_says("said before the kill")
            talk.both_sides_have_everything()

        stage.salesforce_fails("drop-response", operation="createConversation")
        after_create.asks_for_an_agent()
        after_create.conversation_id = until(after_create.found, "until it was created")
        stage.salesforce_fails("status", operation="createConversation", status=500)
        before_create.asks_for_an_agent()
        _until_tried(stage, "createConversation", status=500)
        stage.salesforce_fails("status", operation="unauthenticatedToken", status=500)
        before_access.asks_for_an_agent()
        _until_tried(stage, "unauthenticatedToken", status=500)
        for talk in (before_access, before_create, after_create):
            talk.types("typed early")

        transferred.agents("transfer", "Jane Doe", to=OMAR)
        transferred.hears("Jane Doe has left")
        stage.salesforce_fails("refuse", operation="sendMessage")
        stage.salesforce_fails("refuse", operation="endSession")
        until(lambda: not service.users_with_deliveries(), "until everybody has heard everything")
        stage.kore_fails(refuse=True, path="sendUserMessage")
        for number in range(3):
            held_up.types(f"queued {number}")
            unheard.agent_says(f"unheard {number}")
        ending.types(END_WORD)
        ending.typed.pop()
        _until_tried(stage, "sendUserMessage", target="kore")
        until(
            lambda: service.users_with_deliveries() == {unheard.user_id, ending.user_id},
            "until two users, and no others, have a message in flight",
        )

        children = children_of(service.process.pid)
        service.kill()
        port_was_free = _can_bind(service.url)
        lock_was_free = _can_lock(folder / "botkit.db")
        active.agent_says("said while it was dead")
        transferred.agents("accept", OMAR)
        transferred.agent_says("I took over while it was dead", OMAR)
        # Otherwise the new process has further deliveries without an answer before its metrics are read: what was said meanwhile.
        stage.kore_recovers()
        service.start()
        active.types("typed after the restart")
        held_up.types("queued after the restart")
        stage.clouds.calm()
        yield Survivors(
            talks,
            children,
            port_was_free,
            lock_was_free,
            lambda: service.metric("botkit_possible_duplicates_total"),
        )


def _until_tried(stage: Stage, label: str, *, target: str = "salesforce", status: int | None = None) -> None:
    until(
        lambda: [one for one in stage.requests(label, target=target) if one.status == status],
        f"until {label} is tried in vain",
    )


def _can_bind(url: str) -> bool:
    """Whether the port is free; the last thread of a killed process may take a moment."""
    try:
        until(lambda: _bind(int(url.rpartition(":")[2])), "until the port is free")
    except AssertionError:
        return False
    return True


def _bind(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _can_lock(path: Path) -> bool:
    """Whether the kernel has released the store's lock; the last thread of a killed process may take a moment."""
    lock = StoreLock(path)
    try:
        lock.acquire(lock_timeout_seconds=30)
    except LedgerBusy:
        return False
    lock.release()
    return True


def test_the_service_had_no_process_that_could_outlive_it(survivors: Survivors) -> None:
    assert survivors.children == []


def test_the_port_is_free_again(survivors: Survivors) -> None:
    assert survivors.port_was_free


def test_the_store_is_free_again(survivors: Survivors) -> None:
    assert survivors.lock_was_free


@pytest.mark.parametrize("place", PLACES[:3])
def test_a_hand_off_that_had_not_begun_begins_once_and_what_was_typed_is_there(
    survivors: Survivors, place: str
) -> None:
    talk = survivors[place]
    talk.reaches_the_agents()
    talk.accepted()
    talk.both_sides_have_everything()
    assert sum("looking for an agent" in text for text in talk.told()) >= 1


def test_who_was_waiting_still_gets_an_agent(survivors: Survivors) -> None:
    survivors["waiting"].accepted()
    survivors["waiting"].both_sides_have_everything()


def test_who_was_talking_talks_on_and_hears_what_was_said_meanwhile(survivors: Survivors) -> None:
    survivors["active"].both_sides_have_everything()


def test_what_was_queued_for_the_agents_arrives_in_order_before_what_was_typed_later(
    survivors: Survivors,
) -> None:
    survivors["held up"].both_sides_have_everything()
    assert survivors["held up"].typed[-1] == "queued after the restart"


def test_what_was_queued_for_the_user_arrives_in_order(survivors: Survivors) -> None:
    survivors["unheard"].both_sides_have_everything()


def test_a_transfer_that_was_under_way_is_finished(survivors: Survivors) -> None:
    survivors["in transfer"].hears("Omar Haddad has joined")
    survivors["in transfer"].both_sides_have_everything()


def test_an_end_that_was_under_way_is_finished_and_told_once(survivors: Survivors) -> None:
    talk = survivors["ending"]
    talk.hears(CLOSED)
    talk.is_the_bots_again()
    until(lambda: talk.status == "closed", "until Salesforce's conversation is closed")
    assert sum(CLOSED in text for text in talk.told()) == 1
    assert talk.arrived() == talk.typed


def test_what_kore_had_not_taken_is_known_to_be_shown_once(survivors: Survivors) -> None:
    for place in ("unheard", "ending"):
        survivors[place].is_the_bots_again() if place == "ending" else survivors[
            place
        ].both_sides_have_everything()
    assert survivors.possible_duplicates() == 0
