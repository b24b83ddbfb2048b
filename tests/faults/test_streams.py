"""Streams that break, repeat, skip, send partial events or fall silent: the list of entries makes up for it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from botkit.agents.miaw import system
from botkit.relay.inbound import stream as streaming
from botkit.testing.waiting import until
from tests.faults.services import InProcess
from tests.faults.stage import Stage

Kit = Callable[..., InProcess]


@pytest.mark.parametrize("how", ["abort", "end"])
def test_a_dropped_stream_loses_nothing_that_was_said_meanwhile(stage: Stage, kit: Kit, how: str) -> None:
    kit()
    talk = stage.new_user()
    talk.talks()
    for number in range(4):
        stage.salesforce_fails("drop-streams", how=how)
        talk.agent_says(f"said into the gap {number}")
        talk.types(f"typed into the gap {number}")
    talk.both_sides_have_everything()


@pytest.mark.parametrize("kind", ["truncate-event", "repeat-event", "delay-event", "crlf"])
def test_an_odd_event_is_shown_once_and_in_order(stage: Stage, kit: Kit, kind: str) -> None:
    kit()
    talk = stage.new_user()
    talk.talks()
    stage.salesforce_fails(kind, times=3, delay_ms=100)
    for number in range(4):
        talk.agent_says(f"said {number}")
    talk.both_sides_have_everything()


def test_a_stream_that_begins_with_a_byte_order_mark_is_read(stage: Stage, kit: Kit) -> None:
    kit()
    stage.salesforce_fails("bom")
    talk = stage.new_user()
    talk.talks()
    talk.agent_says("hello")
    talk.both_sides_have_everything()


def test_every_event_of_a_whole_hand_off_twice_changes_nothing(stage: Stage, kit: Kit) -> None:
    kit()
    stage.salesforce_fails("repeat-event")
    talk = stage.new_user()
    talk.talks()
    talk.agent_says("said once")
    talk.agents("transfer", "Jane Doe", to="Omar Haddad")
    talk.accepted("Omar Haddad")
    talk.both_sides_have_everything()
    talk.agents("agent_ends", "Omar Haddad")
    talk.is_the_bots_again()
    assert [text.partition(".")[0] for text in talk.told()[2:]] == [
        "Jane Doe has joined the conversation",
        "Jane Doe has left the conversation",
        "Omar Haddad has joined the conversation",
        "Your conversation with the agent has ended",
    ]


def test_events_that_only_the_list_has_are_found_within_the_reconciliation_time(
    stage: Stage, kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "RECONCILE_SECONDS", 0.3)
    stage.salesforce_behaves(ping_seconds=0.1)
    kit()
    talk = stage.new_user()
    talk.talks()
    stage.salesforce_fails("lose-event", times=2)
    talk.agent_says("kept off the stream 1")
    talk.agent_says("kept off the stream 2")
    talk.agent_says("on the stream")
    until(lambda: len(talk.shown()) == 3, "until all three are shown")
    assert set(talk.shown()) == set(talk.said)


def test_an_event_the_stream_lost_does_not_come_after_a_later_one(stage: Stage, kit: Kit) -> None:
    kit()
    talk = stage.new_user()
    talk.talks()
    stage.salesforce_fails("lose-event", times=1)
    talk.agent_says("kept off the stream")
    stage.salesforce_fails("drop-streams")
    talk.agent_says("on the stream")
    talk.both_sides_have_everything()


def test_what_the_agent_said_last_is_shown_although_the_stream_lost_it(stage: Stage, kit: Kit) -> None:
    kit()
    talk = stage.new_user()
    talk.talks()
    stage.salesforce_fails("lose-event", times=1)
    talk.agent_says("goodbye, and thank you")
    talk.agents("agent_ends", "Jane Doe")
    talk.is_the_bots_again()
    assert talk.shown() == ["goodbye, and thank you"]


def test_a_stream_that_is_open_but_silent_is_given_up_and_replaced(
    stage: Stage, kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "SILENCE_SECONDS", 0.4)
    stage.salesforce_behaves(ping_seconds=0.1)
    running = kit()
    talk = stage.new_user()
    talk.talks()
    stage.salesforce_fails("silence", operation="eventStream")
    talk.agent_says("into a dead stream")
    until(lambda: running.metric("botkit_reconnects_total") >= 1, "until the stream is given up")
    talk.both_sides_have_everything()


def test_streams_that_all_break_at_once_do_not_become_a_storm(stage: Stage, kit: Kit) -> None:
    kit()
    talks = [stage.new_user() for _ in range(12)]
    for talk in talks:
        talk.waits()
    salesforce = stage.clouds.salesforce
    until(lambda: stage.clouds.do(salesforce.open_streams) >= 12, "until all are listened to")
    stage.salesforce_fails("refuse")
    first = time.time()
    stage.salesforce_fails("drop-streams")

    def knocks() -> list[float]:
        """The times of failed attempts, in seconds since the streams broke."""
        refused = stage.clouds.do(lambda: [one for one in stage.clouds.wire.entries if one.status == 503])
        return [one.at_ms / 1000 - first for one in refused if one.at_ms / 1000 > first]

    until(lambda: any(at > 1.2 for at in knocks()), "until it has gone on for a while")
    # Without a shared circuit breaker, each of the twelve would try ten times a second at these settings, for stream and list.
    assert len([at for at in knocks() if at <= 1.2]) <= 50
    stage.salesforce_recovers()
    until(lambda: stage.clouds.do(salesforce.open_streams) >= 12, "until all are listened to again")
