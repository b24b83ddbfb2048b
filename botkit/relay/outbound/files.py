"""Carries users' files from the platform to the agents' side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from botkit import errors
from botkit.agents import AgentSystem, File
from botkit.handoff import effects
from botkit.handoff.translations.file_reasons import TOO_LARGE, TRANSFER, TYPE
from botkit.relay.gateways import Platform

_MAX_FILES = 4
_TURN_SECONDS = 15.0
"""Max wait of a file for other files. Then the attempt counts as failed, because the user's next messages wait behind it."""


class FileCarrier:
    """Carries few files at a time, because each is held in memory.

    Args:
        max_files: max files in progress.
        turn_seconds: max wait of a file for others.
    """

    def __init__(self, *, max_files: int = _MAX_FILES, turn_seconds: float = _TURN_SECONDS) -> None:
        self._turns = asyncio.Semaphore(max_files)
        self._turn_seconds = turn_seconds

    async def carry(self, effect: effects.SendFile, platform: Platform, system: AgentSystem) -> None:
        """Make one attempt to carry a file.

        Raises:
            FileUnavailable: the platform refuses to give the file.
            CallRefused: the agents' side refuses the file.
            CallError: the attempt failed, and a later one may succeed.
        """
        if system.capabilities.files == "none":
            raise errors.CallRefused(
                "send a file", detail="the agent system takes none", fix="see its attachments setting"
            )
        async with self._turn():
            most = system.capabilities.max_file_bytes
            # The platform seldom says how large a file is, so the limit of the channel counts here too.
            max_bytes = min(most, effect.max_bytes) if effect.max_bytes else most
            file = await _download(effect, platform, max_bytes=max_bytes)
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
            raise errors.Unreachable(
                "send a file", detail="too many other files are in progress", cause="waiting"
            ) from None
        try:
            yield
        finally:
            self._turns.release()


async def _download(effect: effects.SendFile, platform: Platform, *, max_bytes: int) -> File:
    try:
        return await platform.file(effect.name, effect.url, max_bytes=max_bytes)
    except errors.CallError as error:
        if error.retryable:
            raise
        unavailable = errors.FileUnavailable(
            error.what, status=error.status, detail=error.detail, fix=error.fix
        )
        unavailable.host = error.host
        raise unavailable from error


def refusal_reason(error: errors.CallError) -> str:
    """Why a file did not arrive: its size or type (docs/protocols/salesforce-miaw.md, 3.3), or anything else."""
    if error.status is None:
        return TRANSFER
    # The platform's success, of which too much arrived.
    too_long = isinstance(error, errors.FileUnavailable) and 200 <= error.status < 300
    if too_long or error.status == 413:
        return TOO_LARGE
    return TYPE if error.status == 415 else TRANSFER
