"""The set-up whose files are pinned in `golden/`. After a change that is meant, write them again and read the difference:

.venv/bin/python -m tests.agents.miaw.metadata.example
"""

from __future__ import annotations

from pathlib import Path
from shutil import rmtree

from botkit.agents.miaw.metadata import names, source

GOLDEN = Path(__file__).with_name("golden")
ATTRIBUTES = ("_firstName", "_email", "Kore_User_Id", "City", "order no.")
SETUP = names.setup("Kore_Custom_Client", bot_name="Acme & Söhne", attributes=ATTRIBUTES)


def files(setup: names.Setup = SETUP) -> dict[str, str]:
    """The package's files by their path below the package's folder."""
    return source.files(setup, folder="force-app", config="config/botkit.yaml", bot_id="st-1")


def write(folder: Path, setup: names.Setup = SETUP) -> None:
    for path, text in files(setup).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    rmtree(GOLDEN, ignore_errors=True)
    write(GOLDEN)
