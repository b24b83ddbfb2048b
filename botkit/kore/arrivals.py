"""How often a message stands at the end of a user's history (getMessages; docs/protocols/kore-xo-botkit.md, 4.5). No I/O."""

from __future__ import annotations

from itertools import takewhile

from botkit.http.lenient_json import try_decoded
from botkit.kore.history import HistoryMessage, read_page, text_of

MAX_RECORDS = 50
"""The records that are asked for: a message that may have arrived is among the newest."""


def times_shown(page: bytes, sent: bytes, *, since: float) -> int | None:
    """How often the user was shown a message, as the last thing that they were shown.

    Args:
        page: the answer to `KoreRequests.get_messages` with `MAX_RECORDS`.
        sent: the body of the call that shows it.
        since: epoch seconds by the platform's clock. Older records are of other messages.

    Returns:
        The number; None if the history cannot tell: it does not know the user or reach back far enough, another message came
        after this one, or this one has no text.

    Raises:
        BadReply: the page is not a list of messages.
    """
    texts = _texts(sent)
    found = read_page(page)
    if not texts or not found.messages:
        return None
    newest_first = sorted(found.messages, key=_at, reverse=True)
    shown = [one for one in newest_first if one.sender == "bot"]
    is_it = [_words(one.text) in texts for one in shown if one.at is None or _at(one) >= since]
    if True not in is_it:
        reaches_back = _at(newest_first[-1]) < since
        whole = not found.more_available and found.records < MAX_RECORDS
        return 0 if reaches_back or whole else None
    return len(list(takewhile(bool, is_it))) or None


def _at(message: HistoryMessage) -> float:
    return message.at.timestamp() if message.at is not None else float("inf")


def _texts(sent: bytes) -> frozenset[str]:
    """What the history may show of a message: its plain text, or its template's texts."""
    body = try_decoded(sent)
    if not isinstance(body, dict):
        return frozenset()
    override = body.get("overrideMessagePayload")
    values = (body.get("message"), override.get("body") if isinstance(override, dict) else None)
    texts = (text_of({"components": [{"data": {"text": value}}]}) for value in values)
    return frozenset(_words(text) for text in texts) - {""}


def _words(text: str) -> str:
    return " ".join(text.split())
