"""Hashes of user ids for logs: they tell one user's lines from another's without naming anybody.

A hash is keyed BLAKE2b of the user's id, 40 bits long, with a key that is derived from the bot's client secret. Without that
secret nobody can find out whose hash it is by trying ids, and it differs from bot to bot. It changes when the secret does.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

_PURPOSE = b"botkit: hashes of user ids in logs"
_HASH_BYTES = 5


class UserHashes:
    """The hashes of the users of some bots.

    Args:
        secrets: bot id → the bot's client secret.
    """

    __slots__ = ("_keys",)

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._keys = {
            bot_id: blake2b(_PURPOSE + secret.encode(), digest_size=32).digest()
            for bot_id, secret in secrets.items()
        }

    def of(self, bot_id: str, user_id: str) -> str:
        """Ten hexadecimal digits; empty for a bot that is not known."""
        key = self._keys.get(bot_id)
        if key is None:
            return ""
        return blake2b(user_id.encode(errors="surrogatepass"), digest_size=_HASH_BYTES, key=key).hexdigest()
