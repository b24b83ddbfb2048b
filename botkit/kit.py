"""`BotKit`: handlers and one configuration, in front of any WSGI application; and a Flask one around it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask, Response, current_app, has_app_context, jsonify

from botkit.config.load import load
from botkit.config.settings import Settings
from botkit.errors import BotKitError, NotConfigured
from botkit.handlers.conversation import ConversationHandle
from botkit.handlers.decorators import Handles
from botkit.handlers.registry import Handler, Registry
from botkit.handlers.verdicts import Sent
from botkit.observability.metrics import CONTENT_TYPE, Telemetry
from botkit.service.leadership import RelayFactory
from botkit.service.service import Edge, Service
from botkit.wsgi.middleware import BotKitMiddleware

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

EXTENSION = "botkit"
CONFIG_KEY = "BOTKIT_CONFIG"


@dataclass(frozen=True, slots=True)
class Mounted:
    """A kit in a Flask application: one of ``app.extensions["botkit"]``."""

    kit: BotKit
    service: Service


class BotKit(Handles):
    """Handlers, and the configuration they work with.

        kit = BotKit.from_config("config/botkit.yaml")

        @kit.on_user_message
        def hours(ctx):
            if "open" in ctx.message:
                return ctx.send_user_message("We are open from 9 to 5.")

        kit.init_app(app)                          # Flask, or: application = kit.middleware(application)

    A kit without a configuration gets one with each application it is mounted in (`init_app`).

    Args:
        settings: from `config.load.load`, or made by hand.
        relay_factory: makes what acts on commits; by default the relay.
        handler_seconds: the time limit of handlers that have none of their own: 5, and 15 for webhooks.
        share: let several processes, such as a server's workers, use one store. Else a second one is refused.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        relay_factory: RelayFactory | None = None,
        handler_seconds: float | None = None,
        share: bool = True,
    ) -> None:
        self._registry = Registry()
        super().__init__(self._add)
        self._relay_factory = relay_factory
        self._handler_seconds = handler_seconds
        self._share = share
        self._services: list[Service] = []
        self._stand_ins: list[Service] = []
        self._lock = threading.Lock()
        self._own = self._serve(settings) if settings is not None else None

    @classmethod
    def from_config(cls, path: str | os.PathLike[str], *, handler_seconds: float | None = None) -> BotKit:
        """A kit from a `botkit.yaml`.

        Raises:
            ConfigurationError: with every problem of the files.
        """
        return cls(load(path), handler_seconds=handler_seconds)

    # --- mounting --------------------------------------------------------------------------------------------------

    def middleware(self, wsgi_app: WSGIApplication) -> BotKitMiddleware:
        """The door in front of a WSGI application, which gets everything that is not a hook.

        Raises:
            NotConfigured: the kit has no configuration of its own.
        """
        return self._one().middleware(wsgi_app)

    def init_app(self, app: Flask, config: str | os.PathLike[str] | None = None) -> None:
        """Put the door in front of a Flask application; health, readiness, metrics and ``flask botkit`` into it.

        Handlers are called within the application's context. A kit may be mounted in several applications, and several kits
        in one if their prefixes differ; which are in an application says ``app.extensions["botkit"]``.

        Args:
            app: the application.
            config: a `botkit.yaml`, for a kit without a configuration of its own; by default what
                ``app.config["BOTKIT_CONFIG"]`` names.

        Raises:
            ConfigurationError: with every problem of the files.
            NotConfigured: no file is named, or one is although the kit has its own, or the prefix is taken.
        """
        service = self._service_for(app, config)
        mounted: list[Mounted] = app.extensions.setdefault(EXTENSION, [])
        prefix = service.settings.server.prefix
        if any(one.service.settings.server.prefix == prefix for one in mounted):
            if service is not self._own:
                self._services.remove(service)
            raise NotConfigured(
                f"a kit is mounted here already with the server.prefix {prefix!r}, and would get no more hooks: mount each "
                "kit once, and give each a prefix of its own"
            )
        app.register_blueprint(_pages(service, f"botkit_{len(mounted)}" if mounted else "botkit"))
        if not mounted:
            from botkit.flask.commands import commands

            app.cli.add_command(commands)
        mounted.append(Mounted(self, service))
        app.wsgi_app = service.middleware(app.wsgi_app, around=app.app_context)  # type: ignore[method-assign]

    # --- running ---------------------------------------------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        """The configuration at work."""
        return self._one().settings

    @property
    def telemetry(self) -> Telemetry:
        """The metrics."""
        return self._one().telemetry

    @property
    def handlers(self) -> tuple[Handler, ...]:
        """Every handler, in the order in which they are called."""
        return self._registry.all

    def start(self) -> None:
        """Open the store and start the relay; harmless when both run. The first hook does it where nobody else has.

        Raises:
            LedgerError: the store cannot be used.
            LedgerClosed: the kit has been closed.
        """
        self._one().start()

    def close(self) -> None:
        """Stop taking hooks, let the relay finish what it has begun, and leave the rest in the store."""
        for service in self._services:
            service.close()

    def ready(self) -> dict[str, bool]:
        """Whether the store commits and the relay acts; starts them if nobody has yet.

        Raises:
            BotKitError: they could not be started.
        """
        return self._one().ready()

    # --- outside a hook --------------------------------------------------------------------------------------------

    def conversation(self, bot_id: str, user_id: str) -> ConversationHandle:
        """One user of one bot, to write to from anywhere: ``kit.conversation("st-…", "u-…").send("It has arrived.")``.

        Raises:
            NotConfigured: the configuration has no such bot.
        """
        return self._one().conversation(bot_id, user_id)

    def respond_to_hook(
        self,
        request_id: str,
        context: Mapping[str, Any] | None = None,
        *,
        replace: bool = False,
        bot_id: str | None = None,
    ) -> Sent:
        """Answer a webhook that was deferred (`ctx.defer`), from anywhere, also from another process or after a restart.

        Returns when the answer is on disk; on an event loop, await what it returns.

        Args:
            request_id: `ctx.request_id` of the webhook.
            context: changes to the dialog's context, merged at every depth.
            replace: `context` is all of the context from now on.
            bot_id: the bot; needed only where two bots have the same requestId.

        Raises:
            NothingToAnswer: it has been answered, its time is over, it was never deferred, or it may be either of two bots'.
            LedgerError: the answer could not be written.
        """
        return self._one().respond_to_hook(request_id, context or {}, replace=replace, bot_id=bot_id)

    # --- in tests --------------------------------------------------------------------------------------------------

    @property
    def is_configured(self) -> bool:
        """Whether there is any configuration yet: its own, or that of an application it is mounted in."""
        return bool(self._services)

    @contextmanager
    def standing_in(
        self,
        settings: Settings,
        *,
        relay_factory: RelayFactory | None = None,
        handler_seconds: float | None = None,
        edge: Edge | None = None,
    ) -> Iterator[Service]:
        """The kit's handlers under another configuration: while this lasts, it is the one that `conversation` and all the
        others mean. For tests: `botkit.testing` is built on it.

        Raises:
            NotConfigured: a handler is for a bot that the configuration does not name.
        """
        service = Service(
            settings,
            self._registry,
            relay_factory=relay_factory,
            handler_seconds=handler_seconds or self._handler_seconds,
            edge=edge,
            share=False,
        )
        self._stand_ins.append(service)
        try:
            yield service
        finally:
            self._stand_ins.remove(service)
            service.close()

    # --- inside ----------------------------------------------------------------------------------------------------

    def _add(self, handler: Handler) -> None:
        for service in (*self._services, *self._stand_ins):
            service.check(handler)
        self._registry.add(handler)

    def _serve(self, settings: Settings) -> Service:
        service = Service(
            settings,
            self._registry,
            relay_factory=self._relay_factory,
            handler_seconds=self._handler_seconds,
            share=self._share,
        )
        self._services.append(service)
        return service

    def _service_for(self, app: Flask, config: str | os.PathLike[str] | None) -> Service:
        if self._own is not None:
            if config is not None:
                raise NotConfigured("the kit has a configuration of its own: make another kit for this one")
            return self._own
        named = config or app.config.get(CONFIG_KEY)
        if named is None:
            raise NotConfigured(f'name the botkit.yaml: app.config["{CONFIG_KEY}"], or init_app(app, "…")')
        with self._lock:
            return self._serve(load(named))

    def _one(self) -> Service:
        """The service that is meant: the kit's own, that of the application at work, or the only one there is."""
        if self._stand_ins:
            return self._stand_ins[-1]
        if self._own is not None:
            return self._own
        if has_app_context():
            for mounted in current_app.extensions.get(EXTENSION, ()):
                if mounted.kit is self:
                    service: Service = mounted.service
                    return service
        if len(self._services) == 1:
            return self._services[0]
        raise NotConfigured(
            "the kit is mounted in several applications: use it within one's app_context()"
            if self._services
            else "the kit has no configuration yet: BotKit.from_config(…), or kit.init_app(app)"
        )


def create_app(settings: Settings, *, relay_factory: RelayFactory | None = None) -> Flask:
    """A Flask application that is nothing but a kit: what `botkit serve` runs, alone on its store."""
    app = Flask("botkit")
    BotKit(settings, relay_factory=relay_factory, share=False).init_app(app)
    return app


def _pages(service: Service, name: str) -> Blueprint:
    pages = Blueprint(name, __name__, url_prefix=service.settings.server.prefix or None)

    @pages.get("/healthz")
    def healthz() -> Response:
        """The process answers."""
        return jsonify(status="ok")

    @pages.get("/readyz")
    def readyz() -> tuple[Response, int]:
        """The store commits and the relay acts."""
        try:
            parts = service.ready()
        except BotKitError as error:
            return jsonify(status="unready", error=f"{error.code}: {error}"), 503
        ready = all(parts.values())
        return jsonify(status="ready" if ready else "unready", **parts), 200 if ready else 503

    @pages.get("/metrics")
    def metrics() -> Response:
        """What Prometheus scrapes."""
        try:
            return Response(service.exposition(), content_type=CONTENT_TYPE)
        except BotKitError as error:
            return Response(f"{error.code}: {error}\n", 503, content_type="text/plain; charset=utf-8")

    return pages
