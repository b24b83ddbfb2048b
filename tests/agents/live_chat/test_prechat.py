"""The chat request: details, records, targets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from botkit.agents.live_chat.prechat import chat_request, spelled, visitor_name
from botkit.agents.live_chat.settings import Entity, EntityField, EntityLink
from tests.agents.live_chat.conftest import SETTINGS

CONTACT = Entity(
    {
        "LastName": EntityField("_lastName", create=True),
        "Email": EntityField("_email", find=True, exact=True, create=True),
    },
    save_to_transcript="ContactId",
    link_to=EntityLink("Case", "ContactId"),
)
CASE = Entity({"Subject": EntityField("_subject")}, show_on_create=True, save_to_transcript="CaseId")


def request(*attributes: tuple[str, str], **changes: Any) -> dict[str, Any]:
    settings = replace(SETTINGS, **changes)
    return chat_request(settings, chat_id="id", attributes=attributes, language="pt_br")


def test_the_target_is_named() -> None:
    body = request()
    assert (body["organizationId"], body["deploymentId"], body["buttonId"]) == ("00DA", "572A", "573B")
    assert body["sessionId"] == "id"
    assert body["isPost"] is True
    assert body["receiveQueueUpdates"] is True
    assert "agentId" not in body
    assert "buttonOverrides" not in body


def test_ids_of_18_characters_are_sent_with_15() -> None:
    assert request(organization_id="00DSB0000000001MAA")["organizationId"] == "00DSB0000000001"


def test_each_attribute_is_a_detail_under_its_own_name() -> None:
    body = request(("Plan", "Gold"))
    assert body["prechatDetails"] == [
        {"label": "Plan", "value": "Gold", "transcriptFields": [], "displayToAgent": True}
    ]
    assert body["prechatEntities"] == []


def test_a_detail_can_have_another_label_fields_of_the_transcript_and_be_hidden() -> None:
    body = request(
        ("Case_Id", "500A"),
        labels={"Case_Id": "Case"},
        transcript_fields={"Case_Id": ("CaseId",)},
        hidden=frozenset({"Case_Id"}),
    )
    assert body["prechatDetails"] == [
        {"label": "Case", "value": "500A", "transcriptFields": ["CaseId"], "displayToAgent": False}
    ]


def test_records_are_found_or_created_from_the_labels_of_details() -> None:
    body = request(
        ("_lastName", "Byron"),
        ("_email", "ada@example.com"),
        ("_subject", "Help"),
        labels={"_email": "Email"},
        entities={"Contact": CONTACT, "Case": CASE},
    )
    contact, case = body["prechatEntities"]
    assert contact == {
        "entityName": "Contact",
        "showOnCreate": False,
        "saveToTranscript": "ContactId",
        "linkToEntityName": "Case",
        "linkToEntityField": "ContactId",
        "entityFieldsMaps": [
            {
                "fieldName": "LastName",
                "label": "_lastName",
                "doFind": False,
                "isExactMatch": False,
                "doCreate": True,
            },
            {"fieldName": "Email", "label": "Email", "doFind": True, "isExactMatch": True, "doCreate": True},
        ],
    }
    assert case["entityName"] == "Case"
    assert body["prechatDetails"][1]["entityMaps"] == [{"entityName": "Contact", "fieldName": "Email"}]


def test_a_record_none_of_whose_fields_is_known_is_left_out() -> None:
    body = request(("_subject", "Help"), entities={"Contact": CONTACT, "Case": CASE})
    assert [entity["entityName"] for entity in body["prechatEntities"]] == ["Case"]


def test_a_record_is_not_linked_to_one_that_is_left_out() -> None:
    body = request(("_email", "a@b.c"), entities={"Contact": CONTACT, "Case": CASE})
    (contact,) = body["prechatEntities"]
    assert contact["entityName"] == "Contact"
    assert "linkToEntityName" not in contact


def test_every_label_of_a_record_is_the_label_of_a_detail() -> None:
    body = request(
        ("_email", "a@b.c"), ("_lastName", ""), entities={"Contact": CONTACT}, labels={"_email": "Email"}
    )
    labels = {detail["label"] for detail in body["prechatDetails"]}
    used = {field["label"] for entity in body["prechatEntities"] for field in entity["entityFieldsMaps"]}
    assert used <= labels


def test_one_agent_can_be_asked_for_with_and_without_the_button_behind() -> None:
    body = request(agent_id="005A", do_fallback=False)
    assert (body["agentId"], body["doFallback"]) == ("005A", False)


def test_overrides_replace_the_agent() -> None:
    body = request(agent_id="005A", button_overrides=("005AAAAAAAAAAAAAAA_573BBBBBBBBBBBBBBB", "573C"))
    assert body["buttonOverrides"] == ["005AAAAAAAAAAAA_573BBBBBBBBBBBB", "573C"]
    assert "agentId" not in body


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ({"_firstName": "Ada", "_lastName": "Byron"}, "Ada Byron"),
        ({"_lastName": "Byron"}, "Byron"),
        ({"First Name": "Ada"}, "Ada"),
        ({}, "Visitor"),
    ],
)
def test_the_visitor_has_the_users_name(attributes: dict[str, str], name: str) -> None:
    assert visitor_name(attributes) == name


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("pt_br", "pt-BR"),
        ("en", "en-US"),
        ("en_GB", "en-GB"),
        ("ja", "ja"),
        ("zh-hant-tw", "zh-TW"),
        ("es-419", "es"),
        ("", ""),
        ("??", ""),
    ],
)
def test_languages_are_spelled_as_salesforce_does(given: str, wanted: str) -> None:
    assert spelled(given) == wanted
