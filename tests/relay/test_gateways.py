"""The gateways that the configuration names, and files from the platform."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import NoReturn

import pytest

from botkit.agents import File
from botkit.agents.live_chat import LiveChatSystem
from botkit.agents.live_chat.settings import LiveChatSettings
from botkit.config.settings import AgentSystemSettings, Settings
from botkit.errors import CallRefused, ConfigurationError, HostNotAllowed, NotAuthorized, RateLimited
from botkit.handoff.conversation import Instant
from botkit.handoff.effects import PassToBot, PassToUser, PlatformEffect
from botkit.hooks.address import Address
from botkit.hooks.parser import HookParser
from botkit.hooks.paths import HookPath
from botkit.http import Done, Request, Response, begin_in_task
from botkit.http.values import Forwarding
from botkit.ledger.interface import HookBody
from botkit.relay.clock import Clock, SystemClock
from botkit.relay.gateways import KorePlatform, connect
from botkit.testing.clock import ManualClock
from tests.hooks.hook_payloads import BOT_ID, HOST, as_body, settings, user_message

URL = f"https://{HOST}/files/1"


class Carrier:
    """Gives every request the same response, and records the requests."""

    def __init__(self, answer: Response) -> None:
        self.answer = answer
        self.requests: list[Request] = []

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        return self.answer

    def begin(self, request: Request, done: Done) -> Callable[[], None]:
        return begin_in_task(self.send, request, done)

    def stream(self, request: Request, *, silence_seconds: float) -> NoReturn:
        raise NotImplementedError


def with_legacy(kind: str) -> Settings:
    configured = settings()
    bot = configured.bots[BOT_ID]
    live_chat = LiveChatSettings(
        "https://d.la1-c1.salesforceliveagent.com/chat/rest",
        "00D000000000001",
        "572000000000001",
        "573000000000001",
    )
    legacy = AgentSystemSettings("legacy", kind, live_chat)
    systems = MappingProxyType({**bot.agents.systems, "legacy": legacy})
    bot = replace(bot, agents=replace(bot.agents, systems=systems))
    return replace(configured, bots=MappingProxyType({BOT_ID: bot}))


def platform(carrier: Carrier, clock: Clock | None = None) -> KorePlatform:
    bot = settings().bots[BOT_ID]
    return KorePlatform(bot, carrier, insecure_http=False, clock=clock or SystemClock())


@pytest.mark.parametrize(
    ("declared", "kind"),
    [
        ("image/webp", "image/webp"),
        ("Text/Plain; charset=utf-8", "text/plain"),
        ("application/octet-stream", "image/png"),
        ("", "image/png"),
    ],
)
async def test_a_files_type_is_the_servers_or_else_its_names(declared: str, kind: str) -> None:
    carrier = Carrier(Response(200, {"Content-Type": declared}, b"cat"))
    assert await platform(carrier).file("cat.png", URL, max_bytes=9) == File("cat.png", kind, b"cat")
    assert carrier.requests[0].max_bytes == 9


async def test_a_file_that_is_gone_is_refused() -> None:
    with pytest.raises(CallRefused):
        await platform(Carrier(Response(404))).file("cat.png", URL, max_bytes=9)


async def test_a_refused_signature_is_made_anew() -> None:
    clock = ManualClock(Instant(1_760_000_000.0))
    carrier = Carrier(Response(401))
    kore = platform(carrier, clock)
    for _ in range(2):
        with pytest.raises(NotAuthorized):
            await kore.file("cat.png", URL, max_bytes=9)
        clock.time = Instant(clock.time + 1)
    first, second = (request.headers["auth"] for request in carrier.requests)
    assert first != second


@pytest.mark.parametrize("wait", ["Tue, 14 Nov 99999999999999999999 22:13:50 GMT", "9" * 400, "+", "Tue,"])
async def test_a_wait_that_cannot_be_read_is_no_advice_and_the_message_is_sent_again(wait: str) -> None:
    carrier = Carrier(Response(429, {"Retry-After": wait}))
    body = as_body(user_message())
    with pytest.raises(RateLimited) as limited:
        await platform(carrier).send(PassToBot(), HookBody(body), idempotency_key="k")
    assert limited.value.retry_after is None


async def test_a_file_of_another_host_is_not_fetched() -> None:
    carrier = Carrier(Response(200))
    with pytest.raises(HostNotAllowed):
        await platform(carrier).file("cat.png", "https://evil.example/cat", max_bytes=9)
    assert carrier.requests == []


@pytest.mark.parametrize(
    ("event", "effect"), [("on_user_message", PassToBot()), ("on_bot_message", PassToUser())]
)
async def test_a_message_is_passed_on_without_reading_its_payload_again(
    event: str, effect: PlatformEffect, monkeypatch: pytest.MonkeyPatch
) -> None:
    parser = HookParser(settings().bots[BOT_ID], insecure_http=False)
    hook = parser.read(
        HookPath(BOT_ID, event), as_body(user_message()), at=Instant(1_760_000_000.0)
    ).input.hook
    assert hook is not None
    carrier, again = Carrier(Response(200)), Carrier(Response(200))
    await platform(again).send(effect, HookBody(hook.body), idempotency_key="1")
    monkeypatch.setattr(Address, "parse", None)
    await platform(carrier).send(effect, hook, idempotency_key="1")
    (made,), (expected,) = carrier.requests, again.requests
    assert (made.url, made.body) == (expected.url, expected.body)


def test_two_hooks_are_the_same_whether_or_not_one_was_just_read() -> None:
    read = HookBody(b"{}", "dc-1", Forwarding("send_bot_message", URL, b""))
    assert read == HookBody(b"{}", "dc-1") != HookBody(b"{}", "dc-2")
    assert hash(read) == hash(HookBody(b"{}", "dc-1"))
    assert HOST not in repr(read)


async def test_every_system_of_a_bot_is_connected() -> None:
    async with connect(with_legacy("salesforce-live-chat")) as gateways:
        assert isinstance(gateways.system(BOT_ID, "legacy"), LiveChatSystem)
        assert gateways.platform(BOT_ID) is not None
        assert all(gateways.system(BOT_ID, name) for name in settings().bots[BOT_ID].agents.systems)


async def test_a_system_that_nobody_provides_is_a_problem_of_the_configuration() -> None:
    with pytest.raises(ConfigurationError, match="acme-desk"):
        async with connect(with_legacy("acme-desk")):
            pass
