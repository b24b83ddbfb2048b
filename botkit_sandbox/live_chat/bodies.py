"""The bodies of the POSTs that visitors send, validated once.

They are parsed leniently, as the real service does: any content type, ``"true"`` for true, unknown fields ignored.

See docs/protocols/salesforce-live-chat.md, 2 and 4.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import msgspec

from botkit_sandbox.salesforce.refusal import Refusal

T = TypeVar("T", bound=msgspec.Struct)


class CustomDetail(msgspec.Struct, frozen=True, rename="camel"):
    """A pre-chat detail. Both spellings of its entity mappings are accepted; records are created from `Entity` alone (4)."""

    label: str
    value: Any = None
    transcript_fields: list[str] | None = None
    display_to_agent: bool | None = None


class FieldMap(msgspec.Struct, frozen=True, rename="camel"):
    """A field of an entity; `label` is the label of the detail that has its value."""

    field_name: str
    label: str
    do_find: bool | None = None
    is_exact_match: bool | None = None
    do_create: bool | None = None


class Entity(msgspec.Struct, frozen=True, rename="camel"):
    """A record to find or create. Names are case-sensitive."""

    entity_name: str
    entity_fields_maps: list[FieldMap] | None = None
    save_to_transcript: str | None = None
    link_to_entity_name: str | None = None
    link_to_entity_field: str | None = None
    show_on_create: bool | None = None


class ChasitorInit(msgspec.Struct, frozen=True, rename="camel"):
    """The request for a chat (2.3). `button_id` may be absent if an agent or overrides are named."""

    organization_id: str
    deployment_id: str
    button_id: str | None = None
    session_id: str | None = None
    agent_id: str | None = None
    do_fallback: bool | None = None
    button_overrides: list[str] | None = None
    language: str | None = None
    visitor_name: str | None = None
    prechat_details: list[CustomDetail] | None = None
    prechat_entities: list[Entity] | None = None
    receive_queue_updates: bool | None = None


class ChatMessage(msgspec.Struct, frozen=True):
    """2.5."""

    text: str


class Empty(msgspec.Struct, frozen=True):
    """ChasitorTyping and ChasitorNotTyping; no body is documented (2.6)."""


class SneakPeek(msgspec.Struct, frozen=True):
    """2.7."""

    text: str
    position: int | None = None


class CustomEvent(msgspec.Struct, frozen=True):
    """2.8."""

    type: str
    data: str


class ChatEnd(msgspec.Struct, frozen=True):
    """2.9."""

    reason: str | None = None


class IdleWarning(msgspec.Struct, frozen=True, rename="camel"):
    """2.10."""

    idle_timeout_warning_event: Literal["triggered", "cleared"]


class ResyncState(msgspec.Struct, frozen=True, rename="camel"):
    """2.13."""

    organization_id: str


class TriggeredRule(msgspec.Struct, frozen=True):
    id: str = ""
    name: str = ""


class RulesTriggered(msgspec.Struct, frozen=True):
    """2.20."""

    rules: list[TriggeredRule]


class Noun(msgspec.Struct, frozen=True):
    """One part of a MultiNoun: the guide's table calls the payload `data`, its sample `object` (2.14)."""

    prefix: str
    noun: str
    object: Any = None
    data: Any = None


class MultiNoun(msgspec.Struct, frozen=True):
    """2.14."""

    nouns: list[Noun]


class Breadcrumb(msgspec.Struct, frozen=True):
    """2.18."""

    location: str


def parse(body: bytes, shape: type[T]) -> T:
    """Raises: Refusal 400."""
    if not body.strip():
        if shape is Empty:
            return shape()
        raise Refusal(400, "Bad Request: a body is required")
    try:
        return convert(msgspec.json.decode(body), shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, f"Bad Request: the body is not JSON ({error})") from error


def convert(raw: object, shape: type[T]) -> T:
    """The payload of a POST, or of one part of a MultiNoun.

    Raises:
        Refusal: 400.
    """
    try:
        if isinstance(raw, str):
            raw = msgspec.json.decode(raw)
        return msgspec.convert({} if raw is None else raw, shape, strict=False)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise Refusal(400, f"Bad Request: {error}") from error
