"""Resolve the newest allowed dependencies in a throw-away environment and pin them in requirements.lock."""

from __future__ import annotations

import subprocess
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = "# Pinned by `make lock`: what the make targets install. Lower bounds are in pyproject.toml.\n"


def wanted() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *(name for extra in project["project"]["optional-dependencies"].values() for name in extra),
        *project["dependency-groups"]["dev"],
        *project["dependency-groups"]["docs"],
    ]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        pip = [str(Path(folder) / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
        # What runs is this interpreter's own pip, with the names of pyproject.toml.
        subprocess.run([*pip, "install", "--quiet", "hatchling", *wanted()], check=True)  # noqa: S603
        frozen = subprocess.run([*pip, "freeze"], check=True, capture_output=True, text=True).stdout  # noqa: S603
    (ROOT / "requirements.lock").write_text(HEADER + frozen)
    print(f"requirements.lock: {len(frozen.splitlines())} packages")


if __name__ == "__main__":
    main()
