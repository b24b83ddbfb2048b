"""The platform at the other end of the wire, played: it takes every call down, and answers what it was told to answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from botkit.errors import KitTesterMisused
from botkit.http import Request, Response, Stream
from botkit.http.lenient_json import encoded
from botkit.testing.contexts import SESSION_ID
from botkit.testing.records import Call

_NAMES: Mapping[str, str] = {
    "pass to bot": "send_bot_message",
    "pass to user": "send_user_message",
    "send to user": "send_user_message",
    "fetch bot variable": "fetch_bot_variables",
    "download a file": "download",
}
"""Requests of `kore.requests` whose name differs from the handlers' call."""

T = TypeVar("T")
Message = Mapping[str, Any] | tuple[str, str]
Answer = Callable[[Request], Response]


class Wire:
    """Carries nothing. Any thread, and any event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[Call] = []
        self.answers: dict[str, Answer] = {
            "get_messages": messages_answer(()),
            "fetch_bot_variables": variables_answer({}),
            "get_dialog": _nothing_said("get_dialog", "dialog={…}"),
            "download": always(Response(200, {"Content-Type": "application/octet-stream"}, b"a file")),
        }
        """What questions are answered, by their name; everything else is simply done."""

    def taken(self) -> list[Call]:
        """The calls since the last time."""
        with self._lock:
            calls, self._calls = self._calls, []
        return calls

    def take(self, request: Request) -> Response:
        """Take a call down. Returns its answer."""
        name = _NAMES.get(request.what, request.what.replace(" ", "_"))
        call = Call(name, request.method, request.url, dict(request.headers), request.body or b"")
        with self._lock:
            self._calls.append(call)
        return self.answers.get(name, _DONE)(request)


class Carrier:
    """The wire for who waits: implements `sdk.reads.Carrier`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def send(self, request: Request) -> Response:
        """The wire's answer."""
        return self._wire.take(request)


class AioCarrier:
    """The wire for an event loop: implements `http.Transport`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def send(self, request: Request) -> Response:
        """The wire's answer."""
        return self._wire.take(request)

    def stream(self, request: Request, *, silence_seconds: float) -> AbstractAsyncContextManager[Stream]:
        """Nothing of the platform's is streamed."""
        raise NotImplementedError(request.what)


def always(response: Response) -> Answer:
    """The same answer, whatever the question."""
    return lambda _: response


def or_status(value: T | int, answer: Callable[[T], Answer]) -> Answer:
    """This answer, or where it is a number a refusal, or trouble, of that HTTP status."""
    if isinstance(value, int):
        return always(Response(value, {}, b"{}"))
    return answer(value)


def messages_answer(messages: Sequence[Message]) -> Answer:
    """The answer to getMessages (4.5), a page at a time.

    Args:
        messages: oldest first, as one would tell it: pairs of ``"user"`` or ``"bot"`` and a text, or records as on the wire.
    """
    records = [_record(one, number) for number, one in enumerate(messages, 1)][::-1]

    def answer(request: Request) -> Response:
        query = parse_qs(urlsplit(request.url).query)
        skip, limit = (int(query.get(name, ["0"])[0]) for name in ("skip", "limit"))
        page = records[skip : skip + limit]
        more = skip + len(page) < len(records)
        return _json({"total": len(records), "moreAvailable": more, "messages": page})

    return answer


def variables_answer(variables: Mapping[str, Mapping[str, Any]]) -> Answer:
    """The answer to getBotVariable (4.2): by language, keys and values. A language that is not there has none."""

    def answer(request: Request) -> Response:
        own = variables.get(request.headers.get("bot-language", ""), {})
        records = [
            {"_id": f"cv-{number}", "key": key, "value": value, "variableType": "env"}
            for number, (key, value) in enumerate(own.items(), 1)
        ]
        return _json({"count": len(records), "variables": records})

    return answer


def dialog_answer(dialog: Mapping[str, Any]) -> Answer:
    """The answer to getDialog (4.2): `nodes`, `components` and more."""
    return always(_json({"_id": "dg-1", "nodes": [], "components": [], **dialog}))


def _nothing_said(name: str, argument: str) -> Answer:
    def answer(request: Request) -> Response:
        raise KitTesterMisused(f"{name} was asked, and no answer is known: kit_tester.answers({argument})")

    return answer


def _record(one: Message, number: int) -> dict[str, Any]:
    if isinstance(one, Mapping):
        return dict(one)
    speaker, text = one
    return {
        "_id": f"ms-{number}",
        "type": "incoming" if speaker == "user" else "outgoing",
        "components": [{"_id": f"cp-{number}", "cT": "text", "data": {"text": text}}],
        "timestampValue": number,
        "sessionId": SESSION_ID,
    }


def _json(value: Mapping[str, Any]) -> Response:
    return Response(200, {"Content-Type": "application/json"}, encoded(value))


_DONE: Answer = always(Response(200, {}, b"{}"))
