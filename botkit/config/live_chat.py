"""`type: salesforce-live-chat`: where the deployment is, who is asked for, and what happens to the user's details.

Sections are those of protocols/salesforce-live-chat.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType

DEFAULT_API_VERSION = 58
"""Any from 47 on knows the estimated wait; 58 is what the protocol document suggests (6)."""

OLDEST_API_VERSION = 37
"""The first with ReconnectSession (2.11); before it a chat that loses its server cannot be got back."""


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
    """One record of a chat that is found or created (section 4).

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


@dataclass(frozen=True, slots=True)
class LiveChatSettings:
    """One Live Chat deployment.

    Attributes:
        live_agent_url: as `live_agent_url.normalize_live_agent_url` makes it, ``https://d.la1-c1.salesforceliveagent.com/chat/rest``.
        organization_id: ``00D…``, of 15 or 18 characters, like every id here.
        deployment_id: ``572…``.
        button_id: ``573…``.
        api_version: of every request.
        agent_id: ``005…``, to ask for one agent; with `do_fallback` the button's agents come after.
        do_fallback: see `agent_id`.
        button_overrides: what to try in turn instead of button and agent: button ids, agent ids, ``agent_button`` pairs (2.3).
        labels: attribute → label of its pre-chat detail, where that is not the attribute's own name.
        transcript_fields: attribute → API names of fields of LiveChatTranscript.
        hidden: attributes that are not shown to the agent.
        entities: records to find or to create (section 4).
        queue_updates: ask for the place in the queue.
        availability_check: ask before a chat is begun whether anybody is there; when that cannot be found out, go on.
        answer_within: neither accepted into the queue nor refused for so long means that nobody will ever answer.
        poll_margin: how much longer than the server says an unanswered poll is waited for.
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
    entities: tuple[Entity, ...] = ()
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
        """The buttons and agents whose availability decides whether anybody can be asked at all (2.15)."""
        if self.button_overrides:
            parts = (part for override in self.button_overrides for part in override.split("_"))
            return tuple(dict.fromkeys(short_id(part) for part in parts if part))
        if self.agent_id and not self.do_fallback:
            return (short_id(self.agent_id),)
        return tuple(short_id(part) for part in (self.agent_id, self.button_id) if part)


def short_id(value: str) -> str:
    """The 15 characters that identify a record; the last three of 18 are a check sum."""
    return value[:15] if len(value) == 18 else value
