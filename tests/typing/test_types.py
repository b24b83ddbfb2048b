"""The types of what users import, checked as a user's own checker would.

The files beside this one say with `assert_type` what must hold, and with ``# type: ignore[code]`` which lines must be refused,
and why: in strict mode an ignore that nothing needs is an error.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.handlers.documented import python_blocks

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.mark.timeout(300)  # Without a cache of an earlier run, the libraries are looked through as well.
def test_mypy_in_strict_mode_agrees_with_every_line() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


_THEIRS = {
    "crm": "class Crm:\n    def upsert(self, key: str, **fields: object) -> None: ...",
    "translations": "async def translate(text: str, *, to: str) -> str: ...",
    "jobs": "from collections.abc import Callable\ndef enqueue(job: Callable[..., None], *arguments: object) -> None: ...",
    "shop/orders": "def enqueue(request_id: str) -> None: ...",
    "shop/__init__": "",
}
"""What the pages' readers have of their own."""


@pytest.mark.timeout(300)
def test_mypy_in_strict_mode_agrees_with_what_the_pages_print(tmp_path: Path) -> None:
    for name, text in _THEIRS.items():
        module = tmp_path / f"{name}.pyi"
        module.parent.mkdir(exist_ok=True)
        module.write_text(text, encoding="utf-8")
    preamble, *recipes = python_blocks("handlers.md")
    pages = [*(preamble + recipe.lstrip("\n") for recipe in recipes), *python_blocks("from-node.md")]
    files = [tmp_path / f"printed_{number}.py" for number in range(len(pages))]
    for file, page in zip(files, pages, strict=True):
        file.write_text(page, encoding="utf-8")
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", *map(str, files)],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_make_check_type_checks_all_code_of_the_repository() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mypy"]
    assert settings["strict"] is True
    assert set(settings["files"]) == {
        "botkit",
        "botkit_sandbox",
        "benchmarks",
        "docs",
        "examples",
        "scripts",
        "tests",
    }
