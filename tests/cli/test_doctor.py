"""`botkit doctor` and `botkit check --online`: what they print, and how they exit."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from botkit import checks, cli
from tests.config.folder import BOT_ID, Folder

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas/doctor.json").read_text(encoding="utf-8"))
GOOD = checks.Result("machine.store", True, "the store can be opened", "")
ODD = checks.Result("machine.disk", True, "a commit takes 80 ms", "use a local disk")
BAD = checks.Result(
    "kore.platform", False, "bots.kore.ai answers with a web page", "correct the host", BOT_ID
)
AFTER = checks.Result(
    "kore.credentials",
    None,
    "not checked, because kore.platform failed",
    "mend kore.platform first",
    BOT_ID,
)
UNKNOWN = checks.Result(
    "salesforce.live", None, "no conversation was opened", "run --live", BOT_ID, "salesforce"
)


class Doctor:
    """Answers with these results, and remembers how it was asked."""

    def __init__(self) -> None:
        self.results: Sequence[checks.Result] = ()
        self.asked: dict[str, Any] = {}

    async def examine(self, settings: object, **asked: Any) -> AsyncIterator[checks.Result]:
        self.asked = asked
        for result in self.results:
            yield result


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch) -> Doctor:
    made = Doctor()
    monkeypatch.setattr("botkit.cli.doctor.examine", made.examine)
    return made


def run(folder: Folder, *arguments: str, command: str = "doctor") -> Result:
    return CliRunner().invoke(cli.main, [command, "--config", str(folder.path / "botkit.yaml"), *arguments])


def test_results_are_printed_by_what_they_are_about_with_a_mark_and_the_fix(
    folder: Folder, doctor: Doctor
) -> None:
    doctor.results = [GOOD, ODD, BAD, AFTER, UNKNOWN]
    result = run(folder)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "this machine",
        "  ok      machine.store: the store can be opened",
        "  warning machine.disk: a commit takes 80 ms",
        "          → use a local disk",
        f"Acme Assistant ({BOT_ID}), XO platform",
        "  FAILED  kore.platform: bots.kore.ai answers with a web page",
        "          → correct the host",
        "  skipped kore.credentials: not checked, because kore.platform failed",
        f"Acme Assistant ({BOT_ID}), salesforce",
        "  unknown salesforce.live: no conversation was opened",
        "          → run --live",
        "5 checks: 1 failed, 1 warnings, 2 unknown or skipped; begin with kore.platform",
    ]


def test_warnings_and_unknowns_are_no_failures(folder: Folder, doctor: Doctor) -> None:
    doctor.results = [GOOD, ODD, UNKNOWN]
    assert run(folder).exit_code == 0


def test_json_is_one_list_in_the_schema_and_nothing_else(folder: Folder, doctor: Doctor) -> None:
    doctor.results = [GOOD, ODD, BAD, AFTER, UNKNOWN]
    result = run(folder, "--json")
    assert result.exit_code == 1
    listed = json.loads(result.stdout)
    assert list(Draft202012Validator(SCHEMA).iter_errors(listed)) == []
    assert [one["check"] for one in listed] == [one.check for one in doctor.results]
    assert listed[0] == {"check": "machine.store", "ok": True, "cause": "the store can be opened", "fix": ""}
    assert listed[-1]["bot"] == BOT_ID
    assert listed[-1]["system"] == "salesforce"


def test_the_options_reach_the_examination(folder: Folder, doctor: Doctor, tmp_path: Path) -> None:
    assert run(folder).exit_code == 0
    assert doctor.asked == {"bot": None, "live": False, "export": None, "scripts": None}
    script = 'miawMetaInfo.preChatInfo = {"City": 1}'
    definition = {"dialogComponents": [{"name": "Prepare", "type": "script", "script": quote(script)}]}
    export = tmp_path / "botDefinition.json"
    export.write_text(json.dumps(definition))
    assert run(folder, "--live", "--bot", BOT_ID, "--from-export", str(export)).exit_code == 0
    assert doctor.asked == {
        "bot": BOT_ID,
        "live": True,
        "export": export,
        "scripts": (("Prepare", script),),
    }


def test_what_is_no_export_is_refused_before_anything_is_asked(
    folder: Folder, doctor: Doctor, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    result = run(folder, "--from-export", str(tmp_path / "empty"))
    assert result.exit_code == 1
    assert "is no export of a bot" in result.output
    assert doctor.asked == {}


def test_an_unknown_bot_is_refused_with_the_known_ones(folder: Folder, doctor: Doctor) -> None:
    result = run(folder, "--bot", "st-2")
    assert result.exit_code == 1
    assert BOT_ID in result.output
    assert doctor.asked == {}


@pytest.mark.parametrize("as_json", [False, True])
def test_an_invalid_configuration_is_the_only_result(folder: Folder, doctor: Doctor, as_json: bool) -> None:
    folder.change_bot("client_id: cs-1", "clientid: cs-1")
    result = run(folder, *["--json"] * as_json)
    assert result.exit_code == 1
    assert "hunter2" not in result.output
    if as_json:
        listed = json.loads(result.stdout)
        assert list(Draft202012Validator(SCHEMA).iter_errors(listed)) == []
        assert {one["check"] for one in listed} == {"configuration"}
        assert "acme.yaml:5: kore.client_id: is missing" in listed[0]["cause"]
    else:
        assert "kore.client_id: is missing" in result.stdout
    assert doctor.asked == {}


@pytest.mark.parametrize(("results", "code"), [([GOOD], 0), ([GOOD, BAD], 1)])
def test_check_online_examines_after_the_files(
    folder: Folder, doctor: Doctor, results: list[checks.Result], code: int
) -> None:
    doctor.results = results
    result = run(folder, "--online", command="check")
    assert result.exit_code == code
    assert "good, 1 bot" in result.stdout
    assert "  ok      machine.store: the store can be opened" in result.stdout
    assert doctor.asked["live"] is False


def test_check_alone_asks_nobody(folder: Folder, doctor: Doctor) -> None:
    assert run(folder, command="check").exit_code == 0
    assert doctor.asked == {}
