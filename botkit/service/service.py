"""`Service`: a running configuration, with its hook parsers, handlers, ledger and relay."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from botkit.asgi.interface import Application
from botkit.asgi.middleware import BotKitAsgi
from botkit.config.settings import Settings
from botkit.errors import NotConfigured
from botkit.handlers.calls import as_changes
from botkit.handlers.conversation import BotGateway, ConversationHandle, answer_webhook
from botkit.handlers.dispatch import Dispatch
from botkit.handlers.endpoint import HookEndpoint
from botkit.handlers.moment_calls import MomentCalls
from botkit.handlers.reads import OpenTransport, PlatformReader
from botkit.handlers.registry import Handler, Registry
from botkit.handlers.running import ContextFactory, OnFailure, ignore_failure
from botkit.handlers.verdicts import Sent
from botkit.handoff.conversation import Conversation, ConversationId
from botkit.handoff.decide import decide
from botkit.handoff.decision import Decision
from botkit.handoff.effects import CallHandlers
from botkit.handoff.events import ApiCall, Event
from botkit.handoff.rules import Rules
from botkit.hooks.events import HOOK_EVENTS
from botkit.hooks.parser import HookParser
from botkit.ledger.interface import Committed, Input, Ledger
from botkit.ledger.kinds import is_postgresql
from botkit.ledger.sqlite.sharing.taking import Counts
from botkit.loop_calls import LoopCalls
from botkit.observability.metrics import Telemetry
from botkit.relay.clock import Clock, SystemClock
from botkit.relay.relay import Relay
from botkit.service.carrier import open_carrier
from botkit.service.leadership import Leadership
from botkit.service.lifecycle import Lifecycle
from botkit.service.member import Member
from botkit.service.role import RelayFactory, Role, RunningRelay, Store
from botkit.service.rules import rules_for
from botkit.service.visitor import Visitor
from botkit.wsgi.middleware import BotKitMiddleware

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The clock and the network of a service. Tests pass their own (`botkit.testing`).

    Args:
        clock: of the hooks and of the relay.
        open_transport: opens the carrier of the handlers' reads from the platform; None for `SyncTransport`.
        on_failure: called with each handler that failed, in addition to the log and the metrics.
    """

    clock: Clock = field(default_factory=SystemClock)
    open_transport: OpenTransport | None = None
    on_failure: OnFailure = ignore_failure


class Service:
    """The hook parsers, the ledger and the relay of one configuration.

    Nothing is opened and no thread runs before `start`, which the first hook or readiness check calls if nothing else did. So
    a service may be created before a server forks its workers.

    Args:
        settings: from `config.load.load`, or made by hand.
        registry: the bots' own handlers.
        relay_factory: creates the relay; by default `relay.Relay`.
        handler_seconds: the time limit of handlers without their own.
        share: let several processes use one SQLite store (`botkit.service.leadership`). One on PostgreSQL is always shared.
        environment: by default the machine's clock and network.
    """

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        *,
        relay_factory: RelayFactory | None = None,
        handler_seconds: float | None = None,
        share: bool = True,
        environment: Environment | None = None,
    ) -> None:
        """Raises: NotConfigured if a handler is for a bot that the configuration does not name."""
        self.settings = settings
        self.telemetry = Telemetry(HOOK_EVENTS)
        self._relay_factory = relay_factory or self._relay
        self._share = share
        environment = environment or Environment()
        self._clock = environment.clock
        counts = _Counts(self)
        self._rules: Mapping[str, Rules] = {bot_id: rules_for(bot) for bot_id, bot in settings.bots.items()}
        insecure = settings.security.insecure_http
        open_transport = environment.open_transport or partial(open_carrier, network=settings.network)
        self._gateways = {
            bot_id: BotGateway(
                bot_id=bot_id,
                parser=HookParser(bot, insecure_http=insecure, network=settings.network),
                reader=PlatformReader(
                    bot,
                    insecure_http=insecure,
                    now=environment.clock.now,
                    open_transport=open_transport,
                ),
                ledger=self.store,
                now=environment.clock.now,
            )
            for bot_id, bot in settings.bots.items()
        }
        self._dispatch = Dispatch(
            registry,
            gateways=self._gateways,
            metrics=counts,
            seconds=handler_seconds,
            on_failure=environment.on_failure,
            at_once=self.settings.server.threads,
        )
        self._context_factory: ContextFactory = nullcontext
        self._registry = registry
        self._moments = MomentCalls(
            registry,
            self._dispatch.runner,
            seconds=handler_seconds,
            context_factory=lambda: self._context_factory,
        )
        self._handlers_of_rules: tuple[Handler, ...] = ()
        """The handlers when `_rules` were made."""
        for handler in registry.all:
            self.check(handler)
        self._visits = False
        self._lifecycle = Lifecycle(self._role)
        self.telemetry.watch(outbox_depth=self._outbox_depth, open_sessions=self._open_sessions)

    def middleware(
        self, wsgi_app: WSGIApplication, *, context_factory: ContextFactory = nullcontext
    ) -> BotKitMiddleware:
        """The middleware around a WSGI application, which gets every request that is not a hook."""
        return BotKitMiddleware(wsgi_app, self._endpoint(context_factory))

    def asgi(self, app: Application) -> BotKitAsgi:
        """The middleware around an ASGI application, which gets everything that is not a hook."""
        return BotKitAsgi(app, self._endpoint(nullcontext), self, threads=self.settings.server.threads)

    def _endpoint(self, context_factory: ContextFactory) -> HookEndpoint:
        self._context_factory = context_factory
        return HookEndpoint(
            parsers={
                bot_id: gateway.parser
                for gateway in self._gateways.values()
                for bot_id in (gateway.bot_id, *gateway.parser.bot.linked)
            },
            dispatch=self._dispatch,
            submit=lambda input: self.store().submit(input),
            prefix=self.settings.server.prefix,
            metrics=_Counts(self),
            now=self._clock.now,
            monotonic=time.perf_counter,
            context_factory=context_factory,
        )

    def check(self, handler: Handler) -> None:
        """Raises: NotConfigured if the handler is for a bot that the configuration does not name."""
        if handler.bot is not None and (bot_id := self._known(handler.bot)) != handler.bot:
            raise NotConfigured(f"{handler.bot} is linked to {bot_id}: register the handler for that one")

    def start(self) -> None:
        """Open the store and start the relay; has no effect while they run.

        Raises:
            LedgerError: the store cannot be used.
            LedgerClosed: the service has been closed.
        """
        self._lifecycle.start()

    def visit(self) -> None:
        """Own no conversations where others may: this process ends soon. Has no effect once the service has started."""
        self._visits = True

    def _role(self) -> Role:
        if is_postgresql(self.settings.store.url):
            if self._visits:
                return Visitor(settings=self.settings, telemetry=self.telemetry)
            return Member(
                settings=self.settings,
                decide=self._decide,
                relay_factory=self._relay_factory,
                telemetry=self.telemetry,
            )
        return Leadership(
            settings=self.settings,
            decide=self._decide,
            relay_factory=self._relay_factory,
            telemetry=self.telemetry,
            share=self._share,
        )

    def start_on(self, calls: LoopCalls) -> None:
        """Start with the relay on this loop, which runs in another thread; also after `close`, for a server's next lifespan.

        A relay that runs already stays where it is, unless its loop is closed. Raises: see `start`.
        """
        self._lifecycle.start_on(calls)

    @property
    def is_running(self) -> bool:
        """Whether `start` has opened the store in this process, and `close` has not closed it."""
        return self._lifecycle.running_here() is not None

    def submit_then(self, input: Input, then: Callable[[Committed | Exception], None]) -> Callable[[], None]:
        """See `ledger.interface.Ledger.submit_then`. It never starts the service, and so never waits for `close`.

        Raises:
            LedgerClosed: the service does not run.
        """
        return self._lifecycle.store_if_running().submit_then(input, then)

    def close(self) -> None:
        """Accept no more hooks, let the relay finish deliveries in progress, and leave the rest in the store."""
        self._lifecycle.close()

    def ready(self) -> dict[str, bool]:
        """Whether the store commits and the relay delivers. Starts them if they do not run yet.

        Raises:
            BotKitError: they could not be started.
        """
        return self.store().ready()

    def exposition(self, *, openmetrics: bool = False) -> bytes:
        """The metrics in Prometheus' format or in OpenMetrics': of all processes that share an SQLite store, or of this one.

        Raises:
            LedgerError: the process that holds the store does not reply.
        """
        return self._counts().exposition(openmetrics=openmetrics)

    def store(self) -> Store:
        """The store; starts the service if it does not run yet. Raises: LedgerError if the store cannot be used."""
        return self._lifecycle.store()

    def conversation(self, bot_id: str, user_id: str, *, channel: str = "") -> ConversationHandle:
        """See `BotKit.conversation`."""
        return self._gateways[self._known(bot_id)].conversation(user_id, channel=channel)

    def respond_to_hook(
        self, request_id: str, context: Mapping[str, Any], *, replace: bool, bot_id: str | None
    ) -> Sent:
        """See `BotKit.respond_to_hook`."""
        bots = [self._known(bot_id)] if bot_id is not None else list(self.settings.bots)
        return answer_webhook(
            self.store(),
            bots,
            request_id,
            as_changes(context),
            replace=replace,
            now=self._clock.now,
            monotonic=time.monotonic,
        )

    def _known(self, bot_id: str) -> str:
        for bot in self.settings.bots.values():
            if bot_id in bot.linked:
                return bot.id
        if bot_id not in self.settings.bots:
            known = ", ".join(self.settings.bots)
            raise NotConfigured(f"no bot {bot_id!r} in the configuration, which names {known}")
        return bot_id

    async def call_handlers(
        self, conversation_id: ConversationId, effect: CallHandlers
    ) -> tuple[ApiCall, ...]:
        """Call the bot's handlers of a moment of the hand-off, for the relay. Returns the calls that they request."""
        return await self._moments.call(conversation_id, effect)

    def _relay(self, settings: Settings, ledger: Ledger, telemetry: Telemetry) -> RunningRelay:
        return Relay(
            settings,
            ledger,
            metrics=telemetry,
            clock=self._clock,
            call_handlers=self.call_handlers,
            calls=self._lifecycle.calls,
        )

    def _decide(self, conversation: Conversation, event: Event) -> Decision:
        if (handlers := self._registry.all) is not self._handlers_of_rules:
            # Handlers were registered meanwhile. Rules without handlers of hand-offs have no effects for them.
            self._rules = {
                bot_id: replace(rules, handled_moments=self._moments.handled(bot_id))
                for bot_id, rules in self._rules.items()
            }
            self._handlers_of_rules = handlers
        return decide(self._rules[conversation.id.bot_id], conversation, event)

    def _counts(self) -> Counts:
        running = self._lifecycle.running
        return running.role.store.counts if running is not None else self.telemetry

    def _outbox_depth(self) -> float:
        running = self._lifecycle.running
        return running.role.store.outbox_depth if running is not None else 0

    def _open_sessions(self) -> float:
        running = self._lifecycle.running
        return running.role.store.open_sessions if running is not None else 0


class _Counts:
    """Implements `HookMetrics` and `HandlerMetrics`; once the service runs, it counts in the metrics of all processes."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def hook(self, event: str, status: int, seconds: float) -> None:
        self._service._counts().hook(event, status, seconds)

    def duplicate(self) -> None:
        self._service._counts().duplicate()

    def handled(self, event: str, handler: str, outcome: str) -> None:
        self._service._counts().handled(event, handler, outcome)
