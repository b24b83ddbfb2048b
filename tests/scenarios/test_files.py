"""Users' files, from the platform to the agents."""

from __future__ import annotations

import json
import re
import urllib.request

import pytest

from botkit.testing.waiting import until
from botkit_sandbox.kore.users import Attachment
from tests.scenarios.conftest import Stages
from tests.scenarios.stage import JANE, Case, Stage

FAILED = "Not delivered to the agent: "
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


REFUSED_TYPE = "Not delivered to the agent: virus.exe (files of this type are not accepted)"


def test_of_ten_files_at_once_those_that_fail_are_named_with_the_reason_and_the_others_arrive(
    either: Stage,
) -> None:
    either.salesforce_behaves(file_types_stated=True)
    ada = either.person()
    case = ada.is_helped_by(JANE)
    good = [_file(f"page-{number}.png") for number in range(7)]
    bad = [
        _file("virus.exe", kind="application/octet-stream"),
        _file("film.png", bytes(5 * 1024 * 1024 + 1)),
        _file("film two.png", bytes(5 * 1024 * 1024 + 2)),
    ]
    ada.says("here they are", *good[:3], *bad, *good[3:])
    until(lambda: len(_received(case)) == 7, "for the seven good files")
    assert [name for name, _, _ in _received(case)] == [file.name for file in good]
    ada.hears("Not delivered to the agent: film.png, film two.png (larger than 5 MB)")
    ada.hears(REFUSED_TYPE)
    uploads = either.wire("sendFile", about=case.id)
    assert len(uploads) == 7  # What will fail was not even tried.


def test_a_type_that_the_channel_did_not_state_is_named_after_the_attempt(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    ada.says("", _file("virus.exe", kind="application/octet-stream"), _file("cat.png"))
    ada.hears(REFUSED_TYPE)
    until(lambda: [name for name, _, _ in _received(case)] == ["cat.png"])


def test_the_reason_is_in_the_users_language(stage: Stage) -> None:
    stage.salesforce_behaves(file_types_stated=True)
    ada = stage.person(language="de")
    ada.is_helped_by(JANE)
    ada.says("", _file("virus.exe", kind="application/octet-stream"))
    ada.hears("Nicht an unser Team übermittelt: virus.exe (dieser Dateityp wird nicht angenommen)")


def test_a_text_of_the_bots_own_for_files_that_fail_still_counts(stages: Stages) -> None:
    stage = stages(
        "own words", bot={"handoff": {"responses": {"en": {"fileFailedMessage": "No luck with {file}."}}}}
    )
    ada = stage.person()
    ada.is_helped_by(JANE)
    ada.says("", _file("virus.exe", kind="application/octet-stream"))
    ada.hears("No luck with virus.exe.")
    stage.everybody_leaves()


def test_a_channel_without_files_gets_their_names_and_no_address_that_answers_401(stage: Stage) -> None:
    stage.salesforce_behaves(files_enabled=False)
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    ada.says("look", _file("cat.png"))
    until(lambda: "look\n[cat.png]" in case.typed(), lambda: f"for it in {case.typed()}")
    assert not stage.wire("sendFile", about=case.id)
    ada.hears(f"{FAILED}cat.png")


@pytest.mark.parametrize("shape", ["relative", "named"])
def test_a_file_whose_address_is_oddly_written_arrives(stage: Stage, shape: str) -> None:
    stage.kore_behaves(file_url=shape)
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    ada.says("", _file("my bill (1) [ä].png"))
    until(lambda: _received(case))
    assert _received(case)[0][2] == PICTURE
    stage.kore_behaves(file_url="absolute")


@pytest.mark.parametrize("shape", ["relative", "named"])
def test_the_address_of_an_agents_file_opens_when_it_is_clicked(either: Stage, shape: str) -> None:
    either.salesforce_behaves(attachment_url=shape)
    ada = either.person()
    case = ada.is_helped_by(JANE)
    case.file_sent_by(JANE, name="my bill (1) [ä].pdf", mime_type="application/pdf", data=b"%PDF")
    heard = ada.hears("/iamessage/attachments/").text
    address = next(word for word in heard.split() if "/iamessage/" in word)
    assert address.startswith("http://")
    assert re.fullmatch(r"[!#$%&*+,./0-9:;=?@A-Z_a-z~-]+", address)
    with urllib.request.urlopen(address) as answer:
        assert answer.read() == b"%PDF"
