"""Language negotiation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.handoff.languages import broadest, closest, negotiate
from botkit.handoff.translations import MESSAGES

PAGE = list(MESSAGES)


@pytest.mark.parametrize("language", PAGE)
def test_every_language_of_the_page_is_found_as_the_page_spells_it(language: str) -> None:
    assert negotiate(language, PAGE, fallback="en") == language


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("zh-TW", "zh_tw"),
        ("zh_tw", "zh_tw"),
        ("ZH_TW", "zh_tw"),
        ("ZH_HANT", "zh_tw"),
        ("zh-Hant-TW", "zh_tw"),
        ("zh-HK", "zh_tw"),
        ("zh-MO", "zh_tw"),
        ("yue", "zh_tw"),
        ("zh", "zh_cn"),
        ("zh-CN", "zh_cn"),
        ("zh-Hans", "zh_cn"),
        ("zh-SG", "zh_cn"),
        ("zh-Hans-HK", "zh_cn"),
        ("pt-BR", "pt"),
        ("pt_PT", "pt"),
        ("es-419", "es"),
        ("es_MX", "es"),
        ("en_US", "en"),
        ("en-us", "en"),
        ("EN", "en"),
        ("ko-KR", "ko"),
        ("ar-EG", "ar"),
        ("ca-ES-valencia", "ca"),
        ("nl-BE", "nl"),
        ("de_DE.UTF-8@euro", "de"),
        ("de-DE-u-co-phonebk", "de"),
        ("fra", "fr"),
        (" fr ", "fr"),
    ],
)
def test_other_spellings_find_their_language(wanted: str, expected: str) -> None:
    assert negotiate(wanted, PAGE, fallback="it") == expected


@pytest.mark.parametrize(
    "wanted", ["nb-NO", "sv", "hi_IN", "tlh", "", " ", "-", "_", "C", "x-klingon", "🙂", "e", "12"]
)
def test_an_unknown_or_invalid_language_gets_the_default_of_the_bot(wanted: str) -> None:
    assert negotiate(wanted, PAGE, fallback="de-AT") == "de"


@pytest.mark.parametrize("fallback", ["sv", "", "??"])
def test_english_is_the_last_resort(fallback: str) -> None:
    assert negotiate("nb", PAGE, fallback=fallback) == "en"


def test_the_answer_is_spelled_as_in_what_is_available() -> None:
    assert negotiate("zh_tw", ["EN", "zh-Hant"], fallback="en") == "zh-Hant"


def test_an_exact_region_wins_over_the_language() -> None:
    assert negotiate("pt-BR", ["pt", "pt_br"], fallback="en") == "pt_br"


def test_another_region_does_not_win_over_the_language() -> None:
    assert negotiate("pt-PT", ["pt", "pt_br"], fallback="en") == "pt"


def test_another_region_of_the_language_is_better_than_another_language() -> None:
    assert negotiate("pt-PT", ["en", "pt_br"], fallback="en") == "pt_br"


def test_a_language_without_region_is_served_by_any_region_of_it() -> None:
    assert closest("en", ["de", "en_US"]) == ["en_US"]


def test_the_two_scripts_of_chinese_do_not_serve_each_other() -> None:
    assert closest("zh-TW", ["zh", "zh_cn"]) == []
    assert closest("zh", ["zh_tw", "zh_hk"]) == []


def test_a_chinese_script_is_served_by_any_region_that_writes_it() -> None:
    assert closest("zh", ["zh_tw", "zh_sg"]) == ["zh_sg"]
    assert closest("zh-Hant", ["zh_hk", "zh_cn"]) == ["zh_hk"]


def test_a_chinese_region_goes_before_its_script() -> None:
    assert closest("zh-HK", ["zh_cn", "zh_tw", "zh_hk"]) == ["zh_hk", "zh_tw"]


def test_the_order_of_what_is_available_does_not_matter() -> None:
    assert closest("en", ["en_US", "en_GB"]) == closest("en", ["en_GB", "en_US"])


def test_the_broadest_form_has_no_region() -> None:
    assert [broadest(tag) for tag in ("pt-BR", "en", "zh-HK", "zh-SG", "")] == [
        "pt",
        "en",
        "zh-hant",
        "zh-hans",
        "",
    ]


@given(st.text(max_size=100), st.text(max_size=10))
def test_any_tag_gets_an_available_language(wanted: str, fallback: str) -> None:
    assert negotiate(wanted, PAGE, fallback=fallback) in PAGE


@given(
    st.sampled_from(PAGE),
    st.sampled_from(["-", "_"]),
    st.sampled_from([str.lower, str.upper, str.title]),
    st.sampled_from(["XX", "999", "Latn-XX"]),
)
def test_a_region_nobody_has_texts_for_leaves_the_language(
    language: str, mark: str, case: object, rest: str
) -> None:
    if language.startswith("zh"):
        rest = {"zh_cn": "Hans", "zh_tw": "Hant"}[language]
    tag = f"{language.partition('_')[0]}{mark}{rest.replace('-', mark)}"
    assert negotiate(case(tag), PAGE, fallback="xx") == language  # type: ignore[operator]
