from __future__ import annotations

import threading
import time
from concurrent.futures import Future

import pytest
from msgspec.structs import replace

from botkit.errors import LedgerClosed, LedgerError
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.decision import Decision
from botkit.handoff.effects import CountMetric, DropLane, EndSession, PassToBot, SendToAgent
from botkit.handoff.events import AgentSaid, ApiCall, Content, HookHandled, OtherHook, UserMessage
from botkit.ledger.interface import Committed, HookBody, Input, OutboxItem
from botkit.testing.waiting import until
from tests.ledger.ledger_stage import BOT, SESSION, Stage, rules

ADA = ConversationId(BOT, "u-ada")
LATER = Instant(1e12)
"""Everything in a store is older."""


# --- state and outbox -------------------------------------------------------------------------------------------------


def test_the_decision_of_the_rules_is_committed(stage: Stage) -> None:
    committed = stage.submit(stage.inputs.says("u-ada", "hi", body=b'{"message":"hi"}'))
    (item,) = committed.items
    assert isinstance(item.effect, PassToBot)
    assert (item.lane, item.conversation_id) == ("user", ADA)
    assert item.hook == HookBody(b'{"message":"hi"}')
    assert not committed.duplicate


def test_effects_stay_in_the_outbox_until_they_are_completed(stage: Stage) -> None:
    (item,) = stage.submit(stage.inputs.says("u-ada", "hi")).items
    assert stage.undelivered() == [item]
    stage.submit(Input(ADA, None, completes=(item.id,)))
    assert stage.undelivered() == []


@pytest.mark.parametrize("places", [(0, 1, 2), (0, 1, 1, 3), (3, 1), (2,)], ids=str)
def test_only_the_effects_that_are_named_are_completed(stage: Stage, places: tuple[int, ...]) -> None:
    items = [stage.submit(stage.inputs.says("u-ada", "hi")).items[0] for _ in range(5)]
    stage.submit(Input(ADA, None, completes=tuple(items[place].id for place in places)))
    left = [item for place, item in enumerate(items) if place not in places]
    assert stage.undelivered() == left
    assert stage.ledger.depth == len(left)


def test_the_outcome_of_an_effect_completes_it_in_the_same_commit(stage: Stage) -> None:
    (item,) = stage.submit(stage.inputs.says("u-ada", "hi")).items
    stage.submit(replace(stage.inputs.transfers("u-ada"), completes=(item.id,)))
    assert stage.kinds() == ["SendToUser", "OpenAccess"]


def test_an_input_on_which_the_rules_fail_completes_nothing(stage: Stage) -> None:
    (item,) = stage.submit(stage.inputs.says("u-ada", "hi")).items
    choking = replace(stage.inputs.says("u-ada", "choke"), completes=(item.id,))
    assert stage.ledger.submit(choking).exception(10)
    assert stage.kinds() == ["PassToBot"]


def test_local_effects_are_reported_and_not_stored(stage: Stage) -> None:
    committed = stage.submit(stage.inputs.transfers("u-ada"))
    assert committed.local_effects == (CountMetric("opened"),)
    assert stage.kinds() == ["SendToUser", "OpenAccess"]


def test_an_idle_conversation_is_not_stored(stage: Stage) -> None:
    stage.submit(stage.inputs.says("u-ada", "hi"))
    assert stage.conversation("u-ada") is None
    assert stage.ledger.newest_hook(ADA) is None


def test_a_conversation_that_is_idle_again_is_deleted(stage: Stage) -> None:
    stage.submit(stage.inputs.transfers("u-ada"))
    stage.submit(stage.inputs.of("u-ada", OtherHook, name="forget"))
    assert stage.conversation("u-ada") is None
    assert stage.reopen().conversation(ADA) is None


def test_an_agent_session_survives_a_restart(stage: Stage) -> None:
    opened = stage.submit(stage.inputs.transfers("u-ada")).conversation
    stage.reopen()
    assert stage.conversation("u-ada") == opened
    assert stage.ledger.open_conversations() == [opened]
    assert stage.kinds() == ["SendToUser", "OpenAccess"]


def test_the_next_input_is_decided_on_the_new_state(stage: Stage) -> None:
    stage.submit_all(
        stage.inputs.says("u-ada", "one"), stage.inputs.transfers("u-ada"), stage.inputs.says("u-ada", "two")
    )
    stage.settle()
    kinds = [[type(item.effect).__name__ for item in committed.items] for committed in stage.news()]
    assert kinds == [["PassToBot"], ["SendToUser", "OpenAccess"], ["SendToAgent"]]


# --- deduplication ----------------------------------------------------------------------------------------------------


def test_an_input_seen_before_changes_nothing(stage: Stage) -> None:
    input = stage.inputs.says("u-ada", "hi")
    stage.submit(input)
    again = stage.submit(input)
    assert again.duplicate
    assert again.items == ()
    assert stage.kinds() == ["PassToBot"]


def test_an_input_seen_before_a_restart_changes_nothing(stage: Stage) -> None:
    input = stage.inputs.says("u-ada", "hi")
    stage.submit(input)
    stage.reopen()
    assert stage.submit(input).duplicate


def test_the_same_input_twice_in_one_commit_counts_once(stage: Stage) -> None:
    input = stage.inputs.says("u-ada", "hi")
    with stage.paused():
        futures = stage.submit_all(input, input)
    assert [future.result(10).duplicate for future in futures] == [False, True]
    assert stage.kinds() == ["PassToBot"]


def test_a_repeated_input_and_new_ones_in_one_commit(stage: Stage) -> None:
    repeated = stage.inputs.says("u-ada", "hi")
    (item,) = stage.submit(repeated).items
    new = [stage.inputs.says(f"u-{name}", "hi") for name in ("bob", "cy")]
    with stage.paused():
        futures = stage.submit_all(new[0], replace(repeated, completes=(item.id,)), new[1], new[0])
    assert [future.result(10).duplicate for future in futures] == [False, True, False, True]
    assert [item.conversation_id.user_id for item in stage.undelivered()] == ["u-bob", "u-cy"]
    assert stage.ledger.depth == 2


def test_keys_of_different_users_are_different(stage: Stage) -> None:
    stage.submit(stage.inputs.says("u-ada", "hi", key="same"))
    assert not stage.submit(stage.inputs.says("u-bob", "hi", key="same")).duplicate


def test_an_empty_key_is_never_remembered(stage: Stage) -> None:
    input = stage.inputs.says("u-ada", "hi", key="")
    assert not stage.submit(input).duplicate
    assert not stage.submit(input).duplicate
    assert stage.kinds() == ["PassToBot", "PassToBot"]


@pytest.mark.parametrize("name", ["a\0b", "".join(map(chr, range(0x4E00, 0x9000))), "\0" * 400])
def test_a_name_of_any_length_and_letters_is_a_key(stage: Stage, name: str) -> None:
    first, other = (stage.inputs.says("u-ada", "hi", key=key) for key in (name, f"{name}x"))
    assert not stage.submit(first).duplicate
    assert stage.submit(first).duplicate
    assert not stage.submit(other).duplicate


def test_a_duplicate_completes_effects_too(stage: Stage) -> None:
    input = stage.inputs.says("u-ada", "hi")
    (item,) = stage.submit(input).items
    assert stage.submit(replace(input, completes=(item.id,))).duplicate
    assert stage.kinds() == []


# --- names ------------------------------------------------------------------------------------------------------------


def test_a_live_session_is_found_by_any_name(stage: Stage) -> None:
    stage.submit(stage.inputs.transfers("u-ada", names=("from-ada", "handle-ada")))
    committed = stage.submit(stage.inputs.says("handle-ada", "hello agent"))
    assert committed.conversation.id == ADA
    assert isinstance(committed.items[0].effect, SendToAgent)


def test_a_session_opened_in_the_same_commit_is_found_by_any_name(stage: Stage) -> None:
    with stage.paused():
        stage.submit_all(
            stage.inputs.transfers("u-ada", names=("from-ada",)), stage.inputs.says("from-ada", "hello agent")
        )
    stage.settle()
    assert stage.news()[-1].conversation.id == ADA


def test_a_live_session_is_found_when_its_own_name_is_among_the_others(stage: Stage) -> None:
    stage.submit(stage.inputs.transfers("from-ada"))
    committed = stage.submit(stage.inputs.says("u-ada", "hello agent", names=("from-ada",)))
    assert committed.conversation.id == ConversationId(BOT, "from-ada")


def test_names_learnt_later_count_and_survive_a_restart(stage: Stage) -> None:
    stage.submit(stage.inputs.transfers("u-ada"))
    stage.submit(stage.inputs.says("u-ada", "hi", names=("later-ada",)))
    stage.reopen()
    assert stage.submit(stage.inputs.says("later-ada", "hi")).conversation.id == ADA


def test_two_platform_users_are_two_people_even_with_a_shared_address(stage: Stage) -> None:
    stage.submit(stage.inputs.transfers("u-ada", names=("shared",)))
    committed = stage.submit(stage.inputs.says("u-bob", "hi", names=("shared",)))
    assert committed.conversation.id == ConversationId(BOT, "u-bob")
    assert isinstance(committed.items[0].effect, PassToBot)


def test_names_are_not_resolved_once_the_session_is_over(stage: Stage) -> None:
    stage.submit(stage.inputs.transfers("u-ada", names=("from-ada",)))
    stage.submit(stage.inputs.closes("u-ada"))
    assert stage.submit(stage.inputs.says("from-ada", "hi")).conversation.id == ConversationId(
        BOT, "from-ada"
    )


def test_names_belong_to_one_bot(stage: Stage) -> None:
    stage.submit(stage.inputs.transfers("u-ada", names=("from-ada",)))
    elsewhere = replace(
        stage.inputs.says("from-ada", "hi"), conversation_id=ConversationId("st-other", "from-ada")
    )
    assert isinstance(stage.submit(elsewhere).items[0].effect, PassToBot)


# --- the newest payload ------------------------------------------------------------------------------------------------


def test_the_newest_payload_of_a_live_session_is_cached(stage: Stage) -> None:
    stage.submit(stage.inputs.transfers("u-ada", body=b"transfer"))
    assert stage.ledger.newest_hook(ADA) == HookBody(b"transfer")
    stage.submit(stage.inputs.says("u-ada", "hi", body=b"newer"))
    assert stage.ledger.newest_hook(ADA) == HookBody(b"newer")


def test_a_message_that_a_handler_answered_updates_the_newest_payload(stage: Stage) -> None:
    stage.submit(stage.inputs.transfers("u-ada", body=b"transfer"))
    said = stage.inputs.says("u-ada", "hi", body=b"newer")
    assert isinstance(said.event, UserMessage)
    handled = HookHandled(
        key="h",
        at=said.event.at,
        api_calls=(ApiCall("skip_bot_message"),),
        original=said.event,
        proceed=False,
    )
    stage.submit(replace(said, event=handled))
    assert stage.ledger.newest_hook(ADA) == HookBody(b"newer")


def test_the_newest_payload_survives_a_restart_and_the_end(stage: Stage) -> None:
    stage.submit(stage.inputs.transfers("u-ada", body=b"transfer"))
    stage.submit(stage.inputs.closes("u-ada", body=b"closure"))
    stage.reopen()
    assert stage.ledger.newest_hook(ADA) == HookBody(b"transfer")


def test_a_payload_is_kept_for_a_message_to_a_user_without_a_session(stage: Stage) -> None:
    stage.submit(stage.inputs.says("u-ada", "lost", body=b"lost"))
    assert stage.ledger.newest_hook(ADA) == HookBody(b"lost")


# --- dropping a lane ---------------------------------------------------------------------------------------------------


def test_a_dropped_lane_keeps_the_end_of_its_session(stage: Stage) -> None:
    stage.submit(stage.inputs.transfers("u-ada"))
    stage.submit(stage.inputs.says("u-ada", "hi"))
    stage.submit(stage.inputs.closes("u-ada"))
    assert stage.kinds() == ["SendToUser", "EndSession", "ClearAgentSession"]


def test_a_stored_end_of_session_stays_in_a_dropped_lane(stage: Stage) -> None:
    stage.submit(stage.inputs.transfers("u-ada"))
    stage.submit(stage.inputs.closes("u-ada"))
    stage.decide = lambda conversation, event: Decision(conversation, (DropLane(SESSION),))
    stage.submit(stage.inputs.closes("u-ada"))
    assert stage.kinds() == ["SendToUser", "EndSession", "ClearAgentSession"]


def test_a_lane_is_dropped_within_one_commit_too(stage: Stage) -> None:
    with stage.paused():
        stage.submit_all(
            stage.inputs.transfers("u-ada"), stage.inputs.says("u-ada", "hi"), stage.inputs.closes("u-ada")
        )
    assert stage.ledger.submit(Input(ADA, None)).result(10)
    assert stage.kinds() == ["SendToUser", "EndSession", "ClearAgentSession"]


def test_dropping_a_lane_leaves_other_sessions_alone(stage: Stage) -> None:
    stage.submit(stage.inputs.transfers("u-bob", session_id="0b0c9a8e-0000-4000-8000-000000000002"))
    stage.submit(stage.inputs.transfers("u-ada"))
    stage.submit(stage.inputs.closes("u-ada"))
    assert stage.kinds().count("OpenAccess") == 1


# --- group commits --------------------------------------------------------------------------------------------------------


def test_messages_of_a_user_in_one_commit_are_ordered_by_number(stage: Stage) -> None:
    with stage.paused():
        stage.submit_all(
            stage.inputs.says("u-ada", "second", body=b"second", request_number=1_700_000_000_002),
            stage.inputs.says("u-ada", "first", body=b"first", request_number=1_700_000_000_001),
        )
    assert [item.hook and item.hook.body for item in stage.undelivered()] == [b"first", b"second"]


def test_an_input_on_which_the_rules_fail_fails_alone(stage: Stage) -> None:
    with stage.paused():
        stage.submit_all(
            stage.inputs.says("u-ada", "one", body=b"one"),
            stage.inputs.says("u-ada", "choke"),
            stage.inputs.says("u-ada", "two", body=b"two"),
        )
    assert [item.hook and item.hook.body for item in stage.undelivered()] == [b"one", b"two"]


def test_a_cancelled_input_is_not_committed(stage: Stage) -> None:
    with stage.paused():
        (future,) = stage.submit_all(stage.inputs.says("u-ada", "hi"))
        assert future.cancel()
    stage.submit(Input(ADA, None))
    assert stage.kinds() == []


def test_many_threads_can_submit(stage: Stage) -> None:
    futures: list[Future[Committed]] = []
    threads = [
        threading.Thread(
            target=lambda user=user: futures.extend(
                stage.submit_all(*(stage.inputs.says(f"u-{user}", str(number)) for number in range(50)))
            )
        )
        for user in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not any(future.result(10).duplicate for future in futures)
    assert len({item.id for item in stage.undelivered()}) == 400
    assert stage.ledger.depth == 400


def test_a_failing_listener_stops_no_commit_but_is_reported_as_unhealthy(stage: Stage) -> None:
    def fails(batch: object) -> None:
        raise ValueError

    stage.ledger.close()
    stage.ledger = stage.new_ledger(rules)
    stage.ledger.start(fails)
    for text in ("one", "two"):
        stage.ledger.submit(stage.inputs.says("u-ada", text)).result(10)
    until(lambda: stage.ledger.depth == 2)
    assert not stage.ledger.healthy()


# --- opening and closing ---------------------------------------------------------------------------------------------------


def test_hooks_are_refused_while_the_outbox_is_full_and_outcomes_are_not(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = stage.submit(stage.inputs.says("u-ada", "one"))
    with monkeypatch.context() as patch:
        patch.setattr(stage.limits[1], 1)
        with pytest.raises(LedgerError, match="the outbox is full"):
            stage.submit(stage.inputs.says("u-ada", "two"))
        stage.submit(Input(first.conversation.id, None, completes=(first.items[0].id,)))
    assert stage.submit(stage.inputs.says("u-ada", "three")).items


def test_what_was_submitted_before_the_close_is_committed(stage: Stage) -> None:
    bodies = [str(number).encode() for number in range(300)]
    futures = stage.submit_all(*(stage.inputs.says("u-ada", "hi", body=body) for body in bodies))
    stage.ledger.close()
    assert not any(future.result(0).duplicate for future in futures)
    stage.open()
    assert [item.hook and item.hook.body for item in stage.undelivered()] == bodies


def test_inputs_after_the_close_are_refused(stage: Stage) -> None:
    stage.ledger.close()
    assert isinstance(stage.ledger.submit(stage.inputs.says("u-ada", "hi")).exception(1), LedgerClosed)
    assert not stage.ledger.healthy()


def test_closing_twice_is_harmless(stage: Stage) -> None:
    stage.ledger.close()
    stage.ledger.close()


def test_a_ledger_that_was_not_started_refuses_inputs(stage: Stage) -> None:
    ledger = stage.new_ledger(rules)
    assert isinstance(ledger.submit(Input(ADA, None)).exception(1), LedgerClosed)
    ledger.close()


def two_users_wait(stage: Stage) -> tuple[OutboxItem, OutboxItem, OutboxItem]:
    """Two messages of one user and one of another, whose calls may be in progress."""
    for user in ("u-ada", "u-ada", "u-bob"):
        stage.submit(stage.inputs.says(user, "hi"))
    first, second, other = stage.undelivered()
    return first, second, other


def test_what_a_shutdown_has_cut_off_is_in_doubt_and_nothing_else(stage: Stage) -> None:
    first, _, _ = two_users_wait(stage)
    stage.ledger.leave_in_doubt({first.id: first.conversation_id})
    stage.reopen()
    assert stage.in_doubt() == [first.id]
    stage.reopen()
    assert stage.in_doubt() == []


def test_after_a_shutdown_that_could_not_end_its_calls_the_head_of_each_lane_is_in_doubt(
    stage: Stage,
) -> None:
    first, _, other = two_users_wait(stage)
    stage.ledger.leave_in_doubt()
    stage.reopen()
    assert stage.in_doubt() == [first.id, other.id]


def test_after_a_crash_the_head_of_each_lane_is_in_doubt(stage: Stage) -> None:
    first, _, other = two_users_wait(stage)
    stage.crash()
    assert stage.in_doubt() == [first.id, other.id]


def test_what_comes_after_a_crash_is_not_in_doubt(stage: Stage) -> None:
    stage.crash()
    stage.submit(stage.inputs.says("u-ada", "hi"))
    assert stage.in_doubt() == []


def test_after_a_clean_shutdown_nothing_is_in_doubt(stage: Stage) -> None:
    stage.submit(stage.inputs.says("u-ada", "hi"))
    stage.reopen()
    assert stage.in_doubt() == []


# --- sweeping ----------------------------------------------------------------------------------------------------------------


def test_a_sweep_deletes_only_old_keys(stage: Stage) -> None:
    now = time.time()
    old, new = stage.inputs.says("u-ada", "hi", at=now), stage.inputs.says("u-ada", "hi", at=now)
    for input in (old, new):
        stage.age_keys(20.0)
        (item,) = stage.submit(input).items
        stage.submit(Input(ADA, None, completes=(item.id,)))
    assert stage.ledger.sweep(Instant(now - 10.0)) == 1
    assert not stage.submit(old).duplicate
    assert stage.submit(new).duplicate


def test_a_sweep_deletes_ended_conversations_and_their_payloads(stage: Stage) -> None:
    now = time.time()
    stage.submit(stage.inputs.transfers("u-ada", at=now))
    stage.submit(stage.inputs.closes("u-ada", at=now))
    stage.submit(Input(ADA, None, completes=tuple(item.id for item in stage.undelivered())))
    assert stage.ledger.sweep(Instant(now - 60.0)) == 0
    assert stage.conversation("u-ada") is not None
    stage.ledger.sweep(LATER)
    assert stage.conversation("u-ada") is None
    assert stage.reopen().newest_hook(ADA) is None


def test_a_sweep_keeps_live_sessions_and_those_with_effects_in_the_outbox(stage: Stage) -> None:
    stage.submit(stage.inputs.transfers("u-ada", at=10.0))
    stage.submit(stage.inputs.transfers("u-bob", at=10.0, session_id="0b0c9a8e-0000-4000-8000-000000000002"))
    for item in stage.undelivered():
        stage.submit(Input(ADA, None, completes=(item.id,)))
    stage.submit(stage.inputs.closes("u-bob", at=11.0))
    stage.ledger.sweep(LATER)
    stage.reopen()
    assert stage.conversation("u-ada") is not None
    assert stage.ledger.newest_hook(ADA) is not None
    assert stage.conversation("u-bob") is not None
    assert stage.ledger.newest_hook(ConversationId(BOT, "u-bob")) is not None


def test_a_sweep_keeps_the_conversation_of_a_message_that_is_passed_on(stage: Stage) -> None:
    """A later process may decide on the message again, and the same."""
    stage.submit(stage.inputs.transfers("u-ada", at=10.0))
    stage.submit(stage.inputs.closes("u-ada", at=11.0))
    stage.submit(Input(ADA, None, completes=tuple(item.id for item in stage.undelivered())))
    (item,) = stage.submit(stage.inputs.says("u-ada", "hello", at=12.0)).items
    stage.ledger.sweep(LATER)
    assert stage.conversation("u-ada") is not None
    stage.submit(Input(ADA, None, completes=(item.id,)))
    stage.ledger.sweep(LATER)
    assert stage.conversation("u-ada") is None


def test_a_sweep_runs_in_several_steps(stage: Stage) -> None:
    futures = stage.submit_all(
        *(stage.inputs.of("u-ada", OtherHook, name="x", at=time.time()) for _ in range(4500))
    )
    for future in futures:
        future.result(10)
    stage.settle()
    stage.age_keys(60.0)
    assert stage.ledger.sweep(Instant(time.time() - 30.0)) == 4500


def test_the_stage_uses_the_session_ids_of_the_rules(stage: Stage) -> None:
    stage.submit(stage.inputs.transfers("u-ada"))
    stage.submit(stage.inputs.closes("u-ada"))
    (end,) = [item for item in stage.undelivered() if isinstance(item.effect, EndSession)]
    assert end.lane == f"agent:{SESSION}"


# --- deduplication of agent events ------------------------------------------------------------------------------------


def said(entry: str, at: float, session: str = SESSION) -> Input:
    key = f"{session}/{entry}"
    return Input(ADA, AgentSaid(key=key, at=Instant(at), session_id=session, content=Content(text=entry)))


def test_events_of_a_live_session_are_deduplicated_however_old(stage: Stage) -> None:
    stage.submit(stage.inputs.transfers("u-ada", at=10.0))
    stage.submit(said("e1", 11.0))
    stage.ledger.sweep(LATER)
    stage.reopen()
    assert stage.submit(said("e1", 200_000.0)).duplicate


def test_the_committed_among_many_events_are_told(stage: Stage) -> None:
    stage.submit(stage.inputs.transfers("u-ada", at=10.0))
    stage.submit(said("e1", 11.0))
    stage.submit(said("e3", 12.0))
    without_key = Input(ADA, None)
    asked = [said("e1", 13.0), said("e2", 13.0), without_key, said("e3", 13.0), said("e1", 13.0, "another")]
    assert list(stage.ledger.are_known(asked)) == [True, False, False, True, False]
    stage.reopen()
    assert list(stage.ledger.are_known(asked)) == [True, False, False, True, False]
    assert list(stage.ledger.are_known([])) == []
    assert not any(stage.ledger.are_known([said(f"x{number}", 1.0) for number in range(3_000)]))


def test_events_of_a_closing_session_are_deduplicated(stage: Stage) -> None:
    stage.submit(stage.inputs.transfers("u-ada", at=10.0))
    stage.submit(said("e1", 11.0))
    stage.submit(stage.inputs.closes("u-ada", at=12.0))
    stage.ledger.sweep(LATER)
    assert stage.submit(said("e1", 101.0)).duplicate
    ends = [item.id for item in stage.undelivered() if isinstance(item.effect, EndSession)]
    stage.submit(Input(ADA, None, completes=tuple(ends)))
    stage.ledger.sweep(LATER)
    assert not stage.submit(said("e1", 102.0)).duplicate


def test_keys_of_a_session_with_a_successor_are_deleted(stage: Stage) -> None:
    stage.submit(stage.inputs.transfers("u-ada", at=10.0))
    stage.submit(said("e1", 11.0))
    stage.submit(stage.inputs.closes("u-ada", at=12.0))
    stage.submit(stage.inputs.transfers("u-ada", at=13.0, session_id="0b0c9a8e-0000-4000-8000-000000000002"))
    stage.submit(Input(ADA, None, completes=tuple(item.id for item in stage.undelivered())))
    stage.ledger.sweep(LATER)
    assert not stage.submit(said("e1", 101.0)).duplicate


# --- hooks in the outbox ------------------------------------------------------------------------------------------------------


def test_the_hook_of_an_effect_in_the_outbox_can_be_read(stage: Stage) -> None:
    (item,) = stage.submit(stage.inputs.says("u-ada", "hi", body=b"mine")).items
    assert stage.ledger.hook_of(item.id) == HookBody(b"mine")
    stage.submit(Input(ADA, None, completes=(item.id,)))
    assert stage.ledger.hook_of(item.id) is None


def test_the_hooks_of_many_effects_are_read_together(stage: Stage) -> None:
    ids = [
        item.id
        for name in ("ada", "bob", "cid")
        for item in stage.submit(stage.inputs.says(f"u-{name}", "hi", body=name.encode())).items
    ]
    stage.submit(Input(ADA, None, completes=(ids[0],)))
    found = {ids[0]: None, ids[1]: HookBody(b"bob"), ids[2]: HookBody(b"cid")}
    assert stage.ledger.hooks_of(ids, 6) == found
    assert stage.ledger.hooks_of(ids, 5) == {ids[0]: None, ids[1]: HookBody(b"bob")}
    assert stage.ledger.hooks_of(ids[1:], 1) == {ids[1]: HookBody(b"bob")}


def test_a_message_after_the_end_updates_the_newest_payload(stage: Stage) -> None:
    stage.submit(stage.inputs.transfers("u-ada", body=b"transfer"))
    stage.submit(stage.inputs.closes("u-ada"))
    stage.submit(stage.inputs.says("u-ada", "hello?", body=b"newer"))
    assert stage.ledger.newest_hook(ADA) == HookBody(b"newer")


def test_payloads_of_users_who_never_had_an_agent_are_not_kept(stage: Stage) -> None:
    stage.submit(stage.inputs.says("u-ada", "hi"))
    assert stage.ledger.newest_hook(ADA) is None


def test_a_cached_payload_needs_no_store(stage: Stage) -> None:
    stage.submit(stage.inputs.transfers("u-ada", body=b"transfer"))
    assert stage.ledger.cached_newest_hook(ADA) == HookBody(b"transfer")
    assert stage.reopen().cached_newest_hook(ADA) is None
    assert stage.ledger.newest_hook(ADA) == HookBody(b"transfer")


def test_a_message_passed_on_before_a_hand_off_under_another_name_of_its_user_stays_the_bots(
    stage: Stage,
) -> None:
    stage.submit(stage.inputs.says("+491234", "before the transfer"))
    stage.submit(stage.inputs.transfers("u-ada", names=("+491234",)))
    stage.reopen()
    found = {type(item.effect).__name__ for item in stage.undelivered()}
    assert found == {"PassToBot", "SendToUser", "OpenAccess"}
