"""A user's file, as the platform hands it out."""

from __future__ import annotations

from typing import NoReturn

import pytest

from botkit.agents import File
from botkit.errors import CallRefused, HostNotAllowed, NotAuthorized
from botkit.http import Request, Response
from botkit.relay.clock import SystemClock
from botkit.relay.gateways import KorePlatform
from tests.hooks.hook_payloads import BOT_ID, HOST, settings

URL = f"https://{HOST}/files/1"


class Carrier:
    """Answers everything alike, and remembers what was asked."""

    def __init__(self, answer: Response) -> None:
        self.answer = answer
        self.asked: list[Request] = []

    async def send(self, request: Request) -> Response:
        self.asked.append(request)
        return self.answer

    def stream(self, request: Request, *, silence_seconds: float) -> NoReturn:
        raise NotImplementedError


def platform(carrier: Carrier) -> KorePlatform:
    bot = settings().bots[BOT_ID]
    return KorePlatform(bot, carrier, insecure_http=False, clock=SystemClock())


@pytest.mark.parametrize(
    ("declared", "kind"),
    [
        ("image/webp", "image/webp"),
        ("Text/Plain; charset=utf-8", "text/plain"),
        ("application/octet-stream", "image/png"),
        ("", "image/png"),
    ],
)
async def test_its_type_is_what_its_server_says_or_else_its_name(declared: str, kind: str) -> None:
    carrier = Carrier(Response(200, {"Content-Type": declared}, b"cat"))
    assert await platform(carrier).file("cat.png", URL, max_bytes=9) == File("cat.png", kind, b"cat")
    assert carrier.asked[0].max_bytes == 9


async def test_a_file_that_is_gone_is_refused() -> None:
    with pytest.raises(CallRefused):
        await platform(Carrier(Response(404))).file("cat.png", URL, max_bytes=9)


async def test_a_signature_that_is_not_taken_is_made_anew() -> None:
    with pytest.raises(NotAuthorized):
        await platform(Carrier(Response(401))).file("cat.png", URL, max_bytes=9)


async def test_nothing_is_fetched_from_elsewhere() -> None:
    carrier = Carrier(Response(200))
    with pytest.raises(HostNotAllowed):
        await platform(carrier).file("cat.png", "https://evil.example/cat", max_bytes=9)
    assert carrier.asked == []
