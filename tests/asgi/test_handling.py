"""Hooks whose handlers run: how many, in which order, and what happens when something goes wrong."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from botkit.asgi import handling
from botkit.executor import JobQueue
from botkit.handlers.conversation import BotGateway
from botkit.handlers.dispatch import Dispatch
from botkit.handlers.keyed_lock import Turn
from botkit.handlers.registry import Handler, Registry
from botkit.handlers.running import Runner
from botkit.handoff.conversation import Instant
from botkit.handoff.events import UserMessage
from botkit.ledger.interface import Input
from botkit.testing.waiting import async_until, until
from tests.asgi.test_middleware import BODY, PATH, hook
from tests.door.stage import HANDLER_THREADS, Answer, Asgi, in_pieces
from tests.hooks.hook_payloads import BOT_ID, NOW, as_body, user_message
from tests.loop_clock import set_forward


class Busy:
    """Handlers that return when the test says so. Those of a bot's message have a time limit of their own."""

    def __init__(self, *, seconds: float = 60, short: float | None = None) -> None:
        self.go_on = threading.Event()
        self.begun = threading.Semaphore(0)
        self.users: list[str] = []
        self.outcomes: list[str] = []
        self.defect_of: str | None = None
        """A handler's outcome, the count of which fails."""
        registry = Registry()
        registry.add(Handler(self.handle, "on_user_message"))
        if short is not None:
            registry.add(Handler(self.handle, "on_bot_message", seconds=short))
        nothing: Any = None
        gateway = BotGateway(
            bot_id=BOT_ID,
            parser=Asgi().endpoint.parsers[BOT_ID],
            reader=nothing,
            ledger=lambda: nothing,
            now=lambda: NOW,
        )
        self.dispatch = Dispatch(registry, gateways={BOT_ID: gateway}, metrics=self, seconds=seconds)
        self.stage = Asgi(dispatch=self.dispatch)

    def handle(self, ctx: Any) -> None:
        self.users.append(ctx.conversation.user_id)
        self.begun.release()
        assert self.go_on.wait(30)

    def handled(self, event: str, handler: str, outcome: str) -> None:
        self.outcomes.append(outcome)
        if outcome == self.defect_of:
            raise ValueError(outcome)

    def post(self, number: int, user: str, event: str = "on_user_message") -> asyncio.Task[Answer]:
        body = self.body(number, user)
        scope = hook(len(body), path=f"/sdk/bots/{BOT_ID}/{event}")
        return asyncio.create_task(self.stage.respond(scope, in_pieces(body)))

    async def posted(self, number: int, user: str) -> int:
        return (await asyncio.wait_for(self.post(number, user), 30)).status

    @staticmethod
    def body(number: int, user: str) -> bytes:
        of = {
            "channel": {"type": "rtm", "from": user},
            "context": {"session": {"UserContext": {"_id": user}}},
        }
        return as_body({**user_message(f"{number}"), "requestId": number, **of})

    def turn_elsewhere(self, user: str) -> Turn:
        """The turn of a hook of the user at another door of the service."""
        path = self.stage.endpoint.path_of(PATH)
        assert path is not None
        other = self.stage.endpoint.parsers[BOT_ID].read(path, self.body(0, user), at=Instant(NOW))
        chain = self.dispatch.matching(other)
        assert chain is not None
        turn = self.dispatch.lock(chain, other)
        assert turn is not None
        return turn

    async def begins(self, times: int = 1) -> None:
        for _ in range(times):
            assert await asyncio.to_thread(self.begun.acquire, True, 30)

    async def is_as_before(self) -> None:
        """Nothing is kept of any hook, and as many handlers run as may."""
        handling = self.stage.middleware.door()._handling
        await async_until(lambda: handling._free == HANDLER_THREADS)
        assert not handling._called
        assert not handling._waiting
        assert not handling._behind
        assert handling._behind_count == 0
        assert not self.dispatch._users._last


async def test_handlers_that_block_do_not_block_the_loop() -> None:
    busy = Busy()
    posted = [busy.post(number, f"u-{number}") for number in range(HANDLER_THREADS + 1)]
    await busy.begins(HANDLER_THREADS)
    # A bot message has no handler, so it is answered meanwhile.
    other = hook(len(BODY), path=f"/sdk/bots/{BOT_ID}/on_bot_message")
    assert (await busy.stage.respond(other, in_pieces(BODY))).status == 200
    assert not any(task.done() for task in posted)
    assert len(busy.users) == HANDLER_THREADS, "no more at the same time"
    busy.go_on.set()
    assert {(await task).status for task in posted} == {200}
    await busy.is_as_before()


async def test_many_messages_of_one_user_take_one_thread() -> None:
    busy = Busy()
    posted = [busy.post(number, "u-1") for number in range(HANDLER_THREADS * 2)]
    posted.append(busy.post(0, "u-2"))
    await busy.begins(2)
    assert set(busy.users) == {"u-1", "u-2"}
    busy.go_on.set()
    assert {(await task).status for task in posted} == {200}
    await busy.is_as_before()


async def test_a_users_next_hook_is_behind_those_that_wait_already(monkeypatch: pytest.MonkeyPatch) -> None:
    busy, begun = Busy(), list[str]()
    begin = Runner.begin

    def noted(runner: Runner, chain: Any, one: Any, **options: Any) -> Any:
        begun.append(one.input.conversation_id.user_id)
        return begin(runner, chain, one, **options)

    monkeypatch.setattr(Runner, "begin", noted)
    first = [busy.post(number, f"u-{number}") for number in range(HANDLER_THREADS)]
    await busy.begins(HANDLER_THREADS)
    later = [busy.post(number, f"u-{number % HANDLER_THREADS}") for number in range(HANDLER_THREADS)]
    other = busy.post(9, "u-9")
    await async_until(lambda: len(busy.stage.middleware.door()._handling._waiting) == 1)
    busy.go_on.set()
    await asyncio.gather(*first, *later, other)
    assert begun[HANDLER_THREADS] == "u-9"


@pytest.mark.parametrize(
    ("owner", "step"),
    [
        (Dispatch, "turn"),
        (Dispatch, "limit"),
        (Runner, "begin"),
        (handling, "result_of"),
    ],
    ids=lambda one: getattr(one, "__name__", one),
)
async def test_a_defect_beside_the_handlers_is_answered_and_holds_up_no_other_hook(
    monkeypatch: pytest.MonkeyPatch, owner: object, step: str
) -> None:
    busy = Busy()
    busy.go_on.set()
    with monkeypatch.context() as patched:
        patched.setattr(owner, step, fails)
        failed = [busy.posted(number, "u-1") for number in range(HANDLER_THREADS + 1)]
        assert await asyncio.gather(*failed) == [500] * len(failed)
    assert await busy.posted(8, "u-1") == 200
    assert await busy.posted(9, "u-2") == 200
    await busy.is_as_before()


def fails(*_: object, **__: object) -> None:
    raise ValueError


async def test_a_defect_after_the_start_of_the_handlers_is_answered_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    busy = Busy()
    busy.go_on.set()
    begin = Runner.begin

    def begins_and_fails(*given: Any, **options: Any) -> None:
        begin(*given, **options)
        raise ValueError

    with capture_logs() as lines:
        with monkeypatch.context() as patched:
            patched.setattr(Runner, "begin", begins_and_fails)
            assert await busy.posted(1, "u-1") == 500
            await busy.begins()
        assert await busy.posted(2, "u-1") == 200
        await busy.is_as_before()
    assert "call_failed" not in [line["event"] for line in lines]
    assert [_number(input) for input in busy.stage.inputs] == [2]


async def test_hooks_go_on_without_handlers_that_exceed_their_time_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    busy = Busy(seconds=5)
    posted = [busy.post(0, "u-1"), busy.post(1, "u-1"), busy.post(2, "u-2")]
    with capture_logs() as lines:
        await busy.begins(2)
        set_forward(monkeypatch, 5)
        await busy.begins()
        set_forward(monkeypatch, 5)
        assert [(await task).status for task in posted] == [200] * 3
    assert sorted(_number(input) for input in busy.stage.inputs) == [0, 1, 2]
    assert [line["outcome"] for line in lines] == ["timeout"] * 3
    busy.go_on.set()
    busy.users.clear()
    assert await busy.posted(3, "u-1") == 200
    assert busy.users == ["u-1"]
    assert busy.outcomes == ["timeout"] * 3 + ["passed"]
    assert len(busy.stage.inputs) == 4, "those that return late change nothing"
    await busy.is_as_before()


async def test_each_hook_has_the_time_limit_of_its_own_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = Busy(short=5)
    first = busy.post(1, "u-1")
    await busy.begins()
    second = busy.post(2, "u-2", "on_bot_message")
    await busy.begins()
    set_forward(monkeypatch, 5)
    assert (await second).status == 200
    assert not first.done()
    busy.go_on.set()
    assert (await first).status == 200
    assert busy.outcomes == ["timeout", "passed"]


async def test_a_later_time_limit_is_kept_after_an_earlier_one(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = Busy(seconds=10, short=5)
    later, earlier = busy.post(1, "u-1"), busy.post(2, "u-2", "on_bot_message")
    await busy.begins(2)
    set_forward(monkeypatch, 5)
    assert (await earlier).status == 200
    assert not later.done()
    set_forward(monkeypatch, 5)
    assert (await later).status == 200
    assert busy.outcomes == ["timeout", "timeout"]
    busy.go_on.set()


async def test_handlers_that_return_just_at_their_limit_are_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    busy, asked = Busy(seconds=0.02), asyncio.Event()

    def too_late(*_: object) -> bool:
        asked.set()
        return False

    monkeypatch.setattr(Runner, "give_up", too_late)
    posted = busy.post(1, "u-1")
    await asyncio.wait_for(asked.wait(), 30)
    assert not posted.done()
    busy.go_on.set()
    assert (await asyncio.wait_for(posted, 30)).status == 200
    assert busy.outcomes == ["passed"]
    await busy.is_as_before()


async def test_a_defect_when_handlers_are_given_up_concerns_their_hook_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    busy = Busy(seconds=5)
    busy.defect_of = "timeout"
    posted = [busy.post(1, "u-1"), busy.post(2, "u-2")]
    await busy.begins(2)
    set_forward(monkeypatch, 5)
    assert [(await task).status for task in posted] == [500, 500]
    busy.defect_of = None
    busy.go_on.set()
    assert await busy.posted(3, "u-1") == 200
    await busy.is_as_before()


async def test_nothing_is_kept_of_a_hook_that_was_handled() -> None:
    busy = Busy()
    busy.go_on.set()
    gc.collect()
    gc.disable()  # Nothing of it may wait for the garbage collector: it has its hook's body.
    try:
        assert await busy.posted(1, "u-1") == 200
        await busy.is_as_before()
        busy_with_limit = Busy(seconds=0.02)
        assert await busy_with_limit.posted(2, "u-1") == 200
        busy_with_limit.go_on.set()
        await async_until(lambda: not [one for one in gc.get_objects() if type(one) is handling._Handled])
    finally:
        gc.enable()


@pytest.mark.parametrize(("behind", "waiting"), [(0, 9), (9, 0)])
async def test_the_number_of_hooks_that_wait_for_handlers_is_limited(
    monkeypatch: pytest.MonkeyPatch, behind: int, waiting: int
) -> None:
    monkeypatch.setattr(handling, "MAX_BEHIND", behind)
    monkeypatch.setattr(handling, "MAX_WAITING", waiting)
    with capture_logs() as lines:
        assert await Busy().posted(1, "u-1") == 503
    assert lines[0]["fix"] == "slow handlers, and server.threads"


async def test_messages_of_one_user_are_committed_in_the_order_of_their_arrival() -> None:
    busy = Busy()
    posted = [busy.post(number, "u-1") for number in range(HANDLER_THREADS * 2)]
    await busy.begins()
    busy.go_on.set()
    await asyncio.gather(*posted)
    assert [_number(input) for input in busy.stage.inputs] == list(range(HANDLER_THREADS * 2))


def _number(input: Input) -> int:
    assert isinstance(input.event, UserMessage)
    assert input.event.request_number is not None
    return input.event.request_number


# --- other doors of the service


async def test_a_hook_waits_for_the_users_hook_at_another_door_without_holding_up_the_loop() -> None:
    busy = Busy()
    busy.go_on.set()
    with busy.turn_elsewhere("u-1"):
        waiting = busy.post(1, "u-1")
        assert await busy.posted(2, "u-2") == 200
        assert busy.users == ["u-2"]
        assert not waiting.done()
    assert (await asyncio.wait_for(waiting, 30)).status == 200
    assert busy.users == ["u-2", "u-1"]
    await busy.is_as_before()


def no_thread(*_: object) -> None:
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize(
    ("owner", "step", "defect"),
    [(Turn, "__enter__", fails), (JobQueue, "put", no_thread)],
    ids=["enter", "put"],
)
async def test_a_hook_that_cannot_wait_for_another_door_lets_no_other_overtake(
    monkeypatch: pytest.MonkeyPatch, owner: type, step: str, defect: Callable[..., None]
) -> None:
    busy = Busy()
    busy.go_on.set()
    with busy.turn_elsewhere("u-1"):
        with monkeypatch.context() as patched:
            patched.setattr(owner, step, defect)
            assert await busy.posted(1, "u-1") == 500
        next_one = busy.post(2, "u-1")
        assert await busy.posted(3, "u-2") == 200
        assert busy.users == ["u-2"]
    assert (await asyncio.wait_for(next_one, 30)).status == 200
    await busy.is_as_before()


def test_no_other_door_waits_for_a_hook_of_a_loop_that_has_ended() -> None:
    busy = Busy()

    async def ends() -> None:
        busy.post(1, "u-1")
        await busy.begins()

    asyncio.run(ends())
    assert len(busy.dispatch._users._last) == 1
    busy.go_on.set()
    until(lambda: not busy.dispatch._users._last, "for the user's turn to be left")


def test_no_hook_waits_for_one_that_waited_at_a_door_whose_loop_has_ended() -> None:
    busy = Busy()
    busy.go_on.set()
    with busy.turn_elsewhere("u-1"):

        async def ends() -> None:
            busy.post(1, "u-1")
            await async_until(lambda: len(busy.stage.middleware.door()._handling._behind) == 1)

        asyncio.run(ends())
    until(lambda: not busy.dispatch._users._last, "for the user's turns to be left")
    assert busy.users == []
