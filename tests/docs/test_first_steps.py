"""What the README, the quickstart and the page on mounting print works as pasted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask

from botkit import BotKit
from botkit.config.load import load
from botkit.testing import KitTester
from botkit.testing.configuration import made_up_settings
from tests.handlers.documented import python_blocks, run

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {"KORE_CLIENT_ID": "cs-1", "KORE_CLIENT_SECRET": "a secret of sixteen or more"}


@pytest.fixture
def kit() -> BotKit:
    return BotKit(made_up_settings())


@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md"])
def test_the_bots_file_works_as_pasted(tmp_path: Path, page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    block = re.search(r"^( *)```yaml\n(.*?)^\1```$", text, re.DOTALL | re.MULTILINE)
    assert block is not None
    (tmp_path / "bot.yaml").write_text(
        re.sub(f"^{block[1]}", "", block[2], flags=re.MULTILINE), encoding="utf-8"
    )
    (tmp_path / "botkit.yaml").write_text("{version: 1, bots: [bot.yaml]}", encoding="utf-8")
    (bot,) = load(tmp_path / "botkit.yaml", environ=ENVIRONMENT).bots.values()
    assert bot.agents.default == "salesforce"


@pytest.mark.parametrize("page", ["../README.md", "mounting.md"])
def test_the_flask_application_answers_the_question(kit: BotKit, page: str) -> None:
    app = run(kit, python_blocks(page)[0], page=page)["app"]
    assert isinstance(app, Flask)
    assert [mounted.kit for mounted in app.extensions["botkit"]] == [kit]
    with KitTester(kit) as tester:
        assert tester.user_says("When are you open?").to_user == ["We are open from 9 to 5."]


def test_an_application_factory_mounts_the_kit(kit: BotKit) -> None:
    (factory,) = [block for block in python_blocks("mounting.md") if "BOTKIT_CONFIG" in block]
    names = run(kit, factory, page="mounting.md")
    assert not names["kit"].is_configured
    assert callable(names["create_app"])


def test_any_wsgi_application_is_wrapped(kit: BotKit) -> None:
    (line,) = [block for block in python_blocks("mounting.md") if "kit.middleware" in block]
    names = {"kit": kit, "application": Flask("shop")}
    exec(compile(line, "mounting.md", "exec"), names)
    assert callable(names["application"])
    assert not isinstance(names["application"], Flask)
