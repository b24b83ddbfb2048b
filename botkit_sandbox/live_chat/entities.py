"""Records that a chat request finds or creates from its pre-chat details.

See docs/protocols/salesforce-live-chat.md, 4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from botkit_sandbox.live_chat.bodies import Entity, FieldMap
from botkit_sandbox.salesforce.ids import RecordIds

Record = dict[str, Any]
PREFIXES = {"Contact": "003", "Case": "500", "Account": "001", "Lead": "00Q", "Opportunity": "006"}
CUSTOM_PREFIX = "a0X"
MAX_KEPT = 5_000


class Records:
    """The records that chats created."""

    def __init__(self, ids: RecordIds) -> None:
        self._ids = ids
        self._all: list[Record] = []

    def find_or_create(self, entities: Sequence[Entity], values: Mapping[str, str]) -> list[Record]:
        """Find or create the record of each entity of a request. Unknown names have no effect, as in the real service.

        Args:
            values: the values of the pre-chat details by label. A field without a detail of its label stays empty.
        """
        done: list[Record] = []
        for entity in entities:
            maps = [each for each in entity.entity_fields_maps or () if each.label in values]
            record = self._find(entity, maps, values) or self._create(entity, maps, values)
            if record is not None:
                done.append({**record, "savedTo": entity.save_to_transcript or ""})
        for entity in entities:
            _link(entity, done)
        return done

    def _find(self, entity: Entity, maps: Sequence[FieldMap], values: Mapping[str, str]) -> Record | None:
        wanted = [each for each in maps if each.do_find]
        if not wanted:
            return None
        for record in reversed(self._all):
            if record["entityName"] == entity.entity_name and all(
                _same(record["fields"].get(each.field_name, ""), values[each.label], each) for each in wanted
            ):
                return {**record, "created": False}
        return None

    def _create(self, entity: Entity, maps: Sequence[FieldMap], values: Mapping[str, str]) -> Record | None:
        prefix = PREFIXES.get(entity.entity_name, CUSTOM_PREFIX if entity.entity_name.endswith("__c") else "")
        fields = {each.field_name: values[each.label] for each in maps if each.do_create}
        if not prefix or not fields:
            return None
        record: Record = {"entityName": entity.entity_name, "id": self._ids.new(prefix), "fields": fields}
        self._all.append(record)
        del self._all[:-MAX_KEPT]
        return {**record, "created": True}


def _same(kept: str, asked: str, field: FieldMap) -> bool:
    return kept == asked if field.is_exact_match else kept.casefold() == asked.casefold()


def _link(entity: Entity, done: Sequence[Record]) -> None:
    """Write the record's id into a field of another record of the same request, such as Case.ContactId."""
    if not entity.link_to_entity_name or not entity.link_to_entity_field:
        return
    own = next((each for each in done if each["entityName"] == entity.entity_name), None)
    other = next((each for each in done if each["entityName"] == entity.link_to_entity_name), None)
    if own is not None and other is not None:
        other["fields"][entity.link_to_entity_field] = own["id"]
