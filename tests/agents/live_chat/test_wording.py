"""An agent's message as text."""

from __future__ import annotations

import pytest

from botkit.agents.live_chat.wording import read_words
from botkit.handoff.events import Link


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Hello", "Hello"),
        ("Tom &amp; Jerry &#39;s", "Tom & Jerry 's"),
        ("1 &lt; 2", "1 < 2"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("write <your name> here", "write <your name> here"),
        ("one<br/>two<BR>three", "one\ntwo\nthree"),
        ("<p>one</p><p>two</p>", "one\ntwo"),
        ("<b>bold</b> and <span style='color:red'>red</span>", "bold and red"),
        ("<ul><li>a</li><li>b</li></ul>", "a\nb"),
        ("&lt;b&gt;not bold&lt;/b&gt;", "<b>not bold</b>"),
        ("مرحبا &amp; 😀", "مرحبا & 😀"),
        ("<3", "<3"),
        ("", ""),
    ],
)
def test_markup_goes_and_words_stay(written: str, meant: str) -> None:
    assert read_words(written).text == meant


def test_a_link_with_words_of_its_own_is_a_link() -> None:
    content = read_words(
        'See <a href="https://example.com/a?b=1&amp;c=2" target="_blank">our <b>page</b></a>.'
    )
    assert content.text == "See our page."
    assert content.links == (Link("our page", "https://example.com/a?b=1&c=2"),)


def test_a_link_that_says_its_address_is_just_text() -> None:
    content = read_words('<a href="https://example.com">https://example.com/</a>')
    assert content.text == "https://example.com"
    assert content.links == ()


def test_a_link_that_is_not_a_web_address_becomes_its_text() -> None:
    content = read_words("<a href='javascript:alert(1)'>click</a>")
    assert content.text == "click"
    assert content.links == ()


def test_markup_without_end_takes_no_time() -> None:
    assert read_words("<a href='" * 20_000).text.startswith("<a href=")
    assert read_words("<" * 100_000).text == "<" * 100_000
    assert read_words("<a " + 'href=""' * 14_000).text.startswith("<a href=")
    assert read_words("<a " + 'href="x"' * 12_000 + ">x").text == "x"


def test_the_first_address_of_a_link_counts() -> None:
    content = read_words('<a title="x" href="https://a.example" href="https://b.example">words</a>')
    assert content.links == (Link("words", "https://a.example"),)
    assert read_words("<a name='top'>words</a>").text == "words"


def test_a_number_of_thousands_of_digits_is_no_character() -> None:
    for text in (f"a&#{'9' * 5_000};b", f"<b>a&#{'9' * 5_000}</b>b"):
        assert read_words(text).text == "a\ufffdb"
