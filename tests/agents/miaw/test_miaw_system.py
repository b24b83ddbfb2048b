"""MIAW as an agent system, over a scripted transport."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import jwt
import pytest
from msgspec import structs

from botkit.agents import AgentSystem, File
from botkit.agents.miaw import MiawSettings, MiawSystem
from botkit.errors import (
    AccessExpired,
    BadReply,
    CallError,
    CallRefused,
    ConversationClosed,
    NewSessionRequired,
    RateLimited,
    ServerTrouble,
    Unreachable,
)
from botkit.handoff.conversation import Access
from botkit.handoff.events import AgentSaid
from botkit.http import Request, Response, Stream
from botkit.testing.clock import ManualClock

SESSION = "11111111-1111-4111-8111-111111111111"
SETTINGS = MiawSettings("00DSB0000000001MAA", "https://acme.my.salesforce-scrt.com", "Kore_Custom_Client")
ACCESS = Access('{"accessToken":"tok"}', position="41")
TOKEN = jwt.encode({"exp": 1_700_003_600}, "s" * 64, algorithm="HS256")


@dataclass
class Scripted:
    """A transport with scripted answers that records the requests."""

    answers: deque[Response | CallError] = field(default_factory=deque)
    asked: list[Request] = field(default_factory=list)
    status: int = 200
    headers: Mapping[str, str] = field(
        default_factory=lambda: {"Content-Type": "text/event-stream;charset=UTF-8"}
    )
    streamed: tuple[bytes | CallError, ...] = ()

    async def send(self, request: Request) -> Response:
        self.asked.append(request)
        answer = self.answers.popleft()
        if isinstance(answer, CallError):
            raise answer
        return answer

    @asynccontextmanager
    async def stream(self, request: Request, *, silence_seconds: float) -> AsyncIterator[Stream]:
        self.asked.append(request)
        yield ScriptedStream(self.status, self.headers, self.streamed)

    def body(self, n: int) -> dict[str, object]:
        content = self.asked[n].body
        assert content is not None
        decoded = json.loads(content)
        assert isinstance(decoded, dict)
        return decoded

    @property
    def calls(self) -> list[str]:
        return [f"{request.method} {request.url.rpartition('/api/v2/')[2]}" for request in self.asked]


@dataclass
class ScriptedStream:
    status: int
    headers: Mapping[str, str]
    pieces: tuple[bytes | CallError, ...]

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, CallError):
                raise piece
            yield piece

    async def read(self) -> bytes:
        return b"".join(piece for piece in self.pieces if isinstance(piece, bytes))


@pytest.fixture
def carrier() -> Scripted:
    return Scripted()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_700_000_000.0)


@pytest.fixture
def system(carrier: Scripted, clock: ManualClock) -> MiawSystem:
    return MiawSystem("salesforce", SETTINGS, carrier, clock=clock, monotonic=clock)


def test_it_is_an_agent_system_and_its_class_a_factory(carrier: Scripted) -> None:
    factory: type[AgentSystem] = MiawSystem
    system: AgentSystem = factory("salesforce", SETTINGS, carrier)
    assert system.capabilities.receive == "stream"


def test_its_capabilities_follow_the_settings(carrier: Scripted) -> None:
    settings = replace(SETTINGS, receive="poll", poll_interval=timedelta(seconds=7))
    capabilities = MiawSystem("salesforce", settings, carrier).capabilities
    assert (capabilities.receive, capabilities.poll_interval) == ("poll", timedelta(seconds=7))


def test_settings_of_another_system_are_refused(carrier: Scripted) -> None:
    with pytest.raises(TypeError, match="MiawSettings"):
        MiawSystem("salesforce", object(), carrier)


# --- open and start ------------------------------------------------------------------------------------------------


async def test_opening_gives_access_with_the_streams_position_and_the_expiry(
    system: MiawSystem, carrier: Scripted
) -> None:
    carrier.answers.append(
        Response(200, {}, json.dumps({"accessToken": TOKEN, "lastEventId": "41"}).encode())
    )
    granted = await system.open(SESSION)
    assert json.loads(granted.access.credentials) == {"accessToken": TOKEN}
    assert granted.access.position == "41"
    assert granted.expires_at == 1_700_003_600.0
    assert TOKEN not in repr(granted)


async def test_starting_creates_the_conversation_under_the_sessions_id(
    system: MiawSystem, carrier: Scripted
) -> None:
    carrier.answers.append(Response(201))
    await system.start(SESSION, ACCESS, attributes=[("_firstName", "Ada"), ("N", "1")], language="en")
    assert carrier.calls == ["POST conversation"]
    assert carrier.body(0)["conversationId"] == SESSION
    assert carrier.body(0)["routingAttributes"] == {"_firstName": "Ada", "N": "1"}


async def test_a_conversation_that_exists_already_counts_as_started(
    system: MiawSystem, carrier: Scripted
) -> None:
    carrier.answers.extend([Response(409), Response(200, {}, b'{"routingStatus":"INITIAL"}')])
    await system.start(SESSION, ACCESS, attributes=[], language="")
    assert carrier.calls == ["POST conversation", f"GET conversation/{SESSION}"]


async def test_a_conversation_that_exists_and_is_not_ours_does_not(
    system: MiawSystem, carrier: Scripted
) -> None:
    carrier.answers.extend([Response(409), Response(403)])
    with pytest.raises(ConversationClosed):
        await system.start(SESSION, ACCESS, attributes=[], language="")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, CallRefused),
        (401, AccessExpired),
        (403, CallRefused),
        (412, CallRefused),
        (429, RateLimited),
        (500, ServerTrouble),
    ],
)
async def test_a_conversation_that_cannot_be_created_says_why(
    system: MiawSystem, carrier: Scripted, status: int, kind: type[CallError]
) -> None:
    carrier.answers.append(Response(status))
    with pytest.raises(kind):
        await system.start(SESSION, ACCESS, attributes=[], language="")


# --- send ----------------------------------------------------------------------------------------------------------


async def test_a_message_goes_with_the_id_it_was_given(system: MiawSystem, carrier: Scripted) -> None:
    carrier.answers.append(Response(202))
    await system.send(SESSION, ACCESS, message_id="m1", text="hello")
    message = carrier.body(0)["message"]
    assert isinstance(message, dict)
    assert message["id"] == "m1"
    assert carrier.asked[0].headers["Authorization"] == "Bearer tok"


@pytest.mark.parametrize("status", [400, 409])
async def test_a_refused_repetition_of_a_message_that_was_recorded_is_no_refusal(
    system: MiawSystem, carrier: Scripted, status: int
) -> None:
    echo = {
        "entryType": "Message",
        "identifier": "m1",
        "transcriptedTimestamp": 5,
        "sender": {"role": "EndUser"},
    }
    listed = json.dumps({"conversationEntries": [echo]}).encode()
    carrier.answers.extend([Response(status), Response(200, {}, listed)])
    access = structs.replace(ACCESS, high_water_ms=1_700_000_000_000)
    await system.send(SESSION, access, message_id="m1", text="hello")
    assert "startTimestamp=1699999395000" in carrier.asked[1].url


async def test_a_refused_message_that_was_not_recorded_stays_refused(
    system: MiawSystem, carrier: Scripted
) -> None:
    carrier.answers.extend([Response(400), Response(200, {}, b'{"conversationEntries":[]}')])
    with pytest.raises(CallRefused) as refused:
        await system.send(SESSION, ACCESS, message_id="m1", text="hello")
    assert refused.value.status == 400


async def test_a_417_is_answered_with_a_new_session_and_the_same_message(
    system: MiawSystem, carrier: Scripted
) -> None:
    carrier.answers.extend([Response(201), Response(417), Response(202)])
    await system.start(SESSION, ACCESS, attributes=[("_email", "a@x.io")], language="de")
    await system.send(SESSION, ACCESS, message_id="m1", text="hello")
    again = carrier.body(2)
    assert again["isNewMessagingSession"] is True
    assert again["routingAttributes"] == {"_email": "a@x.io"}
    assert again["language"] == "de"
    assert again["message"] == carrier.body(1)["message"]


async def test_a_second_417_needs_a_new_session(system: MiawSystem, carrier: Scripted) -> None:
    carrier.answers.extend([Response(201), Response(417), Response(417)])
    await system.start(SESSION, ACCESS, attributes=[], language="")
    with pytest.raises(NewSessionRequired):
        await system.send(SESSION, ACCESS, message_id="m1", text="hello")


async def test_a_417_without_the_attributes_needs_a_new_session(
    system: MiawSystem, carrier: Scripted
) -> None:
    carrier.answers.append(Response(417))
    with pytest.raises(NewSessionRequired):
        await system.send(SESSION, ACCESS, message_id="m1", text="hello")
    assert len(carrier.asked) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (413, CallRefused),
        (401, AccessExpired),
        (403, ConversationClosed),
        (404, ConversationClosed),
        (429, RateLimited),
        (502, ServerTrouble),
    ],
)
async def test_a_message_that_is_not_taken_says_why(
    system: MiawSystem, carrier: Scripted, status: int, kind: type[CallError]
) -> None:
    carrier.answers.append(Response(status))
    with pytest.raises(kind):
        await system.send(SESSION, ACCESS, message_id="m1", text="hello")


async def test_messages_of_one_conversation_keep_to_salesforces_pace(
    system: MiawSystem, carrier: Scripted, clock: ManualClock
) -> None:
    carrier.answers.extend([Response(202)] * 23)
    for n in range(22):
        await system.send(SESSION, ACCESS, message_id=f"m{n}", text="x")
    clock.pass_seconds(20)
    with pytest.raises(RateLimited) as limited:
        await system.send(SESSION, ACCESS, message_id="m22", text="x")
    assert (limited.value.retry_after, limited.value.status) == (40.0, None)
    assert len(carrier.asked) == 22
    clock.pass_seconds(40)
    await system.send(SESSION, ACCESS, message_id="m22", text="x")


@pytest.mark.parametrize("failure", [Response(503), Response(429), Unreachable("send message")])
async def test_attempts_that_salesforce_did_not_judge_use_up_no_pace(
    system: MiawSystem, carrier: Scripted, failure: Response | CallError
) -> None:
    carrier.answers.extend([failure] * 30)
    for _ in range(30):
        with pytest.raises(CallError):
            await system.send(SESSION, ACCESS, message_id="m1", text="x")
    carrier.answers.append(Response(202))
    await system.send(SESSION, ACCESS, message_id="m1", text="x")


async def test_refused_messages_do_use_up_pace(system: MiawSystem, carrier: Scripted) -> None:
    carrier.answers.extend([Response(413)] * 22)
    for n in range(22):
        with pytest.raises(CallRefused):
            await system.send(SESSION, ACCESS, message_id=f"m{n}", text="x")
    with pytest.raises(RateLimited):
        await system.send(SESSION, ACCESS, message_id="m22", text="x")


async def test_a_message_that_needs_two_requests_uses_up_one_place(
    system: MiawSystem, carrier: Scripted
) -> None:
    carrier.answers.append(Response(201))
    await system.start(SESSION, ACCESS, attributes=[], language="")
    for n in range(22):
        carrier.answers.extend([Response(417), Response(202)])
        await system.send(SESSION, ACCESS, message_id=f"m{n}", text="x")
    with pytest.raises(RateLimited):
        await system.send(SESSION, ACCESS, message_id="m22", text="x")


async def test_the_pace_of_one_conversation_does_not_hold_up_another(
    system: MiawSystem, carrier: Scripted
) -> None:
    carrier.answers.extend([Response(202)] * 23)
    for n in range(22):
        await system.send(SESSION, ACCESS, message_id=f"m{n}", text="x")
    await system.send("22222222-2222-4222-8222-222222222222", ACCESS, message_id="m", text="x")
    assert len(carrier.asked) == 23


async def test_access_that_is_not_ours_is_expired(system: MiawSystem, carrier: Scripted) -> None:
    with pytest.raises(AccessExpired):
        await system.send(SESSION, Access("something else"), message_id="m1", text="x")
    assert carrier.asked == []


# --- typing, receipts, routing, end --------------------------------------------------------------------------------


async def test_every_typing_entry_has_an_id_of_its_own(system: MiawSystem, carrier: Scripted) -> None:
    carrier.answers.extend([Response(200), Response(200)])
    await system.typing(SESSION, ACCESS, started=True)
    await system.typing(SESSION, ACCESS, started=True)
    assert carrier.body(0)["id"] != carrier.body(1)["id"]


async def test_a_receipt_has_the_same_id_on_every_attempt(system: MiawSystem, carrier: Scripted) -> None:
    carrier.answers.extend([Response(500), Response(200)])
    with pytest.raises(ServerTrouble):
        await system.acknowledge(SESSION, ACCESS, entry_ids=["e1", "e2"])
    await system.acknowledge(SESSION, ACCESS, entry_ids=["e1", "e2"])
    assert carrier.body(0) == carrier.body(1)


async def test_no_receipts_are_no_call(system: MiawSystem, carrier: Scripted) -> None:
    await system.acknowledge(SESSION, ACCESS, entry_ids=[])
    assert carrier.asked == []


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Response(200, {}, b'{"routingStatus":"INITIAL"}'), "searching"),
        (Response(200, {}, b'{"routingStatus":"TRANSFER"}'), "searching"),
        (Response(200, {}, b'{"routingStatus":"ROUTED"}'), "present"),
        (Response(200, {}, b'{"routingStatus":"NEEDS_ROUTING"}'), "over"),
        (Response(200, {}, b'{"routingStatus":"BRAND_NEW"}'), "searching"),
        (Response(200, {}, b"{}"), "searching"),
        (Response(403), "over"),
        (Response(404), "over"),
    ],
)
async def test_the_routing_status(
    system: MiawSystem, carrier: Scripted, answer: Response, status: str
) -> None:
    carrier.answers.append(answer)
    assert await system.routing(SESSION, ACCESS) == status


async def test_ending_ends_the_session_and_then_closes_the_conversation(
    system: MiawSystem, carrier: Scripted
) -> None:
    carrier.answers.extend([Response(204), Response(204)])
    await system.end(SESSION, ACCESS)
    assert carrier.calls == [
        f"DELETE conversation/{SESSION}/session?esDeveloperName=Kore_Custom_Client",
        f"DELETE conversation/{SESSION}?esDeveloperName=Kore_Custom_Client",
    ]


@pytest.mark.parametrize(("first", "second"), [(403, 403), (404, 404), (403, 204), (400, 204), (204, 410)])
async def test_a_conversation_that_is_over_counts_as_ended(
    system: MiawSystem, carrier: Scripted, first: int, second: int
) -> None:
    carrier.answers.extend([Response(first), Response(second)])
    await system.end(SESSION, ACCESS)
    assert len(carrier.asked) == 2


@pytest.mark.parametrize("answer", [Response(500), Response(429), Unreachable("end the session")])
async def test_an_end_that_did_not_arrive_is_tried_again(
    system: MiawSystem, carrier: Scripted, answer: Response | CallError
) -> None:
    carrier.answers.append(answer)
    with pytest.raises(CallError) as failed:
        await system.end(SESSION, ACCESS)
    assert failed.value.retryable


async def test_an_end_with_an_expired_token_says_so(system: MiawSystem, carrier: Scripted) -> None:
    carrier.answers.append(Response(401))
    with pytest.raises(AccessExpired):
        await system.end(SESSION, ACCESS)


# --- listen --------------------------------------------------------------------------------------------------------


def frame(number: int, text: str, *, conversation: str = SESSION) -> bytes:
    content = {"formatType": "Text", "text": text}
    payload = {
        "abstractMessage": {"messageType": "StaticContentMessage", "id": "m", "staticContent": content}
    }
    entry = {
        "identifier": f"e{number}",
        "entryType": "Message",
        "entryPayload": json.dumps(payload),
        "sender": {"role": "Agent"},
        "senderDisplayName": "Jane",
        "transcriptedTimestamp": 1_700_000_000_000 + number,
    }
    data = json.dumps({"conversationId": conversation, "conversationEntry": entry})
    return f"id:{number}\nevent:CONVERSATION_MESSAGE\ndata:{data}\n\n".encode()


async def heard(system: MiawSystem) -> list[list[str]]:
    return [
        [event.content.text for event in batch.events if isinstance(event, AgentSaid)]
        async for batch in system.listen(SESSION, ACCESS)
    ]


async def test_listening_goes_on_from_the_position(system: MiawSystem, carrier: Scripted) -> None:
    await heard(system)
    assert carrier.asked[0].headers["Last-Event-Id"] == "41"


async def test_the_first_batch_says_that_the_connection_stands(system: MiawSystem, carrier: Scripted) -> None:
    assert await heard(system) == [[]]


async def test_events_come_as_they_arrive(system: MiawSystem, carrier: Scripted) -> None:
    carrier.streamed = (frame(42, "a") + frame(43, "b"), b"event:ping\ndata:0\n\n", frame(44, "c"))
    assert await heard(system) == [[], ["a", "b"], [], ["c"]]


async def test_an_event_in_pieces_comes_when_it_is_whole(system: MiawSystem, carrier: Scripted) -> None:
    whole = frame(42, "a")
    carrier.streamed = tuple(whole[n : n + 100] for n in range(0, len(whole), 100))
    assert [batch for batch in await heard(system) if batch] == [["a"]]


async def test_every_event_carries_the_position_to_go_on_from(system: MiawSystem, carrier: Scripted) -> None:
    carrier.streamed = (frame(42, "a") + frame(43, "b"),)
    batches = [batch async for batch in system.listen(SESSION, ACCESS)]
    assert [event.position for batch in batches for event in batch.events] == ["42", "43"]
    assert [event.key for batch in batches for event in batch.events] == [f"{SESSION}/e42", f"{SESSION}/e43"]


async def test_other_conversations_of_the_same_guest_are_left_out(
    system: MiawSystem, carrier: Scripted
) -> None:
    carrier.streamed = (frame(42, "theirs", conversation="other") + frame(43, "ours"),)
    assert await heard(system) == [[], ["ours"]]


async def test_frames_that_cannot_be_read_do_not_stop_the_stream(
    system: MiawSystem, carrier: Scripted
) -> None:
    carrier.streamed = (
        b"event:X\ndata:{\n\nevent:Y\ndata:[]\n\nevent:BRAND_NEW\ndata:null\n\n" + frame(43, "b"),
    )
    assert await heard(system) == [[], ["b"]]


async def test_a_broken_stream_raises(system: MiawSystem, carrier: Scripted) -> None:
    carrier.streamed = (frame(42, "a"), Unreachable("open the event stream"))
    with pytest.raises(Unreachable):
        await heard(system)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, CallRefused),
        (401, AccessExpired),
        (403, ServerTrouble),
        (404, ServerTrouble),
        (429, RateLimited),
        (500, ServerTrouble),
    ],
)
async def test_a_refused_stream_says_why(
    system: MiawSystem, carrier: Scripted, status: int, kind: type[CallError]
) -> None:
    carrier.status, carrier.headers = status, {"Content-Type": "application/json"}
    with pytest.raises(kind):
        await heard(system)


async def test_a_page_instead_of_a_stream_is_a_bad_reply(system: MiawSystem, carrier: Scripted) -> None:
    carrier.headers, carrier.streamed = {"Content-Type": "text/html"}, (b"<html>log in</html>",)
    with pytest.raises(BadReply):
        await heard(system)


@pytest.mark.parametrize("words", [b"Jwt is expired", b'{"status":401,"message":"Jwt is expired"}'])
async def test_a_token_that_expires_on_an_open_stream_is_known_by_its_words(
    system: MiawSystem, carrier: Scripted, words: bytes
) -> None:
    carrier.streamed = (frame(42, "a"), words)
    with pytest.raises(AccessExpired):
        await heard(system)


async def test_an_agent_who_talks_of_expired_tokens_is_heard(system: MiawSystem, carrier: Scripted) -> None:
    carrier.streamed = (frame(42, "Jwt is expired"),)
    assert await heard(system) == [[], ["Jwt is expired"]]


# --- fetch ---------------------------------------------------------------------------------------------------------


def listed(*entries: tuple[str, int]) -> Response:
    found = [
        {"entryType": "Message", "identifier": name, "transcriptedTimestamp": at, "entryPayload": {}}
        for name, at in entries
    ]
    return Response(200, {}, json.dumps({"conversationEntries": found}).encode())


async def test_fetching_reads_from_a_little_before_the_high_water(
    system: MiawSystem, carrier: Scripted
) -> None:
    carrier.answers.append(listed(("e1", 1_700_000_000_000)))
    batch = await system.fetch(SESSION, structs.replace(ACCESS, high_water_ms=1_700_000_000_000))
    assert "startTimestamp=1699999995000" in carrier.asked[0].url
    assert [event.key for event in batch.events] == [f"{SESSION}/e1"]


async def test_an_idle_poll_brings_nothing_twice(system: MiawSystem, carrier: Scripted) -> None:
    carrier.answers.extend([listed(("e1", 1_000)), listed(("e1", 1_000))])
    assert (await system.fetch(SESSION, ACCESS)).events
    assert not (await system.fetch(SESSION, structs.replace(ACCESS, high_water_ms=1_000))).events


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, AccessExpired), (403, ConversationClosed), (404, ConversationClosed), (500, ServerTrouble)],
)
async def test_a_list_that_is_refused_says_why(
    system: MiawSystem, carrier: Scripted, status: int, kind: type[CallError]
) -> None:
    carrier.answers.append(Response(status))
    with pytest.raises(kind):
        await system.fetch(SESSION, ACCESS)


# --- files


FILE = File("cat.png", "image/png", b"\x89PNG")


async def test_a_file_goes_with_the_same_ids_on_every_attempt(system: MiawSystem, carrier: Scripted) -> None:
    carrier.answers.extend([Response(202), Response(202)])
    for _ in range(2):
        await system.send_file(SESSION, ACCESS, message_id="m1", file=FILE, request="")
    first, again = carrier.asked
    assert first.url.endswith(f"/conversation/{SESSION}/file")
    assert first.body == again.body
    assert b"\x89PNG" in (first.body or b"")


@pytest.mark.parametrize("status", [400, 413, 415])
async def test_a_file_that_is_not_taken_is_refused(
    system: MiawSystem, carrier: Scripted, status: int
) -> None:
    carrier.answers.extend([Response(status), Response(200, body=b'{"conversationEntries":[]}')])
    with pytest.raises(CallRefused):
        await system.send_file(SESSION, ACCESS, message_id="m1", file=FILE, request="")


async def test_a_refused_repetition_of_a_file_that_was_recorded_is_no_refusal(
    system: MiawSystem, carrier: Scripted
) -> None:
    entry = {"entryType": "Message", "identifier": "m1", "entryPayload": {}, "transcriptedTimestamp": 1}
    listed = json.dumps({"conversationEntries": [entry]}).encode()
    carrier.answers.extend([Response(400), Response(200, body=listed)])
    await system.send_file(SESSION, ACCESS, message_id="m1", file=FILE, request="")


async def test_files_keep_to_salesforces_pace_like_messages(system: MiawSystem, carrier: Scripted) -> None:
    carrier.answers.extend([Response(202)] * 22)
    for number in range(22):
        await system.send(SESSION, ACCESS, message_id=f"m{number}", text="hi")
    with pytest.raises(RateLimited):
        await system.send_file(SESSION, ACCESS, message_id="f1", file=FILE, request="")
