"""A folder with a valid configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.folder import BOT, SERVER, Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    made.server(SERVER)
    made.bot(BOT)
    return made
