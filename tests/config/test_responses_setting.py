"""Standard responses in Kore's shape: in YAML, in pasted JSON, or in their own file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from botkit.config.schema import bot_schema
from botkit.handoff.attributes import FACTS
from botkit.handoff.responses import KEYS
from tests.config.folder import Folder

PAGE = (Path(__file__).parent / "responses_like_the_page.json").read_text(encoding="utf-8")
MESSAGES = json.loads(PAGE)


def indented(text: str, by: str) -> str:
    return "".join(f"{by}{line}\n" for line in text.splitlines())


@pytest.mark.parametrize(
    "pasted",
    [
        f"  responses: {PAGE}",
        "  responses:\n" + indented(PAGE, "    "),
        "  responses: " + json.dumps(MESSAGES),
        "  responses: " + json.dumps(MESSAGES, ensure_ascii=False, indent="\t"),
        "  responses:\r\n" + indented(PAGE, "    ").replace("\n", "\r\n"),
    ],
    ids=["after the key", "below the key", "escaped in one line", "with tabs", "with Windows line ends"],
)
def test_the_json_of_fifteen_languages_is_taken_as_it_is_pasted(folder: Folder, pasted: str) -> None:
    folder.add_to_bot(f"handoff:\n{pasted}\n")
    assert folder.load_bot().handoff.responses == MESSAGES
    assert len(MESSAGES) == 15


@pytest.mark.parametrize("name", ["responses.json", "responses.yaml"])
def test_responses_may_live_in_a_file_beside_the_bot_file(folder: Folder, name: str) -> None:
    folder.write(f"bots/texts/{name}", PAGE)
    folder.add_to_bot(f"handoff: {{responses_file: texts/{name}}}\n")
    assert folder.load_bot().handoff.responses == MESSAGES


def test_the_bot_file_takes_precedence_over_the_responses_file(folder: Folder) -> None:
    folder.write("bots/r.json", json.dumps({"zh_cn": {"agentJoinedMessage": "a", "agentLeftMessage": "b"}}))
    folder.add_to_bot("handoff: {responses_file: r.json, responses: {zh-CN: {agentJoinedMessage: null}}}\n")
    assert folder.load_bot().handoff.responses == {
        "zh_cn": {"agentJoinedMessage": None, "agentLeftMessage": "b"}
    }


def test_a_character_escaped_as_a_pair_is_one_character(folder: Folder) -> None:
    folder.add_to_bot('handoff: {responses: {"en": {"agentJoinedMessage": "\\uD83D\\uDE00 \\/ hi"}}}\n')
    assert folder.load_bot().handoff.responses["en"]["agentJoinedMessage"] == "\N{GRINNING FACE} / hi"


@pytest.mark.parametrize(
    ("responses", "said"),
    [
        ("{en: {agentJoined: x}}", "en.agentJoined: is not known here; did you mean agentJoinedMessage?"),
        (
            "{en: {lookingForAgentmessage: x}}",
            "en.lookingForAgentmessage: is not known here; did you mean lookingForAgentMessage?",
        ),
        (
            "{agentJoinedMessage: x}",
            "agentJoinedMessage: is not a name allowed here; put messages under a language code",
        ),
        ("{en: {agentJoinedMessage: 5}}", "en.agentJoinedMessage: is a number, not a text; put it in quotes"),
        (
            '{en: {agentJoinedMessage: ""}}',
            "en.agentJoinedMessage: is empty; write a text, or null to send no message",
        ),
        (
            "{en: {agentJoinedMessage: 'Hello {agnet}'}}",
            "en.agentJoinedMessage: {agnet} is not a placeholder; did you mean {agent}?",
        ),
        (
            "{en: {agentJoinedMessage: '{name} is here'}}",
            "en.agentJoinedMessage: {name} is not a placeholder; write {agent}, {command}, {file}, {message}, "
            "{minutes}, {position}, {reason} or {reference}, or { … } with",
        ),
        ("{zh_tw: {}, zh-TW: {}}", "zh-TW: is the same language as zh_tw"),
        ("{en: hello}", "en: is a text, not a mapping"),
        (
            f"{{en: {{agentJoinedMessage: {'x' * 4001}}}}}",
            "en.agentJoinedMessage: is longer than 4000 characters",
        ),
    ],
)
def test_an_invalid_message_is_a_problem(folder: Folder, responses: str, said: str) -> None:
    folder.add_to_bot(f"handoff:\n  responses: {responses}\n")
    assert any(
        problem.startswith(f"bots/acme.yaml:16: handoff.responses.{said}") for problem in folder.problems()
    ), folder.problems()


def test_a_problem_in_a_responses_file_names_that_file_and_its_line(folder: Folder) -> None:
    folder.write("bots/r.json", '{\n "en": {\n  "agentJoinedMesage": "x"\n }\n}\n')
    folder.add_to_bot("handoff: {responses_file: r.json}\n")
    assert folder.problem() == (
        "bots/r.json:3: en.agentJoinedMesage: is not known here; did you mean agentJoinedMessage?"
    )


def test_a_responses_file_that_is_not_there_is_a_problem_of_the_bot_file(folder: Folder) -> None:
    folder.add_to_bot("handoff:\n  responses_file: r.json\n")
    assert folder.problem().startswith("bots/acme.yaml:16: handoff.responses_file: “r.json” is not a file")


def test_the_schema_knows_exactly_the_messages_there_are() -> None:
    language = bot_schema().root["$defs"]["responses"]["additionalProperties"]
    assert set(language["properties"]) == set(KEYS)


def test_the_schema_knows_exactly_the_facts_an_attribute_can_be_filled_from() -> None:
    attributes = bot_schema().root["properties"]["handoff"]["properties"]["attributes"]
    assert set(attributes["additionalProperties"]["enum"]) == set(FACTS)
