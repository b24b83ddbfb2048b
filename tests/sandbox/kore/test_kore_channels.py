"""A user who continues on another channel: the control API, and the hooks that BotKit gets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from botkit.testing.waiting import async_until
from botkit_sandbox import kore
from botkit_sandbox.bus import Bus


@dataclass
class Stage:
    """A platform, its control API, and the hooks it posted."""

    cloud: kore.KoreCloud
    http: TestClient[web.Request, web.Application]
    hooks: list[dict[str, Any]] = field(default_factory=list)

    async def switch(self, user_id: str, body: Any) -> tuple[int, Any]:
        async with self.http.put(f"/sandbox/kore/users/{user_id}/channel", json=body) as answer:
            return answer.status, await answer.json()

    async def hook_of(self, user: Any, text: str) -> dict[str, Any]:
        self.cloud.say(user, text)
        await async_until(lambda: any(hook.get("message") == text for hook in self.hooks))
        return next(hook for hook in self.hooks if hook.get("message") == text)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    hooks: list[dict[str, Any]] = []

    async def hear(request: web.Request) -> web.Response:
        hooks.append(await request.json())
        return web.json_response({}, status=500)  # no callback follows, so the platform does not wait

    botkit = web.Application()
    botkit.router.add_post("/{path:.*}", hear)
    async with TestServer(botkit) as listening:
        cloud = kore.KoreCloud(
            wire=None,
            bus=Bus(),
            bot=kore.load_export(kore.sample_bot_folder()),
            base_url="http://127.0.0.1:9",
            botkit_url=str(listening.make_url("")),
        )
        app = web.Application()
        app.add_routes(kore.control_routes(cloud))
        async with TestClient(TestServer(app)) as http:
            yield Stage(cloud, http, hooks)
        await cloud.close()


async def test_the_next_message_comes_from_the_new_channel_in_a_new_session(stage: Stage) -> None:
    ada = stage.cloud.add_user(name="Ada Lovelace")
    before = await stage.hook_of(ada, "one")
    assert await stage.switch(ada.id, {"channel": "facebook"}) == (202, {"ok": True})
    after = await stage.hook_of(ada, "two")
    assert (before["channel"]["type"], after["channel"]["type"]) == ("rtm", "facebook")
    assert before["channel"]["from"] == before["channel"]["userId"] == after["channel"]["userId"]
    assert after["channel"]["from"] == "6155000000000001"
    assert after["channel"]["sessionId"] != before["channel"]["sessionId"]


async def test_earlier_messages_go_out_on_the_old_channel(stage: Stage) -> None:
    ada = stage.cloud.add_user(name="Ada Lovelace")
    stage.cloud.say(ada, "one")
    await stage.switch(ada.id, {"channel": "facebook"})
    await stage.hook_of(ada, "two")
    assert [hook["channel"]["type"] for hook in stage.hooks] == ["rtm", "facebook"]


async def test_the_user_is_still_found_by_the_address_of_the_old_channel(stage: Stage) -> None:
    ada = stage.cloud.add_user(name="Ada Lovelace", channel="whatsapp")
    old = ada.address
    await stage.switch(ada.id, {"channel": "rtm"})
    await async_until(lambda: ada.channel == "rtm")
    assert stage.cloud.user(old) is ada
    assert ada.address == ada.id


async def test_the_chat_is_kept_and_notes_the_change(stage: Stage) -> None:
    ada = stage.cloud.add_user(name="Ada Lovelace")
    await stage.hook_of(ada, "one")
    await stage.switch(ada.id, {"channel": "facebook"})
    await async_until(lambda: ada.channel == "facebook")
    assert [message.speaker for message in ada.messages][:1] == ["user"]
    assert (ada.messages[-1].speaker, "facebook" in ada.messages[-1].text) == ("system", True)


async def test_a_user_with_an_agent_stays_where_they_are(stage: Stage) -> None:
    ada = stage.cloud.add_user(name="Ada Lovelace")
    stage.cloud.core.set_agent_mode(ada, True)
    status, answer = await stage.switch(ada.id, {"channel": "facebook"})
    assert status == 409
    assert "with an agent" in answer["error"]
    assert ada.channel == "rtm"


async def test_an_agent_who_comes_first_keeps_the_user_on_the_channel(stage: Stage) -> None:
    ada = stage.cloud.add_user(name="Ada Lovelace")

    asked = asyncio.Event()

    async def transfer() -> None:
        await asked.wait()
        stage.cloud.core.set_agent_mode(ada, True)

    stage.cloud.lanes.put(ada.id, transfer)
    assert (await stage.switch(ada.id, {"channel": "facebook"}))[0] == 202
    asked.set()
    await async_until(lambda: not stage.cloud.lanes.busy(ada.id))
    assert (ada.channel, ada.agent_mode) == ("rtm", True)


@pytest.mark.parametrize("body", [{}, {"channel": ""}, {"channel": 7}, {"channel": "x" * 41}, [], "facebook"])
async def test_an_invalid_channel_is_refused(stage: Stage, body: Any) -> None:
    ada = stage.cloud.add_user(name="Ada Lovelace")
    status, answer = await stage.switch(ada.id, body)
    assert (status, "1 to 40 characters" in answer["error"]) == (400, True)


async def test_a_user_who_is_not_there_is_not_found(stage: Stage) -> None:
    assert (await stage.switch("u-nobody", {"channel": "facebook"}))[0] == 404
