"""The gateways of a relay: the XO platform and the agent systems of every bot, over one transport."""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from msgspec.structs import replace

from botkit.agents import AgentSystem, File
from botkit.agents.registry import installed_types, system_class
from botkit.config.settings import BotSettings, Settings
from botkit.errors import CallError, ConfigurationError, NotAuthorized, Problem
from botkit.handoff.conversation import Instant
from botkit.handoff.effects import PlatformEffect
from botkit.handoff.events import TranscriptLine
from botkit.http import CallbackTransport, Request, Response, Transport
from botkit.http.curl import CurlTransport
from botkit.http.retry import seconds_ahead
from botkit.kore import KoreRequests, check_reply, has_channel, read_transcript, times_shown
from botkit.kore.arrivals import MAX_RECORDS
from botkit.ledger.interface import HookBody
from botkit.relay.clock import Clock, SystemClock

MAX_PATIENCE_SECONDS = 60.0
_CLOCKS_DIFFER_SECONDS = 3.0
"""How exactly the platform's clock is known from the Date of its answers, which has whole seconds."""
_DEFAULT_CHANNEL = "rtm"
"""The channel of the messages in an answer to a request that names none, if that is not every channel."""
_UNKNOWN_TYPE = "application/octet-stream"


class Platform(Protocol):
    """The XO platform for one bot. Raises subclasses of `botkit.errors.CallError` only."""

    async def send(
        self, effect: PlatformEffect, hook: HookBody, *, idempotency_key: str, patience: float = 1.0
    ) -> None:
        """Carry out an effect once.

        Args:
            effect: the effect.
            hook: the hook that it answers, or the conversation's newest payload, which addresses the user.
            idempotency_key: the same for every attempt of an effect.
            patience: by how much the platform may take longer to answer than usual, up to `MAX_PATIENCE_SECONDS`.
        """

    def begin(
        self,
        effect: PlatformEffect,
        hook: HookBody,
        *,
        idempotency_key: str,
        done: Callable[[Exception | None], None],
    ) -> Callable[[], None]:
        """Start to carry out an effect, without a task: `send` by callback.

        Args:
            effect: as in `send`.
            hook: as in `send`.
            idempotency_key: as in `send`.
            done: called with the error that `send` would raise, or None: once, on the loop, after this method has returned.

        Returns:
            A function that cancels the attempt; `done` is not called then.

        Raises:
            CallError: the call cannot be made.
        """

    async def times_shown(self, effect: PlatformEffect, hook: HookBody, *, since: Instant) -> int | None:
        """How often the user was shown the message of an effect, as the last thing that they were shown.

        Args:
            effect: one that shows a message.
            hook: as in `send`.
            since: when the effect was made; older messages are others.

        Returns:
            The number; None if the user's history cannot tell.
        """

    async def transcript(self, hook: HookBody, *, limit: int, session_id: str) -> tuple[TranscriptLine, ...]:
        """The conversation so far, oldest first; `session_id` is Kore's, empty if not known."""

    async def file(self, name: str, url: str, *, max_bytes: int) -> File:
        """A file that the user sent; a larger one is refused."""


class KorePlatform:
    """Implements `Platform` over a transport."""

    def __init__(
        self, bot: BotSettings, transport: CallbackTransport, *, insecure_http: bool, clock: Clock
    ) -> None:
        self._requests = KoreRequests(bot.kore, bot_id=bot.id, insecure_http=insecure_http, clock=clock.now)
        self._transport = transport
        self._clock = clock
        self._other_channels = bot.handoff.transcript.other_channels
        # Half of the time limit of all attempts, so that after a call that hangs there is time for another.
        self._transcript_seconds = bot.handoff.transcript.timeout.total_seconds() / 2

    async def send(
        self, effect: PlatformEffect, hook: HookBody, *, idempotency_key: str, patience: float = 1.0
    ) -> None:
        """See `Platform.send`."""
        request = self._request(effect, hook, idempotency_key)
        longer = min(request.timeout_seconds * patience, MAX_PATIENCE_SECONDS)
        await self._send(replace(request, timeout_seconds=max(request.timeout_seconds, longer)))

    async def times_shown(self, effect: PlatformEffect, hook: HookBody, *, since: Instant) -> int | None:
        """See `Platform.times_shown`."""
        sent = self._request(effect, hook, "").body or b""
        asked = self._requests.get_messages(hook.body, component_id=hook.component_id, limit=MAX_RECORDS)
        answer = await self._send(asked)
        ahead = seconds_ahead(answer.headers, now=self._clock.now())
        return times_shown(answer.body, sent, since=since + ahead - _CLOCKS_DIFFER_SECONDS)

    def begin(
        self,
        effect: PlatformEffect,
        hook: HookBody,
        *,
        idempotency_key: str,
        done: Callable[[Exception | None], None],
    ) -> Callable[[], None]:
        """See `Platform.begin`."""
        request = self._request(effect, hook, idempotency_key)

        def on_answer(answer: Response | CallError) -> None:
            done(answer if isinstance(answer, Exception) else self._failure(request, answer))

        return self._transport.begin(request, on_answer)

    def _request(self, effect: PlatformEffect, hook: HookBody, idempotency_key: str) -> Request:
        return self._requests.request(
            effect,
            hook.body,
            component_id=hook.component_id,
            idempotency_key=idempotency_key,
            forwarding=hook.forwarding,
        )

    async def transcript(self, hook: HookBody, *, limit: int, session_id: str) -> tuple[TranscriptLine, ...]:
        """See `Platform.transcript`."""
        if not self._other_channels:
            return read_transcript(await self._messages(hook, limit=limit), session_id=session_id)
        pages = [await self._messages_of_all_channels(hook, limit=limit)]
        channel = self._requests.address(hook.body, component_id=hook.component_id).channel_type
        of_its_own_choice = channel not in ("", _DEFAULT_CHANNEL) and not has_channel(pages[0], channel)
        if of_its_own_choice or not pages[0]:
            pages.insert(0, await self._messages(hook, limit=limit))
        return read_transcript(
            *filter(None, pages), session_id=session_id, other_channels=self._other_channels
        )

    async def _messages(self, hook: HookBody, *, limit: int, all_channels: bool = False) -> bytes:
        request = self._requests.get_messages(
            hook.body,
            component_id=hook.component_id,
            limit=limit,
            all_channels=all_channels,
            timeout_seconds=self._transcript_seconds,
        )
        return (await self._send(request)).body

    async def _messages_of_all_channels(self, hook: HookBody, *, limit: int) -> bytes:
        """What the user said on any channel; nothing if the platform refuses to tell it without the name of a channel."""
        try:
            return await self._messages(hook, limit=limit, all_channels=True)
        except CallError as error:
            if error.retryable:
                raise
            return b""

    async def file(self, name: str, url: str, *, max_bytes: int) -> File:
        """See `Platform.file`."""
        response = await self._send(self._requests.download(url, max_bytes=max_bytes))
        return File(name, _content_type(name, response.headers.get("Content-Type", "")), response.body)

    async def _send(self, request: Request) -> Response:
        return self._checked(request, await self._transport.send(request))

    def _failure(self, request: Request, response: Response) -> Exception | None:
        try:
            self._checked(request, response)
        except Exception as error:  # noqa: BLE001 - also a defect ends the call, and its caller is told
            return error
        return None

    def _checked(self, request: Request, response: Response) -> Response:
        if 200 <= response.status < 300:  # The hot path: nothing to check.
            return response
        try:
            return check_reply(request.what, response, now=self._clock.now())
        except NotAuthorized:
            self._requests.sign_anew()
            raise


class Gateways:
    """Finds the gateway of a bot. None: the configuration does not name the bot or system (any more)."""

    def __init__(
        self, platforms: Mapping[str, Platform], systems: Mapping[tuple[str, str], AgentSystem]
    ) -> None:
        """`platforms` by bot id, `systems` by bot id and name."""
        self._platforms = platforms
        self._systems = systems

    def platform(self, bot_id: str) -> Platform | None:
        """The XO platform of this bot."""
        return self._platforms.get(bot_id)

    def system(self, bot_id: str, name: str) -> AgentSystem | None:
        """The agent system of this name in this bot's configuration."""
        return self._systems.get((bot_id, name))


Connect = Callable[[Settings], AbstractAsyncContextManager[Gateways]]
"""Opens the gateways on the relay's loop, and closes them again."""


@asynccontextmanager
async def connect(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Gateways]:
    """Open one transport, and the gateways that use it.

    Raises:
        ConfigurationError: no agent system of a configured type is installed.
    """
    # `kore/` checks the allowed hosts for each bot; an agent system's host comes from the configuration itself.
    insecure_http = settings.security.insecure_http
    async with CurlTransport(
        allowed_hosts=None, insecure_http=insecure_http, network=settings.network
    ) as transport:
        platforms: dict[str, Platform] = {}
        systems: dict[tuple[str, str], AgentSystem] = {}
        for bot in settings.bots.values():
            platforms[bot.id] = KorePlatform(
                bot, transport, insecure_http=insecure_http, clock=clock or SystemClock()
            )
            for name in bot.agents.systems:
                systems[bot.id, name] = _system(bot, name, transport)
        yield Gateways(platforms, systems)


def _system(bot: BotSettings, name: str, transport: Transport) -> AgentSystem:
    configured = bot.agents.systems[name]
    make = system_class(configured.type)
    if make is None:
        raise ConfigurationError(
            (
                Problem(
                    file=str(bot.file or bot.id),
                    line=1,
                    path=f"agents.systems.{name}.type",
                    what=f"no agent system of type {configured.type!r} is installed",
                    fix=f"use one of {', '.join(sorted(installed_types()))}, or install the package that brings it",
                ),
            )
        )
    return make(name, configured.settings, transport)


def _content_type(name: str, declared: str) -> str:
    """The type that the file's server declares, or the type of its name if the server declares none or an unknown one."""
    declared = declared.partition(";")[0].strip().lower()
    if declared and declared != _UNKNOWN_TYPE:
        return declared
    _, dot, ending = name.rpartition(".")
    return mimetypes.guess_type(f"file{dot}{ending}")[0] or _UNKNOWN_TYPE
