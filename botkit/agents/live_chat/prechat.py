"""Builds a chat request: the user's details for the agent, and the records to find or to create.

Details hold the attributes under their labels, and entities name the labels that fill their fields. Salesforce silently drops a
record with a label that no detail has (13.11), so a field without a value in this chat is left out. Sections are those of
docs/protocols/salesforce-live-chat.md (2.3 and 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from botkit.agents.live_chat.settings import EntityField, LiveChatSettings
from botkit.agents.salesforce import short_id
from botkit.http.lenient_json import items, text

_NAMES = (("_firstName", "_lastName"), ("First Name", "Last Name"), ("FirstName", "LastName"))
_MAX_NAME = 255


def chat_request(
    settings: LiveChatSettings, *, chat_id: str, attributes: Sequence[tuple[str, str]], language: str
) -> dict[str, object]:
    """The body of ChasitorInit.

    Args:
        settings: the deployment.
        chat_id: `id` of SessionId.
        attributes: name and value; the last value of a repeated name counts.
        language: any spelling of a language tag.
    """
    known = dict(attributes)
    body: dict[str, object] = {
        "organizationId": short_id(settings.organization_id),
        "deploymentId": short_id(settings.deployment_id),
        "buttonId": short_id(settings.button_id),
        "sessionId": chat_id,
        "userAgent": "BotKit-Python",
        "language": spelled(language) or "en-US",
        "screenResolution": "1920x1080",
        "visitorName": visitor_name(known),
        "prechatDetails": _details(settings, known),
        "prechatEntities": _entities(settings, known),
        "receiveQueueUpdates": settings.queue_updates,
        "isPost": True,
    }
    if settings.button_overrides:
        # Overrides replace button, agent and fallback.
        body["buttonOverrides"] = [
            "_".join(map(short_id, one.split("_"))) for one in settings.button_overrides
        ]
    elif settings.agent_id:
        body["agentId"] = short_id(settings.agent_id)
        body["doFallback"] = settings.do_fallback
    return body


def visitor_name(attributes: Mapping[str, str]) -> str:
    """The user's name for the agent's console."""
    for first, last in _NAMES:
        if name := f"{attributes.get(first, '')} {attributes.get(last, '')}".strip():
            return name[:_MAX_NAME]
    return "Visitor"


def spelled(language: str) -> str:
    """A language as Salesforce spells it here: ``pt_br`` → ``pt-BR``, ``zh-hant-tw`` → ``zh-TW``, ``ja`` → ``ja`` (2.3)."""
    parts = language.strip().replace("_", "-").split("-")
    base = parts[0].lower()
    if not (base.isascii() and base.isalpha() and 2 <= len(base) <= 3):
        return ""
    region = next((part.upper() for part in parts[1:] if len(part) == 2 and part.isalpha()), "")
    return f"{base}-{region}" if region else _WITH_A_REGION.get(base, base)


_WITH_A_REGION = {"en": "en-US"}


def _details(settings: LiveChatSettings, attributes: Mapping[str, str]) -> list[dict[str, object]]:
    maps: dict[str, list[dict[str, str]]] = {}
    for entity_name, entity in settings.entities.items():
        for field_name, source in entity.fields.items():
            maps.setdefault(source.attribute, []).append({"entityName": entity_name, "fieldName": field_name})
    details: list[dict[str, object]] = []
    for name, value in attributes.items():
        detail: dict[str, object] = {
            "label": settings.labels.get(name, name),
            "value": value,
            "transcriptFields": list(settings.transcript_fields.get(name, ())),
            "displayToAgent": name not in settings.hidden,
        }
        if name in maps:
            # Two spellings are in use; most clients send this one (4).
            detail["entityMaps"] = maps[name]
        details.append(detail)
    return details


def _entities(settings: LiveChatSettings, attributes: Mapping[str, str]) -> list[dict[str, object]]:
    known = {
        name: {field: source for field, source in entity.fields.items() if attributes.get(source.attribute)}
        for name, entity in settings.entities.items()
    }
    return [_entity(settings, name, known) for name in settings.entities if known[name]]


def _entity(
    settings: LiveChatSettings, name: str, known: Mapping[str, Mapping[str, EntityField]]
) -> dict[str, object]:
    """One entity, with the fields that have a value in this chat; `known` has those of every entity."""
    entity = settings.entities[name]
    sent: dict[str, object] = {
        "entityName": name,
        "showOnCreate": entity.show_on_create,
        "entityFieldsMaps": [
            {
                "fieldName": field_name,
                "label": settings.labels.get(source.attribute, source.attribute),
                "doFind": source.find,
                "isExactMatch": source.exact,
                "doCreate": source.create,
            }
            for field_name, source in known[name].items()
        ],
    }
    if entity.save_to_transcript:
        sent["saveToTranscript"] = entity.save_to_transcript
    link = entity.link_to
    if link is not None and known.get(link.entity):
        sent["linkToEntityName"], sent["linkToEntityField"] = link.entity, link.field
    return sent


def quotable(request: Mapping[str, object]) -> list[str]:
    """The user's own values in a chat request, which a refusal of it may quote."""
    return [
        text(request.get("visitorName")),
        *(text(detail.get("value")) for detail in items(request.get("prechatDetails"))),
    ]
