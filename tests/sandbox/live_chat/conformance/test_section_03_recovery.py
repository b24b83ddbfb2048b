"""Section 3.9 with 2.11 to 2.13: a session whose server is gone."""

from __future__ import annotations

import asyncio

import pytest

from tests.sandbox.live_chat.conformance.conftest import MakeService, Service
from tests.sandbox.live_chat.visitor import JANE, OMAR, Visitor

STATES = ("begun", "requested", "queued", "chatting", "transferring", "disconnected", "ended")


async def in_state(service: Service, state: str) -> Visitor:
    if state == "begun":
        return await service.visitor().begin()
    if state in ("requested", "queued"):
        return await (service.requested() if state == "requested" else service.queued())
    visitor = await service.chatting()
    if state == "transferring":
        await service.act(visitor, "transfer")
    elif state == "disconnected":
        await service.act(visitor, "disconnect")
    elif state == "ended":
        await service.act(visitor, "end")
    return visitor


async def test_a_moved_session_answers_503_to_everything_until_it_reconnects(service: Service) -> None:
    """3.9: any request may get it."""
    visitor = await service.chatting()
    await service.inject("pod-restart")
    assert (await visitor.say("lost?")).status == 503
    assert (await visitor.poll()).status == 503
    assert (await visitor.batch(("ChatEnd", {"reason": "client"}))).status == 503
    assert (await visitor.delete()).status == 503
    assert (await visitor.reconnect()).status == 200
    assert (await visitor.poll()).status == 200


async def test_a_waiting_poll_hears_of_it_at_once(make_service: MakeService) -> None:
    """3.9."""
    service = await make_service(poll_hold_seconds=30)
    visitor = await service.chatting()
    poll = asyncio.create_task(visitor.poll())
    await service.polling()
    await service.inject("pod-restart")
    assert (await poll).status == 503


async def test_reconnecting_gives_a_new_affinity_and_resets_the_sequence(service: Service) -> None:
    """2.11: resetSequence true and affinityToken; 3.9: the next POST is 1."""
    visitor = await service.chatting()
    old = visitor.affinity
    await service.inject("pod-restart")
    answer = await visitor.reconnect()
    (message,) = answer.json["messages"]
    assert message["type"] == "ReconnectSession"
    assert message["message"] == {"resetSequence": True, "affinityToken": visitor.affinity}
    assert visitor.affinity != old
    assert (await visitor.resync()).status == 200
    assert (await visitor.post("ChatMessage", {"text": "first again"}, sequence=1)).status == 200
    assert await service.read(visitor) == ["first again"]


@pytest.mark.parametrize("how", ["GET and null", "GET and the old affinity", "POST"])
async def test_reconnecting_works_as_clients_do_it(service: Service, how: str) -> None:
    """2.11: the guide and one client send null, another keeps the old affinity, an early one posted."""
    visitor = await service.chatting()
    await service.inject("pod-restart")
    method = "POST" if how == "POST" else "GET"
    affinity = "null" if how == "GET and null" else visitor.affinity
    path = f"/System/ReconnectSession?ReconnectSession.offset={visitor.offset}"
    assert (await visitor.call(method, path, headers={"X-LIVEAGENT-AFFINITY": affinity})).status == 200


async def test_reconnecting_by_post_can_be_refused(make_service: MakeService) -> None:
    """2.11: documented as GET."""
    service = await make_service(reconnect_by_post=False)
    visitor = await service.chatting()
    await service.inject("pod-restart")
    assert (await visitor.call("POST", "/System/ReconnectSession?ReconnectSession.offset=1")).status == 405
    assert (await visitor.reconnect()).status == 200


async def test_reconnecting_without_a_503_is_a_405(service: Service) -> None:
    """2.11 and 13.7: as IBM saw it."""
    visitor = await service.chatting()
    assert (await visitor.reconnect()).status == 405
    assert (await visitor.say("still here")).status == 200


@pytest.mark.parametrize("status", [403, 200])
async def test_reconnecting_without_a_503_can_be_something_else(
    make_service: MakeService, status: int
) -> None:
    """2.11: 405 was seen by one client."""
    service = await make_service(reconnect_without_503=status)
    visitor = await service.chatting()
    assert (await visitor.reconnect()).status == status


async def test_a_503_that_is_a_plain_outage_lets_the_client_reconnect_or_just_go_on(service: Service) -> None:
    """5: one runbook saw plain outages with runs of 503."""
    visitor = await service.chatting()
    await service.inject("status", operation="Messages", status=503, times=1)
    assert (await visitor.poll()).status == 503
    assert (await visitor.poll()).status == 204
    assert (await visitor.reconnect()).status == 200


async def test_requests_with_the_old_affinity_go_on_being_503(service: Service) -> None:
    """14: an unknown token is a 503 if the session exists elsewhere."""
    visitor = await service.chatting()
    old = visitor.affinity
    await service.inject("pod-restart")
    await visitor.reconnect()
    answer = await visitor.call("GET", "/System/Messages?ack=-1", headers={"X-LIVEAGENT-AFFINITY": old})
    assert answer.status == 503


async def test_reconnecting_an_unknown_session_is_a_403(service: Service) -> None:
    """3.9: if it fails the chat is over; 14: 403 if the key is unknown."""
    visitor = await service.chatting()
    await service.inject("expire-sessions")
    assert (await visitor.reconnect()).status == 403


@pytest.mark.parametrize("ack", ["begins at -1 again", "is kept"])
async def test_the_chat_so_far_comes_first_whichever_way_the_client_counts(
    service: Service, ack: str
) -> None:
    """3.9: one client resets ack to -1, another keeps it; a fresh sequence at 0 with ChasitorSessionData."""
    visitor = await service.chatting()
    await visitor.say("question")
    await service.says(visitor, "answer")
    await visitor.poll()
    await service.inject("pod-restart")
    await visitor.reconnect()
    if ack == "begins at -1 again":
        visitor.ack = -1
    answer = await visitor.poll()
    assert (answer.types, answer.json["sequence"]) == (["ChasitorSessionData"], 0)
    said = answer.message("ChasitorSessionData")["chatMessages"]
    assert [(each["type"], each["content"]) for each in said] == [
        ("Chasitor", "question"),
        ("Agent", "answer"),
    ]
    await service.says(visitor, "more")
    answer = await visitor.poll()
    assert (answer.texts, answer.json["sequence"]) == (["more"], 1)


@pytest.mark.parametrize("ack", ["begins at -1 again", "is kept"])
async def test_a_first_answer_that_was_lost_comes_again(service: Service, ack: str) -> None:
    """3.9 with 3.3."""
    visitor = await service.chatting()
    old = visitor.ack
    await service.inject("pod-restart")
    await visitor.reconnect()
    await service.says(visitor, "one", "two", "three", "four")
    seen = []
    for _ in range(2):
        visitor.ack = -1 if ack == "begins at -1 again" else old
        seen.append((await visitor.poll()).types)
    assert seen == [["ChasitorSessionData", *["ChatMessage"] * 4]] * 2


async def test_old_chat_messages_are_inside_the_session_data_and_do_not_come_again(service: Service) -> None:
    """3.9: do not replay old ChatMessages; what else the client missed is not lost."""
    visitor = await service.queued()
    await service.inject("pod-restart")
    await service.act(visitor, "accept")
    await service.says(visitor, "hello?")
    await visitor.reconnect()
    answer = await visitor.poll()
    assert answer.types == ["ChasitorSessionData", "ChatEstablished"]
    assert [each["content"] for each in answer.message("ChasitorSessionData")["chatMessages"]] == ["hello?"]


async def test_chat_messages_can_come_again(make_service: MakeService) -> None:
    """3.9 [C]: that they are not replayed is inferred."""
    service = await make_service(carry_chat_messages=True)
    visitor = await service.chatting()
    await service.says(visitor, "seen")
    await visitor.poll()
    await service.inject("pod-restart")
    await service.says(visitor, "missed")
    await visitor.reconnect()
    answer = await visitor.poll()
    assert answer.types == ["ChasitorSessionData", "ChatMessage"]
    assert answer.texts == ["missed"]


async def test_what_the_client_missed_can_be_lost_in_the_move(make_service: MakeService) -> None:
    """3.9 [C]."""
    service = await make_service(carry_pending=False)
    visitor = await service.queued()
    await service.inject("pod-restart")
    await service.act(visitor, "accept")
    await visitor.reconnect()
    assert (await visitor.poll()).types == ["ChasitorSessionData"]


async def test_numbers_can_go_on_after_a_reconnection(make_service: MakeService) -> None:
    """3.9 [C]: the fresh sequence is inferred from the two ack habits."""
    service = await make_service(reconnect_sequence="continue")
    visitor = await service.chatting()
    last = visitor.ack or 0
    await service.inject("pod-restart")
    await visitor.reconnect()
    assert (await visitor.poll()).json["sequence"] == last + 1


async def test_what_the_client_has_seen_by_its_offset_does_not_come_again(service: Service) -> None:
    """2.11: the offset of the last 200 poll, also when that was never acknowledged."""
    visitor = await service.queued()
    await service.act(visitor, "accept")
    await visitor.poll()
    await service.inject("pod-restart")
    await visitor.reconnect()
    visitor.ack = -1
    assert (await visitor.poll()).types == ["ChasitorSessionData"]


async def test_without_an_offset_the_acknowledged_messages_count_as_seen(service: Service) -> None:
    """2.11: the parameter is missing."""
    visitor = await service.queued()
    await service.act(visitor, "accept")
    await visitor.poll()
    await service.inject("pod-restart")
    await visitor.reconnect(offset=None)
    visitor.ack = -1
    assert (await visitor.poll()).types == ["ChasitorSessionData", "ChatEstablished"]


@pytest.mark.parametrize("state", STATES)
async def test_a_session_recovers_in_every_state(service: Service, state: str) -> None:
    """3.9: 503, ReconnectSession, ChasitorSessionData, ChasitorResyncState, then what was held."""
    visitor = await in_state(service, state)
    await service.inject("pod-restart")
    assert (await visitor.poll()).status == 503
    assert (await visitor.reconnect()).status == 200
    answer = await visitor.poll()
    assert answer.types[0] == "ChasitorSessionData"
    if state == "ended":
        assert answer.types == ["ChasitorSessionData", "ChatEnded"]
        assert (await visitor.poll()).status == 403
        return
    assert (await visitor.resync()).status == 200
    if state == "begun":
        assert (await visitor.request()).status == 200
    agent = OMAR if state in ("transferring", "disconnected") else JANE
    if state != "chatting":
        await service.act(visitor, "accept", agent=agent)
    assert (await visitor.say("held")).status == 200
    await service.says(visitor, "welcome back", agent=agent)
    assert (await visitor.until("ChatMessage"))["text"] == "welcome back"
    assert await service.read(visitor) == ["held"]


async def test_an_end_meanwhile_is_told_after_the_reconnection(service: Service) -> None:
    """3.9, and 14: the pending ChatEnded."""
    visitor = await service.chatting()
    await service.inject("pod-restart")
    await service.act(visitor, "end")
    assert (await visitor.poll()).status == 503
    assert (await visitor.reconnect()).status == 200
    assert (await visitor.poll()).types == ["ChasitorSessionData", "ChatEnded"]
    assert (await visitor.poll()).status == 403


async def test_a_session_recovers_again_and_again(service: Service) -> None:
    """3.9: pods restart whenever they like."""
    visitor = await service.chatting()
    for number in range(3):
        await service.inject("pod-restart")
        await service.says(visitor, str(number))
        await visitor.reconnect()
        data = (await visitor.poll()).message("ChasitorSessionData")
        assert [each["content"] for each in data["chatMessages"]] == [str(n) for n in range(number + 1)]


async def test_a_chat_may_come_back_with_another_agent(service: Service) -> None:
    """3.9: as Salesforce says of maintenance."""
    visitor = await service.chatting()
    await service.inject("pod-restart")
    await service.act(visitor, "disconnect")
    await service.act(visitor, "accept", agent=OMAR)
    await visitor.reconnect()
    answer = await visitor.poll()
    assert answer.types == ["ChasitorSessionData", "AgentDisconnect", "ChatTransferred"]
    assert answer.message("ChatTransferred")["name"] == OMAR


async def test_one_session_can_move_while_the_others_stay(service: Service) -> None:
    """3.9: the affinity is a session's own."""
    ada, bob = await service.chatting(), await service.requested()
    await service.inject("pod-restart", conversation_id=ada.id)
    assert (await ada.poll()).status == 503
    assert (await bob.poll()).status == 200


# --- 2.11 to 2.13: the answers, and the last step -------------------------------------------------------------------


async def test_the_word_of_the_reset_can_be_missing(make_service: MakeService) -> None:
    """2.11: resetSequence is always true, yet undefined in the guide's own sample; it is reset all the same."""
    service = await make_service(reset_sequence_said=False)
    visitor = await service.chatting()
    await service.inject("pod-restart")
    message = (await visitor.reconnect()).json["messages"][0]["message"]
    assert message == {"affinityToken": visitor.affinity}
    assert (await visitor.post("ChatMessage", {"text": "x"}, sequence=1)).status == 200


@pytest.mark.parametrize("beside", [True, False])
async def test_the_new_token_stands_beside_the_message_too_by_switch(
    make_service: MakeService, beside: bool
) -> None:
    """2.11: a public client looks for it there; the vendor's answer has it in the message only."""
    service = await make_service(token_beside_message=beside)
    visitor = await service.chatting()
    await service.inject("pod-restart")
    (item,) = (await visitor.reconnect()).json["messages"]
    assert item["message"]["affinityToken"] == visitor.affinity
    assert ("affinityToken" in item) is beside


@pytest.mark.parametrize("parameter", ["SessionId", "ResyncSession.SessionId"])
async def test_the_predecessor_of_reconnecting_gives_a_new_key_as_well(
    service: Service, parameter: str
) -> None:
    """2.12: isValid, key, affinityToken; with a SessionId parameter."""
    visitor = await service.chatting()
    await service.inject("pod-restart")
    answer = await visitor.call(
        "GET",
        f"/System/ResyncSession?{parameter}={visitor.key.replace('+', '%2B')}",
        headers={"X-LIVEAGENT-API-VERSION": "36", "X-LIVEAGENT-SESSION-KEY": None},
    )
    assert answer.json["isValid"] is True
    old, visitor.key, visitor.affinity = visitor.key, answer.json["key"], answer.json["affinityToken"]
    assert visitor.key != old
    assert (await visitor.poll()).types[0] == "ChasitorSessionData"


async def test_the_predecessor_says_of_an_unknown_session_that_it_is_not_valid(service: Service) -> None:
    """2.12: poll only if isValid."""
    answer = await service.visitor().call("GET", "/System/ResyncSession?SessionId=nobody")
    assert answer.json == {"isValid": False}


async def test_the_last_step_has_no_number_and_a_client_that_counts_it_goes_on_from_there(
    service: Service,
) -> None:
    """2.13: no SEQUENCE; one public client counts it."""
    visitor = await service.chatting()
    await service.inject("pod-restart")
    await visitor.reconnect()
    body = {"organizationId": "00DSB0000000001"}
    assert (await visitor.post("ChasitorResyncState", body, sequence=1)).status == 200
    assert (await visitor.post("ChatMessage", {"text": "x"}, sequence=2)).status == 200


async def test_the_last_step_names_the_organization(service: Service) -> None:
    """2.13: {"organizationId": "00D…"}."""
    visitor = await service.chatting()
    assert (await visitor.resync(organization="00DXX0000000000")).status == 400


async def test_posts_before_the_last_step_can_be_refused(make_service: MakeService) -> None:
    """2.13: the last step of reconnection; whether the server insists on it is not known."""
    service = await make_service(resync_required=True)
    visitor = await service.chatting()
    await service.inject("pod-restart")
    await visitor.reconnect()
    assert (await visitor.say("too early")).status == 503
    assert (await visitor.resync()).status == 200
    assert (await visitor.say("now")).status == 200
