"""Defects known from other hand-off implementations, one test each."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from botkit.testing.waiting import until
from tests.faults.services import InProcess
from tests.faults.stage import CLOSED, END_WORD, EXPIRED, JANE, OMAR, Stage

Kit = Callable[..., InProcess]
BOTH = pytest.mark.parametrize("receive", ["stream", "poll"])


def test_every_hook_of_a_whole_hand_off_twice_opens_one_conversation_and_repeats_nothing(
    stage: Stage, kit: Kit
) -> None:
    running = kit()
    stage.kore_fails(duplicate_hooks=True)
    talk = stage.new_user()
    talk.talks()
    talk.both_say_something()
    talk.types(END_WORD)
    talk.hears(CLOSED)
    talk.is_the_bots_again()
    until(lambda: talk.status == "closed", "until Salesforce's conversation is closed")
    assert len(talk.told()) == len(set(talk.told()))
    until(lambda: running.metric("botkit_duplicate_hooks_total") >= 7, "until all have come twice")


@BOTH
def test_a_single_500_on_a_message_drops_neither_the_session_nor_the_message(
    stage: Stage, kit: Kit, receive: str
) -> None:
    kit(receive=receive)
    talk = stage.new_user()
    talk.talks()
    stage.salesforce_fails("status", operation="sendMessage", status=500, times=1)
    talk.types("through a hiccup")
    talk.both_sides_have_everything()
    assert talk.agent_mode


@BOTH
@pytest.mark.parametrize("ending", ["agent", "user", "salesforce"])
def test_the_same_user_can_be_handed_over_again_in_the_same_session(
    stage: Stage, kit: Kit, receive: str, ending: str
) -> None:
    kit(receive=receive, changes={"handoff": {"transfer_grace": "300ms"}})
    talk = stage.new_user()
    talk.talks()
    first = talk.conversation_id
    if ending == "user":
        talk.types(END_WORD)
    else:
        talk.agents(*{"agent": ("agent_ends", JANE), "salesforce": ("system_end",)}[ending])
    talk.is_the_bots_again()
    until(lambda: talk.status == "closed", "until the first conversation is over")
    talk.waits()
    talk.agents("accept", JANE)
    talk.types("second time")
    talk.agent_says("welcome back")
    talk.both_sides_have_everything()
    assert talk.conversation_id != first


def test_typing_on_either_side_never_reaches_the_bot(stage: Stage, kit: Kit) -> None:
    kit()
    talk = stage.new_user()
    talk.talks()
    until(lambda: not talk.user["busy"], "until the bot has had its last word")
    before = len(stage.requests("sendBotMessage", target="kore"))
    kore = stage.clouds.kore
    talk.agents("agent_typing", JANE, started=True)
    stage.clouds.do(lambda: kore.typing(kore.user(talk.user_id), started=True))
    until(lambda: talk.conversation["userTyping"], "until the agent sees the user typing")
    talk.agents("agent_typing", JANE, started=False)
    talk.types("after the typing")
    talk.both_sides_have_everything()
    assert len(stage.requests("sendBotMessage", target="kore")) == before


@BOTH
def test_a_hand_off_whose_token_runs_out_comes_to_an_end_by_itself(
    stage: Stage, kit: Kit, receive: str
) -> None:
    stage.salesforce_behaves(guest_token_minutes=0.05)  # The result is the same at every stage.
    running = kit(receive=receive)
    talk = stage.new_user()
    talk.types("talk to an agent")
    talk.hears(EXPIRED)
    talk.is_the_bots_again()
    until(lambda: running.metric("botkit_outbox_depth") == 0, "until nothing is under way any more")
    assert running.metric("botkit_open_sessions") == 0
    assert running.metric("botkit_receivers") == 0


@BOTH
def test_a_user_who_leaves_the_queue_leaves_it_at_salesforce_too(
    stage: Stage, kit: Kit, receive: str
) -> None:
    kit(receive=receive)
    talk = stage.new_user()
    talk.waits()
    kore = stage.clouds.kore
    stage.clouds.do(lambda: kore.close_conversation(kore.user(talk.user_id), repeat=True))
    until(lambda: talk.status == "closed", "until Salesforce's conversation is closed")


def test_a_user_who_leaves_while_the_hand_off_is_being_opened_leaves_nothing_behind(
    stage: Stage, kit: Kit
) -> None:
    running = kit()
    stage.salesforce_fails("drop-response", operation="createConversation")
    talk = stage.new_user()
    talk.asks_for_an_agent()
    talk.conversation_id = until(talk.found, "until it was created")
    kore = stage.clouds.kore
    stage.clouds.do(lambda: kore.close_conversation(kore.user(talk.user_id)))
    until(lambda: running.metric("botkit_open_sessions") == 0, "until the user has left")
    stage.salesforce_recovers()
    until(lambda: talk.status == "closed", "until Salesforce's conversation is closed")


@BOTH
def test_what_agents_say_while_the_user_reconnects_is_there_afterwards(
    stage: Stage, kit: Kit, receive: str
) -> None:
    kit(receive=receive)
    talk = stage.new_user()
    talk.talks()
    kore = stage.clouds.kore
    talk.agent_says("before the reload")
    stage.clouds.do(lambda: kore.connect(kore.user(talk.user_id)))
    talk.agent_says("after the reload")
    talk.types("still here")
    talk.both_sides_have_everything()
    assert talk.agent_mode


def test_a_transfer_while_salesforce_is_away_is_no_end(stage: Stage, kit: Kit) -> None:
    kit()
    talk = stage.new_user()
    talk.talks()
    stage.salesforce_fails("refuse")
    stage.salesforce_fails("drop-streams")
    talk.agents("transfer", JANE, to=OMAR)
    talk.agents("accept", OMAR)
    talk.agent_says("I took over", OMAR)
    talk.types("who is there?")
    stage.salesforce_recovers()
    talk.hears(f"{OMAR} has joined")
    talk.both_sides_have_everything()
    assert talk.agent_mode


@BOTH
@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_that_is_off_by_minutes_matters_to_nobody(
    stage: Stage, kit: Kit, monkeypatch: pytest.MonkeyPatch, receive: str, minutes: int
) -> None:
    monkeypatch.setattr(stage.clouds.salesforce, "clock", lambda: int((time.time() + 60 * minutes) * 1000))
    running = kit(receive=receive)
    talk = stage.new_user()
    talk.talks()
    talk.types("what time is it?")
    talk.agent_says("that depends")
    talk.both_sides_have_everything()
    running.restart()
    talk.types("and now?")
    talk.agent_says("still")
    talk.both_sides_have_everything()


def test_a_token_that_our_clock_calls_expired_is_used_as_long_as_salesforce_takes_it(
    stage: Stage, kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Our clock is seven hours ahead (a machine that takes local time for UTC); a guest's token lasts six.
    monkeypatch.setattr(stage.clouds.salesforce, "clock", lambda: int((time.time() - 7 * 3600) * 1000))
    kit()
    talk = stage.new_user()
    talk.asks_for_an_agent()
    talk.conversation_id = until(talk.found, "until a conversation reaches the agents")
    until(
        lambda: talk.everything_from_the_user() or not talk.agent_mode,
        "until the story is told, or it has ended",
    )
    assert talk.agent_mode


def test_before_a_token_runs_out_the_agents_side_is_ended(stage: Stage, kit: Kit) -> None:
    # Much longer than a hand-off takes, also on a busy machine.
    stage.salesforce_behaves(guest_token_minutes=0.16)
    kit()
    talk = stage.new_user()
    talk.talks()
    talk.hears(EXPIRED)
    # Afterwards it could not be ended: no call would be accepted with that token.
    until(lambda: talk.status in ("ended", "closed"), "until Salesforce's conversation is over")
