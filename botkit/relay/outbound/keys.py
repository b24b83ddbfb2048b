"""The keys of an effect: the same for every attempt and after a restart, so that both sides recognise a repetition."""

from __future__ import annotations

from botkit.ledger.interface import OutboxItem


def key_of(item: OutboxItem) -> str:
    """The deduplication key of the result's event: an effect has one result, however many attempts it took."""
    return f"effect/{idempotency_key(item)}"


def request_id(item: OutboxItem) -> str:
    """The x-request-id of every attempt of an effect on the platform."""
    return f"botkit-{idempotency_key(item)}"


def idempotency_key(item: OutboxItem) -> str:
    """The idempotency key of an effect: the same for every attempt and after a restart, and unique.

    The outbox id alone is not unique: a store may restart its numbers once its outbox was empty.
    """
    return f"{item.id}-{item.created_at!r}"
