"""A real kit from its middleware to the wire, where its calls are recorded instead of sent.

Middleware, handlers, rules, ledger and relay are those of the service. The platform accepts every call; no agent is available.
"""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from botkit.agents import Batch, Capabilities, Granted
from botkit.config.settings import Settings
from botkit.errors import AgentsUnavailable
from botkit.handoff.conversation import Access
from botkit.handoff.reference import with_any_reference
from botkit.http import Done, Request, Response, begin_in_task
from botkit.kit import BotKit
from botkit.ledger.interface import Ledger
from botkit.ledger.sqlite import SqliteLedger
from botkit.observability.metrics import Telemetry
from botkit.relay.clock import SystemClock
from botkit.relay.gateways import Gateways, KorePlatform
from botkit.relay.relay import Relay
from botkit.testing.waiting import until
from tests.hooks.hook_payloads import BOT_ID, settings, token

FAR = 4_000_000_000.0
_NOTHING_SAID = b'{"total":0,"moreAvailable":false,"messages":[]}'


@dataclass(frozen=True)
class Call:
    """One call to the platform, without its signature and idempotency key, which differ each time."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None

    @property
    def verb(self) -> str:
        """``sendUserMessage`` … as in the path."""
        return self.url.partition("/stream/")[2].split("/")[1].partition("?")[0]

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body or b"{}")
        return found


@dataclass(frozen=True)
class Answer:
    """The answer to the platform."""

    status: str
    headers: Mapping[str, str]
    body: bytes


def _with_any_reference(call: Call) -> Call:
    """Each hand-off has a reference of its own, which users are told."""
    body = None if call.body is None else with_any_reference(call.body.decode()).encode()
    return replace(call, body=body)


class _Wire:
    """Records requests instead of sending them, and answers that all succeeded."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    async def send(self, request: Request) -> Response:
        assert request.headers["auth"].count(".") == 2, "every call is signed"
        plain = {
            name: value for name, value in request.headers.items() if name not in ("auth", "x-request-id")
        }
        self.calls.append(Call(request.method, request.url, tuple(sorted(plain.items())), request.body))
        return Response(200, {}, _NOTHING_SAID if request.method == "GET" else b'{"status":"success"}')

    def begin(self, request: Request, done: Done) -> Callable[[], None]:
        return begin_in_task(self.send, request, done)

    def stream(self, request: Request, *, silence_seconds: float) -> Any:
        raise AssertionError("nothing listens to the platform")


class _NobodyThere:
    """An agent system that grants access to every user, and has no agents."""

    capabilities = Capabilities()

    async def open(self, session_id: str) -> Granted:
        return Granted(Access("credentials"), None)

    async def start(self, session_id: str, access: Access, **_: Any) -> None:
        raise AgentsUnavailable("start", detail="nobody is there")

    async def fetch(self, session_id: str, access: Access) -> Batch:
        return Batch(())

    async def end(self, session_id: str, access: Access) -> None:
        """Do nothing: no session was started."""


class TakenDown:
    """A kit, with methods to post hooks and read the calls they cause."""

    def __init__(self, kit: BotKit, wire: _Wire, ledger: SqliteLedger) -> None:
        self.kit = kit
        self._wire = wire
        self._ledger = ledger
        self._application = kit.middleware(_nothing_else)

    def post(self, event: str, body: bytes, component: str = "default") -> tuple[Answer, list[Call]]:
        """The answer to a hook, and the calls it causes: the sends in their order, then the reads."""
        path = "" if component == "default" else f"/components/{component}"
        environ: Any = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": f"/sdk/bots/{BOT_ID}{path}/{event}",
            "HTTP_TOKEN": token(expires=FAR),
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
        }
        began: list[tuple[str, dict[str, str]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            began.append((status, dict(headers)))

        content = b"".join(self._application(environ, start_response))
        ((status, headers),) = began
        return Answer(status, headers, content), self.calls()

    def calls(self) -> list[Call]:
        """The calls since the last time, after everything committed has been done."""
        until(lambda: self._ledger.depth == 0, "for the outbox to be empty")
        calls, self._wire.calls = self._wire.calls, []
        return sorted(map(_with_any_reference, calls), key=lambda call: call.method == "GET")

    def handled(self, outcome: str) -> int:
        """The number of handler calls with this outcome."""
        lines = self.kit.telemetry.exposition().decode().splitlines()
        ends = (line for line in lines if line.startswith("botkit_handlers_total{"))
        return sum(int(float(line.rpartition(" ")[2])) for line in ends if f'outcome="{outcome}"' in line)


@contextmanager
def taken_down(folder: Path, register: Callable[[BotKit], object]) -> Iterator[TakenDown]:
    """A kit with these handlers, on a store in `folder`."""
    configured = settings(store=f"sqlite:///{folder / 'botkit.db'}")
    wire = _Wire()
    ledgers: list[SqliteLedger] = []

    @asynccontextmanager
    async def connect(settings: Settings) -> AsyncIterator[Gateways]:
        bot = settings.bots[BOT_ID]
        platform = KorePlatform(bot, wire, insecure_http=False, clock=SystemClock())
        nobody: Any = _NobodyThere()
        yield Gateways({BOT_ID: platform}, {(BOT_ID, name): nobody for name in bot.agents.systems})

    def relay(settings: Settings, ledger: Ledger, telemetry: Telemetry) -> Relay:
        assert isinstance(ledger, SqliteLedger)
        ledgers.append(ledger)
        return Relay(settings, ledger, metrics=telemetry, chance=lambda: 0.0, connect=connect)

    kit = BotKit(configured, relay_factory=relay)
    register(kit)
    kit.start()
    try:
        yield TakenDown(kit, wire, ledgers[0])
    finally:
        kit.close()


def _nothing_else(environ: Any, start_response: Any) -> list[bytes]:
    raise AssertionError("only hooks are posted")
