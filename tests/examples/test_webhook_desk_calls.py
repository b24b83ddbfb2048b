"""The example's agent system alone: the meaning of the desk's answers, and deduplication at the desk."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from botkit.agents import AgentSystem
from botkit.cli import main
from botkit.errors import BadReply, CallError, CallRefused, ConversationClosed, RateLimited, ServerTrouble
from botkit.handoff.conversation import Access
from botkit.handoff.events import AgentSaid, PositionAdvanced
from botkit.http import Request, Response
from examples.webhook_desk.desk import create_app
from tests.config.folder import BOT, SERVER, Folder

ACCESS = Access("", position="7")


class Scripted:
    """A transport that always gives the same answer."""

    def __init__(self, status: int, body: bytes = b"") -> None:
        self.answer = Response(status, {}, body)
        self.requests: list[Request] = []

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        return self.answer


@pytest.fixture
def module(importable: Path) -> ModuleType:
    return import_module("webhook_desk")


def _system(module: ModuleType, transport: Scripted) -> AgentSystem:
    settings = module.Settings("https://desk.example", "k-of-the-desk")
    made: AgentSystem = module.WebhookDesk("desk", settings, transport)
    return made


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, CallRefused),
        (401, CallRefused),
        (404, ConversationClosed),
        (410, ConversationClosed),
        (429, RateLimited),
        (500, ServerTrouble),
        (503, ServerTrouble),
    ],
)
async def test_a_status_is_said_with_botkits_errors(
    module: ModuleType, status: int, kind: type[CallError]
) -> None:
    with pytest.raises(kind) as caught:
        await _system(module, Scripted(status)).send(
            "s-1", ACCESS, message_id="m-1", text="a secret of Ada's"
        )
    assert type(caught.value) is kind
    assert "secret" not in str(caught.value)


async def test_an_end_that_comes_too_late_is_no_error(module: ModuleType) -> None:
    await _system(module, Scripted(410)).end("s-1", ACCESS)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"events": []}', b'[{"number": 1}]', b'[{"number": "x"}]']
)
async def test_an_answer_that_is_no_list_is_a_bad_reply(module: ModuleType, body: bytes) -> None:
    with pytest.raises(BadReply):
        await _system(module, Scripted(200, body)).fetch("s-1", ACCESS)


async def test_reading_goes_on_from_the_position_and_moves_it(module: ModuleType) -> None:
    event = {"number": 8, "type": "said", "at": 1.5, "agent": "Jane", "text": "Hello"}
    transport = Scripted(200, json.dumps([event]).encode())
    (said,) = (await _system(module, transport).fetch("s-1", ACCESS)).events
    assert transport.requests[0].url == "https://desk.example/conversations/s-1/events?after=7"
    assert isinstance(said, AgentSaid)
    assert (said.position, said.key, said.content.text) == ("8", "s-1/8", "Hello")


async def test_what_a_newer_desk_says_is_passed_over(module: ModuleType) -> None:
    body = b'[{"number": 8, "type": "sneezed", "at": 1}]'
    (event,) = (await _system(module, Scripted(200, body)).fetch("s-1", ACCESS)).events
    assert (type(event), event.position) == (PositionAdvanced, "8")


def test_settings_of_another_type_are_refused(module: ModuleType) -> None:
    with pytest.raises(TypeError, match="WebhookDesk takes Settings, not dict"):
        module.WebhookDesk("desk", {"url": "https://x", "key": "secret"}, Scripted(200))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "url: desk.example",
            "url: “desk.example” is not an https address; write the desk's address, such as",
        ),
        ("urls: https://x", "urls: is not known here; did you mean url?"),
        ("key: 7", "key: is a number, not a text; put it in quotes"),
        ("key: abc", "key: is shorter than 4 characters; copy all of it"),
        ("poll_interval: 1h", "poll_interval: “1h” is too large; write at most 1m"),
    ],
)
def test_botkit_check_names_the_line_of_a_mistake_in_its_settings(
    importable: Path, tmp_path: Path, line: str, said: str
) -> None:
    good = {"url": "url: https://desk.example", "key": "key: a-key-of-the-tests"}
    good.pop(line.partition(":")[0], None)
    system = "".join(f"      {one}\n" for one in ("type: webhook-desk", line, *good.values()))
    folder = Folder(tmp_path)
    folder.server(SERVER)
    folder.bot(BOT.split("    salesforce:")[0] + f"    desk:\n{system}")
    result = CliRunner().invoke(main, ["check", "--config", str(tmp_path / "botkit.yaml")])
    assert result.exit_code == 1
    assert f"bots/acme.yaml:13: agents.systems.desk.{said}" in result.output


def test_the_desk_shows_a_repeated_message_once() -> None:
    app = create_app("k")
    client, headers = app.test_client(), {"Authorization": "Bearer k"}
    for _ in range(2):
        client.post("/conversations", json={"id": "c", "user": {}}, headers=headers)
        client.post("/conversations/c/messages", json={"id": "m", "text": "Hello"}, headers=headers)
    assert list(app.extensions["desk"]["c"]["lines"].values()) == [("User", "Hello")]
    assert client.get("/").text.count("Hello") == 1


def test_the_desk_wants_its_key() -> None:
    client = create_app("k").test_client()
    assert client.post("/conversations", json={"id": "c", "user": {}}).status_code == 401
