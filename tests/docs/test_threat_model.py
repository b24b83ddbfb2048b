"""Every line of the threat model names a test that exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
LINES = [line for line in PAGE.splitlines() if line.startswith("| ")]
THREATS = [line for line in LINES if not line.startswith("| threat |")]
NAMED = sorted(set(re.findall(r"`(tests/[^`]+)`", PAGE)))


@cache
def names(path: str) -> frozenset[str]:
    """The functions of a module."""
    found = ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
    return frozenset(one.name for one in found if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_threat_has_a_test() -> None:
    assert [line for line in THREATS if "`tests/" not in line.split("|")[3]] == []


@pytest.mark.parametrize("named", NAMED)
def test_a_test_that_is_named_exists(named: str) -> None:
    path, _, name = named.partition("::")
    assert (ROOT / path).is_file(), "no such file"
    assert not name or name in names(path), "no such test in that file"
