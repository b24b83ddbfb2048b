"""The message flow of the emulated platform: every message goes through BotKit, in order."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from botkit.testing.waiting import async_until
from tests.sandbox.kore.platform_double import Hook, Platform, Start

WELCOME = "Hello Asha! I am the Acme Assistant."
OFFER = 'Ask me for your order status, or say "talk to an agent" to reach a person.'


async def test_a_message_goes_through_botkit_to_the_bot_and_back(platform: Platform) -> None:
    user = platform.cloud.add_user(name="Asha Rao")
    await platform.says(user, "hello")
    assert platform.chat(user) == [("user", "hello"), ("bot", WELCOME), ("bot", OFFER)]
    assert [hook.event for hook in platform.botkit.hooks] == [
        "on_user_message",
        "on_bot_message",
        "on_bot_message",
        "on_event",
    ]


async def test_the_bot_waits_until_botkit_gives_it_the_message(platform: Platform) -> None:
    gate = asyncio.Event()

    async def held(hook: Hook) -> None:
        await gate.wait()
        await platform.botkit.pass_on(hook)

    platform.botkit.react["on_user_message"] = held
    user = platform.cloud.add_user()
    platform.cloud.say(user, "hello")
    await platform.botkit.nth("on_user_message")
    assert platform.botkit.of("on_bot_message") == []
    gate.set()
    await platform.quiet(user)
    assert len(platform.chat(user)) == 3


async def test_a_bot_message_is_not_shown_before_botkit_sends_it_on(platform: Platform) -> None:
    gate = asyncio.Event()

    async def held(hook: Hook) -> None:
        await gate.wait()
        await platform.botkit.pass_on(hook)

    platform.botkit.react["on_bot_message"] = held
    user = platform.cloud.add_user()
    platform.cloud.say(user, "hello")
    await platform.botkit.nth("on_bot_message")
    assert platform.chat(user) == [("user", "hello")]
    gate.set()
    await platform.quiet(user)
    assert len(platform.chat(user)) == 3


async def test_a_message_of_the_bot_that_botkit_skips_is_not_shown_nor_kept(platform: Platform) -> None:
    async def skip(hook: Hook) -> None:
        await platform.botkit.call("skipUserMessageUrl", hook)

    platform.botkit.react["on_bot_message"] = skip
    user = platform.cloud.add_user()
    await platform.says(user, "hello")
    assert platform.chat(user) == [("user", "hello")]
    assert len(user.history) == 1


async def test_a_user_message_that_botkit_skips_never_reaches_the_bot(platform: Platform) -> None:
    async def skip(hook: Hook) -> None:
        await platform.botkit.call("skipBotMessageUrl", hook)

    platform.botkit.react["on_user_message"] = skip
    user = platform.cloud.add_user()
    await platform.says(user, "hello")
    assert platform.botkit.of("on_bot_message") == []


async def test_botkit_may_answer_instead_of_the_bot(platform: Platform) -> None:
    async def answer(hook: Hook) -> None:
        await platform.botkit.call("sendUserMessageUrl", hook, message="BotKit speaking")

    platform.botkit.react["on_user_message"] = answer
    user = platform.cloud.add_user()
    await platform.says(user, "hello")
    assert platform.chat(user) == [("user", "hello"), ("botkit", "BotKit speaking")]


async def test_botkit_may_change_the_message_to_the_bot(platform: Platform) -> None:
    async def change(hook: Hook) -> None:
        await platform.botkit.call("sendBotMessageUrl", hook, message="how are you")

    platform.botkit.react["on_user_message"] = change
    user = platform.cloud.add_user()
    await platform.says(user, "xyzzy")
    assert platform.chat(user)[-1][1].startswith("I am a bot, and glad to help")


async def test_without_a_follow_up_the_platform_goes_on_with_the_next_message(start: Start) -> None:
    platform = await start(follow_up_timeout=timedelta(seconds=0.05))

    async def silent_once(hook: Hook) -> None:
        if hook.body["message"] != "hello":
            await platform.botkit.pass_on(hook)

    platform.botkit.react["on_user_message"] = silent_once
    user = platform.cloud.add_user()
    platform.cloud.say(user, "hello")
    await platform.says(user, "thank you")
    assert [text for speaker, text in platform.chat(user) if speaker == "user"] == ["hello", "thank you"]
    assert len(platform.botkit.of("on_bot_message")) == 1


async def test_messages_of_one_user_are_hooked_strictly_in_order(platform: Platform) -> None:
    user = platform.cloud.add_user()
    for number in range(20):
        platform.cloud.say(user, f"nonsense {number}")
    await platform.quiet(user)
    said = [hook.body["message"] for hook in platform.botkit.of("on_user_message")]
    assert said == [f"nonsense {number}" for number in range(20)]
    assert [speaker for speaker, _ in platform.chat(user)] == ["user", "bot"] * 20


async def test_a_user_whose_message_is_held_does_not_hold_up_another(platform: Platform) -> None:
    gate = asyncio.Event()
    first, second = platform.cloud.add_user(name="First"), platform.cloud.add_user(name="Second")

    async def hold_first(hook: Hook) -> None:
        if hook.body["channel"]["from"] == first.address:
            await gate.wait()
        await platform.botkit.pass_on(hook)

    platform.botkit.react["on_user_message"] = hold_first
    platform.cloud.say(first, "hello")
    await platform.says(second, "hello")
    assert len(platform.chat(second)) == 3
    assert len(platform.chat(first)) == 1
    gate.set()
    await platform.quiet(first)


async def test_a_repeated_send_user_message_is_shown_again(platform: Platform) -> None:
    user = platform.cloud.add_user()
    await platform.says(user, "thanks")
    hook = await platform.botkit.nth("on_bot_message")
    await platform.botkit.pass_on(hook)
    texts = [text for _, text in platform.chat(user)]
    assert len(texts) == 3
    assert texts[1] == texts[2]


async def test_a_repeated_send_bot_message_makes_the_bot_answer_again(platform: Platform) -> None:
    user = platform.cloud.add_user()
    await platform.says(user, "thanks")
    await platform.botkit.pass_on(await platform.botkit.nth("on_user_message"))
    await platform.quiet(user)
    assert len(platform.botkit.of("on_bot_message")) == 2


async def test_a_connect_event_carries_no_text_and_the_bot_says_nothing_to_it(platform: Platform) -> None:
    user = platform.cloud.add_user()
    platform.cloud.connect(user)
    await platform.quiet(user)
    hook = await platform.botkit.nth("on_user_message")
    assert hook.body["channel"]["botEvent"] == "ON_CONNECT_EVENT"
    assert "message" not in hook.body
    assert platform.chat(user) == []


async def test_without_on_message_the_bot_talks_without_botkit(start: Start) -> None:
    platform = await start(events=["onAgentTransfer"])
    user = platform.cloud.add_user(name="Asha Rao")
    await platform.says(user, "hello")
    assert [text for _, text in platform.chat(user)] == ["hello", WELCOME, OFFER]
    assert platform.botkit.hooks == []


async def test_a_botkit_that_fails_silences_the_bot(platform: Platform) -> None:
    platform.botkit.status = 500
    user = platform.cloud.add_user()
    await platform.says(user, "hello")
    assert platform.chat(user) == [("user", "hello")]


async def test_a_platform_set_to_bypass_talks_on_when_botkit_fails(start: Start) -> None:
    platform = await start(when_hook_fails="bypass")
    platform.botkit.status = 500
    user = platform.cloud.add_user()
    await platform.says(user, "thanks")
    assert [speaker for speaker, _ in platform.chat(user)] == ["user", "bot"]


async def test_an_unreachable_botkit_is_recorded_on_the_wire(start: Start) -> None:
    platform = await start(botkit_url="http://127.0.0.1:9")
    user = platform.cloud.add_user()
    await platform.says(user, "hello")
    entry = platform.wire.entries[-1]
    assert (entry.source, entry.target, entry.label, entry.status) == (
        "kore",
        "botkit",
        "on_user_message",
        None,
    )
    assert entry.response_body.startswith("BotKit cannot be reached")


async def test_the_language_botkit_sets_is_the_user_s_from_then_on(platform: Platform) -> None:
    async def german(hook: Hook) -> None:
        await platform.botkit.call("sendBotMessageUrl", hook, metaInfo={"setBotLanguage": "de"})

    platform.botkit.react["on_user_message"] = german
    user = platform.cloud.add_user()
    await platform.says(user, "hello")
    assert (await platform.botkit.nth("on_bot_message")).body["context"]["currentLanguage"] == "de"


async def test_an_external_nlp_engine_can_name_the_dialog(platform: Platform) -> None:
    async def name_it(hook: Hook) -> None:
        meta = {"nlMeta": {"intent": "Small talk", "isRefresh": True}}
        await platform.botkit.call("sendBotMessageUrl", hook, metaInfo=meta)

    platform.botkit.react["on_user_message"] = name_it
    user = platform.cloud.add_user()
    await platform.says(user, "xyzzy")
    assert platform.chat(user)[-1][1].startswith("I am a bot, and glad to help")


async def test_tags_written_on_a_message_come_back_with_the_next(platform: Platform) -> None:
    tags = {"userMetaTags": [{"name": "tier", "value": "gold"}], "sessionMetaTags": [], "messageMetaTags": []}

    async def tag(hook: Hook) -> None:
        await platform.botkit.call("sendBotMessageUrl", hook, metaTags=tags)

    platform.botkit.react["on_user_message"] = tag
    user = platform.cloud.add_user()
    await platform.says(user, "hello")
    assert (await platform.botkit.nth("on_bot_message")).body["metaTags"]["userMetaTags"] == tags[
        "userMetaTags"
    ]


async def test_an_attachment_alone_comes_without_a_message_and_can_be_fetched(platform: Platform) -> None:
    user = platform.cloud.add_user()
    say = f"{platform.url}/sandbox/kore/users/{user.id}/say"
    files = [{"fileName": "cat.png", "base64": "aGVsbG8="}]
    async with platform.http.post(say, json={"attachments": files}) as response:
        assert response.status == 202
    hook = await platform.botkit.nth("on_user_message")
    assert "message" not in hook.body
    (file,) = hook.body["channel"]["attachments"]
    assert (file["fileName"], file["fileType"]) == ("cat.png", "image")
    async with platform.http.get(
        file["url"]["fileUrl"], headers={"auth": platform.botkit.token()}
    ) as response:
        assert (response.status, response.content_type) == (200, "image/png")
        assert await response.read() == b"hello"
    await platform.quiet(user)


async def test_an_empty_message_stalls_the_bot_when_so_set(start: Start) -> None:
    platform = await start(empty_message_stalls=True)
    user = platform.cloud.add_user()
    platform.cloud.connect(user)
    await platform.says(user, "hello")
    assert platform.chat(user) == [("user", "hello")]


async def test_a_lane_that_is_full_refuses_more(start: Start) -> None:
    platform = await start(inputs_waiting=2)
    gate = asyncio.Event()

    async def held(hook: Hook) -> None:
        await gate.wait()
        await platform.botkit.pass_on(hook)

    platform.botkit.react["on_user_message"] = held
    user = platform.cloud.add_user()
    say = f"{platform.url}/sandbox/kore/users/{user.id}/say"
    statuses = []
    platform.cloud.say(user, "hello")
    await platform.botkit.nth("on_user_message")
    for _ in range(3):
        async with platform.http.post(say, json={"text": "more"}) as response:
            statuses.append(response.status)
    assert statuses == [202, 202, 429]
    gate.set()
    await platform.quiet(user)


async def test_a_thousand_idle_users_are_only_memory(platform: Platform) -> None:
    tasks_before = len(asyncio.all_tasks())
    users = [platform.cloud.add_user() for _ in range(1_000)]
    assert len(asyncio.all_tasks()) == tasks_before
    await async_until(lambda: len(platform.cloud.snapshot()["users"]) == 1_000)
    assert len({user.id for user in users}) == 1_000
