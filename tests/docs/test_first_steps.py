"""What the README and the first pages print works as pasted, and names what a newcomer needs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from flask import Flask

from botkit import BotKit, cli
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


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "botkit/cli/init_files/README.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_exists_with_its_options(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"^ *```(?:console|sh)\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE):
        for line in re.findall(r"^ *(?:\$ )?(?:\S*/)?botkit (.+)$", block, re.MULTILINE):
            words = shlex.split(line.partition("&&")[0], comments=True)
            command: click.Command | None = cli.main
            while isinstance(command, click.Group) and words and not words[0].startswith("-"):
                named = words.pop(0)
                command = command.get_command(click.Context(command), named)
                assert command is not None, f"{page.name}: botkit {named}"
            assert command is not None
            known = {flag for option in command.params for flag in option.opts} | {
                "--help",
                "-h",
                "--version",
            }
            assert {word for word in words if word.startswith("--")} <= known, f"{page.name}: botkit {line}"


@pytest.mark.parametrize(
    ("section", "words"),
    [
        (
            "# BotKit",
            ["Kore has a Salesforce integration", "needs", "live tenant", ".venv/bin/botkit", "pip install"],
        ),
        (
            "## A first hand-off",
            [
                "OnEvent",
                "Map the channels",
                "inactivity duration",
                "publish",
                ".env",
                "tunnel",
                "Callback URL",
            ],
        ),
    ],
)
def test_the_readme_names_what_a_newcomer_needs(section: str, words: list[str]) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    start = text.index(f"{section}")
    part = text[
        start : text.index("\n## ", text.index("\n## Two", start) + 1 if section == "# BotKit" else start)
    ]
    assert [word for word in words if word not in part] == []


@pytest.mark.parametrize(
    "page", ["README", "docs/index", "docs/quickstart", "docs/salesforce-setup", "docs/kore-setup"]
)
def test_the_first_pages_lead_to_what_helps_when_nothing_works(page: str) -> None:
    text = (ROOT / f"{page}.md").read_text(encoding="utf-8")
    folder = "docs/" if page == "README" else ""
    assert [name for name in ("doctor.md", "explain.md") if f"]({folder}{name}" not in text] == []
