"""Every citation of the protocol pages leads to an existing section.

Code cites them in comments and docstrings: `docs/protocols/salesforce-miaw.md, 4.5`, and, in a module whose docstring (or whose
package's docstring) names the page, just `(4.5)`. A number such as 9.6 is a heading, or item 6 of the list in section 9.
"""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "protocols"
SEPARATOR = r"(?:, and |, | and | to )"
NUMBERS = rf"\d+(?:\.\d+)?(?:{SEPARATOR}\d+(?:\.\d+)?)*"
FULL = re.compile(rf"docs/protocols/([\w-]+)\.md(?:`?,? (?:sections? )?({NUMBERS}))?")
BARE = re.compile(rf"\((\d+\.\d+(?:{SEPARATOR}\d+(?:\.\d+)?)*)\)")
MAYBE = re.compile(r"protocols/|\(\d+\.\d")
"""Stands in every file with a citation; only these are taken apart, which takes long."""
MAYBE_IN_COMMENT = re.compile(rf"#.*(?:{MAYBE.pattern})")
ANY = re.compile(r"(?<![\w/])(?:docs/)?protocols/[\w-]+\.md")


@cache
def sections(page: str) -> frozenset[str]:
    """The numbers of a page's headings, and of the items of its numbered lists."""
    found: set[str] = set()
    chapter = ""
    for line in (PAGES / f"{page}.md").read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"#{2,3} (\d+(?:\.\d+)?)\.? ", line):
            found.add(heading[1])
            chapter = heading[1].partition(".")[0]
        elif item := re.match(r"(\d+)\. ", line):
            found.add(f"{chapter}.{item[1]}")
    return frozenset(found)


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Every comment and every string that stands alone, with its line; successive comment lines are one text.

    Nothing of a file in which no citation can be.
    """
    text = path.read_text(encoding="utf-8")
    if not MAYBE.search(text):
        return
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            yield node.lineno, " ".join(node.value.value.split())
    if not MAYBE_IN_COMMENT.search(text):
        return
    with tokenize.open(path) as source:
        block: list[str] = []
        last = 0
        for token in tokenize.generate_tokens(source.readline):
            if token.type == tokenize.COMMENT:
                if block and token.start[0] > last + 1:
                    yield last, " ".join(block)
                    block = []
                block.append(token.string.lstrip("# "))
                last = token.start[0]
        if block:
            yield last, " ".join(block)


@cache
def named_pages(path: Path) -> list[str]:
    """The pages that the module's docstring names, or that of the nearest package around it."""
    around = [folder / name for folder in path.parents for name in ("__init__.py", "conftest.py")]
    for candidate in (path, *around):
        if candidate.is_file():
            docstring = ast.get_docstring(ast.parse(candidate.read_text(encoding="utf-8"))) or ""
            if pages := [match[1] for match in FULL.finditer(docstring)]:
                return pages
        if candidate.parent == ROOT:
            break
    return []


def problems(path: Path) -> Iterator[str]:
    name = path.relative_to(ROOT)
    for line, text in prose(path):
        for match in FULL.finditer(text):
            page, numbers = match[1], match[2] or ""
            known = sections(page) if (PAGES / f"{page}.md").is_file() else frozenset()
            if not known:
                yield f"{name}:{line}: there is no page {page}"
            yield from (
                f"{name}:{line}: {page} has no section {number}"
                for number in re.split(SEPARATOR, numbers)
                if number and number not in known
            )
        yield from (
            f"{name}:{line}: write docs/{match[0]}"
            for match in ANY.finditer(text)
            if not match[0].startswith("docs/")
        )
        for match in BARE.finditer(text):
            pages = named_pages(path)
            if not pages:
                yield f"{name}:{line}: {match[0]} belongs to no page: name it in the module's docstring"
                continue
            yield from (
                f"{name}:{line}: {' and '.join(pages)} have no section {number}"
                for number in re.split(SEPARATOR, match[1])
                if not any(number in sections(page) for page in pages)
            )


@pytest.mark.parametrize("room", ["botkit", "botkit_sandbox", "benchmarks", "examples", "scripts", "tests"])
def test_every_cited_section_exists(room: str) -> None:
    assert [problem for path in sorted((ROOT / room).rglob("*.py")) for problem in problems(path)] == []


def test_a_section_that_does_not_exist_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    module = tmp_path / "module.py"
    module.write_text(
        '"""As in docs/protocols/salesforce-miaw.md, 4.5 and 4.99."""\n\nX = 1  # because (1.99)\n'
    )
    assert list(problems(module)) == [
        "module.py:1: salesforce-miaw has no section 4.99",
        "module.py:3: salesforce-miaw have no section 1.99",
    ]
