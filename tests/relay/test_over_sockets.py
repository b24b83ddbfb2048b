"""Rules, ledger and relay together, between an emulated Salesforce and a stand-in for the platform, over real sockets."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from botkit.agents.miaw import MiawSettings, MiawSystem
from botkit.config.settings import (
    AgentsSettings,
    AgentSystemSettings,
    DeliverySettings,
    HandoffSettings,
    KoreSettings,
    Secret,
    Settings,
)
from botkit.handoff.conversation import Access, ConversationId, Instant
from botkit.handoff.decide import decide
from botkit.handoff.events import AgentTransfer, BotMessage, Event, MetaInfo, UserMessage, UserProfile
from botkit.ledger.interface import HookBody, Input
from botkit.ledger.sqlite import SqliteLedger
from botkit.relay import Relay
from botkit.service.rules import rules_for
from botkit.testing.configuration import settings_of_one_bot
from botkit.testing.waiting import async_until
from botkit_sandbox.salesforce import SalesforceCloud, SalesforceSandboxSettings, routes
from botkit_sandbox.salesforce.faults import Fault
from tests.relay.relay_doubles import Counted

BOT = "st-11111111-1111-5111-8111-111111111111"
USER = ConversationId(BOT, "u-1")
JANE, OMAR = "Jane Doe", "Omar Haddad"


@dataclass
class Platform:
    """Takes the calls BotKit makes to Kore, and remembers them. `trouble` answers instead, while it is not empty."""

    calls: list[tuple[str, dict[str, Any], str]] = field(default_factory=list)
    trouble: list[int] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    _expired: set[str] = field(default_factory=set)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/api/botsdk/stream/{bot}/{call}/{request_id}", self._receive)
        app.router.add_get("/api/botsdk/stream/{bot}/getMessages", self._messages)
        return app

    async def _receive(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.calls.append((request.match_info["call"], body, request.headers["x-request-id"]))
        if self.trouble:
            return web.json_response({}, status=self.trouble.pop())
        if request.match_info["request_id"] in self._expired:
            return web.json_response({"errors": [{"msg": "unknown", "code": "NOT_FOUND"}]}, status=404)
        return web.json_response({})

    async def _messages(self, _: web.Request) -> web.Response:
        return web.json_response({"total": len(self.history), "messages": self.history})

    def forgets(self) -> None:
        """Every requestId used so far has expired."""
        self._expired |= {str(body["requestId"]) for _, body, _ in self.calls}

    def named(self, call: str) -> list[dict[str, Any]]:
        return [body for name, body, _ in self.calls if name == call]

    @property
    def shown(self) -> list[str]:
        """What the user sees, templates unwrapped."""
        return [_text(body) for body in self.named("sendUserMessage")]


def _text(body: dict[str, Any]) -> str:
    override = body.get("overrideMessagePayload")
    if not override:
        return str(body["message"])
    return str(json.loads(override["body"])["payload"]["text"])


@dataclass
class Scene:
    """One BotKit without its middleware: hooks arrive as parsed inputs."""

    settings: Settings
    platform: Platform
    cloud: SalesforceCloud
    base_url: str
    metrics: Counted = field(default_factory=Counted)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1_760_000_000_000))
    session_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    ledger: SqliteLedger | None = None
    relay: Relay | None = None

    def start(self) -> None:
        rules = {bot_id: rules_for(bot) for bot_id, bot in self.settings.bots.items()}
        self.ledger = SqliteLedger(
            self.settings.store.url, lambda before, event: decide(rules[before.id.bot_id], before, event)
        )
        self.relay = Relay(self.settings, self.ledger, metrics=self.metrics)
        self.ledger.start(self.relay.on_commit)
        self.relay.start()

    async def stop(self) -> None:
        if self.relay is not None and self.ledger is not None:
            await asyncio.to_thread(self.relay.close, 2.0)
            self.ledger.close()
        self.relay = self.ledger = None

    async def restart(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        await self.stop()
        meanwhile()
        await asyncio.to_thread(self.start)

    async def hook(self, event: Callable[..., Event], message: str = "", **facts: Any) -> None:
        number = next(self.numbers)
        base = f"{self.base_url}/api/botsdk/stream/{BOT}"
        body = {
            "requestId": number,
            "botId": BOT,
            "message": message,
            "channel": {"type": "rtm", "from": USER.user_id},
            "baseUrl": base,
            "sendUserMessageUrl": f"{base}/sendUserMessage/{number}",
            "sendBotMessageUrl": f"{base}/sendBotMessage/{number}",
        }
        assert self.ledger is not None
        given = event(key=f"hook/{number}", at=Instant(time.time()), **facts)
        hook = HookBody(json.dumps(body).encode())
        await asyncio.wrap_future(self.ledger.submit(Input(USER, given, hook)))

    async def user_says(self, text: str, *, agent_transfer: bool | None = None) -> None:
        await self.hook(UserMessage, text, text=text, agent_transfer=agent_transfer)

    async def transfer(self) -> None:
        profile = UserProfile(user_id="u-1", first_name="Ada", channel="rtm", language="en")
        await self.hook(
            AgentTransfer,
            session_id=self.session_id,
            profile=profile,
            meta_infos=(("miawMetaInfo", MetaInfo(end_word="endagentchat")),),
        )

    async def talking(self) -> None:
        """A hand-off that an agent has accepted."""
        await self.transfer()
        await async_until(lambda: self.session_id in self.cloud.conversations)
        self.cloud.accept(self.session_id, JANE)
        await async_until(lambda: any("Jane" in text for text in self.platform.shown))

    def agent_says(self, text: str, agent: str = JANE) -> None:
        self.cloud.agent_says(self.session_id, agent, text)

    @property
    def to_agent(self) -> list[str]:
        """What Salesforce has of the user, in order."""
        entries = self.cloud.conversation(self.session_id).entries
        return [
            entry.payload["abstractMessage"]["staticContent"]["text"]
            for entry in entries
            if entry.entry_type == "Message" and entry.sender.role == "EndUser"
        ]


async def scene_for(folder: Path, receive: Literal["stream", "poll"], servers: list[TestServer]) -> Scene:
    platform = Platform()
    kore = TestServer(platform.app())
    cloud = SalesforceCloud(
        wire=None, bus=None, settings=SalesforceSandboxSettings(agent_end_response="Bye from Acme")
    )
    salesforce = TestServer(routes(cloud))
    for server in (kore, salesforce):
        await server.start_server()
        servers.append(server)
    cloud.base_url = str(salesforce.make_url("")).rstrip("/")
    miaw = MiawSettings(
        organization_id=cloud.org_id,
        organization_base_url=cloud.base_url,
        developer_name=cloud.settings.developer_name,
        receive=receive,
        poll_interval=timedelta(milliseconds=50),
    )
    settings = settings_of_one_bot(
        BOT,
        store=f"sqlite:///{folder / 'botkit.db'}",
        insecure_http=True,
        kore=KoreSettings("cs-1", Secret("secret"), callback_hosts=("127.0.0.1",)),
        agents=AgentsSettings(
            "salesforce", {"salesforce": AgentSystemSettings("salesforce", "salesforce-miaw", miaw)}
        ),
        handoff=HandoffSettings(transfer_grace=timedelta(seconds=0.2)),
        delivery=DeliverySettings(
            first_retry=timedelta(milliseconds=20), slowest_retry=timedelta(milliseconds=200)
        ),
    )
    return Scene(settings, platform, cloud, str(kore.make_url("")).rstrip("/"))


@pytest.fixture(params=["stream", "poll"])
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    servers: list[TestServer] = []
    scene = await scene_for(tmp_path, request.param, servers)
    await asyncio.to_thread(scene.start)
    yield scene
    await scene.stop()
    for server in servers:
        await server.close()


async def test_messages_of_an_idle_conversation_are_passed_on_both_ways(scene: Scene) -> None:
    await scene.user_says("hi")
    await scene.hook(BotMessage, "hello", text="hello")
    await async_until(lambda: len(scene.platform.calls) == 2)
    assert {call for call, _, _ in scene.platform.calls} == {"sendBotMessage", "sendUserMessage"}


async def test_a_hand_off_carries_messages_both_ways_in_order(scene: Scene) -> None:
    await scene.talking()
    for number in range(5):
        scene.agent_says(f"agent {number}")
        await scene.user_says(f"user {number}", agent_transfer=True)
    await async_until(lambda: "agent 4" in scene.platform.shown and "user 4" in scene.to_agent)
    assert [text for text in scene.platform.shown if text.startswith("agent ")] == [
        f"agent {n}" for n in range(5)
    ]
    assert [text for text in scene.to_agent if text.startswith("user ")] == [f"user {n}" for n in range(5)]


async def test_the_transcript_comes_before_messages_typed_while_waiting(scene: Scene) -> None:
    scene.platform.history = [
        {
            "type": "incoming",
            "sessionId": "s-1",
            "timestampValue": 1,
            "components": [{"cT": "text", "data": {"text": "my order is late"}}],
        }
    ]
    await scene.transfer()
    await scene.user_says("are you there?", agent_transfer=True)
    await async_until(lambda: scene.session_id in scene.cloud.conversations and len(scene.to_agent) == 2)
    assert "my order is late" in scene.to_agent[0]
    assert scene.to_agent[1] == "are you there?"


async def test_when_the_agent_ends_the_user_gets_the_last_messages_and_is_given_back_once(
    scene: Scene,
) -> None:
    await scene.talking()
    scene.agent_says("goodbye")
    scene.cloud.agent_ends(scene.session_id, JANE)
    await async_until(lambda: len(scene.platform.named("clearAgentSession")) == 1)
    assert scene.platform.shown.index("goodbye") < scene.platform.shown.index("Bye from Acme")
    await async_until(lambda: scene.cloud.conversation(scene.session_id).stage == "closed")
    assert len(scene.platform.named("clearAgentSession")) == 1
    assert scene.metrics.open == 0


async def test_the_end_word_ends_the_conversation_on_salesforces_side(scene: Scene) -> None:
    await scene.talking()
    await scene.user_says("thanks", agent_transfer=True)
    await scene.user_says("endagentchat", agent_transfer=True)
    await async_until(lambda: scene.cloud.conversation(scene.session_id).stage == "closed")
    assert scene.to_agent[-1] == "thanks"
    await async_until(lambda: len(scene.platform.named("clearAgentSession")) == 1)


async def test_a_transfer_between_agents_does_not_end_the_chat(scene: Scene) -> None:
    await scene.talking()
    scene.cloud.transfer(scene.session_id, JANE, to=OMAR)
    scene.cloud.accept(scene.session_id, OMAR)
    await async_until(lambda: any("Omar" in text for text in scene.platform.shown))
    scene.agent_says("hello from Omar", OMAR)
    await async_until(lambda: "hello from Omar" in scene.platform.shown)
    assert scene.platform.named("clearAgentSession") == []


async def test_a_platform_in_trouble_gets_every_message_once_it_is_back_with_the_same_id(
    scene: Scene,
) -> None:
    await scene.talking()
    before = len(scene.platform.calls)
    scene.platform.trouble = [503, 500, 429]
    scene.agent_says("one")
    scene.agent_says("two")
    await async_until(lambda: scene.platform.shown[-1] == "two")
    tries = scene.platform.calls[before:]
    assert [_text(body) for _, body, _ in tries] == ["one", "one", "one", "one", "two"]
    assert len({idempotency_key for _, _, idempotency_key in tries}) == 2


async def test_an_agents_message_for_an_expired_request_id_comes_with_the_users_next_message(
    scene: Scene,
) -> None:
    await scene.talking()
    scene.platform.forgets()
    scene.agent_says("one")
    scene.agent_says("two")
    await async_until(lambda: scene.platform.shown[-1] == "one")
    await scene.restart()
    await scene.user_says("are you there?", agent_transfer=True)
    await async_until(lambda: scene.platform.shown[-1] == "two")
    assert "are you there?" in scene.to_agent
    scene.agent_says("three")
    await async_until(lambda: scene.platform.shown[-1] == "three")
    assert ("SendToUser", "gave_up") not in scene.metrics.done
    assert ("SendToUser", "refused") not in scene.metrics.done


async def test_after_a_restart_the_request_id_is_extended_at_once(scene: Scene) -> None:
    await scene.talking()
    await scene.restart()
    await async_until(lambda: len(scene.platform.named("extendcallid")) == 1)


async def test_an_agents_message_just_before_the_end_word_reaches_the_user(scene: Scene) -> None:
    await scene.talking()
    scene.agent_says("your number is 4711")
    await scene.user_says("endagentchat", agent_transfer=True)
    await async_until(lambda: "your number is 4711" in scene.platform.shown)
    assert scene.platform.shown.count("your number is 4711") == 1


async def test_salesforce_in_trouble_gets_every_message_once(scene: Scene) -> None:
    await scene.talking()
    scene.cloud.inject(Fault(kind="drop-response", operation="sendMessage", times=2))
    await scene.user_says("one", agent_transfer=True)
    await scene.user_says("two", agent_transfer=True)
    await async_until(lambda: "two" in scene.to_agent)
    assert scene.to_agent[-2:] == ["one", "two"]


async def test_a_restart_in_the_middle_loses_nothing_and_repeats_nothing(scene: Scene) -> None:
    await scene.talking()
    scene.agent_says("before")
    await async_until(lambda: "before" in scene.platform.shown)
    await scene.restart(lambda: scene.agent_says("while nobody listened"))
    await async_until(lambda: "while nobody listened" in scene.platform.shown)
    scene.agent_says("after")
    await scene.user_says("still here", agent_transfer=True)
    await async_until(lambda: "after" in scene.platform.shown and "still here" in scene.to_agent)
    assert [
        text for text in scene.platform.shown if text in ("before", "while nobody listened", "after")
    ] == [
        "before",
        "while nobody listened",
        "after",
    ]


async def test_a_second_hand_off_of_the_same_user_works_after_a_restart(scene: Scene) -> None:
    await scene.talking()
    await scene.user_says("endagentchat", agent_transfer=True)
    await async_until(lambda: scene.cloud.conversation(scene.session_id).stage == "closed")
    await async_until(lambda: len(scene.platform.named("clearAgentSession")) == 1)
    await scene.restart()
    scene.session_id = str(uuid.uuid4())
    await scene.transfer()
    await async_until(lambda: scene.session_id in scene.cloud.conversations)
    scene.cloud.accept(scene.session_id, OMAR)
    scene.agent_says("hello again", OMAR)
    await async_until(lambda: "hello again" in scene.platform.shown)


async def test_defects_of_the_agent_system_leave_nobody_in_the_conversation(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.talking()
    end = MiawSystem.end
    defects: list[BaseException] = [OverflowError("a plug-in's mistake"), asyncio.CancelledError()]

    async def breaks(*_: Any, **__: Any) -> Any:
        raise OverflowError("a plug-in's mistake")

    async def breaks_twice(system: MiawSystem, session_id: str, access: Access) -> None:
        if defects:
            raise defects.pop()
        await end(system, session_id, access)

    monkeypatch.setattr(MiawSystem, "send", breaks)
    monkeypatch.setattr(MiawSystem, "fetch", breaks)
    monkeypatch.setattr(MiawSystem, "end", breaks_twice)
    await scene.user_says("hello?", agent_transfer=True)
    await async_until(lambda: scene.cloud.conversation(scene.session_id).stage == "closed")
    await async_until(lambda: len(scene.platform.named("clearAgentSession")) == 1)
    await async_until(lambda: ("EndSession", "delivered") in scene.metrics.done)
    assert ("SendToAgent", "broken") in scene.metrics.done
    assert any("hello?" in text for text in scene.platform.shown)  # quoted back


async def test_an_expired_token_gives_the_user_back(scene: Scene) -> None:
    await scene.talking()
    scene.cloud.inject(Fault(kind="expire-tokens"))
    if scene.cloud.open_streams():
        scene.cloud.inject(Fault(kind="drop-streams"))
    await async_until(lambda: len(scene.platform.named("clearAgentSession")) == 1)


async def test_dropped_streams_and_lost_events_cost_no_message(tmp_path: Path) -> None:
    servers: list[TestServer] = []
    scene = await scene_for(tmp_path, "stream", servers)
    await asyncio.to_thread(scene.start)
    await scene.talking()
    for number in range(6):
        scene.cloud.inject(
            Fault(kind="lose-event", times=1) if number % 2 else Fault(kind="repeat-event", times=1)
        )
        scene.agent_says(f"agent {number}")
        scene.cloud.inject(Fault(kind="drop-streams", how="abort" if number % 3 else "end"))
        await async_until(lambda number=number: f"agent {number}" in scene.platform.shown)  # type: ignore[misc]
    assert [text for text in scene.platform.shown if text.startswith("agent ")] == [
        f"agent {n}" for n in range(6)
    ]
    await scene.stop()
    for server in servers:
        await server.close()
