"""`BotKit`: the door, the ledger and the relay of one configuration, for any WSGI application; and a Flask one around it."""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Protocol

from flask import Blueprint, Flask, Response, jsonify

from botkit import agent_systems
from botkit.config.load import load
from botkit.config.settings import BotSettings, Settings
from botkit.errors import BotKitError, LedgerClosed
from botkit.handoff.attributes import DEFAULT_ATTRIBUTES
from botkit.handoff.conversation import Conversation
from botkit.handoff.decide import decide
from botkit.handoff.decision import Decision
from botkit.handoff.events import Event
from botkit.handoff.responses import Responses
from botkit.handoff.rules import Rules
from botkit.hooks.door import Door
from botkit.ledger.interface import Committed, Input, Ledger
from botkit.ledger.sqlite import SqliteLedger
from botkit.middleware import BotKitMiddleware
from botkit.telemetry import CONTENT_TYPE, Telemetry

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class RunningRelay(Protocol):
    """What a kit needs of a relay; `relay.Relay` is one."""

    def on_commit(self, batch: Sequence[Committed], /) -> None: ...

    def start(self) -> None: ...

    def ready(self) -> bool: ...

    def close(self) -> None: ...


RelayFactory = Callable[[Settings, Ledger, Telemetry], RunningRelay]


def rules_for(bot: BotSettings) -> Rules:
    """A bot's settings as the rules want them."""
    handoff = bot.handoff
    return Rules(
        bot_name=bot.name,
        responses=Responses(handoff.responses, handoff.default_language),
        system_for=bot.agents.for_channel,
        systems={
            name: agent_systems.limits(system.type, system.settings)
            for name, system in bot.agents.systems.items()
        },
        attributes=handoff.attributes if handoff.attributes is not None else DEFAULT_ATTRIBUTES,
        fallback=bot.agents.fallback,
        fallback_after_seconds=bot.agents.fallback_after.total_seconds(),
        end_chat_command=handoff.end_chat_command,
        default_language=handoff.default_language,
        accept_timeout_seconds=handoff.accept_timeout.total_seconds(),
        transfer_grace_seconds=handoff.transfer_grace.total_seconds(),
    )


class BotKit:
    """One configuration at work.

    Nothing is opened and no thread runs before `start`, which the first hook (or readiness question) calls where nobody else did:
    so a kit may be made before a server forks its workers.

        app.wsgi_app = BotKit.from_config("config/botkit.yaml").middleware(app.wsgi_app)

    Args:
        settings: from `config.load.load`, or made by hand.
        relay_factory: makes what acts on commits; by default the relay.
    """

    def __init__(self, settings: Settings, *, relay_factory: RelayFactory | None = None) -> None:
        self.settings = settings
        self.telemetry = Telemetry()
        self._relay_factory = relay_factory or _relay
        self._rules: Mapping[str, Rules] = {bot_id: rules_for(bot) for bot_id, bot in settings.bots.items()}
        self._doors = {
            bot_id: Door(bot, insecure_http=settings.security.insecure_http)
            for bot_id, bot in settings.bots.items()
        }
        self._lock = threading.Lock()
        self._running: _Running | None = None
        self._closed = False
        self.telemetry.watch(outbox_depth=self._outbox_depth, open_sessions=self._open_sessions)

    @classmethod
    def from_config(cls, path: str | os.PathLike[str]) -> BotKit:
        """A kit from a `botkit.yaml`.

        Raises:
            ConfigurationError: with every problem of the files.
        """
        return cls(load(path))

    def middleware(self, wsgi_app: WSGIApplication) -> BotKitMiddleware:
        """The door in front of a WSGI application, which gets everything that is not a hook."""
        return BotKitMiddleware(
            wsgi_app,
            doors=self._doors,
            submit=self._submit,
            prefix=self.settings.server.prefix,
            metrics=self.telemetry,
            now=time.time,
            monotonic=time.perf_counter,
        )

    def init_app(self, app: Flask) -> None:
        """Put the door in front of a Flask application, and health, readiness and metrics into it.

        Several kits can share an application if their prefixes differ; they are all in ``app.extensions["botkit"]``.
        """
        kits: list[BotKit] = app.extensions.setdefault("botkit", [])
        app.register_blueprint(_pages(self, f"botkit_{len(kits)}" if kits else "botkit"))
        kits.append(self)
        app.wsgi_app = self.middleware(app.wsgi_app)  # type: ignore[method-assign]

    def start(self) -> None:
        """Open the store and start the relay; harmless when both run.

        Raises:
            LedgerError: the store cannot be used.
            LedgerClosed: the kit has been closed.
        """
        running = self._running
        if running is not None and running.pid == os.getpid():
            return
        with self._lock:
            if self._closed:
                raise LedgerClosed("the kit has been closed")
            if self._running is not None and self._running.pid == os.getpid():
                return
            # Threads do not survive a fork: what was started in another process is not ours.
            ledger = SqliteLedger(self.settings.store.url, self._decide)
            relay = self._relay_factory(self.settings, ledger, self.telemetry)
            ledger.start(relay.on_commit)
            try:
                relay.start()
            except BaseException:
                ledger.close()
                raise
            if ledger.uncertain:
                self.telemetry.uncertain(ledger.uncertain)
            self._running = _Running(os.getpid(), ledger, relay)
            atexit.register(self.close)

    def close(self) -> None:
        """Stop taking hooks, let the relay finish what it has begun, and leave the rest in the store."""
        with self._lock:
            running, self._running = self._running, None
            if running is None or running.pid != os.getpid():
                return
            self._closed = True
            running.relay.close()
            running.ledger.close()
        atexit.unregister(self.close)

    def ready(self) -> dict[str, bool]:
        """Whether the store commits and the relay acts; starts them if nobody has yet.

        Raises:
            BotKitError: they could not be started.
        """
        self.start()
        running = self._running
        if running is None:
            return {"store": False, "relay": False}
        return {"store": running.ledger.healthy(), "relay": running.relay.ready()}

    def _submit(self, given: Input) -> Future[Committed]:
        running = self._running
        if running is None or running.pid != os.getpid():
            self.start()
            running = self._running
            if running is None:
                raise LedgerClosed("the kit has been closed")
        return running.ledger.submit(given)

    def _decide(self, conversation: Conversation, event: Event) -> Decision:
        return decide(self._rules[conversation.id.bot_id], conversation, event)

    def _outbox_depth(self) -> float:
        return self._running.ledger.depth if self._running is not None else 0

    def _open_sessions(self) -> float:
        return len(self._running.ledger.open_conversations()) if self._running is not None else 0


class _Running:
    """What `start` started, and in which process."""

    __slots__ = ("ledger", "pid", "relay")

    def __init__(self, pid: int, ledger: SqliteLedger, relay: RunningRelay) -> None:
        self.pid = pid
        self.ledger = ledger
        self.relay = relay


def create_app(settings: Settings, *, relay_factory: RelayFactory | None = None) -> Flask:
    """A Flask application that is nothing but a kit: what `botkit serve` runs."""
    app = Flask("botkit")
    BotKit(settings, relay_factory=relay_factory).init_app(app)
    return app


def _pages(kit: BotKit, name: str) -> Blueprint:
    pages = Blueprint(name, __name__, url_prefix=kit.settings.server.prefix or None)

    @pages.get("/healthz")
    def healthz() -> Response:
        """The process answers."""
        return jsonify(status="ok")

    @pages.get("/readyz")
    def readyz() -> tuple[Response, int]:
        """The store commits and the relay acts."""
        try:
            parts = kit.ready()
        except BotKitError as error:
            return jsonify(status="unready", error=f"{error.code}: {error}"), 503
        ready = all(parts.values())
        return jsonify(status="ready" if ready else "unready", **parts), 200 if ready else 503

    @pages.get("/metrics")
    def metrics() -> Response:
        """What Prometheus scrapes."""
        return Response(kit.telemetry.exposition(), content_type=CONTENT_TYPE)

    return pages


def _relay(settings: Settings, ledger: Ledger, telemetry: Telemetry) -> RunningRelay:
    # Here and not above: the relay brings aiohttp and APScheduler, which a kit with another relay does not need.
    from botkit.relay.relay import Relay

    return Relay(settings, ledger, metrics=telemetry)
