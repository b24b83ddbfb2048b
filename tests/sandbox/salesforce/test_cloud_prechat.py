"""The pre-chat form of the deployment (docs/protocols/salesforce-miaw.md, 1.1 and 2.1)."""

from __future__ import annotations

from typing import Any

import pytest

from botkit_sandbox.salesforce.prechat import PrechatField
from tests.sandbox.salesforce.conftest import Client, MakeSalesforce, Salesforce

FIELDS = (
    PrechatField(name="_firstName", required=True, max_length=40),
    PrechatField(name="_email", type="Email"),
    PrechatField(name="Seats", type="Number"),
    PrechatField(name="Phone", type="Phone"),
    PrechatField(name="Newsletter", type="Checkbox"),
    PrechatField(name="Topic", type="ChoiceList", required=True, choices=("Order", "Return")),
    PrechatField(name="Order_Number", hidden=True),
)
GOOD = {"_firstName": "Ada", "Topic": "Order"}


def configuration(client: Client) -> dict[str, Any]:
    return client.granted["context"]["configuration"]["embeddedServiceConfig"]


async def test_without_a_form_of_its_own_the_deployment_has_the_standard_fields(
    salesforce: Salesforce,
) -> None:
    client = await salesforce.client().sign_in()
    (form,) = configuration(client)["forms"]
    assert [field["name"] for field in form["formFields"]] == [
        "_firstName",
        "_lastName",
        "_email",
        "_subject",
    ]
    assert configuration(client)["choiceListConfig"]["choiceList"] == []


async def test_the_token_answer_describes_every_field_of_the_form(make_salesforce: MakeSalesforce) -> None:
    client = await (await make_salesforce(prechat_fields=FIELDS)).client().sign_in()
    (form,) = configuration(client)["forms"]
    shown = [(field["name"], field["type"], field["required"]) for field in form["formFields"]]
    assert shown == [(field.name, field.type, field.required) for field in FIELDS]
    assert [field["order"] for field in form["formFields"]] == [0, 1, 2, 3, 4, 5, -1]
    assert [field["isHidden"] for field in form["formFields"]] == [False] * 6 + [True]
    assert [field["name"] for field in form["hiddenFormFields"]] == ["Order_Number"]


async def test_the_organisations_words_for_nobody_are_in_the_token_answer(
    make_salesforce: MakeSalesforce,
) -> None:
    silent = await (await make_salesforce()).client().sign_in()
    assert configuration(silent)["fallbackMessage"]["isFallbackMessageEnabled"] is False
    client = await (await make_salesforce(fallback_message="Back at nine")).client().sign_in()
    assert configuration(client)["fallbackMessage"] == {
        "isFallbackMessageEnabled": True,
        "fallbackMessageContent": "Back at nine",
    }


async def test_a_choice_list_is_found_by_the_id_in_its_field(make_salesforce: MakeSalesforce) -> None:
    client = await (await make_salesforce(prechat_fields=FIELDS)).client().sign_in()
    (form,) = configuration(client)["forms"]
    topic = next(field for field in form["formFields"] if field["type"] == "ChoiceList")
    (choices,) = configuration(client)["choiceListConfig"]["choiceList"]
    assert choices["choiceListId"] == topic["choiceListId"]
    assert [value["choiceListValueName"] for value in choices["choiceListValues"]] == ["Order", "Return"]
    assert [value["isDefaultValue"] for value in choices["choiceListValues"]] == [True, False]


async def test_values_are_not_checked_unless_switched_on(make_salesforce: MakeSalesforce) -> None:
    client = await (await make_salesforce(prechat_fields=FIELDS)).client().sign_in()
    assert (await client.create(routingAttributes={"Topic": "Complaint"}))[0] == 201


async def test_an_attribute_that_the_form_lacks_is_silently_ignored(make_salesforce: MakeSalesforce) -> None:
    salesforce = await make_salesforce(prechat_fields=FIELDS, known_attributes=("Rank",))
    client = await salesforce.client().sign_in()
    given = {"_email": "a@x.io", "Order_Number": "1", "order_number": "2", "Rank": "gold", "Mood": "good"}
    assert (await client.create(routingAttributes=given))[0] == 201
    kept = salesforce.cloud.conversation(client.conversation_id).attributes
    assert kept == {"_email": "a@x.io", "Order_Number": "1", "Rank": "gold"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"_firstName": ""},
        {"_firstName": "A" * 41},
        {"_email": "nobody"},
        {"Seats": "many"},
        {"Phone": "call me"},
        {"Newsletter": "perhaps"},
        {"Topic": "Complaint"},
    ],
    ids=str,
)
async def test_a_value_that_does_not_fit_its_field_is_a_400_by_switch(
    make_salesforce: MakeSalesforce, wrong: dict[str, str]
) -> None:
    salesforce = await make_salesforce(prechat_fields=FIELDS, prechat_check="strict")
    client = await salesforce.client().sign_in()
    status, body = await client.create(routingAttributes=GOOD | wrong)
    assert (status, next(iter(wrong)) in body["message"]) == (400, True)


async def test_values_that_fit_are_taken(make_salesforce: MakeSalesforce) -> None:
    salesforce = await make_salesforce(prechat_fields=FIELDS, prechat_check="strict")
    client = await salesforce.client().sign_in()
    filled = GOOD | {"_email": "a@x.io", "Seats": "2.5", "Phone": "+44 (20) 123", "Newsletter": "true"}
    assert (await client.create(routingAttributes=filled))[0] == 201


async def test_a_form_for_each_session_is_checked_again_for_the_next_one(
    make_salesforce: MakeSalesforce,
) -> None:
    salesforce = await make_salesforce(
        prechat_fields=FIELDS, prechat_check="strict", display_context="Session"
    )
    client = await salesforce.client().sign_in()
    await client.create(routingAttributes=GOOD)
    salesforce.cloud.system_end(client.conversation_id)
    assert (await client.say("again", isNewMessagingSession=True))[0] == 400
    assert (await client.say("again", isNewMessagingSession=True, routingAttributes=GOOD))[0] == 202


async def test_the_form_can_be_given_by_the_control_route(salesforce: Salesforce) -> None:
    form = {"prechat_fields": [{"name": "Topic", "type": "ChoiceList", "choices": ["Order"]}]}
    status, switches = await salesforce.control("PUT", "switches", form)
    assert status == 200
    assert switches["prechat_fields"][0]["choices"] == ["Order"]
    client = await salesforce.client().sign_in()
    assert [field["name"] for field in configuration(client)["forms"][0]["formFields"]] == ["Topic"]
