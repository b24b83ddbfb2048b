"""Sends the messages and files of users, within Salesforce's rate limit.

Sections are those of docs/protocols/salesforce-miaw.md.
"""

from __future__ import annotations

import msgspec

from botkit.agents.api import File
from botkit.agents.miaw.connection import Connection, token_of
from botkit.agents.miaw.history import read_history
from botkit.agents.miaw.identifiers import derived_id
from botkit.agents.miaw.memory import Memories
from botkit.agents.miaw.pace import Pace
from botkit.errors import CallError, CallRefused, NewSessionRequired, RateLimited
from botkit.handoff.conversation import Access, Instant
from botkit.http import Request

_MAY_BE_REPEATED = (400, 409)
"""Likely statuses for a repeated message id: a related API sends them (3.1)."""

_RETRIED_FOR_MS = 600_000
"""The maximum age of a message's first attempt: well over the time after which sending is given up."""

_decode_attributes = msgspec.json.Decoder(dict[str, str]).decode


class Poster:
    """Sends the messages of one deployment's conversations.

    Args:
        connection: makes the calls.
        memories: the rate limit of each session, and its routing attributes.
    """

    def __init__(self, connection: Connection, memories: Memories) -> None:
        self._connection = connection
        self._memories = memories

    async def say(self, session_id: str, access: Access, *, message_id: str, text: str) -> None:
        """See `MiawSystem.send`."""
        token, memory = token_of(access), self._memories.of(session_id)
        calls = self._connection.calls
        try:
            request = calls.send(token, session_id, message_id=message_id, text=text)
            await self._deliver(session_id, access, message_id, request)
        except NewSessionRequired:
            if memory.new_session is None:
                raise
            attributes, language = memory.new_session
            new_session = (_decode_attributes(attributes), language)
            request = calls.send(token, session_id, message_id=message_id, text=text, new_session=new_session)
            await self._paced(memory.pace, request)

    async def give_file(self, session_id: str, access: Access, *, message_id: str, file: File) -> None:
        """See `MiawSystem.send_file`."""
        file_id = derived_id("file", session_id, message_id)
        request = self._connection.calls.send_file(
            token_of(access), session_id, message_id=message_id, file_id=file_id, file=file
        )
        await self._deliver(session_id, access, message_id, request)

    async def _deliver(self, session_id: str, access: Access, message_id: str, request: Request) -> None:
        """Send a message once.

        The answer to a repeated message id is undocumented (3.1): a refusal counts as success if the list has the entry.
        """
        pace = self._memories.of(session_id).pace
        if (wait := pace.wait()) > 0:
            raise RateLimited(request.what, retry_after=wait, detail="22 messages went in the last minute")
        try:
            await self._paced(pace, request)
        except CallRefused as refused:
            if refused.status not in _MAY_BE_REPEATED or not await self._lists(
                session_id, access, message_id
            ):
                raise

    async def _lists(self, session_id: str, access: Access, message_id: str) -> bool:
        """Whether the list has an entry with the message's id, among those as recent as a retried message."""
        events, _ = await read_history(
            self._connection.page(session_id, access),
            session_id=session_id,
            since_ms=max(access.high_water_ms - _RETRIED_FOR_MS, 0),
            at=Instant(self._connection.clock()),
        )
        return f"{session_id}/{message_id}" in {event.key for event in events}

    async def _paced(self, pace: Pace, request: Request) -> None:
        """Send a message, and count it unless it failed with a retryable error or is sent again with pre-chat."""
        try:
            await self._connection.call(request)
        except CallError as error:
            if not error.retryable and not isinstance(error, NewSessionRequired):
                pace.count()
            raise
        pace.count()
