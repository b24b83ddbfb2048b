"""A client with the service's own configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from botkit.client import KoreClient
from botkit.errors import ConfigurationError
from tests.config.folder import BOT, BOT_ID, SERVER, Folder

OTHER = "st-22222222-2222-5222-8222-222222222222"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    made.server(SERVER)
    made.bot(BOT)
    return made


def test_the_only_bot_needs_no_name(folder: Folder) -> None:
    with KoreClient.from_config(folder.path / "botkit.yaml", environ={}) as kore:
        assert kore.bot_id == BOT_ID
        assert kore.base_url == f"https://bots.kore.ai/api/botsdk/stream/{BOT_ID}"
        assert "hunter2" not in repr(vars(kore))


def test_one_of_several_is_named(folder: Folder) -> None:
    folder.bot(BOT.replace(BOT_ID, OTHER), "bots/other.yaml")
    with KoreClient.from_config(folder.path / "botkit.yaml", bot=OTHER, environ={}) as kore:
        assert kore.bot_id == OTHER
    with pytest.raises(ConfigurationError, match=f"several bots; give bot= one of {BOT_ID}, {OTHER}"):
        KoreClient.from_config(folder.path / "botkit.yaml", environ={})


def test_an_unknown_bot_is_reported_with_the_known_ones(folder: Folder) -> None:
    with pytest.raises(ConfigurationError, match=f"there is no bot st-x; give bot= one of {BOT_ID}"):
        KoreClient.from_config(folder.path / "botkit.yaml", bot="st-x", environ={})


def test_a_file_with_errors_is_reported(folder: Folder) -> None:
    folder.change_bot("client_id: cs-1", "client_id: ''")
    with pytest.raises(ConfigurationError, match="client_id"):
        KoreClient.from_config(folder.path / "botkit.yaml", environ={})
