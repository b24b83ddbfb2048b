"""The checks of the platform pass against the emulated one, and name each cause that it can play."""

from __future__ import annotations

import asyncio
import json
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import requests
import trustme
from aiohttp import web
from structlog.testing import capture_logs

from botkit.checks import Result, Surroundings
from botkit.config.settings import (
    AgentsSettings,
    BotSettings,
    HandoffSettings,
    KoreSettings,
    Secret,
    SecuritySettings,
    ServerSettings,
    Settings,
    StoreSettings,
)
from botkit.http.curl import CurlTransport
from botkit.http.network import DIRECT, Network, parse_proxy
from botkit.kit import BotKit
from botkit.operate.machine import machine_checks
from botkit.operate.of_the_bot import end_word, inactivity
from botkit.operate.platform import platform_checks
from botkit.operate.reaching import reaching
from botkit.operate.running import Group, run
from botkit.operate.running_service import Doorbell
from botkit.operate.subscription import subscription
from botkit.testing.serving import Server, nothing_here
from botkit_sandbox.kore import KoreCloud, KoreSandboxSettings, routes
from botkit_sandbox.kore.credentials import SANDBOX_CLIENT_ID, SANDBOX_CLIENT_SECRET
from botkit_sandbox.kore.faults import fault_of
from tests.http.connect_proxy import connect_proxy, tls_front
from tests.sandbox.kore.platform_double import SAMPLE, serve

OTHER_ID = "cs-00000000-0000-5000-8000-000000000000"
WITH_TOKEN = ("kore.platform", "kore.clock", "kore.credentials", "kore.bot", "kore.history")


class Stage:
    """The emulated platform, and a configuration that fits it until a test changes one thing."""

    def __init__(self, cloud: KoreCloud, host: str, folder: Path) -> None:
        self.cloud = cloud
        self.bot = BotSettings(
            id=cloud.bot_id,
            name="Sample",
            kore=KoreSettings(SANDBOX_CLIENT_ID, Secret(SANDBOX_CLIENT_SECRET), callback_hosts=(host,)),
            agents=AgentsSettings("none", MappingProxyType({})),
            handoff=HandoffSettings(end_chat_command="endagentchat"),
        )
        self.settings = Settings(
            server=ServerSettings(port=0),
            store=StoreSettings(f"sqlite:///{folder}/b.db"),
            security=SecuritySettings(insecure_http=True),
            bots=MappingProxyType({self.bot.id: self.bot}),
        )
        self.network = DIRECT
        self.found_here = Doorbell.BOTKIT
        self.surroundings = Surroundings(
            bot_name="Sample",
            language="en",
            attributes={},
            live=False,
            reach=lambda url, group: (),
            insecure_http=True,
        )

    def kore(self, **changes: Any) -> None:
        self.bot = replace(self.bot, kore=replace(self.bot.kore, **changes))

    def switch(self, **switches: Any) -> None:
        self.cloud.core.configure(replace(self.cloud.core.settings, **switches))

    async def look(self) -> dict[str, Result]:
        async with CurlTransport(allowed_hosts=None, insecure_http=True, network=self.network) as transport:
            checks = platform_checks(
                self.settings, self.bot, transport, self.surroundings, ring=lambda *_: self.found_here
            )
            found = {result.check: result async for result in run(Group(checks, self.bot.id))}
        shown = json.dumps([result.as_json() for result in found.values()])
        assert self.bot.kore.client_secret.reveal() not in shown
        assert "eyJ" not in shown, "a token is shown"
        return found


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    cloud = KoreCloud(wire=None, bus=None, bot=SAMPLE, settings=KoreSandboxSettings())
    runner, cloud.base_url = await serve(routes(cloud))
    yield Stage(cloud, cloud.base_url.removeprefix("http://"), tmp_path)
    await runner.cleanup()


async def test_a_good_set_up_passes(stage: Stage) -> None:
    found = await stage.look()
    assert {name: found[name].ok for name in WITH_TOKEN} == dict.fromkeys(WITH_TOKEN, True)
    assert not [name for name, result in found.items() if result.ok is False]


async def test_a_user_without_a_history_is_fine_too(stage: Stage) -> None:
    stage.switch(unknown_user="empty")
    found = await stage.look()
    assert found["kore.history"].cause == "the history can be read"
    assert found["kore.bot"].cause == f"{stage.bot.id} is known"


async def test_the_page_names_every_check(stage: Stage) -> None:
    page = (Path(__file__).parents[2] / "docs" / "doctor-kore.md").read_text(encoding="utf-8")
    here = stage.bot.kore.callback_hosts[0]
    stage.kore(callback_hosts=(here, here))
    names = [*(await stage.look()), *(check.name for check in machine_checks(stage.settings))]
    assert [name for name in names if f"| `{name}` |" not in page] == []


async def test_a_good_set_up_passes_over_tls_and_through_a_proxy_in_both_directions(
    stage: Stage, botkit_url: str, tmp_path: Path
) -> None:
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    ports = [int(url.rpartition(":")[2]) for url in (stage.cloud.base_url, botkit_url)]
    with (
        tls_front(ports[0], authority, name="bots.kore.ai") as kore,
        tls_front(ports[1], authority, name="botkit.example") as here,
        connect_proxy(login="u:p", ports={"bots.kore.ai:443": kore, "botkit.example:443": here}) as proxy,
    ):
        stage.network = Network(proxy=parse_proxy(proxy.url), ca_bundle=tmp_path / "ca.pem")
        stage.surroundings = replace(
            stage.surroundings, insecure_http=False, reach=partial(reaching, network=stage.network)
        )
        stage.kore(callback_hosts=("bots.kore.ai",))
        found = await calling(stage, "https://botkit.example").look()
    assert not [name for name, result in found.items() if result.ok is False]
    assert {name for name, result in found.items() if result.ok} >= {
        *("kore.proxy", "kore.tls", *WITH_TOKEN),
        *("kore.callback.proxy", "kore.callback.tls", "kore.callback", "kore.callback.secret"),
    }
    assert set(proxy.asked) == {"CONNECT bots.kore.ai:443", "CONNECT botkit.example:443"}


# --- credentials: each cause is found with and without the platform's own words ----------------------------------

words = pytest.mark.parametrize("refusal_words", ["reason", "uniform"])


@words
async def test_another_algorithm_is_found(stage: Stage, refusal_words: str) -> None:
    stage.switch(algorithm="HS512", refusal_words=refusal_words)
    found = await stage.look()
    assert "the app signs with HS512, and the configuration has HS256" in found["kore.credentials"].cause
    assert found["kore.credentials"].fix == "write kore.algorithm: HS512"
    assert found["kore.history"].cause == "not checked, because kore.credentials failed"


@words
async def test_an_app_that_demands_a_jti_is_found(stage: Stage, refusal_words: str) -> None:
    stage.switch(enforce_jti=True, refusal_words=refusal_words)
    assert "the app demands a JTI claim" in (await stage.look())["kore.credentials"].cause


@words
async def test_a_clock_that_is_behind_the_platforms_is_found(stage: Stage, refusal_words: str) -> None:
    stage.switch(clock_ahead=120, refusal_words=refusal_words)
    found = await stage.look()
    assert "it takes our tokens for expired" in found["kore.clock"].cause
    assert "since this machine's clock is off by 120 s" in found["kore.credentials"].cause


async def test_a_clock_that_is_ahead_of_the_platforms_is_found(stage: Stage) -> None:
    stage.switch(clock_ahead=-90)
    found = await stage.look()
    assert "behind this machine's: BotKit takes the tokens of hooks for expired" in found["kore.clock"].cause
    assert found["kore.credentials"].ok


@pytest.mark.parametrize("ahead", [20, -20])
async def test_a_small_difference_of_the_clocks_is_a_warning(stage: Stage, ahead: int) -> None:
    stage.switch(clock_ahead=ahead)
    found = (await stage.look())["kore.clock"]
    assert (found.ok, "calls still pass" in found.cause, bool(found.fix)) == (True, True, True)


@words
async def test_two_things_that_are_wrong_at_once_are_still_found(stage: Stage, refusal_words: str) -> None:
    stage.switch(clock_ahead=120, algorithm="HS512", refusal_words=refusal_words)
    found = await stage.look()
    assert found["kore.clock"].ok is False
    assert "the app signs with HS512" in found["kore.credentials"].cause


@pytest.mark.parametrize(
    ("changes", "refusal_words", "cause"),
    [
        ({"client_secret": Secret("wrong-secret-wrong-secret-wrong-secret")}, "reason", "the secret is not the app's"),
        ({"client_secret": Secret("wrong-secret-wrong-secret-wrong-secret")}, "uniform", "nor a JTI claim changes that"),
        ({"client_id": OTHER_ID}, "reason", "it knows no such app for this bot"),
        ({"client_id": OTHER_ID}, "uniform", "nor a JTI claim changes that"),
        ({"client_id": "my-app"}, "uniform", "the client id has not the form cs- and a UUID"),
        ({"client_id": "st-11111111-1111-5111-8111-111111111111"}, "uniform", "holds the id of a bot"),
        ({"client_id": SANDBOX_CLIENT_SECRET, "client_secret": Secret(OTHER_ID)}, "uniform", "holds a client id"),
        ({"client_secret": Secret(f"{SANDBOX_CLIENT_SECRET}\n")}, "uniform", "a blank or line end around the value"),
    ],
)  # fmt: skip
async def test_wrong_values_are_told_apart_as_far_as_the_platform_tells(
    stage: Stage, changes: dict[str, Any], refusal_words: str, cause: str
) -> None:
    stage.switch(refusal_words=refusal_words)
    stage.kore(**changes)
    found = (await stage.look())["kore.credentials"]
    assert found.ok is False
    assert cause in found.cause
    assert found.fix


async def test_an_app_without_the_permission(stage: Stage) -> None:
    stage.cloud.core.faults.replace([fault_of({"status": 403})])
    found = await stage.look()
    assert "the app may not do this" in found["kore.credentials"].cause


async def test_an_app_that_may_not_read_the_history_alone(stage: Stage) -> None:
    stage.switch(history_scope=False)
    found = await stage.look()
    assert found["kore.credentials"].ok
    assert (found["kore.history"].ok, "agents get no transcript" in found["kore.history"].cause) == (
        True,
        True,
    )
    assert "Chat History" in found["kore.history"].fix


# --- the platform and the bot ------------------------------------------------------------------------------------


async def test_another_host_than_the_platforms(stage: Stage) -> None:
    stage.cloud.core.faults.replace([fault_of({"page": True})])
    found = await stage.look()
    assert "answers with a web page or a redirect (HTTP 200)" in found["kore.platform"].cause
    assert found["kore.credentials"].ok is None


@pytest.mark.parametrize(("status", "ok"), [(503, False), (429, None)])
async def test_a_platform_in_trouble(stage: Stage, status: int, ok: bool | None) -> None:
    stage.cloud.core.faults.replace([fault_of({"status": status})])
    assert (await stage.look())["kore.platform"].ok is ok


async def test_a_platform_that_closes_the_connection(stage: Stage) -> None:
    stage.cloud.core.faults.replace([fault_of({"refuse": True})])
    found = (await stage.look())["kore.platform"]
    assert (found.ok, "the server closed the connection" in found.cause) == (False, True)


async def test_a_bot_that_the_platform_does_not_know(stage: Stage) -> None:
    stage.bot = replace(stage.bot, id="st-22222222-2222-5222-8222-222222222222")
    found = await stage.look()
    assert "the platform knows no bot st-22222222" in found["kore.bot"].cause
    assert found["kore.history"].ok is None


@pytest.mark.parametrize(
    ("tells", "ok", "cause"),
    [
        ("hidden", None, "does not tell which agent integration serves a channel (HTTP 403"),
        ("custom", True, "all channels are mapped to this BotKit"),
        ("mixed", True, "mapped elsewhere: rtm to salesforce"),
        (
            "salesforce",
            False,
            "no channel is mapped to this BotKit, but default to salesforce, rtm to salesforce",
        ),
        ("unpublished", True, "the mapping is not published"),
    ],
)
async def test_the_mapping_of_channels(stage: Stage, tells: str, ok: bool | None, cause: str) -> None:
    stage.switch(agent_integrations=tells)
    found = (await stage.look())["kore.channels"]
    assert found.ok is ok
    assert cause in found.cause
    assert bool(found.fix) is (tells != "custom")


async def test_a_further_host_that_cannot_be_reached_is_a_warning(stage: Stage) -> None:
    here = stage.bot.kore.callback_hosts[0]
    stage.kore(callback_hosts=(here, here))
    assert (await stage.look())["kore.other_hosts"].fix == ""
    stage.kore(callback_hosts=(here, "127.0.0.1:1"))
    assert (await stage.look())["kore.other_hosts"].cause == "127.0.0.1:1: Connection refused"


# --- the way back ------------------------------------------------------------------------------------------------


@contextmanager
def serving_kit(folder: Path) -> Iterator[str]:
    stage = Stage(KoreCloud(wire=None, bus=None, bot=SAMPLE), "127.0.0.1:1", folder)
    kit = BotKit(stage.settings)
    server = Server(kit.middleware(nothing_here))
    try:
        yield server.url
    finally:
        server.close()
        kit.close()


@pytest.fixture(scope="module")
def botkit_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving_kit(tmp_path_factory.mktemp("botkit")) as url:
        yield url


def calling(stage: Stage, url: str) -> Stage:
    stage.settings = replace(stage.settings, server=ServerSettings(public_url=url))
    return stage


async def test_the_public_address_leads_to_this_botkit(stage: Stage, botkit_url: str) -> None:
    found = await calling(stage, botkit_url).look()
    assert (
        found["kore.callback"].cause
        == f"a BotKit answers at {botkit_url}, and refuses a hook with a made-up token"
    )
    assert found["kore.callback.secret"].cause == "the BotKit there knows this bot and its secret"


@pytest.mark.parametrize(
    "changes", [{"client_secret": Secret("another-secret-another-secret-1234")}, {"client_id": OTHER_ID}]
)
async def test_the_public_address_leads_to_a_botkit_with_another_secret(
    stage: Stage, botkit_url: str, changes: dict[str, Any]
) -> None:
    stage.kore(**changes)
    found = (await calling(stage, botkit_url).look())["kore.callback.secret"]
    assert (found.ok, found.cause) == (False, "the BotKit there refuses a token of this configuration")


async def test_the_public_address_leads_to_a_botkit_without_this_bot(stage: Stage, botkit_url: str) -> None:
    stage.bot = replace(stage.bot, id="st-22222222-2222-5222-8222-222222222222")
    found = (await calling(stage, botkit_url).look())["kore.callback.secret"]
    assert (found.ok, "does not know the bot st-22222222" in found.cause) == (False, True)


async def test_the_path_of_the_public_address_is_wrong(stage: Stage, botkit_url: str) -> None:
    found = (await calling(stage, f"{botkit_url}/botkit").look())["kore.callback"]
    assert (found.ok, "HTTP 404" in found.cause, "compare the path" in found.fix) == (False, True, True)


@pytest.mark.parametrize(
    ("status", "fix"),
    [
        (200, "let that address lead to BotKit"),
        (302, "write the address to which it redirects"),
        (401, "without a login of its own"),
        (403, "without a login of its own"),
        (502, "start botkit serve"),
    ],
)
async def test_something_else_answers_at_the_public_address(stage: Stage, status: int, fix: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text="<html>hello</html>", content_type="text/html")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner, url = await serve(app)
    found = await calling(stage, url).look()
    await runner.cleanup()
    assert "gives a web page that is not BotKit's" in found["kore.callback"].cause
    assert fix in found["kore.callback"].fix
    assert found["kore.callback.secret"].ok is None


async def test_nothing_answers_at_the_public_address(stage: Stage) -> None:
    found = (await calling(stage, "http://127.0.0.1:1").look())["kore.callback"]
    assert (found.ok, found.cause) == (
        False,
        "http://127.0.0.1:1 does not answer a hook (Connection refused)",
    )


async def test_before_the_first_start_nobody_answers_and_that_is_no_failure(
    stage: Stage, unused_tcp_port: int
) -> None:
    stage.found_here = Doorbell.FREE
    url = f"http://127.0.0.1:{unused_tcp_port}"
    without_steps = await calling(stage, url).look()
    stage.surroundings = replace(stage.surroundings, reach=partial(reaching, network=DIRECT))
    for found in (without_steps, await stage.look()):
        of_callback = {name: one for name, one in found.items() if name.startswith("kore.callback")}
        assert not [name for name, one in of_callback.items() if one.ok is False]
        assert of_callback["kore.callback"].ok is None
        assert all("start botkit serve" in one.fix for one in of_callback.values() if one.ok is None)
    assert "refuses the connection, and no service runs" in of_callback["kore.callback.connection"].cause
    assert "if it runs on another machine: check host and port" in of_callback["kore.callback.connection"].fix


@pytest.mark.parametrize(
    ("status", "found_here", "ok"),
    [
        (404, Doorbell.FREE, None),
        (502, Doorbell.FREE, None),
        (403, Doorbell.FREE, False),
        (502, Doorbell.BOTKIT, False),
    ],
)
async def test_an_answer_of_a_tunnel_that_leads_to_nothing_waits_for_the_first_start(
    stage: Stage, status: int, found_here: Doorbell, ok: bool | None
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner, url = await serve(app)
    stage.found_here = found_here
    found = await calling(stage, url).look()
    await runner.cleanup()
    assert (found["kore.callback"].ok, found["kore.callback.secret"].ok) == (ok, None)
    assert f"HTTP {status}" in found["kore.callback"].cause


async def test_the_service_knows_the_doctors_hooks_and_does_not_warn_of_them(
    stage: Stage, tmp_path: Path
) -> None:
    with serving_kit(tmp_path / "here") as url, capture_logs() as lines:
        await calling(stage, url).look()
        by_hand = await asyncio.to_thread(
            requests.post, f"{url}/sdk/bots/{stage.bot.id}/on_user_message", timeout=10
        )
    assert by_hand.status_code == 401
    said = [
        (line["event"], line["log_level"], line["status"])
        for line in lines
        if "hook" in line["event"] or "doctor" in line["event"]
    ]
    assert said == [
        ("doctor_called", "info", 401),
        ("doctor_called", "info", 412),
        ("hook_refused", "warning", 401),
    ]


async def test_an_emulated_platform_without_its_port_in_the_configuration(stage: Stage) -> None:
    stage.surroundings = replace(stage.surroundings, reach=partial(reaching, network=DIRECT))
    stage.kore(callback_hosts=("127.0.0.1",))
    found = (await stage.look())["kore.connection"]
    assert found.cause == "127.0.0.1:80 refuses the connection"
    assert found.fix == "write the sandbox's port into kore.callback_hosts: 127.0.0.1:8001"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.7", "botkit.local"])
async def test_the_platform_cannot_reach_a_private_address(stage: Stage, host: str) -> None:
    stage.surroundings = replace(stage.surroundings, insecure_http=False)
    stage.kore(callback_hosts=("127.0.0.1:1",))
    found = (await calling(stage, f"https://{host}").look())["kore.callback"]
    assert (found.ok, found.cause) == (
        False,
        f"server.public_url names {host}, which the platform cannot reach",
    )


async def test_without_a_public_address_the_way_back_is_undecided(stage: Stage) -> None:
    found = await stage.look()
    assert (found["kore.callback"].ok, found["kore.callback.secret"].ok) == (None, None)


async def test_the_checks_leave_no_trace_on_the_platform(stage: Stage) -> None:
    await stage.look()
    assert not stage.cloud.core.users


# --- the subscription --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hooks", "ok", "cause"),
    [
        (None, None, "no service runs here"),
        ({}, None, "no hook has arrived since the service started"),
        ({"on_client_event": {401: 1, 412: 1}}, None, "no hook has arrived since the service started"),
        ({"on_user_message": {401: 7}}, False, "has refused every hook (7 with 401)"),
        (
            {"on_user_message": {200: 7}},
            None,
            "hooks of OnMessage have arrived, of OnAgentTransferNode, OnEvent not yet",
        ),
        (
            {"on_bot_message": {200: 7}, "on_agent_transfer": {200: 1}},
            None,
            "of OnEvent not yet; OnEvent tells of the end of a session only",
        ),
        (
            {"on_user_message": {200: 7, 401: 1}, "on_agent_transfer": {200: 1}, "on_event": {200: 1}},
            True,
            "hooks of OnMessage, OnAgentTransferNode, OnEvent have arrived since the service started",
        ),
    ],
)
def test_what_a_running_service_has_received_shows_the_subscription(
    hooks: dict[str, dict[int, int]] | None, ok: bool | None, cause: str
) -> None:
    found = subscription(ServerSettings(), 1, lambda *_: hooks)
    assert found.ok is ok
    assert cause in found.cause
    assert bool(found.fix) is not ok


# --- the bot's own settings --------------------------------------------------------------------------------------


@pytest.fixture
def bot(tmp_path: Path) -> BotSettings:
    return Stage(KoreCloud(wire=None, bus=None, bot=SAMPLE), "bots.kore.ai", tmp_path).bot


def export(
    folder: Path, milliseconds: object, *, zipped: bool, bot_id: str = str(SAMPLE.definition["_id"])
) -> Path:
    text = json.dumps({"_id": bot_id, "sessionInactiveTime": milliseconds})
    if not zipped:
        (folder / "botDefinition.json").write_text(text)
        return folder
    with zipfile.ZipFile(folder / "bot.zip", "w") as archive:
        archive.writestr("bot/botDefinition.json", text)
    return folder / "bot.zip"


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    ("minutes", "ok", "cause"),
    [
        (10, False, "inactivity duration is 10 minutes, handoff.accept_timeout 10 minutes: a user who waits"),
        (15, True, "so long may a user or agent be silent"),
        (1440, True, "inactivity duration is 24 hours"),
    ],
)
def test_an_export_tells_the_inactivity_duration(
    bot: BotSettings, tmp_path: Path, zipped: bool, minutes: int, ok: bool, cause: str
) -> None:
    found = inactivity(bot, export(tmp_path, minutes * 60_000, zipped=zipped))
    assert found.ok is ok
    assert cause in found.cause


def test_without_an_export_the_inactivity_duration_is_undecided(bot: BotSettings, tmp_path: Path) -> None:
    assert inactivity(bot, None).ok is None
    assert inactivity(bot, export(tmp_path, "soon", zipped=False)).ok is None
    assert inactivity(bot, export(tmp_path, 1e300, zipped=False)).ok is None
    long = replace(bot, handoff=replace(bot.handoff, accept_timeout=timedelta(minutes=20)))
    assert "a user who waits so long is taken back by the bot" in inactivity(long, None).cause


def test_an_export_of_another_bot_tells_nothing(bot: BotSettings, tmp_path: Path) -> None:
    other = "st-22222222-2222-5222-8222-222222222222"
    found = inactivity(bot, export(tmp_path, 60_000, zipped=False, bot_id=other))
    assert (found.ok, f"is an export of the bot {other}" in found.cause) == (None, True)
    assert inactivity(replace(bot, linked=(other,)), tmp_path).ok is False


def test_an_export_that_is_damaged_is_named(bot: BotSettings, tmp_path: Path) -> None:
    file = export(tmp_path, 60_000, zipped=True)
    data = bytearray(file.read_bytes())
    data[45:60] = bytes(15)  # inside the first file of the archive
    file.write_bytes(data)
    found = inactivity(bot, file)
    assert (found.ok, "bot.zip cannot be read (BadZipFile)" in found.cause) == (None, True)


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({}, ""),
        ({"end_chat_command": None}, "no word ends the chat"),
        ({"end_chat_command": None, "end_chat_words": {"en": ("bye",)}}, ""),
        ({"responses": {"en": {"endChatFromUserInstruction": "Write {command} to leave"}}}, ""),
        ({"responses": {"en": {"endChatFromUserInstruction": "Write EndAgentChat to leave"}}}, ""),
        (
            {"responses": {"en": {"endChatFromUserInstruction": "Write stop to leave"}}},
            "endChatFromUserInstruction in en names another word than the one that ends the chat",
        ),
        (
            {"responses": {"en": {"agentJoinedMessage": "EndAgentChat"}}},
            "is also a whole text of handoff.responses",
        ),
    ],
)
def test_the_end_word(bot: BotSettings, changes: dict[str, Any], warning: str) -> None:
    found = end_word(replace(bot, handoff=replace(bot.handoff, **changes)))
    assert found.ok
    assert bool(found.fix) is bool(warning)
    assert warning in found.cause


def test_a_silenced_instruction_is_named(bot: BotSettings) -> None:
    handoff = replace(bot.handoff, responses={"de": {"endChatFromUserInstruction": None}})
    assert end_word(replace(bot, handoff=handoff)).cause == "endagentchat; users of de are not told"
