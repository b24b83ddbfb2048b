"""The standard responses."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.handoff.responses import KEYS, Responses
from botkit.handoff.translations import MESSAGES, WORDS
from botkit.handoff.translations.reference_lines import REFERRED_TO

PAGE_LANGUAGES = [
    "en",
    "ko",
    "es",
    "fr",
    "de",
    "ja",
    "pl",
    "ar",
    "tr",
    "it",
    "pt",
    "zh_cn",
    "zh_tw",
    "ca",
    "nl",
]
PAGE_KEYS = {
    "lookingForAgentMessage",
    "agentJoinedMessage",
    "conversationClosedMessage",
    "endChatFromUserInstruction",
}
JOINED, LOOKING, INSTRUCTION = "agentJoinedMessage", "lookingForAgentMessage", "endChatFromUserInstruction"
PLACEHOLDERS = {
    JOINED: ["{agent}"],
    "agentLeftMessage": ["{agent}"],
    INSTRUCTION: ["{command}"],
    "messageNotDeliveredMessage": ["{message}"],
    "queuePositionMessage": ["{position}"],
    "estimatedWaitMessage": ["{minutes}"],
    "fileRequestedMessage": ["{agent}"],
    "fileNotDeliveredMessage": ["{file}", "{reason}"],
    **{key: ["{reference}"] for key in REFERRED_TO},
}
FSI, PDI, LRM, RLM = "\u2068", "\u2069", "\u200e", "\u200f"

built_in = Responses({}, "en")


def test_the_languages_are_those_of_the_page() -> None:
    assert list(MESSAGES) == list(WORDS) == PAGE_LANGUAGES


def test_the_keys_of_the_page_are_among_the_keys() -> None:
    assert set(KEYS) > PAGE_KEYS


@pytest.mark.parametrize("language", PAGE_LANGUAGES)
def test_every_language_has_every_text(language: str) -> None:
    assert list(MESSAGES[language]) == list(KEYS)
    assert all(text.strip() == text != "" for text in MESSAGES[language].values())


@pytest.mark.parametrize("language", PAGE_LANGUAGES)
@pytest.mark.parametrize("key", KEYS)
def test_every_text_has_its_placeholders_and_no_other(language: str, key: str) -> None:
    assert re.findall(r"\{.*?\}", MESSAGES[language][key]) == PLACEHOLDERS.get(key, [])


@pytest.mark.parametrize("language", PAGE_LANGUAGES)
def test_no_text_stands_for_two_messages_or_two_languages(language: str) -> None:
    elsewhere = [text for other in PAGE_LANGUAGES for text in MESSAGES[other].values()]
    assert all(elsewhere.count(text) == 1 for text in MESSAGES[language].values())


@pytest.mark.parametrize("language", PAGE_LANGUAGES)
def test_the_end_word_stands_last_and_bare_so_that_it_can_be_copied(language: str) -> None:
    text = built_in.text(INSTRUCTION, language, command="endagentchat")
    assert text is not None
    assert re.search(r"[:：] ?endagentchat\Z", text)


def test_the_documentation_shows_the_texts_as_they_are() -> None:
    page = (Path(__file__).parents[2] / "docs" / "standard-responses.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w{12,})` \| .*? \| (.*) \|$", page, re.MULTILINE))
    assert {key: text.replace("`", "") for key, text in rows.items()} == {
        key: text.replace("\n", " ") for key, text in MESSAGES["en"].items()
    }


def script(language: str) -> str:
    return {"ko": "HANGUL", "ja": "HIRAGANA", "ar": "ARABIC", "zh_cn": "CJK", "zh_tw": "CJK"}.get(
        language, "LATIN"
    )


@pytest.mark.parametrize("language", PAGE_LANGUAGES)
def test_every_text_is_written_in_the_script_of_its_language(language: str) -> None:
    for text in MESSAGES[language].values():
        letters = [char for char in re.sub(r"\{.*?\}", "", text) if char.isalpha()]
        assert any(unicodedata.name(char).startswith(script(language)) for char in letters)
        if language in ("ar", "zh_cn", "zh_tw"):
            assert all(unicodedata.name(char).startswith(script(language)) for char in letters)


@pytest.mark.parametrize(
    ("language", "foreign"),
    [("zh_tw", "请为话员续务无达结发联继时则"), ("zh_cn", "請為話員續務無達結發聯繼時則")],
)
def test_the_two_chinese_scripts_are_not_mixed(language: str, foreign: str) -> None:
    assert not set(foreign) & set("".join([*MESSAGES[language].values(), *WORDS[language].values()]))


def test_the_user_reads_their_own_language() -> None:
    assert built_in.text(LOOKING, "de-AT") == MESSAGES["de"][LOOKING]


def test_the_agent_is_called_by_name() -> None:
    assert built_in.text(JOINED, "en", agent="Ada") == "Ada has joined the conversation."


@pytest.mark.parametrize("name", ["", " ", "\n"])
def test_an_agent_without_a_name_is_given_a_word(name: str) -> None:
    assert built_in.text(JOINED, "en", agent=name) == "Your agent has joined the conversation."


def test_the_word_for_an_agent_without_a_name_is_small_within_a_sentence() -> None:
    assert built_in.text(JOINED, "pl") == "Do rozmowy dołącza konsultant."
    pasted = Responses({"en": {JOINED: "Hello! {agent} is here. Say hi to {agent}."}}, "en")
    assert pasted.text(JOINED, "en") == "Hello! Your agent is here. Say hi to your agent."


@pytest.mark.parametrize("language", PAGE_LANGUAGES)
def test_no_placeholder_is_left_over(language: str) -> None:
    for key in KEYS:
        text = built_in.text(key, language, command="end", message="hi")
        assert text is not None
        assert "{" not in text


def test_a_name_of_several_lines_becomes_one() -> None:
    assert (
        built_in.text(JOINED, "en", agent=" Ada\n Lovelace ") == "Ada Lovelace has joined the conversation."
    )


def test_an_override_wins() -> None:
    assert Responses({"en": {LOOKING: "Hold on."}}, "en").text(LOOKING, "en") == "Hold on."


@pytest.mark.parametrize("spelling", ["zh-TW", "zh_tw", "ZH_HANT", "zh-Hant-TW"])
@pytest.mark.parametrize("wanted", ["zh_tw", "zh-HK", "zh-Hant"])
def test_an_override_is_found_in_any_spelling(spelling: str, wanted: str) -> None:
    assert Responses({spelling: {LOOKING: "等等"}}, "en").text(LOOKING, wanted) == "等等"


def test_a_key_without_override_keeps_the_built_in_text_of_the_same_language() -> None:
    own = Responses({"es": {LOOKING: "Espere."}, "en": {JOINED: "Hello."}}, "en")
    assert own.text(JOINED, "es", agent="Ada") == "Ada se ha incorporado a la conversación."


def test_an_override_of_the_region_wins_over_one_of_the_language() -> None:
    own = Responses({"pt": {LOOKING: "a"}, "pt_br": {LOOKING: "b"}}, "en")
    assert [own.text(LOOKING, tag) for tag in ("pt-BR", "pt", "pt-PT", "pt-AO")] == ["b", "a", "a", "a"]


def test_a_key_the_region_does_not_have_comes_from_the_language() -> None:
    own = Responses({"pt": {LOOKING: "a"}, "pt_br": {JOINED: "b"}}, "en")
    assert own.text(LOOKING, "pt-BR") == "a"


def test_an_override_of_another_region_is_not_shown() -> None:
    assert Responses({"pt_br": {LOOKING: "b"}}, "en").text(LOOKING, "pt-PT") == MESSAGES["pt"][LOOKING]


def test_a_user_of_no_region_gets_the_override_of_a_region() -> None:
    assert Responses({"en_US": {LOOKING: "Hold on."}}, "en").text(LOOKING, "en") == "Hold on."


def test_an_override_in_a_language_of_the_bots_own_is_used() -> None:
    assert Responses({"sv": {LOOKING: "Ett ögonblick."}}, "en").text(LOOKING, "sv-SE") == "Ett ögonblick."


def test_another_region_of_the_language_is_better_than_another_language() -> None:
    own = Responses({"sv_FI": {LOOKING: "Ett ögonblick."}}, "en")
    assert own.text(LOOKING, "sv-SE") == "Ett ögonblick."


def test_an_unknown_language_gets_the_bots_own_text_in_its_default_language() -> None:
    own = Responses({"de": {LOOKING: "Moment."}, "en": {LOOKING: "Hold on."}}, "de")
    assert own.text(LOOKING, "nb-NO") == "Moment."


def test_an_unknown_language_gets_the_built_in_text_of_the_default_language() -> None:
    assert Responses({"en": {LOOKING: "Hold on."}}, "fr_CA").text(LOOKING, "") == MESSAGES["fr"][LOOKING]


def test_english_is_the_last_resort_the_bots_own_first() -> None:
    assert Responses({"en": {LOOKING: "Hold on."}}, "sv").text(LOOKING, "nb") == "Hold on."
    assert Responses({}, "").text(LOOKING, "") == MESSAGES["en"][LOOKING]


def test_null_silences_a_message_in_that_language_only() -> None:
    own = Responses({"en": {LOOKING: None}}, "en")
    assert own.text(LOOKING, "en-GB") is None
    assert own.text(LOOKING, "es") == MESSAGES["es"][LOOKING]
    assert own.text(JOINED, "en", agent="Ada") is not None


def test_null_for_a_region_silences_there_though_the_language_speaks() -> None:
    own = Responses({"pt": {LOOKING: "a"}, "pt_br": {LOOKING: None}}, "en")
    assert [own.text(LOOKING, tag) for tag in ("pt-BR", "pt-PT")] == [None, "a"]


@pytest.mark.parametrize("blank", ["", "  ", "\n"])
def test_a_blank_override_silences_like_null(blank: str) -> None:
    assert Responses({"en": {LOOKING: blank}}, "en").text(LOOKING, "en") is None


def test_an_instruction_without_the_placeholder_is_used_as_it_is() -> None:
    own = Responses({"en": {INSTRUCTION: "Send endagentchat to leave."}}, "en")
    assert own.text(INSTRUCTION, "en", command="bye") == "Send endagentchat to leave."


def test_an_instruction_that_names_no_word_is_not_shown() -> None:
    assert built_in.text(INSTRUCTION, "en") is None


def test_what_looks_like_a_format_is_left_alone() -> None:
    odd = "{0} {} {name!r} %s 100% {{agent}} } { ${x}"
    assert Responses({"en": {JOINED: odd}}, "en").text(JOINED, "en", agent="Ada") == odd.replace(
        "{agent}", "Ada"
    )


def test_a_placeholder_in_what_is_filled_in_stays_as_it_is() -> None:
    text = built_in.text(
        "messageNotDeliveredMessage", "en", message="{command} {agent} \\1", command="x", agent="y"
    )
    assert text == "This did not reach the agent:\n{command} {agent} \\1"


def test_a_placeholder_is_filled_in_wherever_it_stands() -> None:
    own = Responses({"en": {JOINED: "{agent} here; leave with {command}. {agent}!"}}, "en")
    assert own.text(JOINED, "en", agent="Ada", command="bye") == "Ada here; leave with bye. Ada!"


def test_an_unknown_key_is_an_error() -> None:
    with pytest.raises(KeyError):
        built_in.text("agentJoined", "en")


def test_a_later_change_of_the_mapping_changes_nothing() -> None:
    texts: dict[str, dict[str, str | None]] = {"en": {LOOKING: "Hold on."}}
    own = Responses(texts, "en")
    texts["en"][LOOKING] = "Changed."
    assert own.text(LOOKING, "en") == "Hold on."


def test_a_latin_name_does_not_mix_with_arabic_text() -> None:
    assert built_in.text(JOINED, "ar", agent="Ada L.") == f"{RLM}{FSI}Ada L.{PDI} معك الآن في المحادثة."


def test_an_arabic_name_does_not_turn_an_english_sentence_around() -> None:
    assert built_in.text(JOINED, "en", agent="ليلى") == f"{LRM}{FSI}ليلى{PDI} has joined the conversation."


@pytest.mark.parametrize("language", PAGE_LANGUAGES)
@pytest.mark.parametrize("value", ["Jane Doe 2", "ليلى", "דנה", "?"])
def test_no_name_or_file_decides_the_direction_of_a_text(language: str, value: str) -> None:
    wrong = []
    for key in KEYS:
        text = built_in.text(key, language, agent=value, command="endagentchat", message=value, file=value)
        assert text is not None
        # As a browser does for dir="auto": the first strong character counts, isolated or not.
        first = next(found for found in map(unicodedata.bidirectional, text) if found in ("L", "R", "AL"))
        if (first != "L") != (language == "ar"):
            wrong.append((key, text))
    assert wrong == []


def test_a_text_whose_own_words_are_first_gets_no_mark() -> None:
    text = built_in.text(INSTRUCTION, "ar", command="endagentchat")
    assert text is not None
    assert not {RLM, LRM} & set(text)


def test_the_end_word_in_arabic_text_has_nothing_around_it() -> None:
    text = built_in.text(INSTRUCTION, "ar", command="endagentchat")
    assert text is not None
    assert text.endswith(" endagentchat")
    assert not {FSI, PDI} & set(text)


def test_a_message_on_lines_of_its_own_needs_no_isolates() -> None:
    text = built_in.text("messageNotDeliveredMessage", "ar", message="Hello.\nمرحبا")
    assert text is not None
    assert text.endswith(":\nHello.\nمرحبا")


def test_only_the_lines_of_a_message_that_share_theirs_with_other_text_are_isolated() -> None:
    own = Responses({"ar": {"messageNotDeliveredMessage": "لم يصل: {message}"}}, "ar")
    text = own.text("messageNotDeliveredMessage", "ar", message="one\ntwo")
    assert text == f"لم يصل: {FSI}one{PDI}\ntwo"


@given(st.text(), st.text(), st.sampled_from(PAGE_LANGUAGES), st.sampled_from(KEYS))
def test_filled_in_values_arrive_complete(message: str, name: str, language: str, key: str) -> None:
    text = built_in.text(key, language, agent=name, command="bye", message=message)
    assert text is not None
    if "{message}" in MESSAGES[language][key]:
        assert text.endswith(message)
    if "{agent}" in MESSAGES[language][key]:
        assert " ".join(name.split()) in text


@given(
    st.dictionaries(
        st.text(max_size=12), st.dictionaries(st.sampled_from(KEYS), st.one_of(st.none(), st.text()))
    ),
    st.text(max_size=12),
    st.text(max_size=12),
)
def test_any_configuration_is_accepted(
    overrides: dict[str, dict[str, str | None]], default_language: str, language: str
) -> None:
    own = Responses(overrides, default_language)
    for key in KEYS:
        text = own.text(key, language, command="bye")
        assert text is None or text.strip()


@pytest.mark.parametrize("language", PAGE_LANGUAGES)
def test_a_reference_stands_on_a_line_of_its_own_that_goes_without_one(language: str) -> None:
    told = built_in.text("handoffFailedMessage", language, reference="7K3M-9Q2X")
    bare = built_in.text("handoffFailedMessage", language)
    assert told is not None
    assert bare is not None
    first, line = told.split("\n")
    assert (first, "7K3M-9Q2X" in line) == (bare, True)


def test_a_reference_keeps_its_direction_in_right_to_left_texts() -> None:
    told = built_in.text("handoffFailedMessage", "ar", reference="7K3M-9Q2X")
    assert told is not None
    assert told.endswith(f": {FSI}7K3M-9Q2X{PDI}")


def test_a_text_of_the_bots_own_may_name_the_reference_and_gets_none_otherwise() -> None:
    own = Responses(
        {"en": {"handoffFailedMessage": "Call us, {reference}", "sessionExpiredMessage": "Over"}}, "en"
    )
    assert own.text("handoffFailedMessage", "en", reference="7K3M-9Q2X") == "Call us, 7K3M-9Q2X"
    assert own.text("sessionExpiredMessage", "en", reference="7K3M-9Q2X") == "Over"
