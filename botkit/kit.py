"""`BotKit`, the facade: handlers and a configuration, mounted in any WSGI, ASGI or Flask application."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botkit.asgi.interface import Application
from botkit.asgi.middleware import BotKitAsgi
from botkit.asgi.pages import PagesAsgi
from botkit.config.load import load
from botkit.config.settings import Settings
from botkit.errors import NotConfigured
from botkit.handlers.contexts import HandlerDecorators
from botkit.handlers.conversation import ConversationHandle
from botkit.handlers.registry import Handler, Registry
from botkit.handlers.stray_hooks import StrayHooks
from botkit.handlers.verdicts import Sent
from botkit.observability.metrics import Telemetry
from botkit.service.role import RelayFactory
from botkit.service.service import Environment, Service
from botkit.wsgi.middleware import BotKitMiddleware

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from flask import Flask
    from werkzeug.exceptions import NotFound

CONFIG_KEY = "BOTKIT_CONFIG"


class BotKit(HandlerDecorators):
    """Handlers, and the configuration that they run with.

        kit = BotKit.from_config("config/botkit.yaml")

        @kit.on_user_message
        def hours(ctx):
            if "open" in ctx.message:
                return ctx.send_user_message("We are open from 9 to 5.")

        kit.init_app(app)                          # Flask
        application = kit.middleware(application)  # or any other WSGI application
        application = kit.asgi(application)        # or an ASGI application: Starlette, FastAPI, Quart, Django

    A kit without a configuration gets one with each application it is mounted in (`init_app`).

    Args:
        settings: from `config.load.load`, or made by hand.
        relay_factory: creates the relay.
        handler_seconds: the time limit of handlers without one of their own; by default 5, and 15 for webhooks.
        share: whether several processes, such as a server's workers, may use one store. Otherwise a second one is refused.
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
        self._in_flask = False
        """Whether the kit is mounted in a Flask application. Nothing else needs Flask, which is slow to import."""
        self._overrides: list[Service] = []
        self._lock = threading.Lock()
        self._own = self._serve(settings) if settings is not None else None

    @classmethod
    def from_config(cls, path: str | os.PathLike[str], *, handler_seconds: float | None = None) -> BotKit:
        """A kit from a `botkit.yaml`.

        Raises:
            ConfigurationError: lists every problem of the files.
        """
        return cls(load(path), handler_seconds=handler_seconds)

    # --- mounting --------------------------------------------------------------------------------------------------

    def middleware(self, wsgi_app: WSGIApplication) -> BotKitMiddleware:
        """The middleware around a WSGI application, which gets every request that is not a hook.

        Raises:
            NotConfigured: the kit has no configuration of its own, or the prefix is taken.
        """
        return self._service().middleware(wsgi_app)

    def asgi(self, app: Application, config: str | os.PathLike[str] | None = None) -> BotKitAsgi:
        """The middleware around an ASGI 3 application, which gets everything that is not a hook.

        The service starts and stops with the server. Hooks without handlers are answered on the server's event loop, and the
        relay lives there too; handlers run in ``server.threads`` threads, so that they may block.

        Args:
            app: the application, such as one of Starlette, FastAPI, Quart or Django.
            config: a `botkit.yaml`, for a kit without a configuration of its own.

        Raises:
            ConfigurationError: lists every problem of the files.
            NotConfigured: no file is named, or one is although the kit has its own configuration, or the prefix is taken.
        """
        service = self._service_for(config)
        with self._dropping(service):
            return service.asgi(app)

    def asgi_pages(self, app: Application) -> PagesAsgi:
        """A middleware that adds ``/healthz``, ``/readyz`` and ``/metrics``, below ``server.prefix``, to an ASGI application.

        Raises:
            NotConfigured: the kit has no configuration yet.
        """
        service = self._service()
        return PagesAsgi(app, service, prefix=service.settings.server.prefix)

    def init_app(self, app: Flask, config: str | os.PathLike[str] | None = None) -> None:
        """Mount the kit in a Flask application: the middleware, the health, readiness and metrics pages, and ``flask botkit``.

        Handlers are called within the application's context. A kit may be mounted in several applications, and several kits
        in one if their prefixes differ; ``app.extensions["botkit"]`` lists those of an application.

        Args:
            app: the application.
            config: a `botkit.yaml`, for a kit without a configuration of its own; by default
                ``app.config["BOTKIT_CONFIG"]``.

        Raises:
            ConfigurationError: lists every problem of the files.
            NotConfigured: no file is named, or one is although the kit has its own configuration, or the prefix is taken.
        """
        from botkit.flask.extension import mount

        service = self._service_for(config, app.config.get(CONFIG_KEY))
        with self._dropping(service):
            mount(app, self, service)
        self._in_flask = True

    # --- running ---------------------------------------------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        """The configuration."""
        return self._service().settings

    @property
    def telemetry(self) -> Telemetry:
        """The metrics."""
        return self._service().telemetry

    @property
    def handlers(self) -> tuple[Handler, ...]:
        """Every handler, in the order in which they are called."""
        return self._registry.all

    def start(self) -> None:
        """Open the store and start the relay; does nothing if both run. Otherwise the first hook does it.

        Raises:
            LedgerError: the store cannot be used.
            LedgerClosed: the kit has been closed.
        """
        self._service().start()

    def close(self) -> None:
        """Stop accepting hooks and let the relay finish its running calls; the others stay in the store."""
        for service in self._services:
            service.close()

    def ready(self) -> dict[str, bool]:
        """Whether the store commits and the relay runs; starts them if needed.

        Raises:
            BotKitError: they could not be started.
        """
        return self._service().ready()

    # --- outside a hook --------------------------------------------------------------------------------------------

    def conversation(self, bot_id: str, user_id: str, *, channel: str = "") -> ConversationHandle:
        """A user of a bot, to write to from anywhere: ``kit.conversation("st-…", "u-…").send("It has arrived.")``.

        Args:
            bot_id: the bot.
            user_id: `ctx.user.id`.
            channel: `ctx.channel.type`; by default the channel where the user is with an agent, else where they wrote last.

        Raises:
            NotConfigured: the configuration has no such bot.
        """
        return self._service().conversation(bot_id, user_id, channel=channel)

    def respond_to_hook(
        self,
        request_id: str,
        context: Mapping[str, Any] | None = None,
        *,
        replace: bool = False,
        bot_id: str | None = None,
    ) -> Sent:
        """Answer a deferred webhook (`ctx.defer`), from anywhere, also from another process or after a restart.

        Returns when the answer is on disk; on an event loop, await the result.

        Args:
            request_id: `ctx.request_id` of the webhook.
            context: changes to the dialog's context, merged at every depth.
            replace: whether `context` replaces the whole context.
            bot_id: the bot; needed only where two bots have the same requestId.

        Raises:
            NothingToAnswer: it has been answered, its time is over, it was never deferred, or two bots have one.
            LedgerError: the answer could not be written.
        """
        return self._service().respond_to_hook(request_id, context or {}, replace=replace, bot_id=bot_id)

    # --- in tests --------------------------------------------------------------------------------------------------

    @property
    def is_configured(self) -> bool:
        """Whether the kit has a configuration: its own, or that of an application it is mounted in."""
        return bool(self._services)

    @contextmanager
    def override_settings(
        self,
        settings: Settings,
        *,
        relay_factory: RelayFactory | None = None,
        handler_seconds: float | None = None,
        environment: Environment | None = None,
    ) -> Iterator[Service]:
        """Run the kit's handlers with another configuration: until this is left, every method of the kit uses it.

        For tests; `botkit.testing` is built on it.

        Raises:
            NotConfigured: a handler is for a bot that the configuration does not name.
        """
        service = Service(
            settings,
            self._registry,
            relay_factory=relay_factory,
            handler_seconds=handler_seconds or self._handler_seconds,
            environment=environment,
            share=False,
        )
        self._overrides.append(service)
        try:
            yield service
        finally:
            self._overrides.remove(service)
            service.close()

    # --- inside ----------------------------------------------------------------------------------------------------

    def _add(self, handler: Handler) -> None:
        for service in (*self._services, *self._overrides):
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

    def _service_for(
        self, config: str | os.PathLike[str] | None, usual: str | os.PathLike[str] | None = None
    ) -> Service:
        """The kit's own service, or a new one with this configuration."""
        if self._own is not None:
            if config is not None:
                raise NotConfigured("the kit has a configuration of its own: make another kit for this one")
            return self._own
        named = config or usual
        if named is None:
            raise NotConfigured(
                f'name the botkit.yaml: app.config["{CONFIG_KEY}"] in Flask, or the second argument of init_app or asgi'
            )
        with self._lock:
            return self._serve(load(named))

    @contextmanager
    def _dropping(self, service: Service) -> Iterator[None]:
        """Forget a service that cannot be mounted, unless it is the kit's own."""
        try:
            yield
        except NotConfigured:
            if service is not self._own:
                self._services.remove(service)
            raise

    def _service(self) -> Service:
        """The service in use: an override, the kit's own, that of the current application, or the only one."""
        if self._overrides:
            return self._overrides[-1]
        if self._own is not None:
            return self._own
        if self._in_flask and (current := self._of_current_application()) is not None:
            return current
        if len(self._services) == 1:
            return self._services[0]
        raise NotConfigured(
            "the kit is mounted in several applications: use it within one's app_context() in Flask, or make a kit for each"
            if self._services
            else "the kit has no configuration yet: BotKit.from_config(…), or kit.init_app(app)"
        )

    def _of_current_application(self) -> Service | None:
        from botkit.flask.mounted import current_service

        return current_service(self)


def create_app(settings: Settings, *, relay_factory: RelayFactory | None = None) -> Flask:
    """A Flask application with a kit and nothing else, alone on its store."""
    from flask import Flask, request
    from werkzeug.exceptions import NotFound

    app = Flask("botkit")
    BotKit(settings, relay_factory=relay_factory, share=False).init_app(app)
    stray = StrayHooks(settings.server.prefix)

    @app.errorhandler(NotFound)
    def not_found(error: NotFound) -> NotFound:
        stray.not_found(request.method, request.path)
        return error

    return app
