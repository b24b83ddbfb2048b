"""Every call of Kore's SDK, made both ways, with its bytes on the emulated platform's wire.

One row for each call: the hook of its payload, the changes, the path on the wire, and the effect on the platform. Each call is
made by `KoreRequests` over the relay's carrier, like a handler's calls, and by `KoreClient`.
"""

from __future__ import annotations

import asyncio
import copy
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from botkit.client import KoreClient
from botkit.config.settings import KoreSettings, Secret
from botkit.http.curl import CurlTransport
from botkit.kore import KoreRequests, check_reply
from botkit.kore.history import read_page
from botkit.kore.reads import read_dialog, read_variables
from botkit.kore.requests import SDK_CALLS
from botkit.templates import button_template
from botkit.testing.waiting import async_until
from botkit_sandbox.bus import Bus
from botkit_sandbox.kore import KoreCloud, KoreSandboxSettings, routes
from botkit_sandbox.kore.export import BotExport
from botkit_sandbox.kore.users import User
from botkit_sandbox.wire import Wire, WireEntry
from tests.sandbox.kore.platform_double import SAMPLE, Hook, ShiftedClock, StubBotKit, serve

DOCS = Path(__file__).parents[2] / "docs"
TEMPLATE = button_template("Sure?", ["Yes", "No"])
TAGS = {"sessionMetaTags": [{"name": "campaign", "value": "spring"}]}


@dataclass
class Stage:
    """The platform, its wire, and one user of it."""

    cloud: KoreCloud
    botkit: StubBotKit
    wire: Wire
    carrier: CurlTransport
    requests: KoreRequests
    user: User
    held: asyncio.Event = field(default_factory=asyncio.Event)

    async def payload(self, event: str) -> tuple[bytes, str]:
        """Make the user or the bot cause this event. Returns the platform's raw body, and the component it was posted to."""

        async def hold(_: Hook) -> None:
            self.held.set()

        said = {
            "on_user_message": ["hello"],
            "on_bot_message": ["hello"],
            "on_agent_transfer": ["talk to an agent"],
            "on_webhook": ["where is my order", "7"],
        }.get(event, [])
        for text in said[:-1]:
            self.cloud.say(self.user, text)
            await async_until(lambda: not self.cloud.lanes.busy(self.user.id))
        self.botkit.react[event] = hold
        for text in said[-1:]:
            self.cloud.say(self.user, text)
        if event == "on_alert":
            self.cloud.alert(self.user, "Your parcel is late")
        if event == "on_client_event":
            self.cloud.typing(self.user, started=True)
        async with asyncio.timeout(30):
            await self.held.wait()
        hook = self.botkit.of(event)[-1]
        entry = await async_until(lambda: next((e for e in self.wire.entries if e.label == event), None))
        return entry.request_body.encode(), hook.component_id or "default"

    def texts(self) -> list[str]:
        return [message.text for message in self.user.messages]


ByClient = Callable[[KoreClient, bytes], object]
SeenIn = Callable[[Stage], object]


@dataclass(frozen=True)
class Row:
    """One call: the event of its payload, the changes, the path on the wire, and its effect on the platform."""

    call: str
    event: str
    path: str
    by_client: ByClient
    effect: SeenIn
    changes: Mapping[str, Any] = field(default_factory=dict)
    adds: Mapping[str, Any] = field(default_factory=dict)
    """Members that the call adds, beyond those that every payload gets."""


@dataclass(frozen=True)
class Read:
    """One call that reads: the event of its payload, the path on the wire, the answer."""

    call: str
    event: str
    path: str
    by_client: ByClient
    request: Callable[[Stage, bytes, str], Any]
    parse: Callable[[bytes], object]
    is_right: Callable[[Any], object]


ROWS = [
    Row(
        "send_user_message",
        "on_user_message",
        "sendUserMessage",
        lambda kore, body: kore.send_user_message(body, TEMPLATE, meta_tags=TAGS),
        lambda stage: stage.texts()[-1:] == ["Sure?"] and stage.user.tags["sessionMetaTags"],
        {**TEMPLATE.for_channel("rtm").as_changes(), "metaTags": TAGS},
    ),
    Row(
        "send_bot_message",
        "on_user_message",
        "sendBotMessage",
        lambda kore, body: kore.send_bot_message(body, "how are you"),
        lambda stage: stage.botkit.of("on_bot_message"),
        {"message": "how are you", "overrideMessagePayload": None},
    ),
    Row(
        "skip_user_message",
        "on_bot_message",
        "skipUserMessage",
        lambda kore, body: kore.skip_user_message(body),
        lambda stage: len(stage.botkit.of("on_bot_message")) > 1 and stage.texts() == ["hello"],
    ),
    Row(
        "skip_bot_message",
        "on_user_message",
        "skipBotMessage",
        lambda kore, body: kore.skip_bot_message(body),
        lambda stage: not stage.cloud.lanes.busy(stage.user.id) and stage.texts() == ["hello"],
    ),
    Row(
        "send_alert_message",
        "on_alert",
        "sendAlertMessage",
        lambda kore, body: kore.send_alert_message(body),
        lambda stage: stage.texts() == ["Your parcel is late"],
        adds={"__payloadClass": "OnAlertPayload"},
    ),
    Row(
        "reset_bot",
        "on_user_message",
        "resetBot",
        lambda kore, body: kore.reset_bot(body),
        lambda stage: stage.user.resets,
    ),
    Row(
        "start_agent_session",
        "on_user_message",
        "startAgentSession",
        lambda kore, body: kore.start_agent_session(body, meta_tags=TAGS),
        lambda stage: stage.user.agent_mode and stage.user.tags["sessionMetaTags"],
        {"metaTags": TAGS},
    ),
    Row(
        "clear_agent_session",
        "on_agent_transfer",
        "clearAgentSession",
        lambda kore, body: kore.clear_agent_session(body),
        lambda stage: not stage.user.agent_mode,
        adds={"__payloadClass": "OnAgentTransferPayload"},
    ),
    Row(
        "extend_request_id",
        "on_agent_transfer",
        "extendcallid",
        lambda kore, body: kore.extend_request_id(body),
        lambda stage: stage.user.agent_mode,
        adds={"__payloadClass": "OnAgentTransferPayload"},
    ),
    Row(
        "close_conversation_session",
        "on_user_message",
        "clearConversationSession",
        lambda kore, body: kore.close_conversation_session(body),
        lambda stage: stage.user.session.closed,
    ),
    Row(
        "send_feedback_message",
        "on_user_message",
        "sendFeedbackMessage",
        lambda kore, body: kore.send_feedback_message(body, "CSAT", 4),
        lambda stage: stage.cloud.core.feedback[-1:],
        {"feedbackData": {"name": "CSAT", "score": 4}},
    ),
    Row(
        "send_bot_event",
        "on_client_event",
        "sendBotEvent",
        lambda kore, body: kore.send_bot_event(body, "TYPING_STARTED"),
        lambda stage: stage.user.agent_typing,
        {"preDefinedEvent": {"type": "TYPING_STARTED"}},
        adds={"customEvent": {}},
    ),
    Row(
        "respond_to_hook",
        "on_webhook",
        "serviceCallback",
        lambda kore, body: kore.respond_to_hook(body, context={"orderNumber": "7", "orderStatus": "found"}),
        lambda stage: stage.texts()[-1:] == ["Your order 7 is found."],
        {"context": {"orderNumber": "7", "orderStatus": "found"}},
        adds={"__payloadClass": "OnHookPayload"},
    ),
]

READS = [
    Read(
        "get_messages",
        "on_user_message",
        r"getMessages\?skip=0&limit=20&userId=u-[0-9a-f-]+&channelType=rtm",
        lambda kore, body: kore.get_messages(user_id=json.loads(body)["channel"]["from"], channel_type="rtm"),
        lambda stage, body, component: stage.requests.get_messages(body, component_id=component, limit=20),
        read_page,
        lambda page: [(message.sender, message.text) for message in page.messages] == [("user", "hello")],
    ),
    Read(
        "fetch_bot_variable",
        "on_user_message",
        r"getBotVariable/\d+",
        lambda kore, body: kore.fetch_bot_variables(body, ["en"])["en"],
        lambda stage, body, component: stage.requests.fetch_bot_variable(
            body, component_id=component, language="en"
        ),
        read_variables,
        lambda variables: [(one.key, one.value) for one in variables] == [("shop", "Acme")],
    ),
    Read(
        "get_dialog",
        "on_agent_transfer",
        r"getDialog/\d+",
        lambda kore, body: kore.get_dialog(body),
        lambda stage, body, component: stage.requests.get_dialog(body, component_id=component),
        read_dialog,
        lambda dialog: dialog.component("SetHandoffInfo"),
    ),
]


def bot() -> BotExport:
    """The sample bot with a variable, and with a Webhook node where orders are looked up."""
    definition = copy.deepcopy(dict(SAMPLE.definition))
    for component in definition["dialogComponents"]:
        if component["name"] == "LookUpOrder":
            component["type"] = "SDKWebHook"
    for dialog in definition["dialogs"]:
        for node in dialog["nodes"]:
            if dialog["lname"] == "order status" and node["type"] == "script":
                node["type"] = "SDKWebHook"
    config = {**SAMPLE.config, "envVariables": [{"key": "shop", "value": "Acme", "variableType": "env"}]}
    return BotExport(definition=definition, config=config)


BOT = bot()


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        carrier = await stack.enter_async_context(
            CurlTransport(allowed_hosts=["127.0.0.1"], insecure_http=True)
        )
        bus, clock = Bus(), ShiftedClock()
        wire = Wire(bus)
        cloud = KoreCloud(wire=wire, bus=bus, bot=BOT, settings=KoreSandboxSettings(), clock=clock)
        botkit = StubBotKit(cloud.client_id, cloud.client_secret, http, clock, webhook_status=202)
        hooks = web.Application()
        hooks.router.add_post("/sdk/bots/{bot}/{event}", botkit.receive)
        hooks.router.add_post("/sdk/bots/{bot}/components/{component}/{event}", botkit.receive)
        runner, cloud.base_url = await serve(routes(cloud))
        hook_runner, url = await serve(hooks)
        stack.push_async_callback(hook_runner.cleanup)
        stack.push_async_callback(runner.cleanup)
        stack.push_async_callback(botkit.stop)
        cloud.subscribe(url, ["onMessage", "onAgentTransfer", "onHook", "onAlert"])
        settings = KoreSettings(cloud.client_id, Secret(cloud.client_secret), callback_hosts=("127.0.0.1",))
        requests = KoreRequests(settings, bot_id=cloud.bot_id, insecure_http=True, clock=clock)
        yield Stage(cloud, botkit, wire, carrier, requests, cloud.add_user(name="Ada Lovelace"))


def client(stage: Stage) -> KoreClient:
    return KoreClient(
        client_id=stage.cloud.client_id,
        client_secret=stage.cloud.client_secret,
        bot_id=stage.cloud.bot_id,
        callback_hosts=["127.0.0.1"],
        base_url=stage.cloud.base_url,
        insecure_http=True,
    )


async def by_client(stage: Stage, call: ByClient, body: bytes) -> object:
    def make() -> object:
        with client(stage) as kore:
            return call(kore, body)

    return await asyncio.to_thread(make)


async def by_relay(stage: Stage, request: Any) -> bytes:
    return check_reply(request.what, await stage.carrier.send(request), now=stage.cloud.core.clock()).body


async def newest_from_botkit(stage: Stage, label: str) -> WireEntry:
    """The finished exchange on the platform's side of the wire."""
    found = await async_until(
        lambda: [e for e in stage.wire.entries if (e.source, e.label) == ("botkit", label)]
    )
    entry: WireEntry = found[-1]
    return entry


def expected(row: Row, body: bytes, component: str, sent: Mapping[str, Any]) -> dict[str, Any]:
    """The platform's own payload, completed as Kore's SDK completes it, with the row's changes."""
    completed = {
        "__payloadClass": "OnMessagePayload",
        "componentId": component,
        "ackMessage": True,
        **json.loads(body),
        **row.changes,
        **row.adds,
    }
    if row.call == "send_feedback_message":
        channel = completed["channel"]
        completed["feedbackData"] = completed["feedbackData"] | {
            "botId": completed["botId"],
            "channelUId": channel["from"],
            "channel": channel["type"],
            "botLanguage": channel["botLanguage"],
            "createdOn": sent["feedbackData"]["createdOn"],
        }
    return completed


@pytest.mark.parametrize("way", ["relay", "client"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.call)
async def test_a_call_posts_the_platforms_payload_with_what_is_changed(
    stage: Stage, row: Row, way: str
) -> None:
    body, component = await stage.payload(row.event)
    if way == "client":
        component = json.loads(body).get("componentId", "default")
        await by_client(stage, row.by_client, body)
    else:
        request = stage.requests.call(row.call, body, component_id=component, changes=row.changes)
        await by_relay(stage, request)
    entry = await newest_from_botkit(stage, row.path)
    assert (entry.method, entry.status) == ("POST", 200)
    assert entry.path == f"/api/botsdk/stream/{stage.cloud.bot_id}/{row.path}/{json.loads(body)['requestId']}"
    assert entry.request_headers["Content-Type"] == "application/json"
    assert entry.request_headers["auth"].startswith("eyJ")
    sent = json.loads(entry.request_body)
    assert sent == expected(row, body, component, sent)
    if not row.changes:
        # Nothing is changed, so nothing is spelled anew either.
        assert entry.request_body.encode().endswith(body[1:])
    await async_until(lambda: row.effect(stage))


@pytest.mark.parametrize("way", ["relay", "client"])
@pytest.mark.parametrize("read", READS, ids=lambda read: read.call)
async def test_a_read_is_a_get_without_a_body(stage: Stage, read: Read, way: str) -> None:
    body, component = await stage.payload(read.event)
    if way == "client":
        answer = await by_client(stage, read.by_client, body)
    else:
        answer = read.parse(await by_relay(stage, read.request(stage, body, component)))
    assert read.is_right(answer)
    entry = await newest_from_botkit(stage, read.path.partition("/")[0].partition("\\")[0])
    assert (entry.method, entry.status, entry.request_body) == ("GET", 200, "")
    assert re.fullmatch(f"/api/botsdk/stream/{stage.cloud.bot_id}/{read.path}", entry.path)
    assert "Content-Type" not in entry.request_headers
    assert entry.request_headers.get("bot-language") == ("en" if read.call == "fetch_bot_variable" else None)


async def test_an_extended_request_id_lives_longer(stage: Stage) -> None:
    body, component = await stage.payload("on_agent_transfer")
    request_id = str(json.loads(body)["requestId"])
    before = stage.cloud.core.calls.find(request_id, now_ms=stage.cloud.core.now_ms()).expires_ms
    stage.cloud.configure({"clock_ahead": 30})
    await by_relay(stage, stage.requests.call("extend_request_id", body, component_id=component))
    after = stage.cloud.core.calls.find(request_id, now_ms=stage.cloud.core.now_ms()).expires_ms
    assert after >= before + 30_000


async def test_history_of_more_than_a_page_is_read_to_its_end(stage: Stage) -> None:
    for number in range(230):
        stage.cloud.core.add_user_message(stage.user, f"text {number}", ())
    said = await by_client(
        stage, lambda kore, _: [m.text for m in kore.iter_messages(user_id=stage.user.id)], b""
    )
    assert said == [f"text {number}" for number in reversed(range(230))]


def test_every_call_has_a_row() -> None:
    assert {row.call for row in ROWS} == set(SDK_CALLS)


def test_every_call_is_in_the_documentation() -> None:
    page = (DOCS / "client.md").read_text()
    named = set(re.findall(r"^\|[^|]*\| `(\w+)\(", page, re.MULTILINE))
    assert set(SDK_CALLS) <= named
    assert {"get_messages", "iter_messages", "fetch_bot_variables", "get_dialog"} <= named
    assert all(hasattr(KoreClient, name) for name in named)
