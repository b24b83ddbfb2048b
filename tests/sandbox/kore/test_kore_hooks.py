"""The hooks that the emulated platform posts: their signatures, shapes and faults."""

from __future__ import annotations

import json
import time

import jwt
import pytest

from botkit_sandbox.kore.faults import Fault
from tests.sandbox.kore.platform_double import Platform, Start


async def test_a_hook_is_signed_for_a_minute_in_whole_seconds(platform: Platform) -> None:
    await platform.says(platform.cloud.add_user(), "hello")
    hook = platform.botkit.hooks[0]
    claims = jwt.decode(hook.headers["token"], platform.cloud.client_secret, algorithms=["HS256"])
    assert claims["appId"] == platform.cloud.client_id
    assert isinstance(claims["exp"], int)
    assert 0 < claims["exp"] - time.time() <= 60
    assert set(claims) == {"appId", "exp"}
    assert "apikey" not in hook.headers


async def test_hooks_are_signed_with_hs512_when_the_app_says_so(start: Start) -> None:
    platform = await start(algorithm="HS512")
    await platform.cloud.hooks.post("on_event", {})
    token = platform.botkit.hooks[0].headers["token"]
    assert jwt.decode(token, platform.cloud.client_secret, algorithms=["HS512"])["appId"]


async def test_old_botkits_can_be_given_the_plain_secret_instead(start: Start) -> None:
    platform = await start(hook_credential="apikey")
    await platform.cloud.hooks.post("on_event", {})
    headers = platform.botkit.hooks[0].headers
    assert headers["apikey"] == platform.cloud.client_secret
    assert "token" not in headers


async def test_message_hooks_have_the_flat_channel(platform: Platform) -> None:
    user = platform.cloud.add_user(language="fr")
    await platform.says(user, "hello")
    for event in ("on_user_message", "on_bot_message"):
        channel = platform.botkit.of(event)[0].body["channel"]
        assert (channel["from"], channel["type"]) == (user.id, "rtm")
        assert channel["botLanguage"] == "fr"
        assert "channelInfos" not in channel


async def test_an_agent_transfer_has_the_nested_channel_on_the_component_route(platform: Platform) -> None:
    user = await platform.handed_over()
    (hook,) = platform.botkit.of("on_agent_transfer")
    component = next(
        c for c in platform.cloud.export.definition["dialogComponents"] if c["type"] == "agentTransfer"
    )
    assert hook.component_id == component["_id"]
    assert hook.body["channel"]["channelInfos"]["from"] == user.id
    assert "from" not in hook.body["channel"]
    assert hook.body["callbackUrl"].endswith(f"/serviceCallback/{hook.body['requestId']}")
    assert "agent_transfer" not in hook.body


async def test_every_message_hook_brings_a_fresh_request_id_in_its_urls(platform: Platform) -> None:
    user = platform.cloud.add_user()
    await platform.says(user, "hello")
    await platform.says(user, "hello")
    bodies = [hook.body for hook in platform.botkit.hooks]
    ids = [body["requestId"] for body in bodies]
    assert len(set(ids)) == len(ids)
    assert all(isinstance(number, int) for number in ids)
    for body in bodies:
        base = f"{platform.url}/api/botsdk/stream/{platform.cloud.bot_id}"
        assert body["baseUrl"] == base
        for name in ("sendUserMessage", "sendBotMessage", "skipUserMessage", "skipBotMessage", "resetBot"):
            assert body[f"{name}Url"] == f"{base}/{name}/{body['requestId']}"


async def test_request_ids_can_be_written_as_text(start: Start) -> None:
    platform = await start(request_id="text")
    await platform.says(platform.cloud.add_user(), "hello")
    assert isinstance(platform.botkit.hooks[0].body["requestId"], str)


async def test_the_context_tells_who_the_user_is_and_what_was_said(platform: Platform) -> None:
    user = platform.cloud.add_user(name="Asha Rao", email="asha@example.com")
    await platform.says(user, "where is my order")
    context = platform.botkit.of("on_bot_message")[0].body["context"]
    who = context["session"]["UserContext"]
    assert (who["_id"], who["firstName"], who["lastName"], who["emailId"]) == (
        user.id,
        "Asha",
        "Rao",
        "asha@example.com",
    )
    assert context["session"]["opts"] == {"userId": user.id, "streamId": platform.cloud.bot_id}
    assert context["session"]["BotUserSession"]["conversationSessionId"] == user.session.id
    last = context["session"]["BotUserSession"]["lastMessage"]["messagePayload"]["message"]["body"]
    assert last == "where is my order"
    assert (context["intent"], context["intentType"]) == ("Order status", "dialog")
    assert context["userInputs"]["originalInput"]["sentence"] == "where is my order"


async def test_the_hand_off_script_fills_miaw_meta_info(platform: Platform) -> None:
    await platform.handed_over()
    session = platform.botkit.of("on_agent_transfer")[0].body["context"]["session"]["BotUserSession"]
    assert session["miawMetaInfo"] == {
        "endChatShortHandCommand": "endagentchat",
        "preChatInfo": {"Pincode": "500081", "City": "Hyderabad", "Country": "India"},
    }


@pytest.mark.parametrize("channel", ["facebook", "whatsapp", "ivr", "sms", "msteams", "slack"])
async def test_other_channels_know_the_user_by_their_own_id(platform: Platform, channel: str) -> None:
    user = await platform.handed_over(channel=channel)
    assert user.address != user.id
    message = platform.botkit.of("on_user_message")[0].body
    transfer = platform.botkit.of("on_agent_transfer")[0].body
    assert (message["channel"]["from"], message["channel"]["type"]) == (user.address, channel)
    assert transfer["channel"]["channelInfos"]["from"] == user.address
    assert message["context"]["session"]["UserContext"]["_id"] == user.id


async def test_teams_users_carry_their_profile_in_the_first_identity(platform: Platform) -> None:
    user = platform.cloud.add_user(name="Asha Rao", email="asha@example.com", channel="msteams")
    await platform.says(user, "hello")
    identities = platform.botkit.hooks[0].body["context"]["session"]["UserContext"]["identities"]
    assert identities[0]["profileInfo"] == {"name": "Asha Rao", "email": "asha@example.com"}


async def test_typing_is_a_client_event_that_waits_for_nothing(platform: Platform) -> None:
    user = platform.cloud.add_user()
    platform.cloud.typing(user, started=True)
    hook = await platform.botkit.nth("on_client_event")
    assert hook.body["preDefinedEvent"] == {"type": "TYPING_STARTED"}
    assert hook.body["channel"]["from"] == user.id
    assert "/sendBotEvent/" in hook.body["sendBotEventUrl"]


async def test_the_end_of_a_dialog_is_an_event(platform: Platform) -> None:
    await platform.says(platform.cloud.add_user(), "hello")
    assert platform.botkit.of("on_event")[0].body["event"]["eventType"] == "endDialog"


async def test_events_without_a_subscription_are_not_posted(start: Start) -> None:
    platform = await start(events=["onMessage", "onAgentTransfer"])
    await platform.says(platform.cloud.add_user(), "hello")
    assert platform.botkit.of("on_event") == []


async def test_an_alert_is_shown_when_botkit_sends_it(start: Start) -> None:
    platform = await start(events=["onMessage", "onAlert"])
    user = platform.cloud.add_user()
    platform.cloud.alert(user, "Your parcel is near")
    hook = await platform.botkit.nth("on_alert")
    assert platform.chat(user) == []
    await platform.botkit.call("sendAlertMessageUrl", hook)
    assert platform.chat(user) == [("bot", "Your parcel is near")]


async def test_a_hook_is_posted_twice_when_told_to(platform: Platform) -> None:
    platform.cloud.set_faults([Fault(duplicate_hooks=True, path="on_user_message")])
    await platform.says(platform.cloud.add_user(), "hello")
    first, second = platform.botkit.of("on_user_message")
    assert first.body == second.body


async def test_a_forged_token_does_not_verify(platform: Platform) -> None:
    platform.cloud.set_faults([Fault(forged_token=True)])
    await platform.cloud.hooks.post("on_event", {})
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(
            platform.botkit.hooks[0].headers["token"], platform.cloud.client_secret, algorithms=["HS256"]
        )


async def test_an_expired_token_has_expired(platform: Platform) -> None:
    platform.cloud.set_faults([Fault(expired_token=True, count=1)])
    await platform.cloud.hooks.post("on_event", {})
    await platform.cloud.hooks.post("on_event", {})
    first, second = (hook.headers["token"] for hook in platform.botkit.hooks)
    with pytest.raises(jwt.ExpiredSignatureError):
        jwt.decode(first, platform.cloud.client_secret, algorithms=["HS256"])
    assert jwt.decode(second, platform.cloud.client_secret, algorithms=["HS256"])


async def test_hooks_and_their_answers_are_on_the_wire(platform: Platform) -> None:
    platform.botkit.answer = {"headers": {"supportsMessageAck": True}}
    await platform.says(platform.cloud.add_user(), "hello")
    entry = platform.wire.entries[0]
    assert (entry.source, entry.target, entry.label, entry.status) == (
        "kore",
        "botkit",
        "on_user_message",
        200,
    )
    assert json.loads(entry.response_body) == platform.botkit.answer
    assert len(entry.request_headers["token"]) < 20


async def test_a_hook_is_not_repeated_when_it_fails(platform: Platform) -> None:
    platform.botkit.status = 503
    await platform.says(platform.cloud.add_user(), "hello")
    assert len(platform.botkit.hooks) == 1


async def test_a_subscription_is_posted_to_subscribers_of_variable_updates(platform: Platform) -> None:
    platform.cloud.subscribe(platform.botkit.url, ["onAgentTransfer", "onVariableUpdate"])
    hook = await platform.botkit.nth("on_variable_update")
    assert hook.body["data"]["eventType"] == "sdk_subscription"


@pytest.mark.parametrize(
    "text", ["half a pair \ud83d here", "\u0000", "שלום \u202e", "😀 " * 500, '{"a": 1}']
)
async def test_any_text_of_a_user_arrives_unchanged(platform: Platform, text: str) -> None:
    await platform.says(platform.cloud.add_user(), text)
    assert (await platform.botkit.nth("on_user_message")).body["message"] == text
