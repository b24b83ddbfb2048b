"""MIAW as an agent system against the emulated Salesforce, over real sockets."""

from __future__ import annotations

import asyncio
import dataclasses
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

import pytest
from aiohttp.test_utils import TestServer
from msgspec import structs

from botkit.agents.miaw import MiawSettings, MiawSystem
from botkit.errors import (
    AccessExpired,
    CallError,
    CallRefused,
    ConversationClosed,
    RateLimited,
    ServerTrouble,
    Unreachable,
)
from botkit.handoff.conversation import Access
from botkit.handoff.events import (
    AgentJoined,
    AgentLeft,
    AgentSaid,
    AgentSessionEnded,
    AgentTyping,
    FromAgents,
    Link,
    Option,
    PositionAdvanced,
    QueueMoved,
    RoutingFailed,
    StatusReported,
    TransferStarted,
)
from botkit.http.curl import CurlTransport
from botkit_sandbox.salesforce import SalesforceCloud, SalesforceSandboxSettings, routes
from botkit_sandbox.salesforce import content as shapes
from botkit_sandbox.salesforce.faults import Fault

DEADLINE = 30.0


@dataclass
class Chat:
    """One user's conversation; the test plays the user and the agents."""

    cloud: SalesforceCloud
    system: MiawSystem
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    access: Access = dataclasses.field(default_factory=lambda: Access(""))
    heard: list[FromAgents] = field(default_factory=list)
    connections: int = 0
    broken: CallError | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    async def open(self, **attributes: str) -> None:
        self.access = (await self.system.open(self.id)).access
        await self.system.start(self.id, self.access, attributes=tuple(attributes.items()), language="en_US")

    async def listen(self, position: str | None = None) -> None:
        """Listen in the background; returns when the connection stands."""
        before = self.connections
        access = self.access if position is None else structs.replace(self.access, position=position)
        self.task = asyncio.create_task(self._listen(access))
        await self.until(lambda: self.connections > before or self.broken is not None)

    async def _listen(self, access: Access) -> None:
        first = True
        try:
            async with aclosing(self.system.listen(self.id, access)) as batches:
                async for batch in batches:
                    self.connections += first
                    first = False
                    self.heard += batch.events
                    self.changed.set()
        except CallError as error:
            self.broken = error
        self.changed.set()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(DEADLINE):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def says(self, text: str) -> str:
        message_id = str(uuid.uuid4())
        await self.system.send(self.id, self.access, message_id=message_id, text=text)
        return message_id

    def of(self, kind: type[FromAgents]) -> list[FromAgents]:
        return [event for event in self.heard if isinstance(event, kind)]

    def texts(self) -> list[str]:
        return [event.content.text for event in self.heard if isinstance(event, AgentSaid)]

    async def list(self) -> list[FromAgents]:
        return list((await self.system.fetch(self.id, structs.replace(self.access, high_water_ms=0))).events)

    async def close(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task])


class Scene:
    """The emulated cloud, its address, and systems connected to it."""

    def __init__(self, cloud: SalesforceCloud, url: str, transport: CurlTransport) -> None:
        self.cloud = cloud
        self.url = url
        self.transport = transport
        self.chats: list[Chat] = []

    def chat(self, developer_name: str = "") -> Chat:
        settings = MiawSettings(
            self.cloud.settings.organization_id,
            self.url,
            developer_name or self.cloud.settings.developer_name,
        )
        chat = Chat(self.cloud, MiawSystem("salesforce", settings, self.transport))
        self.chats.append(chat)
        return chat


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    settings = SalesforceSandboxSettings(ping_seconds=0.05)
    cloud = SalesforceCloud(wire=None, bus=None, settings=settings)
    server = TestServer(routes(cloud))
    await server.start_server()
    async with CurlTransport(allowed_hosts=["127.0.0.1"], insecure_http=True) as transport:
        scene = Scene(cloud, f"http://127.0.0.1:{server.port}", transport)
        yield scene
        for chat in scene.chats:
            await chat.close()
    await server.close()


@pytest.fixture
async def chat(scene: Scene) -> Chat:
    """A conversation with a listener and the agent Jane."""
    chat = scene.chat()
    await chat.open(_firstName="Ada")
    await chat.listen()
    scene.cloud.accept(chat.id, "Jane Doe")
    await chat.until(lambda: chat.of(AgentJoined))
    return chat


async def test_the_attributes_reach_the_agents(chat: Chat) -> None:
    assert chat.cloud.conversation(chat.id).attributes == {"_firstName": "Ada"}


async def test_an_agent_who_accepts_has_joined(chat: Chat) -> None:
    (joined,) = chat.of(AgentJoined)
    assert isinstance(joined, AgentJoined)
    assert joined.name == "Jane Doe"


async def test_messages_go_both_ways_in_order(chat: Chat) -> None:
    for n in range(3):
        await chat.says(f"user {n}")
        chat.cloud.agent_says(chat.id, "Jane Doe", f"agent {n}")
    await chat.until(lambda: len(chat.texts()) == 3)
    assert chat.texts() == ["agent 0", "agent 1", "agent 2"]
    listed = [event for event in await chat.list() if isinstance(event, AgentSaid)]
    assert [event.content.text for event in listed] == ["agent 0", "agent 1", "agent 2"]


async def test_own_messages_come_back_as_noticed_only(chat: Chat) -> None:
    message_id = await chat.says("hello")
    await chat.until(lambda: any(event.key.endswith(message_id) for event in chat.heard))
    assert {type(event) for event in chat.heard if event.key.endswith(message_id)} == {PositionAdvanced}


async def test_a_message_repeated_with_its_id_is_taken_once(chat: Chat) -> None:
    message_id = await chat.says("hello")
    await chat.system.send(chat.id, chat.access, message_id=message_id, text="hello")
    stored = [e for e in chat.cloud.conversation(chat.id).entries if e.identifier == message_id]
    assert len(stored) == 1


async def test_stream_and_list_tell_the_same_with_the_same_keys(chat: Chat) -> None:
    chat.cloud.agent_says(chat.id, "Jane Doe", "hello")
    chat.cloud.transfer(chat.id, "Jane Doe", to="Omar Haddad")
    chat.cloud.accept(chat.id, "Omar Haddad")
    chat.cloud.agent_ends(chat.id, "Omar Haddad")
    await chat.until(lambda: chat.of(AgentSessionEnded))

    def told(events: list[FromAgents]) -> list[tuple[type, str]]:
        # Work results and owners, signs that an agent is looked for, are on the stream only.
        unlike = (PositionAdvanced, StatusReported)
        return [(type(event), event.key) for event in events if not isinstance(event, unlike)]

    assert told(await chat.list()) == told(chat.heard)
    assert [kind for kind, _ in told(chat.heard)] == [
        QueueMoved, AgentJoined, AgentSaid, TransferStarted, AgentLeft, AgentJoined, AgentLeft, AgentSessionEnded,
    ]  # fmt: skip


async def test_rich_messages_are_read(chat: Chat) -> None:
    cloud, jane = chat.cloud, "Jane Doe"
    cloud.agent_sends_file(chat.id, jane, name="bill.pdf", mime_type="application/pdf", data=b"%PDF-")
    cloud.agent_sends(chat.id, jane, shapes.link("Terms", "https://acme.example/terms"))
    cloud.agent_sends(chat.id, jane, shapes.choices("Which?", ["A", "B"]))
    cloud.agent_sends(chat.id, jane, shapes.carousel([("One", ["Buy"]), ("Two", ["Sell"])], title="Offers"))
    cloud.agent_sends(chat.id, jane, shapes.form("About you", ["Name", "Age"]))
    await chat.until(lambda: len(chat.of(AgentSaid)) == 5)
    file, link, buttons, carousel, form = (
        event.content for event in chat.heard if isinstance(event, AgentSaid)
    )
    assert [(one.title, one.kind) for one in file.links] == [("bill.pdf", "file")]
    assert link.links == (Link("Terms", "https://acme.example/terms"),)
    assert (buttons.text, buttons.options) == ("Which?", (Option("A"), Option("B")))
    assert (carousel.text, carousel.options) == ("Offers\nOne\nTwo", (Option("Buy"), Option("Sell")))
    assert form.text == "About you\n- Name\n- Age"


async def test_a_supervisor_is_not_taken_for_an_agent(chat: Chat) -> None:
    chat.cloud.supervise(chat.id, "Sue", present=True)
    chat.cloud.supervise(chat.id, "Sue", present=False)
    chat.cloud.agent_says(chat.id, "Jane Doe", "still here")
    await chat.until(chat.texts)
    assert len(chat.of(AgentJoined)) == 1
    assert chat.of(AgentLeft) == []


async def test_typing_comes_from_the_stream_and_is_not_in_the_list(chat: Chat) -> None:
    chat.cloud.agent_typing(chat.id, "Jane Doe", started=True)
    chat.cloud.agent_typing(chat.id, "Jane Doe", started=False)
    await chat.until(lambda: len(chat.of(AgentTyping)) == 2)
    assert [event.started for event in chat.heard if isinstance(event, AgentTyping)] == [True, False]
    assert not any(isinstance(event, AgentTyping) for event in await chat.list())


async def test_the_routing_status_tells_a_transfer_from_the_end(chat: Chat) -> None:
    assert await chat.system.routing(chat.id, chat.access) == "present"
    chat.cloud.transfer(chat.id, "Jane Doe")
    assert await chat.system.routing(chat.id, chat.access) == "searching"
    chat.cloud.accept(chat.id, "Mei Tanaka")
    chat.cloud.agent_ends(chat.id, "Mei Tanaka")
    assert await chat.system.routing(chat.id, chat.access) == "over"


async def test_a_failed_transfer_is_an_event(chat: Chat) -> None:
    chat.cloud.transfer(chat.id, "Jane Doe", fail=True)
    await chat.until(lambda: chat.of(RoutingFailed))
    (failed,) = chat.of(RoutingFailed)
    assert isinstance(failed, RoutingFailed)
    assert failed.transfer


async def test_an_inactive_session_is_not_over(chat: Chat) -> None:
    chat.cloud.idle(chat.id)
    await chat.says("I am back")
    assert chat.of(AgentSessionEnded) == []


async def test_the_user_typing_and_receipts_arrive(chat: Chat) -> None:
    await chat.system.typing(chat.id, chat.access, started=True)
    assert chat.cloud.conversation(chat.id).user_typing
    said = chat.cloud.agent_says(chat.id, "Jane Doe", "hello")
    await chat.system.acknowledge(chat.id, chat.access, entry_ids=[said.identifier])
    await chat.system.acknowledge(chat.id, chat.access, entry_ids=[said.identifier])


async def test_ending_closes_for_good_and_twice_is_once(chat: Chat) -> None:
    await chat.system.end(chat.id, chat.access)
    await chat.until(lambda: chat.of(AgentSessionEnded))
    await chat.system.end(chat.id, chat.access)
    with pytest.raises(ConversationClosed):
        await chat.says("anybody?")


async def test_starting_twice_is_one_conversation(chat: Chat) -> None:
    await chat.system.start(chat.id, chat.access, attributes=(), language="")
    assert len(chat.cloud.conversations) == 1


# --- when things go wrong ------------------------------------------------------------------------------------------


async def test_a_stream_taken_up_again_goes_on_where_it_was(chat: Chat) -> None:
    chat.cloud.agent_says(chat.id, "Jane Doe", "before")
    await chat.until(lambda: chat.texts() == ["before"])
    position = chat.heard[-1].position
    chat.cloud.drop_streams()
    await chat.until(lambda: chat.broken is not None)
    assert isinstance(chat.broken, Unreachable)
    chat.broken = None
    chat.cloud.agent_says(chat.id, "Jane Doe", "meanwhile")
    await chat.listen(position)
    await chat.until(lambda: chat.texts() == ["before", "meanwhile"])


async def test_a_stream_the_server_ends_just_ends(chat: Chat) -> None:
    chat.cloud.drop_streams(how="end")
    assert chat.task is not None
    await asyncio.wait_for(chat.task, DEADLINE)
    assert chat.broken is None


async def test_a_stream_from_the_beginning_repeats_everything_under_the_same_keys(chat: Chat) -> None:
    chat.cloud.agent_says(chat.id, "Jane Doe", "hello")
    await chat.until(chat.texts)
    before = [event.key for event in chat.heard]
    await chat.close()
    chat.heard.clear()
    await chat.listen("")
    await chat.until(chat.texts)
    assert [event.key for event in chat.heard] == before


async def test_the_list_has_the_entries_that_the_stream_lost(chat: Chat) -> None:
    chat.cloud.inject(Fault(kind="lose-event", times=1))
    chat.cloud.agent_says(chat.id, "Jane Doe", "lost")
    chat.cloud.agent_says(chat.id, "Jane Doe", "kept")
    await chat.until(chat.texts)
    assert chat.texts() == ["kept"]
    assert [e.content.text for e in await chat.list() if isinstance(e, AgentSaid)] == ["lost", "kept"]


@pytest.mark.parametrize("kind", ["crlf", "bom"])
async def test_framing_makes_no_difference(scene: Scene, kind: str) -> None:
    scene.cloud.inject(Fault(kind=kind))  # type: ignore[arg-type]
    chat = scene.chat()
    await chat.open()
    await chat.listen()
    scene.cloud.accept(chat.id, "Jane Doe")
    scene.cloud.agent_says(chat.id, "Jane Doe", "hello")
    await chat.until(chat.texts)
    assert len(chat.of(AgentJoined)) == 1


async def test_half_an_event_is_not_heard(chat: Chat) -> None:
    chat.cloud.inject(Fault(kind="truncate-event", times=1))
    chat.cloud.agent_says(chat.id, "Jane Doe", "cut off")
    await chat.until(lambda: chat.broken is not None)
    assert chat.texts() == []


async def test_every_call_reports_an_expired_token(chat: Chat) -> None:
    chat.cloud.expire_tokens(chat.id)
    with pytest.raises(AccessExpired):
        await chat.says("hello")
    with pytest.raises(AccessExpired):
        await chat.system.fetch(chat.id, chat.access)
    await chat.close()
    chat.broken = None
    await chat.listen()
    assert isinstance(chat.broken, AccessExpired)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AccessExpired),
        (403, ConversationClosed),
        (404, ConversationClosed),
        (429, RateLimited),
        (503, ServerTrouble),
    ],
)
async def test_a_status_on_a_message_is_told(chat: Chat, status: int, kind: type[CallError]) -> None:
    chat.cloud.inject(Fault(kind="status", status=status, retry_after=3, path="/message", times=1))
    with pytest.raises(kind) as failed:
        await chat.says("hello")
    if status in (429, 503):
        assert failed.value.retry_after == 3.0


async def test_a_message_whose_answer_was_lost_is_there_once_after_another_attempt(chat: Chat) -> None:
    chat.cloud.inject(Fault(kind="drop-response", path="/message", times=1))
    message_id = str(uuid.uuid4())
    with pytest.raises(Unreachable):
        await chat.system.send(chat.id, chat.access, message_id=message_id, text="hello")
    await chat.system.send(chat.id, chat.access, message_id=message_id, text="hello")
    assert [e.identifier for e in chat.cloud.conversation(chat.id).entries].count(message_id) == 1


async def test_a_conversation_whose_creation_was_not_answered_is_started_by_another_attempt(
    scene: Scene,
) -> None:
    scene.cloud.inject(Fault(kind="drop-response", path="POST /iamessage/api/v2/conversation", times=1))
    chat = scene.chat()
    with pytest.raises(Unreachable):
        await chat.open()
    await chat.system.start(chat.id, chat.access, attributes=(), language="")
    assert list(scene.cloud.conversations) == [chat.id]


async def test_a_new_session_is_opened_when_salesforce_wants_pre_chat(scene: Scene) -> None:
    scene.cloud.configure({"display_context": "Session"})
    chat = scene.chat()
    await chat.open(_firstName="Ada")
    scene.cloud.accept(chat.id, "Jane Doe")
    first = scene.cloud.conversation(chat.id).session.id
    scene.cloud.agent_ends(chat.id, "Jane Doe")
    await chat.says("one more thing")
    assert scene.cloud.conversation(chat.id).session.id != first


async def test_a_deployment_of_the_wrong_type_is_refused_with_a_hint(scene: Scene) -> None:
    chat = scene.chat(scene.cloud.settings.web_developer_name)
    with pytest.raises(CallRefused, match="Custom Client"):
        await chat.open()


async def test_an_unpublished_deployment_is_refused(scene: Scene) -> None:
    scene.cloud.configure({"published": False})
    with pytest.raises(CallRefused):
        await scene.chat().open()


@pytest.mark.parametrize(
    "switches",
    [
        {"last_event_id_as_number": True},
        {"entries_payload": "string"},
        {"create_reply": "json"},
        {"acknowledge_status": 204},
        {"context_required": True},
        {"related_records": "none"},
        {"owner_changes": False, "conversation_updates": False, "work_results": []},
        {"error_key": "code"},
        {"ping_counts": True},
        {"accept_order": "participant-first"},
        {"end_order": "session-first"},
        {"unknown_properties": "refuse"},
        {"last_event_id_required": True},
    ],
)
async def test_where_the_documents_are_unsure_both_ways_work(
    scene: Scene, switches: dict[str, object]
) -> None:
    scene.cloud.configure(switches)
    chat = scene.chat()
    await chat.open(_firstName="Ada")
    await chat.listen()
    scene.cloud.accept(chat.id, "Jane Doe")
    await chat.says("hello")
    said = scene.cloud.agent_says(chat.id, "Jane Doe", "hello")
    await chat.system.acknowledge(chat.id, chat.access, entry_ids=[said.identifier])
    await chat.until(chat.texts)
    listed = await chat.list()
    assert [e.content.text for e in listed if isinstance(e, AgentSaid)] == ["hello"]
    await chat.system.end(chat.id, chat.access)
    await chat.until(lambda: chat.of(AgentSessionEnded))


async def test_a_long_history_is_read_page_by_page(chat: Chat) -> None:
    for n in range(120):
        chat.cloud.agent_says(chat.id, "Jane Doe", str(n))
    listed = [e.content.text for e in await chat.list() if isinstance(e, AgentSaid)]
    assert listed == [str(n) for n in range(120)]


async def test_keep_alives_are_empty_batches(chat: Chat) -> None:
    batches = 0
    async with asyncio.timeout(DEADLINE):
        async for batch in chat.system.listen(
            chat.id, structs.replace(chat.access, position=chat.heard[-1].position)
        ):
            batches += not batch.events
            if batches == 3:
                break
