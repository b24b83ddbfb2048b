"""Agent mode on the emulated platform: how it begins, what it changes, and the ways it ends."""

from __future__ import annotations

import json

import pytest

from botkit.testing.waiting import async_until
from tests.sandbox.kore.platform_double import Hook, Platform, Start


async def test_an_agent_transfer_node_begins_agent_mode(platform: Platform) -> None:
    user = await platform.handed_over()
    assert user.agent_mode


async def test_in_agent_mode_messages_say_so_and_the_bot_stays_out(platform: Platform) -> None:
    user = await platform.handed_over()

    async def nothing(hook: Hook) -> None:
        return None

    platform.botkit.react["on_user_message"] = nothing
    before = len(platform.botkit.of("on_bot_message"))
    await platform.says(user, "hello agent")
    await platform.says(user, "are you there")
    first, second = platform.botkit.of("on_user_message")[-2:]
    assert first.body["agent_transfer"] is True
    assert second.body["agent_transfer"] is True
    assert len(platform.botkit.of("on_bot_message")) == before


async def test_before_a_transfer_messages_say_that_there_is_no_agent(platform: Platform) -> None:
    await platform.says(platform.cloud.add_user(), "hello")
    assert platform.botkit.hooks[0].body["agent_transfer"] is False


async def test_clear_agent_session_gives_the_user_back_to_the_bot(platform: Platform) -> None:
    user = await platform.handed_over()
    (transfer,) = platform.botkit.of("on_agent_transfer")
    status, _ = await platform.botkit.action("clearAgentSession", transfer)
    assert status == 200
    assert not user.agent_mode
    await platform.says(user, "thanks")
    assert platform.chat(user)[-1][0] == "bot"


async def test_start_agent_session_begins_agent_mode_without_a_node(platform: Platform) -> None:
    user = platform.cloud.add_user()
    await platform.says(user, "hello")
    await platform.botkit.action("startAgentSession", platform.botkit.hooks[0])
    await platform.says(user, "hello")
    assert platform.botkit.of("on_user_message")[-1].body["agent_transfer"] is True


async def test_a_transfer_hook_that_fails_leaves_the_user_with_the_bot(platform: Platform) -> None:
    platform.botkit.failing.add("on_agent_transfer")
    user = platform.cloud.add_user()
    await platform.says(user, "agent")
    shown = [speaker for speaker, _ in platform.chat(user)]
    assert (user.agent_mode, shown) == (False, ["user", "bot"])


async def test_an_agents_words_in_the_live_agent_template_show_the_agent(platform: Platform) -> None:
    user = await platform.handed_over()
    (transfer,) = platform.botkit.of("on_agent_transfer")
    template = {
        "type": "template",
        "payload": {"template_type": "live_agent", "text": "How can I help?", "agent_name": "Jane"},
    }
    override = {"isTemplate": True, "body": json.dumps(template)}
    await platform.botkit.call("sendUserMessageUrl", transfer, overrideMessagePayload=override)
    message = user.messages[-1]
    assert (message.speaker, message.name, message.text) == ("agent", "Jane", "How can I help?")
    assert user.history[-1]["components"][0]["data"]["text"] == override["body"]


async def test_on_channels_other_than_the_web_a_template_is_shown_as_its_json(platform: Platform) -> None:
    user = await platform.handed_over(channel="whatsapp")
    (transfer,) = platform.botkit.of("on_agent_transfer")
    body = json.dumps({"type": "template", "payload": {"template_type": "live_agent", "text": "Hi"}})
    await platform.botkit.call(
        "sendUserMessageUrl", transfer, overrideMessagePayload={"isTemplate": True, "body": body}
    )
    assert user.messages[-1].text == body


async def test_silence_resets_agent_mode_and_opens_a_new_session(platform: Platform) -> None:
    user = await platform.handed_over()
    session = user.session.id
    platform.clock.ahead = 15 * 60
    await platform.says(user, "thanks")
    hook = platform.botkit.of("on_user_message")[-1]
    assert hook.body["agent_transfer"] is False
    assert hook.body["context"]["session"]["BotUserSession"]["conversationSessionId"] != session
    assert "miawMetaInfo" not in hook.body["context"]["session"]["BotUserSession"]


async def test_messages_to_the_user_keep_agent_mode_alive(platform: Platform) -> None:
    user = await platform.handed_over()
    (transfer,) = platform.botkit.of("on_agent_transfer")
    for minutes in (4, 8, 12, 16):
        platform.clock.ahead = minutes * 60
        await platform.botkit.action("extendcallid", transfer)
        await platform.botkit.call("sendUserMessageUrl", transfer, message="still here")
    platform.cloud.snapshot()
    assert user.agent_mode


async def test_the_time_out_control_resets_agent_mode_without_a_word(platform: Platform) -> None:
    user = await platform.handed_over()
    hooks = len(platform.botkit.hooks)
    async with platform.http.post(f"{platform.url}/sandbox/kore/users/{user.id}/timeout") as response:
        assert response.status == 202
    assert not user.agent_mode
    assert len(platform.botkit.hooks) == hooks


@pytest.mark.parametrize(("repeat", "times"), [(False, 1), (True, 2)])
async def test_closing_the_conversation_posts_session_closure(
    platform: Platform, repeat: bool, times: int
) -> None:
    user = await platform.handed_over()
    close = f"{platform.url}/sandbox/kore/users/{user.id}/close"
    async with platform.http.post(close, json={"repeat": repeat}) as response:
        assert response.status == 202
    await platform.quiet(user)
    events = [hook.body["event"]["eventType"] for hook in platform.botkit.of("on_event")]
    assert events.count("sessionClosure") == times
    assert not user.agent_mode


async def test_closing_by_botkit_is_answered_with_session_closure(platform: Platform) -> None:
    user = await platform.handed_over()
    (transfer,) = platform.botkit.of("on_agent_transfer")
    await platform.botkit.call("clearConversationSessionUrl", transfer)
    hook = await platform.botkit.nth("on_event")
    assert hook.body["event"] == {"eventType": "sessionClosure"}
    assert not user.agent_mode


async def test_typing_of_the_agent_reaches_the_user(platform: Platform) -> None:
    user = await platform.handed_over()
    platform.cloud.typing(user, started=True)
    hook = await platform.botkit.nth("on_client_event")
    with platform.bus.subscribe() as news:
        status, _ = await platform.botkit.call(
            "sendBotEventUrl", hook, preDefinedEvent={"type": "TYPING_STARTED"}
        )
        assert status == 200
        async for item in news:
            if item.data.get("kind") == "typing":
                break
    assert user.agent_typing


async def test_a_second_hand_over_in_the_same_session_is_a_new_transfer(platform: Platform) -> None:
    user = await platform.handed_over()
    (transfer,) = platform.botkit.of("on_agent_transfer")
    await platform.botkit.action("clearAgentSession", transfer)
    await platform.says(user, "talk to an agent")
    first, second = platform.botkit.of("on_agent_transfer")
    assert first.body["requestId"] != second.body["requestId"]
    assert user.agent_mode


async def test_a_botkit_that_gave_up_can_still_hand_the_message_to_the_bot(platform: Platform) -> None:
    user = await platform.handed_over()
    await platform.says(user, "thanks")
    await async_until(lambda: platform.chat(user)[-1][0] == "bot")


async def test_no_agent_transfer_hook_without_its_subscription(start: Start) -> None:
    platform = await start(events=["onMessage"])
    user = platform.cloud.add_user()
    await platform.says(user, "talk to an agent")
    assert platform.botkit.of("on_agent_transfer") == []
    assert not user.agent_mode


async def test_a_botkit_that_closes_on_session_closure_hears_of_it_once_more_at_most(
    platform: Platform,
) -> None:
    async def close(hook: Hook) -> None:
        await platform.botkit.call("clearConversationSessionUrl", hook)

    user = await platform.handed_over()
    platform.botkit.react["on_event"] = close
    platform.cloud.close_conversation(user)
    await platform.quiet(user)
    await platform.botkit.settle()
    await platform.quiet(user)
    assert 1 <= len(platform.botkit.of("on_event")) <= 2
