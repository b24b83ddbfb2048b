"""One user on several channels: which conversation an input is about."""

from __future__ import annotations

from typing import Any

import pytest

from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.decide import decide
from botkit.handoff.effects import CallWithHook, EndSession, PassToBot, SendToAgent, SendToUser
from botkit.handoff.events import (
    AgentTransfer,
    ApiCall,
    CallsRequested,
    HookHandled,
    OtherHook,
    PlatformSessionClosed,
    TimerFired,
    UserMessage,
    UserProfile,
)
from botkit.ledger.interface import Committed, HookBody, Input
from tests.handoff.story import rules as handoff_rules
from tests.ledger.ledger_stage import BOT, Stage

WEB, WHATSAPP = ConversationId(BOT, "u-ada", "rtm"), ConversationId(BOT, "u-ada", "whatsapp")
ANYWHERE = ConversationId(BOT, "u-ada")
RULES = handoff_rules()


class TwoChannels:
    """Ada on the web and on WhatsApp, each with a session of her own."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.submit = stage.submit
        stage.decide = lambda conversation, event: decide(RULES, conversation, event)
        self.at = 1000.0

    def hook(
        self, where: ConversationId, kind: Any, *, sessions: tuple[str, ...] = (), **fields: Any
    ) -> Input:
        self.at += 10
        event = kind(key=f"hook-{self.at}", at=Instant(self.at), sessions=sessions, **fields)
        return Input(where, event, HookBody(f"{self.at}".encode()), ("+491234",))

    def says(
        self, where: ConversationId, text: str, flag: bool | None = None, session: str = ""
    ) -> Committed:
        sessions = (session,) if session else ()
        return self.submit(self.hook(where, UserMessage, text=text, agent_transfer=flag, sessions=sessions))

    def transfers(self, where: ConversationId, session: str = "") -> Committed:
        number = f"{int(self.at):012d}"
        return self.submit(
            self.hook(
                where,
                AgentTransfer,
                session_id=f"0b0c9a8e-0000-4000-8000-{number}",
                profile=UserProfile(user_id="u-ada", channel=where.channel, session_id=session),
                sessions=(session,) if session else (),
            )
        )

    def closes(self, where: ConversationId, session: str = "") -> Committed:
        return self.submit(self.hook(where, PlatformSessionClosed, sessions=(session,) if session else ()))

    def live(self) -> set[str]:
        return {one.id.channel for one in self.stage.ledger.open_conversations()}


@pytest.fixture
def ada(stage: Stage) -> TwoChannels:
    return TwoChannels(stage)


def effects(committed: Committed) -> list[str]:
    return [type(item.effect).__name__ for item in committed.items]


def test_a_message_on_another_channel_is_the_bots_and_ends_nothing(ada: TwoChannels) -> None:
    ada.transfers(WEB)
    assert effects(ada.says(WHATSAPP, "hi", flag=False)) == ["PassToBot"]
    assert ada.live() == {"rtm"}


def test_a_transfer_on_another_channel_is_a_hand_off_of_its_own(ada: TwoChannels) -> None:
    web, whatsapp = ada.transfers(WEB, "s-1"), ada.transfers(WHATSAPP, "s-2")
    assert (web.conversation.id, whatsapp.conversation.id) == (WEB, WHATSAPP)
    assert ada.live() == {"rtm", "whatsapp"}
    assert ada.stage.ledger.newest_hook(WEB) != ada.stage.ledger.newest_hook(WHATSAPP)


def test_each_of_two_conversations_has_its_own_end(ada: TwoChannels) -> None:
    ada.transfers(WEB, "s-1")
    ada.transfers(WHATSAPP, "s-2")
    ended = ada.says(WEB, "back to the bot", flag=False)
    assert ended.conversation.id == WEB
    assert ada.live() == {"whatsapp"}
    ada.closes(WHATSAPP, "s-2")
    assert ada.live() == set()


def test_a_closure_on_the_other_channel_ends_nothing(ada: TwoChannels) -> None:
    ada.transfers(WEB, "s-1")
    ada.closes(WHATSAPP, "s-2")
    assert ada.live() == {"rtm"}


def test_a_closure_without_a_channel_ends_the_conversation_of_its_session(ada: TwoChannels) -> None:
    ada.transfers(WEB, "s-1")
    ada.transfers(WHATSAPP, "s-2")
    ada.closes(ANYWHERE, "s-2")
    assert ada.live() == {"rtm"}


def test_a_closure_without_channel_and_session_ends_every_conversation_of_the_user(ada: TwoChannels) -> None:
    ada.transfers(WEB, "s-1")
    ada.transfers(WHATSAPP, "s-2")
    ada.closes(ANYWHERE)
    assert ada.live() == set()
    told = {item.conversation_id for item in ada.stage.undelivered()}
    assert told == {WEB, WHATSAPP}
    ended = {one.conversation.id for one in ada.stage.news() if one.conversation.session is None}
    assert ended == {WEB, WHATSAPP}


def test_a_closure_of_an_unknown_session_without_a_channel_ends_nothing(ada: TwoChannels) -> None:
    ada.transfers(WEB, "s-1")
    ada.closes(ANYWHERE, "s-9")
    assert ada.live() == {"rtm"}


def test_a_handlers_calls_for_a_closure_are_made_once(ada: TwoChannels) -> None:
    ada.transfers(WEB)
    ada.transfers(WHATSAPP)
    closure = ada.hook(ANYWHERE, PlatformSessionClosed)
    event = closure.event
    assert isinstance(event, PlatformSessionClosed)
    handled = HookHandled(
        key=event.key, at=event.at, api_calls=(ApiCall("send_user_message", "{}"),), original=event
    )
    ada.submit(Input(ANYWHERE, handled, closure.hook))
    calls = [one for one in ada.stage.undelivered() if isinstance(one.effect, CallWithHook)]
    assert len(calls) == 1
    assert ada.live() == set()


def test_a_hook_without_a_channel_is_about_the_only_live_conversation(ada: TwoChannels) -> None:
    ada.transfers(WEB)
    assert ada.submit(ada.hook(ANYWHERE, OtherHook, name="on_event")).conversation.id == WEB
    assert ada.says(ANYWHERE, "hello?").conversation.id == WEB


def test_a_hook_without_a_channel_is_about_the_conversation_of_its_session(ada: TwoChannels) -> None:
    ada.transfers(WEB, "s-1")
    ada.transfers(WHATSAPP, "s-2")
    assert ada.says(ANYWHERE, "hello?", session="s-1").conversation.id == WEB
    assert ada.says(ANYWHERE, "hello?").conversation.id == WHATSAPP


def test_a_channel_that_was_not_known_at_the_transfer_is_any_channel(ada: TwoChannels) -> None:
    ada.transfers(ANYWHERE)
    assert ada.says(WEB, "hello?").conversation.id == ANYWHERE


def test_a_user_with_an_agent_on_a_channel_without_a_hand_off_is_in_the_only_live_one(
    ada: TwoChannels,
) -> None:
    ada.transfers(WEB, "s-1")
    assert effects(ada.says(WHATSAPP, "hello?", flag=True, session="s-1")) == []
    assert ada.live() == {"rtm"}


def test_but_not_if_that_is_of_another_session(ada: TwoChannels) -> None:
    ada.transfers(WEB, "s-1")
    assert "PassToBot" in effects(ada.says(WHATSAPP, "hello?", flag=True, session="s-2"))


def test_nor_if_a_hand_off_on_that_channel_has_just_ended(ada: TwoChannels) -> None:
    ada.transfers(WEB)
    ada.transfers(WHATSAPP)
    ada.closes(WHATSAPP)
    assert "PassToBot" in effects(ada.says(WHATSAPP, "hello?", flag=True))


def test_a_job_reaches_the_user_on_the_channel_of_the_agent_else_where_they_wrote_last(
    ada: TwoChannels,
) -> None:
    ada.transfers(WEB, "s-1")
    ada.submit(ada.hook(WHATSAPP, UserMessage, text="hi", agent_transfer=False))
    found = ada.stage.ledger.newest_hook_of(BOT, "u-ada")
    assert found is not None
    assert found[0] == WEB
    call = CallsRequested(key="asked/1", at=Instant(5000.0), api_calls=(ApiCall("send_user_message", "{}"),))
    assert ada.submit(Input(ANYWHERE, call)).conversation.id == WEB


def test_what_the_relay_reports_is_about_the_conversation_it_names(ada: TwoChannels) -> None:
    ada.transfers(WHATSAPP)
    fired = TimerFired(key="", at=Instant(5000.0), session_id="s", name="extend", due=Instant(5000.0))
    assert ada.submit(Input(ANYWHERE, fired)).conversation.id == ANYWHERE


def test_both_conversations_survive_a_restart(ada: TwoChannels) -> None:
    ada.transfers(WEB, "s-1")
    ada.transfers(WHATSAPP, "s-2")
    ada.stage.reopen()
    assert ada.live() == {"rtm", "whatsapp"}
    assert ada.says(WEB, "hello?", flag=True).conversation.id == WEB
    kinds = {type(item.effect) for item in ada.stage.undelivered()}
    assert kinds.isdisjoint({EndSession, PassToBot, SendToAgent})
    assert SendToUser in kinds
