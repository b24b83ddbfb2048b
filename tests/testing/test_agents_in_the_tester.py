"""The agents' steps of `KitTester`: a hand-off from its beginning to each end, and timers with a manual clock."""

from __future__ import annotations

from typing import Any

import pytest

from botkit.errors import KitTesterMisused
from botkit.handlers import UserMessageContext
from botkit.handoff.events import Content, IdleRule, Option
from botkit.kit import BotKit
from botkit.testing import KitTester

MIAW_META = {"preChatInfo": {"City": "Pune"}, "endChatShortHandCommand": "bye"}


def test_a_hand_off_from_end_to_end(tester: KitTester) -> None:
    went = tester.transfers(session={"miawMetaInfo": MIAW_META})
    assert "looking for an agent" in went.to_user[0]
    assert went.agent_calls[-1].details["attributes"]["City"] == "Pune"
    assert tester.agent_joins("Jane").to_user == ["Jane has joined the conversation."]
    assert tester.user_says("my parcel is late").to_agent == ["my parcel is late"]
    assert tester.agent_says("Let me look.").to_user == ["Let me look."]
    went = tester.user_says("bye")
    assert went.names[-1] == "clear_agent_session"
    assert went.agent_calls[-1].name == "end"
    assert tester.user_says("hi").to_bot == ["hi"]


def test_agents_are_told_the_talk_so_far(tester: KitTester) -> None:
    tester.answers(get_messages=[("user", "my parcel is late"), ("bot", "Sorry!")])
    (story,) = tester.transfers().to_agent
    assert "my parcel is late" in story
    assert "Sorry!" in story


def test_the_bot_is_silent_while_an_agent_is_there(tester: KitTester) -> None:
    tester.transfers()
    tester.agent_joins()
    went = tester.bot_says("Anything else?")
    assert (went.to_user, went.names) == ([], ["skip_user_message"])


def test_the_platform_knows_that_an_agent_is_there_and_when_none_is_any_more(
    kit: BotKit, tester: KitTester
) -> None:
    said: list[bool] = []

    @kit.on_user_message
    def look(ctx: UserMessageContext) -> None:
        said.append(ctx.agent_transfer)

    tester.user_says()
    tester.transfers()
    tester.user_says()
    tester.user_says(agent_transfer=None, user="u-another")
    tester.agent_joins(user="u-11111111-2222-5333-8444-555555555555")
    tester.agent_ends(user="u-11111111-2222-5333-8444-555555555555")
    tester.user_says()
    assert said == [False, True, False, False]


def test_a_handler_hands_over_and_takes_back(kit: BotKit, tester: KitTester) -> None:
    @kit.on_user_message
    def human(ctx: UserMessageContext) -> Any:
        match ctx.message:
            case "human":
                return ctx.start_agent_session(pre_chat={"Topic": "orders"})
            case "enough":
                return ctx.clear_agent_session()

    went = tester.user_says("human")
    assert went.agent_calls[-1].details["attributes"]["Topic"] == "orders"
    assert went.names[0] == "start_agent_session"
    tester.agent_joins("Jane")
    assert tester.user_says("hello").to_agent == ["hello"]
    assert tester.user_says("enough").names[-1] == "clear_agent_session"
    assert tester.user_says("hello").to_bot == ["hello"]


def test_an_agent_offers_options(tester: KitTester) -> None:
    tester.transfers()
    tester.agent_joins()
    went = tester.agent_says(Content("Which?", options=(Option("Red"), Option("Blue"))))
    assert went.to_user == ["Which?\n- Red\n- Blue"]
    template = went.calls[0].template
    assert template is not None
    assert template["payload"]["template_type"] == "button"


def test_of_several_agents_the_named_one_speaks(tester: KitTester) -> None:
    tester.transfers()
    tester.agent_joins("Jane")
    tester.agent_joins("Omar")

    def speaker(name: str) -> str:
        template = tester.agent_says("Hi!", name=name).calls[0].template
        assert template is not None
        return str(template["payload"]["agent_name"])

    assert [speaker("Jane"), speaker("Omar"), speaker("")] == ["Jane", "Omar", "Omar"]


def test_files_and_typing_reach_the_agent(tester: KitTester) -> None:
    tester.transfers()
    tester.agent_joins()
    went = tester.user_says(None, attachments=["parcel.png"])
    (sent,) = went.agent_calls
    assert (sent.name, sent.details["file"].name) == ("send_file", "parcel.png")
    assert went.names == ["download"]
    (typed,) = tester.client_event("TYPING_STARTED").agent_calls
    assert (typed.name, typed.details) == ("typing", {"started": True})


def test_an_agent_is_seen_typing(tester: KitTester) -> None:
    tester.transfers()
    tester.agent_joins()
    tester.client_event("TYPING_STARTED")
    assert tester.agent_types().call("send_bot_event").json["preDefinedEvent"] == {"type": "TYPING_STARTED"}


def test_an_agent_hands_on_to_another(tester: KitTester) -> None:
    tester.transfers()
    tester.agent_joins("Jane")
    assert "Jane" in tester.agent_hands_on().to_user[0]
    assert tester.passes(60).names == []
    assert tester.agent_joins("Omar").to_user == ["Omar has joined the conversation."]


def test_when_the_last_agent_has_left_it_ends_after_a_while(tester: KitTester) -> None:
    tester.transfers()
    tester.agent_joins("Jane")
    assert tester.agent_leaves().names == []
    went = tester.passes(60)
    assert went.names == ["send_user_message", "clear_agent_session"]
    assert [call.name for call in went.agent_calls] == ["routing", "routing", "end"]


def test_while_another_agent_stays_nothing_ends(tester: KitTester) -> None:
    tester.transfers()
    tester.agent_joins("Jane")
    tester.agent_joins("Omar")
    tester.agent_leaves("Omar")
    assert tester.passes(60).names == []
    assert tester.agent_says("I am still here.").to_user == ["I am still here."]


def test_nobody_is_there_to_accept(tester: KitTester) -> None:
    tester.transfers()
    assert tester.nobody_accepts().names[-1] == "clear_agent_session"


def test_nobody_accepts_in_time(tester: KitTester) -> None:
    tester.transfers()
    went = tester.passes(600)
    assert went.names == [
        "extend_request_id",
        "extend_request_id",
        "send_user_message",
        "clear_agent_session",
    ]


def test_the_user_moves_up_in_the_queue(tester: KitTester) -> None:
    tester.transfers()
    assert "3" in tester.queue_moves(3).to_user[0]


def test_a_silent_user_is_warned_and_then_given_up(tester: KitTester) -> None:
    tester.transfers()
    tester.agent_joins("Jane", idle=IdleRule(warning_seconds=60, timeout_seconds=120))
    tester.agent_says("Are you there?")
    assert tester.passes(59).names == []
    assert tester.passes(1).names == ["send_user_message"]
    assert tester.passes(60).names == ["send_user_message", "clear_agent_session"]


def test_the_platform_closes_the_session(tester: KitTester) -> None:
    tester.transfers()
    tester.agent_joins("Jane")
    assert tester.event("sessionClosure").agent_calls[-1].name == "end"


def test_agents_of_one_user_are_not_those_of_another(tester: KitTester) -> None:
    tester.transfers(user="u-1")
    tester.transfers(user="u-2")
    tester.agent_joins("Jane", user="u-1")
    assert tester.user_says("one", user="u-1").to_agent == ["one"]
    went = tester.agent_says("for one", user="u-1")
    assert went.call("send_user_message").json["context"]["session"]["UserContext"]["_id"] == "u-1"
    with pytest.raises(KitTesterMisused, match="no agent is there"):
        tester.agent_says("for two", user="u-2")


def test_agents_can_do_nothing_before_a_transfer(tester: KitTester) -> None:
    with pytest.raises(KitTesterMisused, match=r"transfers\(\)"):
        tester.agent_joins()


def test_an_agent_who_is_not_there_says_nothing(tester: KitTester) -> None:
    tester.transfers()
    tester.agent_joins("Jane")
    with pytest.raises(KitTesterMisused, match="no agent named Omar"):
        tester.agent_says("hi", name="Omar")
