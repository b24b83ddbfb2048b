"""The types of what users import, checked as a user's own checker would.

The files beside this one say with `assert_type` what must hold, and with ``# type: ignore[code]`` which lines must be refused,
and why: in strict mode an ignore that nothing needs is an error.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(300)  # Without a cache of an earlier run, the libraries are looked through as well.
def test_mypy_in_strict_mode_agrees_with_every_line() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_what_make_check_looks_at_is_the_package_the_examples_and_these_files() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mypy"]
    assert settings["strict"] is True
    assert settings["files"] == ["botkit", "examples", "tests/typing"]
