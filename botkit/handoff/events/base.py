"""`BaseEvent`: the fields of every event."""

from __future__ import annotations

from botkit.handoff.conversation import Instant
from botkit.handoff.record import Record


class BaseEvent(Record, frozen=True, kw_only=True, tag=True):
    """Something that happened to a conversation at `at`.

    `key` is the deduplication key: the ledger ignores an event whose key it has committed before. An empty key is never
    remembered. Randomness the rules need (the id of a new agent session) comes in with the event.
    """

    key: str
    at: Instant
