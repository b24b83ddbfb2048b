"""The pytest plugin: its default fixtures, and its fixtures in the project of docs/testing.md."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from botkit.kit import BotKit
from botkit.testing import KitTester, Payloads

pytest_plugins = "pytester"

GUIDE = Path(__file__).parents[2] / "docs" / "testing.md"
BLOCK = re.compile(r"^```python\n# (\w+)\.py\n(.*?)^```", re.DOTALL | re.MULTILINE)
BROKEN = """
from botkit import BotKit

kit = BotKit()

@kit.on_user_message
def broken(ctx):
    raise LookupError("no such order")

def test_broken(kit_tester):
    kit_tester(kit).user_says("hi")
"""


@pytest.mark.slow
def test_the_guides_project_passes_and_a_broken_handler_fails_as_itself(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = dict(BLOCK.findall(GUIDE.read_text(encoding="utf-8")))
    assert {"my_bot", "conftest", "test_hours", "test_conversation"} <= set(files)
    tests = sum(body.count("def test_") for body in files.values())
    pytester.makepyfile(**files, test_broken=BROKEN)
    monkeypatch.setenv(
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1"
    )  # Other plugins take seconds to load, and emit warnings.
    result = pytester.runpytest_subprocess("-W", "error", "-p", "no:cacheprovider", "-p", "botkit")
    result.assert_outcomes(passed=tests, failed=1)
    failure = result.stdout.str().partition("Captured log call")[0]
    assert 'raise LookupError("no such order")' in failure
    assert "/botkit/testing/" not in failure
    assert "/botkit/handlers/" not in failure


def test_pytest_finds_the_plugin() -> None:
    (found,) = entry_points(group="pytest11", name="botkit")
    assert found.value == "botkit.testing.plugin"


def test_without_an_override_the_kit_has_no_handlers(kit: BotKit, kit_tester: KitTester) -> None:
    assert kit.handlers == ()
    assert kit_tester.kit is kit
    assert kit_tester.user_says("hi").to_bot == ["hi"]


def test_payloads_come_in_a_row(botkit_payloads: Payloads) -> None:
    one, other = botkit_payloads.user_message(), botkit_payloads.user_message()
    assert one["requestId"] != other["requestId"]


def test_the_sandbox_talks_as_the_sample_bot(botkit_bot_folder: Path | None) -> None:
    assert botkit_bot_folder is None


def test_a_run_that_uses_no_fixture_pays_for_nothing() -> None:
    heavy = {"apscheduler", "botkit.kit", "flask", "msgspec", "pycurl", "requests", "werkzeug"}
    code = f"import sys, botkit.testing.plugin; sys.exit(' '.join({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.stderr.strip() == ""


def test_making_payloads_needs_no_framework() -> None:
    code = "import sys, botkit.testing.payloads; sys.exit('flask' in sys.modules or 'pycurl' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
