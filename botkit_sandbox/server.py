"""The sandbox's two ports: Kore XO, the page and the control API on one, Salesforce's MIAW and Live Chat on the next."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from botkit_sandbox import kore, live_chat, salesforce
from botkit_sandbox.bus import Bus
from botkit_sandbox.control import control_routes
from botkit_sandbox.errors import SandboxCannotListen
from botkit_sandbox.guard import guard, is_loopback
from botkit_sandbox.kore.settings import SUBSCRIPTIONS
from botkit_sandbox.page import add_page_headers, page_routes
from botkit_sandbox.wire import Wire

T = TypeVar("T")
STOP_SECONDS = 1.0
START_SECONDS = 30.0


class Sandbox:
    """Both emulated clouds. They listen from `start` to `stop`, on the event loop that calls `start`.

    Args:
        port: of Kore XO and the page; Salesforce uses the next one. 0: two free ports.
        host: an address of this machine. Other than loopback needs `allow_remote`, since the control API has no password.
        botkit_url: the target of all hooks; by default the port after Salesforce's (with port 0: none until a
            subscription is made through the emulated API).
        bot_folder: an exported bot, as a folder or a zip file; without it, the sample bot. If no dialog hands over to an agent,
            the bot gets one that does: "Talk to an agent".
        transfers: names of dialogs that get an Agent Transfer node at their end.
        keysets: of verified users of the emulated Salesforce.

    Raises:
        ExportError: `bot_folder` is no export.
        DialogUnknown: the bot has no dialog of a name in `transfers`.
        SandboxCannotListen: `host` is not loopback and `allow_remote` is not given.
    """

    def __init__(
        self,
        port: int = 8001,
        *,
        host: str = "127.0.0.1",
        botkit_url: str | None = None,
        bot_folder: Path | None = None,
        transfers: Sequence[str] = (),
        allow_remote: bool = False,
        keysets: tuple[salesforce.Keyset, ...] = (),
    ) -> None:
        if not allow_remote and not is_loopback(host):
            raise SandboxCannotListen(
                f"{host} is not loopback, and everybody who reaches the sandbox can control it; "
                "add --allow-remote if that is what you want"
            )
        self._host = host
        self._port = port
        self._addresses: dict[str, str] = {}
        self._runners: list[web.AppRunner] = []
        self.bus = Bus()
        self.wire = Wire(self.bus)
        self.salesforce = salesforce.SalesforceCloud(
            wire=self.wire, bus=self.bus, settings=salesforce.SalesforceSandboxSettings(keysets=keysets)
        )
        # One organisation: MIAW and Live Chat share their agents and the capacity of each agent.
        self.live_chat = live_chat.LiveChatCloud(wire=self.wire, bus=self.bus, organisation=self.salesforce)
        self.kore = kore.KoreCloud(
            wire=self.wire,
            bus=self.bus,
            bot=kore.load_export(bot_folder or kore.sample_bot_folder()),
            botkit_url=botkit_url or (f"http://{_in_url(_reachable(host))}:{port + 2}" if port else ""),
            events=SUBSCRIPTIONS,
            suggest=bot_folder is not None,
        )
        for dialog in transfers:
            self.kore.add_transfer(dialog)
        self.kore.offer_agents()

    async def start(self) -> None:
        """Listen.

        Raises:
            SandboxCannotListen: a port is taken, or the host is not this machine's.
        """
        with ExitStack() as when_failing:
            front = when_failing.enter_context(self._bind(self._port))
            back = when_failing.enter_context(self._bind(self._port + 1 if self._port else 0))
            self.kore.base_url = _url(front)
            self.salesforce.base_url = self.live_chat.base_url = _url(back)
            self._addresses = self._describe()
            await self._serve(self._front(), front)
            await self._serve(self._back(), back)
            when_failing.pop_all()

    async def stop(self) -> None:
        """Stop listening and end open streams. All state is lost."""
        self.bus.close()
        await self.kore.close()
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()

    def addresses(self) -> Mapping[str, str]:
        """The addresses, and the names and secrets that a BotKit configuration needs. Available after `start`."""
        return dict(self._addresses)

    def _describe(self) -> dict[str, str]:
        return {
            "kore_url": self.kore.base_url,
            "salesforce_url": self.salesforce.base_url,
            "live_agent_url": self.live_chat.base_url,
            "page_url": f"{self.kore.base_url}/",
            "botkit_url": self.kore.botkit_url,
            "bot_id": self.kore.bot_id,
            "client_id": self.kore.client_id,
            "client_secret": self.kore.client_secret,
            "organization_id": self.salesforce.settings.organization_id,
            "developer_name": self.salesforce.settings.developer_name,
            "deployment_id": self.live_chat.settings.deployment_id,
            "button_id": self.live_chat.settings.buttons[0].id,
        }

    def _front(self) -> web.Application:
        """Kore's application, with the page and all control routes beside its own."""
        app = kore.routes(self.kore)
        app.middlewares.insert(0, guard(self._host))
        app.add_routes(page_routes())
        app.add_routes(control_routes(self.bus, self.wire, self._state))
        app.router.add_get("/sandbox/addresses", self._get_addresses)
        app.add_routes(kore.control_routes(self.kore))
        app.add_routes(salesforce.control_routes(self.salesforce))
        app.add_routes(live_chat.control_routes(self.live_chat))
        app.on_response_prepare.append(add_page_headers)
        return app

    def _back(self) -> web.Application:
        """MIAW's application, with Live Chat beside it: one organisation has one host."""
        app = salesforce.routes(self.salesforce)
        live_chat.add_routes(app, self.live_chat)
        return app

    def _state(self) -> dict[str, object]:
        public = ("kore_url", "salesforce_url", "live_agent_url", "page_url", "botkit_url", "bot_id")
        return {
            "addresses": {name: self._addresses[name] for name in public},
            "kore": self.kore.snapshot(),
            "salesforce": self.salesforce.state(),
            "live-chat": self.live_chat.state(),
        }

    async def _get_addresses(self, _: web.Request) -> web.Response:
        """What `botkit sandbox --json` prints, for programs that configure a client of a running sandbox."""
        return web.json_response(self._addresses)

    async def _serve(self, app: web.Application, sock: socket.socket) -> None:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_SECONDS)
        self._runners.append(runner)
        await runner.setup()
        await web.SockSite(runner, sock).start()

    def _bind(self, port: int) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        try:
            return socket.create_server((self._host, port), family=family, backlog=1024)
        except OSError as error:
            why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
            raise SandboxCannotListen(
                f"{self._host} port {port} {why}; choose another with --port"
            ) from error


class SandboxThread:
    """A sandbox on an event loop in a thread, for synchronous code. It listens from the beginning until `close`.

    Use the objects of `sandbox` on that loop only, through `do`.

    Raises:
        SandboxError: a port is taken, or the bot cannot be used; see `Sandbox`.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        botkit_url: str | None = None,
        bot_folder: Path | None = None,
        transfers: Sequence[str] = (),
    ) -> None:
        self.sandbox = Sandbox(
            port, host=host, botkit_url=botkit_url, bot_folder=bot_folder, transfers=transfers
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sandbox", daemon=True)
        self._thread.start()
        with ExitStack() as when_failing:
            when_failing.callback(self.close)
            self._run(self.sandbox.start())
            when_failing.pop_all()

    def do(self, action: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """Call `action` on the sandbox's loop. Returns its result."""

        async def run() -> T:
            return action(*arguments, **named)

        return self._run(run())

    def close(self) -> None:
        """Stop the sandbox, its loop and its thread."""
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_SECONDS)
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_SECONDS)

    async def _stop(self) -> None:
        await self.sandbox.stop()
        rest = asyncio.all_tasks() - {asyncio.current_task()}  # such as answers that a fault holds back
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


@contextmanager
def running_sandbox(
    port: int = 0,
    *,
    host: str = "127.0.0.1",
    botkit_url: str | None = None,
    bot_folder: Path | None = None,
    transfers: Sequence[str] = (),
) -> Iterator[Mapping[str, str]]:
    """A `SandboxThread` as a context manager.

    Yields:
        Its addresses, see `Sandbox.addresses`.

    Raises:
        SandboxError: as `SandboxThread`.
    """
    running = SandboxThread(
        port, host=host, botkit_url=botkit_url, bot_folder=bot_folder, transfers=transfers
    )
    try:
        yield running.sandbox.addresses()
    finally:
        running.close()


def _url(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"http://{_in_url(_reachable(host))}:{port}"


def _reachable(host: str) -> str:
    """The address by which this machine reaches a server on `host`; "all addresses" is not one."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
