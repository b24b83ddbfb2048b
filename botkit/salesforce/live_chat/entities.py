"""Records that a chat finds or creates (protocols/salesforce-live-chat.md 4): Contact, Case and others, as configured.

Names are case-sensitive, and a wrong one, or a label no detail has, makes Salesforce create nothing without a word (13.11).
So what can be checked is checked when the configuration is read.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EntityField:
    """One field of a record, filled from the attribute `attribute`.

    `find` searches by it, `exact` narrows the search to equal values, `create` sets it on a new record.
    """

    field_name: str
    attribute: str
    find: bool = False
    exact: bool = False
    create: bool = True


@dataclass(frozen=True, slots=True)
class Entity:
    """One record of a chat.

    Attributes:
        name: the API name, ``Contact``, ``Case``, ``My_Thing__c``.
        fields: at least one.
        show_on_create: open the new record in the agent's console.
        save_to_transcript: the lookup field of LiveChatTranscript that gets the record's id.
        link_to: another entity of the same chat and its field that gets this record's id (Contact → Case, ContactId).
    """

    name: str
    fields: tuple[EntityField, ...]
    show_on_create: bool = False
    save_to_transcript: str = ""
    link_to: tuple[str, str] | None = None


def problems(entities: tuple[Entity, ...]) -> list[str]:
    """What is wrong with them, in words; empty when nothing is."""
    found = []
    names = {entity.name for entity in entities}
    for entity in entities:
        if not entity.name[:1].isupper() and not entity.name.endswith("__c"):
            found.append(f"{entity.name}: names are case-sensitive; Salesforce knows {entity.name.title()!r}")
        if not entity.fields:
            found.append(f"{entity.name}: has no fields, so nothing would be found or created")
        for field in entity.fields:
            if field.exact and not field.find:
                found.append(f"{entity.name}.{field.field_name}: exact narrows a search, so it needs find")
            if not field.find and not field.create:
                found.append(f"{entity.name}.{field.field_name}: neither searched by nor set on a new record")
        if entity.link_to is not None and entity.link_to[0] not in names:
            found.append(f"{entity.name}: links to {entity.link_to[0]!r}, which is no entity of this chat")
    return found
