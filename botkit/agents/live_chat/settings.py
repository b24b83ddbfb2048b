"""The settings of a Live Chat deployment, their schema, and the rules beyond it.

Sections are those of docs/protocols/salesforce-live-chat.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from botkit.agents.api import Section
from botkit.agents.salesforce import short_id

SCHEMA: dict[str, Any] = json.loads(Path(__file__).with_name("schema.json").read_text(encoding="utf-8"))

DEFAULT_API_VERSION = 58
"""The version the protocol document suggests (6). Any version from 47 on knows the estimated wait."""

OLDEST_API_VERSION = 37
"""The first version with ReconnectSession (2.11); with an older one a chat that loses its server is lost."""


@dataclass(frozen=True, slots=True)
class EntityField:
    """One field of a record, filled from the attribute `attribute`.

    `find` searches by it, `exact` narrows the search to equal values, `create` sets it on a new record.
    """

    attribute: str
    find: bool = False
    exact: bool = False
    create: bool = True


@dataclass(frozen=True, slots=True)
class EntityLink:
    """Another entity of the same chat, and its field that gets a record's id."""

    entity: str
    field: str


@dataclass(frozen=True, slots=True)
class Entity:
    """One record of a chat that is found or created (section 4).

    Attributes:
        fields: API name of the field → its value's source; at least one.
        show_on_create: open the new record in the agent's console.
        save_to_transcript: the lookup field of LiveChatTranscript that gets the record's id.
        link_to: another entity and its field that gets this record's id (Contact → Case, ContactId).
    """

    fields: Mapping[str, EntityField]
    show_on_create: bool = False
    save_to_transcript: str = ""
    link_to: EntityLink | None = None


@dataclass(frozen=True, slots=True)
class LiveChatSettings:
    """One Live Chat deployment (`type: salesforce-live-chat`).

    Attributes:
        live_agent_url: normalised by `addresses.normalize_live_agent_url`: ``https://d.la1-c1.salesforceliveagent.com/chat/rest``.
        organization_id: ``00D…``, of 15 or 18 characters, like every id here.
        deployment_id: ``572…``.
        button_id: ``573…``.
        api_version: of every request.
        agent_id: ``005…``, to ask for one agent; with `do_fallback` the button's agents are asked next.
        do_fallback: see `agent_id`.
        button_overrides: tried in turn instead of button and agent: button ids, agent ids, ``agent_button`` pairs (2.3).
        labels: attribute → label of its pre-chat detail; by default the attribute's own name.
        transcript_fields: attribute → API names of fields of LiveChatTranscript.
        hidden: attributes that the agent does not see.
        entities: API name (``Contact``, ``Case``, ``My_Thing__c``) → the record to find or to create (section 4).
        queue_updates: ask for the place in the queue.
        availability_check: ask before a chat whether an agent is there; if that cannot be found out, go on.
        answer_within: a chat request that is neither queued nor refused for so long counts as failed.
        poll_margin: how much longer to wait for a poll than the server says.
        timeout: of every other call.
        max_text: the longest message, in UTF-16 code units; Salesforce documents no limit (9).
    """

    live_agent_url: str
    organization_id: str
    deployment_id: str
    button_id: str
    api_version: int = DEFAULT_API_VERSION
    agent_id: str = ""
    do_fallback: bool = True
    button_overrides: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    transcript_fields: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    hidden: frozenset[str] = frozenset()
    entities: Mapping[str, Entity] = field(default_factory=lambda: MappingProxyType({}))
    queue_updates: bool = True
    availability_check: bool = True
    answer_within: timedelta = timedelta(seconds=60)
    poll_margin: timedelta = timedelta(seconds=15)
    timeout: timedelta = timedelta(seconds=10)
    max_text: int = 10_000

    def __post_init__(self) -> None:
        if self.api_version < OLDEST_API_VERSION:
            raise ValueError(
                f"api_version {self.api_version} is too old: {OLDEST_API_VERSION} is the first with ReconnectSession"
            )

    @property
    def targets(self) -> tuple[str, ...]:
        """The buttons and agents whose availability decides whether anyone can be asked (2.15)."""
        if self.button_overrides:
            parts = (part for override in self.button_overrides for part in override.split("_"))
            return tuple(dict.fromkeys(short_id(part) for part in parts if part))
        if self.agent_id and not self.do_fallback:
            return (short_id(self.agent_id),)
        return tuple(short_id(part) for part in (self.agent_id, self.button_id) if part)


def check_records(section: Section) -> None:
    """Report records that Salesforce would neither find nor create, and an agent that is never asked.

    Salesforce ignores such a mapping silently: names are case-sensitive, and a label that no pre-chat detail has leaves the
    record out (4, 13.11). So everything that can be checked here is.
    """
    entities = section.mapping("entities")
    for name in entities:
        here = ("entities", name)
        if not name[:1].isupper() and not name.endswith("__c"):
            what = "is not a name Salesforce knows: names are case-sensitive"
            section.complain(
                here, what, f"write {name[:1].upper()}{name[1:]}, or the API name of a custom object"
            )
        for name_of_field in section.mapping(*here, "fields"):
            _check_field(section, (*here, "fields", name_of_field))
        other = section.text(*here, "link_to", "entity")
        if other is not None and other not in entities:
            what, fix = f"{other} is no entity of this system", section.suggest(other, entities)
            section.complain((*here, "link_to", "entity"), what, fix)
    if section.at("button_overrides") and section.at("agent_id") is not None:
        what = "is never asked: button_overrides replaces agent and button"
        section.complain(("agent_id",), what, "remove it, or button_overrides")


def _check_field(section: Section, place: tuple[str, ...]) -> None:
    find, exact, create = (section.at(*place, key) for key in ("find", "exact", "create"))
    if exact is True and find is not True:
        section.complain(
            (*place, "exact"), "narrows a search, and there is none", "add find: true, or remove it"
        )
    if create is False and find is not True:
        what = "leaves the field neither searched by nor set on a new record"
        section.complain((*place, "create"), what, "add find: true, or remove the field")
