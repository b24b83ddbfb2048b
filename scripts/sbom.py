"""The software bill of materials: what `requirements.lock` installs, as CycloneDX 1.6.

``python scripts/sbom.py`` writes `sbom.cdx.json`; ``--check`` fails if the committed file says anything else. Only what running
needs is in it: what testing and linting need is not delivered. It takes the licences from the installed packages.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from importlib.metadata import PackageMetadata, metadata, requires
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK, SBOM = ROOT / "requirements.lock", ROOT / "sbom.cdx.json"
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)$", re.MULTILINE)
_NAME = re.compile(r"^[A-Za-z0-9._-]+")


def main() -> int:
    """Write the file, or compare it. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    if not parser.parse_args().check:
        SBOM.write_text(as_json())
        return 0
    if SBOM.exists() and SBOM.read_text() == as_json():
        return 0
    print(f"{SBOM.name} is not what {LOCK.name} installs: run `make sbom`")
    return 1


def as_json() -> str:
    """The bill for the packages of the lock file."""
    pins = dict(_PIN.findall(LOCK.read_text()))
    references = {normal(name): f"pkg:pypi/{normal(name)}@{version}" for name, version in pins.items()}
    bill = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "botkit", "bom-ref": "botkit"}},
        "components": [
            component(name, version, references[normal(name)])
            for name, version in sorted(pins.items(), key=lambda pin: normal(pin[0]))
        ],
        "dependencies": [
            {"ref": "botkit", "dependsOn": needed("botkit", references)},
            *(
                {"ref": reference, "dependsOn": needed(name, references)}
                for name, reference in sorted(references.items())
            ),
        ],
    }
    return json.dumps(bill, indent=1) + "\n"


def component(name: str, version: str, reference: str) -> dict[str, Any]:
    """One package, with the licence that its metadata states."""
    found: dict[str, Any] = {"type": "library", "bom-ref": reference, "name": name, "version": version}
    found["purl"] = reference
    if licence := licence_of(metadata(name)):
        found["licenses"] = [licence]
    return found


def licence_of(about: PackageMetadata) -> dict[str, Any] | None:
    """An SPDX expression if there is one, else the names in the classifiers, else the first line of the licence's text."""
    if "License-Expression" in about:
        return {"expression": about["License-Expression"]}
    named = [
        line.rpartition(" :: ")[2]
        for line in about.get_all("Classifier") or ()
        if line.startswith("License :: ") and line.count(" :: ") > 1
    ]
    stated = about["License"] if "License" in about else ""  # noqa: SIM401 - it has no get
    text = ", ".join(named) or stated.strip().partition("\n")[0]
    return {"license": {"name": text}} if text else None


def needed(name: str, references: dict[str, str]) -> list[str]:
    """The locked packages that a package names, for any purpose."""
    names = {normal(match[0]) for line in requires(name) or () if (match := _NAME.match(line))}
    return sorted(references[one] for one in names if one in references)


def normal(name: str) -> str:
    """The name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main())
