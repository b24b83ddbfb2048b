"""What a bot does not take: messages over 3000 characters, words over 1200 (protocols/kore-xo-botkit.md 4.2)."""

from __future__ import annotations

from botkit.errors import MessageTooLong
from botkit.handoff.text import length

MESSAGE_LIMIT = 3_000
WORD_LIMIT = 1_200


def check_message_for_bot(text: str, *, what: str = "send bot message") -> None:
    """Return if the bot can take `text`.

    Raises:
        MessageTooLong: with how long it is and how long it may be; nothing was sent.
    """
    # No character counts as more than two, so nearly every message is seen to be short without a closer look.
    if len(text) * 2 <= WORD_LIMIT:
        return
    if (whole := length(text)) > MESSAGE_LIMIT:
        raise MessageTooLong(
            what,
            detail=f"{whole} characters, of which a bot takes at most {MESSAGE_LIMIT}: send it in parts",
        )
    if (longest := max(map(length, text.split()), default=0)) > WORD_LIMIT:
        raise MessageTooLong(
            what,
            detail=f"a word of {longest} characters, of which a bot takes at most {WORD_LIMIT}: break it up",
        )
