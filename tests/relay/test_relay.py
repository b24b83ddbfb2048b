"""The relay as a whole, in its own thread and on a loop that runs elsewhere: starting, resuming, closing."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field

import pytest
from msgspec import structs

from botkit.config.settings import Settings
from botkit.errors import ConfigurationError, LedgerClosed, Problem, ServerTrouble
from botkit.handoff.conversation import Conversation, ConversationId, Instant
from botkit.handoff.effects import OutboundEffect, PassToBot, SendToAgent, SendToUser, lane
from botkit.handoff.events import Content
from botkit.ledger.interface import Committed, Input, OutboxItem
from botkit.loop_calls import LoopCalls
from botkit.relay import Relay
from botkit.relay.gateways import Gateways
from botkit.testing.waiting import until
from tests.relay.relay_doubles import (
    ACCESS,
    BOT,
    HOOK,
    SESSION,
    SYSTEM,
    USER,
    FakeLedger,
    FakePlatform,
    FakeSystem,
    conversation,
    settings,
)


class LockedLedger(FakeLedger):
    """Like the real one, commits one input at a time whichever thread they come from."""

    def __init__(self) -> None:
        super().__init__()
        self._one = threading.RLock()

    def _commit(self, input: Input, future: object) -> None:
        with self._one:
            super()._commit(input, future)  # type: ignore[arg-type]


@dataclass
class Stage:
    ledger: FakeLedger = field(default_factory=LockedLedger)
    platform: FakePlatform = field(default_factory=FakePlatform)
    system: FakeSystem = field(default_factory=FakeSystem)
    relays: list[Relay] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)
    calls: LoopCalls | None = None
    """The loop that runs elsewhere, if the relay is to live on one."""

    def relay(self) -> Relay:
        @asynccontextmanager
        async def connect(_: Settings) -> AsyncIterator[Gateways]:
            self.threads.add(threading.current_thread().name)
            yield Gateways({BOT: self.platform}, {(BOT, SYSTEM): self.system})

        relay = Relay(settings(), self.ledger, connect=connect, calls=self.calls)
        self.relays.append(relay)
        self.ledger.start(relay.on_commit)
        return relay

    def left(self, *effects: OutboundEffect) -> None:
        """What a former process wrote down and did not do."""
        for number, effect in enumerate(effects, start=1):
            self.ledger.rows[number] = OutboxItem(
                number, USER, lane(effect), effect, Instant(time.time()), HOOK
            )

        self.ledger.number_from(len(effects) + 1)

    @property
    def shown(self) -> list[str]:
        return [call.argument for call in self.platform.calls if call.what == "send_to_user"]


@contextmanager
def loop_elsewhere() -> Iterator[LoopCalls]:
    """A loop that runs in a thread, as that of a server does."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="server", daemon=True)
    thread.start()
    try:
        yield LoopCalls(loop)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture(params=["botkit-relay", "server"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """With a relay in the thread of this name."""
    with loop_elsewhere() if request.param == "server" else nullcontext() as calls:
        stage = Stage(calls=calls)
        yield stage
        for relay in stage.relays:
            relay.close(1.0)


@pytest.fixture
def in_a_thread() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    for relay in stage.relays:
        relay.close(1.0)


def to_user(text: str) -> SendToUser:
    return SendToUser(Content(text=text))


def to_agent(number: int) -> SendToAgent:
    return SendToAgent(SESSION, SYSTEM, ACCESS, f"m-{number}", "text")


def test_it_works_in_its_thread(stage: Stage) -> None:
    stage.relay().start()
    stage.ledger.decided(Conversation(USER), PassToBot())
    until(lambda: not stage.ledger.rows)
    assert stage.threads == {"botkit-relay" if stage.calls is None else "server"}


def test_it_is_ready_between_start_and_close(stage: Stage) -> None:
    relay = stage.relay()
    assert not relay.ready()
    relay.start()
    assert relay.ready()
    relay.close(1.0)
    assert not relay.ready()


def test_it_is_ready_and_delivers_while_the_streams_of_a_thousand_conversations_do_not_open(
    stage: Stage,
) -> None:
    stage.system.holds_headers = True
    for number in range(1000):
        one = ConversationId(USER.bot_id, f"u-{number}", USER.channel)
        talk = conversation()
        assert talk.session is not None
        session = structs.replace(talk.session, id=f"{number:08d}{SESSION[8:]}")
        stage.ledger.conversations[one] = structs.replace(talk, id=one, session=session)
    relay = stage.relay()
    relay.start()
    assert relay.ready()
    stage.ledger.decided(Conversation(USER), to_user("hello"))
    until(lambda: stage.shown == ["hello"])
    assert stage.system.connects  # They are being opened.
    assert not stage.system.connections


def busy(relay: Relay) -> threading.Event:
    """The relay's loop does something else until the event is set."""
    done, begun = threading.Event(), threading.Event()
    assert relay._calls is not None

    def occupy() -> None:
        begun.set()
        done.wait(5.0)

    relay._calls.loop.call_soon_threadsafe(occupy)
    assert begun.wait(5.0)
    return done


def test_a_commit_waits_until_the_previous_one_was_accepted(
    in_a_thread: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botkit.relay.relay.MAX_HOLD_SECONDS", 5.0)
    relay = in_a_thread.relay()
    relay.start()
    done = busy(relay)
    relay.on_commit([Committed(Conversation(USER), (), ())])
    second = threading.Thread(target=relay.on_commit, args=([Committed(Conversation(USER), (), ())],))
    second.start()
    second.join(0.1)
    assert second.is_alive()
    done.set()
    second.join(5.0)
    assert not second.is_alive()


def test_commits_do_not_wait_for_a_loop_that_takes_the_hooks_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botkit.relay.relay.MAX_HOLD_SECONDS", 1_000)
    with loop_elsewhere() as calls:
        relay = Stage(calls=calls).relay()
        relay.start()
        done = busy(relay)
        for _ in range(3):
            relay.on_commit([Committed(Conversation(USER), (), ())])
        done.set()
        relay.close(1.0)


def test_it_cannot_be_started_on_its_own_loop(stage: Stage) -> None:
    async def start() -> None:
        stage.calls = LoopCalls(asyncio.get_running_loop())
        with pytest.raises(RuntimeError, match="another thread"):
            stage.relay().start()

    asyncio.run(start())


def test_closing_it_on_its_own_loop_waits_for_nothing() -> None:
    stage = Stage()

    async def run() -> None:
        stage.calls = LoopCalls(asyncio.get_running_loop())
        relay = stage.relay()
        await asyncio.to_thread(relay.start)
        stage.platform.gate = asyncio.Event()
        stage.ledger.decided(Conversation(USER), to_user("one"))
        await asyncio.to_thread(until, lambda: stage.shown)
        relay.close(30.0)
        assert not relay.ready()

    asyncio.run(run())
    assert list(stage.ledger.rows) == [1]
    assert stage.ledger.left_in_doubt is None


@pytest.mark.usefixtures("collected")
def test_a_relay_whose_loop_is_gone_is_closed_at_once() -> None:
    with loop_elsewhere() as calls:
        stage = Stage(calls=calls)
        relay = stage.relay()
        relay.start()
        assert relay.ready()
    closing = threading.Thread(target=relay.close)
    closing.start()
    closing.join(30)
    assert not closing.is_alive()
    assert stage.ledger.left_in_doubt is None
    relay.on_commit([Committed(Conversation(USER), (), ())])


def test_a_loop_that_ends_takes_its_relay_with_it(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()

    async def run() -> None:
        stage.calls = LoopCalls(asyncio.get_running_loop())
        await asyncio.to_thread(stage.relay().start)

    asyncio.run(run())  # It cancels what is left on its loop.
    (relay,) = stage.relays
    assert not relay.ready()
    assert "relay_failed" not in caplog.text
    relay.close()
    assert stage.ledger.left_in_doubt is None


def test_a_relay_cannot_start_on_a_loop_that_does_not_run() -> None:
    loop = asyncio.new_event_loop()
    try:
        with pytest.raises(RuntimeError, match="does not run"):
            Stage(calls=LoopCalls(loop)).relay().start()
    finally:
        loop.close()


def test_a_relay_that_is_closed_before_its_loop_gets_to_it_does_not_start() -> None:
    with loop_elsewhere() as calls:
        relay = Stage(calls=calls).relay()
        busy, errors = threading.Event(), []
        calls.soon(busy.wait, 30)

        def start() -> None:
            try:
                relay.start()
            except RuntimeError as error:
                errors.append(str(error))

        starting = threading.Thread(target=start, daemon=True)
        starting.start()
        until(lambda: calls._waiting)  # The relay's turn comes after what keeps the loop busy.
        relay.close()
        busy.set()
        starting.join(30)
        assert errors == ["it was stopped"]


def test_a_relay_that_hangs_does_not_stop_commits(stage: Stage) -> None:
    relay = stage.relay()
    relay.start()
    done = busy(relay)
    for _ in range(3):
        relay.on_commit([Committed(Conversation(USER), (), ())])
    assert not done.is_set()
    done.set()


def test_start_raises_the_error_that_kept_the_gateways_closed(stage: Stage) -> None:
    @asynccontextmanager
    async def connect(_: Settings) -> AsyncIterator[Gateways]:
        raise ConfigurationError((Problem("bot.yaml", 1, "agents", "wrong", "right it"),))
        yield

    relay = Relay(settings(), stage.ledger, connect=connect, calls=stage.calls)
    with pytest.raises(ConfigurationError):
        relay.start()
    relay.close()


def test_items_of_an_earlier_process_come_before_new_ones_of_the_same_lane(stage: Stage) -> None:
    stage.left(to_user("one"), to_user("two"))
    relay = stage.relay()
    relay.on_commit(
        [Committed(Conversation(USER), (OutboxItem(9, USER, "user", to_user("new"), Instant(0), HOOK),), ())]
    )
    relay.start()
    until(lambda: len(stage.shown) == 3)
    assert stage.shown == ["one", "two", "new"]


def test_an_item_committed_while_starting_is_delivered_once(stage: Stage) -> None:
    stage.left(to_user("one"))
    relay = stage.relay()
    relay.on_commit([Committed(Conversation(USER), tuple(stage.ledger.rows.values()), ())])
    relay.start()
    stage.ledger.decided(Conversation(USER), to_agent(1))
    until(lambda: not stage.ledger.rows)
    assert stage.shown == ["one"]


def test_the_loop_goes_on_while_the_work_of_an_earlier_process_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading, go_on, turn = threading.Event(), threading.Event(), threading.Event()
    with loop_elsewhere() as calls:
        stage = Stage(calls=calls)
        stage.left(to_user("one"))
        undelivered = stage.ledger.undelivered

        def slow() -> Sequence[OutboxItem]:
            found = undelivered()
            reading.set()
            go_on.wait(30)
            return found

        monkeypatch.setattr(stage.ledger, "undelivered", slow)
        starting = threading.Thread(target=stage.relay().start, daemon=True)
        starting.start()
        assert reading.wait(20)
        calls.soon(turn.set)
        assert turn.wait(20)
        stage.ledger.decided(Conversation(USER), to_user("two"))
        go_on.set()
        starting.join(30)
        until(lambda: len(stage.shown) == 2)
        assert stage.shown == ["one", "two"]
        stage.relays[0].close(1.0)


def test_open_conversations_get_a_receiver_again(stage: Stage) -> None:
    stage.ledger.conversations[USER] = conversation()
    stage.relay().start()
    until(lambda: len(stage.system.connections) == 1)


def test_closing_lets_an_attempt_in_progress_finish_and_commits_its_result(stage: Stage) -> None:
    relay = stage.relay()
    relay.start()
    stage.platform.gate = asyncio.Event()
    stage.ledger.decided(Conversation(USER), to_user("one"), to_user("two"))
    until(lambda: stage.shown == ["one"])
    closing = threading.Thread(target=relay.close, args=(5.0,))
    closing.start()
    until(lambda: not relay.ready())
    assert relay._calls is not None
    relay._calls.soon(stage.platform.gate.set)
    closing.join(5.0)
    assert stage.ledger.completed == [1]
    assert list(stage.ledger.rows) == [2]


def test_closing_does_not_wait_for_a_retry(stage: Stage) -> None:
    stage.platform.answers.append(ServerTrouble("send", status=503, retry_after=60.0))
    relay = stage.relay()
    relay.start()
    stage.ledger.decided(Conversation(USER), to_user("one"))
    until(lambda: len(stage.platform.calls) == 1)
    began = time.monotonic()
    relay.close(50.0)
    assert time.monotonic() - began < 45
    assert list(stage.ledger.rows) == [1]


def test_after_a_restart_the_rest_is_done_with_the_same_ids(stage: Stage) -> None:
    stage.platform.answers.append(ServerTrouble("send", status=503, retry_after=60.0))
    relay = stage.relay()
    relay.start()
    stage.ledger.decided(Conversation(USER), to_user("one"), to_user("two"))
    until(lambda: len(stage.platform.calls) == 1)
    relay.close(1.0)
    stage.relay().start()
    until(lambda: not stage.ledger.rows)
    assert stage.shown == ["one", "one", "two"]
    assert stage.platform.calls[0].idempotency_key == stage.platform.calls[1].idempotency_key


def test_commits_after_closing_are_left_to_the_next_start(stage: Stage) -> None:
    relay = stage.relay()
    relay.start()
    relay.close(1.0)
    stage.ledger.decided(Conversation(USER), to_user("late"))
    stage.relay().start()
    until(lambda: stage.shown == ["late"])


def test_closing_a_relay_that_was_never_started_is_harmless(stage: Stage) -> None:
    stage.relay().close()


def test_closing_twice_is_harmless(stage: Stage) -> None:
    relay = stage.relay()
    relay.start()
    relay.close(1.0)
    relay.close(1.0)


def test_a_closed_ledger_ends_a_lane_quietly(stage: Stage) -> None:
    stage.relay().start()
    stage.ledger.failures.append(LedgerClosed("stopping"))
    stage.ledger.decided(Conversation(USER), to_user("one"), to_user("two"))
    until(lambda: stage.shown == ["one"])


# --- conversations that come and leave ------------------------------------------------------------------------------


def test_what_comes_before_the_start_waits_for_it_in_order(stage: Stage) -> None:
    relay = stage.relay()
    relay.gain([item(1, "one")], [])
    stage.ledger.on_commit([Committed(Conversation(USER), (item(2, "two"),), ())])
    assert stage.shown == []
    relay.start()
    until(lambda: stage.shown == ["one", "two"])


def test_a_conversation_comes_and_leaves_while_the_relay_runs(stage: Stage) -> None:
    relay = stage.relay()
    relay.start()
    relay.gain([item(1, "one")], [conversation()])
    until(lambda: stage.shown == ["one"] and len(stage.system.connections) == 1)
    relay.lose(lambda conversation_id: conversation_id == USER, orderly=True).result(10)
    assert stage.system.closed_streams == 1
    assert stage.ledger.left_in_doubt == set()


def test_what_leaves_is_told_in_the_order_of_the_commits(stage: Stage) -> None:
    stage.platform.gate = asyncio.Event()
    relay = stage.relay()
    relay.gain([item(1, "one")], [])
    lost = relay.lose(lambda _: True, orderly=False)
    relay.start()
    lost.result(10)
    stage.platform.gate = None
    relay.gain([item(2, "two")], [])
    until(lambda: stage.ledger.completed == [2])


@pytest.mark.parametrize("orderly", [True, False])
def test_repeats_are_expected_of_what_was_cut_off_although_it_left_in_good_order(
    stage: Stage, orderly: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botkit.relay.relay._WIND_DOWN_SECONDS", 0.01)
    stage.platform.gate = asyncio.Event()
    relay = stage.relay()
    relay.start()
    relay.gain([item(1, "one")], [])
    until(lambda: len(stage.platform.calls) == 1)
    relay.lose(lambda _: True, orderly=orderly).result(10)
    assert bool(stage.ledger.left_in_doubt) is orderly


def test_what_is_lost_while_the_relay_closes_is_lost_at_its_end(stage: Stage) -> None:
    stage.platform.gate = asyncio.Event()
    relay = stage.relay()
    relay.start()
    relay.gain([item(1, "one")], [])
    until(lambda: len(stage.platform.calls) == 1)
    closing = threading.Thread(target=relay.close, args=(5.0,))
    closing.start()
    until(lambda: not relay.ready())
    lost = relay.lose(lambda _: True, orderly=True)
    assert not lost.done()
    assert relay._calls is not None
    relay._calls.soon(stage.platform.gate.set)
    lost.result(10)
    closing.join(10)


def test_a_relay_that_has_ended_or_never_started_has_lost_everything(stage: Stage) -> None:
    never, ended = stage.relay(), stage.relay()
    waiting = never.lose(lambda _: True, orderly=True)
    never.close()
    ended.start()
    ended.close(1.0)
    for relay in (never, ended):
        relay.gain([item(1, "late")], [])
        assert relay.lose(lambda _: True, orderly=True).done()
    assert waiting.done()


def item(number: int, text: str) -> OutboxItem:
    return OutboxItem(number, USER, "user", to_user(text), Instant(time.time()), HOOK)
