"""A whole hand-off over TLS through a company's proxy, which is the only way out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

from botkit.testing.clouds import Clouds
from tests.http.connect_proxy import ConnectProxy, connect_proxy, tls_front
from tests.scenarios.bot import write_bot
from tests.scenarios.service import Service
from tests.scenarios.stage import JANE, Stage, configured

DOMAIN = "acme.my.salesforce"
LIVE_CHAT = "d.la1-c1.salesforceliveagent.com"


@dataclass
class Office:
    """A service behind a proxy, and both clouds under their real names."""

    stage: Stage
    proxy: ConnectProxy


@pytest.fixture(params=["", "botkit:pass%20word"], ids=["open", "with a login"])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    of_salesforce = authority.issue_cert(f"{DOMAIN}.com", f"{DOMAIN}-scrt.com", LIVE_CHAT)
    login: str = request.param
    with ExitStack() as stack:
        clouds = Clouds(write_bot(tmp_path / "bot"))
        stack.callback(clouds.close)
        addresses = clouds.sandbox.addresses()
        kore, salesforce = (urlsplit(addresses[name]).port for name in ("kore_url", "salesforce_url"))
        assert kore is not None
        assert salesforce is not None
        kore = stack.enter_context(tls_front(kore, authority, name="bots.kore.ai"))
        salesforce = stack.enter_context(tls_front(salesforce, authority, certificate=of_salesforce))
        ports = {f"{host}:443": salesforce for host in (f"{DOMAIN}.com", f"{DOMAIN}-scrt.com", LIVE_CHAT)}
        proxy = stack.enter_context(
            connect_proxy(login=login.replace("%20", " "), ports=ports | {"bots.kore.ai:443": kore})
        )
        clouds.kore.base_url = "https://bots.kore.ai"
        path = configured(
            tmp_path,
            clouds,
            receive="stream",
            server={
                "network": {
                    "proxy": f"http://{login}{'@' if login else ''}127.0.0.1:{proxy.port}",
                    "ca_bundle": str(tmp_path / "ca.pem"),
                },
                "security": {"insecure_http": False},
            },
            bot={
                "kore": {"callback_hosts": ["bots.kore.ai"]},
                "agents": {
                    "systems": {
                        "salesforce": {"organization_base_url": f"https://{DOMAIN}.com"},
                        "legacy": {"live_agent_url": f"https://{LIVE_CHAT}"},
                    }
                },
            },
        )
        service = Service(path)
        stack.callback(service.close)
        stage = Stage(clouds, service, path)
        stage.hooks_go_to(service.url)
        yield Office(stage, proxy)


def test_a_whole_hand_off(office: Office) -> None:
    ada = office.stage.person()
    ada.says("hi")
    ada.hears("talk to an agent")
    case = ada.is_helped_by(JANE)
    ada.says("my order is late")
    case.gets("my order is late")
    case.told_by(JANE, "I see it")
    ada.hears("I see it")
    case.ended_by(JANE)
    ada.talks_to_the_bot_again()
    assert set(office.proxy.asked) == {"CONNECT bots.kore.ai:443", f"CONNECT {DOMAIN}-scrt.com:443"}
    # One tunnel for the event stream, and kept ones for the calls.
    assert len(office.proxy.asked) < 20
