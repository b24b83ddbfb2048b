"""Calls within a conversation, with the guest's token. Sections are those of docs/protocols/salesforce-miaw.md."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from botkit.agents.miaw.calls import SEND_FILE, MiawCalls
from botkit.agents.miaw.replies import check
from botkit.errors import AccessExpired
from botkit.handoff.conversation import Access
from botkit.http import Request, Response, Transport


class _Credentials(msgspec.Struct, frozen=True, rename="camel"):
    """The JSON in `Access.credentials`."""

    access_token: str


_decode_credentials = msgspec.json.Decoder(_Credentials).decode


def credentials_of(token: str) -> str:
    """`Access.credentials` with this token."""
    return msgspec.json.encode(_Credentials(token)).decode()


def token_of(access: Access) -> str:
    """The guest's token. Raises: AccessExpired if these are not this system's credentials."""
    try:
        return _decode_credentials(access.credentials).access_token
    except msgspec.DecodeError:
        raise AccessExpired("use the stored access", detail="it is not one of salesforce-miaw's") from None


class Connection:
    """Makes the calls of one deployment's conversations.

    Args:
        calls: builds the requests.
        transport: carries them.
        clock: epoch seconds.
    """

    def __init__(self, calls: MiawCalls, transport: Transport, *, clock: Callable[[], float]) -> None:
        self.calls = calls
        self.transport = transport
        self.clock = clock

    async def call(self, request: Request) -> Response:
        """Make a call in a conversation that exists. Raises: CallError."""
        response = await self.transport.send(request)
        return check(request.what, response, now=self.clock(), with_file=request.what == SEND_FILE)

    def page(self, session_id: str, access: Access) -> Callable[[int], Awaitable[Response]]:
        """Gets one page of the list of entries (2.4), from a time in epoch milliseconds on."""
        token = token_of(access)

        async def page(since_ms: int) -> Response:
            return await self.call(self.calls.entries(token, session_id, since_ms=since_ms))

        return page
