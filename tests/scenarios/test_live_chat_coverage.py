"""The test of each status and message of Live Chat (docs/protocols/salesforce-live-chat.md, 5 and 7)."""

from __future__ import annotations

from importlib import import_module

import pytest

from botkit.agents.live_chat.messages import _READERS

_CHAT = "scenarios.test_live_chat"
_CODES = "scenarios.test_live_chat_status_codes"
_MESSAGES = "scenarios.test_live_chat_messages"
_MOVES = "scenarios.test_live_chat_moves"
_EMULATOR = "sandbox.live_chat.conformance.test_section_02_visitor"

STATUSES = {
    200: (_CODES, "test_200_is_all_that_is_heard_of_a_chat_without_trouble"),
    202: (_CODES, "test_202_is_as_good"),
    204: (_CODES, "test_204_is_a_poll_without_news_and_followed_by_the_next"),
    400: (_CODES, "test_a_message_that_is_refused_is_given_back_and_the_chat_goes_on"),
    403: (_CODES, "test_a_403_on_a_post_comes_after_what_the_agent_had_said"),
    404: (_CODES, "test_a_session_that_is_refused_is_told"),
    405: (_CODES, "test_a_405_on_the_way_back_means_that_nothing_was_lost"),
    409: (_CODES, "test_a_409_on_a_poll_is_waited_out"),
    500: (_CODES, "test_nothing_is_sent_that_would_be_a_500_before_an_agent_has_accepted"),
    503: (_MOVES, "test_a_post_that_meets_a_503_loses_and_repeats_nothing"),
}

BROUGHT_BY_POLLS = {
    "ChatRequestSuccess": (_MESSAGES, "test_a_request_that_succeeded_is_not_an_agent_who_accepted"),
    "ChatRequestFail": (_CHAT, "test_a_request_that_fails_is_told_and_the_user_is_back"),
    "QueueUpdate": (_CHAT, "test_the_place_in_the_queue_is_told_when_it_changes"),
    "ChatEstablished": (
        _CHAT,
        "test_what_is_typed_before_an_agent_accepts_is_kept_and_arrives_after_the_story",
    ),
    "ChatMessage": (_MESSAGES, "test_what_the_console_makes_of_an_agents_words_is_undone"),
    "AgentTyping": (_MESSAGES, "test_an_agents_typing_in_any_order_is_no_message_and_disturbs_none"),
    "AgentNotTyping": (_MESSAGES, "test_an_agents_typing_in_any_order_is_no_message_and_disturbs_none"),
    "ChatTransferred": (_CHAT, "test_a_transfer_to_an_agent_is_told_when_it_is_taken"),
    "TransferToButtonInitiated": (_MESSAGES, "test_a_transfer_to_a_button_is_a_wait_and_not_the_end"),
    "AgentDisconnect": (_MESSAGES, "test_an_agent_whose_connection_is_lost_is_followed_by_another"),
    "AgentJoinedConference": (_MESSAGES, "test_a_guest_of_a_conference_is_announced_and_may_leave_again"),
    "AgentLeftConference": (_MESSAGES, "test_a_guest_of_a_conference_is_announced_and_may_leave_again"),
    "ChatEnded": (_MESSAGES, "test_an_end_is_an_end_whatever_records_are_attached"),
    "CustomEvent": (_MESSAGES, "test_an_agents_custom_event_disturbs_no_message"),
    "NewVisitorBreadcrumb": (_MESSAGES, "test_a_breadcrumb_of_the_visitor_is_nobodys_business"),
    "FileTransfer": (_CHAT, "test_a_file_the_agent_asks_for_is_asked_of_the_user_and_arrives"),
    "FileTransfer Canceled": (_MESSAGES, "test_a_file_that_is_wanted_no_more_is_named_and_not_uploaded"),
    "FileTransfer Failure": (_CHAT, "test_a_file_that_is_too_large_is_said"),
    "ChasitorSessionData": (_MESSAGES, "test_the_chat_so_far_comes_with_the_first_poll_after_a_reconnection"),
    "SensitiveDataRules": (_MESSAGES, "test_rules_for_sensitive_data_may_come_as_a_message_of_their_own"),
    "RichMessage": (_MESSAGES, "test_the_choices_of_a_rich_message_are_shown"),
    "SwitchServer": (_MESSAGES, "test_another_server_is_followed_in_the_middle_of_a_chat"),
    "one nobody knows": (_CHAT, "test_a_message_type_nobody_has_seen_changes_nothing"),
}

ANSWERS = {
    "ReconnectSession": (_MOVES, "test_a_poll_that_meets_a_503_loses_and_repeats_nothing"),
    "SwitchServer": (_MESSAGES, "test_another_server_is_followed_before_the_chat_begins"),
    "Availability": (_CHAT, "test_nobody_online_is_told_at_once"),
    # BotKit does not request these two.
    "Settings": (_EMULATOR, "test_settings_tell_of_buttons"),
    "VisitorId": (_EMULATOR, "test_settings_and_visitor_ids_can_come_bare"),
}


@pytest.mark.parametrize(
    "shown", [STATUSES, BROUGHT_BY_POLLS, ANSWERS], ids=["statuses", "messages", "answers"]
)
def test_every_row_names_a_test_that_there_is(shown: dict[object, tuple[str, str]]) -> None:
    missing = [
        row for row, (module, name) in shown.items() if not hasattr(import_module(f"tests.{module}"), name)
    ]
    assert missing == []


def test_every_message_that_is_read_has_its_row() -> None:
    assert set(_READERS) - set(BROUGHT_BY_POLLS) == set()
