"""The texts and codes of refusals (docs/protocols/salesforce-miaw.md, 6)."""

from __future__ import annotations

from tests.sandbox.salesforce.conftest import MakeSalesforce, Salesforce

TOKEN = "/authorization/unauthenticated/access-token"


async def test_an_unpublished_deployment_gets_no_token(make_salesforce: MakeSalesforce) -> None:
    client = (await make_salesforce(published=False)).client()
    status, body = await client.call("POST", TOKEN, client.token_request(), token=None)
    assert (status, body["errorCode"]) == (400, "SETUP_ERROR")
    assert "isn't published" in body["message"]


async def test_an_unpublished_deployment_is_a_403_at_create_by_switch(
    make_salesforce: MakeSalesforce,
) -> None:
    salesforce = await make_salesforce(published=False, unpublished_reply="create-403")
    client = await salesforce.client().sign_in()
    status, _ = await client.create()
    assert status == 403


async def test_any_refusal_can_be_given_with_its_text_and_code(salesforce: Salesforce) -> None:
    client = await salesforce.client().sign_in()
    fault = {
        "kind": "status",
        "status": 400,
        "operation": "createConversation",
        "message": "Routing attribute Order_Number is too long",
        "code": "INVALID_ROUTING_ATTRIBUTE",
        "times": 1,
    }
    assert (await salesforce.control("PUT", "faults", fault))[0] == 200
    refused = await client.create()
    assert refused == (400, {"message": fault["message"], "errorCode": fault["code"]})
    assert (await client.create())[0] == 201
