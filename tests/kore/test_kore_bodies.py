"""The length of messages to the bot, and changes to a context."""

from __future__ import annotations

import pytest

from botkit.errors import MessageTooLong
from botkit.kore.bodies import (
    MAX_MESSAGE_LENGTH,
    MAX_WORD_LENGTH,
    changed_context,
    check_message_for_bot,
)

BODY = b'{"requestId":1,"context":{"session":{"a":1}}}'


@pytest.mark.parametrize(
    "text",
    [
        "",
        " " * MAX_MESSAGE_LENGTH,
        "x" * MAX_WORD_LENGTH,
        f"{'x' * MAX_WORD_LENGTH}\n{'y' * MAX_WORD_LENGTH}",
        "😀" * (MAX_WORD_LENGTH // 2),
    ],
)
def test_messages_up_to_the_limits_pass(text: str) -> None:
    check_message_for_bot(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x " * (MAX_MESSAGE_LENGTH // 2) + "x", "3001 characters.*at most 3000.*in parts"),
        ("hello " + "x" * (MAX_WORD_LENGTH + 1), "a word of 1201 characters.*at most 1200.*break it up"),
        ("😀" * (MAX_WORD_LENGTH // 2) + "x", "1201"),
        ("\ud83d" * (MAX_WORD_LENGTH + 1), "1201"),
    ],
)
def test_longer_messages_and_words_are_refused_with_what_to_do(text: str, said: str) -> None:
    with pytest.raises(MessageTooLong, match=said) as caught:
        check_message_for_bot(text)
    assert not caught.value.retryable


def test_no_changes_leave_a_context_as_it_is() -> None:
    assert changed_context(BODY, "") == b"{}"


def test_a_context_can_be_replaced_by_one_without_members() -> None:
    assert changed_context(BODY, "", replace=True) == b'{"context":{}}'
