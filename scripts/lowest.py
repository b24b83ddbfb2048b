"""Print what `make test-lowest` installs: BotKit's own dependencies at their lower bounds, and the locked tools of the tests.

What those need themselves is left to pip: the newest that fits.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?P<extras>\[[a-z,]+\])?(>=(?P<bound>[0-9.]+))?")


def main() -> None:
    """Print one pin a line."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, groups = pyproject["project"], pyproject["dependency-groups"]
    extras = project["optional-dependencies"].values()
    every = [*project["dependencies"], *(name for extra in extras for name in extra)]
    own = {canonical(one): lowest(one) for one in every if not one.startswith("botkit[")}
    pins = locked()
    tools = {canonical(one): pins[canonical(one)] for one in [*groups["build"], *groups["test"]]}
    print(*(tools | own).values(), sep="\n")


def lowest(requirement: str) -> str:
    """``flask>=3.1`` as ``flask==3.1``, and ``psycopg[binary]>=3.2.13`` as ``psycopg[binary]==3.2.13``."""
    match = REQUIREMENT.match(requirement)
    if match is None or match["bound"] is None:
        raise SystemExit(f"pyproject.toml: {requirement!r} has no lower bound; write it as name>=version")
    return f"{match['name']}{match['extras'] or ''}=={match['bound']}"


def locked() -> dict[str, str]:
    """The pins of both lock files, by name."""
    files = [ROOT / "requirements.lock", ROOT / "requirements-dev.lock"]
    lines = [line for file in files for line in file.read_text().splitlines()]
    return {canonical(line): line for line in lines if "==" in line}


def canonical(requirement: str) -> str:
    """The name in a requirement, spelled so that two spellings of one name are equal (PEP 503)."""
    match = REQUIREMENT.match(requirement)
    return re.sub(r"[-_.]+", "-", match["name"]).lower() if match else ""


if __name__ == "__main__":
    main()
