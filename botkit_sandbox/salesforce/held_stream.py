"""What a proxy lets through of an event stream while the fault `hold-stream` is on (docs/protocols/salesforce-miaw.md, 4.6)."""

from __future__ import annotations

from aiohttp import web

from botkit_sandbox.faults import Faults
from botkit_sandbox.salesforce.faults import Fault

KIND = "hold-stream"
BUFFER_BYTES = 8_192


class HeldStream:
    """Writes to one stream's client what the proxy passes on, and keeps the rest."""

    __slots__ = ("_faults", "_kept", "_newest", "_request", "_response")

    def __init__(self, request: web.Request, response: web.StreamResponse, faults: Faults[Fault]) -> None:
        self._request = request
        self._response = response
        self._faults = faults
        self._kept = bytearray()
        self._newest = 0
        """Where the newest write begins in what is kept."""

    async def write(self, data: bytes) -> None:
        """Pass data on, or keep it."""
        fault = self._faults.find(KIND) if self._faults else None
        if (transport := self._request.transport) is None or transport.is_closing():
            raise ConnectionResetError  # A write that is only kept would never notice that the client hung up.
        if fault is None and not self._kept:
            await self._response.write(data)
            return
        if data:
            self._newest = len(self._kept)
            self._kept += data
        if passed := self._passed(fault):
            ready = bytes(self._kept[:passed])
            del self._kept[:passed]
            self._newest = max(0, self._newest - passed)
            await self._response.write(ready)

    async def release(self) -> None:
        """Pass on what was kept, if the proxy has let go."""
        if self._kept:
            await self.write(b"")

    def _passed(self, fault: Fault | None) -> int:
        """How many of the kept bytes go to the client now."""
        if fault is None:
            return len(self._kept)
        match fault.held:
            case "buffer":
                return len(self._kept) // BUFFER_BYTES * BUFFER_BYTES
            case "last":
                return self._newest
            case _:
                return 0
