"""Users' files, from the platform to the agents."""

from __future__ import annotations

import json

import pytest

from botkit.testing.waiting import until
from botkit_sandbox.kore.users import Attachment
from tests.scenarios.conftest import Stages
from tests.scenarios.stage import JANE, Case, Stage

FAILED = "The file could not be delivered to the agent."
PICTURE = b"\x89PNG\r\n" + bytes(range(256)) * 40


def _file(name: str, content: bytes = PICTURE, kind: str = "image/png") -> Attachment:
    return Attachment(f"f-{len(content)}-{name}", name, "image", kind, content)


def _received(case: Case) -> list[tuple[str, str, bytes]]:
    """Name, type and content of the user's files at the agents."""
    lines = [line for line in case.transcript() if line["role"] == "EndUser" and line["kind"] == "attachment"]
    shown = [file for line in lines for file in line["attachments"]]
    ids = [file["url"].rpartition("/")[2] for file in shown]
    files = case.clouds.do(lambda: [case.clouds.salesforce.files.get(one) for one in ids])
    return [(file.name, file.mime_type, file.data) for file in files if file is not None]


def test_a_file_reaches_the_agent_byte_by_byte(either: Stage) -> None:
    ada = either.person()
    case = ada.is_helped_by(JANE)
    ada.says("", _file("cat.png"))
    until(lambda: _received(case))
    assert _received(case) == [("cat.png", "image/png", PICTURE)]
    assert case.typed() == ["cat.png"]


def test_words_and_files_arrive_in_the_order_they_were_sent(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    ada.says("two of them", _file("one.png"), _file("two.png"))
    ada.says("that was all")
    case.gets("that was all")
    assert case.typed() == ["two of them", "one.png", "two.png", "that was all"]


def test_a_file_sent_before_an_agent_accepts_arrives_too(stage: Stage) -> None:
    ada = stage.person()
    case = ada.asks_for_an_agent()
    ada.says("", _file("cat.png"))
    until(lambda: _received(case))


@pytest.mark.parametrize(
    "file",
    [
        _file("virus.exe", kind="application/octet-stream"),
        _file("large.png", bytes(5 * 1024 * 1024 + 1)),
    ],
    ids=["of a kind that is not allowed", "too large"],
)
def test_a_file_the_agents_side_does_not_take_is_said_and_the_talk_goes_on(
    stage: Stage, file: Attachment
) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    ada.says("", file)
    ada.says("and now?")
    ada.hears(FAILED)
    case.gets("and now?")
    assert _received(case) == []
    assert ada.user.agent_mode


def test_a_file_that_is_gone_from_the_platform_is_said(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botkit_sandbox.kore.cloud.FILES_KEPT", 0)
    ada = stage.person()
    ada.is_helped_by(JANE)
    ada.says("", _file("cat.png"))
    ada.hears(FAILED)


def test_a_file_on_a_host_that_may_not_be_called_is_not_fetched(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = stage.clouds.kore.base_url.replace("127.0.0.1", "localhost")
    monkeypatch.setattr(
        type(stage.clouds.kore.core), "attachment_url", lambda _: f"{elsewhere}/api/attachment/file"
    )
    ada = stage.person()
    ada.is_helped_by(JANE)
    ada.says("", _file("cat.png"))
    ada.hears(FAILED)


def test_a_file_alone_reaches_the_bot_as_words_where_that_is_configured(stages: Stages) -> None:
    stage = stages("file words", bot={"kore": {"file_message": "[file: {name} {url}]"}})
    stage.kore_behaves(empty_message_stalls=True)
    ada = stage.person()
    ada.says("", _file("bill.pdf"))
    until(lambda: stage.wire("sendBotMessage", about="[file: bill.pdf http"), "for the file's words")
    ada.says("hi")
    ada.hears("I am the Acme Assistant")
    stage.kore_behaves(empty_message_stalls=False)


def test_a_file_alone_reaches_the_bot_unchanged_by_default(stage: Stage) -> None:
    ada = stage.person()
    ada.says("", _file("bill.pdf"))
    until(lambda: stage.wire("sendBotMessage", about=ada.id), "for the file to be passed on")
    assert "message" not in json.loads(stage.wire("sendBotMessage", about=ada.id)[0].request_body)
