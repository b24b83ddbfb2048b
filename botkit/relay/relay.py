"""The relay: one asyncio loop in its own thread, which does all network I/O.

It is given what the ledger committed, carries out the outbound effects, listens to the agents' side, keeps the timers, and
submits what came of it. Nothing it knows is only here: a process that dies loses the wake-ups, not the work.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future

import structlog

from botkit.config.settings import Settings
from botkit.ledger.interface import Committed, Ledger
from botkit.observability.tracebacks import where
from botkit.relay.clock import Clock, SystemClock
from botkit.relay.engine import Engine
from botkit.relay.gateways import Connect, connect
from botkit.relay.metrics import NoMetrics, RelayMetrics

_log = structlog.get_logger("botkit.relay")

_WIND_DOWN_SECONDS = 5.0
MAX_HOLD_SECONDS = 0.05
"""So long, at most, a commit waits for the relay to take the one before. A relay that hangs slows hooks; it never stops them."""


class Relay:
    """Acts on what the ledger commits.

    Start the ledger with this relay's `on_commit`, then start the relay; close the relay, then the ledger.

    Args:
        settings: every bot.
        ledger: where what happened is decided and remembered.
        metrics: what to count with.
        clock: what time it is; for tests.
        chance: draws from [0, 1), for jitter; for tests.
        connect: opens the outside; for tests. By default the XO platform and the configured agent systems, over aiohttp.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        *,
        metrics: RelayMetrics | None = None,
        clock: Clock | None = None,
        chance: Callable[[], float] = random.random,
        connect: Connect = connect,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._metrics = metrics or NoMetrics()
        self._clock = clock or SystemClock()
        self._chance = chance
        self._connect: Connect = connect
        self._lock = threading.Lock()
        self._at_hand = threading.Semaphore(1)
        self._early: list[Sequence[Committed]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._engine: Engine | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._started: Future[None] = Future()
        self._closing = False
        self._close_seconds = _WIND_DOWN_SECONDS

    def on_commit(self, batch: Sequence[Committed]) -> None:
        """Take what was committed, in commit order. Any thread; one wake-up per batch.

        Waits a moment while the batch before has not been taken: hooks, commits and calls share an interpreter, and hooks that
        are acknowledged faster than they are relayed make everything slower (measured: 2,600 hooks a second relayed without
        this, 3,200 with it, and the slowest hundredth acknowledged a quarter sooner).
        """
        waits = not self._closing and threading.current_thread() is not self._thread
        held = waits and self._at_hand.acquire(timeout=MAX_HOLD_SECONDS)
        with self._lock:
            if not self._closing and self._loop is not None and self._engine is not None:
                self._loop.call_soon_threadsafe(self._take, self._engine, batch, held)
                return
            if not self._closing:  # Else it stands in the ledger; the next start resumes it.
                self._early.append(batch)
        if held:
            self._at_hand.release()

    def start(self) -> None:
        """Start the thread, resume what a former process left, then take new commits.

        Raises:
            Exception: whatever kept the outside from being opened, such as ConfigurationError.
        """
        self._thread = threading.Thread(target=self._run, name="botkit-relay", daemon=True)
        self._thread.start()
        self._started.result()

    def ready(self) -> bool:
        """Whether the loop runs and takes commits."""
        return (
            self._thread is not None
            and self._thread.is_alive()
            and self._loop is not None
            and not self._closing
        )

    def close(self, timeout: float = _WIND_DOWN_SECONDS) -> None:
        """Finish what is in flight, for at most `timeout` seconds, then stop. What was not finished is resumed later."""
        with self._lock:
            self._closing = True
            loop, stop = self._loop, self._stop
        self._close_seconds = timeout
        if self._thread is None:
            return
        if loop is not None and stop is not None and self._thread.is_alive():
            loop.call_soon_threadsafe(stop.set)
        # Twice for the lanes (the second time for those that were cut off), and a little for the connections.
        self._thread.join(2 * timeout + 5.0)
        if self._thread.is_alive():
            _log.error("relay_did_not_stop")

    def _take(self, engine: Engine, batch: Sequence[Committed], held: bool) -> None:
        if held:
            self._at_hand.release()
        engine.take(batch)

    def _run(self) -> None:
        loop = asyncio.new_event_loop()
        try:
            main = loop.create_task(self._main())
            # `wait` keeps a failure in the task, so that it reaches whoever called `start`, whatever it is.
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
        async with self._connect(self._settings) as outside:
            engine = Engine(
                self._settings,
                self._ledger,
                outside,
                metrics=self._metrics,
                clock=self._clock,
                chance=self._chance,
            )
            stop = asyncio.Event()
            engine.resume()
            with self._lock:
                for batch in self._early:
                    engine.take(batch)
                self._early.clear()
                self._engine, self._stop = engine, stop
                self._loop = asyncio.get_running_loop()
                if self._closing:
                    stop.set()
            self._started.set_result(None)
            await stop.wait()
            await engine.close(self._close_seconds)
