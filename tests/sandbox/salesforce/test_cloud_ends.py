"""End, close and transcript (docs/protocols/salesforce-miaw.md, 2.5 and 2.6), and resources that do not exist."""

from __future__ import annotations

import re

import pytest

from tests.sandbox.salesforce.conftest import MakeSalesforce, Salesforce


@pytest.mark.parametrize("what", ["/session", ""])
async def test_both_deletes_answer_204_and_need_the_developer_name(salesforce: Salesforce, what: str) -> None:
    client = await salesforce.opened()
    missing, _ = await client.call("DELETE", client.path + what)
    wrong, _ = await client.call("DELETE", f"{client.path}{what}?esDeveloperName=Nobody")
    right = await client.call("DELETE", client.path + what + client.deletes)
    assert (missing, wrong, right) == (400, 400, (204, None))


async def test_ending_the_session_leaves_the_conversation_open_and_the_next_message_starts_a_new_session(
    salesforce: Salesforce,
) -> None:
    client = await salesforce.accepted()
    async with client.listening() as stream:
        await client.call("DELETE", f"{client.path}/session{client.deletes}")
        status, _ = await client.say("one more thing")
        assert status == 202
        await stream.until(lambda self: "MESSAGE" in self.names)
    changes = [event.payload for event in stream.events if event.event.endswith("SESSION_STATUS_CHANGED")]
    assert [change["sessionStatus"] for change in changes] == ["Waiting", "Active", "Ended", "Waiting"]
    assert changes[2]["sessionEndedByRole"] == "EndUser"
    assert changes[2]["sessionId"] != changes[3]["sessionId"]
    assert "CLOSE_CONVERSATION" not in stream.names


async def test_closing_says_so_on_the_stream_and_ends_the_session(salesforce: Salesforce) -> None:
    client = await salesforce.accepted()
    async with client.listening() as stream:
        await client.call("DELETE", client.path + client.deletes)
        await stream.until(lambda self: "CLOSE_CONVERSATION" in self.names)
    assert stream.names[-3:] == ["SESSION_STATUS_CHANGED", "ROUTING_WORK_RESULT", "CLOSE_CONVERSATION"]
    assert stream.events[-3].payload["sessionEndedByRole"] == "EndUser"
    assert stream.events[-1].payload["conversationIdentifier"] == client.conversation_id


async def test_ending_a_session_twice_is_harmless(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    for _ in range(2):
        assert (await client.call("DELETE", f"{client.path}/session{client.deletes}"))[0] == 204
    statuses = [entry for entry in await client.entries() if entry["entryType"] == "SessionStatusChanged"]
    assert len(statuses) == 2


async def test_the_transcript_is_a_pdf_of_what_was_said(salesforce: Salesforce) -> None:
    client = await salesforce.accepted()
    await client.say("Where is (my) order?")
    salesforce.cloud.agent_says(client.conversation_id, "Jane Doe", "On its way")
    response = await client.raw("GET", f"{client.path}/transcript{client.deletes}")
    pdf = await response.read()
    assert (response.status, response.content_type) == (200, "application/pdf")
    assert pdf.startswith(b"%PDF-1.")
    assert rb"(Ada Lovelace: Where is \(my\) order?)" in pdf
    assert b"(Jane Doe: On its way)" in pdf
    (xref,) = map(int, re.findall(rb"startxref\n(\d+)\n%%EOF", pdf))
    assert pdf[xref : xref + 4] == b"xref"
    for number, line in enumerate(pdf[xref:].split(b"\n")[3:8], start=1):
        assert pdf[int(line[:10]) :].startswith(b"%d 0 obj" % number)


async def test_a_long_transcript_goes_over_several_pages(salesforce: Salesforce) -> None:
    client = await salesforce.accepted()
    for number in range(100):
        salesforce.cloud.agent_says(client.conversation_id, "Jane Doe", f"line {number}")
    response = await client.raw("GET", f"{client.path}/transcript{client.deletes}")
    pdf = await response.read()
    assert b"/Count 2 " in pdf
    assert b"line 99" in pdf


async def test_the_transcript_needs_the_developer_name_and_can_be_switched_off(
    make_salesforce: MakeSalesforce,
) -> None:
    client = await (await make_salesforce(transcript_enabled=False)).opened()
    assert (await client.call("GET", f"{client.path}/transcript"))[0] == 400
    assert (await client.call("GET", f"{client.path}/transcript{client.deletes}"))[0] == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/conversation/{id}/close"),
        ("GET", "/nothing"),
        ("POST", "/authorization"),
        ("POST", "/iamessage/v1/conversation"),
    ],
)
async def test_unknown_paths_are_a_404_in_json(salesforce: Salesforce, method: str, path: str) -> None:
    client = await salesforce.opened()
    status, body = await client.call(method, path.format(id=client.conversation_id))
    assert (status, body["errorCode"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "/conversation/{id}"),
        ("GET", "/conversation/{id}/message"),
        ("PUT", "/conversation"),
        ("GET", "/conversation"),
    ],
)
async def test_wrong_methods_are_a_405_in_json(salesforce: Salesforce, method: str, path: str) -> None:
    client = await salesforce.opened()
    status, body = await client.call(method, path.format(id=client.conversation_id))
    assert (status, body["errorCode"]) == (405, "METHOD_NOT_ALLOWED")


async def test_the_key_of_the_error_code_is_a_switch(make_salesforce: MakeSalesforce) -> None:
    client = (await make_salesforce(error_key="code")).client()
    _, body = await client.call("GET", "/nothing", token=None)
    assert body["code"] == "NOT_FOUND"
    assert "errorCode" not in body


async def test_browsers_of_any_origin_are_let_in(salesforce: Salesforce) -> None:
    client = await salesforce.client().sign_in()
    asked = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization,x-org-id,last-event-id",
    }
    preflight = await client.raw("OPTIONS", "/eventrouter/v1/sse", headers=asked, token=None)
    assert preflight.status == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert preflight.headers["Access-Control-Allow-Headers"] == "authorization,x-org-id,last-event-id"
    assert "DELETE" in preflight.headers["Access-Control-Allow-Methods"]
    for path in ("/conversation/list", "/nothing"):
        answer = await client.raw("GET", path, headers={"Origin": "https://shop.example"})
        assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"


async def test_origins_can_be_limited_as_a_real_organization_does(make_salesforce: MakeSalesforce) -> None:
    client = (await make_salesforce(cors_origins=("https://good.example",))).client()
    good = await client.raw("GET", "/conversation/list", headers={"Origin": "https://good.example"})
    bad = await client.raw("GET", "/conversation/list", headers={"Origin": "https://bad.example"})
    assert "Access-Control-Allow-Origin" in good.headers
    assert "Access-Control-Allow-Origin" not in bad.headers
