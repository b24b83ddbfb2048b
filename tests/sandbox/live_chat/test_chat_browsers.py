"""Clients in a browser, which send a CORS preflight before the headers of this API."""

from __future__ import annotations

from tests.sandbox.live_chat.conftest import MakeService, Service


async def test_a_browser_may_ask_before_it_sends_the_headers_of_this_api(service: Service) -> None:
    headers = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-liveagent-affinity,x-liveagent-api-version",
    }
    answer = await service.visitor().call("OPTIONS", "/Chasitor/ChatMessage", headers=headers)
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert "x-liveagent-affinity" in answer.headers["Access-Control-Allow-Headers"]


async def test_a_browser_may_read_answers_and_errors(service: Service) -> None:
    for path in ("/System/SessionId", "/System/Messages?ack=-1"):
        answer = await service.visitor().call("GET", path, headers={"Origin": "https://shop.example"})
        assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"


async def test_origins_can_be_limited(make_service: MakeService) -> None:
    service = await make_service(cors_origins=("https://shop.example",))
    answer = await service.visitor().call(
        "GET", "/System/SessionId", headers={"Origin": "https://evil.example"}
    )
    assert "Access-Control-Allow-Origin" not in answer.headers
