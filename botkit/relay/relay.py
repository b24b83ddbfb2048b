"""The relay: one asyncio loop in its own thread, which does all network I/O.

It gets each commit of the ledger, carries out the outbound effects, receives from the agents' side, runs the timers, and submits
the results. All its state is also in the ledger: a process that dies loses no work.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from botkit.config.settings import Settings
from botkit.http.retry import SYSTEM_CHANCE
from botkit.ledger.interface import Committed, Ledger
from botkit.observability.events import get_logger
from botkit.observability.metrics import Telemetry
from botkit.observability.tracebacks import where
from botkit.relay.clock import Clock, SystemClock
from botkit.relay.engine import Engine
from botkit.relay.gateways import Connect, connect
from botkit.relay.metrics import RelayMetrics
from botkit.relay.outbound.perform import CallHandlers, no_handlers

_log = get_logger("botkit.relay")

_WIND_DOWN_SECONDS = 5.0
MAX_HOLD_SECONDS = 0.05
"""Max wait of a commit for the relay to accept the previous one. So a relay that hangs slows hooks down, but never stops them."""


class Relay:
    """Acts on the ledger's commits.

    Start the ledger with this relay's `on_commit`, then start the relay; close the relay, then the ledger.

    Args:
        settings: every bot.
        ledger: decides and stores the inputs.
        metrics: counts effects and receivers; by default a `Telemetry` of its own.
        clock: by default the machine's; tests pass their own, like the next two.
        chance: draws the jitter from [0, 1).
        connect: opens the gateways; by default the XO platform and the configured agent systems, over libcurl.
        call_handlers: calls the bot's own handlers of a hand-off; by default there are none.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        *,
        metrics: RelayMetrics | None = None,
        clock: Clock | None = None,
        chance: Callable[[], float] = SYSTEM_CHANCE,
        connect: Connect = connect,
        call_handlers: CallHandlers = no_handlers,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._metrics = metrics or Telemetry()
        self._clock = clock or SystemClock()
        self._chance = chance
        self._connect = connect
        self._call_handlers = call_handlers
        self._lock = threading.Lock()
        self._accepting = threading.Semaphore(1)
        self._early: list[Sequence[Committed]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._engine: Engine | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._started: Future[None] = Future()
        self._closing = False
        self._close_seconds = _WIND_DOWN_SECONDS

    def on_commit(self, batch: Sequence[Committed]) -> None:
        """Accept a batch of commits, in commit order. Any thread; one wake-up per batch.

        Waits a moment if the previous batch has not been accepted: hooks, commits and calls share one interpreter, and hooks
        that are acknowledged faster than they are relayed slow everything down (measured: 2,600 hooks a second relayed without
        this wait, 3,200 with it, and the 99th percentile of acknowledgements a quarter lower).
        """
        waits = not self._closing and threading.current_thread() is not self._thread
        held = waits and self._accepting.acquire(timeout=MAX_HOLD_SECONDS)
        with self._lock:
            if not self._closing and self._loop is not None and self._engine is not None:
                self._loop.call_soon_threadsafe(self._accept, self._engine, batch, held)
                return
            if not self._closing:  # Otherwise the next start resumes it from the ledger.
                self._early.append(batch)
        if held:
            self._accepting.release()

    def start(self) -> None:
        """Start the thread, resume the work of an earlier process, then accept new commits.

        Raises:
            Exception: the gateways could not be opened, for example a ConfigurationError.
        """
        self._thread = threading.Thread(target=self._run, name="botkit-relay", daemon=True)
        self._thread.start()
        self._started.result()

    def ready(self) -> bool:
        """Whether the loop runs and accepts commits."""
        return (
            self._thread is not None
            and self._thread.is_alive()
            and self._loop is not None
            and not self._closing
        )

    def close(self, timeout: float = _WIND_DOWN_SECONDS) -> None:
        """Finish the attempts in progress, for at most `timeout` seconds, then stop. The next start resumes the rest."""
        with self._lock:
            self._closing = True
            loop, stop = self._loop, self._stop
        self._close_seconds = timeout
        if self._thread is None:
            return
        if loop is not None and stop is not None and self._thread.is_alive():
            loop.call_soon_threadsafe(stop.set)
        # Twice for the lanes (the second time for cancelled ones), and a little for the connections.
        self._thread.join(2 * timeout + 5.0)
        if self._thread.is_alive():
            _log.error("relay_did_not_stop")

    def _accept(self, engine: Engine, batch: Sequence[Committed], held: bool) -> None:
        if held:
            self._accepting.release()
        engine.accept(batch)

    def _run(self) -> None:
        loop = asyncio.new_event_loop()
        try:
            main = loop.create_task(self._main())
            # `wait` keeps the failure in the task, so that `start` can raise it.
            loop.run_until_complete(asyncio.wait({main}))
            error = main.exception()
            if error is None:
                return
            if self._started.done():
                _log.critical("relay_failed", error=where(error))
            else:
                self._started.set_exception(error)
        finally:
            with self._lock:
                self._loop = None
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    async def _main(self) -> None:
        async with self._connect(self._settings) as gateways:
            engine = Engine(
                self._settings,
                self._ledger,
                gateways,
                metrics=self._metrics,
                clock=self._clock,
                chance=self._chance,
                call_handlers=self._call_handlers,
            )
            stop = asyncio.Event()
            engine.resume()
            with self._lock:
                for batch in self._early:
                    engine.accept(batch)
                self._early.clear()
                self._engine, self._stop = engine, stop
                self._loop = asyncio.get_running_loop()
                if self._closing:
                    stop.set()
            self._started.set_result(None)
            await stop.wait()
            await engine.close(self._close_seconds)
