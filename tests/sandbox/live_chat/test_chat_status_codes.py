"""Each row of the table of status codes, and what every resource can answer (protocol section 5)."""

from __future__ import annotations

import pytest

JANE = "Jane Doe"
INVALID = "Session required but was invalid or not found"
NOUNS = {
    "ChatMessage": {"text": "hi"},
    "ChasitorTyping": {},
    "ChasitorNotTyping": {},
    "ChasitorSneakPeek": {"position": 0, "text": "h"},
    "CustomEvent": {"type": "page", "data": "{}"},
    "ChasitorIdleTimeoutWarningEvent": {"idleTimeoutWarningEvent": "triggered"},
    "SensitiveDataRuleTriggered": {"rules": [{"id": "0GO1", "name": "Cards"}]},
    "ChatEnd": {"reason": "client"},
}


@pytest.mark.parametrize("noun", NOUNS)
async def test_200_ok_as_plain_text_for_every_noun(service, noun):
    visitor = await service.chatting()
    answer = await visitor.post(noun, NOUNS[noun])
    assert (answer.status, answer.text) == (200, "OK")
    assert answer.headers["Content-Type"].startswith("text/plain")


async def test_202_can_be_the_success_of_a_post(make_service):
    service = await make_service(post_status=202)
    visitor = await service.visitor().begin()
    assert (await visitor.request()).status == 202


async def test_204_for_a_poll_without_news_has_no_body(service):
    visitor = await service.chatting()
    answer = await visitor.poll()
    assert (answer.status, answer.text) == (204, "")


@pytest.mark.parametrize("version", [None, "", "fifty"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/System/SessionId"),
        ("GET", "/System/Messages?ack=-1"),
        ("POST", "/Chasitor/ChatMessage"),
        ("POST", "/System/MultiNoun"),
        ("GET", "/System/ReconnectSession"),
        ("GET", "/Visitor/Availability?org_id=a&deployment_id=b&Availability.ids=[c]"),
        ("GET", "/Visitor/Settings?org_id=a&deployment_id=b"),
    ],
    ids=str,
)
async def test_400_without_a_version(service, method, path, version):
    visitor = await service.chatting()
    answer = await visitor.call(method, path, headers={"X-LIVEAGENT-API-VERSION": version})
    assert answer.status == 400


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"12", b'{"text": 1}', b"\xff\xfe", b"[" * 5000])
async def test_400_for_a_body_that_is_not_understood(service, body):
    visitor = await service.chatting()
    assert (await visitor.call("POST", "/Chasitor/ChatMessage", data=body)).status == 400


@pytest.mark.parametrize(
    ("noun", "body"),
    [
        ("CustomEvent", {"type": "page"}),
        ("CustomEvent", {"type": "page", "data": {}}),
        ("ChasitorIdleTimeoutWarningEvent", {"idleTimeoutWarningEvent": "maybe"}),
        ("ChatEnd", {}),
        ("SensitiveDataRuleTriggered", {}),
        ("ChasitorResyncState", {}),
    ],
    ids=str,
)
async def test_400_for_a_noun_without_what_it_needs(service, noun, body):
    visitor = await service.chatting()
    assert (await visitor.post(noun, body)).status == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"organizationId": ...},
        {"deploymentId": ...},
        {"buttonId": ...},
        {"sessionId": "somebody-elses"},
        {"prechatDetails": [{"value": "no label"}]},
        {"prechatEntities": [{"showOnCreate": True}]},
    ],
    ids=str,
)
async def test_400_for_a_request_without_what_it_needs(service, changes):
    visitor = await service.visitor().begin()
    assert (await visitor.request(**changes)).status == 400
    assert service.cloud.state()["conversations"] == []


@pytest.mark.parametrize(
    "headers",
    [
        {"X-LIVEAGENT-SESSION-KEY": None},
        {"X-LIVEAGENT-SESSION-KEY": ""},
        {"X-LIVEAGENT-SESSION-KEY": "nobody!1!x="},
        {"X-LIVEAGENT-AFFINITY": None},
        {"X-LIVEAGENT-AFFINITY": "null"},
        {"X-LIVEAGENT-AFFINITY": "deadbeef"},
    ],
    ids=str,
)
async def test_403_for_a_wrong_key_or_affinity(service, headers):
    visitor = await service.chatting()
    for method, path in (("GET", "/System/Messages?ack=-1"), ("POST", "/Chasitor/ChatMessage")):
        answer = await visitor.call(method, path, data=b'{"text": "x"}', headers=headers)
        assert (answer.status, answer.text) == (403, INVALID)


async def test_403_for_a_key_with_another_secret(service):
    visitor = await service.chatting()
    visitor.key = visitor.key[:-4] + "abc="
    assert (await visitor.poll()).status == 403


async def test_503_can_be_the_answer_to_a_wrong_affinity(make_service):
    service = await make_service(wrong_affinity=503)
    visitor = await service.chatting()
    visitor.affinity = "deadbeef"
    assert (await visitor.poll()).status == 503


@pytest.mark.parametrize(
    "path",
    [
        "/System/Nothing",
        "/Chasitor/Nothing",
        "/Agent/Login",
        "/",
        "/System/SessionId/x/y",
        "/System/Messages/1",
    ],
)
async def test_404_for_what_does_not_exist(service, path):
    answer = await service.visitor().call("GET", path)
    assert answer.status == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/System/SessionId"),
        ("POST", "/System/Messages"),
        ("GET", "/Chasitor/ChatMessage"),
        ("GET", "/Chasitor/ChasitorInit"),
        ("PUT", "/System/MultiNoun"),
        ("POST", "/Visitor/Availability"),
    ],
)
async def test_405_for_the_wrong_method_names_the_right_one(service, method, path):
    answer = await service.visitor().call(method, path)
    assert answer.status == 405
    assert answer.headers["Allow"]


async def test_409_for_a_second_request_of_a_chat(service):
    visitor = await service.requested()
    assert (await visitor.request()).status == 409


async def test_a_second_request_of_a_chat_can_be_answered_with_ok(make_service):
    service = await make_service(init_again=200)
    visitor = await service.requested()
    assert (await visitor.request()).status == 200
    assert len(service.cloud.state()["conversations"]) == 1


@pytest.mark.parametrize("noun", NOUNS)
async def test_500_for_what_is_posted_before_the_chat_was_requested(service, noun):
    visitor = await service.visitor().begin()
    assert (await visitor.post(noun, NOUNS[noun])).status == 500


async def test_500_for_what_is_written_before_an_agent_accepted_if_switched_so(make_service):
    service = await make_service(strict_before_established=True)
    visitor = await service.requested()
    assert (await visitor.say("too early")).status == 500
    service.cloud.accept(visitor.id, JANE)
    assert (await visitor.say("now")).status == 200


async def test_503_when_there_are_too_many_sessions_and_not_before(make_service):
    service = await make_service(max_sessions=2)
    first = await service.visitor().begin()
    await service.visitor().begin()
    assert (await service.visitor().call("GET", "/System/SessionId")).status == 503
    await first.call("DELETE", f"/System/SessionId/{first.key}")
    assert (await service.visitor().call("GET", "/System/SessionId")).status == 200


async def test_413_for_a_body_of_megabytes(service):
    visitor = await service.chatting()
    assert (await visitor.say("x" * 1_100_000)).status == 413


async def test_a_text_can_be_too_long(make_service):
    service = await make_service(text_max_length=5)
    visitor = await service.chatting()
    assert (await visitor.say("12345")).status == 200
    assert (await visitor.say("123456")).status == 400


async def test_a_chat_can_end_without_a_reason_if_switched_so(make_service):
    service = await make_service(end_needs_reason=False)
    visitor = await service.chatting()
    assert (await visitor.post("ChatEnd", {})).status == 200


async def test_the_poll_timeout_can_be_a_text_as_in_the_guides_sample(make_service):
    service = await make_service(poll_timeout_as_text=True)
    assert (await service.visitor().call("GET", "/System/SessionId")).json["clientPollTimeout"] == "40"
