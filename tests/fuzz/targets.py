"""What is fuzzed: a function of bytes for each thing that somebody else writes. Anything but its own errors is a finding."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from botkit.agents.live_chat.messages import read_events, read_reply
from botkit.agents.live_chat.position import Position
from botkit.agents.live_chat.replies import check as check_live_chat
from botkit.agents.miaw.entries import read_entry, read_envelope
from botkit.agents.miaw.event_stream import EventStream
from botkit.agents.miaw.replies import check as check_miaw
from botkit.errors import BadReply, CallError, HookRefused
from botkit.handoff.conversation import Instant
from botkit.hooks.parser import HookParser
from botkit.hooks.paths import HookPath
from botkit.http.curl.headers import ResponseHeaders
from botkit.http.lenient_json import members, try_decoded
from botkit.http.retry import retry_after
from botkit.http.values import Response
from botkit.kore.history import read_page
from botkit.kore.replies import check_reply
from botkit_sandbox.errors import ExportError
from botkit_sandbox.kore import check, load_export
from tests.config.folder import BOT, SERVER, Folder
from tests.hooks.hook_payloads import BOT_ID, settings

NOW = 1_767_603_600.0
_AT = Instant(NOW)
_EVENTS = ("on_user_message", "on_agent_transfer", "on_bot_message", "on_event", "on_webhook")
_STATUSES = (200, 202, 204, 302, 400, 401, 403, 404, 417, 429, 500, 503)
(_bot,) = settings().bots.values()
_PARSER = HookParser(_bot, insecure_http=False)


def hook(data: bytes) -> None:
    """A hook's body; the first byte chooses the event."""
    if not data:
        return
    try:
        _PARSER.read(HookPath(BOT_ID, _EVENTS[data[0] % len(_EVENTS)]), data[1:], at=_AT)
    except HookRefused:
        return


def configuration(data: bytes) -> None:
    """The file of a bot, or of the server if the first byte is even."""
    if not data:
        return
    with tempfile.TemporaryDirectory() as path:
        folder = Folder(Path(path), {"X": "1"})
        folder.write("botkit.yaml", data[1:] if data[0] % 2 == 0 else SERVER)
        folder.write("bots/acme.yaml", data[1:] if data[0] % 2 else BOT)
        assert all(problem.isprintable() for problem in folder.problems())


def export(data: bytes) -> None:
    """A bot's export: its definition, or the zip file of the builder."""
    with tempfile.TemporaryDirectory() as path:
        name = "bot.zip" if data.startswith(b"PK") else "botDefinition.json"
        (Path(path) / name).write_bytes(data)
        try:
            check(load_export(Path(path) / name if name == "bot.zip" else Path(path)))
        except ExportError:
            return


def event_stream(data: bytes) -> None:
    """The bytes of Salesforce's event stream, cut anywhere: the first byte tells where."""
    if not data:
        return
    stream, size = EventStream(), data[0] or 1
    for start in range(1, len(data), size):
        for event in stream.feed(data[start : start + size]):
            _, entry = read_envelope(event.data)
            read_entry(entry, session_id="s", at=_AT, position=event.id)


def entry(data: bytes) -> None:
    """One entry of Salesforce's list."""
    read_entry(members(try_decoded(data)), session_id="s", at=_AT)


def live_chat(data: bytes) -> None:
    """The answer to a long poll."""
    position = Position()
    read_events(position, read_reply(members(try_decoded(data)), era=0, ack=-1), session_id="s", at=_AT)


def history(data: bytes) -> None:
    """The platform's list of messages."""
    try:
        read_page(data)
    except BadReply:
        return


def answer(data: bytes) -> None:
    """The status, the headers and the body of any answer; a blank line is between the two."""
    if not data:
        return
    head, _, body = data[1:].partition(b"\r\n\r\n")
    lines = [b"HTTP/1.1 200 OK\r\n", *(line + b"\r\n" for line in head.split(b"\r\n")), b"\r\n"]
    headers = ResponseHeaders(lines)
    wait = retry_after(headers, now=NOW)
    assert wait is None or 0 <= wait < 1e9
    response = Response(_STATUSES[data[0] % len(_STATUSES)], headers, body, "https://far.example/")
    for read in (check_reply, check_miaw, check_live_chat):
        try:
            read("call", response, now=NOW)
        except CallError:
            continue


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    one.__name__: one
    for one in (hook, configuration, export, event_stream, entry, live_chat, history, answer)
}
