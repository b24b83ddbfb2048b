"""What the relay does with one effect: attempts, waits, giving up, and what it says of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from botkit.errors import (
    AccessExpired,
    BadReply,
    CallError,
    CallRefused,
    ConversationClosed,
    HostNotAllowed,
    LedgerError,
    NewSessionRequired,
    NotAuthorized,
    RateLimited,
    ServerTrouble,
    Unreachable,
)
from botkit.handoff.conversation import Conversation, ConversationId, Instant, Phase
from botkit.handoff.effects import (
    AskRouting,
    ClearAgentSession,
    CountMetric,
    DropLane,
    EndSession,
    EventToUser,
    ExtendRequest,
    OpenAccess,
    PassToBot,
    PassToUser,
    SendToAgent,
    SendToUser,
    SkipUserMessage,
    StartSession,
    TypingToAgent,
    TypingToUser,
)
from botkit.handoff.events import (
    AccessGranted,
    AgentSaid,
    AgentsLost,
    Content,
    MessageAccepted,
    MessageRefused,
    RoutingKnown,
    SessionStarted,
    TranscriptLine,
    UserLost,
)
from botkit.handoff.reference import reference
from botkit.ledger.interface import HookBody, OutboxItem
from botkit.relay.outbound.circuit_breaker import CircuitBreaker
from botkit.testing.clock import settle
from botkit.testing.waiting import async_until
from tests.relay.relay_doubles import (
    ACCESS,
    HOOK,
    NEWER,
    OTHER,
    SESSION,
    START,
    SYSTEM,
    USER,
    World,
    conversation,
    ended,
    said,
    writes,
)

IDLE = Conversation(USER)


@pytest.fixture
def log() -> Iterator[list[MutableMapping[str, Any]]]:
    with capture_logs() as entries:
        yield entries


def to_user(text: str) -> SendToUser:
    return SendToUser(Content(text=text))


def to_agent(number: int) -> SendToAgent:
    return SendToAgent(SESSION, SYSTEM, ACCESS, f"m-{number}", f"text {number}")


START_SESSION = StartSession(SESSION, SYSTEM, ACCESS, (("_firstName", "Ada"),), "en")
END_SESSION = EndSession(SESSION, SYSTEM, ACCESS)
SESSION_EFFECTS = [
    OpenAccess(SESSION, SYSTEM),
    START_SESSION,
    to_agent(1),
    AskRouting(SESSION, SYSTEM, ACCESS),
]
CALLS = {OpenAccess: "open", StartSession: "start", SendToAgent: "send", AskRouting: "routing"}


# --- success ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("effect", "call"),
    [
        (PassToBot(), "pass_to_bot"),
        (PassToUser(), "pass_to_user"),
        (SkipUserMessage(), "skip_user_message"),
        (to_user("hi"), "send_to_user"),
        (ClearAgentSession(), "clear_agent_session"),
        (ExtendRequest(), "extend_request"),
    ],
)
async def test_an_effect_for_the_platform_is_carried_out_and_completed(
    world: World, effect: PassToBot, call: str
) -> None:
    world.ledger.decided(IDLE, effect)
    await async_until(lambda: not world.ledger.rows and bool(world.metrics.done))
    assert world.sent == [call]
    assert world.ledger.events == []
    assert world.metrics.done == [(type(effect).__name__, "delivered")]


async def test_a_passed_message_goes_out_with_its_own_hook(world: World) -> None:
    world.ledger.decided(IDLE, PassToBot())
    await async_until(lambda: not world.ledger.rows)
    assert world.platform.calls[0].argument is HOOK


async def test_opening_brings_access_and_the_transcript(world: World) -> None:
    world.platform.lines = (TranscriptLine("user", "hi"),)
    world.ledger.decided(conversation(phase=Phase.OPENING, access=None), OpenAccess(SESSION, SYSTEM))
    await async_until(lambda: not world.ledger.rows)
    (granted,) = world.ledger.events
    assert isinstance(granted, AccessGranted)
    assert (granted.access, granted.transcript) == (ACCESS, (TranscriptLine("user", "hi"),))


@pytest.mark.parametrize("trouble", [ServerTrouble("get messages"), CallRefused("get messages", status=400)])
async def test_a_failing_transcript_does_not_keep_the_user_from_an_agent(
    world: World, trouble: Exception
) -> None:
    world.platform.transcript_answer = trouble
    world.ledger.decided(conversation(phase=Phase.OPENING, access=None), OpenAccess(SESSION, SYSTEM))
    await async_until(lambda: not world.ledger.rows)
    (granted,) = world.ledger.events
    assert isinstance(granted, AccessGranted)
    assert granted.transcript == ()


async def test_a_transcript_is_asked_for_again_while_there_is_time(world: World) -> None:
    world.platform.lines = (TranscriptLine("user", "hi"),)
    world.platform.transcript_answer = ServerTrouble("get messages")
    world.ledger.decided(conversation(phase=Phase.OPENING, access=None), OpenAccess(SESSION, SYSTEM))
    await async_until(lambda: world.clock.sleeping == 2)  # the retry, and the watch over the streams
    world.platform.transcript_answer = None
    await world.clock.advance(1)
    await async_until(lambda: not world.ledger.rows)
    (granted,) = world.ledger.events
    assert isinstance(granted, AccessGranted)
    assert granted.transcript == (TranscriptLine("user", "hi"),)


async def test_a_message_the_agents_side_refuses_does_not_end_the_session(world: World) -> None:
    world.system.fails("send", CallRefused("send message", status=400))
    world.ledger.decided(conversation(), to_agent(7))
    await async_until(lambda: not world.ledger.rows)
    (refused,) = world.ledger.events
    assert isinstance(refused, MessageRefused)
    assert refused.message_id == "m-7"


async def test_a_new_session_wanted_by_the_agents_side_means_that_this_one_is_over(world: World) -> None:
    world.system.fails("send", NewSessionRequired("send message", status=417))
    world.ledger.decided(conversation(), to_agent(7))
    await async_until(lambda: not world.ledger.rows)
    (lost,) = world.ledger.events
    assert isinstance(lost, AgentsLost)
    assert lost.why == "closed"


async def test_a_transcript_that_hangs_is_left_out_after_its_time(world: World) -> None:
    world.platform.transcript_hangs = True
    world.ledger.decided(conversation(phase=Phase.OPENING, access=None), OpenAccess(SESSION, SYSTEM))
    await async_until(lambda: not world.ledger.rows)
    assert isinstance(world.ledger.events[0], AccessGranted)


async def test_a_started_session_is_reported(world: World) -> None:
    world.ledger.decided(conversation(phase=Phase.OPENING), START_SESSION)
    await async_until(lambda: not world.ledger.rows)
    assert isinstance(world.ledger.events[0], SessionStarted)
    assert world.system.said("start") == [(("_firstName", "Ada"),)]


async def test_the_result_names_the_accepted_message(world: World) -> None:
    world.ledger.decided(conversation(), to_agent(7))
    await async_until(lambda: not world.ledger.rows)
    (took,) = world.ledger.events
    assert isinstance(took, MessageAccepted)
    assert took.message_id == "m-7"


async def test_the_routing_status_is_reported(world: World) -> None:
    world.ledger.decided(conversation(phase=Phase.ABSENT), AskRouting(SESSION, SYSTEM, ACCESS))
    await async_until(lambda: not world.ledger.rows)
    (known,) = world.ledger.events
    assert isinstance(known, RoutingKnown)
    assert known.status == "searching"


async def test_the_list_is_read_before_the_end_of_routing_is_reported(world: World) -> None:
    world.ledger.decided(conversation(phase=Phase.ABSENT))
    await async_until(lambda: len(world.system.fetches) == 1)
    world.system.listed = [said("e1", "bye")]
    world.system.routing_status = "over"
    world.ledger.decided(conversation(phase=Phase.ABSENT), AskRouting(SESSION, SYSTEM, ACCESS))
    await async_until(lambda: not world.ledger.rows)
    assert [type(event).__name__ for event in world.ledger.events] == ["AgentSaid", "RoutingKnown"]


async def test_a_repetition_of_what_may_have_been_shown_is_counted(world: World) -> None:
    world.platform.answers.append(Unreachable("send", detail="reset", possible_duplicate=True))
    world.platform.answers.append(Unreachable("send", detail="refused"))
    world.platform.answers.append(Unreachable("send", detail="reset", possible_duplicate=True))
    world.ledger.decided(conversation(), to_user("perhaps twice"))
    await async_until(lambda: world.clock.sleeping == 2)  # the retry, and the watch over the stream
    await world.clock.advance(60)
    await async_until(lambda: not world.ledger.rows)
    assert world.metrics.duplicates == 2  # The third attempt and the fourth, after one that nobody took.


async def test_a_count_metric_is_counted_and_logged(world: World) -> None:
    with capture_logs() as entries:
        world.ledger.decided(IDLE, CountMetric("webhook_deferred", "x"))
    assert world.metrics.counts == [("webhook_deferred", "x")]
    (line,) = [entry for entry in entries if entry["event"] == "handoff"]
    assert (line["what"], line["why"], line["bot"]) == ("webhook_deferred", "x", IDLE.id.bot_id)
    assert not line.keys() & {"ref", "session", "system", "record"}


async def test_the_line_of_an_end_names_the_session_that_has_ended_and_not_the_next_one(world: World) -> None:
    former = "0f4f5c1e-6f5f-4b51-9d8e-000000000001"
    with capture_logs() as entries:
        world.ledger.decided(
            conversation(), CountMetric("handoff_ended", "platform_timeout", former, "legacy", "0MwX")
        )
        world.ledger.decided(conversation(), CountMetric("handoff_opened", SYSTEM))
    ended, opened = [entry for entry in entries if entry["event"] == "handoff"]
    assert (ended["session"], ended["system"], ended["record"]) == (former, "legacy", "0MwX")
    assert ended["ref"] == reference(former)
    assert (opened["session"], opened["system"], opened["ref"]) == (SESSION, SYSTEM, reference(SESSION))
    assert "record" not in opened  # It is not known yet.


# --- order ------------------------------------------------------------------------------------------------------


async def test_effects_of_one_lane_go_out_in_the_order_they_were_decided(world: World) -> None:
    for number in range(50):
        world.ledger.decided(conversation(), to_agent(number))
    await async_until(lambda: not world.ledger.rows)
    assert [about[0] for about in world.system.said("send")] == [f"m-{n}" for n in range(50)]


async def test_the_next_one_waits_until_the_result_of_the_last_is_committed(world: World) -> None:
    world.ledger.holding = True
    world.ledger.decided(IDLE, to_user("one"), to_user("two"))
    await async_until(lambda: len(world.ledger.held) == 1)
    await settle()
    assert [call.argument for call in world.platform.calls] == ["one"]
    world.ledger.holding = False
    world.ledger.release()
    await async_until(lambda: not world.ledger.rows)
    assert [call.argument for call in world.platform.calls] == ["one", "two"]


async def test_a_retry_holds_up_its_own_lane_only(world: World) -> None:
    world.platform.answers.append(ServerTrouble("send", status=503))
    world.ledger.decided(IDLE, to_user("one"), to_user("two"))
    await settle()
    world.ledger.decided(Conversation(OTHER), to_user("other"))
    world.ledger.decided(conversation(), to_agent(1))
    await async_until(lambda: len(world.ledger.rows) == 2)
    assert [call.argument for call in world.platform.calls] == ["one", "other"]
    assert world.system.said("send") == [("m-1", "text 1")]
    await world.clock.advance(1)
    assert [call.argument for call in world.platform.calls] == ["one", "other", "one", "two"]


async def test_an_empty_lane_leaves_nothing_behind(world: World) -> None:
    for number in range(100):
        world.ledger.decided(Conversation(ConversationId("st-1", f"u-{number}")), PassToBot())
    await async_until(lambda: not world.ledger.rows)
    await settle()
    assert len(world.engine.lanes) == 0


# --- retries ----------------------------------------------------------------------------------------------------


async def test_every_attempt_of_an_effect_carries_the_same_id(world: World) -> None:
    world.platform.answers.extend(
        [Unreachable("send"), ServerTrouble("send", status=500), RateLimited("send")]
    )
    world.ledger.decided(IDLE, to_user("one"))
    await world.clock.advance(30)
    assert not world.ledger.rows
    assert len(world.platform.calls) == 4
    assert len({call.idempotency_key for call in world.platform.calls}) == 1
    assert world.metrics.retried == ["SendToUser"] * 3


async def test_two_effects_have_different_ids(world: World) -> None:
    world.ledger.decided(IDLE, to_user("one"), to_user("two"))
    await async_until(lambda: not world.ledger.rows)
    assert len({call.idempotency_key for call in world.platform.calls}) == 2


async def test_retry_after_is_obeyed(world: World) -> None:
    world.platform.answers.append(RateLimited("send", status=429, retry_after=20.0))
    world.ledger.decided(IDLE, to_user("one"))
    await world.clock.advance(19.9)
    assert len(world.platform.calls) == 1
    await world.clock.advance(0.2)
    assert len(world.platform.calls) == 2


async def test_typing_is_tried_once(world: World) -> None:
    world.system.fails("typing", ServerTrouble("typing", status=503))
    world.ledger.decided(conversation(), TypingToAgent(SESSION, SYSTEM, ACCESS, True))
    await async_until(lambda: not world.ledger.rows and world.metrics.done)
    assert world.ledger.events == []
    assert world.metrics.done == [("TypingToAgent", "gave_up")]


@pytest.mark.parametrize("signal", [TypingToUser("u", started=True), EventToUser("u", "cart", "{}")])
async def test_a_signal_to_the_users_client_is_tried_once_and_holds_nothing_up(
    world: World, signal: TypingToUser
) -> None:
    world.platform.gates["typing_to_user"] = world.platform.gates["event_to_user"] = gate = asyncio.Event()
    world.ledger.decided(conversation(), signal, to_user("one"))
    await async_until(lambda: [call.what for call in world.platform.calls][-1:] == ["send_to_user"])
    world.platform.answers.append(ServerTrouble("send bot event", status=503))
    gate.set()
    await async_until(lambda: not world.ledger.rows)
    assert [call.what for call in world.platform.calls].count("send_to_user") == 1
    assert len(world.platform.calls) == 2
    assert world.ledger.events == []


async def test_an_extension_is_tried_again_while_the_request_id_may_still_be_good(world: World) -> None:
    world.platform.answers.extend([ServerTrouble("extend", status=503)] * 3)
    world.ledger.decided(conversation(), ExtendRequest())
    await world.clock.advance(20)
    assert world.metrics.done == [("ExtendRequest", "delivered")]


async def test_an_extension_that_comes_too_late_is_left_to_the_next(world: World) -> None:
    world.platform.answers.extend([ServerTrouble("extend", status=503)] * 1000)
    world.ledger.decided(conversation(), ExtendRequest())
    await world.clock.advance(49)
    assert world.ledger.rows
    await world.clock.advance(10)
    assert world.metrics.done == [("ExtendRequest", "gave_up")]
    assert world.ledger.events == []


async def test_a_failing_extension_holds_up_nothing(world: World) -> None:
    world.platform.answers.append(ServerTrouble("extend", status=503))
    world.ledger.decided(conversation(), ExtendRequest(), to_user("one"))
    await settle()
    assert world.sent == ["extend_request", "send_to_user"]


@pytest.mark.parametrize("effect", [PassToBot(), to_user("one"), ClearAgentSession(), ExtendRequest()])
async def test_a_signature_that_is_not_taken_is_tried_again(world: World, effect: PassToBot) -> None:
    world.platform.answers.extend([NotAuthorized("call", status=401)] * 5)
    world.ledger.decided(conversation(), effect)
    await world.clock.advance(30)
    assert world.metrics.done == [(type(effect).__name__, "delivered")]


async def test_clearing_the_agent_session_is_not_given_up_before_the_deadline(
    world: World, log: list[MutableMapping[str, Any]]
) -> None:
    world.platform.answers.extend([NotAuthorized("clear", status=403)] * 1000)
    world.ledger.decided(IDLE, ClearAgentSession())
    await world.clock.advance(299)
    assert world.ledger.rows
    await world.clock.advance(20)
    assert world.metrics.done == [("ClearAgentSession", "gave_up")]
    (failed,) = [entry for entry in log if entry["event"] == "effect_failed"]
    assert (failed["log_level"], failed["code"]) == ("error", "BK-4010")


async def test_an_effect_of_an_earlier_process_is_tried_once_more_at_any_age(world: World) -> None:
    world.ledger.decided(IDLE, to_user("old"))
    await async_until(lambda: not world.ledger.rows)
    world.clock.time = type(START)(START + 100_000)
    item_count = len(world.platform.calls)
    world.ledger.decided(IDLE, to_user("older"))
    await async_until(lambda: not world.ledger.rows)
    assert len(world.platform.calls) == item_count + 1


async def test_the_retry_deadline_starts_with_the_process(world: World) -> None:
    world.ledger.decided(IDLE, to_user("old"))
    await async_until(lambda: not world.ledger.rows)
    old = OutboxItem(50, USER, "user", to_user("from before"), Instant(START - 100_000))
    world.ledger.rows[50] = old
    world.platform.answers.extend([ServerTrouble("send", status=503)] * 8)
    world.engine.lanes.put(old)
    await world.clock.advance(200)
    assert world.platform.calls[-1].argument == "from before"
    assert ("SendToUser", "gave_up") not in world.metrics.done
    assert not world.ledger.rows


async def test_time_in_which_this_process_stood_still_is_not_of_the_retry_deadline(world: World) -> None:
    world.platform.gate = asyncio.Event()
    world.platform.answers.append(Unreachable("send"))
    world.ledger.decided(conversation(), to_user("on its way"))
    await settle()
    world.clock.pass_seconds(3_600)
    world.platform.gate.set()
    await world.clock.advance(10)
    assert [call.argument for call in world.platform.calls] == ["on its way"] * 2
    assert not world.ledger.rows


async def test_nothing_is_given_up_that_was_never_really_tried(world: World) -> None:
    world.platform.answers.extend([Unreachable("send")] * 100_000)
    people = [ConversationId("st-1", f"u-{number}") for number in range(100)]
    for one in people:
        world.ledger.decided(Conversation(one), PassToBot())
    await world.clock.advance(400)
    assert not world.ledger.rows
    assert len({call.idempotency_key for call in world.platform.calls}) == 100


async def test_the_agent_systems_own_rate_limit_is_no_attempt_and_no_reason_to_give_up(world: World) -> None:
    world.system.fails("send", *[RateLimited("send message", retry_after=55.0)] * 10)
    world.ledger.decided(conversation(), to_agent(1))
    await world.clock.advance(700)
    assert [type(event) for event in world.ledger.events] == [MessageAccepted]


async def test_while_the_platform_is_down_the_circuit_breaker_holds_back_all_lanes(world: World) -> None:
    world.platform.answers.extend([Unreachable("send")] * 1000)
    for number in range(200):
        world.ledger.decided(Conversation(ConversationId("st-1", f"u-{number}")), PassToBot())
    await settle()
    before = len(world.platform.calls)
    await world.clock.advance(20)
    assert len(world.platform.calls) - before < 25
    world.platform.answers.clear()
    await world.clock.advance(40)
    assert not world.ledger.rows


async def test_a_store_in_trouble_does_not_make_a_delivery_forgotten_or_repeated(world: World) -> None:
    world.ledger.failures.extend([LedgerError("disk full")] * 3)
    world.ledger.decided(IDLE, to_user("one"), to_user("two"))
    await settle()
    assert [call.argument for call in world.platform.calls] == ["one"]
    await world.clock.advance(5)
    assert [call.argument for call in world.platform.calls] == ["one", "two"]
    assert world.ledger.completed == [1, 2]


async def test_a_result_on_which_the_rules_fail_still_frees_the_lane(world: World) -> None:
    world.ledger.failures.append(KeyError("a defect"))
    world.ledger.decided(conversation(), to_agent(1), to_agent(2))
    await async_until(lambda: not world.ledger.rows)
    assert [type(event) for event in world.ledger.events] == [MessageAccepted]


# --- failures for good ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", [PassToBot(), PassToUser(), SkipUserMessage()])
async def test_a_refused_message_is_dropped_and_the_next_one_goes(world: World, effect: PassToBot) -> None:
    world.platform.answers.append(CallRefused("pass", status=400))
    world.ledger.decided(IDLE, effect, to_user("next"))
    await async_until(lambda: not world.ledger.rows)
    assert world.platform.calls[-1].argument == "next"
    assert world.metrics.done[0] == (type(effect).__name__, "refused")
    assert world.ledger.events == []


async def test_a_message_to_the_user_that_cannot_be_shown_ends_the_session(world: World) -> None:
    world.platform.answers.extend([ServerTrouble("send", status=500)] * 1000)
    world.ledger.decided(conversation(), to_user("one"))
    await world.clock.advance(299)
    assert world.ledger.events == []
    await world.clock.advance(20)
    (lost,) = world.ledger.events
    assert isinstance(lost, UserLost)
    assert lost.session_id == SESSION
    assert world.metrics.done == [("SendToUser", "gave_up")]


async def test_without_a_session_no_lost_user_is_reported(world: World) -> None:
    world.ledger.hooks.clear()
    world.ledger.decided(IDLE, to_user("closing words"))
    await async_until(lambda: not world.ledger.rows)
    assert world.ledger.events == []


async def test_a_user_who_cannot_be_addressed_is_lost(world: World) -> None:
    world.ledger.hooks.clear()
    world.ledger.decided(conversation(), to_user("one"))
    await async_until(lambda: not world.ledger.rows)
    assert isinstance(world.ledger.events[0], UserLost)


@pytest.mark.parametrize("effect", SESSION_EFFECTS, ids=lambda effect: type(effect).__name__)
@pytest.mark.parametrize(
    ("error", "why"),
    [
        (ConversationClosed("call", status=403), "closed"),
        (AccessExpired("call", status=401), "expired"),
        (CallRefused("find the agent system"), "refused"),
        (HostNotAllowed("call"), "refused"),
    ],
)
async def test_a_session_that_cannot_go_on_is_lost_for_its_reason(
    world: World, effect: OpenAccess, error: Exception, why: str
) -> None:
    world.system.fails(CALLS[type(effect)], error)
    world.ledger.decided(conversation(phase=Phase.OPENING), effect)
    await async_until(lambda: not world.ledger.rows)
    (lost,) = world.ledger.events
    assert isinstance(lost, AgentsLost)
    assert (lost.session_id, lost.why) == (SESSION, why)


@pytest.mark.parametrize("effect", SESSION_EFFECTS, ids=lambda effect: type(effect).__name__)
async def test_agents_out_of_reach_for_too_long_are_lost(world: World, effect: OpenAccess) -> None:
    world.system.fails(CALLS[type(effect)], *[Unreachable("call")] * 1000)
    world.ledger.decided(conversation(phase=Phase.OPENING), effect)
    await world.clock.advance(320)
    (lost,) = world.ledger.events
    assert isinstance(lost, AgentsLost)
    assert lost.why == "unreachable"


async def test_the_list_is_read_before_a_closed_conversation_is_reported(world: World) -> None:
    world.ledger.decided(conversation())
    await async_until(lambda: len(world.system.fetches) == 1)
    world.system.listed = [said("e1", "last words")]
    world.system.fails("send", ConversationClosed("send", status=403))
    world.ledger.decided(conversation(), to_agent(1))
    await async_until(lambda: not world.ledger.rows)
    assert [type(event).__name__ for event in world.ledger.events] == ["AgentSaid", "AgentsLost"]


async def test_a_refused_end_is_completed_without_an_event(world: World) -> None:
    world.system.fails("end", CallRefused("end", status=400))
    world.ledger.decided(IDLE, END_SESSION)
    await async_until(lambda: not world.ledger.rows)
    assert world.ledger.events == []


async def test_an_effect_of_a_bot_that_is_not_configured_any_more_is_dropped(world: World) -> None:
    world.ledger.decided(Conversation(ConversationId("st-gone", "u-1")), PassToBot())
    await async_until(lambda: not world.ledger.rows and bool(world.metrics.done))
    assert world.metrics.done == [("PassToBot", "refused")]


async def test_a_defect_in_an_agent_system_does_not_stop_its_lane(world: World) -> None:
    world.system.fails("send", ZeroDivisionError("a plug-in's mistake"))
    world.ledger.decided(conversation(), to_agent(1), to_agent(2))
    await async_until(lambda: not world.ledger.rows)
    assert [type(event).__name__ for event in world.ledger.events] == ["AgentsLost", "MessageAccepted"]
    assert world.metrics.done[0] == ("SendToAgent", "broken")


async def test_the_deduplication_key_of_a_result_is_the_effects_own(world: World) -> None:
    world.ledger.decided(conversation(), to_agent(1), to_agent(2))
    await async_until(lambda: not world.ledger.rows)
    keys = [event.key for event in world.ledger.events]
    assert len(set(keys)) == 2
    assert all(key.startswith("effect/") for key in keys)


# --- messages that agents may get twice -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failures", "repeated"),
    [
        ([], 0),
        ([Unreachable("send", possible_duplicate=True)], 1),
        ([Unreachable("send", possible_duplicate=True), RateLimited("send", status=429)], 2),
        ([BadReply("send")], 1),
        ([ServerTrouble("send", status=504)], 1),
        ([Unreachable("send", cause="refused"), RateLimited("send", status=429, retry_after=1.0)], 0),
        ([Unreachable("send", possible_duplicate=True), RateLimited("send", retry_after=1.0)], 1),
    ],
    ids=[
        "at once",
        "lost",
        "lost, refused",
        "unreadable",
        "gateway",
        "not connected, refused",
        "lost, paced",
    ],
)
async def test_each_message_that_is_sent_again_although_it_may_have_arrived_is_counted(
    world: World, failures: list[CallError], repeated: int
) -> None:
    world.system.fails("send", *failures)
    world.ledger.decided(conversation(), to_agent(1), to_agent(2))
    await world.clock.advance(60)
    assert not world.ledger.rows
    assert world.metrics.repeated == [SYSTEM] * repeated


async def test_after_a_restart_the_first_message_of_a_session_may_be_a_repetition(world: World) -> None:
    world.ledger.decided_elsewhere(conversation(), to_agent(1), to_agent(2), to_user("hello"))
    await world.engine.resume()
    await async_until(lambda: not world.ledger.rows)
    assert world.metrics.repeated == [SYSTEM]


# --- a payload that cannot be answered any more ------------------------------------------------------------------

EXPIRED = CallRefused("send to user", status=404)


async def test_messages_for_an_expired_request_id_wait_for_the_users_next_message_in_order(
    world: World,
) -> None:
    world.platform.answers.append(EXPIRED)
    world.ledger.decided(conversation(), to_user("one"), to_user("two"))
    await world.clock.advance(1000)
    assert [call.argument for call in world.platform.calls] == ["one"]
    writes(world, to_user("three"))
    await async_until(lambda: not world.ledger.rows)
    assert [call.argument for call in world.platform.calls] == ["one", "one", "two", "three"]
    assert world.ledger.events == []


async def test_what_the_user_writes_is_not_held_up_on_its_way_to_the_agent(world: World) -> None:
    world.platform.answers.append(EXPIRED)
    world.ledger.decided(conversation(), to_user("one"))
    await settle()
    writes(world, to_agent(1))
    await async_until(lambda: not world.ledger.rows)
    assert world.system.said("send") == [("m-1", "text 1")]
    assert [call.argument for call in world.platform.calls] == ["one", "one"]


async def test_a_commit_without_a_newer_payload_resumes_nothing(world: World) -> None:
    world.platform.answers.append(EXPIRED)
    world.ledger.decided(conversation(), to_user("one"))
    await settle()
    world.ledger.decided(conversation(), to_user("two"))
    await settle()
    assert len(world.platform.calls) == 1


async def test_a_newer_payload_that_is_there_already_is_used_at_once(world: World) -> None:
    gate = world.platform.gate = asyncio.Event()
    world.platform.answers.append(EXPIRED)
    world.ledger.decided(conversation(), to_user("one"))
    await settle()
    world.ledger.hooks[USER] = NEWER
    gate.set()
    await async_until(lambda: not world.ledger.rows and bool(world.metrics.done))
    assert world.metrics.done == [("SendToUser", "delivered")]


@pytest.mark.parametrize("effect", [to_user("one"), ClearAgentSession()])
async def test_a_message_refused_with_two_payloads_is_dropped_and_the_session_goes_on(
    world: World, effect: SendToUser, log: list[MutableMapping[str, Any]]
) -> None:
    world.platform.answers.extend([EXPIRED, CallRefused("send to user", status=400)])
    world.ledger.decided(conversation(), effect, to_user("next"))
    await settle()
    writes(world)
    await async_until(lambda: len(world.metrics.done) == 2)
    assert not world.ledger.rows
    assert world.platform.calls[-1].argument == "next"
    assert world.metrics.done == [(type(effect).__name__, "refused"), ("SendToUser", "delivered")]
    assert [entry["log_level"] for entry in log if entry["event"] == "effect_failed"] == ["error"]
    assert world.ledger.events == []


async def test_a_user_who_does_not_write_for_an_hour_is_lost(world: World) -> None:
    world.platform.answers.append(EXPIRED)
    world.ledger.decided(conversation(), to_user("one"))
    await world.clock.advance(3599)
    assert world.ledger.events == []
    await world.clock.advance(2)
    (lost,) = world.ledger.events
    assert isinstance(lost, UserLost)
    assert world.metrics.done == [("SendToUser", "gave_up")]


async def test_a_message_to_the_bot_waits_behind_the_hand_back_only_until_it_is_there_itself(
    world: World,
) -> None:
    world.platform.answers.append(EXPIRED)
    world.ledger.decided(IDLE, ClearAgentSession())
    await settle()
    writes(world, PassToBot(), after=IDLE)
    await async_until(lambda: not world.ledger.rows)
    assert world.sent == ["clear_agent_session", "clear_agent_session", "pass_to_bot"]


async def test_a_platform_that_is_down_when_the_newer_payload_comes_is_tried_again(world: World) -> None:
    world.platform.answers.extend([EXPIRED, ServerTrouble("send", status=503), Unreachable("send")])
    world.ledger.decided(conversation(), to_user("one"))
    await world.clock.advance(1800)  # Far longer than a platform that is down is waited for.
    writes(world)
    await world.clock.advance(20)
    assert world.metrics.done == [("SendToUser", "delivered")]


async def test_nothing_is_given_up_before_the_newer_payload_was_tried(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.platform.answers.append(EXPIRED)
    world.ledger.decided(conversation(), to_user("one"))
    await world.clock.advance(1800)
    monkeypatch.setattr(
        CircuitBreaker, "may_try", lambda breaker, now: False
    )  # Others have found it to be down.
    writes(world)
    await world.clock.advance(400)
    assert world.metrics.done == [("SendToUser", "delivered")]


async def test_the_retry_deadline_of_the_next_item_starts_with_the_newer_payload(world: World) -> None:
    world.platform.answers.append(EXPIRED)
    world.ledger.decided(conversation(), to_user("one"), to_user("two"))
    await world.clock.advance(1800)
    world.platform.answers.extend([None, ServerTrouble("send", status=503)])
    writes(world)
    await world.clock.advance(20)
    assert world.metrics.done == [("SendToUser", "delivered")] * 2


# --- hooks that are not held in memory -----------------------------------------------------------------------------


async def test_hooks_beyond_a_few_megabytes_are_read_when_their_turn_comes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botkit.relay.outbound.lanes.MAX_HELD_BYTES", 250)
    gate = world.platform.gate = asyncio.Event()
    for number in range(5):
        world.ledger.decided(IDLE, PassToBot(), hook=HookBody(bytes([number]) * 100))
    await settle()
    assert world.engine.lanes.held_bytes == 200
    gate.set()
    await async_until(lambda: not world.ledger.rows)
    assert [call.argument.body[0] for call in world.platform.calls] == [0, 1, 2, 3, 4]
    assert world.ledger.reads == [3, 4, 5]
    await settle()
    assert world.engine.lanes.held_bytes == 0


async def test_a_payload_that_is_not_in_memory_is_read_off_the_loop(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.ledger.at_hand = False
    here = threading.get_ident()
    read_in: list[int] = []
    read = world.ledger.newest_hook

    def noted(conversation_id: ConversationId) -> HookBody | None:
        read_in.append(threading.get_ident())
        return read(conversation_id)

    monkeypatch.setattr(world.ledger, "newest_hook", noted)
    world.ledger.decided(IDLE, to_user("one"))
    await async_until(lambda: not world.ledger.rows)
    assert len(read_in) == 1
    assert here not in read_in


async def test_a_store_that_cannot_be_read_loses_no_item(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botkit.relay.outbound.lanes.MAX_HELD_BYTES", 0)
    world.ledger.read_failures.append(LedgerError("locked"))
    world.ledger.decided(IDLE, PassToBot())
    await async_until(lambda: world.clock.sleeping == 2)  # the retry, and the watch over the streams
    await world.clock.advance(1)
    await async_until(lambda: not world.ledger.rows and bool(world.metrics.done))
    assert world.metrics.done == [("PassToBot", "delivered")]


# --- last words ----------------------------------------------------------------------------------------------------


async def test_the_list_is_read_before_a_session_is_ended(world: World) -> None:
    world.system.listed = [said("e1", "your number is 4711")]
    world.ledger.decided(IDLE, END_SESSION)
    await async_until(lambda: not world.ledger.rows)
    (words,) = world.ledger.events
    assert isinstance(words, AgentSaid)
    assert [call.what for call in world.system.calls] == ["fetch", "end"]


async def test_a_session_is_ended_after_its_receiver_has_stopped(world: World) -> None:
    world.ledger.decided(conversation())
    await async_until(lambda: world.system.connections)
    closed = world.system.gates["close"] = asyncio.Event()
    world.ledger.decided(IDLE, END_SESSION)
    await settle()
    assert world.system.said("end") == []
    closed.set()
    await async_until(lambda: world.system.said("end") == [ACCESS])


async def test_messages_of_agents_that_come_with_the_end_are_written(world: World) -> None:
    world.system.last_events = (said("e1", "one moment"), ended("e2"))
    world.ledger.decided(IDLE, END_SESSION)
    await async_until(lambda: not world.ledger.rows)
    (words,) = world.ledger.events
    assert isinstance(words, AgentSaid)


async def test_a_list_that_fails_or_hangs_does_not_keep_the_end_from_going_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botkit.relay.inbound.event_writer.LAST_LIST_SECONDS", 0.02)
    world.system.fails("fetch", ConversationClosed("list", status=404))
    world.ledger.decided(IDLE, END_SESSION)
    await async_until(lambda: not world.ledger.rows)
    world.system.gates["fetch"] = asyncio.Event()
    world.ledger.decided(IDLE, END_SESSION)
    await async_until(lambda: not world.ledger.rows)
    assert len(world.system.said("end")) == 2
    assert world.ledger.events == []


# --- dropping a lane ---------------------------------------------------------------------------------------------


async def test_dropping_a_lane_removes_its_items_and_sends_the_end_at_once(world: World) -> None:
    world.system.fails("send", *[Unreachable("send")] * 2)
    world.ledger.decided(conversation(), to_agent(1), to_agent(2))
    await settle()
    world.ledger.decided(IDLE, DropLane(SESSION), END_SESSION)
    await async_until(lambda: world.system.said("end") == [ACCESS])
    await world.clock.advance(60)
    assert len(world.system.said("send")) == 1


async def test_dropping_a_lane_cancels_an_attempt_that_hangs(world: World) -> None:
    world.system.gates["send"] = asyncio.Event()
    world.ledger.decided(conversation(), to_agent(1))
    await settle()
    world.ledger.decided(IDLE, DropLane(SESSION), END_SESSION)
    await async_until(lambda: world.system.said("end") == [ACCESS])


async def test_a_conversation_being_created_is_not_overtaken_by_its_end(world: World) -> None:
    gate = world.system.gates["start"] = asyncio.Event()
    world.ledger.decided(conversation(phase=Phase.OPENING), START_SESSION, to_agent(1))
    await settle()
    world.ledger.decided(IDLE, DropLane(SESSION), END_SESSION)
    await settle()
    assert world.system.said("end") == []
    gate.set()
    await async_until(lambda: world.system.said("end") == [ACCESS])
    assert world.system.said("send") == []


async def test_dropping_an_agents_lane_leaves_the_users_lane_alone(world: World) -> None:
    world.platform.answers.append(ServerTrouble("send", status=500))
    world.ledger.decided(conversation(), to_user("one"), to_user("two"))
    await settle()
    world.ledger.decided(IDLE, DropLane(SESSION))
    await world.clock.advance(5)
    assert [call.argument for call in world.platform.calls] == ["one", "one", "two"]


async def test_an_end_under_way_is_not_dropped(world: World) -> None:
    gate = world.system.gates["end"] = asyncio.Event()
    world.ledger.decided(IDLE, END_SESSION)
    await settle()
    world.ledger.decided(IDLE, DropLane(SESSION))
    gate.set()
    await async_until(lambda: 1 in world.ledger.completed)
