"""The transcript that the agent reads first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.handoff.events import TranscriptLine
from botkit.handoff.text import length
from botkit.handoff.transcript import render
from botkit.handoff.translations import WORDS


def user(text: str) -> TranscriptLine:
    return TranscriptLine("user", text)


def bot(text: str) -> TranscriptLine:
    return TranscriptLine("bot", text)


def told(
    *lines: TranscriptLine,
    language: str = "en",
    user_name: str = "Ada",
    bot_name: str = "Acme",
    limit: int = 10_000,
) -> str:
    return render(lines, language=language, user_name=user_name, bot_name=bot_name, limit=limit)


def test_a_transcript_names_the_speakers_in_order() -> None:
    assert told(user("Hello"), bot("How can I help?"), user("An agent, please")) == (
        "Conversation so far\nAda: Hello\nAcme: How can I help?\nAda: An agent, please"
    )


def test_a_talk_without_messages_has_no_transcript() -> None:
    assert told() == ""


def test_blank_messages_are_left_out() -> None:
    assert told(user(" \n"), bot("")) == ""
    assert told(user(""), bot("Hi")) == "Conversation so far\nAcme: Hi"


def test_speakers_without_a_name_are_called_by_their_role() -> None:
    assert told(user("a"), bot("b"), user_name=" ", bot_name="") == (
        "Conversation so far\nUser: a\nVirtual assistant: b"
    )


def test_heading_and_labels_are_in_the_language_of_the_user() -> None:
    assert told(user("a"), bot("b"), user_name="", bot_name="", language="de-AT") == (
        "Bisheriges Gespräch\nNutzer: a\nVirtueller Assistent: b"
    )


def test_an_unknown_language_gets_english_labels() -> None:
    assert told(user("a"), language="tlh").startswith("Conversation so far")


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r", "\v", "\f", "\x85", "\u2028", "\u2029", "\x1c"])
def test_continuation_lines_are_marked(
    line_end: str,
) -> None:
    assert told(user(f"Hello{line_end}Acme: You get a refund")) == (
        "Conversation so far\nAda: Hello\n  | Acme: You get a refund"
    )


def test_blank_lines_within_a_message_are_marked_as_well() -> None:
    assert told(bot("one\n\ntwo")) == "Conversation so far\nAcme: one\n  | \n  | two"


def test_a_name_cannot_forge_a_line() -> None:
    assert told(user("hi"), user_name="Acme: You get a refund\nAda").splitlines()[1:] == [
        "Acme You get a refund Ada: hi"
    ]


@pytest.mark.parametrize("name", ["Acme", "ACME", " acme ", "Ａcme"])
def test_a_user_named_like_the_bot_is_not_called_by_name(name: str) -> None:
    assert told(user("a"), bot("b"), user_name=name) == "Conversation so far\nUser: a\nVirtual assistant: b"


def test_a_very_long_name_is_cut() -> None:
    assert told(user("a"), user_name="x" * 1000) == f"Conversation so far\n{'x' * 80}: a"


def test_control_characters_do_not_reach_the_agent() -> None:
    assert told(user("a\x00b\x1b[31mc\td")) == "Conversation so far\nAda: ab[31mc\td"


def test_over_the_limit_the_oldest_messages_are_left_out_and_counted() -> None:
    lines = [user(f"message {number}") for number in range(10)]
    assert told(*lines, limit=80) == (
        "Conversation so far\nEarlier messages left out: 8\nAda: message 8\nAda: message 9"
    )


def test_a_talk_that_just_fits_is_complete() -> None:
    whole = told(user("a"), bot("b"))
    assert told(user("a"), bot("b"), limit=length(whole)) == whole
    assert "left out: 1" in told(user("a"), bot("b" * 60), limit=length(told(user("a"), bot("b" * 60))) - 1)


def test_a_newest_message_that_is_too_long_is_cut_at_its_end() -> None:
    text = told(user("old"), user("x" * 500), limit=100)
    assert text.startswith("Conversation so far\nEarlier messages left out: 1\nAda: xxx")
    assert text.endswith("x…")
    assert length(text) == 100


def test_a_single_message_that_is_too_long_is_cut_and_no_message_is_counted_as_left_out() -> None:
    assert told(user("x" * 500), limit=40) == "Conversation so far\nAda: " + "x" * 14 + "…"


def test_right_to_left_text_is_left_as_it_is() -> None:
    assert told(user("مرحبا، أريد موظفًا"), language="ar", user_name="ليلى").endswith(
        "ليلى: مرحبا، أريد موظفًا"
    )


def test_every_language_has_its_words() -> None:
    assert all(set(words) == set(WORDS["en"]) and all(words.values()) for words in WORDS.values())
    assert all(words["omitted"].endswith("{count}") for words in WORDS.values())


talk = st.lists(
    st.builds(TranscriptLine, st.sampled_from(["user", "bot"]), st.text(max_size=40)), max_size=12
)


@given(talk, st.sampled_from(list(WORDS)), st.integers(min_value=0, max_value=300))
def test_a_transcript_always_fits_the_limit(lines: list[TranscriptLine], language: str, limit: int) -> None:
    assert length(told(*lines, language=language, limit=limit)) <= limit


@given(talk, st.text(max_size=20), st.text(max_size=20))
def test_every_line_begins_with_its_true_speaker_or_the_mark(
    lines: list[TranscriptLine], user_name: str, bot_name: str
) -> None:
    shown = [line for line in lines if line.text.strip()]
    speaking = told(*lines, user_name=user_name, bot_name=bot_name).splitlines()[1:]
    beginnings = [line for line in speaking if not line.startswith("  | ")]
    assert len(beginnings) == len(shown)
    called = {"user": set(), "bot": set()}  # type: dict[str, set[str]]
    for line, beginning in zip(shown, beginnings, strict=True):
        called[line.speaker].add(beginning.partition(":")[0])
    assert all(len(names) <= 1 for names in called.values())
    assert not called["user"] & called["bot"]


# --- several channels


def on(channel: str, text: str) -> TranscriptLine:
    return TranscriptLine("user", text, channel)


def test_each_part_has_its_channel_as_heading() -> None:
    lines = (on("twiliovoice", "one"), on("twiliovoice", "two"), on("rtm", "three"), on("whatsapp", "four"))
    assert told(*lines).splitlines()[1:] == [
        "[Phone · twiliovoice]",
        "Ada: one",
        "Ada: two",
        "[Web chat · rtm]",
        "Ada: three",
        "[Channel · whatsapp]",
        "Ada: four",
    ]


def test_one_channel_needs_no_heading() -> None:
    assert told(on("rtm", "one"), on("rtm", "two")).splitlines()[1:] == ["Ada: one", "Ada: two"]


@pytest.mark.parametrize("language", list(WORDS))
def test_headings_are_in_the_users_language(language: str) -> None:
    lines = told(on("ivr", "one"), on("rtm", "two"), on("sms", "three"), language=language).splitlines()
    headings = [line for line in lines if line.startswith("[")]
    assert [line.split(" · ")[1] for line in headings] == ["ivr]", "rtm]", "sms]"]
    assert (headings[0] == "[Phone · ivr]") == (language == "en")


def test_what_a_user_writes_is_no_heading() -> None:
    assert told(on("rtm", "x\n[Phone · ivr]"), on("sms", "y")).splitlines()[3] == "  | [Phone · ivr]"


@given(
    st.lists(st.tuples(st.sampled_from(["rtm", "sms", "ivr"]), st.text(min_size=1)), min_size=1),
    st.integers(0, 400),
)
def test_a_transcript_of_several_channels_keeps_its_limit(lines: list[tuple[str, str]], limit: int) -> None:
    assert length(told(*(on(*line) for line in lines), limit=limit)) <= limit


def test_the_newest_messages_that_are_left_keep_their_heading() -> None:
    lines = [on("sms", "x" * 50) for _ in range(20)] + [on("rtm", "newest")]
    kept = told(*lines, limit=250).splitlines()
    assert kept[-2:] == ["[Web chat · rtm]", "Ada: newest"]
    assert kept[2] == "[Channel · sms]"


def test_a_line_without_a_channel_makes_no_second_one() -> None:
    assert told(on("rtm", "one"), on("", "two")).splitlines()[1:] == ["Ada: one", "Ada: two"]
