"""The reading calls of the SDK. They change nothing, so they are made at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, ParamSpec, Protocol, TypeVar

from botkit.config.settings import BotSettings
from botkit.errors import WrongThread
from botkit.executor import DaemonExecutor
from botkit.handoff.events import ApiCall
from botkit.http import Request, Response
from botkit.kore.history import read_records
from botkit.kore.reads import BotVariable, Dialog, read_dialog, read_variables
from botkit.kore.replies import check_reply
from botkit.kore.requests import KoreRequests

_THREADS = DaemonExecutor(16, "botkit-reads")
P = ParamSpec("P")
T = TypeVar("T")


class Carrier(Protocol):
    """Sends requests and waits for the answers; implemented by `botkit.http.carriers.SyncTransport`."""

    def send(self, request: Request) -> Response:
        """The answer, with any status.

        Raises:
            CallError: there was no answer.
        """


class OpenTransport(Protocol):
    """Opens a carrier for one thread; implemented by `botkit.http.carriers.SyncTransport`."""

    def __call__(self, *, allowed_hosts: Iterable[str] | None, insecure_http: bool) -> Carrier: ...


class PlatformReader:
    """Reads from the platform for one bot. Thread-safe; each thread keeps connections of its own open."""

    def __init__(
        self,
        bot: BotSettings,
        *,
        insecure_http: bool,
        now: Callable[[], float],
        open_transport: OpenTransport,
    ) -> None:
        self.requests = KoreRequests(bot.kore, bot_id=bot.id, insecure_http=insecure_http, clock=now)
        self._hosts = bot.kore.callback_hosts
        self._insecure_http = insecure_http
        self._now = now
        self._open_transport = open_transport
        self._of_thread = threading.local()

    def send(self, request: Request) -> Response:
        """The platform's answer.

        Raises:
            CallError: there was no answer, or it is an error.
            WrongThread: this thread runs an event loop, which must not block.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            pass
        else:
            raise WrongThread(f"{request.what} would stop the event loop: use await ctx.aio.… in a coroutine")
        transport: Carrier | None = getattr(self._of_thread, "transport", None)
        if transport is None:
            transport = self._open_transport(allowed_hosts=self._hosts, insecure_http=self._insecure_http)
            self._of_thread.transport = transport
        return check_reply(request.what, transport.send(request), now=self._now())

    def check(self, api_call: ApiCall, body: bytes, component_id: str) -> None:
        """Return if a call can be made with this payload. Nothing is sent.

        Raises:
            CallError: the payload has no URL for the call, the URL's host may not be called, or the message is too long.
        """
        self.requests.check(api_call.call, body, component_id=component_id, changes=api_call.changes.encode())


class Reads:
    """The reads, addressed by one payload. They block; `AsyncReads` has them for coroutines."""

    def __init__(self, reader: PlatformReader, body: bytes, component_id: str) -> None:
        self._reader = reader
        self._body = body
        self._component_id = component_id

    def get_messages(self, *, limit: int = 20, skip: int = 0) -> Sequence[Mapping[str, Any]]:
        """The newest messages, newest first, as the platform stores them (docs/protocols/kore-xo-botkit.md, 4.5).

        Args:
            limit: max number of messages, up to 100.
            skip: number of newest messages to leave out.

        Raises:
            CallError: the platform did not answer.
        """
        request = self._reader.requests.get_messages(
            self._body, component_id=self._component_id, limit=limit, skip=skip
        )
        return read_records(self._reader.send(request).body)

    def fetch_bot_variables(self, *languages: str) -> dict[str, tuple[BotVariable, ...]]:
        """The bot's variables in each of these languages.

        Raises:
            CallError: the platform did not answer.
        """
        return {language: self._variables(language) for language in languages}

    def get_dialog(self) -> Dialog:
        """The dialog that sent the payload.

        Raises:
            CallError: the platform did not answer.
        """
        request = self._reader.requests.get_dialog(self._body, component_id=self._component_id)
        return read_dialog(self._reader.send(request).body)

    def _variables(self, language: str) -> tuple[BotVariable, ...]:
        request = self._reader.requests.fetch_bot_variable(
            self._body, component_id=self._component_id, language=language
        )
        return read_variables(self._reader.send(request).body)


class AsyncReads:
    """`Reads` for coroutines, run in a thread."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def get_messages(self, *, limit: int = 20, skip: int = 0) -> Sequence[Mapping[str, Any]]:
        """See `Reads.get_messages`."""
        return await _in_thread(self._reads.get_messages, limit=limit, skip=skip)

    async def fetch_bot_variables(self, *languages: str) -> dict[str, tuple[BotVariable, ...]]:
        """See `Reads.fetch_bot_variables`."""
        return await _in_thread(self._reads.fetch_bot_variables, *languages)

    async def get_dialog(self) -> Dialog:
        """See `Reads.get_dialog`."""
        return await _in_thread(self._reads.get_dialog)


async def _in_thread(read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return await asyncio.get_running_loop().run_in_executor(_THREADS, partial(read, *args, **kwargs))
