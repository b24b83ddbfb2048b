"""The calls that the emulated platform accepts and refuses on the stream API."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from botkit.testing.waiting import async_until
from botkit_sandbox.kore.faults import Fault
from tests.sandbox.kore.platform_double import Hook, Platform, Start


async def greeted(platform: Platform) -> Hook:
    """The hook of a user message that is completely processed."""
    await platform.says(platform.cloud.add_user(), "thanks")
    await platform.botkit.settle()
    return platform.botkit.hooks[0]


def errors(answer: Any) -> tuple[str, Any]:
    (error,) = answer["errors"]
    return error["msg"], error["code"]


@pytest.mark.parametrize(
    "claims",
    [{"appId": "cs-other"}, {"appId": None}, {"exp": time.time() - 1}, {"exp": None}, {"exp": "soon"}],
    ids=["other app", "no app", "expired", "no exp", "exp is text"],
)
async def test_a_token_with_wrong_claims_is_refused(platform: Platform, claims: dict[str, Any]) -> None:
    hook = await greeted(platform)
    token = platform.botkit.token(**claims) if claims.get("exp") != "soon" else _exp_as_text(platform)
    status, answer = await platform.botkit.post(hook.body["sendUserMessageUrl"], hook.body, auth=token)
    assert status == 401
    assert errors(answer)[1] == 4002


async def test_claims_that_mean_nothing_to_the_platform_do_not_matter(platform: Platform) -> None:
    hook = await greeted(platform)
    soon = int(time.time()) + 5
    token = platform.botkit.token(aud="xo", iat=soon, nbf=soon, iss="botkit", sub="u-1")
    status, _ = await platform.botkit.post(hook.body["sendUserMessageUrl"], hook.body, auth=token)
    assert status == 200


def _exp_as_text(platform: Platform) -> str:
    import jwt

    class Lenient(jwt.PyJWT):
        def _encode_payload(self, payload: dict[str, Any], *_: Any, **__: Any) -> bytes:
            return json.dumps(payload).encode()

    return Lenient().encode({"appId": platform.cloud.client_id, "exp": "soon"}, platform.cloud.client_secret)


@pytest.mark.parametrize(
    ("secret", "algorithm"), [("x" * 64, "HS256"), (None, "HS512")], ids=["wrong secret", "wrong algorithm"]
)
async def test_a_token_signed_otherwise_is_refused(
    platform: Platform, secret: str | None, algorithm: str
) -> None:
    hook = await greeted(platform)
    token = platform.botkit.token(secret=secret, algorithm=algorithm)
    status, _ = await platform.botkit.post(hook.body["sendUserMessageUrl"], hook.body, auth=token)
    assert status == 401


async def test_the_token_belongs_in_the_auth_header(platform: Platform) -> None:
    hook = await greeted(platform)
    url = hook.body["sendUserMessageUrl"]
    async with platform.http.post(
        url, json=hook.body, headers={"token": platform.botkit.token()}
    ) as response:
        assert response.status == 401


async def test_a_token_is_refused_once_it_has_expired_even_if_it_was_good_before(platform: Platform) -> None:
    hook = await greeted(platform)
    token = platform.botkit.token(exp=time.time() + 30)
    url = hook.body["skipUserMessageUrl"]
    assert (await platform.botkit.post(url, {}, auth=token))[0] == 200
    platform.clock.ahead = 31
    assert (await platform.botkit.post(url, {}, auth=token))[0] == 401


async def test_very_old_botkits_may_leave_out_exp_when_so_set(start: Start) -> None:
    platform = await start(require_expiry=False)
    hook = await greeted(platform)
    token = platform.botkit.token(exp=None)
    assert (await platform.botkit.post(hook.body["skipUserMessageUrl"], {}, auth=token))[0] == 200


async def test_another_bot_s_id_is_not_found(platform: Platform) -> None:
    hook = await greeted(platform)
    url = hook.body["sendUserMessageUrl"].replace(
        platform.cloud.bot_id, "st-11111111-1111-5111-8111-111111111111"
    )
    assert (await platform.botkit.post(url, hook.body))[0] == 404


async def test_an_unknown_request_id_is_not_found(platform: Platform) -> None:
    hook = await greeted(platform)
    status, answer = await platform.botkit.post(f"{hook.body['baseUrl']}/sendUserMessage/1", hook.body)
    assert (status, errors(answer)[1]) == (404, "NOT_FOUND")


async def test_an_unknown_call_is_not_found(platform: Platform) -> None:
    hook = await greeted(platform)
    assert (await platform.botkit.action("makeCoffee", hook))[0] == 404


async def test_an_unknown_path_is_a_json_404(platform: Platform) -> None:
    async with platform.http.get(f"{platform.url}/api/nothing") as response:
        assert response.status == 404
        assert (await response.json())["errors"][0]["code"] == "NOT_FOUND"


async def test_a_body_that_is_no_json_object_is_malformed(platform: Platform) -> None:
    hook = await greeted(platform)
    url = hook.body["sendUserMessageUrl"]
    for data in (b"{", b"", b"[]", b"null"):
        async with platform.http.post(url, data=data, headers={"auth": platform.botkit.token()}) as response:
            assert response.status == 400
            assert (await response.json())["errors"][0]["msg"] == "Malformed JSON"


async def test_a_request_id_expires_after_five_minutes(platform: Platform) -> None:
    hook = await greeted(platform)
    platform.clock.ahead = 299
    assert (await platform.botkit.post(hook.body["sendUserMessageUrl"], {"message": "in time"}))[0] == 200
    platform.clock.ahead = 301
    token = platform.botkit.token(exp=time.time() + 600)
    status, answer = await platform.botkit.post(
        hook.body["sendUserMessageUrl"], {"message": "late"}, auth=token
    )
    assert (status, errors(answer)[1]) == (400, "REQUEST_EXPIRED")


async def test_extending_a_request_id_starts_its_time_anew(platform: Platform) -> None:
    hook = await greeted(platform)
    token = platform.botkit.token(exp=time.time() + 3600)
    platform.clock.ahead = 240
    assert (await platform.botkit.post(_url(hook, "extendcallid"), {}, auth=token))[0] == 200
    platform.clock.ahead = 500
    assert (await platform.botkit.post(hook.body["sendUserMessageUrl"], {"message": "x"}, auth=token))[
        0
    ] == 200


async def test_extending_has_no_effect_after_fifteen_silent_minutes(start: Start) -> None:
    platform = await start(request_lifetime=timedelta(minutes=30))
    hook = await greeted(platform)
    token = platform.botkit.token(exp=time.time() + 7200)
    platform.clock.ahead = 16 * 60
    assert (await platform.botkit.post(_url(hook, "extendcallid"), {}, auth=token))[0] == 200
    platform.clock.ahead = 31 * 60
    assert (await platform.botkit.post(hook.body["sendUserMessageUrl"], {"message": "x"}, auth=token))[
        0
    ] == 400


def _url(hook: Hook, action: str) -> str:
    return f"{hook.body['baseUrl']}/{action}/{hook.body['requestId']}"


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ("ab " * 1000, 200),
        ("ab " * 1000 + "a", 400),
        ("a" * 1200, 200),
        ("a" * 1201, 400),
        ("😀" * 601, 400),
        (17, 400),
    ],
    ids=[
        "3000 characters",
        "3001 characters",
        "word of 1200",
        "word of 1201",
        "word of 601 pairs",
        "a number",
    ],
)
async def test_the_limits_of_send_bot_message(platform: Platform, message: Any, status: int) -> None:
    hook = await greeted(platform)
    assert (await platform.botkit.call("sendBotMessageUrl", hook, message=message))[0] == status


async def test_an_override_wins_over_the_message(platform: Platform) -> None:
    hook = await greeted(platform)
    override = {"isTemplate": False, "body": "the override"}
    await platform.botkit.call("sendUserMessageUrl", hook, message="plain", overrideMessagePayload=override)
    assert platform.cloud.user(hook.body["channel"]["from"]).messages[-1].text == "the override"


async def test_an_override_that_is_no_template_is_shown_as_it_is(platform: Platform) -> None:
    hook = await greeted(platform)
    body = json.dumps({"type": "template", "payload": {"template_type": "live_agent", "text": "Hi"}})
    override = {"isTemplate": False, "body": body}
    await platform.botkit.call("sendUserMessageUrl", hook, overrideMessagePayload=override)
    assert platform.cloud.user(hook.body["channel"]["from"]).messages[-1].text == body


async def test_reset_bot_in_the_middle_of_a_dialog_leaves_the_rest_unsaid(platform: Platform) -> None:
    async def reset_first(hook: Hook) -> None:
        await platform.botkit.call("resetBotUrl", hook)
        await platform.botkit.pass_on(hook)

    platform.botkit.react["on_bot_message"] = reset_first
    user = platform.cloud.add_user()
    await platform.says(user, "hello")
    assert len(platform.botkit.of("on_bot_message")) == 1


@pytest.mark.parametrize("body", [{}, {"message": ""}, {"message": None, "overrideMessagePayload": None}])
async def test_a_message_without_text_shows_nothing(platform: Platform, body: dict[str, Any]) -> None:
    hook = await greeted(platform)
    user = platform.cloud.user(hook.body["channel"]["from"])
    before = len(user.messages)
    assert (await platform.botkit.post(hook.body["sendUserMessageUrl"], body))[0] == 200
    assert len(user.messages) == before


@pytest.mark.parametrize(
    ("content", "kind", "more"),
    [
        (
            {
                "type": "template",
                "payload": {
                    "template_type": "button",
                    "text": "Which?",
                    "buttons": [{"type": "postback", "title": "A", "payload": "a"}],
                },
            },
            "button",
            {"buttons": [{"title": "A", "payload": "a"}]},
        ),
        (
            {
                "type": "template",
                "payload": {
                    "template_type": "quick_replies",
                    "text": "Which?",
                    "quick_replies": [{"content_type": "text", "title": "A", "payload": "a"}],
                },
            },
            "quick_replies",
            {"buttons": [{"title": "A", "payload": "a"}]},
        ),
        (
            {"type": "image", "payload": {"url": "https://x.example/i.png"}},
            "image",
            {"url": "https://x.example/i.png"},
        ),
        (
            {"type": "message", "payload": {"text": "", "audioUrl": "https://x.example/a.mp3"}},
            "audio",
            {"url": "https://x.example/a.mp3"},
        ),
        (
            {
                "type": "template",
                "payload": {
                    "template_type": "list",
                    "elements": [
                        {
                            "title": "Hat",
                            "subtitle": "Warm",
                            "buttons": [{"type": "postback", "title": "Buy"}],
                        },
                        {"title": "Cap"},
                    ],
                    "buttons": [{"type": "postback", "title": "More", "payload": "m"}],
                },
            },
            "list",
            {
                "text": "Hat: Warm\nCap",
                "buttons": [{"title": "Buy", "payload": "Buy"}, {"title": "More", "payload": "m"}],
            },
        ),
        (
            {
                "type": "template",
                "payload": {
                    "template_type": "table",
                    "text": "Accounts",
                    "columns": [["Name"], ["Balance", "right"]],
                    "elements": [{"Values": ["Current", 5]}],
                },
            },
            "table",
            {"text": "Accounts\nName | Balance\nCurrent | 5"},
        ),
    ],
    ids=["button", "quick replies", "image", "audio", "list", "table"],
)
async def test_templates_are_understood_for_display(
    platform: Platform, content: dict[str, Any], kind: str, more: dict[str, Any]
) -> None:
    hook = await greeted(platform)
    override = {"isTemplate": True, "body": json.dumps(content)}
    await platform.botkit.call("sendUserMessageUrl", hook, overrideMessagePayload=override)
    template = platform.cloud.user(hook.body["channel"]["from"]).messages[-1].template
    assert template is not None
    assert template["type"] == kind
    assert {name: template[name] for name in more} == more


async def test_reset_bot_drops_the_dialog_that_waits(platform: Platform) -> None:
    user = platform.cloud.add_user()
    await platform.says(user, "where is my order")
    assert user.run is not None
    await platform.botkit.call("resetBotUrl", platform.botkit.hooks[0])
    await platform.says(user, "48213")
    assert platform.chat(user)[-1][1].startswith("Sorry, I did not understand")


async def test_feedback_needs_name_and_score(platform: Platform) -> None:
    hook = await greeted(platform)
    assert (await platform.botkit.call("sendFeedbackMessageUrl", hook, feedbackData={"name": "csat"}))[
        0
    ] == 400
    data = {"name": "csat", "score": 0}
    assert (await platform.botkit.call("sendFeedbackMessageUrl", hook, feedbackData=data))[0] == 200
    assert platform.cloud.core.feedback == [data]


async def test_bot_variables_come_per_language(platform: Platform) -> None:
    hook = await greeted(platform)
    status, answer = await platform.botkit.get(hook.body["getBotVariableUrl"], **{"bot-language": "en"})
    assert (status, answer) == (200, {"count": 0, "variables": []})


async def test_a_language_the_bot_does_not_speak_is_an_error_in_the_shape_of_an_answer(
    platform: Platform,
) -> None:
    hook = await greeted(platform)
    status, answer = await platform.botkit.get(hook.body["getBotVariableUrl"], **{"bot-language": "tlh"})
    assert status == 200
    assert list(answer) == ["errors"]


@pytest.mark.parametrize("call", ["skipBotMessage", "clearAgentSession", "resetBot"])
async def test_tags_come_with_any_call(platform: Platform, call: str) -> None:
    hook = await greeted(platform)
    tags = {"sessionMetaTags": [{"name": "campaign", "value": "spring"}]}
    assert (await platform.botkit.action(call, hook, metaTags=tags))[0] == 200
    user = platform.cloud.user(hook.body["channel"]["from"])
    assert user.tags["sessionMetaTags"] == tags["sessionMetaTags"]


@pytest.mark.parametrize(
    ("call", "more"),
    [("extendcallid", {}), ("sendFeedbackMessage", {"feedbackData": {"name": "csat", "score": 1}})],
)
async def test_calls_that_do_not_concern_the_message_are_not_its_follow_up(
    platform: Platform, call: str, more: dict[str, Any]
) -> None:
    async def first_something_else(hook: Hook) -> None:
        assert (await platform.botkit.action(call, hook, **more))[0] == 200
        await platform.botkit.call("sendBotMessageUrl", hook)

    platform.botkit.react["on_user_message"] = first_something_else
    user = platform.cloud.add_user()
    await platform.says(user, "how are you")
    assert platform.botkit.of("on_bot_message")


async def test_the_dialog_of_a_transfer_can_be_read(platform: Platform) -> None:
    await platform.handed_over()
    (transfer,) = platform.botkit.of("on_agent_transfer")
    status, dialog = await platform.botkit.get(transfer.body["getDialogUrl"])
    assert status == 200
    assert dialog["_id"] == transfer.body["taskId"]
    assert [node["type"] for node in dialog["nodes"]] == ["intent", "script", "message", "agentTransfer"]
    assert len(dialog["components"]) == 4


async def test_a_transfer_s_callback_url_is_there_and_changes_nothing(platform: Platform) -> None:
    user = await platform.handed_over()
    (transfer,) = platform.botkit.of("on_agent_transfer")
    assert (await platform.botkit.call("callbackUrl", transfer))[0] == 200
    assert user.agent_mode


# --- getMessages ----------------------------------------------------------------------------------------------------


async def history(platform: Platform, query: str, **headers: str) -> tuple[int, Any]:
    url = f"{platform.url}/api/botsdk/stream/{platform.cloud.bot_id}/getMessages?{query}"
    return await platform.botkit.get(url, **headers)


async def test_the_history_comes_newest_first_and_in_pages(platform: Platform) -> None:
    user = platform.cloud.add_user()
    await platform.says(user, "thanks")
    await platform.says(user, "hello")
    status, answer = await history(platform, f"userId={user.id}&skip=1&limit=2")
    assert status == 200
    assert (answer["total"], answer["moreAvailable"]) == (5, True)
    assert [m["components"][0]["data"]["text"][:8] for m in answer["messages"]] == ["Hello Gu", "hello"]
    assert [m["type"] for m in answer["messages"]] == ["outgoing", "incoming"]


async def test_the_history_knows_a_user_by_the_channel_s_id_too(platform: Platform) -> None:
    user = platform.cloud.add_user(channel="facebook")
    await platform.says(user, "thanks")
    assert (await history(platform, f"userId={user.address}"))[1]["total"] == 2
    assert (await history(platform, f"userId={user.address}&channelType=rtm"))[1]["total"] == 0


async def test_a_history_record_has_the_documented_fields(platform: Platform) -> None:
    user = platform.cloud.add_user()
    await platform.says(user, "thanks")
    record = (await history(platform, f"userId={user.id}"))[1]["messages"][-1]
    assert (record["type"], record["chnl"], record["sessionId"]) == ("incoming", "rtm", user.session.id)
    assert record["channels"] == [{"type": "rtm", "channelUId": user.id}]
    assert record["components"][0]["cT"] == "text"
    assert record["createdOn"].endswith("Z")
    assert abs(record["timestampValue"] - time.time() * 1000) < 60_000


async def test_a_history_request_with_a_body_is_malformed(platform: Platform) -> None:
    user = platform.cloud.add_user()
    url = f"{platform.url}/api/botsdk/stream/{platform.cloud.bot_id}/getMessages?userId={user.id}"
    async with platform.http.get(url, data=b"null", headers={"auth": platform.botkit.token()}) as response:
        assert response.status == 400
        assert (await response.json())["errors"][0]["msg"] == "Malformed JSON"


@pytest.mark.parametrize("query", ["", "userId=u-unknown", "userId={user}&limit=x", "userId={user}&skip=-1"])
async def test_a_history_request_that_makes_no_sense_is_refused(platform: Platform, query: str) -> None:
    user = platform.cloud.add_user()
    assert (await history(platform, query.format(user=user.id)))[0] == 400


# --- limits and faults ----------------------------------------------------------------------------------------------


async def test_more_calls_than_allowed_are_answered_429(start: Start) -> None:
    platform = await start(callbacks_per_minute=3)
    hook = await greeted(platform)
    platform.clock.ahead = 60 - time.time() % 60 + 1
    token = platform.botkit.token(exp=time.time() + 600)
    statuses = [
        (await platform.botkit.post(_url(hook, "skipUserMessage"), {}, auth=token))[0] for _ in range(5)
    ]
    assert statuses == [200, 200, 200, 429, 429]


async def test_a_callback_fault_answers_with_its_status_and_changes_nothing(platform: Platform) -> None:
    hook = await greeted(platform)
    user = platform.cloud.user(hook.body["channel"]["from"])
    before = len(user.messages)
    platform.cloud.set_faults([Fault(status=429, retry_after=7, count=1, path="sendUserMessage")])
    url = hook.body["sendUserMessageUrl"]
    async with platform.http.post(
        url, json={"message": "x"}, headers={"auth": platform.botkit.token()}
    ) as response:
        assert (response.status, response.headers["Retry-After"]) == (429, "7")
    assert len(user.messages) == before
    assert (await platform.botkit.post(url, {"message": "x"}))[0] == 200
    assert platform.cloud.core.faults.rules == []


async def test_a_dropped_response_has_done_its_work(platform: Platform) -> None:
    hook = await greeted(platform)
    platform.cloud.set_faults([Fault(drop_response=True, count=1)])
    with pytest.raises(aiohttp.ClientError):
        await platform.botkit.post(hook.body["sendUserMessageUrl"], {"message": "delivered"})
    assert platform.cloud.user(hook.body["channel"]["from"]).messages[-1].text == "delivered"


async def test_a_refused_connection_does_nothing(platform: Platform) -> None:
    hook = await greeted(platform)
    platform.cloud.set_faults([Fault(refuse=True)])
    with pytest.raises(aiohttp.ClientError):
        await platform.botkit.post(hook.body["sendUserMessageUrl"], {"message": "lost"})
    assert platform.cloud.user(hook.body["channel"]["from"]).messages[-1].text != "lost"


async def test_silence_never_answers(platform: Platform) -> None:
    hook = await greeted(platform)
    platform.cloud.set_faults([Fault(silence=True)])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await platform.botkit.post(hook.body["sendUserMessageUrl"], {"message": "lost"})


async def test_calls_are_on_the_wire_without_their_token(platform: Platform) -> None:
    hook = await greeted(platform)
    await platform.botkit.call("sendUserMessageUrl", hook, message="on the wire")
    entry = await async_until(
        lambda: next((e for e in platform.wire.entries if "on the wire" in e.request_body), None)
    )
    assert (entry.source, entry.target, entry.label, entry.status) == (
        "botkit",
        "kore",
        "sendUserMessage",
        200,
    )
    assert all(len(value) < 20 for name, value in entry.request_headers.items() if name.lower() == "auth")
