"""The relay: it does all network I/O, on one asyncio loop: that of the server, or one in a thread of its own.

It gets each commit of the ledger, carries out the outbound effects, receives from the agents' side, runs the timers, and submits
the results. All its state is also in the ledger: a process that dies loses no work.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress

from botkit.config.settings import Settings
from botkit.handoff.conversation import Conversation, ConversationId
from botkit.http.retry import SYSTEM_CHANCE
from botkit.ledger.interface import Committed, Ledger, OutboxItem
from botkit.loop_calls import LoopCalls
from botkit.observability.events import get_logger
from botkit.observability.metrics import Telemetry
from botkit.observability.tracebacks import where
from botkit.relay.clock import Clock, SystemClock
from botkit.relay.engine import Engine
from botkit.relay.gateways import Connect, connect
from botkit.relay.leaving import Leaves
from botkit.relay.metrics import RelayMetrics
from botkit.relay.outbound.perform import CallHandlers, no_handlers

_log = get_logger("botkit.relay")

_WIND_DOWN_SECONDS = 5.0
MAX_HOLD_SECONDS = 0.05
"""Max wait of a commit for the relay to accept the previous one. So a relay that hangs slows hooks down, but never stops them."""
_LOOK_SECONDS = 0.5


class Relay:
    """Acts on the ledger's commits.

    Start the ledger with this relay's `on_commit`, and with the relay as its `Moves`; then start the relay. Close the relay, then
    the ledger.

    Args:
        settings: every bot.
        ledger: decides and stores the inputs.
        metrics: counts effects and receivers; by default a `Telemetry` of its own.
        clock: by default the machine's; tests pass their own, like the next two.
        chance: draws the jitter from [0, 1).
        connect: opens the gateways; by default the XO platform and the configured agent systems, over libcurl.
        call_handlers: calls the bot's own handlers of a hand-off; by default there are none.
        calls: calls a loop that runs elsewhere, for the relay to live on; by default it has a loop in a thread of its own.
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
        calls: LoopCalls | None = None,
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
        self._early: list[Callable[[Engine], object]] = []
        """What the ledger has told before there was an engine."""
        self._losing: set[Future[None]] = set()
        self._calls = calls
        self._holds = calls is None
        """Whether commits are held up. Hooks on the relay's own loop do not need it: both take turns there."""
        self._engine: Engine | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._main: asyncio.Task[None] | None = None
        self._started: Future[None] = Future()
        self._ended = threading.Event()
        self._closing = False
        self._close_seconds = _WIND_DOWN_SECONDS

    def on_commit(self, batch: Sequence[Committed]) -> None:
        """Accept a batch of commits, in commit order. Any thread; one wake-up per batch.

        With a thread of its own, it waits a moment if the previous batch has not been accepted: hooks, commits and calls share
        one interpreter, and hooks that are acknowledged faster than they are relayed slow everything down (measured: 2,600
        hooks a second relayed without this wait, 3,200 with it, and the 99th percentile of acknowledgements a quarter lower).
        """
        waits = self._holds and not self._closing and threading.current_thread() is not self._thread
        held = waits and self._accepting.acquire(timeout=MAX_HOLD_SECONDS)
        with self._lock:
            if not self._closing and self._calls is not None and self._engine is not None:
                self._calls.soon(self._accept, self._engine, batch, held)
                return
            if not self._closing:  # Otherwise the next start resumes it from the ledger.
                self._early.append(lambda engine: engine.accept(batch))
        if held:
            self._accepting.release()

    def gain(self, undelivered: Sequence[OutboxItem], conversations: Sequence[Conversation]) -> None:
        """See `ledger.interface.Moves`. Any thread, in the order of the commits."""
        with self._lock:
            if not self._closing:
                self._soon(lambda engine: engine.gain(undelivered, conversations))

    def is_catching_up(self) -> bool:
        """See `ledger.interface.Moves`. Any thread."""
        return self._engine is not None and self._engine.is_catching_up()

    def lose(self, leaves: Leaves, *, orderly: bool) -> Future[None]:
        """See `ledger.interface.Moves`. Any thread, in the order of the commits.

        Nothing more is begun from now on, although the loop may be busy for a while with other things.
        """
        lost: Future[None] = Future()
        seconds = _WIND_DOWN_SECONDS if orderly else 0.0
        with self._lock:
            if self._ended.is_set() or (self._closing and self._main is None):
                lost.set_result(None)
                return lost
            self._losing.add(lost)
            if (
                not self._closing
            ):  # Otherwise everything is lost already, and it is done when the relay has ended.
                loss = self._engine.announce_loss(leaves, seconds) if self._engine is not None else None

                def let_go(engine: Engine) -> None:
                    losing = engine.let_go(loss or engine.announce_loss(leaves, seconds))
                    losing.add_done_callback(lambda task: self._lost(lost, task, orderly=orderly))

                self._soon(let_go)
        return lost

    def gone(self) -> None:
        """See `ledger.interface.Moves`. Any thread, in the order of the commits."""
        with self._lock:
            if not self._closing:
                self._soon(Engine.gone)

    def start(self) -> None:
        """Start, resume the work of an earlier process, then accept new commits.

        Raises:
            RuntimeError: the loop that it is to live on does not run, or this was called there and would wait for itself.
            Exception: the gateways could not be opened, for example a ConfigurationError.
        """
        if self._calls is None:
            self._thread = threading.Thread(target=self._run, name="botkit-relay", daemon=True)
            self._thread.start()
        else:
            if _is_here(self._calls):
                raise RuntimeError("the relay has to be started by another thread than that of its loop")
            self._calls.soon(self._begin)
            while not self._started.done():
                with suppress(TimeoutError):
                    self._started.exception(_LOOK_SECONDS)
                if not self._calls.loop.is_running() and not self._started.done():
                    self._closing = True
                    raise RuntimeError("the loop of the relay does not run")
        self._started.result()

    def ready(self) -> bool:
        """Whether the loop runs and accepts commits."""
        return self._engine is not None and not self._ended.is_set() and not self._closing

    def close(self, timeout: float = _WIND_DOWN_SECONDS) -> None:
        """Finish the attempts in progress, for at most `timeout` seconds, then stop. The next start resumes the rest.

        On the loop that it lives on it waits for nothing: the next start repeats the attempts.
        """
        with self._lock:
            self._closing = True
            calls, stop = self._calls, self._stop
        if self._main is None or calls is None:
            self._nothing_left()
            return
        here = _is_here(calls)
        self._close_seconds = 0.0 if here else timeout
        if stop is not None:
            calls.soon(stop.set)
        if here:
            self._ledger.leave_in_doubt()
            return
        # Twice for the lanes (the second time for cancelled ones), and a little for the connections.
        limit = 2 * timeout + 5.0
        if self._thread is not None:
            self._thread.join(limit)
            stopped = not self._thread.is_alive()
        else:
            deadline = time.monotonic() + limit
            while not (stopped := self._ended.wait(_LOOK_SECONDS) or not calls.loop.is_running()):
                if time.monotonic() >= deadline:
                    break
        if not stopped:
            _log.error("relay_did_not_stop")
        if (
            not stopped or not self._ended.is_set() or self._main.cancelled()
        ):  # Or its loop has gone without it.
            self._ledger.leave_in_doubt()

    def _soon(self, tell: Callable[[Engine], object]) -> None:
        """Call this on the loop, after everything told before. Call it with the lock."""
        if self._calls is not None and self._engine is not None:
            self._calls.soon(tell, self._engine)
        else:
            self._early.append(tell)

    def _lost(
        self, lost: Future[None], task: asyncio.Task[Mapping[int, ConversationId]], *, orderly: bool
    ) -> None:
        """A loss has ended. At once, all that leaves is in doubt anyway."""
        broken = task.cancelled() or task.exception() is not None
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("loss_broken", error=where(error))
        if orderly:
            self._ledger.leave_in_doubt(None if broken else task.result())
        self._tell(lost)

    def _nothing_left(self) -> None:
        """Nothing is attempted any more, for anybody."""
        with self._lock:
            losing = list(self._losing)
        for lost in losing:
            self._tell(lost)

    def _tell(self, lost: Future[None]) -> None:
        self._losing.discard(lost)
        if not lost.done():
            lost.set_result(None)

    def _accept(self, engine: Engine, batch: Sequence[Committed], held: bool) -> None:
        if held:
            self._accepting.release()
        engine.accept(batch)

    def _begin(self) -> None:
        """On the loop."""
        if self._closing:
            self._ended.set()
            self._nothing_left()
            if not self._started.done():
                self._started.set_exception(RuntimeError("it was stopped"))
        else:
            self._main = asyncio.get_running_loop().create_task(self._live(), name="botkit-relay")
            self._main.add_done_callback(self._end)

    def _end(self, main: asyncio.Task[None]) -> None:
        self._ended.set()
        self._nothing_left()
        error = RuntimeError("its loop ended") if main.cancelled() else main.exception()
        if not self._started.done():
            self._started.set_exception(error or RuntimeError("it was stopped"))
        elif error is not None and not main.cancelled():
            _log.critical("relay_failed", error=where(error))

    def _run(self) -> None:
        """The thread of a relay with a loop of its own."""
        loop = asyncio.new_event_loop()
        with self._lock:
            self._calls = LoopCalls(loop)
        try:
            main = self._main = loop.create_task(self._live())
            main.add_done_callback(self._end)
            # `wait` keeps a failure in the task, where `_end` finds it.
            loop.run_until_complete(asyncio.wait({main}))
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    async def _live(self) -> None:
        async with self._connect(self._settings) as gateways:
            engine = Engine(
                self._settings,
                self._ledger,
                gateways,
                metrics=self._metrics,
                clock=self._clock,
                chance=self._chance,
                call_handlers=self._call_handlers,
                calls=self._calls,
            )
            stop = asyncio.Event()
            await engine.resume()
            with self._lock:
                for tell in self._early:
                    tell(engine)
                self._early.clear()
                self._engine, self._stop = engine, stop
                if self._closing:
                    stop.set()
            self._started.set_result(None)
            await stop.wait()
            await engine.close(self._close_seconds)


def _is_here(calls: LoopCalls) -> bool:
    """Whether this thread is the one of that loop."""
    try:
        return asyncio.get_running_loop() is calls.loop
    except RuntimeError:
        return False
