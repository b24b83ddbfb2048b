"""Section 4: pre-chat details, and the records they lead to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.sandbox.live_chat.conformance.conftest import MakeService, Service

CONTACT: dict[str, Any] = {
    "entityName": "Contact",
    "showOnCreate": True,
    "linkToEntityName": "Case",
    "linkToEntityField": "ContactId",
    "saveToTranscript": "ContactId",
    "entityFieldsMaps": [
        {"fieldName": "LastName", "label": "Name", "doFind": False, "isExactMatch": False, "doCreate": True},
        {"fieldName": "Email", "label": "Email", "doFind": True, "isExactMatch": True, "doCreate": True},
    ],
}
CASE: dict[str, Any] = {
    "entityName": "Case",
    "saveToTranscript": "CaseId",
    "linkToEntityName": None,
    "linkToEntityField": "",
    "entityFieldsMaps": [{"fieldName": "Subject", "label": "Subject", "doCreate": True}],
}
DETAILS: list[dict[str, Any]] = [
    {"label": "Name", "value": "Lovelace", "transcriptFields": []},
    {"label": "Email", "value": "ada@acme.example", "transcriptFields": []},
    {"label": "Subject", "value": "Order 42", "transcriptFields": []},
]


async def records(
    service: Service, *entities: Any, details: Sequence[Mapping[str, Any]] = DETAILS
) -> list[dict[str, Any]]:
    visitor = await service.requested(prechatDetails=details, prechatEntities=list(entities))
    return (await service.view(visitor))["entities"]


# --- CustomDetail ---------------------------------------------------------------------------------------------------


async def test_the_details_are_what_the_agent_sees(service: Service) -> None:
    """4, CustomDetail: label, value, displayToAgent."""
    details = [*DETAILS, {"label": "Token", "value": "t0p", "transcriptFields": [], "displayToAgent": False}]
    view = await service.view(await service.requested(prechatDetails=details))
    assert view["attributes"] == {
        "Name": "Lovelace",
        "Email": "ada@acme.example",
        "Subject": "Order 42",
        "Token": "t0p",
    }
    assert view["hiddenAttributes"] == ["Token"]


async def test_transcript_fields_are_saved_on_the_transcript(service: Service) -> None:
    """4, transcriptFields: API names on LiveChatTranscript."""
    details = [{"label": "Case", "value": "500x", "transcriptFields": ["CaseId", "Case__c"]}]
    view = await service.view(await service.requested(prechatDetails=details))
    assert view["transcriptFields"] == {"CaseId": "500x", "Case__c": "500x"}


@pytest.mark.parametrize(("value", "seen"), [(True, "true"), (False, "false"), (3, "3"), (None, "")])
async def test_values_need_not_be_texts(service: Service, value: bool | int | None, seen: str) -> None:
    """4: values may be boolean in the vendor widget's data."""
    details: list[dict[str, Any]] = [{"label": "Vip", "value": value, "transcriptFields": []}]
    view = await service.view(await service.requested(prechatDetails=details))
    assert view["attributes"] == {"Vip": seen}


@pytest.mark.parametrize(
    "more",
    [
        {"entityMaps": [{"entityName": "Case", "fieldName": "Subject"}]},
        {
            "entityFieldMaps": [
                {
                    "entityName": "Case",
                    "fieldName": "Subject",
                    "isFastFillable": False,
                    "isAutoQueryable": True,
                    "isExactMatchable": True,
                }
            ]
        },
        {"entityMaps": []},
        {"entityFieldMaps": None},
        {"doKnowledgeSearch": True},
    ],
    ids=lambda more: "-".join(more),
)
async def test_both_spellings_of_a_details_entity_maps_are_accepted(
    service: Service, more: dict[str, Any]
) -> None:
    """4 and 13.13: entityMaps, and entityFieldMaps of the guide's sample; doKnowledgeSearch is sent by two clients."""
    detail = {"label": "Subject", "value": "Order 42", "transcriptFields": []} | more
    view = await service.view(await service.requested(prechatDetails=[detail]))
    assert view["attributes"] == {"Subject": "Order 42"}


@pytest.mark.parametrize(
    "body",
    [
        {"prechatDetails": [{"value": "no label"}]},
        {"prechatEntities": [{"showOnCreate": True}]},
        {"prechatDetails": {"Email": "x"}},
    ],
    ids=str,
)
async def test_details_and_entities_without_a_name_are_a_400(service: Service, body: dict[str, Any]) -> None:
    """4 and 5: label and entityName are required."""
    visitor = await service.visitor().begin()
    assert (await visitor.request(**body)).status == 400
    assert await service.conversations() == []


@pytest.mark.parametrize(
    "body",
    [
        {"prechatDetails": [{"label": "Email", "value": "x"}]},
        {"prechatDetails": [{"label": "Email", "transcriptFields": []}]},
        {"prechatEntities": [CASE]},
    ],
    ids=["no transcriptFields", "no value", "two properties of a field"],
)
@pytest.mark.parametrize(("strict", "status"), [(False, 200), (True, 400)])
async def test_the_rest_of_what_the_tables_require_is_insisted_on_only_if_switched_so(
    make_service: MakeService, body: dict[str, Any], strict: bool, status: int
) -> None:
    """4: required per table, yet IBM sends only two of five and works."""
    service = await make_service(strict_prechat=strict)
    visitor = await service.visitor().begin()
    assert (await visitor.request(**body)).status == status


# --- Entity ---------------------------------------------------------------------------------------------------------


async def test_without_entities_nothing_is_created(service: Service) -> None:
    """4: details are only shown and saved."""
    assert await records(service) == []


async def test_records_are_created_and_linked(service: Service) -> None:
    """4: doCreate sets fields; saveToTranscript names the lookup; linkToEntity writes Case.ContactId."""
    contact, case = await records(service, CONTACT, CASE)
    assert contact["fields"] == {"LastName": "Lovelace", "Email": "ada@acme.example"}
    assert (contact["created"], contact["savedTo"]) == (True, "ContactId")
    assert case["fields"] == {"Subject": "Order 42", "ContactId": contact["id"]}
    assert (contact["id"][:3], case["id"][:3]) == ("003", "500")


async def test_a_record_that_exists_is_found(service: Service) -> None:
    """4: doFind fields search."""
    (first,) = await records(service, CONTACT)
    (second,) = await records(service, CONTACT)
    assert (second["id"], second["created"]) == (first["id"], False)


async def test_another_value_creates_another_record(service: Service) -> None:
    """4: isExactMatch narrows."""
    (first,) = await records(service, CONTACT)
    other = [DETAILS[0], {"label": "Email", "value": "Ada@acme.example", "transcriptFields": []}]
    (second,) = await records(service, CONTACT, details=other)
    assert second["id"] != first["id"]


async def test_a_match_that_need_not_be_exact_ignores_case(service: Service) -> None:
    """4: without isExactMatch."""
    maps = [CONTACT["entityFieldsMaps"][1] | {"isExactMatch": False}]
    (first,) = await records(service, CONTACT | {"entityFieldsMaps": maps})
    other = [{"label": "Email", "value": "ADA@acme.example", "transcriptFields": []}]
    (second,) = await records(service, CONTACT | {"entityFieldsMaps": maps}, details=other)
    assert second["id"] == first["id"]


async def test_names_are_case_sensitive_and_a_wrong_one_is_silently_nothing(service: Service) -> None:
    """4: "case" fails, "Case" works; 13.11: silently."""
    assert await records(service, CASE | {"entityName": "case"}) == []


async def test_a_label_that_no_detail_has_is_silently_missing(service: Service) -> None:
    """4: the label must equal that of a detail; 13.11."""
    maps = [{"fieldName": "Subject", "label": "subject", "doCreate": True}]
    assert await records(service, CASE | {"entityFieldsMaps": maps}) == []


async def test_a_field_that_creates_nothing_creates_nothing(service: Service) -> None:
    """4: IBM sends fieldName and label alone."""
    maps = [{"fieldName": "Subject", "label": "Subject"}]
    assert await records(service, CASE | {"entityFieldsMaps": maps}) == []
