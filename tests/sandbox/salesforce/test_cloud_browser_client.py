"""The calls of a browser client, in the order of Salesforce's own sample application.

Numbers in parentheses are sections of docs/protocols/salesforce-miaw.md.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from tests.sandbox.salesforce.conftest import Salesforce


def entry_of(data: dict[str, Any]) -> dict[str, Any]:
    """The entry in an event, as the sample reads it: it decodes the payload and needs a name (end of 4.4)."""
    entry = data["conversationEntry"]
    payload = json.loads(entry["entryPayload"])
    name = entry["senderDisplayName"] or payload["entries"][0]["displayName"]
    return {"id": entry["identifier"], "type": entry["entryType"], "payload": payload, "name": name} | {
        "mine": entry["sender"]["role"] == "EndUser"
    }


async def test_a_browser_tab_opens_chats_reloads_and_closes(salesforce: Salesforce) -> None:
    cloud = salesforce.cloud
    tab = await salesforce.client().sign_in()
    browser = {"Origin": "https://shop.example"}

    # Pre-chat from the configuration, then create, then the stream with the token's event id.
    fields = tab.granted["context"]["configuration"]["embeddedServiceConfig"]["forms"][0]["formFields"]
    attributes = {field["name"]: "x" for field in fields}
    assert (await tab.create(routingAttributes=attributes))[0] == 201
    async with tab.listening(last_event_id=tab.granted["lastEventId"]) as stream:
        cloud.accept(tab.conversation_id, "Jane Doe")
        typing = {"entryType": "TypingStartedIndicator", "id": str(uuid.uuid4())}
        assert (await tab.call("POST", f"{tab.path}/entry", typing, headers=browser))[0] == 200
        assert (await tab.say("hello", isNewMessagingSession=False))[0] == 202
        cloud.agent_says(tab.conversation_id, "Jane Doe", "hi, how can I help?")
        await stream.until(lambda self: len(self.texts()) == 2)
    shown = [entry_of(event.data) for event in stream.events if event.event == "CONVERSATION_MESSAGE"]
    assert [entry["mine"] for entry in shown] == [True, False]
    assert shown[1]["name"] == "Jane Doe"
    for event in stream.events:
        entry_of(event.data)
    ack = {"id": str(uuid.uuid4()), "entryType": "Read", "conversationEntryId": shown[1]["id"]}
    assert (await tab.call("POST", f"{tab.path}/acknowledge-entries", {"acks": [ack]}))[0] == 200

    # Reload: continuation token, is there an open conversation, its history, and the stream again.
    _, again = await tab.call("GET", "/authorization/continuation-access-token")
    tab.token = again["accessToken"]
    _, listed = await tab.call("GET", "/conversation/list?inclClosedConvs=false&limit=20")
    assert listed["openConversationsFound"] == 1
    assert listed["conversations"][0]["conversationId"] == tab.conversation_id
    types = "ParticipantChanged,Message,RoutingResult"
    history = (await tab.entries(limit=50, entryTypeFilter=types))[::-1]
    texts = [
        entry["entryPayload"]["abstractMessage"]["staticContent"]["text"]
        for entry in history
        if entry["entryType"] == "Message"
    ]
    assert texts == ["hello", "hi, how can I help?"]
    async with tab.listening(last_event_id=again["lastEventId"]) as stream:
        cloud.agent_says(tab.conversation_id, "Jane Doe", "still there?")
        await stream.until(lambda self: self.texts() == ["still there?"])

        # The user ends, then closes.
        assert (await tab.call("DELETE", f"{tab.path}/session{tab.deletes}"))[0] == 204
        assert (await tab.call("DELETE", tab.path + tab.deletes))[0] == 204
        await stream.until(lambda self: "CLOSE_CONVERSATION" in self.names)
    _, listed = await tab.call("GET", "/conversation/list")
    assert listed["openConversationsFound"] == 0
