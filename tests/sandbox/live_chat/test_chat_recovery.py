"""A session whose server is gone: 503, ReconnectSession, ChasitorSessionData, ChasitorResyncState (section 3.9)."""

from __future__ import annotations

import asyncio

import pytest

JANE, OMAR = "Jane Doe", "Omar Haddad"


async def test_a_moved_session_answers_503_to_everything_until_it_reconnects(service):
    visitor = await service.chatting()
    service.inject("pod-restart")
    assert (await visitor.say("lost?")).status == 503
    assert (await visitor.poll()).status == 503
    assert (await visitor.call("DELETE", f"/System/SessionId/{visitor.key}")).status == 503
    assert (await visitor.reconnect()).status == 200
    assert (await visitor.poll()).status == 200


async def test_a_waiting_poll_hears_of_it_at_once(make_service):
    service = await make_service(poll_hold_seconds=30)
    visitor = await service.chatting()
    poll = asyncio.create_task(visitor.poll())
    await service.polling()
    service.inject("pod-restart")
    async with asyncio.timeout(2):
        assert (await poll).status == 503


async def test_reconnecting_gives_a_new_affinity_and_resets_the_sequence(service):
    visitor = await service.chatting()
    old = visitor.affinity
    service.inject("pod-restart")
    answer = await visitor.reconnect()
    (message,) = answer.json["messages"]
    assert message["type"] == "ReconnectSession"
    assert message["message"] == {"resetSequence": True, "affinityToken": visitor.affinity}
    assert visitor.affinity != old
    assert (await visitor.resync()).status == 200
    assert (await visitor.post("ChatMessage", {"text": "first again"}, sequence=1)).status == 200
    assert service.view(visitor)["transcript"][-1]["text"] == "first again"


@pytest.mark.parametrize("ack", ["begins again", "is kept"])
async def test_the_chat_so_far_comes_first_whichever_way_the_client_counts(service, ack):
    visitor = await service.chatting()
    await visitor.say("question")
    service.cloud.agent_says(visitor.id, JANE, "answer")
    await visitor.poll()
    service.inject("pod-restart")
    await visitor.reconnect()
    if ack == "begins again":
        visitor.ack = -1
    answer = await visitor.poll()
    assert answer.types == ["ChasitorSessionData"]
    assert answer.json["sequence"] == 0
    data = answer.message("ChasitorSessionData")
    assert [
        (each["type"], each["name"], each["content"], each["sequence"]) for each in data["chatMessages"]
    ] == [
        ("Chasitor", "Ada Lovelace", "question", 1),
        ("Agent", JANE, "answer", 2),
    ]
    assert set(data) >= {"queuePosition", "geoLocation", "url", "oref", "postChatUrl", "sneakPeekEnabled"}
    service.cloud.agent_says(visitor.id, JANE, "more")
    answer = await visitor.poll()
    assert (answer.types, answer.json["sequence"]) == (["ChatMessage"], 1)


@pytest.mark.parametrize("ack", ["begins again", "is kept"])
async def test_a_first_answer_that_was_lost_comes_again(service, ack):
    visitor = await service.chatting()
    old = visitor.ack
    service.inject("pod-restart")
    await visitor.reconnect()
    for text in ("one", "two", "three", "four"):
        service.cloud.agent_says(visitor.id, JANE, text)
    seen = []
    for _ in range(2):
        visitor.ack = -1 if ack == "begins again" else old
        seen.append((await visitor.poll()).types)
    assert seen == [["ChasitorSessionData", *["ChatMessage"] * 4]] * 2


async def test_what_happened_meanwhile_is_not_lost(service):
    visitor = await service.queued()
    service.inject("pod-restart")
    service.cloud.accept(visitor.id, JANE)
    service.cloud.agent_says(visitor.id, JANE, "hello?")
    await visitor.reconnect()
    answer = await visitor.poll()
    assert answer.types == ["ChasitorSessionData", "ChatEstablished"]
    history = answer.message("ChasitorSessionData")["chatMessages"]
    assert [each["content"] for each in history] == ["hello?"]


async def test_what_the_client_has_seen_by_its_offset_does_not_come_again(service):
    visitor = await service.queued()
    service.cloud.accept(visitor.id, JANE)
    await visitor.poll()  # seen, but never acknowledged
    service.inject("pod-restart")
    await visitor.reconnect()
    visitor.ack = -1
    assert (await visitor.poll()).types == ["ChasitorSessionData"]


async def test_without_an_offset_the_acknowledged_messages_count_as_seen(service):
    visitor = await service.queued()
    service.cloud.accept(visitor.id, JANE)
    await visitor.poll()
    service.inject("pod-restart")
    await visitor.reconnect(offset=None)
    visitor.ack = -1
    assert (await visitor.poll()).types == ["ChasitorSessionData", "ChatEstablished"]


async def test_an_end_meanwhile_is_told_after_the_reconnection(service):
    visitor = await service.chatting()
    service.inject("pod-restart")
    service.cloud.agent_ends(visitor.id, JANE)
    assert (await visitor.poll()).status == 503
    assert (await visitor.reconnect()).status == 200
    assert (await visitor.poll()).types == ["ChasitorSessionData", "ChatEnded"]
    assert (await visitor.poll()).status == 403


@pytest.mark.parametrize("state", ["begun", "requested", "queued", "chatting"])
async def test_a_session_recovers_in_every_state(service, state):
    visitor = await (service.visitor().begin() if state == "begun" else getattr(service, state)())
    service.inject("pod-restart")
    assert (await visitor.poll()).status == 503
    await visitor.reconnect()
    assert (await visitor.poll()).types[0] == "ChasitorSessionData"
    assert (await visitor.resync()).status == 200
    if state == "begun":
        assert (await visitor.request()).status == 200
        service.cloud.accept(visitor.id, JANE)
        await visitor.until("ChatEstablished")
    elif state != "chatting":
        service.cloud.accept(visitor.id, JANE)
        await visitor.until("ChatEstablished")
    assert (await visitor.say("back")).status == 200
    service.cloud.agent_says(visitor.id, JANE, "welcome back")
    assert (await visitor.until("ChatMessage"))["text"] == "welcome back"


async def test_a_session_recovers_again_and_again(service):
    visitor = await service.chatting()
    for number in range(3):
        service.inject("pod-restart")
        service.cloud.agent_says(visitor.id, JANE, str(number))
        await visitor.reconnect()
        data = (await visitor.poll()).message("ChasitorSessionData")
        assert [each["content"] for each in data["chatMessages"]] == [str(n) for n in range(number + 1)]


async def test_requests_with_the_old_affinity_go_on_being_503(service):
    visitor = await service.chatting()
    old = visitor.affinity
    service.inject("pod-restart")
    await visitor.reconnect()
    answer = await visitor.call("GET", "/System/Messages?ack=-1", headers={"X-LIVEAGENT-AFFINITY": old})
    assert answer.status == 503


async def test_reconnecting_without_a_503_is_a_405(service):
    visitor = await service.chatting()
    assert (await visitor.reconnect()).status == 405


async def test_reconnecting_without_a_503_can_be_allowed(make_service):
    service = await make_service(reconnect_without_503=200)
    visitor = await service.chatting()
    assert (await visitor.reconnect()).status == 200


async def test_a_503_that_was_only_injected_lets_the_client_reconnect_or_just_go_on(service):
    visitor = await service.chatting()
    service.inject("status", operation="Messages", status=503, times=1)
    assert (await visitor.poll()).status == 503
    assert (await visitor.poll()).status == 204
    assert (await visitor.reconnect()).status == 200


async def test_reconnecting_works_with_the_old_affinity_and_as_a_post(service):
    visitor = await service.chatting()
    service.inject("pod-restart")
    assert (await visitor.call("POST", "/System/ReconnectSession?ReconnectSession.offset=1")).status == 200


async def test_reconnecting_an_unknown_session_is_a_403(service):
    visitor = await service.chatting()
    service.inject("expire-sessions")
    assert (await visitor.reconnect()).status == 403


async def test_reconnecting_is_unknown_before_version_37(service):
    visitor = await service.chatting()
    service.inject("pod-restart")
    answer = await visitor.call("GET", "/System/ReconnectSession", headers={"X-LIVEAGENT-API-VERSION": "36"})
    assert answer.status == 404


async def test_the_predecessor_of_reconnecting_gives_a_new_key_as_well(service):
    visitor = await service.chatting()
    service.inject("pod-restart")
    answer = await visitor.call(
        "GET",
        f"/System/ResyncSession?SessionId={visitor.key.replace('+', '%2B')}",
        headers={"X-LIVEAGENT-API-VERSION": "36", "X-LIVEAGENT-SESSION-KEY": None},
    )
    assert answer.json["isValid"] is True
    visitor.key, visitor.affinity = answer.json["key"], answer.json["affinityToken"]
    assert (await visitor.poll()).types[0] == "ChasitorSessionData"


async def test_the_predecessor_says_of_an_unknown_session_that_it_is_not_valid(service):
    answer = await service.visitor().call("GET", "/System/ResyncSession?SessionId=nobody")
    assert answer.json == {"isValid": False}


async def test_the_word_of_the_reset_can_be_missing_as_in_the_guides_sample(make_service):
    service = await make_service(reset_sequence_said=False)
    visitor = await service.chatting()
    service.inject("pod-restart")
    message = (await visitor.reconnect()).json["messages"][0]["message"]
    assert message == {"affinityToken": visitor.affinity}


async def test_a_client_that_counts_the_last_step_goes_on_from_there(service):
    visitor = await service.chatting()
    service.inject("pod-restart")
    await visitor.reconnect()
    body = {"organizationId": service.cloud.settings.organization_id}
    assert (await visitor.post("ChasitorResyncState", body, sequence=1)).status == 200
    assert (await visitor.post("ChatMessage", {"text": "x"}, sequence=2)).status == 200


@pytest.mark.parametrize("beside", [True, False])
async def test_the_new_token_stands_beside_the_message_too_unless_switched_off(make_service, beside):
    service = await make_service(token_beside_message=beside)
    visitor = await service.chatting()
    service.inject("pod-restart")
    (item,) = (await visitor.reconnect()).json["messages"]
    assert item["message"]["affinityToken"] == visitor.affinity
    assert ("affinityToken" in item) is beside


async def test_numbers_can_go_on_after_a_reconnection(make_service):
    service = await make_service(reconnect_sequence="continue")
    visitor = await service.chatting()
    last = visitor.ack
    service.inject("pod-restart")
    await visitor.reconnect()
    assert (await visitor.poll()).json["sequence"] == last + 1


async def test_pending_messages_can_be_lost_in_the_move(make_service):
    service = await make_service(carry_pending=False)
    visitor = await service.queued()
    service.inject("pod-restart")
    service.cloud.accept(visitor.id, JANE)
    await visitor.reconnect()
    assert (await visitor.poll()).types == ["ChasitorSessionData"]


async def test_posts_before_the_last_step_can_be_refused(make_service):
    service = await make_service(resync_required=True)
    visitor = await service.chatting()
    service.inject("pod-restart")
    await visitor.reconnect()
    assert (await visitor.say("too early")).status == 503
    assert (await visitor.resync()).status == 200
    assert (await visitor.say("now")).status == 200


async def test_a_resync_for_another_organization_is_a_400(service):
    visitor = await service.chatting()
    body = {"organizationId": "00DXX0000000000"}
    assert (await visitor.post("ChasitorResyncState", body, sequence=None)).status == 400


async def test_one_session_can_move_while_the_others_stay(service):
    ada, bob = await service.chatting(), await service.requested()
    service.inject("pod-restart", conversation_id=ada.id)
    assert (await ada.poll()).status == 503
    assert (await bob.poll()).status == 200
