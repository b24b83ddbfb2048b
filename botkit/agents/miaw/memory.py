"""What a process remembers of its sessions. A new process works without it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from botkit.agents.miaw.history import Settled
from botkit.agents.miaw.pace import Pace

_MAX_SESSIONS = 20_000


@dataclass(slots=True)
class Memory:
    """What is remembered of one session."""

    pace: Pace
    new_session: tuple[bytes, str] | None = field(default=None, repr=False)
    """Routing attributes, as JSON (a third of the memory), and the language."""
    settled: Settled | None = None


class Memories:
    """What is remembered of each session; the oldest are forgotten.

    Args:
        monotonic: seconds that never go back.
    """

    def __init__(self, *, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._memories: OrderedDict[str, Memory] = OrderedDict()

    def of(self, session_id: str) -> Memory:
        """What is remembered of this session: nothing yet if it is new."""
        memory = self._memories.get(session_id)
        if memory is None:
            memory = self._memories[session_id] = Memory(Pace(clock=self._monotonic))
            if len(self._memories) > _MAX_SESSIONS:
                self._memories.popitem(last=False)
        return memory

    def forget(self, session_id: str) -> None:
        """Called when a session has ended."""
        self._memories.pop(session_id, None)
