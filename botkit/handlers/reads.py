"""The calls of the SDK that ask the platform something and return its answer. They change nothing, so they wait for nobody."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from botkit.config.settings import BotSettings
from botkit.errors import WrongThread
from botkit.handoff.events import ApiCall
from botkit.http import Request, Response
from botkit.kore.history import read_records
from botkit.kore.reads import BotVariable, Dialog, read_dialog, read_variables
from botkit.kore.replies import check_reply
from botkit.kore.requests import KoreRequests


class Carrier(Protocol):
    """Carries requests and waits for the answers; `transport.SyncTransport` is one."""

    def send(self, request: Request) -> Response:
        """The answer, whatever its status.

        Raises:
            CallError: there was none.
        """


class OpenTransport(Protocol):
    """Opens a carrier for one thread; `transport.SyncTransport` itself does."""

    def __call__(self, *, allowed_hosts: Iterable[str] | None, insecure_http: bool) -> Carrier: ...


class Asking:
    """Asks the platform on behalf of one bot. Any thread; connections are kept open, one set for each thread."""

    def __init__(
        self,
        bot: BotSettings,
        *,
        insecure_http: bool,
        now: Callable[[], float],
        open_transport: OpenTransport,
    ) -> None:
        self.calls = KoreRequests(bot.kore, bot_id=bot.id, insecure_http=insecure_http, clock=now)
        self._hosts = bot.kore.callback_hosts
        self._insecure_http = insecure_http
        self._now = now
        self._open_transport = open_transport
        self._mine = threading.local()

    def ask(self, request: Request) -> Response:
        """The platform's answer.

        Raises:
            CallError: there was none, or it is a refusal.
            WrongThread: this is an event loop's thread, which must not wait.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            pass
        else:
            raise WrongThread(f"{request.what} would stop the event loop: use await ctx.aio.… in a coroutine")
        transport: Carrier | None = getattr(self._mine, "transport", None)
        if transport is None:
            transport = self._open_transport(allowed_hosts=self._hosts, insecure_http=self._insecure_http)
            self._mine.transport = transport
        return check_reply(request.what, transport.send(request), now=self._now())

    def check(self, ask: ApiCall, body: bytes, component_id: str) -> None:
        """Whether what a handler asks for can be called with this payload at all. Nothing is sent.

        Raises:
            CallError: the payload has no URL for it, its host may not be called, or the message is too long.
        """
        self.calls.check(ask.call, body, component_id=component_id, changes=ask.changes.encode())


class Reads:
    """The reads, addressed by one payload. They block; `AsyncReads` has the same for coroutines."""

    def __init__(self, asking: Asking, body: bytes, component_id: str) -> None:
        self._asking = asking
        self._body = body
        self._component_id = component_id

    def get_messages(self, *, limit: int = 20, skip: int = 0) -> Sequence[Mapping[str, Any]]:
        """The newest messages, newest first, as the platform keeps them (4.5).

        Args:
            limit: how many, up to 100.
            skip: how many of the newest to leave out.

        Raises:
            CallError: the platform did not answer.
        """
        request = self._asking.calls.get_messages(
            self._body, component_id=self._component_id, limit=limit, skip=skip
        )
        return read_records(self._asking.ask(request).body)

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
        request = self._asking.calls.get_dialog(self._body, component_id=self._component_id)
        return read_dialog(self._asking.ask(request).body)

    def _variables(self, language: str) -> tuple[BotVariable, ...]:
        request = self._asking.calls.fetch_bot_variable(
            self._body, component_id=self._component_id, language=language
        )
        return read_variables(self._asking.ask(request).body)


class AsyncReads:
    """`Reads` for coroutines: the waiting is done in a thread."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def get_messages(self, *, limit: int = 20, skip: int = 0) -> Sequence[Mapping[str, Any]]:
        """See `Reads.get_messages`."""
        return await asyncio.to_thread(self._reads.get_messages, limit=limit, skip=skip)

    async def fetch_bot_variables(self, *languages: str) -> dict[str, tuple[BotVariable, ...]]:
        """See `Reads.fetch_bot_variables`."""
        return await asyncio.to_thread(self._reads.fetch_bot_variables, *languages)

    async def get_dialog(self) -> Dialog:
        """See `Reads.get_dialog`."""
        return await asyncio.to_thread(self._reads.get_dialog)
