"""A whole examination: everything in its order, over TLS and through a proxy, and no secret in any result."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme
import yaml
from jsonschema import Draft202012Validator

from botkit.agents import registry
from botkit.agents.miaw import MiawSystem
from botkit.checks import Check, Outcome, Result, Surroundings, passed
from botkit.config.load import load
from botkit.config.settings import Settings
from botkit.operate.doctor import examine
from botkit.testing.process import write_configuration
from botkit.testing.serving import free_ports
from botkit_sandbox.server import SandboxThread
from tests.http.connect_proxy import connect_proxy, tls_front

DOCS = Path(__file__).parents[2] / "docs"
SCHEMA = json.loads((Path(__file__).parents[2] / "schemas/doctor.json").read_text(encoding="utf-8"))
PASSWORD = "hunter2-of-the-proxy"
DOMAIN = "acme.my.salesforce"
LIVE_CHAT = "d.la1-c1.salesforceliveagent.com"


@pytest.fixture(scope="module")
def clouds() -> Iterator[SandboxThread]:
    running = SandboxThread(0)
    yield running
    running.close()


async def results(settings: Settings, *, live: bool = False) -> list[Result]:
    return [one async for one in examine(settings, live=live, patience=2.0)]


def port_of(url: str) -> int:
    return urlsplit(url).port or 0


async def test_a_good_set_up_of_both_clouds_passes_live_over_tls_and_through_a_proxy_with_a_login(
    clouds: SandboxThread, tmp_path: Path
) -> None:
    addresses = dict(clouds.sandbox.addresses())
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    named = authority.issue_cert(f"{DOMAIN}.com", f"{DOMAIN}-scrt.com", LIVE_CHAT)
    with (
        tls_front(port_of(addresses["kore_url"]), authority, name="bots.kore.ai") as kore,
        tls_front(port_of(addresses["salesforce_url"]), authority, certificate=named) as salesforce,
        connect_proxy(
            login=f"botkit:{PASSWORD}",
            ports={
                "bots.kore.ai:443": kore,
                f"{DOMAIN}.com:443": salesforce,
                f"{DOMAIN}-scrt.com:443": salesforce,
                f"{LIVE_CHAT}:443": salesforce,
            },
        ) as proxy,
    ):
        addresses |= {
            "salesforce_url": f"https://{DOMAIN}.com",
            "live_agent_url": f"https://{LIVE_CHAT}",
        }
        server = {
            "network": {"proxy": proxy.url, "ca_bundle": str(tmp_path / "ca.pem")},
            "security": {"insecure_http": False},
        }
        bot = {"kore": {"callback_hosts": ["bots.kore.ai"]}}
        settings = load(write_configuration(tmp_path, addresses, port=free_ports(1), server=server, bot=bot))
        found = await results(settings, live=True)
    assert [(one.check, one.cause) for one in found if one.ok is False] == []
    assert [one.check for one in found if one.system == "salesforce"][:3] == [
        "salesforce.proxy",
        "salesforce.tls",
        "salesforce.host",
    ]
    assert {one.check for one in found if one.ok} >= {
        *("kore.proxy", "kore.tls", "kore.platform", "kore.credentials", "kore.bot", "kore.history"),
        *("salesforce.organization", "salesforce.token", "salesforce.live.routing"),
        *("salesforce.live.message", "salesforce.live.stream", "salesforce.live.end"),
        *("live_chat.proxy", "live_chat.tls", "live_chat.ids", "live_chat.available", "live_chat.live"),
    }
    assert set(proxy.asked) == {f"CONNECT {target}" for target in proxy.ports}


async def test_every_result_is_in_the_schema_and_none_shows_a_secret(
    clouds: SandboxThread, tmp_path: Path
) -> None:
    addresses = clouds.sandbox.addresses()
    with connect_proxy(answer="403 Forbidden") as proxy:
        url = f"http://botkit:{PASSWORD}@127.0.0.1:{proxy.port}"
        settings = load(write_configuration(tmp_path, addresses, port=1, server={"network": {"proxy": url}}))
        found = await results(settings, live=True)
    straight = load(write_configuration(tmp_path / "straight", addresses, port=1))
    found += await results(straight, live=True)
    printed = json.dumps([one.as_json() for one in found])
    assert list(Draft202012Validator(SCHEMA).iter_errors(json.loads(printed))) == []
    assert {one.ok for one in found} >= {True, False, None}
    for secret in (PASSWORD, addresses["client_secret"], "eyJ", "Bearer"):
        assert secret not in printed


async def test_the_pages_name_every_check_and_the_default_system_comes_first(
    clouds: SandboxThread, tmp_path: Path
) -> None:
    settings = load(write_configuration(tmp_path, clouds.sandbox.addresses(), port=1))
    found = [*await results(settings), *await results(settings, live=True)]
    pages = "".join((DOCS / name).read_text(encoding="utf-8") for name in ("doctor.md", "doctor-kore.md"))
    assert [one.check for one in found if f"`{one.check}`" not in pages] == []
    assert list(dict.fromkeys(one.system for one in found if one.system)) == ["salesforce", "legacy"]


async def test_one_bot_alone_can_be_looked_at(clouds: SandboxThread, tmp_path: Path) -> None:
    settings = load(write_configuration(tmp_path, clouds.sandbox.addresses(), port=1))
    (bot,) = settings.bots.values()
    both = replace(settings, bots={bot.id: bot, "st-2": replace(bot, id="st-2")})
    found = [one async for one in examine(both, bot="st-2")]
    assert {one.bot for one in found if one.bot} == {"st-2"}
    assert [one.check for one in found if not one.bot]


async def test_a_system_of_a_third_party_brings_its_own_checks_or_none(
    clouds: SandboxThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Surroundings] = []

    class Desk(MiawSystem):
        def checks(self, surroundings: Surroundings) -> Sequence[Check]:
            seen.append(surroundings)

            async def look() -> Outcome:
                return passed("the desk is there")

            return [
                *surroundings.reach(self.settings.organization_base_url, "desk"),
                Check("desk.there", look),
            ]

    settings = load(
        write_configuration(
            tmp_path, clouds.sandbox.addresses(), port=1, bot=_attributes({"User": "user_id"})
        )
    )
    monkeypatch.setattr("botkit.agents.registry.system_class", lambda kind: Desk)
    (bot,) = settings.bots.values()
    salesforce = {"salesforce": bot.agents.systems["salesforce"]}
    settings = replace(settings, bots={bot.id: replace(bot, agents=replace(bot.agents, systems=salesforce))})
    found = [one for one in await results(settings) if one.system == "salesforce"]
    assert [one.check for one in found] == ["desk.dns", "desk.connection", "desk.there"]
    assert seen[0].attributes == {"User": "user_id"}
    assert seen[0].own_attributes
    assert not seen[0].live


async def test_a_system_whose_checks_cannot_be_listed_keeps_no_other_from_being_examined(
    clouds: SandboxThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Desk(MiawSystem):
        def checks(self, surroundings: Surroundings) -> Sequence[Check]:
            raise KeyError(PASSWORD)

    real = registry.system_class
    monkeypatch.setattr(
        "botkit.agents.registry.system_class", lambda kind: Desk if kind == "salesforce-miaw" else real(kind)
    )
    found = await results(load(write_configuration(tmp_path, clouds.sandbox.addresses(), port=1)))
    (broken,) = [one for one in found if one.system == "salesforce"]
    assert broken.cause == "the agent system salesforce-miaw could not offer its checks (KeyError)"
    assert PASSWORD not in str(found)
    assert [one for one in found if one.system == "legacy" and one.ok]


def _attributes(attributes: Mapping[str, str]) -> Mapping[str, object]:
    return {"handoff": {"attributes": dict(attributes)}}


def test_the_schema_is_valid() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert yaml.safe_load(json.dumps(SCHEMA))["type"] == "array"
