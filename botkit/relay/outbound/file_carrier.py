"""A user's file on its way from the platform to the agents' side; few at a time, because each is held in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from botkit.agents import AgentSystem, File
from botkit.errors import CallError, CallRefused, FileUnavailable, Unreachable
from botkit.handoff.effects import SendFile
from botkit.relay.gateways import Platform

_AT_ONCE = 4
_TURN_SECONDS = 15.0
"""How long a file waits for others. What the user writes after it waits as well, so it then counts as one more failed attempt."""


class FileCarrier:
    """Carries files of all conversations.

    Args:
        at_once: how many are under way at most.
        turn_seconds: how long one waits for its turn.
    """

    def __init__(self, *, at_once: int = _AT_ONCE, turn_seconds: float = _TURN_SECONDS) -> None:
        self._turns = asyncio.Semaphore(at_once)
        self._turn_seconds = turn_seconds

    async def carry(self, effect: SendFile, platform: Platform, system: AgentSystem) -> None:
        """Carry one file, once.

        Raises:
            FileUnavailable: the platform does not give it.
            CallRefused: the agents' side does not take it.
            CallError: it did not get through this time.
        """
        if system.capabilities.files == "none":
            raise CallRefused("send a file", detail="the agent system takes none")
        async with self._turn():
            file = await _fetched(effect, platform, max_bytes=system.capabilities.max_file_bytes)
            await system.send_file(
                effect.session_id,
                effect.access,
                message_id=effect.message_id,
                file=file,
                request=effect.request,
            )

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._turn_seconds):
                await self._turns.acquire()
        except TimeoutError:
            raise Unreachable("send a file", detail="too many other files are under way") from None
        try:
            yield
        finally:
            self._turns.release()


async def _fetched(effect: SendFile, platform: Platform, *, max_bytes: int) -> File:
    try:
        return await platform.file(effect.name, effect.url, max_bytes=max_bytes)
    except CallError as error:
        if error.retryable:
            raise
        raise FileUnavailable(error.what, status=error.status, detail=error.detail) from error
