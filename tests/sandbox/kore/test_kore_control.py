"""The control API over the emulated platform."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.kore.platform_double import Platform, Start


async def call(platform: Platform, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    url = f"{platform.url}/sandbox/kore/{path}"
    async with platform.http.request(method, url, json=body) as response:
        return response.status, await response.json()


async def test_the_state_shows_bot_users_chats_and_faults(platform: Platform) -> None:
    status, user = await call(platform, "POST", "users", {"name": "Asha", "language": "fr", "channel": "rtm"})
    assert status == 201
    assert (await call(platform, "POST", f"users/{user['id']}/say", {"text": "thanks"}))[0] == 202
    await platform.quiet(platform.cloud.user(user["id"]))
    _, state = await call(platform, "GET", "state")
    bot = state["bot"]
    assert (bot["id"], bot["name"], bot["warnings"]) == (platform.cloud.bot_id, "Acme Assistant", [])
    (seen,) = state["users"]
    assert (seen["name"], seen["language"], seen["channel"], seen["agentMode"]) == (
        "Asha",
        "fr",
        "rtm",
        False,
    )
    assert [(m["from"], m["name"]) for m in seen["messages"]] == [("user", "Asha"), ("bot", "Acme Assistant")]
    assert state["faults"] == []
    assert (await call(platform, "GET", f"users/{user['id']}"))[1] == seen


async def test_a_message_is_answered_before_botkit_has_processed_it(platform: Platform) -> None:
    platform.cloud.subscribe("http://127.0.0.1:9", ["onMessage", "onAgentTransfer"])
    user = platform.cloud.add_user()
    assert (await call(platform, "POST", f"users/{user.id}/say", {"text": "hello"}))[0] == 202
    await platform.quiet(user)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("users/u-nobody/say", {"text": "x"}, 404),
        ("users/{id}/say", {}, 400),
        ("users/{id}/say", {"text": 5}, 400),
        ("users/{id}/say", [], 400),
        ("users/{id}/say", {"attachments": [{}]}, 400),
        ("users/{id}/say", {"attachments": [{"fileName": "a", "base64": "%"}]}, 400),
        ("users", {"name": "x" * 201}, 400),
        ("users/{id}/webhook", {}, 400),
        ("users/{id}/webhook", {"component": "x", "then": 5}, 400),
        ("users/{id}/happens", {"name": "endFAQ"}, 400),
        ("variables", {"variable": "hotline"}, 400),
    ],
)
async def test_invalid_requests_are_refused_with_a_reason(
    platform: Platform, path: str, body: Any, status: int
) -> None:
    user = platform.cloud.add_user()
    answer = await call(platform, "POST", path.format(id=user.id), body)
    assert answer[0] == status
    assert answer[1]["error"]


async def test_users_are_limited(platform: Platform) -> None:
    for _ in range(5_000):
        platform.cloud.add_user()
    assert (await call(platform, "POST", "users", {}))[0] == 429


async def test_faults_are_put_read_and_cleared(platform: Platform) -> None:
    status, answer = await call(platform, "PUT", "faults", {"status": 500, "count": 2, "path": "sendUser"})
    assert status == 200
    (fault,) = answer["faults"]
    assert (fault["status"], fault["count"], fault["path"]) == (500, 2, "sendUser")
    assert (await call(platform, "GET", "state"))[1]["faults"] == answer["faults"]
    assert (await call(platform, "PUT", "faults", {"faults": [{"refuse": True}, {"delay_ms": 5}]}))[0] == 200
    assert len((await call(platform, "GET", "faults"))[1]["faults"]) == 2
    assert (await call(platform, "DELETE", "faults"))[1] == {"faults": []}


@pytest.mark.parametrize(
    "fault",
    [
        {"explode": True},
        {"status": 200},
        {"status": "500"},
        {"refuse": 1},
        {"count": 0},
        {"delay_ms": -1},
        {"path": 5},
        "refuse",
    ],
)
async def test_a_fault_that_cannot_be_is_refused(platform: Platform, fault: Any) -> None:
    assert (await call(platform, "PUT", "faults", fault))[0] == 400
    assert platform.cloud.core.faults.rules == []


async def test_reading_a_message_is_a_client_event(platform: Platform) -> None:
    user = platform.cloud.add_user()
    await call(platform, "POST", f"users/{user.id}/read", {"messageId": "ms-1"})
    hook = await platform.botkit.nth("on_client_event")
    assert hook.body["preDefinedEvent"] == {"type": "MESSAGE_READ", "id": "ms-1"}


async def test_typing_and_connecting_and_alerting_have_routes(platform: Platform) -> None:
    user = platform.cloud.add_user()
    await call(platform, "POST", f"users/{user.id}/typing", {"started": False})
    await call(platform, "POST", f"users/{user.id}/connect")
    await call(platform, "POST", f"users/{user.id}/alert", {"text": "Look"})
    assert (await platform.botkit.nth("on_client_event")).body["preDefinedEvent"] == {
        "type": "TYPING_STOPPED"
    }
    await platform.botkit.nth("on_user_message")
    await platform.quiet(user)
    assert platform.chat(user) == [("bot", "Look")]


async def test_a_webhook_node_is_reached_and_its_answer_is_shown(platform: Platform) -> None:
    user = platform.cloud.add_user()
    platform.botkit.answer = {"context": {"order": {"state": "lost"}}}
    body = {"component": "FindOrder", "then": "Your order is {{context.order.state}}."}
    assert (await call(platform, "POST", f"users/{user.id}/webhook", body))[0] == 202
    await platform.quiet(user)
    (hook,) = platform.botkit.of("on_webhook")
    assert hook.body["dialogComponentName"] == "FindOrder"
    assert (hook.component_id or "").startswith("dc-")
    assert platform.chat(user) == [("bot", "Your order is lost.")]
    assert platform.botkit.of("on_event")[0].body["event"]["eventType"] == "endDialog"


async def test_a_webhook_node_alone_says_nothing_afterwards(platform: Platform) -> None:
    user = platform.cloud.add_user()
    await call(platform, "POST", f"users/{user.id}/webhook", {"component": "FindOrder"})
    await platform.quiet(user)
    assert len(platform.botkit.of("on_webhook")) == 1
    assert platform.chat(user) == []


async def test_an_event_of_the_platform_is_hooked_as_it_is_given(platform: Platform) -> None:
    user = platform.cloud.add_user()
    event = {"eventType": "endFAQ", "faq": "opening hours"}
    assert (await call(platform, "POST", f"users/{user.id}/happens", event))[0] == 202
    await platform.quiet(user)
    (hook,) = platform.botkit.of("on_event")
    assert hook.body["event"] == event


async def test_a_change_of_the_bots_variables_is_hooked(start: Start) -> None:
    platform = await start(events=["onAgentTransfer", "onVariableUpdate"])
    variable = {"key": "hotline", "value": "555-0100"}
    assert (await call(platform, "POST", "variables", {"variable": variable}))[0] == 202
    hook = await platform.botkit.nth("on_variable_update")
    assert hook.body["data"] == {"eventType": "variable_update", "language": "en", "variable": variable}
    await call(platform, "POST", "variables", {"eventType": "bot_import"})
    hook = await platform.botkit.nth("on_variable_update", 2)
    assert hook.body["data"] == {"eventType": "bot_import", "language": "en"}


async def test_the_subscription_can_be_moved_without_a_token(platform: Platform) -> None:
    status, answer = await call(
        platform, "PUT", "subscription", {"url": "http://127.0.0.1:1", "events": ["onMessage"]}
    )
    assert (status, answer) == (200, {"url": "http://127.0.0.1:1", "events": ["onMessage"]})


async def test_every_change_is_news(platform: Platform) -> None:
    kinds: list[str] = []
    with platform.bus.subscribe() as news:
        user = await platform.handed_over()
        platform.cloud.close_conversation(user)
        async for item in news:
            if item.topic == "kore":
                kinds.append(item.data["kind"])
            if kinds[-1:] == ["session"]:
                break
    assert kinds == ["user", "message", "message", "agentMode", "agentMode", "session"]


async def test_credentials_are_the_same_after_every_start(platform: Platform) -> None:
    from botkit_sandbox.kore.credentials import SANDBOX_CLIENT_ID, SANDBOX_CLIENT_SECRET

    assert (platform.cloud.client_id, platform.cloud.client_secret) == (
        SANDBOX_CLIENT_ID,
        SANDBOX_CLIENT_SECRET,
    )
    assert platform.cloud.client_id.startswith("cs-")
