"""Everyone who calls out takes the way of `network`: the relay, the handlers' reads, and `KoreClient`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from botkit.client import KoreClient
from botkit.errors import Unreachable
from botkit.handlers.reads import Reads
from botkit.handlers.registry import Registry
from botkit.http import Request
from botkit.relay.gateways import connect
from botkit.service.service import Service
from tests.config.folder import BOT, BOT_ID, SERVER, Folder
from tests.http.connect_proxy import ConnectProxy, connect_proxy

HOOK = json.dumps(
    {
        "requestId": "1",
        "baseUrl": f"https://bots.kore.ai/api/botsdk/stream/{BOT_ID}",
        "channel": {"type": "rtm", "from": "u-1"},
    }
).encode()


@pytest.fixture
def proxy() -> Iterator[ConnectProxy]:
    with connect_proxy(answer="403 Forbidden") as running:
        yield running
    assert running.asked == ["CONNECT bots.kore.ai:443"]


@pytest.fixture
def folder(tmp_path: Path, proxy: ConnectProxy) -> Folder:
    made = Folder(tmp_path)
    made.server(f"{SERVER}store: {{url: 'sqlite:///{tmp_path}/b.db'}}\nnetwork: {{proxy: '{proxy.url}'}}\n")
    made.bot(BOT)
    return made


REFUSED = "refused to pass the call on"


async def test_the_relay(folder: Folder) -> None:
    async with connect(folder.load()) as gateways:
        platform = gateways.platform(BOT_ID)
        assert platform is not None
        with pytest.raises(Unreachable, match=REFUSED):
            await platform.file("a.pdf", "https://bots.kore.ai/a.pdf", max_bytes=1000)


def test_the_reads_of_handlers(folder: Folder) -> None:
    service = Service(folder.load(), Registry())
    reader = service._gateways[BOT_ID].reader
    with pytest.raises(Unreachable, match=REFUSED):
        Reads(reader, HOOK, "").get_messages()


def test_the_client_for_scripts(folder: Folder) -> None:
    kore = KoreClient.from_config(folder.path / "botkit.yaml", environ={})
    # Its calls are repeated when they cannot have arrived, so its carrier is asked.
    with kore, pytest.raises(Unreachable, match=REFUSED):
        kore._transport.send(Request("read", "GET", "https://bots.kore.ai/"))
