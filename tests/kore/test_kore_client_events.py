"""What a user's client is told beside the talk."""

from __future__ import annotations

import json
from typing import Any

import pytest

from botkit.errors import HostNotAllowed
from botkit.handoff.effects import EventToUser, PlatformEffect, TypingToUser
from botkit.http import Response
from botkit.kore.rendering import client_event
from botkit.ledger.interface import HookBody
from tests.hooks.hook_payloads import BASE, user_message
from tests.relay.test_platform_files import Carrier, platform

URL = f"{BASE}/sendBotEvent/77"
NEWEST = HookBody(json.dumps(user_message("hello")).encode())


async def sent(effect: PlatformEffect) -> tuple[str, dict[str, Any]]:
    carrier = Carrier(Response(200))
    await platform(carrier).send(effect, NEWEST, idempotency_key="a")
    (request,) = carrier.asked
    assert request.body is not None
    return request.url, json.loads(request.body)


async def test_typing_goes_where_the_client_takes_events_with_the_newest_payload_around_it() -> None:
    url, body = await sent(TypingToUser(URL, started=True))
    assert url == URL
    assert body["preDefinedEvent"] == {"type": "TYPING_STARTED"}
    assert body["channel"] == json.loads(NEWEST.body)["channel"]


async def test_an_event_of_the_agents_side_is_the_clients_own_kind_of_event() -> None:
    _, body = await sent(EventToUser(URL, "cart", '{"items":2}'))
    assert body["customEvent"] == {"type": "cart", "items": 2}


@pytest.mark.parametrize("data", ["two items", "[1]", "7", "{", ""])
def test_data_that_is_no_object_stands_by_itself(data: str) -> None:
    assert client_event("cart", data) == {"customEvent": {"type": "cart", "data": data}}


async def test_nothing_goes_to_a_host_that_is_not_configured() -> None:
    with pytest.raises(HostNotAllowed):
        await sent(TypingToUser("https://evil.example/sendBotEvent/77", started=True))
