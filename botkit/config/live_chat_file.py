"""A Live Chat system's part of a bot's file: what must be right in it beyond its schema, and its settings.

Salesforce says nothing of a mapping that cannot work: names are case-sensitive, and a label that no pre-chat detail has leaves
the record out without a word (protocols/salesforce-live-chat.md, 4 and 13.11). So what can be checked is checked here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from botkit.config.durations import parse_duration
from botkit.config.given import given
from botkit.config.live_agent_url import normalize_live_agent_url
from botkit.config.live_chat import Entity, EntityField, LiveChatSettings
from botkit.config.organization_id import parse_organization_id
from botkit.config.problems import listed, nearest
from botkit.config.validation import Checked

_Place = tuple[str | int, ...]


def check_live_chat(checked: Checked, place: _Place) -> None:
    """Complain of records that Salesforce would neither find nor create, and of overrides that name nobody."""
    entities = checked.mapping(*place, "entities")
    for name in entities:
        here = (*place, "entities", name)
        if not name[:1].isupper() and not name.endswith("__c"):
            what = "is not a name Salesforce knows: names are case-sensitive"
            checked.complain(
                here, what, f"write {name[:1].upper()}{name[1:]}, or the API name of a custom object"
            )
        for field in checked.mapping(*here, "fields"):
            _field(checked, (*here, "fields", field))
        other = checked.text(*here, "link_to", "entity")
        if other is not None and other not in entities:
            meant = nearest(other, entities)
            fix = f"did you mean {meant}?" if meant else f"write one of {listed(entities)}"
            checked.complain((*here, "link_to", "entity"), f"{other} is no entity of this system", fix)
    if checked.at(*place, "button_overrides") and checked.at(*place, "agent_id") is not None:
        what = "is never asked: button_overrides replaces agent and button"
        checked.complain((*place, "agent_id"), what, "remove it, or button_overrides")


def live_chat_settings(system: Any, *, insecure_http: bool) -> LiveChatSettings:
    """The typed settings. Only to be asked for when the file has no problem."""
    return LiveChatSettings(
        live_agent_url=normalize_live_agent_url(system["live_agent_url"], insecure_http=insecure_http),
        organization_id=parse_organization_id(system["organization_id"]),
        deployment_id=system["deployment_id"].strip(),
        button_id=system["button_id"].strip(),
        **given(
            system,
            api_version=int,
            agent_id=str.strip,
            do_fallback=bool,
            button_overrides=lambda overrides: tuple(override.strip() for override in overrides),
            labels=_frozen,
            transcript_fields=lambda fields: _frozen({name: tuple(names) for name, names in fields.items()}),
            hidden=frozenset,
            entities=_entities,
            queue_updates=bool,
            availability_check=bool,
            answer_within=parse_duration,
            poll_margin=parse_duration,
            timeout=parse_duration,
            max_text=int,
        ),
    )


def _field(checked: Checked, place: _Place) -> None:
    find, exact, create = (checked.at(*place, key) for key in ("find", "exact", "create"))
    if exact is True and find is not True:
        checked.complain(
            (*place, "exact"), "narrows a search, and there is none", "add find: true, or remove it"
        )
    if create is False and find is not True:
        what = "leaves the field neither searched by nor set on a new record"
        checked.complain((*place, "create"), what, "add find: true, or remove the field")


def _entities(entities: Any) -> tuple[Entity, ...]:
    return tuple(_entity(name, entity) for name, entity in entities.items())


def _entity(name: str, entity: Any) -> Entity:
    link = entity.get("link_to")
    return Entity(
        name=name,
        fields=tuple(
            EntityField(
                field_name=field,
                attribute=value["attribute"],
                **given(value, find=bool, exact=bool, create=bool),
            )
            for field, value in entity["fields"].items()
        ),
        link_to=None if link is None else (link["entity"], link["field"]),
        **given(entity, show_on_create=bool, save_to_transcript=str),
    )


def _frozen(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(mapping))
