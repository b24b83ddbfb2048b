"""Addresses open when they are clicked: no blanks, brackets or foreign letters, and a host."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.http.links import openable

BASE = "https://acme.my.salesforce-scrt.com"


@pytest.mark.parametrize(
    ("url", "opens"),
    [
        ("https://a.example/b c.pdf", "https://a.example/b%20c.pdf"),
        ("https://a.example/b%20c.pdf?x=1&y=a+b#z", "https://a.example/b%20c.pdf?x=1&y=a+b#z"),
        ("https://a.example/100%.pdf", "https://a.example/100%25.pdf"),
        ("https://a.example/b(1)[2]{3}.pdf", "https://a.example/b%281%29%5B2%5D%7B3%7D.pdf"),
        ("https://a.example/\u00e4\u540d.pdf", "https://a.example/%C3%A4%E5%90%8D.pdf"),
        ("https://[::1]:8080/a b", "https://[::1]:8080/a%20b"),
        ("  https://a.example/x\n", "https://a.example/x"),
        ("/files/b c.pdf", f"{BASE}/files/b%20c.pdf"),
        ("files/1", f"{BASE}/files/1"),
        ("//cdn.example/x y", "https://cdn.example/x%20y"),
        ("mailto:a@b.example", "mailto:a@b.example"),
        ("", ""),
    ],
)
def test_an_address_is_completed_and_encoded(url: str, opens: str) -> None:
    assert openable(url, BASE) == opens


def test_without_a_base_a_relative_address_stays() -> None:
    assert openable("/files/1") == "/files/1"


@given(st.text(max_size=80))
def test_an_encoded_address_stays_as_it_is_and_means_the_same(path: str) -> None:
    once = openable(f"https://a.example/{path}".rstrip())
    assert openable(once) == once
    assert re.fullmatch(r"[!-~]*", once)
    assert urlsplit(once).netloc == "a.example"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="%"), max_size=80).map(str.strip))
def test_the_name_in_an_address_is_kept(name: str) -> None:
    assert unquote(openable(f"https://a.example/{name}")) == f"https://a.example/{name}"


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    assert isinstance(openable(text, BASE), str)


@pytest.mark.parametrize("url", ["//[", "//[x]y", "//ex\u2100mple.com/a", "http://[", "["])
def test_an_address_that_is_none_is_no_error(url: str) -> None:
    assert openable(url, "https://acme.example") != ""
