"""The XO platform as one bot sees it: Kore's calls, carried by a transport."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from dataclasses import replace

from botkit.agents import File
from botkit.config.settings import BotSettings
from botkit.errors import NotAuthorized
from botkit.handoff.events import Content, TranscriptLine
from botkit.http import Request, Response, Transport
from botkit.kore import client_events
from botkit.kore.calls import KoreCalls
from botkit.kore.contexts import changed_context
from botkit.kore.messages import read_messages
from botkit.kore.replies import check_reply
from botkit.ledger.interface import HookBody
from botkit.relay.clock import Clock

_EVENT_SECONDS = 3.0
_ANYTHING = "application/octet-stream"


class KorePlatform:
    """Implements `outside.Platform` for one bot."""

    def __init__(self, bot: BotSettings, transport: Transport, *, insecure_http: bool, clock: Clock) -> None:
        self._calls = KoreCalls(bot.kore, bot_id=bot.id, insecure_http=insecure_http, clock=clock.now)
        self._transport = transport
        self._clock = clock
        # Half of the whole time: a call that hangs must end clearly before the time for all attempts does.
        self._transcript_seconds = bot.handoff.transcript.timeout.total_seconds() / 2

    async def pass_to_bot(self, hook: HookBody, *, idempotency_key: str) -> None:
        """Give the hook's user message to the bot."""
        await self._send(
            self._calls.pass_to_bot(
                hook.body, component_id=hook.component_id, idempotency_key=idempotency_key
            )
        )

    async def pass_to_user(self, hook: HookBody, *, idempotency_key: str) -> None:
        """Give the hook's bot message to the user."""
        await self._send(
            self._calls.pass_to_user(
                hook.body, component_id=hook.component_id, idempotency_key=idempotency_key
            )
        )

    async def skip_user_message(self, hook: HookBody, *, idempotency_key: str) -> None:
        """Say that the hook's bot message is not shown: in Kore's words, the message to the user is skipped."""
        await self._send(
            self._calls.skip_user_message(
                hook.body, component_id=hook.component_id, idempotency_key=idempotency_key
            )
        )

    async def send_to_user(
        self, newest: HookBody, content: Content, *, agent_name: str, idempotency_key: str
    ) -> None:
        """Show something to the user."""
        await self._send(
            self._calls.send_to_user(
                newest.body,
                component_id=newest.component_id,
                content=content,
                agent_name=agent_name,
                idempotency_key=idempotency_key,
            )
        )

    async def clear_agent_session(self, newest: HookBody, *, idempotency_key: str) -> None:
        """Give the user back to the bot."""
        await self._send(
            self._calls.clear_agent_session(
                newest.body, component_id=newest.component_id, idempotency_key=idempotency_key
            )
        )

    async def extend_request(self, newest: HookBody, *, idempotency_key: str) -> None:
        """Keep the newest requestId usable."""
        await self._send(
            self._calls.extend_request(
                newest.body, component_id=newest.component_id, idempotency_key=idempotency_key
            )
        )

    async def call(self, hook: HookBody, name: str, changes: str, *, idempotency_key: str) -> None:
        """A call by its name, with the hook's body and changes to it."""
        await self._call(hook, name, changes.encode(), idempotency_key)

    async def answer_webhook(
        self, hook: HookBody, context: str, *, replace: bool, idempotency_key: str
    ) -> None:
        """Answer a webhook that was deferred."""
        changes = changed_context(hook.body, context, replace=replace)
        await self._call(hook, "respond_to_hook", changes, idempotency_key)

    async def show_typing(self, newest: HookBody, *, url: str, started: bool, idempotency_key: str) -> None:
        """Show or hide an agent's typing in the user's client."""
        await self._tell_client(newest, url, client_events.typing(started=started), idempotency_key)

    async def tell_client(
        self, newest: HookBody, *, url: str, name: str, data: str, idempotency_key: str
    ) -> None:
        """Pass an event of the agents' side on to the user's client."""
        await self._tell_client(newest, url, client_events.custom(name, data), idempotency_key)

    async def transcript(
        self, newest: HookBody, *, limit: int, session_id: str
    ) -> tuple[TranscriptLine, ...]:
        """The conversation so far, oldest first."""
        request = self._calls.get_messages(
            newest.body,
            component_id=newest.component_id,
            limit=limit,
            timeout_seconds=self._transcript_seconds,
        )
        response = await self._transport.send(request)
        self._check(request, response)
        return read_messages(response.body, session_id=session_id)

    async def file(self, name: str, url: str, *, max_bytes: int) -> File:
        """A file the user sent."""
        request = self._calls.download(url, max_bytes=max_bytes)
        response = await self._transport.send(request)
        self._check(request, response)
        return File(name, _kind(name, response.headers.get("Content-Type", "")), response.body)

    async def _call(self, hook: HookBody, name: str, changes: bytes, idempotency_key: str) -> None:
        await self._send(
            self._calls.call(
                name,
                hook.body,
                component_id=hook.component_id,
                changes=changes,
                idempotency_key=idempotency_key,
            )
        )

    async def _tell_client(
        self, newest: HookBody, url: str, event: Mapping[str, object], idempotency_key: str
    ) -> None:
        request = self._calls.call(
            "send_bot_event",
            client_events.addressed(newest.body, url),
            component_id=newest.component_id,
            changes=event,
            idempotency_key=idempotency_key,
        )
        # Later than that it is of no use to anybody.
        await self._send(replace(request, timeout_seconds=min(request.timeout_seconds, _EVENT_SECONDS)))

    async def _send(self, request: Request) -> None:
        response = await self._transport.send(request)
        if not 200 <= response.status < 300:
            self._check(request, response)

    def _check(self, request: Request, response: Response) -> None:
        try:
            check_reply(request.what, response, now=self._clock.now())
        except NotAuthorized:
            self._calls.sign_anew()
            raise


def _kind(name: str, declared: str) -> str:
    """The file's type: what its server says, unless that is nothing or anything; else what its name says."""
    declared = declared.partition(";")[0].strip().lower()
    if declared and declared != _ANYTHING:
        return declared
    return mimetypes.guess_type(name)[0] or _ANYTHING
