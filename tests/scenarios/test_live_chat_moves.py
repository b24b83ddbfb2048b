"""A 503 in every state of a Live Chat, on a poll, a post or the end: each side sees everything, once and in order.

The server with the session is gone, or reports so (docs/protocols/salesforce-live-chat.md, 3.9).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from botkit.testing.waiting import until
from botkit_sandbox.kore.users import Attachment
from botkit_sandbox.live_chat.state import Chat
from tests.scenarios.stage import END_WORD, JANE, OMAR, LiveChatCase, Person, Stage

LOOKING = "One moment, please. We are looking for an agent who can help you."
INSTRUCTION = f"To end the conversation with the agent at any time, send: {END_WORD}"
FIRST_IN_LINE = "Your position in the queue: 1"
JANE_LEFT = "Jane Doe has left the conversation. Please stay, a colleague will be with you shortly."
WARNED = "Are you still there? The conversation will end soon if you do not reply."
FILE_WANTED = "Jane Doe is asking for a file. Please send it here."
CLOSED = "Your conversation with the agent has ended. Thank you for contacting us."
UPLOAD = "upload"
"""The one call that does not carry the session's key."""
PICTURE = Attachment("f-cat", "cat.png", "image", "image/png", b"\x89PNG" + bytes(range(256)))


@dataclass
class Scene:
    """A user, her chat, and the messages that each side must have in the end.

    Attributes:
        typed: the user's messages that the agent must receive.
        held: the user's messages that no agent could receive yet.
        said: agents' messages that the user must see.
        told: BotKit's messages that the user must see.
        taker: the agent who accepts the chat after the fault; empty: an agent is there already.
        speaker: the agent who writes then.
        held_back: the fault that keeps the chat in its state until `released`.
    """

    stage: Stage
    ada: Person
    typed: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=lambda: [LOOKING, INSTRUCTION])
    taker: str = JANE
    speaker: str = JANE
    held_back: str = ""

    @property
    def case(self) -> LiveChatCase:
        return until(self.ada.chats, "for the chat")[-1]

    # --- what people do

    def api_calls(self) -> None:
        self.ada.says("talk to an agent")

    def types(self, text: str) -> None:
        """The user sends a message, to the agent or before an agent joins."""
        self.ada.says(text)
        until(lambda: self._acknowledged(text), f"for the hook of {text!r} to be acknowledged")
        (self.held if self.taker and not self.typed else self.typed).append(text)

    def _acknowledged(self, text: str) -> bool:
        hooks = self.stage.wire("on_user_message", about=self.ada.id)
        return any(hook.status == 200 and f'"{text}"' in hook.request_body for hook in hooks)

    def agent_says(self, text: str) -> None:
        self.case.told_by(self.speaker, text)
        self.said.append(text)

    def hears(self, notice: str) -> None:
        self.told.append(notice)
        self.ada.hears(notice)

    def accepted(self) -> None:
        """The awaited agent accepts the chat and receives the held messages."""
        agent, self.taker = self.taker, ""
        if FIRST_IN_LINE not in self.told:
            self.hears(FIRST_IN_LINE)
        self.case.accepted_by(agent)
        self.hears(f"{agent} has joined the conversation.")
        self.speaker = agent
        self.typed, self.held = [*self.held, *self.typed], []

    def is_helped(self) -> None:
        self.api_calls()
        self.hears(FIRST_IN_LINE)
        self.accepted()
        self.types("good morning")
        self.agent_says("good morning to you")
        self.case.gets("good morning")
        self.ada.hears("good morning to you")

    # --- trouble

    def holds_back(self, operation: str) -> None:
        """Calls of this kind get no answer until `released`."""
        self.held_back = "silence"
        self.stage.live_chat_fails("silence", operation=operation)

    def released(self) -> None:
        if self.held_back:
            self.stage.live_chat_goes_on_with(self.held_back)

    def moves(self) -> None:
        """The server with the session is gone: every call gets a 503 until ReconnectSession; the poll is the first."""
        self.stage.live_chat_fails("pod-restart")

    def moves_and_agent_says(self, text: str) -> None:
        """The same, and an agent writes before the session has reconnected."""
        cloud = self.stage.clouds.live_chat
        chat_id = self.case.id

        def moves() -> None:
            cloud.lose(cloud.sessions[chat_id])
            cloud.agent_says(chat_id, self.speaker, text)

        self.stage.clouds.do(moves)
        self.said.append(text)

    def moves_at(self, operation: str) -> None:
        """The next call of this kind is the first to get the 503."""
        whose = [case.id for case in self.ada.chats() if operation != UPLOAD]
        self.stage.live_chat_fails(
            "status", operation=operation, status=503, times=1, conversation_id="".join(whose)
        )

    # --- what is seen in the end

    def proceed(self) -> None:
        """The conversation continues, and both sides have everything."""
        if self.taker:
            self.accepted()
        self.types("and now?")
        self.agent_says("now it works")
        self.both_sides_have_everything()

    def both_sides_have_everything(self) -> None:
        until(lambda: len(self.case.typed()) >= len(self.typed), f"for all of {self.typed} at the agent's")
        until(lambda: len(self.ada.told(by="agent")) >= len(self.said), f"for all of {self.said}")
        assert self.case.from_user()[0].startswith("Conversation so far")
        assert self.case.typed() == self.typed
        assert self.ada.told(by="agent") == self.said
        assert self.ada.told(by="botkit") == self.told

    def ends(self) -> None:
        """The user ends the chat: held messages are given back."""
        self.ada.says(END_WORD)
        if self.held:
            self.told.append("This did not reach the agent:\n" + "\n".join(self.held))
        self.hears(CLOSED)

    def is_over(self) -> None:
        self.case.is_over()
        self.ada.talks_to_the_bot_again()
        assert self.case.typed() == self.typed
        assert self.ada.told(by="agent") == self.said
        assert self.ada.told(by="botkit") == self.told
        assert len(self.ada.chats()) == 1


# --- the states


def _before_the_request(scene: Scene) -> None:
    scene.holds_back("ChasitorInit")
    sessions = scene.stage.clouds.live_chat.sessions
    before = len(sessions)
    scene.api_calls()
    until(lambda: len(sessions) > before, "for the session")
    scene.types("anybody there?")


def _requested(scene: Scene) -> None:
    scene.holds_back("Messages")
    scene.api_calls()
    scene.types("anybody there?")
    until(scene.ada.chats, "for the chat")


def _queued_with_text(scene: Scene) -> None:
    scene.api_calls()
    scene.hears(FIRST_IN_LINE)
    scene.types("anybody there?")
    scene.types("hello?")


def _queued_after_our_restart(scene: Scene) -> None:
    _queued_with_text(scene)
    scene.stage.restarts()
    scene.types("still waiting")


def _with_posts_in_flight(scene: Scene) -> None:
    scene.is_helped()
    scene.holds_back("ChatMessage")
    for number in range(3):
        scene.types(f"in flight {number}")
    scene.agent_says("meanwhile")
    scene.ada.hears("meanwhile")


def _talking_after_our_restart(scene: Scene) -> None:
    scene.is_helped()
    scene.stage.restarts()
    scene.types("still there?")


def _in_transfer(scene: Scene) -> None:
    scene.is_helped()
    scene.case.transferred_by(JANE)
    scene.hears(JANE_LEFT)
    scene.types("typed in the transfer")
    scene.taker = OMAR


def _agent_disconnected(scene: Scene) -> None:
    scene.is_helped()
    scene.case.dropped_by(JANE)
    scene.hears(JANE_LEFT)
    scene.types("typed to nobody")
    scene.taker = OMAR


def _idle_and_warned(scene: Scene) -> None:
    scene.stage.live_chat_behaves(idle_timeout_seconds=60, idle_warning_seconds=1)
    scene.is_helped()
    scene.hears(WARNED)
    until(lambda: scene.case.calls("ChasitorIdleTimeoutWarningEvent"))


def _file_requested(scene: Scene) -> None:
    scene.is_helped()
    scene.case.asked_for_a_file_by(JANE)
    scene.hears(FILE_WANTED)


def _send_the_file(scene: Scene) -> None:
    scene.ada.says("", PICTURE)
    scene.typed.append("cat.png")


@dataclass(frozen=True)
class State:
    """A state: the way into it, the first post in it, and the user's action in it."""

    enter: Callable[[Scene], None]
    post: str = "ChatMessage"
    then: Callable[[Scene], None] = lambda _: None


BEFORE_ANY_CHAT = "session obtained"
STATES = {
    BEFORE_ANY_CHAT: State(_before_the_request, post="ChasitorInit"),
    "requested": State(_requested),
    "queued with text": State(_queued_with_text),
    "queued after a restart": State(_queued_after_our_restart),
    "posts in flight": State(_with_posts_in_flight),
    "talking after a restart": State(_talking_after_our_restart),
    "in transfer": State(_in_transfer),
    "agent disconnected": State(_agent_disconnected),
    "idle and warned": State(_idle_and_warned, post="ChasitorIdleTimeoutWarningEvent"),
    "file requested": State(_file_requested, post=UPLOAD, then=_send_the_file),
}
EVERY_STATE = pytest.mark.parametrize("state", STATES.values(), ids=STATES)
EVERY_STATE_OF_A_CHAT = pytest.mark.parametrize(
    "state", [pytest.param(state, id=name) for name, state in STATES.items() if name != BEFORE_ANY_CHAT]
)


@pytest.fixture
def scene(live_chat: Stage, monkeypatch: pytest.MonkeyPatch) -> Scene:
    cloud = live_chat.clouds.live_chat

    def means_it(key: str | None) -> None:
        session = cloud.sessions.get((key or "").partition("!")[0])
        if session is not None:
            cloud.lose(session)

    # A 503 of a fault means a server that is gone, not one that answers the next call.
    monkeypatch.setattr(cloud, "note_503", means_it)
    return Scene(live_chat, live_chat.person())


@EVERY_STATE
def test_a_poll_that_meets_a_503_loses_and_repeats_nothing(scene: Scene, state: State) -> None:
    state.enter(scene)
    if scene.taker:
        scene.moves()
    else:
        scene.moves_and_agent_says("before you had moved")
    scene.released()
    state.then(scene)
    scene.proceed()
    assert scene.case.calls("ReconnectSession", status=200)
    scene.ends()
    scene.is_over()


@EVERY_STATE
def test_a_post_that_meets_a_503_loses_and_repeats_nothing(scene: Scene, state: State) -> None:
    state.enter(scene)
    scene.moves_at(state.post)
    scene.released()
    state.then(scene)
    scene.proceed()
    assert any(one.status == 503 for one in scene.stage.wire(state.post))
    scene.ends()
    scene.is_over()


@EVERY_STATE_OF_A_CHAT
def test_an_end_that_meets_a_503_ends_it_all_the_same(scene: Scene, state: State) -> None:
    state.enter(scene)
    scene.moves_at("ChatEnd")
    scene.ends()
    scene.released()
    scene.is_over()
    assert scene.case.calls("ChatEnd", status=503)


def test_who_leaves_before_the_chat_was_requested_is_the_bots_again_and_no_agent_is_asked(
    scene: Scene,
) -> None:
    _before_the_request(scene)
    scene.moves()
    scene.ends()
    scene.released()
    scene.ada.talks_to_the_bot_again()
    assert scene.ada.chats() == []
    assert scene.ada.told(by="botkit") == scene.told


def test_an_agents_last_words_and_end_that_nobody_had_polled_are_heard_from_the_next_server(
    scene: Scene,
) -> None:
    scene.is_helped()
    scene.holds_back("Messages")
    scene.stage.live_chat_fails("drop-polls")
    scene.agent_says("goodbye")
    scene.case.ended_by(JANE)
    scene.moves()
    scene.released()
    scene.hears(CLOSED)
    scene.is_over()


def test_what_was_on_its_way_to_an_agent_who_ended_it_is_given_back(scene: Scene) -> None:
    scene.is_helped()
    scene.holds_back("ChatMessage")
    scene.ada.says("one more thing")
    until(lambda: scene.case.calls("ChatMessage"))
    scene.case.ended_by(JANE)
    scene.moves()
    scene.released()
    scene.hears("This did not reach the agent:\none more thing")
    scene.hears(CLOSED)
    scene.is_over()


def test_a_message_whose_answer_was_lost_with_the_server_arrives_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.is_helped()
    cloud = scene.stage.clouds.live_chat
    remember = cloud.remember

    def with_its_last_breath(chat: Chat, kind: str, **more: str) -> None:
        remember(chat, kind, **more)
        cloud.lose(cloud.sessions[chat.id])

    scene.types("yes")
    scene.case.gets("yes")
    monkeypatch.setattr(cloud, "remember", with_its_last_breath)
    scene.stage.live_chat_fails("drop-response", operation="ChatMessage", times=1)
    scene.types("yes")
    until(lambda: scene.case.calls("ReconnectSession", status=200), "for the way to the next server")
    monkeypatch.undo()
    scene.proceed()


def test_what_an_agent_said_while_the_user_ended_it_is_still_shown(scene: Scene) -> None:
    scene.is_helped()
    cloud = scene.stage.clouds.live_chat
    scene.stage.live_chat_fails("silence", operation="Messages", times=1)
    scene.stage.live_chat_fails("drop-polls")
    until(lambda: not cloud.faults.all(), "for a poll that nobody answers")
    scene.agent_says("one moment, please")
    scene.ends()
    until(lambda: scene.ada.told(by="agent") == scene.said, "for the agent's last words")
    scene.is_over()
