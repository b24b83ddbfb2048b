"""Shards: each has some of the users, and one process at a time owns it."""

from __future__ import annotations

from functools import lru_cache
from zlib import crc32

from botkit.handoff.conversation import ConversationId

SHARDS = 64
"""They are shared out evenly, so there may be about a dozen processes before some have noticeably more to do."""


@lru_cache(maxsize=1024)  # A hook asks for it several times.
def shard_of(conversation_id: ConversationId) -> int:
    """The shard of a user. All channels of a user are in one."""
    name = f"{conversation_id.bot_id}\0{conversation_id.user_id}"
    return crc32(name.encode(errors="surrogatepass")) % SHARDS
