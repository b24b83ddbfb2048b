"""Whatever a far side writes, its readers return something or raise a `CallError`, and what they return can be stored."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar, cast

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from botkit.agents import AgentSystem, File
from botkit.agents.live_chat import LiveChatSystem
from botkit.agents.live_chat.masking import Masked, NotMaskable, Rule, apply, compiled, needs_isolation
from botkit.agents.live_chat.position import Position
from botkit.agents.live_chat.settings import LiveChatSettings
from botkit.agents.miaw import MiawSettings, MiawSystem
from botkit.errors import CallError, Unreachable
from botkit.handoff.conversation import Access, Instant
from botkit.handoff.decide import decide
from botkit.handoff.effects import ArmTimer, CancelTimer, CountMetric, DropLane, PassToBot, SendToUser
from botkit.handoff.events import AccessGranted, Content, Event, FromAgents
from botkit.http import Done, Request, Response, Stream, begin_in_task
from botkit.http.retry import MAX_RETRY_AFTER_SECONDS, retry_after
from botkit.kore.history import read_page
from botkit.kore.reads import read_dialog, read_variables
from botkit.kore.transcript import has_channel, read_transcript
from botkit.ledger import codec
from botkit.ledger.batch import unique_key
from botkit.ledger.interface import HookBody, Input
from botkit.relay.gateways import KorePlatform
from botkit.testing.clock import SelfMovingClock
from tests.handoff.story import Story
from tests.hooks.hook_payloads import BOT_ID, HOST, as_body, settings, user_message
from tests.properties import usual
from tests.properties.hostile import DATES, HEADERS, STATUSES, VALUES, documents

T = TypeVar("T")
SESSION = usual.SESSION
NOW = 1_700_000_100.0
_LOCAL = ArmTimer | CancelTimer | CountMetric | DropLane


# --- what must hold ----------------------------------------------------------------------------------------------------


def storable(*events: Event | FromAgents) -> None:
    """Rules, stores and other processes can take these events: what comes back is what was put in."""
    story = Story().transfer(session_id=SESSION).granted().started().joined()
    for event in cast(Sequence[Event], events):
        assert msgspec.json.decode(msgspec.json.encode(event), type=type(event)) == event
        key = unique_key(Input(story.conversation.id, event))
        assert len(key.encode()) <= 2_000
        assert "\0" not in key
        decision = decide(story.rules, story.conversation, event)
        stored = codec.conversation_to_json(decision.conversation)
        assert codec.conversation_from_json(stored) == decision.conversation
        for effect in decision.effects:
            if isinstance(effect, ArmTimer):
                assert math.isfinite(effect.due)
            elif not isinstance(effect, _LOCAL):
                assert codec.effect_from_json(*codec.effect_to_json(effect)) == effect
        if decision.conversation.session is not None:
            story.conversation = decision.conversation


def positioned(events: Sequence[FromAgents]) -> None:
    """The positions can be sent back, and no time is one that the list will not reach."""
    for event in events:
        assert len(event.position) <= 200_000
        assert 0 <= event.high_water_ms <= (NOW + 367 * 86_400) * 1_000


async def permitted(call: Awaitable[T]) -> T | None:
    """The result of a call, or None if it fails as calls may fail."""
    failed: list[CallError] = []
    result = None
    try:
        result = await call
    except CallError as error:
        failed.append(error)
    for failure in failed:
        assert failure.retry_after is None or 0 <= failure.retry_after <= MAX_RETRY_AFTER_SECONDS
        assert str(failure).encode()
    return result


# --- headers -----------------------------------------------------------------------------------------------------------


@given(VALUES | DATES)
def test_a_retry_after_of_any_kind_is_a_bounded_wait_or_none(value: str) -> None:
    found = retry_after({"Retry-After": value}, now=NOW)
    assert found is None or 0.0 <= found <= MAX_RETRY_AFTER_SECONDS


# --- a far side in memory ----------------------------------------------------------------------------------------------


@dataclass
class FarSide:
    """Answers each request with the next of some answers, the last one again and again, and breaks off after a hundred."""

    answers: Sequence[Response]
    streamed: Sequence[bytes] = ()
    asked: list[Request] = field(default_factory=list)

    async def send(self, request: Request) -> Response:
        await asyncio.sleep(0)
        self.asked.append(request)
        if len(self.asked) > 100:
            raise Unreachable(request.what, cause="closed")
        answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        return structs.replace(answer, url=request.url)

    def begin(self, request: Request, done: Done) -> Callable[[], None]:
        return begin_in_task(self.send, request, done)

    @asynccontextmanager
    async def stream(self, request: Request, *, silence_seconds: float) -> AsyncIterator[Stream]:
        answer = await self.send(request)
        yield Opened(answer, self.streamed)


@dataclass
class Opened:
    answer: Response
    pieces: Sequence[bytes]

    def __post_init__(self) -> None:
        self.status, self.headers = self.answer.status, self.answer.headers

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
        raise Unreachable("listen", cause="closed")

    async def read(self) -> bytes:
        return self.answer.body


def answers(*documents_of: st.SearchStrategy[bytes]) -> st.SearchStrategy[list[Response]]:
    one = st.builds(Response, STATUSES, HEADERS, st.one_of(*documents_of))
    return st.lists(one, min_size=1, max_size=4)


# --- Salesforce: MIAW --------------------------------------------------------------------------------------------------

MIAW = MiawSettings("00DSB0000000001MAA", "https://acme.my.salesforce-scrt.com", "Kore_Custom_Client")
MIAW_ACCESS = Access('{"accessToken":"tok"}', position="41", high_water_ms=1_700_000_000_000)
MIAW_ANSWERS = answers(
    documents([usual.MIAW_TOKEN]),
    documents(usual.MIAW_LISTS),
    documents(usual.MIAW_LISTS),
    documents([usual.MIAW_STATUS]),
    documents([usual.MIAW_ERROR]),
)


def miaw(far_side: FarSide) -> MiawSystem:
    clock = SelfMovingClock(NOW)
    return MiawSystem("salesforce", MIAW, far_side, clock=clock, monotonic=clock, new_id=lambda: "id")


@given(MIAW_ANSWERS)
def test_no_answer_of_miaw_is_too_odd(far: list[Response]) -> None:
    asyncio.run(every_call_of(lambda: miaw(FarSide(far)), MIAW_ACCESS))


async def every_call_of(make: Callable[[], AgentSystem], access: Access) -> None:
    """Make each call of an agent system, from a new far side on."""
    attributes = (("_email", "a@b.c"),)
    if (granted := await permitted(make().open(SESSION))) is not None:
        storable(
            AccessGranted(
                key="k",
                at=Instant(NOW),
                session_id=SESSION,
                access=granted.access,
                expires_at=granted.expires_at,
                file_limits=granted.file_limits,
                nobody_message=granted.nobody_message,
            )
        )
        assert granted.expires_at is None or math.isfinite(granted.expires_at)
    system = make()
    await permitted(system.open(SESSION))
    await permitted(system.start(SESSION, access, attributes=attributes, language="en"))
    await permitted(system.send(SESSION, access, message_id="m-1", text="hello"))
    if (batch := await permitted(make().fetch(SESSION, access))) is not None:
        storable(*batch.events)
        positioned(batch.events)
    if (last := await permitted(make().end(SESSION, access))) is not None:
        storable(*last.events)
    assert await permitted(make().routing(SESSION, access)) in (None, "searching", "present", "over")
    await permitted(make().typing(SESSION, access, started=True))
    await permitted(make().acknowledge(SESSION, access, entry_ids=["e-1"]))
    await permitted(make().custom_event(SESSION, access, name="n", data="{}"))
    await permitted(make().idle_notice(SESSION, access, warned=True))
    file = File("a.png", "image/png", b"picture")
    await permitted(make().send_file(SESSION, access, message_id="m-2", file=file, request=FILE_REQUEST))


FILE_REQUEST = '["https://d.la1-c1.salesforceliveagent.com/up","t"]'

_FRAMES = st.one_of(
    documents(usual.MIAW_ENVELOPES).map(
        lambda data: b"id: 42\nevent: CONVERSATION_MESSAGE\ndata: " + data + b"\n\n"
    ),
    st.builds(
        lambda name, value, end: name + value + end,
        st.sampled_from([b"id:", b"event:", b"data:", b"retry:", b":", b"", b"id", b"foo: "]),
        st.one_of(
            st.binary(max_size=20),
            st.sampled_from(
                [b"9" * 400, b"9" * 30, b"-1", b"\0", b"a\0b", b"\xff", b"\xe2\x80\xa8", b"x" * 5_000]
            ),
        ),
        st.sampled_from([b"\n", b"\r", b"\r\n", b"\n\n", b""]),
    ),
    st.sampled_from([b"event: ping\ndata: {}\n\n", b"\xef\xbb\xbf", b'{"message":"Jwt is expired"}\n']),
)


@given(
    st.lists(_FRAMES, max_size=6),
    st.builds(Response, st.sampled_from([200, 200, 200, 204, 401, 503]), HEADERS),
)
def test_no_stream_of_miaw_is_too_odd(frames: list[bytes], head: Response) -> None:
    async def listens() -> list[FromAgents]:
        heard: list[FromAgents] = []
        with suppress(CallError):
            async with aclosing(miaw(FarSide([head], frames)).listen(SESSION, MIAW_ACCESS)) as batches:
                async for batch in batches:
                    heard += batch.events
        return heard

    heard = asyncio.run(listens())
    storable(*heard)
    positioned(heard)
    for event in heard:
        # It is sent back in a header.
        assert len(event.position) <= 1_000
        assert event.position == "" or all("!" <= character <= "~" for character in event.position)


# --- Salesforce: Live Chat ---------------------------------------------------------------------------------------------

LIVE_CHAT = LiveChatSettings("https://d.la1-c1.salesforceliveagent.com/chat/rest", "00DA", "572A", "573B")
LIVE_CHAT_ACCESS = Access(
    '{"key":"k!1","id":"k","affinity":"aff0","poll_seconds":40,"base":"https://d.la1-c1.salesforceliveagent.com/chat/rest"}',
    position=Position(affinity="aff0").written(),
)
LIVE_CHAT_ANSWERS = answers(
    documents([usual.LIVE_CHAT_SESSION]),
    documents([usual.LIVE_CHAT_AVAILABLE, usual.LIVE_CHAT_SWITCH]),
    documents([usual.LIVE_CHAT_RECONNECTED]),
    documents(usual.LIVE_CHAT_REPLIES),
    documents(usual.LIVE_CHAT_REPLIES),
)


async def mask(message: str, rules: Sequence[Rule]) -> Masked:
    """In this process, and only with patterns that take no time."""
    if any(needs_isolation(rule.pattern) for rule in rules):
        for rule in rules:
            compiled(rule.pattern)
        raise NotMaskable("not in a test")
    return apply(message, rules)


def live_chat(far_side: FarSide) -> LiveChatSystem:
    clock = SelfMovingClock(NOW)
    return LiveChatSystem(
        "legacy", LIVE_CHAT, far_side, clock=clock, monotonic=clock, sleep=clock.sleep, masker=mask
    )


@given(LIVE_CHAT_ANSWERS)
def test_no_answer_of_live_chat_is_too_odd(far: list[Response]) -> None:
    asyncio.run(every_call_of(lambda: live_chat(FarSide(far)), LIVE_CHAT_ACCESS))


@given(LIVE_CHAT_ANSWERS)
def test_no_poll_of_live_chat_is_too_odd(far: list[Response]) -> None:
    async def listens() -> None:
        system, access = live_chat(FarSide(far)), LIVE_CHAT_ACCESS
        with suppress(CallError):
            async with aclosing(system.listen(SESSION, access)) as batches:
                async for batch in batches:
                    storable(*batch.events)
                    positioned(batch.events)
                    for event in batch.events:
                        access = structs.replace(access, position=event.position or access.position)
                    # Another process goes on from here.
                    assert Position.read(access.position) is not None
                    await permitted(system.send(SESSION, access, message_id="m", text="4111111111111111"))

    asyncio.run(listens())


# --- Kore --------------------------------------------------------------------------------------------------------------

KORE_ANSWERS = answers(documents(usual.KORE_MESSAGES), documents([usual.KORE_ERROR]))
HOOK = HookBody(as_body(user_message()))


def kore(far_side: FarSide) -> KorePlatform:
    return KorePlatform(settings().bots[BOT_ID], far_side, insecure_http=False, clock=SelfMovingClock(NOW))


@given(KORE_ANSWERS)
def test_no_answer_of_the_platform_is_too_odd(far: list[Response]) -> None:
    async def calls() -> None:
        await permitted(kore(FarSide(far)).send(PassToBot(), HOOK, idempotency_key="k"))
        outcomes: list[Exception | None] = []
        show = SendToUser(Content("hello"))
        kore(FarSide(far)).begin(show, HOOK, idempotency_key="k", done=outcomes.append)
        for _ in range(5):
            await asyncio.sleep(0)
        assert [one for one in outcomes if one is not None and not isinstance(one, CallError)] == []
        assert len(outcomes) == 1
        for limit in (10, 50):
            lines = await permitted(kore(FarSide(far)).transcript(HOOK, limit=limit, session_id="s-1"))
            msgspec.json.encode(lines)
        await permitted(kore(FarSide(far)).file("a", f"https://{HOST}/f", max_bytes=100))

    asyncio.run(calls())


@given(documents(usual.KORE_MESSAGES), documents(usual.KORE_MESSAGES))
def test_no_history_of_the_platform_is_too_odd(page: bytes, other: bytes) -> None:
    for read in (
        lambda: read_page(page),
        lambda: read_transcript(page, other),
        lambda: has_channel(page, "rtm"),
    ):
        with suppress(CallError):
            read()


@given(documents([usual.KORE_VARIABLES, usual.KORE_DIALOG]))
def test_no_variables_or_dialog_of_the_platform_are_too_odd(body: bytes) -> None:
    with suppress(CallError):
        read_variables(body, language="en")
    with suppress(CallError):
        read_dialog(body)
