"""The bot files in the documentation work as printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from botkit.config.load import load
from botkit.config.settings import AgentsSettings

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {"KORE_CLIENT_ID": "cs-1", "KORE_CLIENT_SECRET": "a secret of sixteen or more", "DESK_KEY": "k"}


def _bot_files(page: str) -> list[str]:
    """The YAML blocks of a page that are complete files."""
    blocks = re.findall(r"^```yaml\n(.*?)^```$", (ROOT / "docs" / page).read_text("utf-8"), re.S | re.M)
    return [block for block in blocks if block.startswith("version: 1")]


def _agents(folder: Path, text: str) -> AgentsSettings:
    (folder / "bot.yaml").write_text(text, encoding="utf-8")
    (folder / "botkit.yaml").write_text("{version: 1, bots: [bot.yaml]}", encoding="utf-8")
    (bot,) = load(folder / "botkit.yaml", environ=ENVIRONMENT).bots.values()
    return bot.agents


@pytest.mark.parametrize(
    "text",
    [*_bot_files("agent-systems.md"), *_bot_files("live-chat-to-miaw.md")],
    ids=lambda text: str(text.count("\n")),
)
def test_a_documented_file_works_as_pasted(tmp_path: Path, text: str) -> None:
    agents = _agents(tmp_path, text)
    assert agents.default in agents.systems
    assert set(agents.channels.values()) <= set(agents.systems)


def test_there_are_files_to_paste_in_both_pages() -> None:
    assert _bot_files("agent-systems.md")
    assert _bot_files("live-chat-to-miaw.md")
