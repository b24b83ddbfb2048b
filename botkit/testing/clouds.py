"""Both emulated clouds in a thread, for tests that are not coroutines."""

from __future__ import annotations

from pathlib import Path

from botkit.testing.waiting import within
from botkit_sandbox.server import SandboxThread
from botkit_sandbox.wire import WireEntry

_ANSWER_SECONDS = 15.0


class Clouds(SandboxThread):
    """A sandbox in a thread, with its parts at hand. Use them on its loop only, through `do`."""

    def __init__(self, bot_folder: Path | None = None, *, port: int = 0) -> None:
        """Start both clouds.

        Args:
            bot_folder: an exported bot; by default the sample bot.
            port: see `Sandbox`; 0 takes free ports.
        """
        super().__init__(port, bot_folder=bot_folder)
        self.kore, self.salesforce, self.wire = self.sandbox.kore, self.sandbox.salesforce, self.sandbox.wire
        self.live_chat = self.sandbox.live_chat
        self._defaults = self.kore.core.settings, self.salesforce.settings, self.live_chat.settings

    def exchanges(self, label: str) -> list[WireEntry]:
        """Exchanges with this label, oldest first, once no request with it is being answered; waits for at most 15 s.

        Not waited for: requests that a fault holds, long polls and event streams.
        """
        within(_ANSWER_SECONDS, lambda: not self.do(lambda: self.wire.unanswered[label]))
        return self.do(lambda: [entry for entry in self.wire.entries if entry.label == label])

    def failed_hooks(self, user_id: str) -> list[str]:
        """The user's hooks that BotKit did not take: each one's event, status and answer, oldest first."""

        def find() -> list[str]:
            hooks = [one for one in self.wire.entries if one.source == "kore" and one.target == "botkit"]
            return [
                f"{one.label} {one.status or ''} {one.response_body[:200]}"
                for one in hooks
                if user_id in one.request_body and not 200 <= (one.status or 0) < 300
            ]

        return self.do(find)

    def calm(self) -> None:
        """End all faults, and reset all switches."""
        self.kore.core.settings, self.salesforce.settings, self.live_chat.settings = self._defaults
        self.do(self.kore.set_faults, [])
        self.do(self.salesforce.faults.clear)
        self.do(self.live_chat.faults.clear)
