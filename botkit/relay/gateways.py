"""The two sides a relay talks to: the XO platform and the agent systems, by bot."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from botkit.agents import AgentSystem, File
from botkit.config.settings import Settings
from botkit.handoff.events import Content, TranscriptLine
from botkit.ledger.interface import HookBody


class Platform(Protocol):
    """The XO platform as one bot sees it. Raises the errors of `botkit.errors.CallError`'s branch, nothing else.

    `idempotency_key` names the effect, not the attempt: it is the same each time the effect is tried.
    """

    async def pass_to_bot(self, hook: HookBody, *, idempotency_key: str) -> None:
        """Give the hook's user message to the bot."""

    async def pass_to_user(self, hook: HookBody, *, idempotency_key: str) -> None:
        """Give the hook's bot message to the user."""

    async def skip_user_message(self, hook: HookBody, *, idempotency_key: str) -> None:
        """Say that the hook's bot message is not shown."""

    async def send_to_user(
        self, newest: HookBody, content: Content, *, agent_name: str, idempotency_key: str
    ) -> None:
        """Show something to the user."""

    async def clear_agent_session(self, newest: HookBody, *, idempotency_key: str) -> None:
        """Give the user back to the bot."""

    async def extend_request(self, newest: HookBody, *, idempotency_key: str) -> None:
        """Keep the newest requestId usable."""

    async def call(self, hook: HookBody, name: str, changes: str, *, idempotency_key: str) -> None:
        """A call of `kore.calls.SDK_CALLS` with this hook's body and, where they are given, changes to its members (JSON)."""

    async def answer_webhook(
        self, hook: HookBody, context: str, *, replace: bool, idempotency_key: str
    ) -> None:
        """Answer a webhook that was deferred, with changes to its context (JSON), or another context instead of it."""

    async def show_typing(self, newest: HookBody, *, url: str, started: bool, idempotency_key: str) -> None:
        """Show or hide an agent's typing in the user's client, which takes events at `url`."""

    async def tell_client(
        self, newest: HookBody, *, url: str, name: str, data: str, idempotency_key: str
    ) -> None:
        """Pass an event of the agents' side on to the user's client, which takes events at `url`."""

    async def transcript(
        self, newest: HookBody, *, limit: int, session_id: str
    ) -> tuple[TranscriptLine, ...]:
        """The conversation so far, oldest first; `session_id` is Kore's, empty if not known."""

    async def file(self, name: str, url: str, *, max_bytes: int) -> File:
        """A file the user sent. One that is larger is refused."""


class Gateways(Protocol):
    """Finds who is meant. None stands for a bot or system that the configuration does not name (any more)."""

    def platform(self, bot_id: str) -> Platform | None:
        """The XO platform for this bot."""

    def system(self, bot_id: str, name: str) -> AgentSystem | None:
        """The agent system of this name in this bot's configuration."""


Connect = Callable[[Settings], AbstractAsyncContextManager[Gateways]]
"""Opens what is needed to reach the outside, on the relay's loop, and closes it again."""
