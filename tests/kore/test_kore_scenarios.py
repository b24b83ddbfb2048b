"""Our calls against the emulated XO platform, over real sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from botkit.config.settings import KoreSettings, Secret
from botkit.errors import CallRefused, NotAuthorized
from botkit.handoff.effects import ClearAgentSession, ExtendRequest, PassToBot, PassToUser, SendToUser
from botkit.handoff.events import Content, Link, Option
from botkit.http import Request
from botkit.http.curl import CurlTransport
from botkit.kore import KoreRequests, check_reply, read_transcript
from botkit_sandbox.kore import KoreCloud, KoreSandboxSettings, load_export, routes, sample_bot_folder
from botkit_sandbox.kore.users import User

DEADLINE = 30.0
SAMPLE = load_export(sample_bot_folder())


@dataclass
class PassThrough:
    """A BotKit that passes everything on, keeps the raw hooks, and steps aside while `silent`."""

    cloud: KoreCloud
    carrier: CurlTransport
    requests: KoreRequests
    hooks: list[tuple[str, str, bytes]] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self, request: web.Request) -> web.Response:
        event, component = request.match_info["event"], request.match_info.get("component", "default")
        body = await request.read()
        self.hooks.append((event, component, body))
        self.changed.set()
        agent_mode = any(user.agent_mode for user in self.cloud.core.users.values())
        if event == "on_user_message" and not agent_mode:
            self._later(self.requests.request(PassToBot(), body, component_id=component))
        elif event == "on_bot_message":
            self._later(self.requests.request(PassToUser(), body, component_id=component))
        return web.json_response({})

    def _later(self, request: Request) -> None:
        task = asyncio.create_task(self.send(request))
        self.tasks.add(task)

    async def send(self, request: Request) -> None:
        check_reply(request.what, await self.carrier.send(request), now=time.time())
        self.changed.set()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(DEADLINE):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    def newest(self, event: str) -> tuple[bytes, str]:
        return next((body, component) for name, component, body in reversed(self.hooks) if name == event)


@pytest.fixture(params=["number", "text"])
async def botkit(request: pytest.FixtureRequest) -> AsyncIterator[PassThrough]:
    cloud = KoreCloud(wire=None, bus=None, bot=SAMPLE, settings=KoreSandboxSettings(request_id=request.param))
    platform = TestServer(routes(cloud))
    await platform.start_server()
    cloud.base_url = f"http://127.0.0.1:{platform.port}"
    settings = KoreSettings(cloud.client_id, Secret(cloud.client_secret), callback_hosts=("127.0.0.1",))
    requests = KoreRequests(settings, bot_id=cloud.bot_id, insecure_http=True, clock=time.time)
    async with CurlTransport(allowed_hosts=["127.0.0.1"], insecure_http=True) as carrier:
        kit = PassThrough(cloud, carrier, requests)
        app = web.Application(client_max_size=4 * 1024 * 1024)
        app.router.add_post("/sdk/bots/{bot}/{event}", kit.receive)
        app.router.add_post("/sdk/bots/{bot}/components/{component}/{event}", kit.receive)
        hooks = TestServer(app)
        await hooks.start_server()
        cloud.subscribe(f"http://127.0.0.1:{hooks.port}", ["onMessage", "onAgentTransfer"])
        yield kit
        await cloud.close()
        if kit.tasks:
            await asyncio.wait(kit.tasks, timeout=DEADLINE)
        await hooks.close()
    await platform.close()


def shown(user: User) -> list[tuple[str, str]]:
    return [(str(message.speaker), message.text) for message in user.messages]


async def handed_over(botkit: PassThrough, *, channel: str = "rtm") -> User:
    user = botkit.cloud.add_user(name="Ada Lovelace", channel=channel)
    botkit.cloud.say(user, "hello")
    await botkit.until(lambda: any(speaker == "bot" for speaker, _ in shown(user)))
    botkit.cloud.say(user, "talk to an agent")
    await botkit.until(lambda: any(event == "on_agent_transfer" for event, _, _ in botkit.hooks))
    return user


async def test_messages_passed_on_reach_the_bot_and_the_user(botkit: PassThrough) -> None:
    user = botkit.cloud.add_user(name="Ada")
    botkit.cloud.say(user, "hello")
    await botkit.until(lambda: any(speaker == "bot" for speaker, _ in shown(user)))
    assert shown(user)[0] == ("user", "hello")


async def test_botkits_and_the_agents_messages_reach_the_user_in_order(botkit: PassThrough) -> None:
    user = await handed_over(botkit)
    body, component = botkit.newest("on_agent_transfer")
    before = len(user.messages)
    for content, name in (
        (Content("Looking for an agent"), ""),
        (Content("Hello, Jane here"), "Jane Doe"),
        (Content("Which?", (Option("A"), Option("B"))), "Jane Doe"),
        (Content(links=(Link("cat", "https://acme.example/cat.png", "image"),)), "Jane Doe"),
        (Content("Bye"), ""),
    ):
        await botkit.send(botkit.requests.request(SendToUser(content, name), body, component_id=component))
    texts = [message.text for message in list(user.messages)[before:]]
    assert [texts[0], texts[1], texts[4]] == ["Looking for an agent", "Hello, Jane here", "Bye"]
    assert [message.name for message in list(user.messages)[before:]][1] == "Jane Doe"
    assert len(texts) == 5


async def test_other_channels_get_plain_text(botkit: PassThrough) -> None:
    user = await handed_over(botkit, channel="whatsapp")
    body, component = botkit.newest("on_agent_transfer")
    content = Content("Which?", (Option("A"),))
    await botkit.send(botkit.requests.request(SendToUser(content, "Jane"), body, component_id=component))
    assert user.messages[-1].text == "Which?\n- A"
    assert user.messages[-1].template is None


async def test_the_transcript_is_what_was_said(botkit: PassThrough) -> None:
    await handed_over(botkit)
    body, component = botkit.newest("on_agent_transfer")
    request = botkit.requests.get_messages(body, component_id=component, limit=50)
    response = check_reply(request.what, await botkit.carrier.send(request), now=time.time())
    lines = read_transcript(response.body)
    assert (lines[0].speaker, lines[0].text) == ("user", "hello")
    assert ("user", "talk to an agent") in [(line.speaker, line.text) for line in lines]
    assert "bot" in {line.speaker for line in lines}


async def test_clearing_the_agent_session_gives_the_user_back_to_the_bot(botkit: PassThrough) -> None:
    user = await handed_over(botkit)
    body, component = botkit.newest("on_agent_transfer")
    assert user.agent_mode
    await botkit.send(botkit.requests.request(ExtendRequest(), body, component_id=component))
    await botkit.send(botkit.requests.request(ClearAgentSession(), body, component_id=component))
    assert not user.agent_mode


async def test_the_dialog_finds_the_ids_of_the_hand_off_afterwards(botkit: PassThrough) -> None:
    user = await handed_over(botkit)
    body, component = botkit.newest("on_agent_transfer")
    effect = ClearAgentSession("0f4f5c1e-6f5f-4b51-9d8e-000000000001", "0MwWX0000004PnM0AU")
    before = dict(user.session.variables)
    await botkit.send(botkit.requests.request(effect, body, component_id=component))
    assert user.session.variables == before | {
        "agentHandoffMeta": {
            "conversationId": "0f4f5c1e-6f5f-4b51-9d8e-000000000001",
            "messagingSessionId": "0MwWX0000004PnM0AU",
        }
    }


async def test_a_request_id_that_is_over_is_refused_with_a_hint(botkit: PassThrough) -> None:
    await handed_over(botkit)
    body, component = botkit.newest("on_agent_transfer")
    stale = body.replace(
        botkit.requests.address(body, component_id=component).request_id.encode(), b"1234567"
    )
    with pytest.raises(CallRefused):
        await botkit.send(botkit.requests.request(ClearAgentSession(), stale, component_id=component))


async def test_a_wrong_secret_is_not_authorized_and_says_what_to_check(botkit: PassThrough) -> None:
    await handed_over(botkit)
    body, component = botkit.newest("on_agent_transfer")
    settings = KoreSettings(botkit.cloud.client_id, Secret("wrong" * 13), callback_hosts=("127.0.0.1",))
    requests = KoreRequests(settings, bot_id=botkit.cloud.bot_id, insecure_http=True, clock=time.time)
    with pytest.raises(NotAuthorized, match="client secret"):
        await botkit.send(requests.request(ClearAgentSession(), body, component_id=component))
