"""Live Chat as an agent system: open, start, send, end, over a scripted server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs

from botkit.agents import DEFAULT_ATTRIBUTES, AgentSystem, Batch, Capabilities, File
from botkit.agents import registry as agent_systems
from botkit.agents.live_chat import LiveChatSystem
from botkit.agents.live_chat.calls import FileRequest
from botkit.agents.live_chat.masking import Masked, NotMaskable, Rule
from botkit.agents.live_chat.position import Position
from botkit.agents.live_chat.settings import LiveChatSettings
from botkit.errors import (
    AccessExpired,
    AgentsUnavailable,
    BadReply,
    CallError,
    CallRefused,
    ConversationClosed,
    MessageWithheld,
    RateLimited,
    ServerTrouble,
    Unreachable,
)
from botkit.handoff.conversation import Access
from botkit.handoff.events import AgentSaid
from botkit.http import Response
from botkit.testing.clock import SelfMovingClock
from tests.agents.live_chat.conftest import SESSION, SETTINGS, Talk, new_system
from tests.agents.live_chat.server import BASE, KEY, LiveChat, broken, ok


def test_it_is_an_agent_system_with_every_ability(server: LiveChat) -> None:
    factory: type[AgentSystem] = LiveChatSystem
    system: AgentSystem = factory("legacy", SETTINGS, server)
    assert system.capabilities.receive == "stream"
    for ability in ("send_file", "custom_event", "idle_notice"):
        assert getattr(LiveChatSystem, ability) is not getattr(AgentSystem, ability)


def test_its_capabilities_are_known_before_anything_is_connected() -> None:
    capabilities = agent_systems.capabilities("salesforce-live-chat", replace(SETTINGS, max_text=500))
    assert capabilities == Capabilities(
        max_file_bytes=25_000_000,
        attributes=DEFAULT_ATTRIBUTES,
        max_text=500,
        lists_events=False,
        takes_text_before_agent=False,
        files="on_request",
        meta_infos=("liveChatMetaInfo", "miawMetaInfo"),
    )


def test_it_wants_its_own_settings(server: LiveChat) -> None:
    with pytest.raises(TypeError, match="LiveChatSettings"):
        LiveChatSystem("legacy", object(), server)


def test_versions_without_reconnection_are_refused() -> None:
    with pytest.raises(ValueError, match="37"):
        LiveChatSettings(BASE, "00DA", "572A", "573B", api_version=36)


# --- open ----------------------------------------------------------------------------------------------------------


async def test_opening_asks_for_availability_and_begins_a_session(talk: Talk, server: LiveChat) -> None:
    granted = await talk.system.open(SESSION)
    assert server.calls() == ["Availability", "SessionId"]
    assert json.loads(granted.access.credentials) == {
        "key": KEY,
        "id": KEY.partition("!")[0],
        "affinity": "aff0",
        "poll_seconds": 40,
        "base": BASE,
    }
    assert granted.expires_at is None


async def test_the_first_calls_carry_the_required_headers_and_ids(talk: Talk, server: LiveChat) -> None:
    await talk.system.open(SESSION)
    availability, session = server.asked
    assert availability.url == (
        f"{BASE}/Visitor/Availability?org_id=00DA&deployment_id=572A&Availability.ids=[573B]"
    )
    assert set(availability.headers) == {"Accept", "X-LIVEAGENT-API-VERSION"}
    assert session.headers["X-LIVEAGENT-AFFINITY"] == "null"
    assert session.headers["X-LIVEAGENT-API-VERSION"] == "58"


async def test_without_an_available_agent_nothing_begins(talk: Talk, server: LiveChat) -> None:
    server.available = False  # isAvailable is left out
    with pytest.raises(AgentsUnavailable):
        await talk.system.open(SESSION)
    assert server.calls() == ["Availability"]


@pytest.mark.parametrize(
    "answer",
    [Response(500), Response(503), Response(404), broken(), ok({}), ok({"messages": []}), Response(200)],
)
async def test_not_being_able_to_ask_for_availability_is_no_reason_not_to_try(
    talk: Talk, server: LiveChat, answer: Response | CallError
) -> None:
    server.script("Availability", answer)
    await talk.system.open(SESSION)
    assert server.calls() == ["Availability", "SessionId"]


async def test_the_question_can_be_left_out(server: LiveChat, clock: SelfMovingClock) -> None:
    system = new_system(server, clock, replace(SETTINGS, availability_check=False))
    await system.open(SESSION)
    assert server.calls() == ["SessionId"]


def availability(*results: dict[str, Any]) -> Response:
    return ok({"messages": [{"type": "Availability", "message": {"results": list(results)}}]})


async def test_one_free_target_of_several_is_enough(server: LiveChat, clock: SelfMovingClock) -> None:
    system = new_system(server, clock, replace(SETTINGS, button_overrides=("005A_573C", "573D")))
    server.script(
        "Availability", availability({"id": "005A"}, {"id": "573D", "isAvailable": True}, {"id": "573C"})
    )
    await system.open(SESSION)
    assert "Availability.ids=[005A,573C,573D]" in server.asked[0].url


def switch(url: str) -> Response:
    return ok({"messages": [{"type": "SwitchServer", "message": {"newUrl": url}}]})


async def test_a_switch_of_servers_is_followed_and_kept(talk: Talk, server: LiveChat) -> None:
    server.script("Availability", switch("https://d.la2-c9.salesforceliveagent.com/chat"))
    await talk.open()
    hosts = [request.url.partition("/chat")[0] for request in server.asked]
    assert (
        hosts
        == ["https://d.la1-c1.salesforceliveagent.com"] + ["https://d.la2-c9.salesforceliveagent.com"] * 3
    )


async def test_a_switch_to_a_stranger_is_not_followed(talk: Talk, server: LiveChat) -> None:
    server.script("Availability", switch("https://evil.example/chat"))
    await talk.system.open(SESSION)
    assert all("salesforceliveagent.com" in request.url for request in server.asked)


async def test_switches_without_end_come_to_one(talk: Talk, server: LiveChat) -> None:
    server.script("SessionId", *[switch("https://d.la2-c9.salesforceliveagent.com/chat")] * 9)
    with pytest.raises(BadReply):
        await talk.system.open(SESSION)


@pytest.mark.parametrize("missing", ["key", "affinityToken"])
async def test_a_session_that_lacks_a_part_is_a_clear_error(
    talk: Talk, server: LiveChat, missing: str
) -> None:
    whole = {"key": KEY, "id": "x", "clientPollTimeout": 40, "affinityToken": "a"}
    del whole[missing]
    server.script("SessionId", ok(whole))
    with pytest.raises(BadReply, match=missing):
        await talk.system.open(SESSION)


@pytest.mark.parametrize(("poll_timeout", "seconds"), [("30", 30), (40, 40), (None, 40), (10**9, 300)])
async def test_the_poll_time_is_read_as_number_and_as_text(
    talk: Talk, server: LiveChat, poll_timeout: object, seconds: int
) -> None:
    server.script("SessionId", ok({"key": KEY, "clientPollTimeout": poll_timeout, "affinityToken": "a"}))
    granted = await talk.system.open(SESSION)
    assert json.loads(granted.access.credentials)["poll_seconds"] == seconds


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, CallRefused), (403, CallRefused), (404, CallRefused), (500, ServerTrouble), (503, ServerTrouble)],
)
async def test_a_session_that_is_refused_says_why(
    talk: Talk, server: LiveChat, status: int, error: type[CallError]
) -> None:
    server.script("SessionId", Response(status))
    with pytest.raises(error):
        await talk.system.open(SESSION)


def test_nothing_of_the_session_shows_in_a_repr(talk: Talk) -> None:
    access = Access('{"key":"secret"}')
    assert "secret" not in repr(access)


# --- start ---------------------------------------------------------------------------------------------------------


async def test_the_chat_is_requested_with_number_1(talk: Talk, server: LiveChat) -> None:
    await talk.open(Plan="Gold")
    assert server.headers("ChasitorInit", "X-LIVEAGENT-SEQUENCE") == ["1"]
    assert server.headers("ChasitorInit", "X-LIVEAGENT-SESSION-KEY") == [KEY]
    assert server.bodies("ChasitorInit")[0]["prechatDetails"][0]["label"] == "Plan"


async def test_a_request_that_is_repeated_after_a_lost_answer_is_one(talk: Talk, server: LiveChat) -> None:
    server.script("ChasitorInit", broken())
    with pytest.raises(Unreachable):
        await talk.open()
    await talk.system.start(SESSION, talk.access, attributes=(), language="en")
    assert server.headers("ChasitorInit", "X-LIVEAGENT-SEQUENCE") == ["1", "1"]
    assert [noun for noun, _ in server.posts] == ["ChasitorInit"]


@pytest.mark.parametrize(
    "answer",
    [
        Response(409, {}, b"Out of sync Ack. Expected 1. Actual 1"),
        Response(409),
        Response(400, {}, b"Chat already requested"),
    ],
)
async def test_a_request_that_another_process_has_made_is_done(
    talk: Talk, server: LiveChat, answer: Response
) -> None:
    await talk.open()
    talk.restart()
    server.script("ChasitorInit", answer)
    await talk.system.start(SESSION, talk.access, attributes=(), language="en")
    assert [noun for noun, _ in server.posts] == ["ChasitorInit"]


async def test_a_session_that_expired_before_the_request_is_reported(talk: Talk, server: LiveChat) -> None:
    server.script("ChasitorInit", Response(403))
    with pytest.raises(CallRefused, match="expired"):
        await talk.open()


async def test_a_request_that_meets_trouble_is_repeated_later(talk: Talk, server: LiveChat) -> None:
    server.script("ChasitorInit", Response(500))
    with pytest.raises(ServerTrouble):
        await talk.open()


# --- listen --------------------------------------------------------------------------------------------------------


async def test_polls_begin_at_minus_1_and_go_on_from_the_last_sequence(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    server.say("hello")
    await talk.until(lambda: talk.said == ["hello"])
    acks = [request.url.partition("ack=")[2] for request in server.asked if "Messages" in request.url]
    assert acks[0] == "-1"
    assert acks[-1] in ("1", "2")
    assert acks == sorted(acks, key=int)


async def test_a_poll_waits_longer_than_the_server_says(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    assert next(one for one in server.asked if "Messages" in one.url).timeout_seconds == 42


async def test_an_empty_poll_is_a_sign_of_life_and_repeated_with_the_same_ack(
    talk: Talk, server: LiveChat
) -> None:
    await talk.begin()
    server.asked.clear()
    before = talk.batches
    server.hold_seconds = 0.01
    server.script("Messages", Response(204), Response(204))
    server.say("wake")
    await talk.until(lambda: talk.batches >= before + 3)
    acks = [request.url.partition("ack=")[2] for request in server.asked if "Messages" in request.url]
    assert acks[0] == acks[1]


async def test_the_first_batch_comes_while_the_first_poll_still_hangs(
    talk: Talk, server: LiveChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botkit.agents.live_chat.listening.CONNECTED_AFTER_SECONDS", 0.01)
    await talk.open()
    server.log.clear()
    talk.listen()
    await talk.until(lambda: talk.batches == 1)
    assert server.hanging == 1


async def test_events_that_are_not_stored_are_not_acknowledged(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    await talk.stop()
    server.say("one")
    async for batch in talk.system.listen(SESSION, talk.access):
        assert batch.events
        break  # The one who listens dies with the batch in hand.
    talk.listen()
    await talk.until(lambda: talk.said == ["one"])


async def test_there_is_never_more_than_one_poll(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    for n in range(5):
        server.say(str(n))
        await talk.until(lambda n=n: len(talk.said) == n + 1)  # type: ignore[misc]
    await talk.stop()
    talk.listen()
    server.say("last")
    await talk.until(lambda: len(talk.said) == 6)
    assert server.max_hanging == 1


async def test_a_409_on_a_poll_is_waited_out(talk: Talk, server: LiveChat, clock: SelfMovingClock) -> None:
    await talk.open()
    server.script("Messages", *[Response(409, {}, b"Duplicate Long Polling")] * 3)
    talk.listen()
    server.accept()
    await talk.until(lambda: "AgentJoined" in talk.kinds)
    assert clock.slept.count(1.5) == 3


async def test_a_409_on_every_poll_is_given_up_for_now(talk: Talk, server: LiveChat) -> None:
    await talk.open()
    server.script("Messages", *[Response(409)] * 100)
    talk.listen()
    await talk.until(lambda: talk.broken is not None)
    assert talk.broken is not None
    assert talk.broken.retryable


async def test_a_403_on_a_poll_is_the_end(talk: Talk, server: LiveChat) -> None:
    await talk.open()
    server.script("Messages", Response(403, {}, b"Session required but was invalid or not found"))
    talk.listen()
    await talk.until(lambda: talk.broken is not None)
    assert isinstance(talk.broken, ConversationClosed)
    assert await talk.system.routing(SESSION, talk.access) == "over"


async def test_the_end_is_reported_before_a_call_is_refused(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    server.say("bye")
    server.finish()
    await talk.until(lambda: talk.broken is not None)
    assert talk.kinds[-2:] == ["AgentSaid", "AgentSessionEnded"]
    assert isinstance(talk.broken, ConversationClosed)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Response(500), ServerTrouble),
        (Response(429, {"Retry-After": "3"}), RateLimited),
        (Response(302), BadReply),
        (Response(200, {}, b"<html>"), BadReply),
        (ok({"messages": "x"}), BadReply),
        (broken(), Unreachable),
        (Response(400), CallRefused),
    ],
)
async def test_a_poll_that_fails_is_the_callers_to_repeat(
    talk: Talk, server: LiveChat, answer: Response | CallError, error: type[CallError]
) -> None:
    await talk.begin()
    await talk.stop()
    server.script("Messages", answer)
    talk.listen()
    await talk.until(lambda: talk.broken is not None)
    assert isinstance(talk.broken, error)
    server.say("still here")
    talk.listen()
    await talk.until(lambda: talk.said == ["still here"])


async def test_a_session_that_was_out_of_reach_for_longer_than_it_lives_is_over(
    talk: Talk, server: LiveChat, clock: SelfMovingClock
) -> None:
    await talk.begin()
    await talk.stop()
    clock.pass_seconds(149)
    server.script("Messages", broken(), broken())
    talk.listen()
    await talk.until(lambda: talk.broken is not None)
    assert isinstance(talk.broken, Unreachable)
    clock.pass_seconds(2)
    talk.listen()
    await talk.until(lambda: isinstance(talk.broken, ConversationClosed))


async def test_a_chat_request_without_an_answer_fails_after_a_while(
    talk: Talk, server: LiveChat, clock: SelfMovingClock
) -> None:
    await talk.open()
    server.log.clear()
    server.script("Messages", *[Response(204)] * 3)
    task = asyncio.create_task(_collect(talk, server, clock))
    await asyncio.wait_for(task, 5)
    assert talk.kinds == ["RoutingFailed"]
    assert isinstance(talk.broken, ConversationClosed)


async def _collect(talk: Talk, server: LiveChat, clock: SelfMovingClock) -> None:
    try:
        async for batch in talk.system.listen(SESSION, talk.access):
            talk.heard += batch.events
            clock.pass_seconds(25)
    except CallError as error:
        talk.broken = error


async def test_a_request_that_was_answered_may_wait_for_long(
    talk: Talk, server: LiveChat, clock: SelfMovingClock
) -> None:
    await talk.open()
    talk.listen()
    await talk.until(lambda: bool(talk.heard))
    await talk.stop()
    server.script("Messages", *[Response(204)] * 20)
    server.hold_seconds = 0.001
    batches = 0
    async for batch in talk.system.listen(SESSION, talk.access):
        assert not batch.events
        clock.pass_seconds(30)
        batches += 1
        if batches == 20:
            break


async def test_a_restarted_process_resumes_at_the_stored_position(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    server.say("one")
    await talk.until(lambda: talk.said == ["one"])
    await talk.stop()
    talk.restart()
    server.asked.clear()
    server.say("two")
    talk.listen()
    await talk.until(lambda: talk.said == ["one", "two"])
    assert server.asked[0].url.endswith("ack=2")


async def test_the_list_says_why_the_last_poll_failed_and_otherwise_nothing(
    talk: Talk, server: LiveChat
) -> None:
    await talk.begin()
    assert (await talk.system.fetch(SESSION, talk.access)).events == ()
    await talk.stop()
    server.script("Messages", broken())
    talk.listen()
    await talk.until(lambda: talk.broken is not None)
    with pytest.raises(Unreachable):
        await talk.system.fetch(SESSION, talk.access)


async def test_asking_for_the_list_of_a_chat_that_was_forgotten_does_not_remember_it(talk: Talk) -> None:
    await talk.begin()
    await talk.system.end(SESSION, talk.access)
    assert (await talk.system.fetch(SESSION, talk.access)).events == ()
    assert not talk.system._chats


async def test_a_server_switch_in_a_poll_is_followed(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    server.tell("SwitchServer", newUrl="https://d.la3-c3.salesforceliveagent.com/chat")
    server.say("here")
    await talk.until(lambda: talk.said == ["here"])
    await talk.say("m1", "there")
    assert server.asked[-1].url.startswith("https://d.la3-c3.salesforceliveagent.com/chat/rest/")


async def test_credentials_of_another_system_are_no_credentials(talk: Talk) -> None:
    with pytest.raises(AccessExpired):
        await talk.system.send(SESSION, Access('{"accessToken":"x"}'), message_id="m", text="t")


# --- send ----------------------------------------------------------------------------------------------------------


async def test_messages_have_numbers_without_a_gap(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    for n in range(3):
        await talk.say(f"m{n}", f"word {n}")
    await talk.system.typing(SESSION, talk.access, started=True)
    assert server.headers("ChatMessage", "X-LIVEAGENT-SEQUENCE") == ["2", "3", "4"]
    assert server.headers("ChasitorTyping", "X-LIVEAGENT-SEQUENCE") == ["5"]


async def test_a_repeated_message_is_shown_once(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    server.drop["ChatMessage"] = 1
    with pytest.raises(Unreachable):
        await talk.say("m1", "one")
    await talk.say("m1", "one")
    await talk.say("m2", "two")
    assert server.user_said == ["one", "two"]


async def test_a_number_that_is_out_of_sync_is_repaired(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    server.last = 7
    await talk.say("m1", "hello")
    assert server.headers("ChatMessage", "X-LIVEAGENT-SEQUENCE") == ["2", "8"]
    assert server.user_said == ["hello"]


async def test_after_a_restart_no_message_is_taken_for_an_old_one(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    await talk.say("m1", "one")
    await talk.stop()
    talk.restart()
    await talk.say("m2", "two")
    await talk.say("m3", "three")
    assert server.user_said == ["one", "two", "three"]


async def test_a_server_that_does_not_count_is_served_as_well(talk: Talk, server: LiveChat) -> None:
    server.checks_sequence = False
    await talk.begin()
    talk.restart()
    await talk.say("m1", "one")
    await talk.say("m2", "two")
    assert server.user_said == ["one", "two"]


async def test_quick_messages_keep_their_distance(
    talk: Talk, server: LiveChat, clock: SelfMovingClock
) -> None:
    await talk.begin()
    await talk.say("m1", "one")
    clock.pass_seconds(0.005)
    await talk.say("m2", "two")
    assert clock.slept == [pytest.approx(0.010)]


async def test_messages_sent_at_once_go_one_after_the_other(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    async with asyncio.TaskGroup() as group:
        for n in range(10):
            group.create_task(talk.say(f"m{n}", str(n)))
    assert server.user_said == [str(n) for n in range(10)]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Response(403), ConversationClosed),
        (Response(500), ServerTrouble),
        (Response(429), RateLimited),
        (Response(400), CallRefused),
        (Response(404), CallRefused),
        (broken(), Unreachable),
    ],
)
async def test_a_message_that_is_not_taken_says_why(
    talk: Talk, server: LiveChat, answer: Response | CallError, error: type[CallError]
) -> None:
    await talk.begin()
    server.script("ChatMessage", answer)
    with pytest.raises(error):
        await talk.say("m1", "hello")


@pytest.mark.parametrize("status", [200, 202])
async def test_both_kinds_of_success_count(talk: Talk, server: LiveChat, status: int) -> None:
    await talk.begin()
    server.script("ChatMessage", Response(status, {}, b"OK"))
    await talk.say("m1", "hello")


async def test_text_of_any_language_arrives_as_it_is(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    await talk.say("m1", "Grüße 😀 <b> & مرحبا")
    assert server.user_said == ["Grüße 😀 <b> & مرحبا"]


# --- sensitive data ------------------------------------------------------------------------------------------------

CARD = {
    "id": "0GO1",
    "name": "card",
    "pattern": "[0-9]{16}",
    "replacement": "[card]",
    "actionType": "Replace",
}


async def with_rules(talk: Talk, *rules: dict[str, str]) -> None:
    await talk.begin()
    talk.server.tell("SensitiveDataRules", sensitiveDataRules=list(rules))
    await talk.until(lambda: '"r"' in talk.access.position)


async def test_sensitive_data_does_not_leave(talk: Talk, server: LiveChat) -> None:
    await with_rules(talk, CARD)
    await talk.say("m1", "my card is 4111111111111111")
    assert server.user_said == ["my card is [card]"]
    assert server.posts[-1] == ("SensitiveDataRuleTriggered", {"rules": [{"id": "0GO1", "name": "card"}]})


async def test_a_text_no_rule_concerns_goes_as_it_is(talk: Talk, server: LiveChat) -> None:
    await with_rules(talk, CARD)
    await talk.say("m1", "hello")
    assert server.user_said == ["hello"]
    assert server.posts[-1][0] == "ChatMessage"


async def test_a_text_of_which_nothing_is_left_is_not_sent(talk: Talk, server: LiveChat) -> None:
    await with_rules(talk, {**CARD, "actionType": "Remove"})
    await talk.say("m1", "4111111111111111")
    assert server.user_said == []
    assert server.posts[-1][0] == "SensitiveDataRuleTriggered"


async def test_rules_hold_after_a_restart(talk: Talk, server: LiveChat) -> None:
    await with_rules(talk, CARD)
    await talk.stop()
    talk.restart()
    await talk.say("m1", "4111111111111111")
    assert server.user_said == ["[card]"]


async def test_rules_hold_from_the_moment_an_agent_is_known_of(talk: Talk, server: LiveChat) -> None:
    await talk.open()
    server.log.clear()
    server.tell("ChatRequestSuccess", connectionTimeout=150_000, sensitiveDataRules=[CARD])
    server.accept()
    heard = talk.system.listen(SESSION, talk.access)
    async for batch in heard:
        if batch.events:
            # An effect of an event that is committed, and the rest of its batch is not yet.
            access = structs.replace(talk.access, position=batch.events[-1].position)
            await talk.system.send(SESSION, access, message_id="m1", text="4111111111111111")
            break
    await heard.aclose()
    assert server.user_said == ["[card]"]


async def test_a_report_that_is_not_taken_does_not_hold_the_message_up(talk: Talk, server: LiveChat) -> None:
    await with_rules(talk, CARD)
    server.script("SensitiveDataRuleTriggered", Response(500))
    await talk.say("m1", "4111111111111111")
    assert server.user_said == ["[card]"]


async def test_a_text_that_cannot_be_masked_is_withheld(server: LiveChat, clock: SelfMovingClock) -> None:
    async def masker(_: str, __: Sequence[Rule]) -> Masked:
        raise NotMaskable("too long")

    talk = Talk(
        server,
        clock,
        LiveChatSystem("l", SETTINGS, server, clock=clock, monotonic=clock, sleep=clock.sleep, masker=masker),
    )
    await with_rules(talk, CARD)
    with pytest.raises(MessageWithheld):
        await talk.say("m1", "secret")
    assert server.user_said == []
    await talk.stop()


# --- the rest ------------------------------------------------------------------------------------------------------


async def test_typing_is_sent_once_an_agent_is_present(talk: Talk, server: LiveChat) -> None:
    await talk.open()
    await talk.system.typing(SESSION, talk.access, started=True)
    talk.listen()
    server.accept()
    await talk.until(lambda: "AgentJoined" in talk.kinds)
    await talk.system.typing(SESSION, talk.access, started=True)
    await talk.system.typing(SESSION, talk.access, started=False)
    assert [noun for noun, _ in server.posts] == ["ChasitorInit", "ChasitorTyping", "ChasitorNotTyping"]


async def test_an_event_of_the_users_client_is_masked_like_anything_the_user_wrote(
    talk: Talk, server: LiveChat
) -> None:
    await talk.begin()
    rule = {
        "id": "0GO1",
        "name": "Card",
        "pattern": r"\d{16}",
        "replacement": "****",
        "actionType": "Replace",
    }
    server.tell("SensitiveDataRules", sensitiveDataRules=[rule])
    server.accept()
    await talk.until(lambda: bool(talk.system._chats[SESSION].position.rules))
    await talk.system.custom_event(SESSION, talk.access, name="cart", data='{"card":"4111111111111111"}')
    assert server.posts[-2:] == [
        ("CustomEvent", {"type": "cart", "data": '{"card":"****"}'}),
        ("SensitiveDataRuleTriggered", {"rules": [{"id": "0GO1", "name": "Card"}]}),
    ]


async def test_custom_events_and_idle_warnings_are_sent(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    await talk.system.custom_event(SESSION, talk.access, name="cart", data="{}")
    await talk.system.idle_notice(SESSION, talk.access, warned=True)
    assert server.posts[-2:] == [
        ("CustomEvent", {"type": "cart", "data": "{}"}),
        ("ChasitorIdleTimeoutWarningEvent", {"idleTimeoutWarningEvent": "triggered"}),
    ]


async def test_routing_is_answered_from_the_polls(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    assert await talk.system.routing(SESSION, talk.access) == "present"
    server.tell("AgentDisconnect")
    await talk.until(lambda: "AgentLeft" in talk.kinds)
    assert await talk.system.routing(SESSION, talk.access) == "searching"
    server.finish()
    await talk.until(lambda: talk.broken is not None)
    assert await talk.system.routing(SESSION, talk.access) == "over"


def impatient(talk: Talk) -> Talk:
    talk.system = new_system(talk.server, talk.clock, replace(SETTINGS, answer_within=timedelta(seconds=60)))
    return talk


async def test_a_server_that_takes_the_request_and_then_is_silent_has_failed(server: LiveChat) -> None:
    settings = replace(SETTINGS, answer_within=timedelta(seconds=0.02))
    talk = Talk(server, SelfMovingClock(), LiveChatSystem("legacy", settings, server))
    await talk.open()
    server.log.clear()  # No ChatRequestSuccess, and every poll hangs.
    talk.listen()
    await talk.until(lambda: talk.broken is not None)
    assert talk.kinds == ["RoutingFailed"]
    assert isinstance(talk.broken, ConversationClosed)
    assert server.hanging == 0


async def test_a_server_whose_polls_fail_before_the_request_was_answered_has_failed_in_time(
    talk: Talk, server: LiveChat, clock: SelfMovingClock
) -> None:
    await impatient(talk).open()
    server.script("Messages", Response(500), Response(500))
    talk.listen()
    await talk.until(lambda: talk.broken is not None)
    assert isinstance(talk.broken, ServerTrouble)
    clock.pass_seconds(61)
    talk.listen()
    await talk.until(lambda: talk.broken is not None)
    assert talk.kinds == ["RoutingFailed"]


async def test_listening_anew_does_not_give_the_server_more_time(
    talk: Talk, server: LiveChat, clock: SelfMovingClock
) -> None:
    await impatient(talk).open()
    server.log.clear()
    clock.pass_seconds(40)
    talk.listen()
    await talk.until(lambda: server.hanging == 1)
    await talk.stop()
    clock.pass_seconds(40)
    talk.listen()
    await talk.until(lambda: talk.broken is not None)
    assert talk.kinds == ["RoutingFailed"]


async def test_ending_ends_the_chat_and_then_the_session(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    server.asked.clear()
    await talk.system.end(SESSION, talk.access)
    chat, session = [request for request in server.asked if "Messages" not in request.url]
    assert (chat.method, json.loads(chat.body or b"")) == ("POST", {"reason": "client"})
    assert session.method == "DELETE"
    assert session.url.endswith(
        "/System/SessionId/"
        + KEY.replace("!", "%21").replace("/", "%2F").replace("+", "%2B").replace("=", "%3D")
    )


@pytest.mark.parametrize("status", [400, 403, 404, 405])
async def test_ending_a_chat_that_is_over_is_done(talk: Talk, server: LiveChat, status: int) -> None:
    await talk.begin()
    await talk.stop()
    server.script("ChatEnd", Response(status))
    server.script("Messages", Response(status))
    server.script("SessionId", Response(status))
    await talk.system.end(SESSION, talk.access)


def sayings(batch: Batch) -> list[str]:
    return [event.content.text for event in batch.events if isinstance(event, AgentSaid)]


async def test_the_end_brings_the_agents_unread_messages(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    server.say("heard")
    await talk.until(lambda: talk.said == ["heard"])
    await talk.stop()
    server.say("one moment")
    server.say("please")
    assert sayings(await talk.system.end(SESSION, talk.access)) == ["one moment", "please"]


async def test_it_comes_when_the_agent_ended_it_first(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    await talk.stop()
    server.say("goodbye")
    server.finish()
    assert sayings(await talk.system.end(SESSION, talk.access)) == ["goodbye"]


@pytest.mark.parametrize("noun", ["ChatEnd", "Messages"])
async def test_it_comes_from_the_next_server(talk: Talk, server: LiveChat, noun: str) -> None:
    await talk.begin()
    await talk.stop()
    server.say("one moment")
    server.said_503 = True
    server.script(noun, Response(503))
    assert sayings(await talk.system.end(SESSION, talk.access)) == ["one moment"]


@pytest.mark.parametrize("answer", [Response(500), Response(409), broken()])
async def test_it_comes_with_another_attempt_when_the_first_one_breaks(
    talk: Talk, server: LiveChat, answer: Response | Unreachable
) -> None:
    await talk.begin()
    await talk.stop()
    server.say("one moment")
    server.script("Messages", answer)
    with pytest.raises(CallError):
        await talk.system.end(SESSION, talk.access)
    assert sayings(await talk.system.end(SESSION, talk.access)) == ["one moment"]


async def test_a_server_that_does_not_tell_the_end_is_not_asked_twice(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    await talk.stop()
    server.script("Messages", Response(204))
    assert await talk.system.end(SESSION, talk.access) == Batch(())
    assert server.asked[-1].method == "DELETE"


async def test_an_end_of_a_server_that_is_silent_is_not_waited_for_again(
    talk: Talk, server: LiveChat, clock: SelfMovingClock
) -> None:
    await talk.begin()
    await talk.stop()

    def pass_time(noun: str) -> None:
        clock.pass_seconds(5 if noun == "Messages" else 0)

    server.meanwhile = pass_time
    server.script("Messages", Unreachable("poll for messages", detail="timed out"))
    assert await talk.system.end(SESSION, talk.access) == Batch(())
    assert server.asked[-1].method == "DELETE"


async def test_an_end_that_did_not_arrive_is_repeated(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    server.script("ChatEnd", broken())
    with pytest.raises(Unreachable):
        await talk.system.end(SESSION, talk.access)
    await talk.system.end(SESSION, talk.access)
    assert [noun for noun, _ in server.posts].count("ChatEnd") == 1


async def test_a_session_that_never_had_a_chat_has_none_to_end(talk: Talk, server: LiveChat) -> None:
    talk.access = (await talk.system.open(SESSION)).access
    server.asked.clear()
    await talk.system.end(SESSION, talk.access)
    assert [request.method for request in server.asked] == ["DELETE"]


@pytest.mark.parametrize("status", [403, 404, 500, 503])
async def test_a_session_that_is_not_known_any_more_counts_as_ended(
    talk: Talk, server: LiveChat, status: int
) -> None:
    talk.access = (await talk.system.open(SESSION)).access
    server.script("SessionId", Response(status))
    await talk.system.end(SESSION, talk.access)


async def test_a_session_out_of_reach_is_ended_later_for_as_long_as_it_may_live(
    talk: Talk, server: LiveChat, clock: SelfMovingClock
) -> None:
    talk.access = (await talk.system.open(SESSION)).access
    server.script("SessionId", broken(), broken())
    with pytest.raises(Unreachable):
        await talk.system.end(SESSION, talk.access)
    clock.pass_seconds(151)
    await talk.system.end(SESSION, talk.access)


async def test_a_chat_that_was_not_polled_for_long_counts_as_ended(
    talk: Talk, server: LiveChat, clock: SelfMovingClock
) -> None:
    await talk.begin()
    await talk.stop()
    server.script("ChatEnd", Response(500), Response(500))
    with pytest.raises(ServerTrouble):
        await talk.system.end(SESSION, talk.access)
    clock.pass_seconds(151)
    await talk.system.end(SESSION, talk.access)


async def test_a_chat_that_is_over_is_not_ended_once_more(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    server.finish()
    await talk.until(lambda: talk.broken is not None)
    await talk.system.end(SESSION, talk.access)
    assert "ChatEnd" not in server.calls()


async def test_a_chat_whose_end_was_taken_is_not_ended_once_more_though_the_listener_was_cancelled(
    talk: Talk, server: LiveChat
) -> None:
    await talk.begin()
    await talk.stop()
    server.finish()
    heard = talk.system.listen(SESSION, talk.access)
    async for batch in heard:
        if batch.events:
            talk.access = structs.replace(talk.access, position=batch.events[-1].position)
            break
    await heard.aclose()
    await talk.system.end(SESSION, talk.access)
    assert "ChatEnd" not in server.calls()


async def test_a_session_that_cannot_be_deleted_is_left_alone(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    server.script("SessionId", broken())
    await talk.system.end(SESSION, talk.access)
    assert server.over


async def test_an_ended_chat_is_forgotten(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    await talk.stop()
    await talk.system.end(SESSION, talk.access)
    assert not talk.system._chats


async def test_a_file_goes_to_the_agent_who_asked_for_it(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    url = "https://d.la1-c1.salesforceliveagent.com/upload"
    server.script("upload", Response(200))
    await talk.system.send_file(
        SESSION,
        talk.access,
        message_id="m1",
        file=File("a.txt", "text/plain", b"hi"),
        request=FileRequest(url, "t").written(),
    )
    assert server.asked[-1].url.startswith(url + "?")


async def test_a_file_whose_upload_got_no_answer_is_not_reported_as_failed(
    talk: Talk, server: LiveChat
) -> None:
    await talk.begin()
    request = FileRequest("https://d.la1-c1.salesforceliveagent.com/upload", "t").written()
    file = File("a.txt", "text/plain", b"hi")
    server.script("upload", broken(), Response(403))
    with pytest.raises(Unreachable):
        await talk.system.send_file(SESSION, talk.access, message_id="m1", file=file, request=request)
    await talk.system.send_file(SESSION, talk.access, message_id="m1", file=file, request=request)


async def test_a_file_that_is_refused_at_once_is_refused(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    request = FileRequest("https://d.la1-c1.salesforceliveagent.com/upload", "t").written()
    server.script("upload", Response(403))
    with pytest.raises(CallRefused):
        await talk.system.send_file(
            SESSION, talk.access, message_id="m1", file=File("a.txt", "text/plain", b"hi"), request=request
        )


async def test_a_file_without_a_request_is_refused(talk: Talk) -> None:
    await talk.begin()
    with pytest.raises(CallRefused, match="no agent has asked"):
        await talk.system.send_file(
            SESSION, talk.access, message_id="m1", file=File("a.txt", "text/plain", b"hi"), request=""
        )


async def test_a_position_is_small(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    for n in range(30):
        server.say(f"word {n}")
    await talk.until(lambda: len(talk.said) == 30)
    assert len(talk.access.position) < 250
    assert Position.read(talk.access.position) is not None
