"""The settings of a Live Chat deployment: their types, their schema, and the rules for records and addresses.

SwitchServer and FileTransfer name URLs that we then call with the user's session. Only Salesforce's own hosts are called, and
from a loopback address (a demo) only loopback addresses. Sections are those of docs/protocols/salesforce-live-chat.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import SplitResult, urlsplit

from botkit.agents.api import Section
from botkit.agents.salesforce import is_loopback, short_id
from botkit.errors import UnusableValue

SCHEMA: dict[str, Any] = json.loads(Path(__file__).with_name("schema.json").read_text(encoding="utf-8"))

DEFAULT_API_VERSION = 58
"""The version that the protocol page suggests (6). Versions from 47 on have the estimated wait."""

OLDEST_API_VERSION = 37
"""The first version with ReconnectSession (2.11). With an older one, a chat ends when its server is lost."""


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
    """One Live Chat deployment (`type: salesforce-live-chat`). `schema.json` describes each setting.

    Attributes:
        live_agent_url: normalised by `normalize_live_agent_url`: ``https://d.la1-c1.salesforceliveagent.com/chat/rest``.
        organization_id: ``00D…``, of 15 or 18 characters, like every id here.
        agent_id: ``005…``, to request one agent; with `do_fallback` the button's agents are next.
        button_overrides: button ids, agent ids, ``agent_button`` pairs (2.3).
        labels: attribute → label of its pre-chat detail.
        transcript_fields: attribute → API names of fields of LiveChatTranscript.
        entities: API name (``Contact``, ``Case``, ``My_Thing__c``) → the record to find or to create (section 4).
        availability_check: ask before a chat whether an agent is available; if that is unknown, continue.
        max_text: in UTF-16 code units; Salesforce documents no limit (9).
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
        """The buttons and agents whose availability is checked before a chat (2.15)."""
        if self.button_overrides:
            parts = (part for override in self.button_overrides for part in override.split("_"))
            return tuple(dict.fromkeys(short_id(part) for part in parts if part))
        if self.agent_id and not self.do_fallback:
            return (short_id(self.agent_id),)
        return tuple(short_id(part) for part in (self.agent_id, self.button_id) if part)


def check_records(section: Section) -> None:
    """Report records that Salesforce would neither find nor create, and an agent that is never asked.

    Salesforce ignores such a mapping silently: names are case-sensitive, and a label without a pre-chat detail drops the record
    (4, 13.11).
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


REST = "/chat/rest"
_OURS = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,6}(?:salesforceliveagent|salesforce-scrt)\.com", re.ASCII
)
_PATHS = ("", "/chat", REST)
_FIX = "use the Chat API Endpoint of Setup → Chat Settings, such as https://d.la1-c1.salesforceliveagent.com/chat/rest/"
_DISCREDITED = re.compile(r"[\\#\s\x00-\x20\x7f-\uffff]")


def normalize_live_agent_url(value: str, *, insecure_http: bool = False) -> str:
    """The base URL of every request, without a slash at its end (1).

    Setup → Chat Settings shows the endpoint as `https://<pod>.salesforceliveagent.com/chat/rest/`, or with enhanced domains
    as `https://<domain>.my.salesforce-scrt.com/chat/rest/`.

    Args:
        value: the configured text: a host, or the endpoint with or without ``/chat/rest/``.
        insecure_http: accepts loopback addresses (the sandbox, a test).

    Raises:
        UnusableValue: it is not a Live Chat endpoint, with the reason.
    """
    text = value.strip()
    if not text:
        raise UnusableValue("is empty", _FIX)
    url = split_url(text if "://" in text else f"https://{text.removeprefix('//')}")
    if url is None:
        raise UnusableValue("is not a URL", _FIX)
    host = url.hostname or ""
    if url.query or url.path.rstrip("/").lower() not in _PATHS:
        raise UnusableValue("has a path that is not /chat/rest", _FIX)
    if is_loopback(host):
        if not insecure_http:
            raise UnusableValue(
                "is this machine, not Salesforce",
                "for a demo or test set security.insecure_http: true in botkit.yaml; otherwise " + _FIX,
            )
        return f"{url.scheme if '://' in text else 'http'}://{url.netloc}{REST}"
    if url.scheme != "https" and "://" in text:
        raise UnusableValue("is an http URL, and Salesforce is reached over https only", _FIX)
    if not is_salesforce(host):
        raise UnusableValue("is not a host of salesforceliveagent.com or salesforce-scrt.com", _FIX)
    if url.port not in (None, 443):
        fix = f"leave the port out: https://{host}{REST}"
        raise UnusableValue("names a port", fix, discreet_fix="leave the port out")
    return f"https://{host}{REST}"


def is_salesforce(host: str) -> bool:
    """Whether Salesforce runs Live Chat on this host, written in lower case."""
    return _OURS.fullmatch(host) is not None


def split_url(text: str) -> SplitResult | None:
    """The parts of a URL that all parsers read in the same way; None for any other text."""
    if len(text) > 2_000 or _DISCREDITED.search(text) is not None:
        return None
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return None
    if url.scheme not in ("http", "https") or not url.hostname or "@" in url.netloc or port == 0:
        return None
    return url


def switched(base: str, new_url: str) -> str | None:
    """The base URL after a SwitchServer to `new_url`, which ends with ``/chat``; None if its host must not be called (2.19)."""
    url = split_url(new_url)
    if url is None or url.query or url.path.rstrip("/") not in _PATHS or not _follows(base, url):
        return None
    return f"{url.scheme}://{url.netloc.lower()}{REST}"


def may_upload_to(base: str, url: str) -> bool:
    """Whether a file may be sent to this URL (2.21)."""
    parsed = split_url(url)
    return parsed is not None and _follows(base, parsed)


def _follows(base: str, url: SplitResult) -> bool:
    host = url.hostname or ""
    if is_loopback(urlsplit(base).hostname or ""):
        return is_loopback(host)
    return url.scheme == "https" and url.port in (None, 443) and is_salesforce(host)
