"""What `import botkit` promises."""

from __future__ import annotations

import subprocess
import sys

import pytest

import botkit
from botkit.app import BotKit, create_app


def test_the_public_names_are_these():
    assert sorted(botkit.__all__) == ["BotKit", "__version__", "create_app"]


def test_they_are_what_the_application_module_has():
    assert botkit.BotKit is BotKit
    assert botkit.create_app is create_app


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        botkit.nonsense  # noqa: B018


def test_the_pure_core_loads_no_web_framework():
    code = "import sys, botkit, botkit.handoff.decide; sys.exit('flask' in sys.modules or 'aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
