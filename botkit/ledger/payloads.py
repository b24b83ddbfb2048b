"""The newest payloads at hand: a cache bounded by bytes, in front of the table."""

from __future__ import annotations

import threading
from collections import OrderedDict

from botkit.handoff.conversation import ConversationId
from botkit.ledger.interface import HookBody


class PayloadCache:
    """Least recently used payloads go first; one larger than the whole cache is not kept at all."""

    def __init__(self, most_bytes: int = 16 * 1024 * 1024) -> None:
        self._most = most_bytes
        self._size = 0
        self._kept: OrderedDict[ConversationId, HookBody] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, conversation_id: ConversationId) -> HookBody | None:
        with self._lock:
            found = self._kept.get(conversation_id)
            if found is not None:
                self._kept.move_to_end(conversation_id)
            return found

    def put(self, conversation_id: ConversationId, hook: HookBody) -> None:
        with self._lock:
            self._forget(conversation_id)
            self._kept[conversation_id] = hook
            self._size += len(hook.body)
            while self._size > self._most:
                self._forget(next(iter(self._kept)))

    def drop(self, conversation_id: ConversationId) -> None:
        with self._lock:
            self._forget(conversation_id)

    def _forget(self, conversation_id: ConversationId) -> None:
        gone = self._kept.pop(conversation_id, None)
        if gone is not None:
            self._size -= len(gone.body)
