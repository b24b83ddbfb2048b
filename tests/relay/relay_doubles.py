"""Test doubles for everything around the relay: a ledger in memory, and both sides."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal

from msgspec import structs

from botkit.agents import AgentSystem, Batch, Capabilities, File, Granted
from botkit.boottime import boottime
from botkit.config.settings import (
    AgentsSettings,
    DeliverySettings,
    HandoffSettings,
    KoreSettings,
    Secret,
    Settings,
    TranscriptSettings,
)
from botkit.errors import LedgerError
from botkit.handoff.conversation import (
    Access,
    AgentSession,
    Conversation,
    ConversationId,
    Instant,
    Phase,
    Timer,
)
from botkit.handoff.effects import (
    CARRIES_HOOK,
    ArmTimer,
    CallUser,
    CallWithHook,
    CancelTimer,
    CountMetric,
    DropLane,
    Effect,
    PassToBot,
    PassToUser,
    PlatformEffect,
    SendToUser,
    lane,
)
from botkit.handoff.events import (
    AgentSaid,
    AgentSessionEnded,
    AgentsLost,
    Content,
    Event,
    PositionAdvanced,
    TranscriptLine,
)
from botkit.handoff.steps import Step
from botkit.ledger.clocks import ClockEra, Clocks
from botkit.ledger.interface import Committed, HookBody, Input, Moves, OutboxItem
from botkit.relay.engine import Engine
from botkit.relay.gateways import Gateways
from botkit.relay.outbound.circuit_breaker import CircuitBreaker
from botkit.relay.outbound.perform import CallHandlers, no_handlers
from botkit.testing.clock import ManualClock
from botkit.testing.configuration import settings_of_one_bot

BOT = "st-1"
USER = ConversationId(BOT, "u-1")
OTHER = ConversationId(BOT, "u-2")
SESSION = "0f4f5c1e-6f5f-4b51-9d8e-000000000001"
SYSTEM = "salesforce"
ACCESS = Access("token", position="10", high_water_ms=1_000_000)
HOOK = HookBody(b'{"message":"hi"}')
NEWER = HookBody(b'{"message":"newer"}')
START = Instant(1_760_000_000.0)


def conversation(
    *,
    phase: Phase = Phase.ACTIVE,
    access: Access | None = ACCESS,
    timers: tuple[Timer, ...] = (),
    **changes: Any,
) -> Conversation:
    """A conversation with an agent session."""
    session = AgentSession(
        id=SESSION,
        system=SYSTEM,
        phase=phase,
        opened_at=START,
        language="en",
        access=access,
        timers=timers,
    )
    return structs.replace(Conversation(USER, session), **changes)


Rule = Callable[[Conversation, Event], tuple[Conversation, Sequence[Effect]]]


class FakeLedger:
    """Commits in memory, in the caller's thread: at once, or with `holding` at `release`."""

    def __init__(self, clock: ManualClock | None = None) -> None:
        self.clock = clock
        self.inputs: list[Input] = []
        self.conversations: dict[ConversationId, Conversation] = {}
        self.hooks: dict[ConversationId, HookBody] = {USER: HOOK, OTHER: HOOK}
        self.rows: dict[int, OutboxItem] = {}
        self.seen: set[str] = set()
        self.lookups = 0
        self.rule: Rule = lambda before, _: (before, ())
        self.failures: deque[Exception] = deque()
        self.holding = False
        self.held: list[tuple[Input, Future[Committed]]] = []
        self.hurried = 0
        self.swept: list[Instant] = []
        self.known_clocks = Clocks()
        self.noted_clocks: list[Sequence[ClockEra]] = []
        self.stories_swept: list[Instant | None] = []
        self.notes: list[Step] = []
        """Steps of stories that came without an event."""
        self.acts = True
        self.left_in_doubt: set[int] | None = set()
        self.at_hand = True
        self.reads: list[Any] = []
        self.read_failures: deque[LedgerError] = deque()
        self.on_commit: Callable[[Sequence[Committed]], None] = lambda _: None
        self._ids = itertools.count(1)

    def start(self, on_commit: Callable[[Sequence[Committed]], None], moves: Moves | None = None) -> None:
        self.on_commit = on_commit

    def submit(self, input: Input) -> Future[Committed]:
        future: Future[Committed] = Future()
        if input.event is None and not input.completes:
            self.notes.extend(input.steps)
        elif self.failures:
            future.set_exception(self.failures.popleft())
        elif self.holding:
            self.held.append((input, future))
        else:
            self._commit(input, future)
        return future

    def submit_then(self, input: Input, then: Callable[[Committed | Exception], None]) -> Callable[[], None]:
        def tell(done: Future[Committed]) -> None:
            error = done.exception()
            then(done.result() if not isinstance(error, Exception) else error)

        future = self.submit(input)
        future.add_done_callback(tell)
        return lambda: None

    def hurry(self) -> None:
        self.hurried += 1

    def number_from(self, first: int) -> None:
        """Set the id of the next effect."""
        self._ids = itertools.count(first)

    def release(self) -> None:
        """Commit the held inputs."""
        held, self.held = self.held, []
        for input, future in held:
            self._commit(input, future)

    def _commit(self, input: Input, future: Future[Committed]) -> None:
        self.inputs.append(input)
        before = self.conversations.get(input.conversation_id, Conversation(input.conversation_id))
        for item_id in input.completes:
            self.rows.pop(item_id, None)
        event = input.event
        if event is None or (event.key and event.key in self.seen):
            committed = Committed(before, (), (), duplicate=event is not None)
        else:
            if event.key:
                self.seen.add(event.key)
            after, effects = self.rule(before, event)
            committed = self._effects(after, effects, input.hook)
        future.set_result(committed)
        self.on_commit([committed])

    def decided(self, after: Conversation, *effects: Effect, hook: HookBody | None = HOOK) -> Committed:
        """Commit this as if an input had led to it, and report it to the relay."""
        committed = self.decided_elsewhere(after, *effects, hook=hook)
        self.on_commit([committed])
        return committed

    def decided_elsewhere(
        self, after: Conversation, *effects: Effect, hook: HookBody | None = HOOK
    ) -> Committed:
        """Commit this as another process does, which this relay is not told of."""
        return self._effects(after, effects, hook)

    def _effects(self, after: Conversation, effects: Sequence[Effect], hook: HookBody | None) -> Committed:
        self.conversations[after.id] = after
        items, local_effects = [], []
        for effect in effects:
            if isinstance(effect, ArmTimer | CancelTimer | DropLane | CountMetric):
                local_effects.append(effect)
                continue
            now = self.clock.now() if self.clock else Instant(time.time())
            decided_at = self.clock.boottime() if self.clock else boottime()
            own = hook if isinstance(effect, CARRIES_HOOK) else None
            item = OutboxItem(
                next(self._ids), after.id, lane(effect), effect, now, own, decided_at=decided_at
            )
            items.append(item)
            self.rows[item.id] = item
        return Committed(after, tuple(items), tuple(local_effects))

    def open_conversations(self) -> Sequence[Conversation]:
        return [one for one in self.conversations.values() if one.session is not None]

    def undelivered(self) -> Sequence[OutboxItem]:
        return sorted(self.rows.values(), key=lambda item: item.id)

    def are_known(self, inputs: Sequence[Input]) -> Sequence[bool]:
        self.lookups += 1
        if self.read_failures:
            raise self.read_failures.popleft()
        return [input.event is not None and input.event.key in self.seen for input in inputs]

    def conversation(self, conversation_id: ConversationId) -> Conversation | None:
        return self.conversations.get(conversation_id)

    def hook_of(self, item_id: int) -> HookBody | None:
        self.reads.append(item_id)
        if self.read_failures:
            raise self.read_failures.popleft()
        return self.rows[item_id].hook if item_id in self.rows else None

    def hooks_of(self, item_ids: Sequence[int], max_bytes: int) -> dict[int, HookBody | None]:
        found: dict[int, HookBody | None] = {}
        size = 0
        for item_id in item_ids:
            hook = self.hook_of(item_id)
            size += len(hook.body) if hook is not None else 0
            if found and size > max_bytes:
                break
            found[item_id] = hook
        return found

    def newest_hook(self, conversation_id: ConversationId) -> HookBody | None:
        self.reads.append(conversation_id)
        return self.hooks.get(conversation_id)

    def newest_hook_of(self, bot_id: str, user_id: str) -> tuple[ConversationId, HookBody] | None:
        raise AssertionError("the relay knows the conversations of its effects")

    def cached_newest_hook(self, conversation_id: ConversationId) -> HookBody | None:
        return self.hooks.get(conversation_id) if self.at_hand else None

    def clocks(self) -> Clocks:
        return self.known_clocks

    def note_clocks(self, eras: Sequence[ClockEra]) -> None:
        self.noted_clocks.append(eras)

    def sweep(self, before: Instant, *, stories_before: Instant | None = None) -> int:
        self.swept.append(before)
        self.stories_swept.append(stories_before)
        if self.failures:
            raise LedgerError("no")
        return 0

    def healthy(self) -> bool:
        return True

    def may_act(self) -> bool:
        return self.acts

    def leave_in_doubt(self, effects: Mapping[int, ConversationId] | None = None) -> None:
        self.left_in_doubt = None if effects is None else {*(self.left_in_doubt or ()), *effects}

    def close(self) -> None:
        self.on_commit = lambda _: None

    @property
    def events(self) -> list[Event]:
        """The submitted events, in order, without inputs that only complete an item."""
        return [input.event for input in self.inputs if input.event is not None]

    @property
    def completed(self) -> list[int]:
        return [item_id for input in self.inputs for item_id in input.completes]


@dataclass
class Call:
    what: str
    idempotency_key: str = ""
    argument: Any = None


@dataclass
class FakePlatform:
    """Records calls. Each takes the next of `answers`: an error is raised, None is a success. Without answers, calls succeed."""

    calls: list[Call] = field(default_factory=list)
    answers: deque[Exception | None] = field(default_factory=deque)
    patience: list[float] = field(default_factory=list)
    history: deque[int | Exception | None] = field(default_factory=deque)
    """The next answers to `times_shown`; the last one stays. Without any, the history cannot tell."""
    looks: int = 0
    looked_since: list[Instant] = field(default_factory=list)
    lines: tuple[TranscriptLine, ...] = ()
    transcript_answer: Exception | None = None
    transcript_hangs: bool = False
    gate: asyncio.Event | None = None
    gates: dict[str, asyncio.Event] = field(default_factory=dict)

    async def _call(self, what: str, idempotency_key: str, argument: Any = None) -> None:
        self.calls.append(Call(what, idempotency_key, argument))
        gate = self.gates.get(what, self.gate)
        if gate is not None:
            await gate.wait()
        answer = self.answers.popleft() if self.answers else None
        if answer is not None:
            raise answer

    async def send(
        self, effect: PlatformEffect, hook: HookBody, *, idempotency_key: str, patience: float = 1.0
    ) -> None:
        self.patience.append(patience)
        match effect:
            case CallWithHook(call, changes) | CallUser(call, changes):
                await self._call(call, idempotency_key, changes)
            case SendToUser(content):
                await self._call("send_to_user", idempotency_key, content.text)
            case PassToBot() | PassToUser():
                await self._call(name_of(effect), idempotency_key, hook)
            case _:
                await self._call(name_of(effect), idempotency_key, effect)

    def begin(
        self,
        effect: PlatformEffect,
        hook: HookBody,
        *,
        idempotency_key: str,
        done: Callable[[Exception | None], None],
    ) -> Callable[[], None]:
        return begun(self.send(effect, hook, idempotency_key=idempotency_key), done)

    async def times_shown(self, effect: PlatformEffect, hook: HookBody, *, since: Instant) -> int | None:
        self.looks += 1
        self.looked_since.append(since)
        if not self.history:
            return None
        found = self.history[0] if len(self.history) == 1 else self.history.popleft()
        if isinstance(found, Exception):
            raise found
        return found

    async def transcript(self, hook: HookBody, *, limit: int, session_id: str) -> tuple[TranscriptLine, ...]:
        if self.transcript_hangs:
            await asyncio.Event().wait()
        if self.transcript_answer is not None:
            raise self.transcript_answer
        return self.lines

    async def file(self, name: str, url: str, *, max_bytes: int) -> File:
        await self._call("file", "", (url, max_bytes))
        return File(name, "image/png", b"picture")


@dataclass
class Begun:
    """An attempt in progress."""

    what: str
    text: str
    idempotency_key: str
    done: Callable[[Exception | None], None]
    cancelled: bool = False


@dataclass
class HeldPlatform(FakePlatform):
    """Every attempt is in progress until the test answers it. `refusing` is raised by `begin` itself."""

    begun: list[Begun] = field(default_factory=list)
    refusing: Exception | None = None

    def begin(
        self,
        effect: PlatformEffect,
        hook: HookBody,
        *,
        idempotency_key: str,
        done: Callable[[Exception | None], None],
    ) -> Callable[[], None]:
        if self.refusing is not None:
            raise self.refusing
        text = effect.content.text if isinstance(effect, SendToUser) else hook.body.decode()
        begun = Begun(name_of(effect), text, idempotency_key, done)
        self.begun.append(begun)

        def cancel() -> None:
            begun.cancelled = True

        return cancel

    def answer(self, error: Exception | None = None, *, first: int = 0) -> None:
        """Answer the attempts in progress, or only the first ones."""
        answered = self.begun[: first or None]
        del self.begun[: first or None]
        for one in answered:
            one.done(error)

    @property
    def in_progress(self) -> list[str]:
        return [one.text for one in self.begun]


def begun(sending: Coroutine[Any, Any, None], done: Callable[[Exception | None], None]) -> Callable[[], None]:
    """`Platform.begin` of a fake that can only `send`."""

    async def call() -> None:
        try:
            await sending
        except Exception as error:  # noqa: BLE001 - whatever the fake raises is the outcome
            done(error)
        else:
            done(None)

    task = asyncio.get_running_loop().create_task(call())

    def cancel() -> None:
        task.cancel()
        if inspect.getcoroutinestate(sending) == inspect.CORO_CREATED:
            sending.close()

    return cancel


def name_of(effect: PlatformEffect) -> str:
    """``PassToBot`` is ``pass_to_bot``."""
    return re.sub("(?<!^)(?=[A-Z])", "_", type(effect).__name__).lower()


class Connection:
    """One connection of a fake stream. `say` events; `error` breaks it; `end` ends it."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Batch | Exception | None] = asyncio.Queue()

    def say(self, *events: Any, doubt: str = "") -> None:
        self.queue.put_nowait(Batch(events, doubt))

    def error(self, error: Exception) -> None:
        self.queue.put_nowait(error)

    def end(self) -> None:
        self.queue.put_nowait(None)


class FakeSystem(AgentSystem):
    """Records calls; the test controls the stream and the list."""

    def __init__(self, receive: Literal["stream", "poll"] = "stream", interval: float = 0.02) -> None:
        self.capabilities = Capabilities(receive=receive, poll_interval=timedelta(seconds=interval))
        self.calls: list[Call] = []
        self.answers: dict[str, deque[Exception | None]] = {}
        self.listed: list[Any] = []
        self.last_events: tuple[Any, ...] = ()
        self.fetches: list[Access] = []
        self.fetching = 0
        self.max_fetching = 0
        self.connects: list[Access] = []
        self.connect_errors: deque[Exception] = deque()
        self.connections: list[Connection] = []
        self.closed_streams = 0
        self.routing_status: Literal["searching", "present", "over"] = "searching"
        self.gates: dict[str, asyncio.Event] = {}
        self.holds_headers = False

    async def _call(self, what: str, argument: Any = None) -> None:
        self.calls.append(Call(what, argument=argument))
        if what in self.gates:
            await self.gates[what].wait()
        answers = self.answers.get(what)
        answer = answers.popleft() if answers else None
        if answer is not None:
            raise answer

    def fails(self, what: str, *errors: Exception | None) -> None:
        """Make the next calls of this name fail with these errors; None is a success."""
        self.answers.setdefault(what, deque()).extend(errors)

    def said(self, what: str) -> list[Any]:
        return [call.argument for call in self.calls if call.what == what]

    async def open(self, session_id: str) -> Granted:
        await self._call("open", session_id)
        return Granted(ACCESS, Instant(START + 3600))

    async def start(
        self, session_id: str, access: Access, *, attributes: Sequence[tuple[str, str]], language: str
    ) -> None:
        await self._call("start", tuple(attributes))

    async def send(self, session_id: str, access: Access, *, message_id: str, text: str) -> None:
        await self._call("send", (message_id, text))

    async def typing(self, session_id: str, access: Access, *, started: bool) -> None:
        await self._call("typing", started)

    async def acknowledge(self, session_id: str, access: Access, *, entry_ids: Sequence[str]) -> None:
        await self._call("acknowledge", tuple(entry_ids))

    async def routing(self, session_id: str, access: Access) -> Literal["searching", "present", "over"]:
        await self._call("routing")
        return self.routing_status

    async def end(self, session_id: str, access: Access) -> Batch:
        await self._call("end", access)
        return Batch(self.last_events)

    async def listen(self, session_id: str, access: Access) -> AsyncIterator[Batch]:
        self.connects.append(access)
        if self.connect_errors:
            raise self.connect_errors.popleft()
        if self.holds_headers:
            await asyncio.Event().wait()
        connection = Connection()
        self.connections.append(connection)
        try:
            yield Batch(())
            while (input := await connection.queue.get()) is not None:
                if isinstance(input, Exception):
                    raise input
                yield input
        finally:
            if "close" in self.gates:
                await self.gates["close"].wait()
            self.closed_streams += 1

    async def fetch(self, session_id: str, access: Access) -> Batch:
        self.fetching += 1
        self.max_fetching = max(self.max_fetching, self.fetching)
        try:
            self.fetches.append(access)
            await self._call("fetch")
            return Batch([event for event in self.listed if event.high_water_ms >= access.high_water_ms])
        finally:
            self.fetching -= 1


class AbleSystem(FakeSystem):
    """A system with every ability there is."""

    def __init__(self) -> None:
        super().__init__()
        self.capabilities = replace(self.capabilities, files="always")

    async def send_file(
        self, session_id: str, access: Access, *, message_id: str, file: File, request: str
    ) -> None:
        await self._call("send_file", (message_id, file, request))

    async def custom_event(self, session_id: str, access: Access, *, name: str, data: str) -> None:
        await self._call("custom_event", (name, data))

    async def idle_notice(self, session_id: str, access: Access, *, warned: bool) -> None:
        await self._call("idle_notice", warned)


@dataclass
class Counted:
    done: list[tuple[str, str]] = field(default_factory=list)
    retried: list[str] = field(default_factory=list)
    open: int = 0
    duplicates: int = 0
    repeated: list[str] = field(default_factory=list)
    reconnects: int = 0
    held: int = 0
    counts: list[tuple[str, str]] = field(default_factory=list)

    def effect_done(self, kind: str, outcome: str) -> None:
        self.done.append((kind, outcome))

    def effect_retried(self, kind: str) -> None:
        self.retried.append(kind)

    def possible_duplicates(self, count: int) -> None:
        self.duplicates += count

    def repeated_to_agents(self, system: str) -> None:
        self.repeated.append(system)

    def receivers_open(self, count: int) -> None:
        self.open = count

    def reconnected(self, system: str) -> None:
        self.reconnects += 1

    def streams_held(self, system: str, change: int) -> None:
        self.held += change

    def noted(self, what: str, why: str, *, ref: str = "") -> None:
        self.counts.append((what, why))


def settings(*, delivery: DeliverySettings | None = None, keep_payloads: bool = False) -> Settings:
    """One bot with one agent system."""
    return settings_of_one_bot(
        BOT,
        kore=KoreSettings("cs-1", Secret("s"), keep_payloads=keep_payloads),
        agents=AgentsSettings(default=SYSTEM, systems={}),
        handoff=HandoffSettings(transcript=TranscriptSettings(limit=50, timeout=timedelta(seconds=0.5))),
        delivery=delivery or DeliverySettings(),
    )


class World:
    """A relay's engine on the test's own loop, between doubles that the test controls."""

    def __init__(
        self,
        *,
        system: FakeSystem | None = None,
        platform: FakePlatform | None = None,
        chance: float = 0.5,
        keep_payloads: bool = False,
        call_handlers: CallHandlers = no_handlers,
    ) -> None:
        self.clock = ManualClock(START)
        self.ledger = FakeLedger(self.clock)
        self.platform = platform or FakePlatform()
        self.system = system or FakeSystem()
        self.metrics = Counted()
        self.engine = Engine(
            settings(keep_payloads=keep_payloads),
            self.ledger,
            Gateways({BOT: self.platform}, {(BOT, SYSTEM): self.system}),
            metrics=self.metrics,
            clock=self.clock,
            chance=lambda: chance,
            call_handlers=call_handlers,
        )
        self.engine._ledger_client.are_known = self._are_known  # type: ignore[method-assign]
        self.ledger.start(self.engine.accept)

    async def _are_known(self, inputs: Sequence[Input]) -> Sequence[bool]:
        """As `LedgerClient` has it, but without a thread: that takes time of which this world's clock knows nothing."""
        while True:
            try:
                return self.ledger.are_known(inputs)
            except LedgerError:
                await self.clock.sleep(0.05)

    def breaker(self, remote: str = "") -> CircuitBreaker:
        """That of an agent system, or of the platform."""
        return self.engine._breakers.get(BOT, remote, self.engine._backoff(BOT))

    async def close(self) -> None:
        await self.engine.close(0.1)

    @property
    def sent(self) -> list[str]:
        """The names of the calls to the platform."""
        return [call.what for call in self.platform.calls]


def texts(world: World) -> list[str]:
    """What the agents have said, as it was submitted."""
    return [event.content.text for event in world.ledger.events if isinstance(event, AgentSaid)]


def losses(world: World) -> list[str]:
    """Why sessions were lost."""
    return [event.why for event in world.ledger.events if isinstance(event, AgentsLost)]


def said(entry: str, text: str = "hello", *, ms: int = 0, position: str = "") -> AgentSaid:
    return AgentSaid(
        key=f"{SESSION}/{entry}",
        at=START,
        session_id=SESSION,
        position=position,
        high_water_ms=ms or ACCESS.high_water_ms + int("".join(filter(str.isdigit, entry)) or 0),
        content=Content(text=text),
        agent_name="Ada",
    )


def noticed(entry: str, *, position: str = "") -> PositionAdvanced:
    return PositionAdvanced(
        key=f"{SESSION}/{entry}",
        at=START,
        session_id=SESSION,
        position=position,
        high_water_ms=ACCESS.high_water_ms + int("".join(filter(str.isdigit, entry)) or 0),
    )


def ended(entry: str) -> AgentSessionEnded:
    return AgentSessionEnded(
        key=f"{SESSION}/{entry}",
        at=START,
        session_id=SESSION,
        high_water_ms=ACCESS.high_water_ms + int("".join(filter(str.isdigit, entry)) or 0),
    )


def writes(world: World, *effects: Effect, after: Conversation | None = None) -> None:
    """The user's message is committed, and its payload is the newest."""
    world.ledger.hooks[USER] = NEWER
    world.ledger.decided(after or conversation(), *effects, hook=NEWER)
