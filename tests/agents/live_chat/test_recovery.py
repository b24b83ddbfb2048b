"""A 503 in every state of a chat: no message is lost or shown twice, and the chat goes on."""

from __future__ import annotations

import asyncio

import pytest

from botkit.agents.live_chat.position import Position
from botkit.errors import ConversationClosed, ServerTrouble
from botkit.handoff.events import AgentSaid, FromAgents
from botkit.http import Response
from botkit.testing.clock import SelfMovingClock
from tests.agents.live_chat.conftest import SESSION, Talk
from tests.agents.live_chat.server import LiveChat, broken, ok


async def test_a_503_on_the_poll_is_followed_by_all_steps_in_their_order(
    talk: Talk, server: LiveChat
) -> None:
    await talk.begin()
    server.asked.clear()
    server.lose()
    await talk.until(lambda: "ChasitorResyncState" in server.calls())
    assert server.calls()[:3] == ["ReconnectSession", "Messages", "ChasitorResyncState"]


async def test_reconnecting_uses_no_affinity_and_the_last_offset(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    server.lose()
    await talk.until(lambda: "ChasitorResyncState" in server.calls())
    request = next(one for one in server.asked if "ReconnectSession" in one.url)
    assert request.headers["X-LIVEAGENT-AFFINITY"] == "null"
    assert request.url.endswith(f"ReconnectSession.offset={1_000 + 2}")


async def test_the_new_affinity_is_used_and_numbers_start_anew(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    await talk.say("m1", "one")
    server.lose()
    await talk.until(lambda: "ChasitorResyncState" in server.calls())
    await talk.say("m2", "two")
    assert server.headers("ChatMessage", "X-LIVEAGENT-SEQUENCE") == ["2", "1"]
    assert server.headers("ChatMessage", "X-LIVEAGENT-AFFINITY") == ["aff0", "aff1"]
    assert server.headers("ChasitorResyncState", "X-LIVEAGENT-SEQUENCE") == [None]


async def test_messages_during_a_reconnection_are_shown_once_and_in_order(
    talk: Talk, server: LiveChat
) -> None:
    await talk.begin()
    server.say("one")
    await talk.until(lambda: talk.said == ["one"])
    server.lost = True
    server._record("Agent", "Ada", "two")
    server._record("Agent", "Ada", "one")
    server.stir()
    await talk.until(lambda: len(talk.said) == 3)
    server.say("three")
    await talk.until(lambda: len(talk.said) == 4)
    assert talk.said == ["one", "two", "one", "three"]


async def test_keys_stay_unique_after_a_reconnection(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    for n in range(3):
        server.say(f"word {n}")
        await talk.until(lambda n=n: len(talk.said) == n + 1)  # type: ignore[misc]
        server.lose()
        await talk.until(lambda n=n: server.calls().count("ChasitorResyncState") == n + 1)  # type: ignore[misc]
    keys = [event.key for event in talk.heard]
    assert len(set(keys)) == len(keys)
    assert talk.said == ["word 0", "word 1", "word 2"]


async def test_a_message_that_meets_a_503_is_held_and_sent_when_the_chat_is_back(
    talk: Talk, server: LiveChat
) -> None:
    await talk.begin()
    server.lost = True  # The poll still hangs: only the message finds out.
    await talk.say("m1", "hello")
    assert server.user_said == ["hello"]
    server.say("hi")
    await talk.until(lambda: talk.said == ["hi"])
    assert server.max_hanging == 1


async def test_messages_during_a_reconnection_wait_and_keep_their_order(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    server.lost = True
    async with asyncio.TaskGroup() as group:
        for n in range(5):
            group.create_task(talk.say(f"m{n}", f"word {n}"))
    assert server.user_said == [f"word {n}" for n in range(5)]
    assert server.calls().count("ReconnectSession") == 1


async def test_nothing_is_sent_between_the_503_and_the_session_data(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    server.asked.clear()
    server.lost = True
    await talk.say("m1", "hello")
    calls = server.calls()
    assert calls[: calls.index("ChasitorResyncState") + 2] == [
        "ChatMessage",
        "ReconnectSession",
        "Messages",
        "ChasitorResyncState",
        "ChatMessage",
    ]


async def test_a_503_to_the_chat_request_is_survived(talk: Talk, server: LiveChat) -> None:
    talk.access = (await talk.system.open(SESSION)).access
    server.lost = True
    await talk.system.start(SESSION, talk.access, attributes=(), language="en")
    talk.listen()
    server.accept()
    await talk.until(lambda: "AgentJoined" in talk.kinds)
    assert [noun for noun, _ in server.posts].count("ChasitorInit") == 1


async def test_a_503_while_the_user_waits_is_survived(talk: Talk, server: LiveChat) -> None:
    await talk.open()
    talk.listen()
    await talk.until(lambda: bool(talk.heard))
    server.lose()
    await talk.until(lambda: "ChasitorResyncState" in server.calls())
    server.accept()
    await talk.until(lambda: "AgentJoined" in talk.kinds)


async def test_a_request_whose_answer_went_with_the_old_server_is_not_taken_for_unanswered(
    talk: Talk, server: LiveChat, clock: SelfMovingClock
) -> None:
    await talk.open()
    server.lose()
    talk.listen()
    await talk.until(lambda: "ChasitorResyncState" in server.calls() and server.hanging == 1)
    clock.pass_seconds(61)
    server.tell("QueueUpdate", position=3)
    await talk.until(lambda: bool(talk.kinds) and talk.kinds[-1] in ("QueueMoved", "RoutingFailed"))
    await talk.stop()
    talk.restart()
    clock.pass_seconds(61)
    talk.listen()
    server.accept()
    await talk.until(lambda: "AgentJoined" in talk.kinds)
    assert "RoutingFailed" not in talk.kinds


async def test_a_503_during_a_transfer_is_survived(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    server.tell("TransferToButtonInitiated")
    await talk.until(lambda: "AgentLeft" in talk.kinds)
    server.lose()
    await talk.until(lambda: "ChasitorResyncState" in server.calls())
    server.accept("Bob", "005B")
    await talk.until(lambda: talk.kinds.count("AgentJoined") == 2)


async def test_a_503_to_typing_is_survived(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    server.lost = True
    await talk.system.typing(SESSION, talk.access, started=True)
    assert server.posts[-2:] == [("ChasitorResyncState", {"organizationId": "00DA"}), ("ChasitorTyping", {})]


async def test_a_503_to_the_end_is_survived_without_a_listener(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    await talk.stop()
    server.lost = True
    await talk.system.end(SESSION, talk.access)
    assert ("ChatEnd", {"reason": "client"}) in server.posts


async def test_a_503_to_resync_begins_the_way_back_once_more(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    server.script("ChasitorResyncState", Response(503))
    server.lost = True
    with pytest.raises(ServerTrouble):
        await talk.say("m1", "hello")
    server.lost = True
    await talk.until(lambda: talk.broken is not None or server.calls().count("ChasitorResyncState") > 1)
    if talk.broken is not None:
        talk.listen()
    await talk.say("m1", "hello")
    assert server.user_said == ["hello"]


async def test_a_reconnection_that_breaks_off_is_gone_on_with_by_the_next(
    talk: Talk, server: LiveChat
) -> None:
    await talk.begin()
    await talk.stop()
    server.script("ChasitorResyncState", broken())
    server._record("Agent", "Ada", "still there?")
    server.lost = True
    with pytest.raises(Exception, match="closed the connection"):
        await talk.say("m1", "hello")
    talk.listen()
    await talk.say("m1", "hello")
    await talk.until(lambda: talk.said == ["still there?"])
    assert server.user_said == ["hello"]
    assert server.calls().count("ReconnectSession") == 1


async def test_a_403_to_the_reconnection_ends_the_chat(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    server.script("ReconnectSession", Response(403))
    server.lose()
    await talk.until(lambda: talk.broken is not None)
    assert isinstance(talk.broken, ConversationClosed)


async def test_a_503_to_the_reconnection_is_tried_again_later(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    server.script("ReconnectSession", Response(503))
    server.lose()
    await talk.until(lambda: talk.broken is not None)
    assert talk.broken is not None
    assert talk.broken.retryable
    talk.listen()
    server.say("back")
    await talk.until(lambda: talk.said == ["back"])


async def test_a_405_to_the_reconnection_means_that_nothing_was_lost(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    server.script("ChatMessage", Response(503))
    await talk.say("m1", "hello")
    assert server.user_said == ["hello"]
    assert server.headers("ChatMessage", "X-LIVEAGENT-AFFINITY") == ["aff0", "aff0"]
    server.say("hi")
    await talk.until(lambda: talk.said == ["hi"])


async def test_a_server_that_never_comes_to_rest_is_left_alone_for_a_while(
    talk: Talk, server: LiveChat
) -> None:
    await talk.begin()
    server.script("ChatMessage", *[Response(503)] * 10)
    with pytest.raises(ServerTrouble):
        await talk.say("m1", "hello")
    assert server.calls().count("ChatMessage") == 4


async def test_polls_that_meet_nothing_but_503s_do_not_run_hot(talk: Talk, server: LiveChat) -> None:
    await talk.open()
    server.script("Messages", *[Response(503)] * 20)
    talk.listen()
    await talk.until(lambda: talk.broken is not None)
    assert server.calls().count("Messages") <= 3


async def test_a_reconnection_without_a_new_affinity_is_an_error_that_is_tried_again(
    talk: Talk, server: LiveChat
) -> None:
    await talk.begin()
    server.script("ReconnectSession", ok({"messages": []}))
    server.lose()
    await talk.until(lambda: talk.broken is not None)
    assert talk.broken is not None
    assert talk.broken.retryable


async def test_a_message_the_server_has_according_to_its_account_is_not_sent_again(
    talk: Talk, server: LiveChat
) -> None:
    await talk.begin()
    await talk.say("m1", "yes")
    server._record("Chasitor", "", "yes")  # It arrived, and then the server died with the answer.
    server.script("ChatMessage", broken())
    with pytest.raises(Exception, match="closed the connection"):
        await talk.say("m2", "yes")
    server.lost = True
    await talk.say("m2", "yes")
    assert server.calls().count("ChatMessage") == 2 + 1  # The attempt that met the 503 is the last one.
    assert server.user_said == ["yes"]


async def test_a_message_that_the_account_does_not_have_is_sent_again(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    await talk.say("m1", "yes")
    server.script("ChatMessage", broken())
    with pytest.raises(Exception, match="closed the connection"):
        await talk.say("m2", "yes")
    server.lost = True
    await talk.say("m2", "yes")
    assert server.user_said == ["yes", "yes"]


async def test_a_restarted_process_finds_its_way_back_by_the_stored_position(
    talk: Talk, server: LiveChat
) -> None:
    await talk.begin()
    server.say("one")
    await talk.until(lambda: talk.said == ["one"])
    await talk.stop()
    server.say("two")
    server.lost = True
    talk.restart()
    talk.listen()
    await talk.until(lambda: talk.said == ["one", "two"])
    server.lose()
    server.say("three")
    await talk.until(lambda: talk.said == ["one", "two", "three"])
    keys = [event.key for event in talk.heard]
    assert len(set(keys)) == len(keys)


async def test_a_send_with_an_old_position_does_not_mislead_the_listener(
    talk: Talk, server: LiveChat
) -> None:
    await talk.begin()
    old = talk.access
    server.say("one")
    await talk.until(lambda: talk.said == ["one"])
    server.lose()
    server.say("two")
    await talk.until(lambda: talk.said == ["one", "two"])
    await talk.stop()
    talk.restart()
    server._record("Agent", "Ada", "meanwhile")
    await talk.system.send(SESSION, old, message_id="m1", text="from the outbox")
    assert server.user_said == ["from the outbox"]
    talk.listen()
    server.say("three")
    await talk.until(lambda: talk.said == ["one", "two", "meanwhile", "three"])
    eras = [event.key.split("/")[1] for event in talk.heard if isinstance(event, AgentSaid)]
    assert eras == ["0", "1", "2", "2"]
    keys = [event.key for event in talk.heard]
    assert len(set(keys)) == len(keys)
    position = Position.read(talk.access.position)
    assert position is not None
    assert position.era == 2
    assert server.calls().count("ReconnectSession") == 2


async def test_a_reply_polled_while_reconnecting_is_not_requested_again(talk: Talk, server: LiveChat) -> None:
    server.repeats = False
    await talk.begin()
    server._record("Agent", "Ada", "still there?")
    server.lost = True
    await talk.say("m1", "yes")
    await talk.until(lambda: talk.said == ["still there?"])


async def test_a_move_while_events_are_in_hand_is_followed_when_they_are_taken(
    talk: Talk, server: LiveChat
) -> None:
    await talk.begin()
    await talk.stop()
    server.say("one")
    heard: list[FromAgents] = []
    async for batch in talk.system.listen(SESSION, talk.access):
        heard += batch.events
        if len(heard) == 1:
            server.lost = True
            await talk.say("m1", "hello")
            server.say("two")
        if sum(isinstance(event, AgentSaid) for event in heard) == 2:
            break
    request = next(one for one in server.asked if "ReconnectSession" in one.url)
    assert request.url.endswith(f"={1_000 + 2}")  # Before "one": it was not taken yet.
    assert server.calls().count("ReconnectSession") == 1
    assert [event.content.text for event in heard if isinstance(event, AgentSaid)] == ["one", "two"]


async def test_after_a_restart_a_send_lets_the_listener_come_first(talk: Talk, server: LiveChat) -> None:
    await talk.begin()
    old = talk.access
    server.lose()
    server.say("one")
    await talk.until(lambda: talk.said == ["one"])
    await talk.stop()
    talk.restart()
    server.wrong_affinity = 403  # As to a session that is over.
    sending = asyncio.create_task(talk.system.send(SESSION, old, message_id="m1", text="hello"))
    await asyncio.sleep(0)
    talk.listen()
    await sending
    assert server.user_said == ["hello"]


async def test_an_end_that_came_with_the_sessions_data_is_heard_although_the_resync_is_refused(
    talk: Talk, server: LiveChat
) -> None:
    await talk.begin()
    server.lost = True
    server._record("Agent", "Ada", "goodbye")
    server.finish()
    await talk.until(lambda: talk.broken is not None)
    assert server.calls().count("ChasitorResyncState") == 1
    assert talk.kinds[-2:] == ["AgentSaid", "AgentSessionEnded"]
    assert talk.said == ["goodbye"]


async def test_a_message_for_a_chat_that_is_over_is_refused_after_the_end_was_heard(
    talk: Talk, server: LiveChat
) -> None:
    await talk.begin()
    server.say("goodbye")
    server.finish()
    with pytest.raises(ConversationClosed):
        await talk.say("m1", "too late")
    assert talk.kinds[-2:] == ["AgentSaid", "AgentSessionEnded"]
