"""Both emulated clouds on an event loop in a thread, for tests that are not coroutines."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from botkit_sandbox.server import Sandbox

T = TypeVar("T")


class Clouds:
    """The sandbox on a loop in a thread. Use its objects on that loop only, through `do`."""

    def __init__(self, bot_folder: Path | None = None) -> None:
        """Start both on free ports. `bot_folder` is an exported bot; by default the sample bot."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="clouds", daemon=True)
        self._thread.start()
        self.sandbox = Sandbox(0, bot_folder=bot_folder)
        asyncio.run_coroutine_threadsafe(self.sandbox.start(), self._loop).result(30)
        self.kore, self.salesforce, self.wire = self.sandbox.kore, self.sandbox.salesforce, self.sandbox.wire
        self.live_chat = self.sandbox.live_chat
        self._as_usual = self.kore.core.settings, self.salesforce.settings, self.live_chat.settings

    def do(self, action: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """Call `action` on the clouds' loop and wait for its result."""

        async def run() -> T:
            return action(*arguments, **named)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(30)

    def calm(self) -> None:
        """End all faults, and reset all switches."""
        self.kore.core.settings, self.salesforce.settings, self.live_chat.settings = self._as_usual
        self.do(self.kore.set_faults, [])
        self.do(self.salesforce.faults.clear)
        self.do(self.live_chat.faults.clear)

    def close(self) -> None:
        """Stop both."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    async def _stop(self) -> None:
        await self.sandbox.stop()
        rest = asyncio.all_tasks() - {asyncio.current_task()}  # such as answers that a fault holds back
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
