"""docs/from-node.md: each row of its tables names existing tests, and no call and no event is missing."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from botkit import handlers as sdk
from botkit.handlers import UserMessageContext
from botkit.handlers.reads import Reads
from botkit.hooks.address import Address
from botkit.hooks.events import HOOK_EVENTS
from botkit.kore.requests import SDK_CALLS
from tests.handlers.documented import python_blocks, run
from tests.handlers.payload_samples import CONTACT_CENTRE, SAMPLES, VARIABLE_EVENTS
from tests.handlers.taken_down import taken_down
from tests.hooks.hook_payloads import as_body, user_message

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "from-node.md").read_text("utf-8")
SHOWN = ("Functions", "Payload classes", "Events", "config.json", "Defects that are absent")
"""The tables whose rows name their tests."""
Row = tuple[str, ...]


def table(heading: str) -> list[Row]:
    """The rows of the table under a heading."""
    section = PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    cells = [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in lines]
    return [tuple(cell.strip(" |") for cell in row) for row in cells[2:]]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def named(cell: str) -> list[str]:
    """The whole ids of the tests in a cell."""
    short = {code(name)[0]: code(whole)[0] for name, whole in table("Tests")}
    found = []
    for written in code(cell):
        name = re.split(r"\[|::", written, maxsplit=1)[0]
        found.append(short.get(name, name) + written[len(name) :])
    return found


@pytest.fixture(scope="module")
def collected(request: pytest.FixtureRequest) -> frozenset[str]:
    """Every test of the named files, and its function."""
    ids = [item.nodeid for item in request.session.items]
    there = {one.partition("::")[0] for one in ids}
    files = {one.partition("::")[0] for name in SHOWN for row in table(name) for one in named(row[-1])}
    if missing := sorted(files - there):  # This is not a run of the whole suite.
        ids += _collected(missing)
    return frozenset([*ids, *(one.partition("[")[0] for one in ids)])


def _collected(files: list[str]) -> list[str]:
    listing = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--collect-only",
            "-p",
            "no:xdist",
            "-p",
            "no:cacheprovider",
            *files,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    ids = [line for line in listing.stdout.splitlines() if "::" in line]
    assert ids, listing.stdout + listing.stderr
    return ids


@pytest.mark.timeout(300)  # Alone, it has to collect half of the suite.
@pytest.mark.parametrize("heading", SHOWN)
def test_every_row_names_tests_that_are_there(heading: str, collected: frozenset[str]) -> None:
    for row in table(heading):
        tests = named(row[-1])
        assert tests, f"this row names no test: {row}"
        assert set(tests) <= collected, f"not collected: {set(tests) - collected}"


def test_no_call_and_no_question_of_the_sdk_is_missing() -> None:
    here = " ".join(row[1] for row in table("Functions"))
    methods = set(re.findall(r"\b(?:ctx|kit)\.(?:aio\.)?(\w+)\(", here))
    assert set(SDK_CALLS) <= methods
    assert {name for name in vars(Reads) if not name.startswith("_")} <= methods
    assert {"respond", "defer", "next"} <= methods


def test_no_event_is_missing() -> None:
    rows = table("Events")
    assert set(re.findall(r"@kit\.(\w+)", " ".join(row[1] for row in rows))) == set(HOOK_EVENTS)
    kinds = {"endDialog", "endFAQ", "sessionClosure", "ON_CONNECT_EVENT", *CONTACT_CENTRE, *VARIABLE_EVENTS}
    kinds |= {"TYPING_STARTED", "TYPING_STOPPED", "MESSAGE_READ", "customEvent"}
    assert kinds <= {word for row in rows for word in code(row[0])}


def test_no_context_is_missing() -> None:
    contexts = {name for name in sdk.__all__ if name.endswith("Context")} - {"Context"}
    assert set(code(" ".join(row[1] for row in table("Payload classes")))) >= contexts


def test_payload_classes_are_those_that_are_written() -> None:
    written = {Address.parse(sample.body, bot_id="", component_id="").payload_class for sample in SAMPLES}
    assert written <= {code(row[0])[0] for row in table("Payload classes")}


def test_what_a_payload_says_is_where_the_page_says(tmp_path: Path) -> None:
    seen: list[UserMessageContext] = []
    with taken_down(tmp_path, lambda kit: kit.on_user_message(seen.append)) as kit:
        kit.post("on_user_message", next(one.body for one in SAMPLES if one.name == "flat channel"))
    (ctx,) = seen
    for row in table("Reading a payload"):
        for expression in code(row[1]):
            assert eval(expression, {"ctx": ctx}) is not None, expression


def test_which_python_is_needed_says_the_package() -> None:
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"]
    assert sys.version_info >= tuple(int(part) for part in needed.removeprefix(">=").split("."))


# --- the bot, after


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The shop that the bot of the page queries."""
    found: list[str] = []
    monkeypatch.setitem(sys.modules, "shop", SimpleNamespace(orders=SimpleNamespace(enqueue=found.append)))
    return found


def test_the_bot_of_the_page_does_what_it_did_in_node(tmp_path: Path, queued: list[str]) -> None:
    (block,) = python_blocks("from-node.md")
    with taken_down(tmp_path, lambda kit: run(kit, block, page="from-node.md")) as kit:

        def said(message: str, request_id: int, **more: Any) -> list[tuple[str, str]]:
            body = as_body(user_message(message, request_id=request_id, **more))
            return [(call.verb, call.json["message"]) for call in kit.post("on_user_message", body)[1]]

        assert said("when are you open?", 1) == [("sendUserMessage", "We are open from 9 to 5.")]
        assert said("where is my parcel?", 2) == [("sendBotMessage", "where is my parcel?")]
        order = next(one for one in SAMPLES if one.event == "on_webhook")
        answer, _ = kit.post(order.event, order.body, order.component)
        assert answer.status.startswith("202")
        (request_id,) = queued
        kit.kit.respond_to_hook(request_id, {"order": "shipped"})
        (call,) = kit.calls()
        assert (call.verb, call.json["context"]["order"]) == ("serviceCallback", "shipped")
