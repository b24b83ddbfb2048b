"""Records found or created from pre-chat details (protocol section 4)."""

from __future__ import annotations

CONTACT = {
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
CASE = {
    "entityName": "Case",
    "saveToTranscript": "CaseId",
    "linkToEntityName": None,
    "linkToEntityField": "",
    "entityFieldsMaps": [{"fieldName": "Subject", "label": "Subject", "doCreate": True}],
}
DETAILS = [
    {"label": "Name", "value": "Lovelace", "transcriptFields": []},
    {"label": "Email", "value": "ada@acme.example", "transcriptFields": []},
    {"label": "Subject", "value": "Order 42", "transcriptFields": []},
]


async def entities(service, *asked, details=DETAILS) -> list[dict]:
    visitor = await service.requested(prechatDetails=details, prechatEntities=list(asked))
    return service.view(visitor)["entities"]


async def test_records_are_created_and_linked(service):
    contact, case = await entities(service, CONTACT, CASE)
    assert contact["fields"] == {"LastName": "Lovelace", "Email": "ada@acme.example"}
    assert (contact["created"], contact["savedTo"]) == (True, "ContactId")
    assert case["fields"] == {"Subject": "Order 42", "ContactId": contact["id"]}
    assert (contact["id"][:3], case["id"][:3]) == ("003", "500")


async def test_a_record_that_exists_is_found(service):
    (first,) = await entities(service, CONTACT)
    (second,) = await entities(service, CONTACT)
    assert (second["id"], second["created"]) == (first["id"], False)


async def test_another_value_creates_another_record(service):
    (first,) = await entities(service, CONTACT)
    other = [*DETAILS[:1], {"label": "Email", "value": "Ada@acme.example", "transcriptFields": []}]
    (second,) = await entities(service, CONTACT, details=other)
    assert second["id"] != first["id"]


async def test_a_match_that_need_not_be_exact_ignores_case(service):
    maps = [CONTACT["entityFieldsMaps"][1] | {"isExactMatch": False}]
    (first,) = await entities(service, CONTACT | {"entityFieldsMaps": maps})
    other = [{"label": "Email", "value": "ADA@acme.example", "transcriptFields": []}]
    (second,) = await entities(service, CONTACT | {"entityFieldsMaps": maps}, details=other)
    assert second["id"] == first["id"]


async def test_names_are_case_sensitive_and_a_wrong_one_is_silently_nothing(service):
    assert await entities(service, CASE | {"entityName": "case"}) == []


async def test_a_label_that_no_detail_has_is_silently_missing(service):
    maps = [{"fieldName": "Subject", "label": "subject", "doCreate": True}]
    assert await entities(service, CASE | {"entityFieldsMaps": maps}) == []


async def test_two_properties_of_a_field_are_enough(service):
    maps = [{"fieldName": "Subject", "label": "Subject"}]
    assert await entities(service, CASE | {"entityFieldsMaps": maps}) == []
