"""MIAW with an event stream that repeats, delays, loses and swaps events, and has some of unknown kinds."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any, Literal

from botkit_sandbox.salesforce import SalesforceCloud
from botkit_sandbox.salesforce.eventlog import frame
from botkit_sandbox.salesforce.refusal import Refusal
from botkit_sandbox.salesforce.state import Conversation, Entry
from botkit_sandbox.salesforce.tokens import Claims

Disorder = Literal["repeated", "delayed", "lost", "swapped", "unknown"]
HELD_SECONDS = 1.5
"""A swapped event waits for the next one of its conversation, or for so long."""


class HostileDesk(SalesforceCloud):
    """The list of entries stays true, whatever the stream says."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.injected = 0
        self._chance = random.Random(1)
        self._disorders: Sequence[Disorder] = ()
        self._share = 0.0
        self._held: dict[str, tuple[Conversation, str, Entry]] = {}
        """Events that wait for the next one of their conversation."""
        self._verified: dict[str, Claims] = {}
        """By the headers that brought them: a client sends the same one with every call."""

    def authorize(self, authorization: str | None) -> Claims:
        """As every desk does, but a signature is verified once."""
        claims = self._verified.get(authorization or "")
        if claims is None:
            claims = self._verified[authorization or ""] = super().authorize(authorization)
        elif why := self.dead(claims):
            raise Refusal(401, why)
        return claims

    def disturb(self, disorders: Sequence[Disorder], share: float) -> None:
        """From now on, one of these happens to so many of all agents' messages."""
        self._disorders, self._share = disorders, share

    def calm(self) -> None:
        """Put events on the stream as they come."""
        self._disorders = ()
        for conversation in list(self._held):
            self._let_go(conversation)

    def _put_on_stream(self, conversation: Conversation, event: str, entry: Entry) -> None:
        agents_own = entry.entry_type == "Message" and entry.sender.role != "EndUser"
        if not self._disorders or not agents_own or self._chance.random() >= self._share:
            super()._put_on_stream(conversation, event, entry)
            self._let_go(conversation.id)
            return
        self.injected += 1
        match self._chance.choice(self._disorders):
            case "repeated":
                super()._put_on_stream(conversation, event, entry)
                super()._put_on_stream(conversation, event, entry)
            case "lost":
                pass  # Its id is missing on the stream.
            case "unknown":
                super()._put_on_stream(conversation, event, entry)
                self._put_unknown(conversation)
            case "delayed":
                later = super()._put_on_stream
                asyncio.get_running_loop().call_later(
                    self._chance.uniform(0.05, HELD_SECONDS), later, conversation, event, entry
                )
            case "swapped":
                self._let_go(conversation.id)
                self._held[conversation.id] = conversation, event, entry
                asyncio.get_running_loop().call_later(HELD_SECONDS, self._let_go, conversation.id)
                return
        self._let_go(conversation.id)

    def _let_go(self, conversation_id: str) -> None:
        held = self._held.pop(conversation_id, None)
        if held is not None:
            super()._put_on_stream(*held)

    def _put_unknown(self, conversation: Conversation) -> None:
        event_id = self._next_event_id(conversation.owner)
        data = self._chance.choice([b'{"what":1}', b"[]", b"null", b"not JSON", b'{"conversationEntry":{}}'])
        conversation.owner.log.append(
            frame(event_id, "CONVERSATION_NOVELTY", data), keep=self.settings.replay_window
        )
