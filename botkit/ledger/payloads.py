"""The newest payloads at hand: a cache bounded by bytes, in front of the table.

Payloads are kept compressed. A context is JSON that repeats itself, and there is one for every open conversation: it takes a
quarter of the room, for 15 µs when it comes and 7 µs when it is used (measured with 3 KB).
"""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Self

from botkit.handoff.conversation import ConversationId
from botkit.ledger.interface import HookBody

_COMPRESSED_FROM, _COMPRESSED_TO = 512, 64 * 1024
"""Bytes. Smaller ones are not worth it; larger ones would hold up the commits that wait behind."""


@dataclass(frozen=True, slots=True)
class _Kept:
    body: bytes = field(repr=False)
    compressed: bool
    component_id: str

    @classmethod
    def of(cls, hook: HookBody) -> Self:
        if _COMPRESSED_FROM <= len(hook.body) <= _COMPRESSED_TO:
            return cls(zlib.compress(hook.body, 1), True, hook.component_id)
        return cls(hook.body, False, hook.component_id)

    def hook(self) -> HookBody:
        return HookBody(zlib.decompress(self.body) if self.compressed else self.body, self.component_id)


class PayloadCache:
    """Least recently used payloads go first; one larger than the whole cache is not kept at all."""

    def __init__(self, max_bytes: int = 16 * 1024 * 1024) -> None:
        self._most = max_bytes
        self._size = 0
        self._kept: OrderedDict[ConversationId, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, conversation_id: ConversationId) -> HookBody | None:
        with self._lock:
            found = self._kept.get(conversation_id)
            if found is None:
                return None
            self._kept.move_to_end(conversation_id)
        return found.hook()

    def put(self, conversation_id: ConversationId, hook: HookBody) -> None:
        kept = _Kept.of(hook)
        with self._lock:
            self._forget(conversation_id)
            self._kept[conversation_id] = kept
            self._size += len(kept.body)
            while self._size > self._most:
                self._forget(next(iter(self._kept)))

    def drop(self, conversation_id: ConversationId) -> None:
        with self._lock:
            self._forget(conversation_id)

    def _forget(self, conversation_id: ConversationId) -> None:
        gone = self._kept.pop(conversation_id, None)
        if gone is not None:
            self._size -= len(gone.body)
