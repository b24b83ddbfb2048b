"""Live Chat as an agent system against the emulated service, over real sockets."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from msgspec import structs

from botkit.agents import File
from botkit.agents.live_chat import LiveChatSystem
from botkit.agents.live_chat.settings import Entity, EntityField, LiveChatSettings, normalize_live_agent_url
from botkit.errors import AgentsUnavailable, CallError, CallRefused, ConversationClosed
from botkit.handoff.conversation import Access
from botkit.handoff.events import AgentJoined, AgentSaid, FileRequested, FromAgents, RoutingFailed
from botkit.http.curl import CurlTransport
from botkit.testing.waiting import async_until
from botkit_sandbox.bus import Bus
from botkit_sandbox.live_chat import BUTTON_ID, DEPLOYMENT_ID, LiveChatCloud, LiveChatSandboxSettings, routes
from botkit_sandbox.live_chat.faults import Fault
from botkit_sandbox.live_chat.settings import SensitiveDataRule

JANE, OMAR, MEI = "Jane Doe", "Omar Haddad", "Mei Tanaka"


@dataclass
class Chat:
    """One user's chat; the test plays both sides. A failed poll is repeated at once, as the relay does later."""

    cloud: LiveChatCloud
    system: LiveChatSystem
    make_system: Callable[[], LiveChatSystem]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    access: Access = field(default_factory=lambda: Access(""))
    heard: list[FromAgents] = field(default_factory=list)
    troubles: list[CallError] = field(default_factory=list)
    closed: ConversationClosed | None = None
    task: asyncio.Task[None] | None = None

    @property
    def chat_id(self) -> str:
        return self.system._chats[self.id].credentials.id

    async def open(self, **attributes: str) -> None:
        self.access = (await self.system.open(self.id)).access
        await self.retried(
            lambda: self.system.start(
                self.id, self.access, attributes=tuple(attributes.items()), language="de"
            )
        )

    def listen(self) -> None:
        self.task = asyncio.create_task(self._listen())

    async def begin(self) -> None:
        await self.open()
        self.listen()
        self.cloud.accept(self.chat_id, JANE)
        await self.until(lambda: any(isinstance(event, AgentJoined) for event in self.heard))

    async def _listen(self) -> None:
        while self.closed is None and len(self.troubles) < 50:
            try:
                async with aclosing(self.system.listen(self.id, self.access)) as batches:
                    async for batch in batches:
                        for event in batch.events:
                            self.heard.append(event)
                            self.access = structs.replace(
                                self.access, position=event.position or self.access.position
                            )
            except ConversationClosed as closed:
                self.closed = closed
            except CallError as error:
                self.troubles.append(error)
                await asyncio.sleep(0.01)

    async def say(self, text: str, message_id: str = "") -> None:
        message_id = message_id or str(uuid.uuid4())
        await self.retried(lambda: self.system.send(self.id, self.access, message_id=message_id, text=text))

    async def retried(self, call: Callable[[], Awaitable[None]]) -> None:
        for _ in range(10):
            try:
                await call()
            except CallError as error:
                if not error.retryable:
                    raise
            else:
                return
        pytest.fail("it never worked")

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait({self.task})
            if not self.task.cancelled():
                self.task.result()

    async def restart(self) -> None:
        await self.stop()
        self.system = self.make_system()

    async def until(self, condition: Callable[[], Any]) -> None:
        await async_until(condition)

    async def heard_from_agent(self, *texts: str) -> None:
        try:
            await self.until(lambda: len(self.said) >= len(texts))
        finally:
            assert self.said == list(texts)

    def inject(self, kind: str, **how: Any) -> None:
        self.cloud.inject(Fault(kind=kind, **how))  # type: ignore[arg-type]

    @property
    def said(self) -> list[str]:
        return [event.content.text for event in self.heard if isinstance(event, AgentSaid)]

    @property
    def kinds(self) -> list[str]:
        names = (type(event).__name__ for event in self.heard)
        return [name for name in names if name not in ("PositionAdvanced", "QueueMoved")]

    @property
    def view(self) -> dict[str, Any]:
        shown: list[dict[str, Any]] = self.cloud.state()["conversations"]
        return next(each for each in shown if each["id"] == self._id_there)

    @property
    def _id_there(self) -> str:
        return str(json.loads(self.access.credentials)["id"])

    @property
    def read_by_agent(self) -> list[str]:
        return [line["text"] for line in self.view["transcript"] if line["role"] == "EndUser"]


MakeChat = Callable[..., Awaitable[Chat]]


@pytest.fixture
async def make_chat() -> AsyncIterator[MakeChat]:
    """Start an emulated service and a system connected to it: `await make_chat(strict_before_established=True)`."""
    opened: list[tuple[Chat, TestServer, CurlTransport]] = []

    async def make(settings: dict[str, Any] | None = None, **switches: Any) -> Chat:
        sandbox = LiveChatSandboxSettings(**({"poll_hold_seconds": 0.3} | switches))
        cloud = LiveChatCloud(wire=None, bus=Bus(), settings=sandbox)
        server = TestServer(routes(cloud), skip_url_asserts=True)
        await server.start_server(shutdown_timeout=1)
        cloud.base_url = str(server.make_url("")).rstrip("/")
        transport = CurlTransport(allowed_hosts=None, insecure_http=True)
        configured = LiveChatSettings(
            normalize_live_agent_url(cloud.base_url, insecure_http=True),
            sandbox.organization_id,
            DEPLOYMENT_ID,
            BUTTON_ID,
            poll_margin=timedelta(seconds=2),
            **(settings or {}),
        )

        def system() -> LiveChatSystem:
            return LiveChatSystem("legacy", configured, transport)

        opened.append((Chat(cloud, system(), system), server, transport))
        return opened[-1][0]

    yield make
    for chat, server, transport in opened:
        await chat.stop()
        await transport.close()
        await server.close()


@pytest.fixture
async def chat(make_chat: MakeChat) -> Chat:
    return await make_chat()


async def conversation(chat: Chat) -> None:
    """Three messages each way, a change of server between them, and the end by the user."""
    await chat.begin()
    for n in range(3):
        await chat.say(f"user {n}")
        chat.cloud.agent_says(chat.chat_id, JANE, f"agent {n}")
        await chat.heard_from_agent(*[f"agent {m}" for m in range(n + 1)])
        if n == 1:
            chat.inject("pod-restart")
    assert chat.read_by_agent == ["user 0", "user 1", "user 2"]
    await chat.system.end(chat.id, chat.access)
    assert chat.view["status"] == "ended"
    keys = [event.key for event in chat.heard]
    assert len(set(keys)) == len(keys)


async def test_a_conversation_from_beginning_to_end(chat: Chat) -> None:
    await conversation(chat)


@pytest.mark.parametrize(
    "switches",
    [
        {"poll_timeout_as_text": True},
        {"wrong_affinity": 503},
        {"init_again": 200},
        {"post_status": 202},
        {"duplicate_poll": "end"},
        {"ack_ahead": "refuse"},
        {"check_sequence": False},
        {"same_sequence": "refuse"},
        {"poll_after_client_end": "hang"},
        {"reset_sequence_said": False},
        {"reconnect_sequence": "continue"},
        {"resync_required": True},
        {"carry_pending": False},
        {"reconnect_without_503": 200},
        {"strict_before_established": True},
        {"queue_positions": False},
        {"sneak_peek": True},
        {"idle_timeout_seconds": 120, "idle_key": "chasitorIdletimeout"},
        {"typing_payload": "empty"},
        {"attached_records": "ids"},
        {"geo_location": False},
        {"visitor_wrapping": "bare"},
        {"availability_ids": "short"},
        {"sequence_required": True},
        {"post_body": "empty"},
        {"end_reply": "records"},
        {"error_body": "json"},
        {"replay": "everything"},
        {"replay": "nothing"},
        {"without_ack": "refuse"},
        {"token_beside_message": True},
        {"reconnect_by_post": False},
        {"carry_chat_messages": True},
        {"strict_prechat": True},
        {"agent_text": "entities"},
        {"agent_text": "markup"},
        {"payload_fields": "guide"},
        {"ping_rate_key": "pingrate"},
        {"version_gates": False},
        {"rules_sent_in": "SensitiveDataRules"},
    ],
    ids=lambda switches: "-".join(f"{name}={value}" for name, value in switches.items()),
)
async def test_every_way_the_service_may_behave_is_the_same_conversation(
    make_chat: MakeChat, switches: dict[str, Any]
) -> None:
    await conversation(await make_chat(**switches))


# --- what the agent is told ----------------------------------------------------------------------------------------


async def test_the_agent_sees_the_details_and_the_record(make_chat: MakeChat) -> None:
    contact = Entity({"Email": EntityField("Email", find=True, exact=True)}, save_to_transcript="ContactId")
    chat = await make_chat({"entities": {"Contact": contact}, "hidden": frozenset({"Plan"})})
    await chat.open(Email="ada@acme.example", Plan="Gold", _firstName="Ada")
    view = chat.view
    assert view["attributes"]["Email"] == "ada@acme.example"
    assert view["hiddenAttributes"] == ["Plan"]
    assert view["visitorName"] == "Ada"
    assert view["language"] == "de"
    assert view["entities"][0]["entityName"] == "Contact"


async def test_a_masked_text_is_what_the_agent_reads(make_chat: MakeChat) -> None:
    rule = SensitiveDataRule(id="0GO1", name="card", pattern="[0-9]{16}", replacement="[card]")
    chat = await make_chat(sensitive_data_rules=(rule,))
    await chat.begin()
    await chat.say("card 4111111111111111")
    assert chat.read_by_agent == ["card [card]"]


async def test_without_an_agent_online_no_chat_begins(chat: Chat) -> None:
    for agent in (JANE, OMAR, MEI):
        chat.cloud.set_online(agent, False)
    with pytest.raises(AgentsUnavailable):
        await chat.open()


async def test_a_failed_chat_request_is_reported(make_chat: MakeChat) -> None:
    chat = await make_chat({"availability_check": False})
    chat.inject("request-fail", times=1, reason="Blocked")
    await chat.open()
    chat.listen()
    await chat.until(lambda: chat.kinds == ["RoutingFailed"])
    failed = next(event for event in chat.heard if isinstance(event, RoutingFailed))
    assert failed.reason == "Blocked"


async def test_a_request_that_every_agent_declines_fails(chat: Chat) -> None:
    await chat.open()
    chat.listen()
    for _ in range(9):
        assigned = chat.view["assignedTo"]
        if assigned is None:
            break
        chat.cloud.decline(chat.chat_id, assigned)
    await chat.until(lambda: "RoutingFailed" in chat.kinds)


# --- agents --------------------------------------------------------------------------------------------------------


async def test_a_transfer_to_an_agent(chat: Chat) -> None:
    await chat.begin()
    chat.cloud.transfer(chat.chat_id, JANE, to=OMAR)
    chat.cloud.accept(chat.chat_id, OMAR)
    await chat.until(lambda: chat.kinds.count("AgentJoined") == 2)
    assert chat.kinds == ["AgentJoined", "TransferStarted", "AgentLeft", "AgentJoined"]


async def test_a_transfer_to_a_queue(chat: Chat) -> None:
    await chat.begin()
    chat.cloud.transfer(chat.chat_id, JANE)
    await chat.until(lambda: chat.kinds[-1] == "AgentLeft")
    assert await chat.system.routing(chat.id, chat.access) == "searching"
    chat.cloud.accept(chat.chat_id, OMAR)
    await chat.until(lambda: chat.kinds == ["AgentJoined", "TransferStarted", "AgentLeft", "AgentJoined"])


@pytest.mark.parametrize("takeover", ["ChatTransferred", "ChatEstablished"])
async def test_an_agent_who_is_lost_and_another_who_takes_over(make_chat: MakeChat, takeover: str) -> None:
    chat = await make_chat(takeover_message=takeover)
    await chat.begin()
    chat.cloud.disconnect(chat.chat_id, JANE)
    await chat.until(lambda: chat.kinds[-1] == "AgentLeft")
    chat.cloud.accept(chat.chat_id, OMAR)
    await chat.until(lambda: chat.kinds == ["AgentJoined", "TransferStarted", "AgentLeft", "AgentJoined"])


async def test_a_conference(chat: Chat) -> None:
    await chat.begin()
    chat.cloud.conference(chat.chat_id, JANE, to=MEI)
    chat.cloud.agent_says(chat.chat_id, MEI, "hello too")
    chat.cloud.leave(chat.chat_id, MEI)
    await chat.until(lambda: chat.kinds == ["AgentJoined", "AgentJoined", "AgentSaid", "AgentLeft"])


async def test_the_agent_ends_it(chat: Chat) -> None:
    await chat.begin()
    chat.cloud.agent_says(chat.chat_id, JANE, "bye")
    chat.cloud.agent_ends(chat.chat_id, JANE)
    await chat.until(lambda: chat.closed is not None)
    assert chat.kinds[-2:] == ["AgentSaid", "AgentSessionEnded"]
    with pytest.raises(ConversationClosed):
        await chat.say("too late")
    await chat.system.end(chat.id, chat.access)


async def test_an_unknown_message_type_is_skipped(chat: Chat) -> None:
    await chat.begin()
    chat.cloud.raw_message(chat.chat_id, "BrandNew", {"x": 1})
    chat.cloud.agent_says(chat.chat_id, JANE, "hello")
    await chat.heard_from_agent("hello")


async def test_a_file_that_an_agent_asks_for_arrives(chat: Chat) -> None:
    await chat.begin()
    chat.cloud.request_file(chat.chat_id, JANE)
    await chat.until(lambda: "FileRequested" in chat.kinds)
    asked = next(event for event in chat.heard if isinstance(event, FileRequested))
    file = File("a.txt", "text/plain", b"hello")
    await chat.system.send_file(chat.id, chat.access, message_id="1", file=file, request=asked.request)
    await chat.until(lambda: "FileArrived" in chat.kinds)
    with pytest.raises(CallRefused):
        await chat.system.send_file(chat.id, chat.access, message_id="2", file=file, request=asked.request)


# --- faults --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "operation", ["ChasitorInit", "Messages", "ChatMessage", "ReconnectSession", "ChasitorResyncState"]
)
@pytest.mark.parametrize("fault", [("status", 500), ("status", 503), ("refuse", 0), ("drop-response", 0)])
async def test_one_failure_of_any_call_loses_nothing_and_repeats_nothing(
    make_chat: MakeChat, operation: str, fault: tuple[str, int]
) -> None:
    chat = await make_chat()
    kind, status = fault
    chat.inject(kind, operation=operation, times=1, **({"status": status} if status else {}))
    await conversation(chat)
    assert not chat.cloud.faults.all()


@pytest.mark.parametrize("same", ["duplicate", "refuse"])
async def test_a_repeated_message_is_known_by_its_number(make_chat: MakeChat, same: str) -> None:
    chat = await make_chat(same_sequence=same)
    await chat.begin()
    chat.inject("drop-response", operation="ChatMessage", times=2)
    await chat.say("one")
    await chat.say("two")
    assert chat.read_by_agent == ["one", "two"]


async def test_polls_that_break_lose_nothing(chat: Chat) -> None:
    await chat.begin()
    expected = []
    for n in range(6):
        chat.inject("drop-polls")
        chat.cloud.agent_says(chat.chat_id, JANE, f"word {n}")
        expected.append(f"word {n}")
    await chat.heard_from_agent(*expected)


@pytest.mark.parametrize("state", ["requested", "active", "transferring", "disconnected"])
async def test_a_moved_server_in_every_state(chat: Chat, state: str) -> None:
    await chat.open()
    chat.listen()
    if state != "requested":
        chat.cloud.accept(chat.chat_id, JANE)
        await chat.until(lambda: "AgentJoined" in chat.kinds)
    if state == "transferring":
        chat.cloud.transfer(chat.chat_id, JANE)
        await chat.until(lambda: "AgentLeft" in chat.kinds)
    if state == "disconnected":
        chat.cloud.disconnect(chat.chat_id, JANE)
        await chat.until(lambda: "AgentLeft" in chat.kinds)
    chat.inject("pod-restart")
    if state != "active":
        chat.cloud.accept(chat.chat_id, OMAR)
    speaker = JANE if state == "active" else OMAR
    chat.cloud.agent_says(chat.chat_id, speaker, "here I am")
    await chat.heard_from_agent("here I am")
    assert "AgentJoined" in chat.kinds
    await chat.say("good")
    assert chat.read_by_agent == ["good"]


async def test_an_agent_who_accepted_while_the_server_moved_is_there_once_heard(make_chat: MakeChat) -> None:
    chat = await make_chat(carry_pending=False)
    await chat.open()
    chat.listen()
    await chat.until(lambda: chat.heard)
    chat.inject("pod-restart")
    chat.cloud.accept(chat.chat_id, JANE)
    await chat.until(lambda: '"e":1' in chat.access.position)
    assert "AgentJoined" not in chat.kinds
    chat.cloud.agent_says(chat.chat_id, JANE, "here I am")
    await chat.heard_from_agent("here I am")
    assert chat.kinds == ["AgentJoined", "AgentSaid"]


async def test_servers_that_move_all_the_time(chat: Chat) -> None:
    await chat.begin()
    for n in range(8):
        chat.inject("pod-restart")
        chat.cloud.agent_says(chat.chat_id, JANE, f"agent {n}")
        await chat.say(f"user {n}")
    await chat.heard_from_agent(*[f"agent {n}" for n in range(8)])
    assert chat.read_by_agent == [f"user {n}" for n in range(8)]


async def test_a_restarted_process_goes_on(chat: Chat) -> None:
    await chat.begin()
    await chat.say("one")
    chat.cloud.agent_says(chat.chat_id, JANE, "first")
    await chat.heard_from_agent("first")
    there = chat.chat_id
    await chat.restart()
    chat.cloud.agent_says(there, JANE, "second")
    chat.listen()
    await chat.say("two")
    await chat.heard_from_agent("first", "second")
    assert chat.read_by_agent == ["one", "two"]


async def test_a_restarted_process_whose_server_moved_meanwhile_goes_on(chat: Chat) -> None:
    await chat.begin()
    await chat.say("one")
    there = chat.chat_id
    await chat.restart()
    chat.inject("pod-restart")
    chat.cloud.agent_says(there, JANE, "second")
    chat.listen()
    await chat.say("two")
    await chat.heard_from_agent("second")
    assert chat.read_by_agent == ["one", "two"]


async def test_a_restarted_process_that_comes_too_late_hears_that_it_is_over(chat: Chat) -> None:
    await chat.begin()
    await chat.restart()
    chat.inject("expire-sessions")
    chat.listen()
    await chat.until(lambda: chat.closed is not None)


async def test_a_switch_of_servers_is_followed(make_chat: MakeChat) -> None:
    chat, other = await make_chat(), await make_chat()
    chat.inject("switch-server", times=1, url=f"{other.cloud.base_url}/chat")
    await chat.open()
    assert not chat.cloud.sessions
    assert len(other.cloud.sessions) == 1


async def test_a_request_that_is_never_answered_fails(make_chat: MakeChat) -> None:
    chat = await make_chat({"answer_within": timedelta(seconds=0.2)}, poll_hold_seconds=0.1)
    chat.inject("empty-polls")
    await chat.open()
    chat.listen()
    await chat.until(lambda: chat.kinds == ["RoutingFailed"])
