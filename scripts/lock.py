"""Resolve the newest allowed dependencies in a throw-away environment and pin them in two lock files.

`requirements.lock` pins what running needs: the package with all its extras, and what builds it. `requirements-dev.lock` pins,
on top of it, what testing, linting and the documentation need. One resolution makes both, so they fit each other.
"""

from __future__ import annotations

import subprocess
import tempfile
import tomllib
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RUN, DEVELOP = ROOT / "requirements.lock", ROOT / "requirements-dev.lock"
RUN_HEADER = "# Pinned by `make lock`: what `make demo` installs. Lower bounds are in pyproject.toml.\n"
DEVELOP_HEADER = (
    "# Pinned by `make lock`: what `make test`, `make check`, `make bench` and `make docs` install.\n"
    "-r requirements.lock\n"
)


def main() -> None:
    """Write both lock files."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    groups = project["dependency-groups"]
    running = [
        *project["project"]["dependencies"],
        *(name for extra in extras.values() for name in extra if not name.startswith("botkit[")),
        *group(groups, "build"),
    ]
    with tempfile.TemporaryDirectory() as folder:
        everything = resolve(Path(folder) / "develop", [*running, *group(groups, "dev")], constraints=())
        needed = resolve(Path(folder) / "run", running, constraints=everything)
    RUN.write_text(RUN_HEADER + lines(needed))
    DEVELOP.write_text(DEVELOP_HEADER + lines([pin for pin in everything if pin not in needed]))
    print(f"{RUN.name}: {len(needed)} packages; {DEVELOP.name}: {len(everything) - len(needed)} more")


def group(groups: dict[str, list[Any]], name: str) -> list[str]:
    """The requirements of a dependency group, with those of the groups that it includes."""
    names: list[str] = []
    for entry in groups[name]:
        names += [entry] if isinstance(entry, str) else group(groups, entry["include-group"])
    return names


def resolve(folder: Path, requirements: list[str], *, constraints: list[str] | tuple[str, ...]) -> list[str]:
    """Install the requirements in a new environment and return all its packages as ``name==version``."""
    venv.create(folder, with_pip=True)
    (folder / "constraints.txt").write_text(lines(constraints))
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    # The command is this interpreter's own pip, with the names of pyproject.toml.
    install = [*pip, "install", "--quiet", "--constraint", str(folder / "constraints.txt"), *requirements]
    subprocess.run(install, check=True)  # noqa: S603
    frozen = subprocess.run([*pip, "freeze"], check=True, capture_output=True, text=True)  # noqa: S603
    return frozen.stdout.splitlines()


def lines(pins: list[str] | tuple[str, ...]) -> str:
    """One pin a line."""
    return "".join(f"{pin}\n" for pin in pins)


if __name__ == "__main__":
    main()
