"""The examples of docs/templates.md match the JSON that is sent."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from botkit.templates import Template

PAGE = Path(__file__).parents[2] / "docs" / "templates.md"
BLOCKS = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    return BLOCKS.findall(PAGE.read_text())


def examples() -> list[tuple[str, str, str]]:
    """Consecutive blocks of code, JSON and text."""
    found = blocks()
    triples = zip(found, found[1:], found[2:], strict=False)
    return [
        (code, wire, words)
        for (first, code), (second, wire), (third, words) in triples
        if (first, second, third) == ("python", "json", "text")
    ]


def built(code: str) -> Template:
    names: dict[str, object] = {}
    exec(code, names)
    template = names["template"]
    assert isinstance(template, Template)
    return template


@pytest.mark.parametrize(("code", "wire", "words"), examples())
def test_an_example_sends_the_json_and_the_text_beside_it(code: str, wire: str, words: str) -> None:
    template = built(code)
    assert json.loads(template.to_json()) == json.loads(wire)
    assert template.text == words.strip()


def test_all_code_on_the_page_runs_and_every_builder_is_on_it() -> None:
    codes = [code for kind, code in blocks() if kind == "python"]
    assert all(built(code) for code in codes)
    import botkit.templates

    builders = {name for name in botkit.templates.__all__ if name.endswith("_template")}
    assert {name for name in builders if not any(name in code for _, code in blocks())} == set()
    assert len(examples()) == len(builders)
