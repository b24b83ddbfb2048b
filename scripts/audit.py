"""The dependency audit: asks OSV (https://osv.dev) for known vulnerabilities of every version in all lock files.

It is one call with all of them. Without a way to OSV nothing is known of them: the audit says so, and fails only with
``--strict``.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parent.parent
LOCKS = tuple(ROOT / f"requirements{of}.lock" for of in ("", "-dev", "-fuzz"))
OSV = "https://api.osv.dev/v1/querybatch"
SECONDS = (3.0, 15.0)
"""To connect, and to answer."""
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)$", re.MULTILINE)


def main() -> int:
    """Audit all lock files. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strict", action="store_true", help="fail if OSV cannot be reached")
    strict: bool = parser.parse_args().strict
    pins = {name: version for lock in LOCKS for name, version in _PIN.findall(lock.read_text())}
    try:
        found = vulnerabilities(pins)
    except requests.RequestException as error:
        why = type(error).__name__
        print(f"The dependencies were NOT audited: {OSV} cannot be reached from here ({why}).")
        return 1 if strict else 0
    for pin, ids in found.items():
        print(f"{pin} has known vulnerabilities: {', '.join(ids)}; see https://osv.dev/list?q={ids[0]}")
    if not found:
        print(f"{len(pins)} dependencies have no vulnerability that OSV knows.")
    return 1 if found else 0


def vulnerabilities(pins: Mapping[str, str]) -> dict[str, list[str]]:
    """Ids of vulnerabilities by ``name==version``. Raises: requests.RequestException if OSV does not answer."""
    queries = [
        {"package": {"name": name, "ecosystem": "PyPI"}, "version": version} for name, version in pins.items()
    ]
    answer = requests.post(OSV, json={"queries": queries}, timeout=SECONDS)
    answer.raise_for_status()
    results: list[dict[str, Any]] = answer.json()["results"]
    named = zip(pins.items(), results, strict=True)
    return {
        f"{name}=={version}": [str(one["id"]) for one in result["vulns"]]
        for (name, version), result in named
        if result.get("vulns")
    }


if __name__ == "__main__":
    sys.exit(main())
