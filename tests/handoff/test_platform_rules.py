"""Rules for the hooks of the XO platform."""

from __future__ import annotations

import pytest

from botkit.handoff.conversation import Instant, Phase
from botkit.handoff.effects import (
    CallWithHook,
    ClearAgentSession,
    EndSession,
    OpenAccess,
    SendToAgent,
    TypingToAgent,
)
from botkit.handoff.events import (
    Attachment,
    BotMessage,
    MetaInfo,
    PlatformSessionClosed,
    UserProfile,
    UserTyping,
)
from tests.handoff.story import SECOND_SESSION, SESSION, Story, rules


def closed(story: Story) -> Story:
    return story.happens(PlatformSessionClosed(key="closure", at=story.session.opened_at))


# --- without an agent session


def test_a_user_message_goes_on_to_the_bot() -> None:
    assert Story().user("hi").kinds == ["PassToBot"]


def test_a_connect_event_goes_on_to_the_bot() -> None:
    assert Story().user(None, connect=True).kinds == ["PassToBot"]


def test_a_bot_message_goes_on_to_the_user() -> None:
    assert Story().bot("hello").kinds == ["PassToUser"]


def test_passing_through_leaves_the_conversation_as_it_was() -> None:
    story = Story()
    before = story.conversation
    assert story.user("hi").conversation is before
    assert story.bot("hello").conversation is before


def test_agent_transfer_true_with_a_lost_session_tells_the_user_and_gives_the_message_to_the_bot() -> None:
    story = Story().user("hello?", agent_transfer=True)
    assert story.kinds == ["SendToUser", "ClearAgentSession", "PassToBot", "CountMetric"]


def test_a_flag_that_lags_after_an_end_is_cleared_silently() -> None:
    story = Story().with_agent(meta=MetaInfo(end_word="bye"))
    story.user("bye", agent_transfer=True)
    story.now += 3
    assert story.user("and now?", agent_transfer=True).kinds == ["ClearAgentSession", "PassToBot"]


def test_a_flag_that_is_still_set_long_after_an_end_counts_as_a_lost_session() -> None:
    story = closed(Story().with_agent())
    story.now += 3_600
    assert "SendToUser" in story.user("hello?", agent_transfer=True).kinds


def test_a_clock_that_was_set_back_makes_no_end_recent() -> None:
    story = closed(Story().with_agent())
    story.now -= 600
    assert "SendToUser" in story.user("hello?", agent_transfer=True).kinds


def test_a_session_closure_without_a_session_changes_nothing() -> None:
    story = Story().happens(PlatformSessionClosed(key="c", at=Instant(1.0)))
    assert story.effects == ()


# --- opening


def test_a_transfer_tells_the_user_and_opens_access() -> None:
    story = Story().transfer(meta=MetaInfo(end_word="endagentchat"))
    assert story.kinds == ["SendToUser", "SendToUser", "OpenAccess", "ArmTimer", "ArmTimer", "CountMetric"]
    assert "endagentchat" in story.told[1]
    assert story.session.phase is Phase.OPENING


def test_no_end_word_anywhere_shows_no_instruction() -> None:
    assert len(Story().transfer().told) == 1


def test_the_configured_end_word_is_the_fallback() -> None:
    story = Story(rules(end_chat_command="stopagent")).transfer()
    assert story.session.end_word == "stopagent"
    assert "stopagent" in story.told[1]


def test_the_dialogs_end_word_wins_over_the_configured_one() -> None:
    story = Story(rules(end_chat_command="stopagent")).transfer(meta=MetaInfo(end_word="endagentchat"))
    assert story.session.end_word == "endagentchat"


def test_a_silenced_response_is_not_sent() -> None:
    story = Story(rules(responses={"en": {"lookingForAgentMessage": None}})).transfer()
    assert story.told == []


def test_the_user_is_told_in_their_own_language() -> None:
    story = Story(rules(responses={"es": {"lookingForAgentMessage": "¡Un momento!"}}))
    assert story.transfer(profile=UserProfile(language="es-419")).told == ["¡Un momento!"]


def test_the_profile_becomes_routing_attributes_and_the_dialogs_own_win() -> None:
    profile = UserProfile(first_name="Ada", last_name="Lovelace", email="ada@example.com", language="en")
    meta = MetaInfo(pre_chat=(("City", "Hyderabad"), ("_email", "work@example.com")))
    attributes = dict(Story().transfer(profile=profile, meta=meta).session.attributes)
    assert attributes["_firstName"] == "Ada"
    assert attributes["City"] == "Hyderabad"
    assert attributes["_email"] == "work@example.com"


def test_the_channel_chooses_the_agent_system() -> None:
    story = Story().transfer(profile=UserProfile(channel="facebook"))
    assert story.of(OpenAccess)[0].system == "legacy"


def test_the_dialog_can_choose_the_agent_system() -> None:
    assert Story().transfer(agent_system="legacy").session.system == "legacy"


def test_an_agent_system_the_bot_does_not_have_is_not_chosen() -> None:
    assert Story().transfer(agent_system="nonsense").session.system == "salesforce"


def test_a_repeated_transfer_opens_no_second_session() -> None:
    story = Story().transfer()
    assert story.transfer(session_id=SECOND_SESSION).effects == ()
    assert story.session.id == SESSION


def test_a_second_hand_off_after_the_first_works() -> None:
    story = closed(Story().with_agent()).transfer(session_id=SECOND_SESSION)
    assert story.session.id == SECOND_SESSION
    assert len(story.of(OpenAccess)) == 1


# --- while an agent session lives


def test_user_messages_go_to_the_agent_and_not_to_the_bot() -> None:
    story = Story().with_agent().user("my parcel is late", agent_transfer=True)
    assert story.kinds == ["SendToAgent"]
    assert story.sent == ["my parcel is late"]


def test_bot_messages_are_skipped() -> None:
    assert Story().transfer().bot("Anything else?").kinds == ["SkipUserMessage"]


def test_what_is_typed_before_access_is_held_and_delivered_in_order() -> None:
    story = Story().transfer().user("one").user("two")
    assert story.all_sent == []
    assert story.granted().sent == ["one", "two"]
    assert story.user("three").sent == ["three"]


def test_a_system_that_takes_no_text_before_an_agent_gets_it_when_one_joins() -> None:
    story = Story().transfer(profile=UserProfile(channel="facebook")).user("one").granted().started()
    assert story.user("two").sent == []
    assert story.joined().sent == ["one", "two"]


def test_a_message_has_the_same_id_after_a_restart() -> None:
    first = Story().with_agent().user("hi").of(SendToAgent)[0]
    again = Story().with_agent().user("hi").of(SendToAgent)[0]
    assert first.message_id == again.message_id


def test_two_equal_messages_have_different_ids() -> None:
    story = Story().with_agent()
    ids = {story.user("hi").of(SendToAgent)[0].message_id for _ in range(2)}
    assert len(ids) == 2


def test_a_long_message_is_split_to_the_systems_limit() -> None:
    story = Story().with_agent().user("word " * 4_000)
    assert len(story.sent) == 2
    assert all(len(text) <= 10_000 for text in story.sent)


def test_an_attachment_reaches_the_agent_as_its_name_and_address() -> None:
    story = Story().with_agent().user(None, attachments=(Attachment("bill.pdf", "https://x.example/1"),))
    assert story.sent == ["bill.pdf: https://x.example/1"]


@pytest.mark.parametrize("text", [None, "", "   \n"])
def test_an_empty_message_is_not_sent_to_the_agent(text: str | None) -> None:
    assert Story().with_agent().user(text).effects == ()


def test_a_connect_event_is_not_forwarded_as_chat() -> None:
    assert Story().with_agent().user("ON_CONNECT", connect=True).effects == ()


def test_typing_is_shown_to_an_agent_who_is_there() -> None:
    story = Story().with_agent().happens(UserTyping(key="t", at=Instant(1.0), started=True))
    assert story.of(TypingToAgent)[0].started is True


def test_typing_is_shown_to_nobody_else() -> None:
    assert Story().transfer().happens(UserTyping(key="t", at=Instant(1.0), started=True)).effects == ()
    assert Story().happens(UserTyping(key="t", at=Instant(1.0), started=True)).effects == ()


# --- ends caused by the user or the platform


@pytest.mark.parametrize("typed", ["endagentchat", "  ENDAGENTCHAT \n", "EndAgentChat"])
def test_the_end_word_ends_the_session_on_both_sides(typed: str) -> None:
    story = Story().with_agent(meta=MetaInfo(end_word="endagentchat")).user(typed, agent_transfer=True)
    assert [kind for kind in story.kinds if kind != "CancelTimer"] == [
        "SendToUser",
        "ClearAgentSession",
        "EndSession",
        "CountMetric",
    ]
    assert story.conversation.session is None


@pytest.mark.parametrize("typed", ["please endagentchat", "end agent chat", "endagentchat or not", "//", "."])
def test_only_the_exact_end_word_ends(typed: str) -> None:
    story = Story().with_agent(meta=MetaInfo(end_word="endagentchat")).user(typed, agent_transfer=True)
    assert story.sent == [typed]


def test_messages_in_flight_are_delivered_before_the_end() -> None:
    story = Story().with_agent(meta=MetaInfo(end_word="bye")).user("last words").user("bye")
    assert "DropLane" not in story.kinds


def test_the_end_word_works_while_access_is_still_being_opened() -> None:
    story = Story().transfer(meta=MetaInfo(end_word="bye")).user("hello?").user("bye")
    assert story.of(EndSession) == []
    assert "DropLane" in story.kinds
    assert any("hello?" in text for text in story.told)


def test_the_platforms_session_closure_ends_the_session_once() -> None:
    story = closed(Story().with_agent())
    assert len(story.of(EndSession)) == 1
    assert story.happens(PlatformSessionClosed(key="again", at=Instant(1.0))).effects == ()


def test_agent_transfer_false_means_the_platform_took_the_user_back() -> None:
    story = Story().with_agent()
    story.now += 900
    story.user("hi bot", agent_transfer=False)
    assert len(story.of(EndSession)) == 1
    assert len(story.of(ClearAgentSession)) == 1
    assert story.kinds[-1] == "PassToBot"


def test_a_flag_that_lags_right_after_the_transfer_ends_nothing() -> None:
    story = Story().transfer().granted()
    story.now += 1
    assert story.user("quickly!", agent_transfer=False).sent == ["quickly!"]


def test_a_false_flag_counts_although_the_clock_was_set_back_since_the_transfer() -> None:
    story = Story().transfer().granted()
    story.now -= 600
    assert len(story.user("hi bot", agent_transfer=False).of(EndSession)) == 1


def test_once_the_platform_has_set_the_flag_a_false_counts_at_once() -> None:
    story = Story().with_agent().user("hello", agent_transfer=True)
    assert len(story.user("hi bot", agent_transfer=False).of(EndSession)) == 1


def test_a_missing_flag_changes_nothing() -> None:
    assert Story().with_agent().user("hi").kinds == ["SendToAgent"]


def test_a_message_typed_before_the_transfer_and_overtaken_by_it_reaches_the_agent() -> None:
    story = Story().with_agent(request_number=2_000)
    story.now += 60
    assert story.user("wait", agent_transfer=False, request_number=1_999).sent == ["wait"]
    assert story.user("hi bot", agent_transfer=False, request_number=2_001).sent == []


@pytest.mark.parametrize(
    ("agent_transfer", "calls"), [(False, 1), (None, 1), (True, 0)], ids=["the bot", "not stated", "agents"]
)
def test_a_clients_retry_is_said_to_nobody_but_the_platform_gets_its_call(
    agent_transfer: bool | None, calls: int
) -> None:
    story = Story().user("hi", agent_transfer=agent_transfer, retried=True)
    assert [effect.call for effect in story.of(CallWithHook)] == ["skip_bot_message"] * calls
    assert len(story.effects) == calls


def test_a_clients_retry_during_a_hand_off_needs_no_call_unless_the_platform_counts_on_the_bot() -> None:
    assert Story().with_agent().user("hi", retried=True).effects == ()
    assert Story().with_agent().user("hi", agent_transfer=False, retried=True).kinds == ["CallWithHook"]


@pytest.mark.parametrize(("number", "over"), [(1_999, False), (2_000, False), (2_001, True), (None, True)])
def test_a_bots_message_of_the_dialog_that_led_to_the_transfer_closes_nothing(
    number: int | None, over: bool
) -> None:
    story = Story().with_agent(request_number=2_000).user("hello", agent_transfer=True, request_number=2_010)
    said = BotMessage(
        key="b", at=Instant(story.now), text="One moment.", agent_transfer=False, request_number=number
    )
    assert (story.happens(said).conversation.session is None) == over


@pytest.mark.parametrize(
    ("after", "number", "over"),
    [(30, None, False), (61, None, True), (4, 2_001, True), (1, 2_001, False), (61, 2_000, False)],
)
def test_the_platform_times_out_a_user_who_has_said_nothing_to_the_agent(
    after: float, number: int | None, over: bool
) -> None:
    story = Story().with_agent(request_number=2_000)
    session = story.conversation.session
    assert session is not None
    at = Instant(session.opened_at + after)
    said = BotMessage(key="b", at=at, text="Goodbye.", agent_transfer=False, request_number=number)
    assert (story.happens(said).conversation.session is None) == over


def test_a_user_without_an_agent_is_not_timed_out_by_a_message_of_the_bot() -> None:
    story = Story().transfer()
    said = BotMessage(key="b", at=Instant(story.now + 61), text="One moment.", agent_transfer=False)
    assert story.happens(said).conversation.session is not None
