"""The agents' side, played: an agent system that takes everything down and knows what agents there are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

from botkit.agents import AgentSystem, Batch, Capabilities, File, Granted
from botkit.handoff.conversation import Access
from botkit.testing.records import AgentCall

Routing = Literal["searching", "present", "over"]


class PlayedAgents(AgentSystem):
    """Stands in for one agent system of one bot, whatever its type: a `botkit.agents.AgentSystem`.

    What agents do does not come from here: the tester tells the ledger.

    Args:
        name: the system's name in the configuration.
        calls: where what was asked for is written down.
    """

    capabilities = Capabilities(files="always")

    def __init__(self, name: str, calls: list[AgentCall]) -> None:
        self._name = name
        self._calls = calls
        self.status: dict[str, Routing] = {}
        """What is said of a session when somebody asks; of one that is not here, that agents are being looked for."""

    async def open(self, session_id: str) -> Granted:
        """Granted, for as long as it takes."""
        self._note("open")
        return Granted(Access("made up"), None)

    async def start(
        self, session_id: str, access: Access, *, attributes: Sequence[tuple[str, str]], language: str
    ) -> None:
        """Agents are being looked for."""
        self._note("start", attributes=dict(attributes), language=language)

    async def send(self, session_id: str, access: Access, *, message_id: str, text: str) -> None:
        """Taken."""
        self._note("send", text, message_id=message_id)

    async def typing(self, session_id: str, access: Access, *, started: bool) -> None:
        """Seen."""
        self._note("typing", started=started)

    async def acknowledge(self, session_id: str, access: Access, *, entry_ids: Sequence[str]) -> None:
        """Seen."""
        self._note("acknowledge", entry_ids=tuple(entry_ids))

    async def routing(self, session_id: str, access: Access) -> Routing:
        """As it stands."""
        self._note("routing")
        return self.status.get(session_id, "searching")

    async def end(self, session_id: str, access: Access) -> None:
        """Ended."""
        self._note("end")

    async def send_file(
        self, session_id: str, access: Access, *, message_id: str, file: File, request: str
    ) -> None:
        """Taken."""
        self._note("send_file", message_id=message_id, file=file, request=request)

    async def custom_event(self, session_id: str, access: Access, *, name: str, data: str) -> None:
        """Seen."""
        self._note("custom_event", event=name, data=data)

    async def idle_notice(self, session_id: str, access: Access, *, warned: bool) -> None:
        """Seen."""
        self._note("idle_notice", warned=warned)

    async def listen(self, session_id: str, access: Access) -> AsyncIterator[Batch]:
        """Nothing comes this way."""
        return
        yield Batch(())

    async def fetch(self, session_id: str, access: Access) -> Batch:
        """Nothing comes this way."""
        return Batch(())

    def _note(self, name: str, text: str = "", **details: Any) -> None:
        self._calls.append(AgentCall(name, self._name, text, details))
