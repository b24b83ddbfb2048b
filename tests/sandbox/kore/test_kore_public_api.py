"""The public API of the emulated platform: subscribing a BotKit, reading histories."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.kore.platform_double import Platform, Start


def subscription(platform: Platform, **changes: Any) -> dict[str, Any]:
    return {
        "connectorEnabled": False,
        "PIIMaskingDisabledForAgentTransfer": False,
        "sdkClientId": platform.cloud.client_id,
        "sdkHostUri": platform.botkit.url,
        "subscribedFor": ["onMessage", "onAgentTransfer"],
    } | changes


async def put(platform: Platform, body: dict[str, Any], path: str = "/api/public/bot") -> tuple[int, Any]:
    url = f"{platform.url}{path}/{platform.cloud.bot_id}/sdkSubscription"
    async with platform.http.put(url, json=body, headers={"auth": platform.botkit.token()}) as response:
        return response.status, await response.json()


@pytest.mark.parametrize("path", ["/api/public/bot", "/api/bot"])
async def test_a_botkit_is_subscribed_with_one_call(start: Start, path: str) -> None:
    platform = await start(botkit_url="")
    status, answer = await put(platform, subscription(platform), path)
    assert status == 200
    assert answer["sdkHostUri"] == platform.botkit.url
    await platform.says(platform.cloud.add_user(), "hello")
    assert platform.botkit.of("on_user_message")
    assert platform.botkit.of("on_event") == []


@pytest.mark.parametrize(
    "changes",
    [
        {"subscribedFor": ["onMessage"]},
        {"subscribedFor": ["onAgentTransfer", "onTea"]},
        {"subscribedFor": "onAgentTransfer"},
        {"sdkHostUri": "ftp://botkit.example"},
        {"sdkHostUri": None},
        {"sdkClientId": "cs-other"},
    ],
)
async def test_a_subscription_that_makes_no_sense_is_refused(
    platform: Platform, changes: dict[str, Any]
) -> None:
    assert (await put(platform, subscription(platform, **changes)))[0] == 400
    assert platform.cloud.botkit_url == platform.botkit.url


async def test_a_subscription_needs_the_app_s_token(platform: Platform) -> None:
    url = f"{platform.url}/api/public/bot/{platform.cloud.bot_id}/sdkSubscription"
    async with platform.http.put(url, json=subscription(platform)) as response:
        assert response.status == 401


async def test_a_prefix_in_the_host_uri_is_part_of_every_hook_s_path(start: Start) -> None:
    platform = await start()
    platform.cloud.subscribe(platform.botkit.url + "/prefix/", ["onMessage", "onAgentTransfer"])
    await platform.says(platform.cloud.add_user(), "hello")
    assert platform.wire.entries[-1].status == 404
    assert platform.cloud.botkit_url.endswith("/prefix")


async def history(platform: Platform, query: str, name: str = "getMessages") -> tuple[int, Any]:
    url = f"{platform.url}/api/public/bot/{platform.cloud.bot_id}/{name}?{query}"
    async with platform.http.get(url, headers={"auth": platform.botkit.token()}) as response:
        return response.status, await response.json() if response.content_type == "application/json" else None


async def test_the_public_history_is_the_web_channel_s_unless_asked_otherwise(platform: Platform) -> None:
    user = platform.cloud.add_user(channel="whatsapp")
    await platform.says(user, "thanks")
    assert (await history(platform, f"userId={user.id}"))[1]["total"] == 0
    assert (await history(platform, f"userId={user.id}&channelType=whatsapp"))[1]["total"] == 2


async def test_the_public_history_filters_by_session(platform: Platform) -> None:
    user = platform.cloud.add_user()
    await platform.says(user, "thanks")
    first = user.session.id
    platform.cloud.time_out(user)
    await platform.says(user, "hello")
    assert user.session.id != first
    assert (await history(platform, f"userId={user.id}&sessionId={first}"))[1]["total"] == 2
    assert (await history(platform, f"userId={user.id}&sessionId={user.session.id}"))[1]["total"] == 3


@pytest.mark.parametrize(
    "query",
    ["limit=101", "limit=0", "skip=-1", "dateFrom=2026-01-01&dateTo=2026-02-01", "dateFrom=yesterday"],
)
async def test_the_public_history_refuses_queries_out_of_bounds(platform: Platform, query: str) -> None:
    user = platform.cloud.add_user()
    assert (await history(platform, f"userId={user.id}&{query}"))[0] == 400


async def test_the_second_version_gives_more_at_once(platform: Platform) -> None:
    user = platform.cloud.add_user()
    assert (await history(platform, f"userId={user.id}&limit=10000", "getMessagesV2"))[0] == 200


async def test_the_public_history_is_limited_per_minute(start: Start) -> None:
    platform = await start(public_per_minute=2)
    user = platform.cloud.add_user()
    platform.clock.ahead = 61 - platform.clock() % 60
    statuses = [(await history(platform, f"userId={user.id}"))[0] for _ in range(3)]
    assert statuses == [200, 200, 429]
