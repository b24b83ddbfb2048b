"""`kill -9` of the real service with users at every stage of a hand-off to Live Chat, whose sessions time out without polls.

A session that is polled again in time continues. The user of a session that ended meanwhile is told so and given back to the
bot. As in `test_kill.py`, one kill serves all tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from botkit.testing.waiting import until
from tests.faults.live_chat import (
    ON_LIVE_CHAT,
    LiveChatTalk,
    live_chat_fails,
    live_chat_forgets,
    live_chat_recovers,
)
from tests.faults.services import EACH_PROGRAM, Process, configuration
from tests.faults.stage import CLOSED, END_WORD, JANE, OMAR, UNREACHABLE, Stage

LATE = ("late and active", "late and waiting", "late and ending")
IN_TIME = (
    "before session", "before request", "after request", "waiting", "active", "held up", "in transfer", "disconnected",
    "unheard", "moved", "moving", "agent ended", "ending",
)  # fmt: skip
"""Where users are when the process dies."""

Talks = Mapping[str, LiveChatTalk]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(360)]  # The fixture starts the service three times.


@pytest.fixture(scope="module", params=EACH_PROGRAM)
def talks(
    request: pytest.FixtureRequest, shared_stage: Stage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Talks]:
    stage = shared_stage
    stage.clouds.calm()
    live_chat_recovers(stage)
    everybody = {place: LiveChatTalk.of(stage.new_user()) for place in (*LATE, *IN_TIME)}
    path = configuration(tmp_path_factory.mktemp("killed"), stage, changes=ON_LIVE_CHAT)
    with Process(path, stage, program=request.param) as service:
        _come_back_too_late(stage, service, *(everybody[place] for place in LATE))
        _come_back_in_time(stage, service, *(everybody[place] for place in IN_TIME))
        yield everybody


def _come_back_too_late(
    stage: Stage, service: Process, active: LiveChatTalk, waiting: LiveChatTalk, ending: LiveChatTalk
) -> None:
    waiting.waits()
    waiting.types("typed while waiting")
    for talk in (active, ending):
        _talks_and_is_heard(talk)
    live_chat_fails(stage, "refuse", operation="ChatMessage")
    live_chat_fails(stage, "refuse", operation="ChatEnd")
    active.types("never taken")
    ending.types(END_WORD)
    ending.hears(CLOSED)
    ending.is_the_bots_again()  # It comes after the commit of the message; without the commit, the message would be sent again.
    service.kill()
    live_chat_recovers(stage)
    live_chat_forgets(stage, active, waiting, ending)
    service.start()


def _come_back_in_time(stage: Stage, service: Process, *talks: LiveChatTalk) -> None:
    before_session, before_request, after_request, waiting, *others = talks
    active, held_up, transferred, disconnected, unheard, moved, moving, agent_ended, ending = others
    waiting.waits()
    waiting.types("typed while waiting")
    for talk in others:
        _talks_and_is_heard(talk)

    live_chat_fails(stage, "drop-response", operation="ChasitorInit")
    after_request.asks_for_an_agent()
    after_request.reaches_the_agents()
    live_chat_fails(stage, "refuse", operation="ChasitorInit")
    sessions = stage.clouds.live_chat.sessions
    before = len(sessions)
    before_request.asks_for_an_agent()
    until(lambda: len(sessions) > before, "until there is a session")
    live_chat_fails(stage, "status", operation="SessionId", status=500)
    before_session.asks_for_an_agent()
    until(lambda: [c for c in stage.requests("SessionId") if c.status == 500], "until a session is refused")
    for talk in (before_session, before_request, after_request):
        talk.types("typed early")

    transferred.agents("transfer", JANE)
    transferred.hears("Jane Doe has left")
    disconnected.agents("disconnect", JANE)
    disconnected.hears("Jane Doe has left")
    live_chat_fails(stage, "silence", operation="ChasitorResyncState")
    live_chat_fails(stage, "pod-restart", conversation_id=moving.conversation_id)
    moving.agent_says("said on the way to the next server")
    until(lambda: moving.calls("ReconnectSession"), "until the way to the next server has begun")
    live_chat_fails(stage, "refuse", operation="ChatMessage")
    live_chat_fails(stage, "refuse", operation="ChatEnd")
    stage.kore_fails(refuse=True, path="sendUserMessage")
    for number in range(3):
        held_up.types(f"queued {number}")
        unheard.agent_says(f"unheard {number}")
    moving.types("typed on the way to the next server")
    ending.types(END_WORD)
    ending.typed.pop()
    until(
        lambda: {unheard.user_id, ending.user_id} <= service.users_with_deliveries(),
        "until what agents say and the end are decided, and Kore refuses to take them",
    )

    service.kill()
    active.agent_says("said while it was dead")
    moved.agent_says("said before the server went")
    live_chat_fails(stage, "pod-restart", conversation_id=moved.conversation_id)
    moved.agent_says("said on the next server")
    for talk in (transferred, disconnected):
        talk.agents("accept", OMAR)
        talk.agent_says("I took over while it was dead", OMAR)
    agent_ended.agent_says("goodbye")
    agent_ended.agents("agent_ends", JANE)
    service.start()
    active.types("typed after the restart")
    held_up.types("queued after the restart")
    moved.types("typed after the restart")
    stage.clouds.calm()
    live_chat_recovers(stage)


def _talks_and_is_heard(talk: LiveChatTalk) -> None:
    talk.talks()
    talk.types("typed before the kill")
    talk.agent_says("said before the kill")
    talk.both_sides_have_everything()


# --- in time


@pytest.mark.parametrize("place", IN_TIME[:3])
def test_a_hand_off_that_had_not_begun_begins_once_and_what_was_typed_is_there(
    talks: Talks, place: str
) -> None:
    talk = talks[place]
    talk.reaches_the_agents()
    talk.accepted()
    talk.both_sides_have_everything()
    assert talk.everything_from_the_user()[0].startswith("Conversation so far")


def test_who_was_waiting_still_gets_an_agent_and_the_agent_what_was_typed(talks: Talks) -> None:
    talks["waiting"].accepted()
    talks["waiting"].both_sides_have_everything()


@pytest.mark.parametrize("place", ["active", "held up", "unheard", "moved", "moving"])
def test_who_was_talking_talks_on_and_nothing_is_lost_or_repeated(talks: Talks, place: str) -> None:
    talk = talks[place]
    talk.both_sides_have_everything()
    talk.types("and now?")
    talk.agent_says("now it works")
    talk.both_sides_have_everything()
    assert len(talk.chats()) == 1


@pytest.mark.parametrize("place", ["in transfer", "disconnected"])
def test_who_had_lost_an_agent_has_the_next_one(talks: Talks, place: str) -> None:
    talk = talks[place]
    talk.hears("Omar Haddad has joined")
    talk.both_sides_have_everything()
    assert sum("Omar Haddad has joined" in text for text in talk.told()) == 1
    assert sum("Jane Doe has left" in text for text in talk.told()) == 1


def test_an_end_by_the_agent_is_told_after_the_last_words(talks: Talks) -> None:
    talk = talks["agent ended"]
    talk.hears(CLOSED)
    talk.is_the_bots_again()
    assert talk.shown() == talk.said
    assert sum(CLOSED in text for text in talk.told()) == 1


def test_an_end_by_the_user_that_was_under_way_is_finished_and_told_once(talks: Talks) -> None:
    talk = talks["ending"]
    talk.hears(CLOSED)
    talk.is_the_bots_again()
    until(lambda: talk.status == "ended", "until the chat has ended")
    assert sum(CLOSED in text for text in talk.told()) == 1
    assert talk.arrived() == talk.typed


# --- too late


def test_whose_session_ended_meanwhile_is_told_once_and_is_the_bots_again(talks: Talks) -> None:
    talk = talks["late and active"]
    talk.is_the_bots_again()
    talk.hears(CLOSED)
    assert sum(CLOSED in text for text in talk.told()) == 1
    assert talk.shown() == talk.said


def test_what_was_never_taken_is_given_back(talks: Talks) -> None:
    talks["late and active"].hears("This did not reach the agent:\nnever taken")
    assert talks["late and active"].arrived() == ["typed before the kill"]


def test_who_was_waiting_for_an_agent_hears_that_the_wait_is_over_and_gets_the_text_back(
    talks: Talks,
) -> None:
    talk = talks["late and waiting"]
    talk.is_the_bots_again()
    talk.hears(UNREACHABLE)
    talk.hears("This did not reach the agent:\ntyped while waiting")


def test_who_had_ended_it_hears_of_nothing_more(talks: Talks) -> None:
    talk = talks["late and ending"]
    talk.is_the_bots_again()
    assert sum(CLOSED in text for text in talk.told()) == 1
