"""Commands whose packages are not installed: they name the packages and the extra that brings them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from botkit import cli
from tests.config.folder import Folder

OPTIONAL = ("uvicorn", "httptools", "quickjs", "rich", "psycopg")


@pytest.mark.parametrize(
    ("command", "package", "extra"),
    [
        (["serve", "--config", "botkit.yaml"], "uvicorn", "serve"),
        (["sandbox"], "quickjs", "sandbox"),
        (["sandbox"], "botkit_sandbox", "sandbox"),
        (["demo"], "quickjs", "sandbox"),
        (["demo"], "rich", "sandbox"),
        (["demo"], "uvicorn", "serve"),
        (["demo"], "botkit_sandbox", "sandbox"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(
    command: list[str], package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    result = CliRunner().invoke(cli.main, command)
    assert result.exit_code == 1
    assert f"needs {package}, which is not installed: pip install 'botkit[{extra}]'" in result.output


def test_all_missing_packages_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in OPTIONAL:
        monkeypatch.setitem(sys.modules, package, None)
    result = CliRunner().invoke(cli.main, ["demo"])
    assert result.exit_code == 1
    assert "needs quickjs, rich, uvicorn, httptools, which are not installed" in result.output
    assert "pip install 'botkit[sandbox,serve]'" in result.output


@pytest.mark.parametrize("command", ["check", "serve", "sandbox", "demo"])
def test_help_works_without_the_extras(command: str) -> None:
    code = (
        "import sys\n"
        f"for name in {OPTIONAL!r} + ('botkit_sandbox',): sys.modules[name] = None\n"
        "from botkit.cli import main\n"
        f"main([{command!r}, '--help'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage:")


def test_check_needs_no_extra(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in (*OPTIONAL, "botkit_sandbox"):
        monkeypatch.setitem(sys.modules, package, None)
    result = CliRunner().invoke(cli.main, ["check", "--config", str(Path(folder.path) / "botkit.yaml")])
    assert result.exit_code == 0, result.output
    assert "good, 1 bot" in result.output


def test_a_store_on_sqlite_needs_no_psycopg(folder: Folder) -> None:
    folder.server('version: 1\nbots: ["bots/*.yaml"]\nstore: {url: "sqlite:///botkit.db"}\n')
    code = (
        "import sys\n"
        "sys.modules['psycopg'] = None\n"
        "from botkit.config.load import load\n"
        "from botkit.kit import BotKit\n"
        "kit = BotKit(load('botkit.yaml'))\n"
        "kit.start()\n"
        "assert all(kit.ready().values())\n"
        "kit.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder.path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
