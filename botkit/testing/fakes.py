"""Fakes for both sides of a service: the XO platform and agent systems. They record every call and use no network.

Section numbers are those of docs/protocols/kore-xo-botkit.md.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, TypeVar
from urllib.parse import parse_qs, urlsplit

from botkit.agents import AgentSystem, Batch, Capabilities, Granted
from botkit.agents import File as SentFile
from botkit.errors import KitTesterMisused
from botkit.handoff.conversation import Access
from botkit.http import Done, Request, Response, Stream, begin_in_task
from botkit.http.lenient_json import encoded
from botkit.testing.payload_parts import SESSION_ID
from botkit.testing.records import AgentCall, Call

_NAMES: Mapping[str, str] = {
    "pass to bot": "send_bot_message",
    "pass to user": "send_user_message",
    "send to user": "send_user_message",
    "fetch bot variable": "fetch_bot_variables",
    "download a file": "download",
}
"""Requests of `botkit.kore` whose names differ from the methods of handlers' contexts."""

T = TypeVar("T")
Message = Mapping[str, Any] | tuple[str, str]
Answer = Callable[[Request], Response]
Routing = Literal["searching", "present", "over"]


# --- the XO platform ---------------------------------------------------------------------------------------------------


class FakePlatform:
    """The XO platform at the other end of the wire. Safe to call from any thread and event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[Call] = []
        self.answers: dict[str, Answer] = {
            "get_messages": messages_answer(()),
            "fetch_bot_variables": variables_answer({}),
            "get_dialog": _no_answer("get_dialog", "dialog={…}"),
            "download": always(Response(200, {"Content-Type": "application/octet-stream"}, b"a file")),
        }
        """Answers by the call's name. Every other call is answered with 200."""

    def drain(self) -> list[Call]:
        """The calls since the last drain."""
        with self._lock:
            calls, self._calls = self._calls, []
        return calls

    def receive(self, request: Request) -> Response:
        """Record a call, and answer it."""
        name = _NAMES.get(request.what, request.what.replace(" ", "_"))
        call = Call(name, request.method, request.url, dict(request.headers), request.body or b"")
        with self._lock:
            self._calls.append(call)
        return self.answers.get(name, _DONE)(request)


class SyncCarrier:
    """Carries requests of synchronous code to a fake platform: implements `handlers.reads.Carrier`."""

    def __init__(self, platform: FakePlatform) -> None:
        self._platform = platform

    def send(self, request: Request) -> Response:
        """The platform's answer."""
        return self._platform.receive(request)


class AioCarrier:
    """Carries requests of coroutines to a fake platform: implements `http.CallbackTransport`."""

    def __init__(self, platform: FakePlatform) -> None:
        self._platform = platform

    async def send(self, request: Request) -> Response:
        """The platform's answer."""
        return self._platform.receive(request)

    def begin(self, request: Request, done: Done) -> Callable[[], None]:
        """The platform's answer, a moment later."""
        return begin_in_task(self.send, request, done)

    def stream(self, request: Request, *, silence_seconds: float) -> AbstractAsyncContextManager[Stream]:
        """The platform streams nothing."""
        raise NotImplementedError(request.what)


def always(response: Response) -> Answer:
    """The same answer to every request."""
    return lambda _: response


def or_status(value: T | int, answer: Callable[[T], Answer]) -> Answer:
    """`answer` of the value; a number is answered as an HTTP status."""
    if isinstance(value, int):
        return always(Response(value, {}, b"{}"))
    return answer(value)


def messages_answer(messages: Sequence[Message]) -> Answer:
    """The answer to getMessages (docs/protocols/kore-xo-botkit.md, 4.5), page by page.

    Args:
        messages: oldest first: pairs of ``"user"`` or ``"bot"`` and a text, or records as on the wire.
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
    """The answer to getBotVariable (4.2): keys and values by language. A missing language has no variables."""

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


def _no_answer(name: str, argument: str) -> Answer:
    def answer(request: Request) -> Response:
        raise KitTesterMisused(f"{name} was called, and no answer is set: kit_tester.answers({argument})")

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


# --- agent systems -----------------------------------------------------------------------------------------------------


class FakeAgentSystem(AgentSystem):
    """One agent system of one bot, of any type. It accepts and records every call.

    Events of agents do not come from here: the tester writes them to the ledger.

    Args:
        name: the system's name in the configuration.
        calls: where calls are recorded.
    """

    capabilities = Capabilities(files="always")

    def __init__(self, name: str, calls: list[AgentCall]) -> None:
        self._name = name
        self._calls = calls
        self.status: dict[str, Routing] = {}
        """The routing status by session id; of sessions that are not here it is ``searching``."""

    async def open(self, session_id: str) -> Granted:
        """Grant access without an expiry."""
        self._note("open")
        return Granted(Access("made up"), None)

    async def start(
        self, session_id: str, access: Access, *, attributes: Sequence[tuple[str, str]], language: str
    ) -> None:
        """Record the call."""
        self._note("start", attributes=dict(attributes), language=language)

    async def send(self, session_id: str, access: Access, *, message_id: str, text: str) -> None:
        """Record the call."""
        self._note("send", text, message_id=message_id)

    async def typing(self, session_id: str, access: Access, *, started: bool) -> None:
        """Record the call."""
        self._note("typing", started=started)

    async def acknowledge(self, session_id: str, access: Access, *, entry_ids: Sequence[str]) -> None:
        """Record the call."""
        self._note("acknowledge", entry_ids=tuple(entry_ids))

    async def routing(self, session_id: str, access: Access) -> Routing:
        """The session's routing status."""
        self._note("routing")
        return self.status.get(session_id, "searching")

    async def end(self, session_id: str, access: Access) -> None:
        """Record the call."""
        self._note("end")

    async def send_file(
        self, session_id: str, access: Access, *, message_id: str, file: SentFile, request: str
    ) -> None:
        """Record the call."""
        self._note("send_file", message_id=message_id, file=file, request=request)

    async def custom_event(self, session_id: str, access: Access, *, name: str, data: str) -> None:
        """Record the call."""
        self._note("custom_event", event=name, data=data)

    async def idle_notice(self, session_id: str, access: Access, *, warned: bool) -> None:
        """Record the call."""
        self._note("idle_notice", warned=warned)

    async def listen(self, session_id: str, access: Access) -> AsyncIterator[Batch]:
        """No events."""
        return
        yield Batch(())

    async def fetch(self, session_id: str, access: Access) -> Batch:
        """No events."""
        return Batch(())

    def _note(self, name: str, text: str = "", **details: Any) -> None:
        self._calls.append(AgentCall(name, self._name, text, details))
