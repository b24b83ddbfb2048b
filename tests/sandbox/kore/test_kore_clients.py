"""What clients send beside typed text: clicked choices, messages of their own, retries; and how the platform changes it."""

from __future__ import annotations

from typing import Any

import pytest

from botkit_sandbox.errors import LaneFull
from tests.sandbox.kore.platform_double import Hook, Platform, Start
from tests.sandbox.kore.test_kore_control import call


def wire_message(hook: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = hook["context"]["session"]["BotUserSession"]["lastMessage"]["messagePayload"]
    return found


async def test_a_click_shows_the_label_and_sends_the_payload(platform: Platform) -> None:
    user = platform.cloud.add_user()
    await call(platform, "POST", f"users/{user.id}/say", {"text": "Billing", "payload": "TOPIC_1"})
    await platform.quiet(user)
    hook = (await platform.botkit.nth("on_user_message")).body
    assert hook["message"] == "TOPIC_1"
    assert wire_message(hook)["message"] == {"body": "TOPIC_1", "renderMsg": "Billing"}
    assert platform.chat(user)[0] == ("user", "Billing")
    record = user.history[0]
    assert record["components"][0]["data"]["text"] == "TOPIC_1"
    assert record["tags"]["altText"] == [{"name": "label", "value": "Billing"}]


async def test_the_label_may_be_missing_in_the_history(start: Start) -> None:
    platform = await start(label_in_history=False)
    user = platform.cloud.add_user()
    platform.cloud.say(user, "Billing", payload="TOPIC_1")
    await platform.quiet(user)
    assert "altText" not in user.history[0]["tags"]


@pytest.mark.parametrize(
    ("kind", "text"), [("control", "sending a ctrl message to CS"), ("refresh", "refreshCS"), ("welcome", "")]
)
async def test_the_client_sends_messages_of_its_own_that_nobody_sees(
    platform: Platform, kind: str, text: str
) -> None:
    user = platform.cloud.add_user()
    status, _ = await call(platform, "POST", f"users/{user.id}/client", {"kind": kind, "agentTransfer": True})
    await platform.quiet(user)
    hook = (await platform.botkit.nth("on_user_message")).body
    assert (status, hook["message"], hook["agent_transfer"]) == (202, text, True)
    assert platform.chat(user) == []
    assert [record["type"] for record in user.history] == (["ctrlmsg"] if kind == "control" else [])


async def test_unknown_messages_of_the_client_are_refused(platform: Platform) -> None:
    user = platform.cloud.add_user()
    assert (await call(platform, "POST", f"users/{user.id}/client", {"kind": "noise"}))[0] == 400
    body = {"kind": "control", "agentTransfer": "yes"}
    assert (await call(platform, "POST", f"users/{user.id}/client", body))[0] == 400


async def test_a_retry_is_a_new_hook_with_the_same_client_message_id(platform: Platform) -> None:
    user = platform.cloud.add_user()
    platform.cloud.say(user, "hello")
    await call(platform, "POST", f"users/{user.id}/retry")
    await platform.quiet(user)
    first, second = (hook.body for hook in platform.botkit.of("on_user_message"))
    assert first["requestId"] != second["requestId"]
    assert wire_message(first)["clientMessageId"] == wire_message(second)["clientMessageId"]
    assert [text for who, text in platform.chat(user) if who == "user"] == ["hello"]


async def test_one_request_id_may_last_for_a_whole_session(start: Start) -> None:
    platform = await start(request_id_lasts="session")
    user = platform.cloud.add_user(channel="twiliovoice")
    for text in ("yes", "yes"):
        platform.cloud.say(user, text)
    await platform.quiet(user)
    first, second = platform.botkit.of("on_user_message")
    assert first.body["requestId"] == second.body["requestId"] == f"tcbr-{user.session.id}"
    assert (await platform.botkit.action("extendcallid", second))[0] == 200


async def test_the_last_message_may_be_the_one_before(start: Start) -> None:
    platform = await start(last_message="previous")
    user = platform.cloud.add_user()
    for text in ("one", "two"):
        platform.cloud.say(user, text)
    await platform.quiet(user)
    bodies = [wire_message(hook.body)["message"] for hook in platform.botkit.of("on_user_message")]
    assert bodies == [{"body": ""}, {"body": "one"}]


async def test_personal_data_is_masked_until_the_subscription_lifts_it_for_agents(start: Start) -> None:
    platform = await start(mask_personal_data=True)
    user = platform.cloud.add_user()
    subscription = {
        "sdkHostUri": platform.botkit.url,
        "sdkClientId": platform.cloud.client_id,
        "subscribedFor": ["onMessage", "onAgentTransfer"],
        "PIIMaskingDisabledForAgentTransfer": True,
    }
    url = f"{platform.url}/api/public/bot/{platform.cloud.bot_id}/sdkSubscription"
    headers = {"auth": platform.botkit.token()}
    async with platform.http.put(url, json=subscription, headers=headers) as response:
        assert response.status == 200
    said = "I am ada@example.com, 4111 1111 1111 1111"
    for agent_mode in (False, True):
        platform.cloud.core.set_agent_mode(user, agent_mode)
        platform.cloud.say(user, said)
        await platform.quiet(user)
    masked = "I am #*#email#*#, #*#number#*#"
    assert [hook.body["message"] for hook in platform.botkit.of("on_user_message")] == [masked, said]
    assert user.history[0]["components"][0]["data"]["text"] == masked


async def test_switches_are_set_while_the_platform_runs(platform: Platform) -> None:
    assert (await call(platform, "GET", "switches"))[1]["request_id_lasts"] == "message"
    _, after = await call(
        platform, "PUT", "switches", {"request_id_lasts": "session", "hook_timeout": "PT5S"}
    )
    assert (after["request_id_lasts"], after["hook_timeout"]) == ("session", "PT5S")
    status, answer = await call(platform, "PUT", "switches", {"request_id_last": "session"})
    assert (status, answer["error"]) == (400, "no such switch: request_id_last; is it request_id_lasts?")


@pytest.mark.parametrize(
    ("switch", "value", "expected"),
    [
        ("algorithm", "HS512", (401, "the token cannot be verified (InvalidAlgorithmError)")),
        ("callbacks_per_minute", 0, (429, "Rate limit exceeded")),
        ("request_lifetime", "PT0S", (400, "")),
    ],
)
async def test_a_switch_counts_for_the_next_call(
    platform: Platform, switch: str, value: Any, expected: tuple[int, str]
) -> None:
    user = platform.cloud.add_user()
    await call(platform, "PUT", "switches", {switch: value})
    platform.botkit.react["on_user_message"] = ignoring
    platform.cloud.configure({"follow_up_timeout": "PT0.2S"})
    await platform.says(user, "hello")
    hook = await platform.botkit.nth("on_user_message")
    status, answer = await platform.botkit.call("sendBotMessageUrl", hook)
    assert status == expected[0], answer
    assert expected[1] in str(answer)


async def test_the_limit_of_what_waits_is_a_switch(platform: Platform) -> None:
    user = platform.cloud.add_user()
    platform.cloud.configure({"inputs_waiting": 1})
    platform.cloud.say(user, "one")
    with pytest.raises(LaneFull):
        platform.cloud.say(user, "two")


async def ignoring(hook: Hook) -> None:
    """A BotKit that makes no call."""
