"""The bill of materials lists what the lock file installs, and the audit knows what to ask."""

from __future__ import annotations

import json

import pytest
import requests
import responses

from scripts import audit, sbom


def test_every_locked_package_is_in_the_bill_with_its_version() -> None:
    listed = {one["name"]: one["version"] for one in json.loads(sbom.SBOM.read_text())["components"]}
    assert listed == dict(sbom._PIN.findall(sbom.LOCK.read_text()))


def test_every_package_of_the_bill_is_reached_from_botkit_or_builds_it() -> None:
    bill = json.loads(sbom.SBOM.read_text())
    known = {one["bom-ref"] for one in bill["components"]} | {"botkit"}
    assert {one["ref"] for one in bill["dependencies"]} == known
    assert all(set(one["dependsOn"]) <= known for one in bill["dependencies"])


def test_every_lock_file_is_audited() -> None:
    assert set(audit.LOCKS) == set(audit.ROOT.glob("requirements*.lock"))


@responses.activate
def test_a_version_with_a_known_vulnerability_fails_the_audit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pins = [pin for lock in audit.LOCKS for pin in audit._PIN.findall(lock.read_text())]
    results: list[dict[str, object]] = [{} for _ in pins]
    results[0] = {"vulns": [{"id": "GHSA-1111-2222-3333"}]}
    responses.post(audit.OSV, json={"results": results})
    monkeypatch.setattr("sys.argv", ["audit"])
    assert audit.main() == 1
    assert "==".join(pins[0]) + " has known vulnerabilities: GHSA-1111-2222-3333" in capsys.readouterr().out


@responses.activate
@pytest.mark.parametrize(("arguments", "code"), [([], 0), (["--strict"], 1)])
def test_without_a_way_to_the_advisories_the_audit_says_that_nothing_was_audited(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int
) -> None:
    responses.post(audit.OSV, body=requests.ConnectionError())
    monkeypatch.setattr("sys.argv", ["audit", *arguments])
    assert audit.main() == code
    assert "NOT audited" in capsys.readouterr().out
